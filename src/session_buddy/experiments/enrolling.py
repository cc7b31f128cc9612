"""Users and what they get, kept in the store: assignments, which stay as they are, and exposures, day by day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from session_buddy.errors import StoreError
from session_buddy.experiments.assignment import Assignment, Standing, Variant, assign
from session_buddy.experiments.design import Experiment, Status
from session_buddy.experiments.rows import ASSIGNMENTS, EXPOSURES, number_of
from session_buddy.storage.store import Store

__all__ = ["assign_users", "chunks", "expose_users", "keep_groups", "read_groups", "standing_of"]

T = TypeVar("T")

_ASKED_AT_ONCE = 1_000
"""So many users in one query: each is a parameter of it."""
_WRITTEN_AT_ONCE = 10_000
_GROUPS = "SELECT user_id, group_name FROM ab_test_assignments FINAL WHERE test_id = ? AND user_id IN ({})"
_EXPOSED = "SELECT user_id FROM ab_test_exposures FINAL WHERE test_id = ? AND exposed_on = ? AND user_id IN ({})"


def assign_users(store: Store, experiment: Experiment, user_ids: Iterable[str], *, now: str) -> list[Assignment]:
    """Return what each user gets at the moment *now*, in their order; those who newly take part are recorded.

    What is recorded beats the rule, so a change of the ratio moves nobody. Outside the time of the experiment, and
    while it is paused for those who are new, nobody takes part. Raises :class:`InvalidInput` for what is no id.
    """
    users = list(user_ids)
    by_rule = [assign(experiment.rule, user) for user in users]
    recorded = read_groups(store, experiment.test_id, users)
    # What another program entered as running may begin later.
    status = experiment.status_at(now) if experiment.start_date <= now else Status.DRAFT
    found = [standing_of(one, recorded.get(one.user_id), status) for one in by_rule]
    new = {one.user_id: one.variant for one in found if one.takes_part and one.user_id not in recorded}
    kept = keep_groups(store, experiment.test_id, {user: (variant, now) for user, variant in new.items()})
    return [Assignment(one.user_id, kept.get(one.user_id, one.variant), one.standing) for one in found]


def standing_of(by_rule: Assignment, recorded: Variant | None, status: Status) -> Assignment:
    """Return what a user gets whom the rule gives *by_rule* and who was *recorded* with a variant, or not. Pure."""
    if by_rule.standing is Standing.OVERRIDDEN and status in (Status.DRAFT, Status.RUNNING, Status.PAUSED):
        return by_rule
    if recorded is not None and status in (Status.RUNNING, Status.PAUSED):
        return Assignment(by_rule.user_id, recorded, Standing.ASSIGNED)
    if status is Status.RUNNING:
        return by_rule
    return Assignment(by_rule.user_id, Variant.CONTROL, Standing.NOT_RUNNING)


def read_groups(store: Store, test_id: int, user_ids: Iterable[str]) -> dict[str, Variant]:
    """Return the recorded variant of those of *user_ids* who have one."""
    found: dict[str, Variant] = {}
    for some in chunks(dict.fromkeys(user_ids), _ASKED_AT_ONCE):
        rows = store.query(_GROUPS.format(", ".join("?" * len(some))), [test_id, *some]).rows
        found |= {user: Variant(group) for user, group in rows}
    return found


def keep_groups(store: Store, test_id: int, groups: Mapping[str, tuple[Variant, str]]) -> dict[str, Variant]:
    """Record the variants of users who have none yet, and since when; return what is recorded of them then.

    Two processes may do so for one user at the same moment: the first one's word stands.
    """
    kept = {user: variant for user, (variant, _) in groups.items()}
    for some in chunks(groups.items(), _WRITTEN_AT_ONCE):
        rows = [(number_of(test_id, user), test_id, user, variant.value, moment) for user, (variant, moment) in some]
        try:
            store.put_rows(ASSIGNMENTS, rows)
        except StoreError:
            found = read_groups(store, test_id, [user for user, _ in some])
            if not found:
                raise
            missing = [row for row in rows if row[2] not in found]
            store.put_rows(ASSIGNMENTS, missing)
            kept |= found
    return kept


def expose_users(store: Store, experiment: Experiment, assignments: Sequence[Assignment], *, now: str) -> None:
    """Note that those of *assignments* who take part met their variant: the first time on each day (UTC)."""
    day = now[:10]
    met = {one.user_id: one.variant for one in assignments if one.takes_part}
    for some in chunks(met, _ASKED_AT_ONCE):
        known = store.query(_EXPOSED.format(", ".join("?" * len(some))), [experiment.test_id, day, *some]).rows
        new = set(some) - {user for (user,) in known}
        rows = [(experiment.test_id, user, day, met[user].value, now) for user in some if user in new]
        if rows:
            store.put_rows(EXPOSURES, rows)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield *items* in lists of up to *size*."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
