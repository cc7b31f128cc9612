"""What a batch of new invocations adds to each roll-up, counted in one pass.

Pure: invocations in, additive counts out. The same sums that the triggers of the schema
build row by row are built here once per batch; a test holds the two against each other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

from session_buddy.model import ErrorType, Invocation, Outcome
from session_buddy.storage.durations import BOUNDS_MS

__all__ = ["Counts", "Deltas", "count_deltas"]

Key = TypeVar("Key", str, tuple[str, str])


class Counts:
    """Additive counts of a group of invocations."""

    __slots__ = ("abandoned", "completed", "duration_count", "duration_ms", "failed", "first", "last", "n")

    def __init__(self, moment: str) -> None:
        self.n = self.completed = self.failed = self.abandoned = self.duration_ms = self.duration_count = 0
        self.first = self.last = moment

    def add(self, other: Counts) -> None:
        """Add *other* to this group."""
        self.n += other.n
        self.completed += other.completed
        self.failed += other.failed
        self.abandoned += other.abandoned
        self.duration_ms += other.duration_ms
        self.duration_count += other.duration_count
        if other.first < self.first:
            self.first = other.first
        if other.last > self.last:
            self.last = other.last


class Deltas:
    """The additions of one batch, by roll-up key."""

    def __init__(self) -> None:
        self.skills: dict[str, Counts] = {}
        self.skill_origin: dict[str, tuple[str, str | None]] = {}
        """Kind and plugin, from the first invocation that tells."""
        self.sessions: dict[str, Counts] = {}
        self.session_origin: dict[str, tuple[str, str, str | None]] = {}
        """User, source and project, from the first invocation that tells."""
        self.session_skills: dict[tuple[str, str], Counts] = {}
        self.session_skill_users: dict[tuple[str, str], str] = {}
        self.users: dict[tuple[str, str], Counts] = {}
        self.hours: dict[tuple[str, str], Counts] = {}
        self.hour_sessions: dict[tuple[str, str], set[str]] = {}
        self.minutes: dict[tuple[str, str], Counts] = {}
        self.phases: dict[tuple[str, str], Counts] = {}
        self.durations: Counter[tuple[str, int]] = Counter()
        """By skill and bound in ms."""
        self.errors: Counter[tuple[str, str]] = Counter()
        self.follow_ups: Counter[tuple[str, str]] = Counter()
        self.traits: Counter[tuple[str, str]] = Counter()
        self.detailed: set[tuple[str, str]] = set()
        """Sessions and skills whose rating or alternatives were told."""


def count_deltas(invocations: Iterable[Invocation], *, minutes_since: str) -> Deltas:
    """Count what *invocations*, all of them new, add; minute buckets begin at *minutes_since*.

    The loop runs for every event of a bulk load, hence the spelled-out additions.
    """
    deltas = Deltas()
    groups: dict[tuple[str, str, str, str], Counts] = {}
    alike: Counter[tuple[str, tuple[str, ...]]] = Counter()
    minutes, phases, durations = deltas.minutes, deltas.phases, deltas.durations
    completed_outcome, failed_outcome, abandoned_outcome = Outcome.COMPLETED, Outcome.FAILED, Outcome.ABANDONED
    for invocation in invocations:
        skill, session, moment = invocation.skill_name, invocation.session_id, invocation.invoked_at
        outcome, duration_ms, phase = invocation.outcome, invocation.duration_ms, invocation.workflow_phase
        key = (session, skill, invocation.user_id, moment[:13])
        group = groups.get(key)
        if group is None:
            group = groups[key] = Counts(moment)
            _remember_origin(deltas, invocation)
        elif moment < group.first:
            group.first = moment
        elif moment > group.last:
            group.last = moment
        group.n += 1
        if duration_ms is not None:
            group.duration_ms += duration_ms
            group.duration_count += 1
            durations[skill, BOUNDS_MS[bisect_left(BOUNDS_MS, duration_ms)]] += 1
        if outcome is completed_outcome:
            group.completed += 1
        elif outcome is failed_outcome:
            group.failed += 1
            deltas.errors[skill, (invocation.error_type or ErrorType.OTHER)._value_] += 1
        elif outcome is abandoned_outcome:
            group.abandoned += 1
        if phase is not None:
            _count_outcome(phases, (skill, phase._value_), moment, outcome)
        if moment >= minutes_since:
            _count_outcome(minutes, (skill, moment[:16]), moment, outcome)
        for follow_up in invocation.follow_up_actions:
            deltas.follow_ups[skill, follow_up] += 1
        if invocation.traits:
            alike[skill, tuple(invocation.traits)] += 1
        if invocation.rating is not None or invocation.alternatives_considered:
            deltas.detailed.add((session, skill))
        if invocation.plugin is not None or deltas.session_origin[session][2] is None:
            _remember_origin(deltas, invocation)
    for (skill, traits), times in alike.items():
        for trait in set(traits):
            deltas.traits[skill, trait] += times
    _fold(groups, deltas)
    return deltas


def _count_outcome(
    counts_of: dict[tuple[str, str], Counts], key: tuple[str, str], moment: str, outcome: Outcome | None
) -> None:
    counts = counts_of.get(key)
    if counts is None:
        counts = counts_of[key] = Counts(moment)
    counts.n += 1
    if outcome is Outcome.COMPLETED:
        counts.completed += 1
    elif outcome is Outcome.FAILED:
        counts.failed += 1


def _remember_origin(deltas: Deltas, invocation: Invocation) -> None:
    kind, plugin = deltas.skill_origin.get(invocation.skill_name, (invocation.kind._value_, None))
    deltas.skill_origin[invocation.skill_name] = (kind, plugin if plugin is not None else invocation.plugin)
    user, source, project = deltas.session_origin.get(
        invocation.session_id, (invocation.user_id, invocation.source, None)
    )
    project = project if project is not None else invocation.project
    deltas.session_origin[invocation.session_id] = (user, source, project)


def _fold(groups: dict[tuple[str, str, str, str], Counts], deltas: Deltas) -> None:
    for (session, skill, user, hour), group in groups.items():
        _add(deltas.skills, skill, group)
        _add(deltas.sessions, session, group)
        _add(deltas.session_skills, (session, skill), group)
        _add(deltas.users, (user, skill), group)
        _add(deltas.hours, (skill, hour), group)
        deltas.session_skill_users.setdefault((session, skill), user)
        deltas.hour_sessions.setdefault((skill, hour), set()).add(session)


def _add(roll_up: dict[Key, Counts], key: Key, group: Counts) -> None:
    counts = roll_up.get(key)
    if counts is None:
        counts = roll_up[key] = Counts(group.first)
    counts.add(group)
