"""Connections: to the engine in this process (``chdb``) and to servers, with one client for both.

Nothing of ClickHouse is imported before a store is opened; without the extra, :class:`MissingExtra` says
which command installs it.

Settings of the writer, and what each prevents:

* ``async_insert=0``: an insert returns when it is stored, not when it is queued.
* ``parallel_view_processing=1``: the roll-ups of one insert are written side by side, as flushing each takes a while.
* ``deduplicate_blocks_in_dependent_materialized_views=1``: a batch that is sent again under its token
  counts once in every roll-up, also where the first sending failed between two views.
* ``materialized_views_ignore_errors=0``: no roll-up is left behind in silence.
* ``max_partitions_per_insert_block=0``: an import reaches back over as many months as it likes.
* ``max_query_size``: identifiers to look up travel in the text of the query.

The reader is ``readonly``: nothing run on it can write to the store or change a setting; what that lets through,
files above all, :mod:`~session_buddy.storage.clickhouse.parameters` refuses. What an outer join does not find is NULL
to it, as SQL has it (``join_use_nulls=1``), and not a zero or an empty text. On a cluster those of
:mod:`~session_buddy.storage.clickhouse.cluster_client` are added to both.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from session_buddy.errors import (
    InvalidInput,
    MissingExtra,
    QueryRefused,
    StoreAway,
    StoreBusy,
    StoreError,
    StoreUnreadable,
)
from session_buddy.storage.clickhouse.address import Address, parse_url
from session_buddy.storage.clickhouse.cluster_client import ClusterClient, reading_settings, writing_settings
from session_buddy.storage.clickhouse.folders import is_open_elsewhere

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Address", "open_client", "parse_url", "translated"]

for _library in ("clickhouse_connect", "urllib3"):
    # What they have to say is in the errors; where nobody set up logging it would stand on stderr besides.
    logging.getLogger(_library).addHandler(logging.NullHandler())

_WRITER = {
    "async_insert": 0,
    "parallel_view_processing": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "materialized_views_ignore_errors": 0,
    "max_partitions_per_insert_block": 0,
    "max_query_size": 1 << 28,
}
_READER = {"join_use_nulls": 1, "readonly": 1}
"""In this order: nothing can be set after the second."""
_POLL_SECONDS = 0.1
_CONNECT_SECONDS = 10
_ANOTHER_PROCESS = "Error initializing EmbeddedServer"


def open_client(
    address: Address, *, reads_only: bool = False, database: str | None = None, patience_seconds: float = 0.0
) -> Client:
    """Open *address*; *database* (default: none yet) is where names without one are looked up.

    Raises :class:`MissingExtra`, :class:`StoreAway` for a server that cannot be reached, and for a folder
    that another process has open :class:`StoreBusy` after *patience_seconds*.
    """
    try:
        from clickhouse_connect import common, get_client

        if address.path is not None and find_spec("chdb") is None:
            raise ImportError("chdb")
    except ImportError as error:
        raise MissingExtra("A ClickHouse store", extra="clickhouse") from error
    common.set_setting("autogenerate_session_id", False)
    deadline = time.monotonic() + patience_seconds
    while True:
        with translated(address):
            try:
                if address.path is not None and is_open_elsewhere(address.path):
                    raise BlockingIOError(_ANOTHER_PROCESS)
                return _settled(get_client(**_arguments(address, reads_only), database=database), address, reads_only)
            except Exception as error:
                if address.path is None or _ANOTHER_PROCESS not in str(error):
                    raise
                if time.monotonic() >= deadline:
                    raise StoreBusy(
                        f"{address.path} is open in another process: the engine takes one at a time.",
                        remedy="End that process, send it your data, or run a ClickHouse server.",
                    ) from error
        time.sleep(_POLL_SECONDS)


def _arguments(address: Address, reads_only: bool) -> dict[str, Any]:
    if address.path is not None:
        try:
            address.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnreadable(
                f"{address.path} cannot be a folder of data: {error.strerror}.", remedy="Give another folder."
            ) from error
        return {"interface": "chdb", "path": str(address.path.resolve())}
    settings: dict[str, Any] = dict(_READER if reads_only else _WRITER)
    if address.cluster:
        settings |= reading_settings() if reads_only else writing_settings(address.timeout_seconds)
    return {
        "host": address.host,
        "port": address.port,
        "username": address.user,
        "password": address.password,
        "interface": "https" if address.tls else "http",
        "settings": settings,
        "query_retries": 0,
        "connect_timeout": min(address.timeout_seconds, _CONNECT_SECONDS),
        # Between two signs of life: a server that is at work on a long statement sends its progress more often.
        "send_receive_timeout": address.timeout_seconds,
    }


def _settled(client: Client, address: Address, reads_only: bool) -> Client:
    """Set on the engine's own session what a server is told with every request; speak to a cluster in its words."""
    if address.cluster:
        node = ClusterClient(client, address.cluster)
        if not reads_only:
            node.catch_up("unfinished_batch")
        return cast("Client", node)
    if address.path is not None:
        for name, value in (_READER if reads_only else _WRITER).items():
            client.command(f"SET {name} = {value}")
    return client


@contextmanager
def translated(address: Address, *, reading: bool = False) -> Iterator[None]:
    """Turn what ClickHouse says into errors of this package; *reading* refuses a query rather than a store."""
    try:
        from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, OperationalError, ProgrammingError
    except ImportError as error:
        raise MissingExtra("A ClickHouse store", extra="clickhouse") from error

    try:
        yield
    except ClickHouseError as error:
        code, text = getattr(error, "code", None), _first_line(error)
        if isinstance(error, OperationalError) and code is None:
            raise StoreAway(
                f"{address.url} cannot be reached: {text}", remedy="See whether the server runs, then try again."
            ) from error
        if code in _NOT_NOW:
            raise StoreAway(f"{address.url} cannot do this now: {text}", remedy="Try again later.") from error
        if code in _DENIED:
            raise StoreUnreadable(
                f"{address.url} lets nobody in: {text}", remedy="Correct user and password."
            ) from error
        if reading and (code == _READONLY or _NO_ROWS in text):
            raise QueryRefused(
                "This statement would write or change settings; only reading is allowed here.",
                remedy="Write through the API, or with a ClickHouse client of your own.",
            ) from error
        if reading:
            raise QueryRefused(
                f"ClickHouse refuses the statement: {text}", remedy="Correct the SQL and try again."
            ) from error
        if isinstance(error, DataError):
            column = _COLUMN.search(text)
            raise InvalidInput(
                column[1] if column else "value",
                f"does not fit its column in ClickHouse: {text}",
                remedy="Correct the value; whole numbers have 64 bits, and what must be there may not be None.",
            ) from error
        if isinstance(error, ProgrammingError) and code is None:
            raise StoreUnreadable(f"{address.url} cannot be opened: {text}", remedy="Give another folder.") from error
        raise StoreError(f"{address.url} says: {text}", remedy="See the server's log.") from error


_COLUMN = re.compile(r"column(?: name)?:? [`'](\w+)[`']")
"""How the client names a column whose values it cannot send."""
_READONLY = 164
_NO_ROWS = "Streaming query is not supported"
"""What the engine in this process says to a statement that is to be streamed and gives no rows."""
_DENIED = (192, 193, 194, 516)
_NOT_NOW = (159, 160, 202, 203, 209, 210, 236, 241, 242, 243, 252, 279, 319, 425, 999)
"""Timeouts, too many queries, no memory, no disk, too many parts, no keeper: what passes by itself."""


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].removesuffix(".") + "."
