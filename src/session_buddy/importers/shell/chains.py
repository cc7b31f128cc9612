"""What is known of the parts of ``a && b || c``, given what is known of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, IntEnum

import msgspec

__all__ = ["Chance", "Status", "Verdict", "settle"]


class Status(Enum):
    """What is known of an exit code."""

    ZERO = 0
    NONZERO = 1
    OPEN = 2
    """Not told by the call; the output may tell."""
    DISPUTED = 3
    """The output contradicts the call, or speaks for several runs: it is not asked."""

    def negated(self) -> Status:
        """Return what is known of the exit code behind a ``!``."""
        return {Status.ZERO: Status.NONZERO, Status.NONZERO: Status.ZERO}.get(self, self)


class Chance(IntEnum):
    """How certain it is that a command ran, surest first."""

    RAN = 0
    FOLLOWS = 1
    """It ran if what stands before its ``&&`` succeeded."""
    MAYBE = 2
    NEVER = 3


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """How a pipeline ended, before the call's exit code is considered; None: cannot be told."""

    succeeded: bool | None = None
    is_shown: bool = False
    """Whether the output tells so, and with it that the pipeline ran."""


def settle(
    operators: Sequence[str], verdicts: Iterable[Verdict], status: Status, chance: Chance
) -> list[tuple[Status, Chance]]:
    """Return status and chance of each pipeline of a chain that has *status* and *chance* itself.

    *verdicts* says of each how it ends if it runs; they are asked for only where the
    status does not tell everything. The chain is worked out from its last operator back
    to the first, as ``((a && b) || c)`` is nested.
    """
    if status is Status.ZERO and "||" not in operators:
        return [(status, chance)] * (len(operators) + 1)
    known = list(verdicts)
    if "||" not in operators and sum(verdict.is_shown and not verdict.succeeded for verdict in known) > 1:
        # One failure ends a chain of `&&`, so two cannot both be true.
        return [(Status.DISPUTED, chance)] + [(Status.DISPUTED, max(chance, Chance.FOLLOWS))] * len(operators)
    upto = [known[0].succeeded]
    for operator, verdict in zip(operators, known[1:], strict=True):
        upto.append(_joined(operator, upto[-1], verdict.succeeded))
    settled: list[tuple[Status, Chance]] = []
    for index in reversed(range(len(operators))):
        split = _split_and if operators[index] == "&&" else _split_or
        status, right, right_chance = split(status, upto[index], known[index + 1])
        settled.append((right, max(chance, right_chance)))
    settled.append((status, chance))
    return settled[::-1]


def _joined(operator: str, left: bool | None, right: bool | None) -> bool | None:
    """Return how ``left && right`` or ``left || right`` ends."""
    decisive = operator == "||"
    if left is decisive or right is decisive:
        return decisive
    return None if left is None else right


def _split_and(status: Status, left: bool | None, right: Verdict) -> tuple[Status, Status, Chance]:
    """Return the status of *left*, that of *right* and its chance, given that of ``left && right``."""
    if status is Status.ZERO:
        return Status.ZERO, Status.ZERO, Chance.RAN
    if status is Status.DISPUTED:
        return Status.DISPUTED, Status.DISPUTED, Chance.FOLLOWS
    if left is False:
        return Status.NONZERO, Status.OPEN, Chance.NEVER
    if left is True:
        return Status.ZERO, status, Chance.RAN
    if right.is_shown and right.succeeded is False:
        return Status.ZERO, Status.NONZERO, Chance.RAN
    if right.is_shown:
        is_credible = status is Status.OPEN
        return (Status.ZERO, Status.ZERO, Chance.RAN) if is_credible else (Status.OPEN, Status.DISPUTED, Chance.FOLLOWS)
    if right.succeeded and status is Status.NONZERO:
        return Status.NONZERO, Status.OPEN, Chance.NEVER
    return Status.OPEN, Status.OPEN, Chance.FOLLOWS


def _split_or(status: Status, left: bool | None, right: Verdict) -> tuple[Status, Status, Chance]:
    """Return the status of *left*, that of *right* and its chance, given that of ``left || right``."""
    if status is Status.NONZERO:
        return Status.NONZERO, Status.NONZERO, Chance.RAN
    if status is Status.DISPUTED:
        return Status.DISPUTED, Status.DISPUTED, Chance.MAYBE
    if left is True or (status is Status.ZERO and right.succeeded is False and not right.is_shown):
        return Status.ZERO, Status.OPEN, Chance.NEVER
    if left is False:
        return Status.NONZERO, status, Chance.RAN
    return Status.OPEN, Status.OPEN, Chance.MAYBE
