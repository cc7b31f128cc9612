"""What a batch changes, as signed rows: +1 a state came, -1 a state went. Pure.

ClickHouse adds rows and never updates them in place, so a completed invocation is its old state taken
away and its new state added; every roll-up is a sum over such rows. What a sum cannot tell, whether a
session or a user is *new* to a skill, is told here, from what the store holds of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from session_buddy.model import Invocation
from session_buddy.storage.merge import merged_changes
from session_buddy.storage.store import Recorded

__all__ = ["Change", "Plan", "Present", "plan"]


class Change(msgspec.Struct, gc=False):
    """One signed row; see the table ``invocation_change``."""

    invocation: Invocation
    sign: int
    opens_session: int = 0
    joins_session: int = 0
    joins_user: int = 0
    partners: Sequence[str] = ()
    first_version: int = 0
    """That of the event's first telling; 0 if this is it."""


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
    users: dict[tuple[str, str], int] = {}
    """Of the batch's users, and each skill: how often they invoked it."""


class Plan(msgspec.Struct):
    """What is to be written for a batch."""

    changes: list[Change]
    recorded: Recorded
    renamed: list[Invocation]
    """States taken away whose new state bears another skill's name."""


def plan(batch: Sequence[Invocation], present: Present) -> Plan:
    """Return what *batch* changes where the store holds *present*; a telling twice in a batch is merged here.

    Uses up *present*: its counts are as after the batch when this returns.
    """
    latest: dict[str, Invocation] = {}
    completed = 0
    for told in batch:
        known = latest.get(told.event_id) or present.events.get(told.event_id)
        if known is None:
            latest[told.event_id] = told
        elif differing := merged_changes(known, told):
            latest[told.event_id] = msgspec.structs.replace(known, **differing)
            completed += 1
    changes: list[Change] = []
    renamed: list[Invocation] = []
    for event_id, state in latest.items():
        old = present.events.get(event_id)
        changes.append(_came(state, present))
        if old is not None:
            changes.append(_went(old, present))
            if old.skill_name != state.skill_name:
                renamed.append(old)
    added = len(latest.keys() - present.events.keys()) if present.events else len(latest)
    return Plan(changes, Recorded(added, completed, len(batch) - added - completed), renamed)


def _came(state: Invocation, present: Present) -> Change:
    change = Change(state, 1, first_version=present.first_versions.get(state.event_id, 0))
    skills = present.sessions.get(state.session_id)
    if skills is None:
        skills = present.sessions[state.session_id] = {}
    count = skills.get(state.skill_name, 0)
    if not count:
        change.opens_session = 0 if skills else 1
        change.joins_session, change.partners = 1, list(skills)
    skills[state.skill_name] = count + 1
    user = state.user_id, state.skill_name
    count = present.users.get(user, 0)
    change.joins_user = 0 if count else 1
    present.users[user] = count + 1
    return change


def _went(state: Invocation, present: Present) -> Change:
    """Take *state* away again; its session stays open, since the new state came before."""
    change = Change(state, -1, first_version=present.first_versions[state.event_id])
    skills = present.sessions[state.session_id]
    skills[state.skill_name] -= 1
    if not skills[state.skill_name]:
        del skills[state.skill_name]
        change.joins_session, change.partners = -1, list(skills)
    user = state.user_id, state.skill_name
    present.users[user] -= 1
    change.joins_user = 0 if present.users[user] else -1
    return change
