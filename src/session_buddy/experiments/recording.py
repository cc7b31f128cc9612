"""Outcomes into the store: all of a batch or nothing, and each once however often it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from session_buddy.experiments.assignment import Variant, assign
from session_buddy.experiments.design import Experiment, Status
from session_buddy.experiments.enrolling import chunks, keep_groups, read_groups, standing_of
from session_buddy.experiments.outcomes import (
    LeftOut,
    OutcomesRecorded,
    TrialOutcome,
    check_outcomes,
    checked_moment,
    outcome_id,
    require_same,
)
from session_buddy.experiments.rows import OUTCOMES
from session_buddy.storage.store import Store

__all__ = ["record_outcomes"]

_ASKED_AT_ONCE = 500
# "+ 0", since SQLite would otherwise look for each of these users with each of these ids.
_TOLD = (
    "SELECT outcome_id, user_id, skill_name, completed, duration_seconds, user_rating, recorded_at"
    " FROM ab_test_outcomes FINAL WHERE test_id = ? AND user_id IN ({users}) AND outcome_id + 0 IN ({ids})"
)


def record_outcomes(
    store: Store,
    experiment: Experiment,
    told: Iterable[TrialOutcome | Mapping[str, Any]],
    *,
    now: str,
    new_id: Callable[[], int],
) -> OutcomesRecorded:
    """Record how uses ended, told at the moment *now*; *new_id* makes ids of 63 bits for outcomes without a key.

    A user who takes part and was not assigned yet (somebody assigned without the store) is, as of the first of these
    outcomes. Raises :class:`InvalidInput`, :class:`WrongState` and :class:`DuplicateOutcome`, and stores nothing then.
    """
    outcomes = check_outcomes(told)
    moments = [checked_moment(experiment, index, one, now=now) for index, one in enumerate(outcomes)]
    left_out, new = _sorted_out(store, experiment, outcomes, moments, now=now)
    passed_over = {one.index for one in left_out}
    taken = [index for index in range(len(outcomes)) if index not in passed_over]
    ids, repeated = _identified(store, experiment.test_id, outcomes, taken, new_id)
    rows = [
        _row(ids[index], experiment.test_id, outcomes[index], moments[index])
        for index in taken
        if index not in repeated
    ]
    if new:
        keep_groups(store, experiment.test_id, new)
    if rows:
        store.put_rows(OUTCOMES, rows)
    return OutcomesRecorded(added=len(rows), repeated=len(repeated), left_out=tuple(left_out))


def _sorted_out(
    store: Store, experiment: Experiment, outcomes: Sequence[TrialOutcome], moments: Sequence[str], *, now: str
) -> tuple[list[LeftOut], dict[str, tuple[Variant, str]]]:
    """Return the outcomes of users who take no part, and the variants of those who do and have none yet."""
    first: dict[str, str] = {}
    for outcome, moment in zip(outcomes, moments, strict=True):
        first[outcome.user_id] = min(moment, first.get(outcome.user_id, moment))
    recorded = read_groups(store, experiment.test_id, first)
    status = experiment.status_at(now)
    # What is told after the end is of the time before it.
    status = Status.RUNNING if status is Status.STOPPED else status
    standings = {user: standing_of(assign(experiment.rule, user), recorded.get(user), status) for user in first}
    left_out = [
        LeftOut(index, outcome.user_id, standings[outcome.user_id].standing)
        for index, outcome in enumerate(outcomes)
        if not standings[outcome.user_id].takes_part
    ]
    new = {
        user: (one.variant, min(first[user], now))
        for user, one in standings.items()
        if one.takes_part and user not in recorded
    }
    return left_out, new


def _identified(
    store: Store,
    test_id: int,
    outcomes: Sequence[TrialOutcome],
    taken: Sequence[int],
    new_id: Callable[[], int],
) -> tuple[dict[int, int], set[int]]:
    """Return the ids of the outcomes *taken*, by index, and which of them were told before, here or in the store."""
    keyed = {index: outcome_id(test_id, outcomes[index]) for index in taken if outcomes[index].key is not None}
    before = _read_told(store, test_id, {number: outcomes[index].user_id for index, number in keyed.items()})
    repeated = set()
    for index, number in keyed.items():
        if number in before:
            require_same(index, outcomes[index], before[number])
            repeated.add(index)
        before.setdefault(number, outcomes[index])
    return {index: keyed[index] if index in keyed else new_id() for index in taken}, repeated


def _read_told(store: Store, test_id: int, users: Mapping[int, str]) -> dict[int, TrialOutcome]:
    """Return the outcomes with ids that are keys of *users* and are in the store."""
    found = {}
    for some in chunks(users.items(), _ASKED_AT_ONCE):
        marks = ", ".join("?" * len(some))
        asked = [test_id, *(user for _, user in some), *(number for number, _ in some)]
        for number, user, skill, completed, duration, rating, at in store.query(
            _TOLD.format(users=marks, ids=marks), asked
        ).rows:
            found[number] = TrialOutcome(
                user_id=user,
                skill_name=skill,
                completed=bool(completed),
                duration_seconds=duration,
                user_rating=rating,
                recorded_at=at,
            )
    return found


def _row(number: int, test_id: int, outcome: TrialOutcome, moment: str) -> tuple[Any, ...]:
    fields = {
        **msgspec.structs.asdict(outcome),
        "outcome_id": number,
        "test_id": test_id,
        "completed": int(outcome.completed),
        "recorded_at": moment,
    }
    return tuple(fields[column] for column in OUTCOMES.columns)
