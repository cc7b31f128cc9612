"""How far an experiment is, and how far it has to go. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from session_buddy.experiments.comparing import Comparison, Pair
from session_buddy.experiments.design import Experiment
from session_buddy.experiments.effects import difference
from session_buddy.experiments.estimates import Unknown
from session_buddy.experiments.power import Arms, detectable, users_until_decided

__all__ = ["Progress", "planned_units", "progress_of"]

_LEAST_PLANNED = 400.0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is, and how far it has to go."""

    users: int
    """Of both variants, who count for the primary metric."""
    least_users: int
    """In each variant."""
    days: float
    """Since the start, or between start and end."""
    detectable_lift: float | None = None
    """The least lift that as many users show at one look, four times in five."""
    users_to_decision: int | None = None
    """In all, if what is seen by now is the truth; None where it cannot be told."""
    days_to_decision: float | None = None
    """From now on, if users come as they did."""


def planned_units(experiment: Experiment) -> float:
    """Return the users of both variants at which always-valid intervals are tightest: twice the least that is asked.

    Not below a few hundred: such intervals lean on means being normal, which takes users.
    """
    return max(_LEAST_PLANNED, 4.0 * experiment.min_sample_size)


def progress_of(experiment: Experiment, primary: Comparison, estimated: Pair | Unknown, *, now: str) -> Progress:
    """Return the progress of *experiment*, whose *primary* metric was *estimated* so at the moment *now*."""
    users = primary.control.users + primary.treatment.users
    days = max(0.0, _days(experiment.start_date, min(now, experiment.end_date or now)))
    progress = Progress(users=users, least_users=experiment.min_sample_size, days=days)
    if isinstance(estimated, Unknown):
        return progress
    control, treatment = estimated
    effect = difference(control, treatment)
    if isinstance(effect, Unknown):
        return progress
    arms = Arms(
        control_variance=control.variance,
        treatment_variance=treatment.variance,
        control_share=control.n / (control.n + treatment.n),
    )
    least = detectable(arms, control.n + treatment.n, alpha=experiment.design.alpha)
    progress = msgspec.structs.replace(
        progress, detectable_lift=least / abs(control.baseline) if control.baseline else None
    )
    needed = users_until_decided(effect, experiment.design.alpha, planned_units=planned_units(experiment))
    if needed is None:
        return progress
    needed = max(needed, 2 * experiment.min_sample_size)
    return msgspec.structs.replace(
        progress,
        users_to_decision=needed,
        days_to_decision=max(0, needed - users) * days / users if users and days else None,
    )


def _days(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds() / 86_400
