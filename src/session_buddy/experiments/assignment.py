"""Which variant a user gets: a digest of user and experiment decides, without any store. Pure.

The rule is the specification's::

    group = "control" if md5(f"{user_id}:{test_id}") % 100 < 50 else "treatment"

The share of control may be another than a half, to a ten-thousandth of a percent: with ``h`` the digest as a whole
number, a user's bucket is ``h % 100`` and behind the point ``h // 100 % 10_000``, and control are the buckets below
``100 * ratio``. Whether a user takes part at all is told from other digests, so that neither says anything of the
other. The same user is the same bytes: ids that differ in case or in Unicode form are different users.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from hashlib import md5

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["Assignment", "AssignmentRule", "Override", "Standing", "Variant", "assign", "assign_all"]

_BUCKETS = 1_000_000
"""A hundred, each parted in ten thousand."""


class Variant(StrEnum):
    """What a user gets."""

    CONTROL = "control"
    TREATMENT = "treatment"


class Override(StrEnum):
    """What a user gets whatever the rule says."""

    CONTROL = "control"
    TREATMENT = "treatment"
    NONE = "none"
    """Nothing of the experiment: what users get who take no part."""


class Standing(StrEnum):
    """Whether a user takes part, and why not."""

    ASSIGNED = "assigned"
    """Takes part, and counts."""
    OVERRIDDEN = "overridden"
    """Somebody said which variant it is; counts in no figure."""
    OUTSIDE_NAMESPACE = "outside_namespace"
    """Belongs to other experiments of the namespace."""
    NOT_ENROLLED = "not_enrolled"
    """Not among those that take part by now."""
    NOT_RUNNING = "not_running"
    """The experiment takes nobody in at this moment."""


class Assignment(msgspec.Struct, frozen=True):
    """What a user gets, and whether that is part of the experiment."""

    user_id: str
    variant: Variant
    """Control for whoever takes no part, unless overridden."""
    standing: Standing

    @property
    def takes_part(self) -> bool:
        """Whether exposures and outcomes of this user are recorded."""
        return self.standing is Standing.ASSIGNED


class AssignmentRule(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides what a user gets; it travels as JSON to wherever no store is at hand."""

    test_id: int
    ratio: float = 0.5
    """The share of control, to a millionth."""
    enrolment: float = 1.0
    """The share that takes part. Whoever does still does when it grows."""
    namespace: str | None = None
    namespace_start: float = 0.0
    namespace_end: float = 1.0
    overrides: dict[str, Override] = {}

    def __post_init__(self) -> None:
        if not 0 < _buckets(self.ratio) < _BUCKETS:
            raise InvalidInput(
                "assignment_ratio",
                f"{self.ratio} is no share of users that leaves both variants some.",
                remedy="Give the share of control, between 0 and 1: 0.5 is half.",
            )


def assign(rule: AssignmentRule, user_id: str) -> Assignment:
    """Return what *rule* gives to the user; the same on every machine and at all times.

    Raises :class:`InvalidInput` for an id that is empty or no text.
    """
    # First, so that no id is let through for not taking part.
    (variant,) = _groups(rule, [user_id])
    override = rule.overrides.get(user_id)
    if override is not None:
        forced = Variant.TREATMENT if override is Override.TREATMENT else Variant.CONTROL
        return Assignment(user_id, forced, Standing.OVERRIDDEN)
    if not _inside_namespace(rule, [user_id]):
        return Assignment(user_id, Variant.CONTROL, Standing.OUTSIDE_NAMESPACE)
    if not _enrolled(rule, [user_id]):
        return Assignment(user_id, Variant.CONTROL, Standing.NOT_ENROLLED)
    return Assignment(user_id, variant, Standing.ASSIGNED)


def assign_all(rule: AssignmentRule, user_ids: Iterable[str]) -> list[Variant | None]:
    """Return for each of *user_ids*, in their order, what :func:`assign` gives to those who take part, else ``None``.

    A million users take about half a second, and as much again for a namespace and for an enrolment below 1 each.
    """
    users = list(user_ids)
    if rule.namespace is None and rule.enrolment >= 1 and not rule.overrides:
        return list(_groups(rule, users))
    taking_part = [user for user in users if user not in rule.overrides]
    taking_part = _enrolled(rule, _inside_namespace(rule, taking_part))
    groups = dict(zip(taking_part, _groups(rule, taking_part), strict=True))
    return [groups.get(user) for user in users]


def _groups(rule: AssignmentRule, users: Sequence[str]) -> list[Variant]:
    below, control, treatment = _buckets(rule.ratio), Variant.CONTROL, Variant.TREATMENT
    return [control if bucket < below else treatment for bucket in _buckets_of(users, f":{rule.test_id}")]


def _inside_namespace(rule: AssignmentRule, users: list[str]) -> list[str]:
    if rule.namespace is None:
        return users
    start, end = _buckets(rule.namespace_start), _buckets(rule.namespace_end)
    buckets = _buckets_of(users, f":namespace:{rule.namespace}")
    return [user for user, bucket in zip(users, buckets, strict=True) if start <= bucket < end]


def _enrolled(rule: AssignmentRule, users: list[str]) -> list[str]:
    if rule.enrolment >= 1:
        return users
    below, buckets = _buckets(rule.enrolment), _buckets_of(users, f":{rule.test_id}:enrolment")
    return [user for user, bucket in zip(users, buckets, strict=True) if bucket < below]


def _buckets_of(users: Sequence[str], salt: str) -> list[int]:
    """Return which of the million buckets each user falls into, in the order of the rule: the hundred come first."""
    number = int.from_bytes
    if not all(users):
        raise _no_id("is empty.")
    try:
        # Only the last six decimal digits of a digest are asked for.
        lows = [number(md5((user + salt).encode(), usedforsecurity=False).digest()) % _BUCKETS for user in users]
    except (TypeError, UnicodeEncodeError) as error:
        raise _no_id("is no text.") from error
    return [low % 100 * 10_000 + low // 100 for low in lows]


def _buckets(share: float) -> int:
    """Return how many buckets *share* is; less than none for what is no share."""
    return round(share * _BUCKETS) if 0 <= share <= 1 else -1


def _no_id(problem: str) -> InvalidInput:
    return InvalidInput("user_id", problem, remedy="Give the id of a user, or of whatever stands for one, as text.")
