"""One answer, in one sentence: who wins, that nothing differs, that it is too early, or that nothing can be trusted.

Pure. What cannot be told is never given a figure that looks like an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from session_buddy.experiments.balance import Balance
from session_buddy.experiments.comparing import Comparison, Range, Role
from session_buddy.experiments.design import Method
from session_buddy.experiments.effects import Interval
from session_buddy.experiments.metrics import Unit
from session_buddy.formats import count, duration, percent

__all__ = ["Decision", "Rules", "Verdict", "judge", "told_lift", "told_value"]


class Decision(StrEnum):
    """What an experiment says."""

    CONTROL = "control"
    """Control is better, or treatment does harm."""
    TREATMENT = "treatment"
    NO_DIFFERENCE = "no_difference"
    """What they differ by, if they do, is less than matters."""
    KEEP_RUNNING = "keep_running"
    """It cannot be told yet."""
    INVALID = "invalid"
    """Something is wrong with the data: no figure can be trusted."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The decision, and why."""

    decision: Decision
    sentence: str
    reasons: tuple[str, ...] = ()
    """What else bears on it."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What was laid down before the start, and whether it has ended."""

    control_strategy: str
    treatment_strategy: str
    least_users: int
    """In each variant, before anything is said."""
    method: Method
    margin: float | None = None
    """The lift that would not matter either way."""
    guardrail_margins: Mapping[str, float] = {}
    """By metric the relative harm that is accepted."""
    is_over: bool = False


def judge(comparisons: Sequence[Comparison], balances: Mapping[str, Balance], rules: Rules) -> Verdict:
    """Return the verdict; *balances* by what users were counted for, such as ``assigned``."""
    if broken := [(what, found) for what, found in balances.items() if found.is_mismatched]:
        return Verdict(
            decision=Decision.INVALID,
            sentence=f"Invalid: {_mismatch(*broken[0])}.",
            reasons=(
                *(f"Also: {_mismatch(*one)}." for one in broken[1:]),
                "Find out where users or their outcomes get lost before any figure here is believed.",
            ),
        )
    (primary,) = (one for one in comparisons if one.role is Role.PRIMARY)
    if too_early := _too_early(primary, rules):
        return Verdict(decision=Decision.KEEP_RUNNING, sentence=too_early)
    guardrails = [one for one in comparisons if one.role is Role.GUARDRAIL]
    notes = tuple(f"No telling about {one.title}: {one.reason}" for one in guardrails if one.reason)
    if harmed := [one for one in guardrails if _is_harmed(one, rules.guardrail_margins.get(one.metric, 0.0))]:
        return Verdict(
            decision=Decision.CONTROL,
            sentence=f"Control ({rules.control_strategy}) stays: treatment makes {harmed[0].title} worse,"
            f" {_change(harmed[0], is_share=bool(rules.guardrail_margins.get(harmed[0].metric)))}.",
            reasons=(f"Of {primary.title}: {_change(primary)}.", *notes),
        )
    assert primary.difference is not None, "a comparison without a reason has a difference"
    if primary.difference.interval.excludes_zero:
        won = primary.is_better(primary.difference.point)
        strategy = rules.treatment_strategy if won else rules.control_strategy
        return Verdict(
            decision=Decision.TREATMENT if won else Decision.CONTROL,
            sentence=f"{'Treatment' if won else 'Control'} ({strategy}) wins: {_sides(primary)}.",
            reasons=notes,
        )
    if rules.margin is not None and primary.lift is not None and primary.lift.interval.within(rules.margin):
        return Verdict(
            decision=Decision.NO_DIFFERENCE,
            sentence=f"No difference that matters: {_change(primary, is_share=True)}, all within"
            f" {_plain_percent(rules.margin)} either way.",
            reasons=notes,
        )
    ended = "It ended without telling" if rules.is_over else "Keep running"
    return Verdict(
        decision=Decision.KEEP_RUNNING, sentence=f"{ended}: {_change(primary)}, which may be either.", reasons=notes
    )


def told_value(value: float | None, unit: Unit) -> str:
    """Return *value* as people read it."""
    if value is None:
        return "not known"
    if unit is Unit.RATE:
        return percent(value)
    return duration(value) if unit is Unit.SECONDS else f"{value:.2f}"


def told_lift(lift: Range | Interval | float) -> str:
    """Return a lift, with its interval where it has one.

    >>> told_lift(Range(0.1, 0.02, 0.18))
    '+10.0 % (+2.0 to +18.0 %)'
    """
    if isinstance(lift, float):
        return f"{100 * lift:+.1f} %"
    between = f"{100 * lift.low:+.1f} to {100 * lift.high:+.1f} %"
    return between if isinstance(lift, Interval) else f"{100 * lift.point:+.1f} % ({between})"


def _too_early(primary: Comparison, rules: Rules) -> str | None:
    """Return why nothing is said of the primary metric yet."""
    again = "It ended too early" if rules.is_over else "Keep running"
    users = primary.control.users, primary.treatment.users
    if min(users) < rules.least_users:
        return (
            f"{again}: control has {count(users[0])} and treatment {count(users[1])} of at least"
            f" {count(rules.least_users)} users with {primary.title}."
        )
    if primary.reason is not None:
        return f"{'It ended without telling' if rules.is_over else 'Keep running'}: {primary.reason}"
    if rules.method is Method.FIXED and not rules.is_over:
        return "Keep running: it is to be judged once, at its end. Judged earlier, chance would pass for a winner."
    return None


def _mismatch(what: str, found: Balance) -> str:
    assert found.p_value is not None, "a mismatch has a p"
    chance = f"once in {count(round(1 / found.p_value))}" if found.p_value > 1e-9 else "never"
    return (
        f"of the users {what}, {count(found.control)} are in control and {count(found.treatment)} in treatment, where"
        f" {_plain_percent(found.control_share)} in control were meant; by chance that happens {chance}"
    )


def _is_harmed(one: Comparison, margin: float) -> bool:
    # A margin is a share of control's value; whether anything differs at all, the difference tells.
    found = one.lift if margin else one.difference
    if found is None:
        return False
    return found.high < -margin if one.is_higher_better else found.low > margin


def _sides(one: Comparison) -> str:
    values = f"{told_value(one.treatment.value, one.unit)} against {told_value(one.control.value, one.unit)}"
    users = count(one.control.users + one.treatment.users)
    return f"{one.title} {values}, {_change(one, named=False)}, from {users} users"


def _change(one: Comparison, *, named: bool = True, is_share: bool = False) -> str:
    """Return the lift, if it says of 0 what the difference says, or if a share *is_share* was asked for."""
    of = f"a lift in {one.title} of " if named else "a lift of "
    found = one.difference
    assert found is not None, "a comparison without a reason has a difference"
    if one.lift is not None and (is_share or one.lift.interval.excludes_zero == found.interval.excludes_zero):
        return f"{of}{told_lift(one.lift)}"
    of = f"a difference in {one.title}" if named else "a difference"
    return f"{of} of {found.point:+.4g} ({found.low:+.4g} to {found.high:+.4g})"


def _plain_percent(share: float) -> str:
    return f"{100 * share:.4g} %"
