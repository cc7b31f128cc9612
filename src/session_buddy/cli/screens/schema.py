"""The screens of ``db status`` and ``db verify``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, indented
from session_buddy.formats import NOTHING, count, minute, printable
from session_buddy.reports.checking import Check
from session_buddy.storage.migrations.contract import Origin, Status

__all__ = ["check_screen", "schema_screen"]

_VERSIONS = (
    Column("version"),
    Column("what", justify="left"),
    Column("applied", rank=1),
    Column("took", rank=3),
    Column("by", rank=2, justify="left"),
)


def schema_screen(store_url: str, status: Status, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``db status``."""
    yield heading(f"Schema version {status.version} of {status.head}", printable(store_url))
    rows = [
        [
            str(record.version),
            printable(record.description),
            minute(record.applied_at),
            NOTHING if record.duration_ms is None else f"{count(record.duration_ms)} ms",
            printable(record.program_version),
        ]
        for record in status.applied
    ]
    if rows:
        yield fitted(_VERSIONS, rows, width)
    yield indented(_standing(status))


def _standing(status: Status) -> Text:
    if status.origin is Origin.FOREIGN:
        return Text("This database belongs to another program.", "red")
    if status.dirty is not None:
        return Text(f"Version {status.dirty} stopped half-way: session-buddy db repair", "red")
    if status.edited:
        return Text(f"Edited after they were applied: {', '.join(status.edited)}", "red")
    if status.version > status.head:
        return Text("Newer than this program: upgrade session-buddy.", "red")
    if status.pending:
        return Text(f"Pending: {', '.join(map(str, status.pending))}. Apply with: session-buddy db migrate", "yellow")
    return Text("current", "green")


def check_screen(check: Check) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``db verify``."""
    yield _line("schema: nothing missing", "missing from the schema", check.missing)
    yield _line("schema: all as the scripts create it", "not as the scripts create it", check.different)
    yield _line("integrity of the file", "integrity of the file", check.damage)
    if check.drifted is None:
        yield Text("–  roll-ups: not counted, the schema must be right and up to date first", "yellow")
    else:
        yield _line(
            "roll-ups equal a recount of the event log", "not equal to a recount of the event log", check.drifted
        )
    if check.unexpected:
        yield Text(f"   added by somebody, no fault: {', '.join(map(printable, check.unexpected))}", "dim")
    if not check.ok:
        yield Text("Put it right with 'session-buddy db repair', or restore a backup.")


def _line(well: str, ill: str, found: tuple[str, ...]) -> Text:
    if not found:
        return Text("✓  ", "green").append(well, "default")
    return Text("✗  ", "red").append(f"{ill}: {', '.join(map(printable, found))}", "default")
