"""The second engine: ClickHouse, in this process (``chdb``) or on servers.

Importing this loads nothing of ClickHouse; :class:`~session_buddy.storage.clickhouse.store.ClickHouseStore` does,
when a store is opened.
"""
