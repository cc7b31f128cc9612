"""What goes with what: skills related to one, the whole network of them, and paths that are often gone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from session_buddy.catalog.dependencies.refreshing import read_figures, refresh_dependencies
from session_buddy.catalog.dependencies.significance import FEWEST_SESSIONS, lift_bounds
from session_buddy.model import Kind
from session_buddy.reports.ranking import without_tools
from session_buddy.storage import Store

__all__ = [
    "FEWEST_SESSIONS",
    "SURE",
    "NetworkPair",
    "NetworkSkill",
    "PathFigures",
    "RelatedSkill",
    "RelatedSkills",
    "SkillNetwork",
    "SkillPaths",
    "Usually",
    "read_network",
    "read_paths",
    "read_related",
    "refresh_related",
]

SURE = 0.05
"""The q value up to which a lift, or an order, is told as one and not as possible chance."""
_NOT_YET = "What goes with what was not looked at yet: 'session-buddy refresh' does it, a running server now and then."
_ALONE = f"With nothing in particular. It takes {FEWEST_SESSIONS} sessions with both."
_FEW = f"No two skills go together so often. It takes {FEWEST_SESSIONS} sessions with both."

# The lift is that of now, the rest as of the last refresh.
_OF_ONE = """
SELECT n.skill_b, m.kind, n.co_occurrence_count, n.lift_score, n.sessions_a, n.sessions_b
FROM v_skill_dependency_network n JOIN skill_metrics m ON m.skill_name = n.skill_b
WHERE n.skill_a = ? AND n.co_occurrence_count >= ? AND n.lift_score > 1
"""
_OF_ALL = """
SELECT n.skill_a, n.skill_b, n.co_occurrence_count, n.lift_score, n.sessions_a, n.sessions_b
FROM v_skill_dependency_network n WHERE n.skill_a < n.skill_b AND n.co_occurrence_count >= ? AND n.lift_score >= ?
"""
_DETAILS = """
SELECT skill_a, skill_b, p_value, q_value, a_first_count, b_first_count, a_to_b_seconds, b_to_a_seconds, order_q_value
FROM skill_dependency_details FINAL
"""
_KINDS = "SELECT skill_name, kind, session_count, invocation_count FROM skill_metrics"
_SESSIONS = "SELECT coalesce(max(value), 0) FROM store_counts WHERE name = 'sessions'"
_SESSIONS_OF = "SELECT session_count FROM skill_metrics WHERE skill_name = ?"
_PATHS = """
SELECT path, session_count, occurrence_count, median_seconds FROM skill_paths FINAL
WHERE session_count >= ? AND length >= ? ORDER BY session_count DESC, occurrence_count DESC, length DESC, path
"""


class Usually(StrEnum):
    """When a related skill comes, beside the one that was asked about."""

    AFTER = "after"
    BEFORE = "before"


class RelatedSkill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill that is used in the same sessions more often than by chance."""

    skill: str
    kind: Kind
    sessions: int
    """Those with both."""
    share: float
    """The part of the sessions with the skill asked about that have this one too, 0-1."""
    lift: float
    """How many times as often as if the two had nothing to do with each other."""
    lift_low: float
    """With 95 % confidence the lift is no lower; this is what they are ordered by, so that few sessions do not lead."""
    lift_high: float
    q_value: float | None
    """How likely so much is by chance, of all pairs that were looked at; ``null`` where it was not looked at."""
    usually: Usually | None
    """Whether it comes after the skill asked about or before, by their first uses; ``null`` for no clear order."""
    after: int
    """Sessions in which it comes after."""
    before: int
    gap_seconds: float | None
    """The median from the one to the other where they come in the usual order; ``null`` for no clear order."""


class RelatedSkills(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with one skill, what surely goes with it first."""

    skill: str
    sessions: int
    """Those with the skill."""
    of_sessions: int
    """All there are."""
    total: int
    """How many are related; fewer may be listed."""
    related: list[RelatedSkill]
    refreshed_at: str | None
    """As of when chance and order are known; ``null`` where they were not looked at yet."""
    note: str
    """Why there are none, or what is not known yet; may be empty."""


class NetworkSkill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill of the network."""

    skill: str
    kind: Kind
    sessions: int
    invocations: int
    related: int
    """How many of the pairs listed it is in."""


class NetworkPair(msgspec.Struct, frozen=True, kw_only=True):
    """Two skills that are used in the same sessions."""

    skill_a: str
    """The first by name."""
    skill_b: str
    sessions: int
    """Those with both."""
    lift: float
    """How many times as often as if the two had nothing to do with each other."""
    lift_low: float
    """With 95 % confidence the lift is no lower."""
    lift_high: float
    q_value: float | None
    """How likely a lift this far from 1 is by chance, of all pairs that were looked at; ``null`` where it was not."""
    usually_first: str | None
    """The skill that comes first, by their first uses; ``null`` for no clear order."""
    a_first: int
    """Sessions in which ``skill_a`` came first."""
    b_first: int
    gap_seconds: float | None
    """The median from the one to the other where they come in the usual order; ``null`` for no clear order."""


class SkillNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """Which skills go together: pairs, and the skills in them."""

    min_lift: float
    min_sessions: int
    total: int
    """How many pairs there are of such a lift and so many sessions; fewer may be listed."""
    pairs: list[NetworkPair]
    """By the lower end of the interval of their lift, the highest first."""
    skills: list[NetworkSkill]
    """Those in the pairs, by name."""
    of_sessions: int
    """All sessions there are."""
    refreshed_at: str | None
    note: str


class PathFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Skills that are used one right after another again and again."""

    skills: list[str]
    """Repeats of one count once."""
    sessions: int
    """Those that have it."""
    occurrences: int
    """In all of them."""
    median_seconds: float | None
    """From the first use of its first skill to the first use of its last one."""


class SkillPaths(msgspec.Struct, frozen=True, kw_only=True):
    """Paths, those in most sessions first."""

    skill: str | None
    """Only those with this one; ``null`` for all."""
    min_sessions: int
    min_length: int
    total: int
    paths: list[PathFigures]
    since: str | None
    """The day from which on paths were looked for; ``null`` for all there is."""
    refreshed_at: str | None
    note: str


class _Details(NamedTuple):
    p_value: float
    q_value: float
    a_first: int
    b_first: int
    a_to_b_seconds: float | None
    b_to_a_seconds: float | None
    order_q_value: float

    @property
    def a_is_first(self) -> bool | None:
        """Whether a usually comes first; ``None`` for no clear order."""
        return self.a_first > self.b_first if self.order_q_value <= SURE else None

    @property
    def gap(self) -> float | None:
        ahead = self.a_is_first
        return None if ahead is None else self.a_to_b_seconds if ahead else self.b_to_a_seconds


def refresh_related(store: Store, now: str) -> int:
    """Bring chance, order and paths up to date, built-in tools left out; return how many rows changed."""
    return refresh_dependencies(store, without_tools(), now=now)


def read_related(store: Store, skill: str, *, limit: int, include_tools: bool = False) -> RelatedSkills:
    """Return what goes with *skill*, which must have been used: at most *limit*, what surely goes with it first.

    Of built-in tools, which are left out unless *include_tools*, neither chance nor order is known.
    """
    figures, sessions = read_figures(store), _sessions(store)
    (own,) = store.query(_SESSIONS_OF, [skill]).rows
    rows = [
        row for row in store.query(_OF_ONE, [skill, FEWEST_SESSIONS]).rows if include_tools or row[1] != Kind.TOOL.value
    ]
    known = _details(store.query(f"{_DETAILS} WHERE skill_a = ? OR skill_b = ?", [skill, skill]).rows)
    low, high = _bounds([(row[2], row[4], row[5]) for row in rows], sessions)
    found = [_related(skill, row, known, lowest, highest) for row, lowest, highest in zip(rows, low, high, strict=True)]
    found.sort(key=lambda one: (-one.lift_low, -one.sessions, one.skill))
    return RelatedSkills(
        skill=skill,
        sessions=int(own[0]),
        of_sessions=sessions,
        total=len(found),
        related=found[:limit],
        refreshed_at=figures.refreshed_at if figures else None,
        note=_NOT_YET if figures is None else "" if found else _ALONE,
    )


def read_network(
    store: Store, *, min_lift: float = 1.0, min_sessions: int = FEWEST_SESSIONS, limit: int, include_tools: bool = False
) -> SkillNetwork:
    """Return the pairs of skills with a lift of *min_lift* and *min_sessions* or more: at most *limit*.

    Pairs in fewer than three sessions are never shown: of them nothing can be said.
    """
    fewest = max(min_sessions, FEWEST_SESSIONS)
    figures, sessions = read_figures(store), _sessions(store)
    kinds = {name: (Kind(kind), *rest) for name, kind, *rest in store.query(_KINDS).rows}
    rows = [
        row
        for row in store.query(_OF_ALL, [fewest, min_lift]).rows
        if include_tools or Kind.TOOL not in (kinds[row[0]][0], kinds[row[1]][0])
    ]
    low, high = _bounds([(row[2], row[4], row[5]) for row in rows], sessions)
    ordered = sorted(zip(rows, low, high, strict=True), key=lambda one: (-one[1], -one[0][2], one[0][:2]))[:limit]
    known = _details(store.query(_DETAILS).rows) if ordered else {}
    pairs = [_pair(row, known.get(row[:2]), lowest, highest) for row, lowest, highest in ordered]
    return SkillNetwork(
        min_lift=min_lift,
        min_sessions=fewest,
        total=len(rows),
        pairs=pairs,
        skills=_skills(pairs, kinds),
        of_sessions=sessions,
        refreshed_at=figures.refreshed_at if figures else None,
        note=_NOT_YET if figures is None else "" if pairs else _FEW,
    )


def read_paths(
    store: Store, *, skill: str | None = None, min_sessions: int = FEWEST_SESSIONS, min_length: int = 2, limit: int
) -> SkillPaths:
    """Return the paths in *min_sessions* or more and of *min_length* skills or more, with *skill*: at most *limit*."""
    fewest = max(min_sessions, FEWEST_SESSIONS)
    figures = read_figures(store)
    paths = [(json.loads(path), *rest) for path, *rest in store.query(_PATHS, [fewest, min_length]).rows]
    found = [
        PathFigures(skills=skills, sessions=sessions, occurrences=occurrences, median_seconds=seconds)
        for skills, sessions, occurrences, seconds in paths
        if skill is None or skill in skills
    ]
    return SkillPaths(
        skill=skill,
        min_sessions=fewest,
        min_length=min_length,
        total=len(found),
        paths=found[:limit],
        since=(figures.paths_since or None) if figures else None,
        refreshed_at=figures.refreshed_at if figures else None,
        note=_NOT_YET if figures is None else "" if found else "There are none.",
    )


def _sessions(store: Store) -> int:
    ((sessions,),) = store.query(_SESSIONS).rows
    return int(sessions)


def _bounds(counts: list[tuple[int, int, int]], sessions: int) -> tuple[list[float], list[float]]:
    both, first, second = zip(*counts, strict=True) if counts else ((), (), ())
    low, high = lift_bounds(both, first, second, max(sessions, 1))
    return low.tolist(), high.tolist()


def _details(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[str, str], _Details]:
    return {(a, b): _Details(*rest) for a, b, *rest in rows}


def _related(
    skill: str, row: tuple[Any, ...], known: Mapping[tuple[str, str], _Details], low: float, high: float
) -> RelatedSkill:
    other, kind, both, lift, own, _ = row
    is_a = skill < other
    details = known.get((skill, other) if is_a else (other, skill))
    ahead = details.a_is_first if details else None
    counts = (details.a_first, details.b_first) if details else (0, 0)
    after, before = counts if is_a else counts[::-1]
    return RelatedSkill(
        skill=other,
        kind=Kind(kind),
        sessions=both,
        share=min(1.0, both / own),
        lift=lift,
        lift_low=low,
        lift_high=high,
        q_value=details.q_value if details else None,
        usually=None if ahead is None else Usually.AFTER if ahead is is_a else Usually.BEFORE,
        after=after,
        before=before,
        gap_seconds=details.gap if details else None,
    )


def _pair(row: tuple[Any, ...], details: _Details | None, low: float, high: float) -> NetworkPair:
    a, b, both, lift, *_ = row
    ahead = details.a_is_first if details else None
    return NetworkPair(
        skill_a=a,
        skill_b=b,
        sessions=both,
        lift=lift,
        lift_low=low,
        lift_high=high,
        q_value=details.q_value if details else None,
        usually_first=None if ahead is None else a if ahead else b,
        a_first=details.a_first if details else 0,
        b_first=details.b_first if details else 0,
        gap_seconds=details.gap if details else None,
    )


def _skills(pairs: list[NetworkPair], kinds: Mapping[str, tuple[Any, ...]]) -> list[NetworkSkill]:
    related: dict[str, int] = {}
    for pair in pairs:
        for skill in (pair.skill_a, pair.skill_b):
            related[skill] = related.get(skill, 0) + 1
    return [
        NetworkSkill(
            skill=skill, kind=kinds[skill][0], sessions=kinds[skill][1], invocations=kinds[skill][2], related=many
        )
        for skill, many in sorted(related.items())
    ]
