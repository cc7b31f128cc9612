"""What goes with what: skills related to one, the whole network of them, and paths that are often gone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from session_buddy.catalog.dependencies.refreshing import read_figures, refresh_dependencies
from session_buddy.catalog.dependencies.significance import FEWEST_SESSIONS
from session_buddy.model import Kind
from session_buddy.reports.dependency_figures import (
    NetworkPair,
    NetworkSkill,
    PathFigures,
    RelatedSkill,
    RelatedSkills,
    SkillNetwork,
    SkillPaths,
    Usually,
)
from session_buddy.reports.dependency_pairs import PairDetails, bounds_of, count_sessions, read_details
from session_buddy.reports.ranking import without_tools
from session_buddy.storage import Store

__all__ = ["FEWEST_SESSIONS", "read_network", "read_paths", "read_related", "refresh_related"]

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
_KINDS = "SELECT skill_name, kind, session_count, invocation_count FROM skill_metrics"
_SESSIONS_OF = "SELECT session_count FROM skill_metrics WHERE skill_name = ?"
_PATHS = """
SELECT path, session_count, occurrence_count, median_seconds FROM skill_paths FINAL
WHERE session_count >= ? AND length >= ? ORDER BY session_count DESC, occurrence_count DESC, length DESC, path
"""


def refresh_related(store: Store, now: str) -> int:
    """Bring chance, order and paths up to date, built-in tools left out; return how many rows changed."""
    return refresh_dependencies(store, without_tools(), now=now)


def read_related(store: Store, skill: str, *, limit: int, include_tools: bool = False) -> RelatedSkills:
    """Return what goes with *skill*, which must have been used: at most *limit*, what surely goes with it first.

    Of built-in tools, which are left out unless *include_tools*, neither chance nor order is known.
    """
    figures, sessions = read_figures(store), count_sessions(store)
    (own,) = store.query(_SESSIONS_OF, [skill]).rows
    rows = [
        row for row in store.query(_OF_ONE, [skill, FEWEST_SESSIONS]).rows if include_tools or row[1] != Kind.TOOL.value
    ]
    known = read_details(store, skill)
    low, high = bounds_of([(row[2], row[4], row[5]) for row in rows], sessions)
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
    figures, sessions = read_figures(store), count_sessions(store)
    kinds = {name: (Kind(kind), *rest) for name, kind, *rest in store.query(_KINDS).rows}
    rows = [
        row
        for row in store.query(_OF_ALL, [fewest, min_lift]).rows
        if include_tools or Kind.TOOL not in (kinds[row[0]][0], kinds[row[1]][0])
    ]
    low, high = bounds_of([(row[2], row[4], row[5]) for row in rows], sessions)
    ordered = sorted(zip(rows, low, high, strict=True), key=lambda one: (-one[1], -one[0][2], one[0][:2]))[:limit]
    known = read_details(store) if ordered else {}
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


def _related(
    skill: str, row: tuple[Any, ...], known: Mapping[tuple[str, str], PairDetails], low: float, high: float
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


def _pair(row: tuple[Any, ...], details: PairDetails | None, low: float, high: float) -> NetworkPair:
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
