"""Tables and views as files: streamed, so that memory is bounded, and whole or not there at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from session_buddy.cli.choices import ExportFormat
from session_buddy.cli.places import require_place
from session_buddy.cli.rows import streamed, write_csv, write_json_lines
from session_buddy.errors import NotFound
from session_buddy.reports.names import suggestions
from session_buddy.storage import Store
from session_buddy.storage.locations import names_in
from session_buddy.storage.tables import PLAIN_TABLES

__all__ = ["export_to", "write_rows"]

_EVENT_LOG = "skill_invocation"
_SOURCES = {table.name: table.source for table in PLAIN_TABLES}


def export_to(store: Store, table: str, format_: ExportFormat, path: Path) -> None:
    """Write *table* to *path*, replacing what is there only once everything is written.

    Raises :class:`NotFound` for an unknown table, :class:`MissingExtra` for Parquet without pyarrow,
    :class:`InvalidInput` where *path* can be no file, and :class:`OSError` where it cannot be written; both
    name *path*.
    """
    require_place(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with draft.open("xb") as out:
            write_rows(store, table, format_, out)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except OSError as error:
        # Nobody knows the draft by its name.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        draft.unlink(missing_ok=True)


def write_rows(store: Store, table: str, format_: ExportFormat, out: IO[bytes]) -> None:
    """Write *table* to *out*. Raises as :func:`export_to`."""
    name = _known(store, _EVENT_LOG if table == "invocations" else table)
    select = f"SELECT * FROM {_SOURCES.get(name, _quoted(name))}"
    match format_:
        case ExportFormat.CSV:
            with streamed(store, select) as rows:
                write_csv(rows, out)
        case ExportFormat.JSONL:
            with streamed(store, select) as rows:
                write_json_lines(rows, out)
        case ExportFormat.PARQUET:
            from session_buddy.cli.parquet import write_parquet

            write_parquet(store, _quoted(name), select, out)


def _known(store: Store, table: str) -> str:
    known = names_in(store)
    if table in known:
        return table
    close = suggestions(table, known)
    hint = f"Did you mean {', '.join(close)}?" if close else "See docs/reference for the tables and views."
    raise NotFound(f"There is no table or view {table!r}.", remedy=hint, suggestions=close)


def _quoted(name: str) -> str:
    """Return *name* as an identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'
