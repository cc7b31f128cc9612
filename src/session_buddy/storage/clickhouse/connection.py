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

The reader is ``readonly``: nothing run on it, whatever its text, can write or change a setting.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from session_buddy.errors import (
    MissingExtra,
    QueryRefused,
    StoreAway,
    StoreBusy,
    StoreError,
    StoreUnreadable,
    UnknownStore,
)

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Address", "literal", "open_client", "parse_url", "translated"]

_WRITER = {
    "async_insert": 0,
    "parallel_view_processing": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "materialized_views_ignore_errors": 0,
    "max_partitions_per_insert_block": 0,
    "max_query_size": 1 << 28,
}
_DEFAULT_DATABASE = "session_buddy"
_DATABASE = re.compile(r"[A-Za-z_]\w+", re.ASCII)
"""Names that need no quotes, and not of one letter: such names the views give to their sources."""
_POLL_SECONDS = 0.1
_ANOTHER_PROCESS = "Error initializing EmbeddedServer"


class Address(msgspec.Struct, frozen=True):
    """Where a store is: a folder for the engine in this process, or else a server."""

    database: str
    path: Path | None = None
    host: str = ""
    port: int = 0
    user: str = "default"
    password: str = ""
    tls: bool = False

    @property
    def url(self) -> str:
        """The URL without the password: fit to be shown."""
        if self.path is not None:
            return f"chdb:///{self.path}?database={self.database}"
        return f"clickhouse{'s' if self.tls else ''}://{self.user}@{self.host}:{self.port}/{self.database}"


def parse_url(url: str) -> Address:
    """Return what a ``chdb://``, ``clickhouse://`` or ``clickhouses://`` URL names.

    Raises :class:`~session_buddy.errors.UnknownStore` for any other URL, or one that names no place.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "chdb" and rest.startswith("/") and rest.strip("/"):
        name, _, query = rest[1:].partition("?")
        database = parse_qs(query).get("database", [_DEFAULT_DATABASE])[0]
        if _DATABASE.fullmatch(database):
            return Address(database, Path(unquote(name)).expanduser())
    if separator and scheme in ("clickhouse", "clickhouses"):
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            _unknown(url)
        database = unquote(parts.path.strip("/")) or _DEFAULT_DATABASE
        if host and _DATABASE.fullmatch(database):
            tls = scheme == "clickhouses"
            return Address(
                database,
                host=host,
                port=port or (8443 if tls else 8123),
                user=unquote(parts.username or "default"),
                password=unquote(parts.password or ""),
                tls=tls,
            )
    _unknown(url)


def _unknown(url: str) -> NoReturn:
    raise UnknownStore(
        f"No engine answers to the store URL {url!r}.",
        remedy="Give chdb:///relative/folder, chdb:////absolute/folder or clickhouse://user:password@host:8123/database.",
    )


def open_client(
    address: Address, *, reads_only: bool = False, database: str | None = None, patience_seconds: float = 0.0
) -> Client:
    """Open *address*; *database* (default: none yet) is where names without one are looked up.

    Raises :class:`MissingExtra`, :class:`StoreAway` for a server that cannot be reached, and for a folder
    that another process has open :class:`StoreBusy` after *patience_seconds*.
    """
    try:
        from clickhouse_connect import common, get_client
    except ImportError as error:
        raise MissingExtra("A ClickHouse store", extra="clickhouse") from error
    common.set_setting("autogenerate_session_id", False)
    deadline = time.monotonic() + patience_seconds
    while True:
        with translated(address):
            try:
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
        address.path.mkdir(parents=True, exist_ok=True)
        return {"interface": "chdb", "path": str(address.path.resolve())}
    settings = {"readonly": 1} if reads_only else _WRITER
    return {
        "host": address.host,
        "port": address.port,
        "username": address.user,
        "password": address.password,
        "interface": "https" if address.tls else "http",
        "settings": settings,
        "query_retries": 0,
    }


def _settled(client: Client, address: Address, reads_only: bool) -> Client:
    """Set on the engine's own session what a server is told with every request."""
    if address.path is not None:
        for name, value in ({"readonly": 1} if reads_only else _WRITER).items():
            client.command(f"SET {name} = {value}")
    return client


@contextmanager
def translated(address: Address, *, reading: bool = False) -> Iterator[None]:
    """Turn what ClickHouse says into errors of this package; *reading* refuses a query rather than a store."""
    from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, OperationalError, ProgrammingError

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
        if reading and code == _READONLY:
            raise QueryRefused(
                "This statement would write or change settings; only reading is allowed here.",
                remedy="Write through the API, or with a ClickHouse client of your own.",
            ) from error
        if reading:
            raise QueryRefused(
                f"ClickHouse refuses the statement: {text}", remedy="Correct the SQL and try again."
            ) from error
        if isinstance(error, ProgrammingError) and not isinstance(error, DataError) and code is None:
            raise StoreUnreadable(f"{address.url} cannot be opened: {text}", remedy="Give another folder.") from error
        raise StoreError(f"{address.url} says: {text}", remedy="See the server's log.") from error


_READONLY = 164
_DENIED = (192, 193, 194, 516)
_NOT_NOW = (159, 160, 202, 203, 209, 210, 236, 241, 242, 243, 252, 279, 319, 425, 999)
"""Timeouts, too many queries, no memory, no disk, too many parts, no keeper: what passes by itself."""


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].removesuffix(".") + "."


def literal(text: str) -> str:
    r"""Return *text* quoted for SQL.

    >>> literal("it's")
    "'it\\'s'"
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
