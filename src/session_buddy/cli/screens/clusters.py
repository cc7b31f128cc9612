"""The screens of ``clusters``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, flowed, heading, indented, note, rate
from session_buddy.formats import NOTHING, ago, count, date, plural, printable, shown_name
from session_buddy.reports.landscape import ClusterFigures, ClusterIndex, ClusterMembers, SkillNeighbours

__all__ = ["cluster_screen", "clusters_screen", "neighbours_screen"]

_CLUSTERS = (
    Column("id", justify="left"),
    Column("cluster", justify="left"),
    Column("skills"),
    Column("uses", rank=1),
    Column("success", rank=1),
    Column("for example", rank=2, justify="left"),
)
_MEMBERS = (
    Column("skill", justify="left"),
    Column("kind", rank=1, justify="left"),
    Column("membership", note="membership: near 1 deep in the cluster, 0.5 on the border of two"),
    Column("uses"),
    Column("success"),
)
_ALIKE = (
    Column("skill", justify="left"),
    Column("kind", rank=1, justify="left"),
    Column("likeness", note="likeness: of what they say they are for; 1 says the same"),
    Column("uses"),
    Column("success"),
)
_TOGETHER = (
    Column("skill", justify="left"),
    Column("kind", rank=1, justify="left"),
    Column("sessions", note="sessions: those with both; lift: how many times as often as by chance"),
    Column("lift"),
)


def clusters_screen(index: ClusterIndex, *, limit: int, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of all clusters."""
    since = f"found {ago(index.refreshed_at, now)}" if index.refreshed_at else ""
    yield heading("Clusters of skills", since)
    if index.clusters:
        yield fitted(_CLUSTERS, [_row(one) for one in index.clusters[:limit]], width)
        yield indented(note(f"{min(limit, len(index.clusters))} of {plural(len(index.clusters), 'cluster')}"))
    if index.note:
        yield indented(note(index.note) if index.clusters else Text(index.note))
    if index.unread:
        yield indented(note(f"{plural(index.unread, 'skill')} left out: nothing is known of what they are for"))


def cluster_screen(shown: ClusterMembers, *, limit: int, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of one cluster."""
    cluster = shown.cluster
    yield heading(
        printable(cluster.cluster_name), f"cluster {cluster.cluster_id}, first found {date(cluster.created_at)}"
    )
    if cluster.description:
        yield flowed([word + " " for word in printable(cluster.description).split()], width, between="")
    rows: list[list[str | Text]] = [
        [
            shown_name(one.skill),
            one.kind or NOTHING,
            f"{one.membership:.2f}",
            count(one.invocations) if one.invocations else NOTHING,
            rate(one.success_rate),
        ]
        for one in shown.members[:limit]
    ]
    yield fitted(_MEMBERS, rows, width)
    yield indented(note(f"{len(rows)} of {plural(len(shown.members), 'skill')}"))


def neighbours_screen(near: SkillNeighbours, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of what is near one skill."""
    where = f"in the cluster “{printable(near.cluster.cluster_name)}”" if near.cluster else "in no cluster"
    yield heading(printable(near.skill), where)
    yield Text()
    yield heading("For similar things")
    rows: list[list[str | Text]] = [
        [
            shown_name(one.skill),
            one.kind or NOTHING,
            f"{one.likeness:.2f}",
            count(one.invocations) if one.invocations else NOTHING,
            rate(one.success_rate),
        ]
        for one in near.alike
    ]
    yield fitted(_ALIKE, rows, width) if rows else indented(Text("Nothing."))
    yield Text()
    yield heading("Used together", "in 3 sessions or more, and more often than by chance")
    together = [[shown_name(one.skill), one.kind, count(one.sessions), f"{one.lift:.1f}"] for one in near.together]
    yield fitted(_TOGETHER, together, width) if together else indented(Text("With nothing in particular."))


def _row(one: ClusterFigures) -> list[str | Text]:
    return [
        str(one.cluster_id),
        printable(one.cluster_name),
        count(one.skills),
        count(one.invocations) if one.invocations else NOTHING,
        rate(one.success_rate),
        ", ".join(shown_name(skill) for skill in one.examples[:3]),
    ]
