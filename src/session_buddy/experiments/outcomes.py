"""How uses ended under an experiment: what is told, whether it can be, and whether it was told before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from session_buddy.errors import DuplicateOutcome, InvalidInput, WrongState
from session_buddy.experiments.assignment import Standing
from session_buddy.experiments.design import Experiment, Status
from session_buddy.experiments.rows import number_of
from session_buddy.model import parse_time

__all__ = [
    "LeftOut",
    "OutcomesRecorded",
    "TrialOutcome",
    "check_outcomes",
    "checked_moment",
    "is_text",
    "outcome_id",
    "require_same",
]

_AHEAD = timedelta(minutes=5)
"""Clocks may differ by so much."""
_LONGEST_SECONDS = 100 * 366 * 86_400.0


class TrialOutcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one use ended."""

    user_id: str
    skill_name: str
    completed: bool
    duration_seconds: float | None = None
    user_rating: float | None = None
    """1 to 5."""
    recorded_at: str | None = None
    """ISO-8601 with a zone; without it, when it is told."""
    key: str | None = None
    """Tells this outcome of the user from the user's others, so that it may be told again without counting twice."""


class LeftOut(msgspec.Struct, frozen=True):
    """An outcome that is not recorded, since its user takes no part."""

    index: int
    """Its place among those told, from 0."""
    user_id: str
    standing: Standing


class OutcomesRecorded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the outcomes that were told."""

    added: int = 0
    repeated: int = 0
    """Told before under the same key, and alike."""
    left_out: tuple[LeftOut, ...] = ()


def check_outcomes(told: Iterable[TrialOutcome | Mapping[str, Any]]) -> list[TrialOutcome]:
    """Return outcomes as values, with times in the canonical form.

    Raises :class:`InvalidInput`, which names index and field: ``outcomes[3].user_rating``.
    """
    return [_checked(index, one) for index, one in enumerate(told)]


def checked_moment(experiment: Experiment, index: int, outcome: TrialOutcome, *, now: str) -> str:
    """Return when *outcome* happened, told at the moment *now*.

    Raises :class:`WrongState` where *experiment* takes none in, or not from then, and :class:`InvalidInput` for a time
    before its start or in the future.
    """
    status, field = experiment.status_at(now), f"outcomes[{index}].recorded_at"
    if status in (Status.DRAFT, Status.CONCLUDED, Status.ARCHIVED):
        raise WrongState(
            f"{experiment.test_name!r} is {status.value}: it takes no outcomes.",
            remedy="Start it first." if status is Status.DRAFT else "Its figures stand as they are.",
            status=status.value,
        )
    moment = outcome.recorded_at or now
    if moment > parse_time((datetime.fromisoformat(now) + _AHEAD).isoformat()):
        raise InvalidInput(field, f"{moment} lies in the future.", remedy="Correct it, or the clock it comes from.")
    if moment < experiment.start_date:
        raise InvalidInput(
            field,
            f"{moment} lies before the start of {experiment.test_name!r}, {experiment.start_date}.",
            remedy="Leave out what happened before.",
        )
    if experiment.end_date is None and status is Status.STOPPED:
        raise WrongState(
            f"{experiment.test_name!r} is stopped, and it is not known since when.",
            remedy="Say so in end_date of its row, which another program stopped.",
            status=status.value,
        )
    if experiment.end_date is not None and moment > experiment.end_date:
        raise WrongState(
            f"outcomes[{index}] is of {moment}, but {experiment.test_name!r} ended at {experiment.end_date}.",
            remedy="Tell outcomes with the time of their use (recorded_at); leave out what happened after the end.",
            status=status.value,
        )
    return moment


def outcome_id(test_id: int, outcome: TrialOutcome) -> int:
    """Return the id of an outcome with a key: the same whenever it is told."""
    return number_of(test_id, outcome.user_id, outcome.key)


def require_same(index: int, outcome: TrialOutcome, before: TrialOutcome) -> None:
    """Raise :class:`DuplicateOutcome` where *outcome* says something else than it did *before* under its key."""
    fields = ("skill_name", "completed", "duration_seconds", "user_rating", "recorded_at")
    differs = [
        field
        for field in fields
        if getattr(outcome, field) != getattr(before, field)
        # Without a time of its own it is the same one at any time.
        and not (field == "recorded_at" and None in (outcome.recorded_at, before.recorded_at))
    ]
    if differs:
        first = differs[0]
        raise DuplicateOutcome(
            f"outcomes[{index}]: the key {outcome.key!r} of user {outcome.user_id!r} was told before with"
            f" {first} {getattr(before, first)!r}, not {getattr(outcome, first)!r}. Nothing was stored.",
            remedy="Give each use a key of its own, and tell it again only as it was.",
            field=f"outcomes[{index}].{first}",
            differs=differs,
        )


def _checked(index: int, told: TrialOutcome | Mapping[str, Any]) -> TrialOutcome:
    try:
        outcome = told if isinstance(told, TrialOutcome) else msgspec.convert(told, TrialOutcome)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$.")
        raise _refused(index, path.rstrip("`"), f"{problem}.", "Correct it.") from error
    for field in ("user_id", "skill_name"):
        if not getattr(outcome, field).strip():
            raise _refused(index, field, "is empty.", "Every outcome needs one.")
    if outcome.key == "":
        raise _refused(index, "key", "is empty.", "Give one, or leave it out.")
    for field in ("user_id", "skill_name", "key"):
        if not is_text(getattr(outcome, field) or ""):
            raise _refused(index, field, "holds half a surrogate pair.", "Give text that can be written as UTF-8.")
    duration, rating = outcome.duration_seconds, outcome.user_rating
    if duration is not None and not 0 <= duration <= _LONGEST_SECONDS:
        raise _refused(index, "duration_seconds", f"{duration} is no length of time.", "Leave it out if not known.")
    if rating is not None and not 1 <= rating <= 5:
        raise _refused(index, "user_rating", f"{rating} is outside 1-5.", "Rate from 1 to 5, or leave it out.")
    if outcome.recorded_at is None:
        return outcome
    moment = parse_time(outcome.recorded_at, field=f"outcomes[{index}].recorded_at")
    return msgspec.structs.replace(outcome, recorded_at=moment)


def _refused(index: int, field: str, problem: str, remedy: str) -> InvalidInput:
    return InvalidInput(
        f"outcomes[{index}].{field}".rstrip("."), problem, remedy=f"{remedy} Nothing of the batch was stored."
    )


def is_text(text: str) -> bool:
    """Tell whether *text* can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
