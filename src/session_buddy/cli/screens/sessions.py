"""The screens of ``sessions``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, indented, note
from session_buddy.formats import NOTHING, ago, count, duration, folder_name, minute, plural, printable, shown_name
from session_buddy.reports.sessions import SessionFigures, SessionList, Step, Timeline

__all__ = ["sessions_screen", "timeline_screen"]

_LIST = (
    Column("session", justify="left"),
    Column("project", rank=1, justify="left"),
    Column("started"),
    Column("length", rank=2),
    Column("uses"),
    Column("failed"),
    Column("mostly", rank=3, justify="left"),
)
_TIMELINE = (
    Column("skill", justify="left"),
    Column("at"),
    Column("kind", rank=3, justify="left"),
    Column("by", rank=4, justify="left"),
    Column("phase", rank=2, justify="left"),
    Column("took", rank=1),
    Column("end", justify="left"),
)
_STYLES = {"completed": "green", "failed": "red", "abandoned": "yellow"}


def sessions_screen(listed: SessionList, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of the latest sessions."""
    if not listed.sessions:
        yield note("No sessions yet. To import what your agents did: session-buddy up")
        return
    yield fitted(_LIST, [_session_row(session, now) for session in listed.sessions], width)
    yield note(
        f"  The latest {len(listed.sessions)} of {plural(listed.total, 'session')}; uses and failures count built-in"
        " tools too.\n  One step by step: session-buddy sessions ID"
    )


def timeline_screen(timeline: Timeline, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of one session."""
    session = timeline.session
    yield heading(printable(session.session_id), folder_name(session.project))
    parts = (
        f"{minute(session.first_invoked_at)} UTC",
        duration(session.length_seconds),
        plural(session.invocations, "use"),
        f"{count(session.failed)} failed",
        f"{count(session.abandoned)} abandoned",
    )
    yield indented(" · ".join(parts))
    yield Text()
    yield fitted(_TIMELINE, [_step_row(step, session.first_invoked_at[:10]) for step in timeline.steps], width)
    if timeline.left_out:
        yield note(f"  {plural(timeline.left_out, 'call')} of built-in tools left out; --all shows them.")


def _session_row(session: SessionFigures, now: str) -> list[str | Text]:
    return [
        Text(printable(session.session_id[:8]), style="bold"),
        folder_name(session.project),
        ago(session.first_invoked_at, now),
        duration(session.length_seconds),
        count(session.invocations),
        Text(count(session.failed) if session.failed else NOTHING, style="red" if session.failed else "dim"),
        Text(", ".join(shown_name(skill) for skill in session.skills), style="dim"),
    ]


def _step_row(step: Step, first_day: str) -> list[str | Text]:
    clock = step.invoked_at[11:19]
    nested = "  " if step.parent_event_id else ""
    end = f"{step.outcome or NOTHING}{f' ({printable(step.error_type)})' if step.error_type else ''}"
    return [
        Text(nested + shown_name(step.skill), style="bold"),
        clock if step.invoked_at.startswith(first_day) else f"{step.invoked_at[5:10]} {clock}",
        Text(step.kind, style="dim"),
        Text(step.triggered_by, style="dim"),
        Text(step.phase or NOTHING, style="dim"),
        duration(step.duration_seconds),
        Text(end, style=_STYLES.get(step.outcome or "", "dim")),
    ]
