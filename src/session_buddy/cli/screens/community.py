"""The screen of ``community``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, indented, note
from session_buddy.formats import NOTHING, ago, count, duration, percent, plural, shown_name
from session_buddy.learning.community.comparing import UserStanding
from session_buddy.reports.community import Community, CommunityFigures, CommunitySkill, PublisherFigures

__all__ = ["community_screen"]

_STYLES = {UserStanding.ABOVE: "green", UserStanding.BELOW: "red", UserStanding.CANNOT_TELL: "dim"}
_SKILLS = (
    Column("skill", justify="left"),
    Column("users", rank=2),
    Column("success"),
    Column("95 %", rank=1),
    Column("likely", rank=5, note="likely = success drawn towards that of all skills, the more the fewer uses"),
    Column("better than", rank=4, note="better than = so many of these skills have less success"),
    Column("phase", rank=6, justify="left"),
    Column("avg", rank=7),
    Column("from", rank=8, justify="left", note="from = who told; in brackets, who is not counted: too much noise"),
    Column("yours"),
    Column("others", rank=3, note="others = the community without you"),
    Column("you are", justify="left"),
)
_PUBLISHERS = (
    Column("publisher", justify="left"),
    Column("skills"),
    Column("published"),
    Column("imported", rank=2),
    Column("least users", rank=1),
    Column("noise", rank=1, justify="left"),
)


def community_screen(report: Community, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    beside = f", beside {report.user_id}" if report.user_id else ""
    yield heading("Community", f"figures of {plural(report.min_users, 'user')} or more{beside}")
    if report.skills:
        yield fitted(_SKILLS, [_row(one) for one in report.skills], width)
        yield indented(note(f"{len(report.skills)} of {plural(report.total, 'skill')}"))
    else:
        yield indented(Text("No skill has figures of so many users."))
    if any(one.community and one.community.noised for one in report.skills):
        yield indented(note("≈ = with noise, which its publisher put in"))
    if report.kept_back:
        yield indented(
            note(
                f"{plural(report.kept_back, 'skill')} kept back: too few users here, or too few when one takes"
                " themselves out"
            )
        )
    if report.publishers:
        yield heading("What others told")
        yield fitted(_PUBLISHERS, [_publisher(one, now) for one in report.publishers], width)


def _row(one: CommunitySkill) -> list[str | Text]:
    told, comparison = one.community, one.comparison
    standing = comparison.standing if comparison else None
    return [
        Text(shown_name(one.skill), "bold"),
        NOTHING if told is None else f"{_about(told)}{count(told.users)}",
        _rate(told),
        _ends(told),
        NOTHING if told is None else percent(told.shrunken_rate),
        percent(None if one.percentile is None else one.percentile / 100),
        one.most_common_workflow_phase or NOTHING,
        NOTHING if told is None else duration(told.avg_duration_seconds),
        _sources(one),
        _rate(comparison.yours if comparison else None),
        _rate(comparison.others if comparison else None),
        Text(f"{standing}: {comparison.reason}", _STYLES[standing]) if comparison and standing else NOTHING,
    ]


def _rate(figures: CommunityFigures | None) -> str:
    return NOTHING if figures is None else f"{_about(figures)}{percent(figures.success_rate)}"


def _ends(figures: CommunityFigures | None) -> str:
    if figures is None or figures.success_low is None or figures.success_high is None:
        return NOTHING
    return f"{100 * figures.success_low:.0f} to {100 * figures.success_high:.0f}"


def _sources(one: CommunitySkill) -> str:
    """Return who told; nothing where it is this store alone."""
    names = [part.source[:6] if part.counted else f"({part.source[:6]})" for part in one.sources]
    return NOTHING if names in ([], ["here"]) else " ".join(names)


def _about(figures: CommunityFigures) -> str:
    return "≈" if figures.noised else ""


def _publisher(one: PublisherFigures, now: str) -> list[str]:
    return [
        one.publisher[:16],
        count(one.skills),
        ago(one.published_at, now),
        ago(one.imported_at, now),
        count(one.min_users),
        "none" if one.epsilon is None else f"ε = {one.epsilon:g}",
    ]
