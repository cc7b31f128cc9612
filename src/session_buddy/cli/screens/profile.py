"""The screen of ``skill NAME``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date as Date
from datetime import timedelta

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import MARGIN, Column, chart, fitted, flowed, heading, indented, rate
from session_buddy.cli.screens.ranking import HOW_LONG, trend
from session_buddy.formats import (
    NOTHING,
    ago,
    count,
    date,
    duration,
    folder_name,
    percent,
    plural,
    printable,
    shown_name,
    sparkline,
)
from session_buddy.reports.category_wording import category_words
from session_buddy.reports.profile import DayCount, SkillProfile

__all__ = ["daily_bars", "profile_screen"]

_DAYS = 30
_TOGETHER = (
    Column("skill", justify="left"),
    Column("kind", rank=1, justify="left"),
    Column("sessions", note="sessions: those with both; lift: how many times as often as by chance"),
    Column("lift"),
)


def profile_screen(profile: SkillProfile, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    yield from _totals(profile, now, width)
    yield from _activity(profile, width)
    if profile.errors:
        yield Text()
        yield heading("Why it failed")
        yield indented(", ".join(f"{printable(kind)} ×{count(times)}" for kind, times in profile.errors.items()))
    if profile.phases:
        yield Text()
        yield heading("In the phases of the work")
        columns = (Column("phase", justify="left"), Column("uses"), Column("completed"), Column("failed"))
        rows = [[p.phase, count(p.invocations), count(p.completed), count(p.failed)] for p in profile.phases]
        yield fitted(columns, rows, width)
    yield from _neighbours(profile, width)
    yield from _sessions(profile, now, width)


def daily_bars(days: list[DayCount], until: str, length: int) -> str:
    """Return one bar for each of the *length* days that end with the day of *until*."""
    last = Date.fromisoformat(until[:10])
    counts = {day.day[:10]: day.invocations for day in days}
    return sparkline([counts.get(str(last - timedelta(days=back)), 0) for back in reversed(range(length))])


def _totals(profile: SkillProfile, now: str, width: int) -> Iterator[RenderableType]:
    category = profile.category and category_words(
        profile.category, profile.category_assigned_by, profile.category_confidence
    )
    labels = [profile.kind, profile.plugin and f"plugin {profile.plugin}", category]
    yield heading(printable(profile.skill), "  ".join(printable(label) for label in labels if label))
    if profile.description:
        yield indented(printable(profile.description))
    settled = profile.completed + profile.failed
    success = [Text("success   ").append_text(rate(profile.success_rate))]
    if profile.success_interval:
        low, high = profile.success_interval
        success.append(Text(f"{count(profile.completed)} of {count(settled)} completed + failed"))
        success.append(Text(f"(95 % interval {percent(low)} to {percent(high)})", style="dim"))
    yield flowed(success, width)
    unknown = profile.invocations - settled - profile.abandoned
    uses = f"uses      {count(profile.invocations)} in {plural(profile.sessions, 'session')}"
    ends = f"({count(profile.failed)} failed, {count(profile.abandoned)} abandoned, {count(unknown)} end not known)"
    yield flowed([uses, ends], width)
    length = f"duration  {duration(profile.avg_duration_seconds)} on average"
    yield flowed([length, Text(f"({HOW_LONG})", style="dim")] if profile.avg_duration_seconds else [length], width)
    span = f"{date(profile.first_invoked_at)} to {date(profile.last_invoked_at)}"
    since = ago(profile.last_invoked_at, now)
    yield indented(f"used      {span}" + (f" ({since})" if since.endswith(("ago", "now")) else ""))
    if profile.invocation_count_24h:
        counts = f"{count(profile.invocation_count_1h)} in the last hour, {count(profile.invocation_count_24h)} in 24 h"
        yield indented(f"now       {counts}")
    if profile.trend and profile.trend != "not enough data":
        yield indented(Text("7 days    ").append_text(trend(profile.trend, profile.trend_slope)))


def _activity(profile: SkillProfile, width: int) -> Iterator[RenderableType]:
    yield Text()
    yield heading("When")
    days = min(_DAYS, width - MARGIN)
    yield chart(daily_bars(profile.daily, profile.daily_until, days), f"{days} days  ", _until(profile), width)
    yield chart(sparkline(profile.hourly), "by hour  ", "0-23 h UTC", width)


def _until(profile: SkillProfile) -> str:
    return f"to {date(profile.daily_until)}"


def _neighbours(profile: SkillProfile, width: int) -> Iterator[RenderableType]:
    if profile.next:
        yield Text()
        yield heading("What usually comes next", "within the next three uses")
        yield flowed([f"{shown_name(skill.skill)} ×{count(skill.times)}" for skill in profile.next], width)
    if profile.together:
        yield Text()
        yield heading("Used together", "in 3 sessions or more, and more often than by chance")
        rows = [[shown_name(c.skill), c.kind, count(c.sessions), f"{c.lift:.1f}"] for c in profile.together]
        yield fitted(_TOGETHER, rows, width)


def _sessions(profile: SkillProfile, now: str, width: int) -> Iterator[RenderableType]:
    yield Text()
    yield heading("Last sessions")
    columns = (
        Column("session", justify="left"),
        Column("project", rank=1, justify="left"),
        Column("uses"),
        Column("completed", rank=2),
        Column("failed"),
        Column("last used"),
    )
    rows = [
        [
            printable(session.session_id[:8]),
            folder_name(session.project),
            count(session.invocations),
            count(session.completed),
            count(session.failed) if session.failed else NOTHING,
            ago(session.last_invoked_at, now),
        ]
        for session in profile.last_sessions
    ]
    yield fitted(columns, rows, width)
