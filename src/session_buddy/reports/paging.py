"""Lists too long for one answer, page by page: invocations, sessions, anomalies, the newest first.

A page ends with the cursor of the next, ``null`` at the end. Pages follow places, not counts: what is recorded
meanwhile moves nothing from one page to another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any

import msgspec

from session_buddy.model import DurationSource, Kind, Outcome, Trigger
from session_buddy.ordering import RankingOrder
from session_buddy.reports.anomalies import AnomalyFigures
from session_buddy.reports.cursors import cursor_after, place_of
from session_buddy.reports.ranking import SkillFigures, read_ranking
from session_buddy.reports.sessions import SessionFigures, session_figures
from session_buddy.storage import Store

__all__ = [
    "INVOCATION_ROWS",
    "AnomalyPage",
    "InvocationFilter",
    "InvocationPage",
    "InvocationRow",
    "SessionPage",
    "SkillPage",
    "read_anomaly_page",
    "read_invocation_page",
    "read_session_page",
    "read_skill_page",
]

_LAST_MOMENT = "9999-12-31T23:59:59.999Z"
_LAST_PLACE = (_LAST_MOMENT, "\U0010ffff")

_ALL_SKILLS = 1 << 31

INVOCATION_ROWS = """
SELECT event_id, session_id, skill_name, kind, plugin, invoked_at, outcome, error_type, duration_ms, duration_source,
       triggered_by AS "trigger", parent_event_id, project, source, user_id, agent_version, model, workflow_phase,
       workflow_step_id, rating
FROM skill_invocation
"""
_ORDER = "ORDER BY invoked_at DESC, event_id DESC LIMIT :limit"
_SKILLS = """
SELECT skill_name, last_invoked_at FROM skill_metrics
WHERE first_invoked_at <= :until AND last_invoked_at >= :since {more} ORDER BY last_invoked_at DESC, skill_name
"""
_COUNT_OF = {"completed": "completed_count", "failed": "failed_count", "abandoned": "abandoned_count"}
_SESSIONS = """
SELECT session_id, source, project, user_id, invocation_count AS invocations, completed_count AS completed,
       failed_count AS failed, abandoned_count AS abandoned, first_invoked_at, last_invoked_at
FROM session_summary WHERE (first_invoked_at, session_id) < (:moment, :id)
ORDER BY first_invoked_at DESC, session_id DESC LIMIT :limit
"""
_ANOMALIES = """
SELECT * FROM skill_anomalies FINAL WHERE (detected_at, id) < (:moment, :id) {more}
ORDER BY detected_at DESC, id DESC LIMIT :limit
"""


class InvocationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a skill, as it is stored."""

    event_id: str
    session_id: str
    skill_name: str
    kind: Kind
    plugin: str | None
    invoked_at: str
    outcome: Outcome | None
    """``null``: not known, or still running."""
    error_type: str | None
    duration_ms: int | None
    duration_source: DurationSource | None
    trigger: Trigger
    parent_event_id: str | None
    project: str | None
    source: str
    user_id: str
    agent_version: str | None
    model: str | None
    workflow_phase: str | None
    workflow_step_id: str | None
    rating: float | None


class InvocationPage(msgspec.Struct, frozen=True, kw_only=True):
    """Invocations, the newest first."""

    invocations: list[InvocationRow]
    next: str | None
    """The cursor of the page that follows; ``null``: this is the last."""


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions, the one begun last first."""

    total: int
    """How many sessions there are in all."""
    sessions: list[SessionFigures]
    next: str | None


class SkillPage(msgspec.Struct, frozen=True, kw_only=True):
    """Skills in order."""

    order: RankingOrder
    since: str | None
    """The first day counted, or ``null`` for since ever."""
    total: int
    """How many skills there are of the kinds asked for."""
    skills: list[SkillFigures]
    next: str | None
    """The cursor of the page that follows; it follows the last skill of this page, wherever that stands then."""


class AnomalyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Anomalies, the one detected last first."""

    anomalies: list[AnomalyFigures]
    next: str | None


class InvocationFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which invocations are wanted; what is None does not matter."""

    skill: str | None = None
    session_id: str | None = None
    kind: Kind | None = None
    """Of skills of this kind."""
    outcome: Outcome | None = None
    since: str | None = None
    """From this moment on."""
    until: str | None = None
    """Before this moment."""


def read_invocation_page(
    store: Store, wanted: InvocationFilter, *, limit: int, cursor: str | None = None
) -> InvocationPage:
    """Return the *limit* newest invocations that are *wanted*, behind *cursor* if there is one.

    Without a skill or a session the newest of each skill are merged, each found by index, so that the cost
    grows with the number of skills and not of invocations.
    """
    place = place_of(cursor, tuple[str, str]) if cursor else _LAST_PLACE
    if wanted.skill is not None or wanted.session_id is not None:
        rows = _newest(store, wanted, place, limit + 1)
    else:
        rows = _newest_of_all(store, wanted, place, limit + 1)
    found = msgspec.convert(rows, list[InvocationRow])
    last = found[limit - 1] if len(found) > limit else None
    return InvocationPage(
        invocations=found[:limit], next=cursor_after(last.invoked_at, last.event_id) if last else None
    )


def read_session_page(store: Store, *, limit: int, cursor: str | None = None) -> SessionPage:
    """Return the *limit* sessions that were begun last, behind *cursor* if there is one; reads roll-ups only."""
    moment, session = place_of(cursor, tuple[str, str]) if cursor else _LAST_PLACE
    rows = list(store.query(_SESSIONS, {"moment": moment, "id": session, "limit": limit + 1}))
    ((total,),) = store.query("SELECT value FROM store_counts WHERE name = 'sessions'").rows
    last = rows[limit - 1] if len(rows) > limit else None
    return SessionPage(
        total=total,
        sessions=[session_figures(store, row) for row in rows[:limit]],
        next=cursor_after(last["first_invoked_at"], last["session_id"]) if last else None,
    )


def read_skill_page(
    store: Store,
    kinds: Collection[Kind],
    order: RankingOrder,
    *,
    limit: int,
    cursor: str | None = None,
    since: str | None = None,
) -> SkillPage:
    """Return *limit* skills of *kinds* in *order*, behind *cursor* if there is one; reads roll-ups only."""
    ranking = read_ranking(store, kinds, order, _ALL_SKILLS, since=since)
    start = 0
    if cursor:
        (after,) = place_of(cursor, tuple[str])
        names = [skill.skill for skill in ranking.skills]
        start = names.index(after) + 1 if after in names else len(names)
    shown = ranking.skills[start : start + limit]
    is_last = start + limit >= len(ranking.skills)
    return SkillPage(
        order=order,
        since=since,
        total=ranking.total,
        skills=shown,
        next=None if is_last else cursor_after(shown[-1].skill),
    )


def read_anomaly_page(
    store: Store, *, limit: int, cursor: str | None = None, skill: str | None = None, is_open: bool | None = None
) -> AnomalyPage:
    """Return the *limit* anomalies detected last, of *skill* if given, only open or only resolved ones if said."""
    moment, number = place_of(cursor, tuple[str, int]) if cursor else (_LAST_MOMENT, (1 << 63) - 1)
    more = "" if skill is None else "AND skill_name = :skill "
    if is_open is not None:
        more += f"AND resolved_at IS {'' if is_open else 'NOT '}NULL"
    parameters: dict[str, Any] = {"moment": moment, "id": number, "limit": limit + 1}
    rows = store.query(_ANOMALIES.format(more=more), parameters | ({} if skill is None else {"skill": skill}))
    found = msgspec.convert(list(rows), list[AnomalyFigures])
    last = found[limit - 1] if len(found) > limit else None
    return AnomalyPage(anomalies=found[:limit], next=cursor_after(last.detected_at, last.id) if last else None)


def _newest(store: Store, wanted: InvocationFilter, place: tuple[str, str], limit: int) -> list[dict[str, Any]]:
    """Return the *limit* newest rows behind *place*; by index where a skill or a session is named."""
    conditions, parameters = _conditions(wanted, place)
    return list(
        store.query(f"{INVOCATION_ROWS} WHERE {' AND '.join(conditions)} {_ORDER}", parameters | {"limit": limit})
    )


def _conditions(wanted: InvocationFilter, place: tuple[str, str]) -> tuple[list[str], dict[str, Any]]:
    # The first says less than the second, but it is what an index is searched by.
    conditions = ["invoked_at <= :moment", "(invoked_at, event_id) < (:moment, :event)"]
    parameters: dict[str, Any] = {"moment": place[0], "event": place[1]}
    tests = {
        "skill": "skill_name = :skill",
        "session_id": "session_id = :session_id",
        "kind": "skill_name IN (SELECT skill_name FROM skill_metrics WHERE kind = :kind)",
        "outcome": "outcome = :outcome",
        "since": "invoked_at >= :since",
        "until": "invoked_at < :until",
    }
    for field, test in tests.items():
        value = getattr(wanted, field)
        if value is not None:
            conditions.append(test)
            parameters[field] = str(value)
    return conditions, parameters


def _newest_of_all(store: Store, wanted: InvocationFilter, place: tuple[str, str], limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for skill, last_invoked_at in _skills(store, wanted, place):
        if len(found) == limit:
            oldest = found[-1]["invoked_at"]
            if last_invoked_at < oldest:
                break  # nor has any skill after this one a newer use
            wanted = msgspec.structs.replace(wanted, since=oldest)
        of_skill = _newest(store, msgspec.structs.replace(wanted, skill=skill, kind=None), place, limit)
        found = list(islice(merge(found, of_skill, key=_newness, reverse=True), limit))
    return found


def _skills(store: Store, wanted: InvocationFilter, place: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the skills that can have what is wanted, and when they were used last, the latest first."""
    more = f"AND {_COUNT_OF[wanted.outcome]} > 0 " if wanted.outcome else ""
    parameters = {"until": min(place[0], wanted.until or _LAST_MOMENT), "since": wanted.since or ""}
    if wanted.kind:
        more += "AND kind = :kind"
        parameters["kind"] = str(wanted.kind)
    rows: Sequence[Any] = store.query(_SKILLS.format(more=more), parameters).rows
    yield from rows


def _newness(row: dict[str, Any]) -> tuple[str, str]:
    return row["invoked_at"], row["event_id"]
