"""What a ClickHouse database consists of, in a form in which two databases can be compared."""

from __future__ import annotations

import re
from typing import Any

from session_buddy.storage.clickhouse.literals import literal

__all__ = ["names_in_cluster", "schema"]


def schema(client: Any, database: str) -> dict[str, str]:
    """Return every table and view of *database* and the statement that creates it, without the database's name.

    In the order in which they were made; of a cluster, what is on the node that is asked.
    """
    rows = client.query(
        "SELECT engine, name, create_table_query FROM system.tables"
        f" WHERE database = {literal(database)} ORDER BY metadata_modification_time, name"
    ).result_rows
    return {
        f"{'view' if 'View' in kind else 'table'} {name}": without_database(sql, database) for kind, name, sql in rows
    }


def names_in_cluster(client: Any, cluster: str, database: str) -> set[str]:
    """Return the names of the tables and views that any node of *cluster* has in *database*."""
    rows = client.query(
        f"SELECT DISTINCT name FROM clusterAllReplicas({literal(cluster)}, system.tables)"
        f" WHERE database = {literal(database)}"
    ).result_rows
    return {name for (name,) in rows}


def without_database(sql: str, database: str) -> str:
    """Return a ``create_table_query`` without the name of its *database*, wherever the server puts it.

    Only there: a view may call one of its sources by the same name.

    >>> without_database("CREATE VIEW d.v AS SELECT d.a FROM d.t AS d INNER JOIN d.s AS s ON s.a = d.a", "d")
    'CREATE VIEW v AS SELECT d.a FROM t AS d INNER JOIN s AS s ON s.a = d.a'
    """
    sql = re.sub(rf"\b(TABLE|VIEW|TO|FROM|JOIN) {database}\.", r"\1 ", sql)
    sql = re.sub(rf"(= Distributed\('\w+', )'{database}'", r"\1''", sql)
    return re.sub(rf"(MergeTree\('/clickhouse/tables/(?:\{{shard\}}/)?){database}/", r"\1", sql)
