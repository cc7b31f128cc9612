"""What a batch changes, as signed rows: +1 a state came, -1 a state went. Pure.

ClickHouse adds rows and never updates them in place, so a completed invocation is its old state taken
away and its new state added; every roll-up is a sum over such rows. What a sum cannot tell, whether a
session or a user is *new* to a skill, is told here, from what the store holds of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from session_buddy.model import Invocation
from session_buddy.storage.clickhouse.dictionary import DictionaryColumn, pairs
from session_buddy.storage.merge import merged_changes
from session_buddy.storage.store import Recorded

__all__ = ["Edge", "Plan", "Present", "plan"]


class Edge(msgspec.Struct, gc=False):
    """What a signed row begins (+1) or ends (-1); see the table ``invocation_change``."""

    opens_session: int = 0
    joins_session: int = 0
    joins_user: int = 0
    partners: Sequence[str] = ()


class Present(msgspec.Struct):
    """What the store holds of a batch before it."""

    events: dict[str, Invocation] = {}
    """Invocations of the batch that are known already, by id."""
    first_versions: dict[str, int] = {}
    """Of the same, the version of the first telling."""
    newest_version: int = 0
    """The newest version of any of them; what is written now must be newer, whatever other clocks said."""
    sessions: dict[str, dict[str, int]] = {}
    """Of the batch's sessions: how often each skill was invoked."""
    users: dict[str, dict[str, int]] = {}
    """Of the batch's users: how often each skill was invoked."""
    columns: dict[str, Any] = {}
    """The batch by column, if it was taken apart already."""


class Plan(msgspec.Struct):
    """What is to be written for a batch: one row for each of *states*."""

    states: list[Invocation]
    recorded: Recorded
    went: list[int] = []
    """The places of the rows with sign -1; all others came."""
    edges: dict[int, Edge] = {}
    """By place: the rows with which something begins or ends."""
    first_versions: dict[int, int] = {}
    """By place: the version of the event's first telling, where this is not it."""
    columns: dict[str, Any] = {}
    """The states by column, if they are known so already."""
    renamed: list[Invocation] = []
    """States taken away whose new state bears another skill's name."""


def plan(batch: Sequence[Invocation], present: Present) -> Plan:
    """Return what *batch* changes where the store holds *present*; a telling twice in a batch is merged here.

    Uses up *present*.
    """
    identifiers = present.columns.get("event_id") or map(attrgetter("event_id"), batch)
    if not present.events and len(set(identifiers)) == len(batch):
        planned = Plan(list(batch), Recorded(added=len(batch)), columns=present.columns)
    else:
        planned = _merged(batch, present)
    _count_in(planned, present)
    if present.events:
        _take_back(planned, present)
    return planned


def _merged(batch: Sequence[Invocation], present: Present) -> Plan:
    """Return the states that *batch* leaves, of each event that it tells anything new of."""
    latest: dict[str, Invocation] = {}
    completed = 0
    for told in batch:
        known = latest.get(told.event_id) or present.events.get(told.event_id)
        if known is None:
            latest[told.event_id] = told
        elif differing := merged_changes(known, told):
            latest[told.event_id] = msgspec.structs.replace(known, **differing)
            completed += 1
    added = len(latest.keys() - present.events.keys())
    return Plan(list(latest.values()), Recorded(added, completed, len(batch) - added - completed))


def _take_back(planned: Plan, present: Present) -> None:
    """Add the old state of each known event, with sign -1: after the new ones, so that nothing ends in between."""
    for place, state in enumerate(list(planned.states)):
        old = present.events.get(state.event_id)
        if old is None:
            continue
        for row in (place, len(planned.states)):
            planned.first_versions[row] = present.first_versions[state.event_id]
        planned.went.append(len(planned.states))
        if edge := _went(old, present):
            planned.edges[len(planned.states)] = edge
        planned.states.append(old)
        if old.skill_name != state.skill_name:
            planned.renamed.append(old)


def _count_in(planned: Plan, present: Present) -> None:
    """Tell which of the new states begin something; makes no step in Python for each event of a bulk load."""
    sessions, users, skills = (_column(planned, name) for name in ("session_id", "user_id", "skill_name"))
    for place, session, skill, count in pairs(sessions, skills):
        used = present.sessions.setdefault(session, {})
        if skill not in used:
            planned.edges[place] = Edge(0 if used else 1, 1, 0, list(used))
        used[skill] = used.get(skill, 0) + count
    for place, user, skill, count in pairs(users, skills):
        used = present.users.setdefault(user, {})
        if skill not in used:
            planned.edges.setdefault(place, Edge()).joins_user = 1
        used[skill] = used.get(skill, 0) + count


def _column(planned: Plan, name: str) -> DictionaryColumn:
    if planned.columns:
        column: DictionaryColumn = planned.columns[name]
        return column
    return DictionaryColumn.of(list(map(attrgetter(name), planned.states)))


def _went(state: Invocation, present: Present) -> Edge | None:
    """Count *state* out; its session stays open, since the new state came before."""
    skill, edge = state.skill_name, None
    skills, used = present.sessions[state.session_id], present.users[state.user_id]
    skills[skill] -= 1
    used[skill] -= 1
    if not skills[skill]:
        del skills[skill]
        edge = Edge(0, -1, 0, list(skills))
    if not used[skill]:
        del used[skill]
        edge = edge or Edge()
        edge.joins_user = -1
    return edge
