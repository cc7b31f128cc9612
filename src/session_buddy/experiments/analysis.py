"""An experiment as it stands: read in sums, compared, and judged."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from session_buddy.experiments.balance import Balance, balance
from session_buddy.experiments.breakdown import read_course, read_segments
from session_buddy.experiments.comparing import (
    Comparison,
    Pair,
    Range,
    Role,
    compare,
    estimates_of,
    with_adjusted_p,
)
from session_buddy.experiments.design import Experiment, Status, Variant
from session_buddy.experiments.effects import difference
from session_buddy.experiments.estimates import Unknown, mean
from session_buddy.experiments.metrics import METRICS, Metric, Way, metric_named
from session_buddy.experiments.moments import Moments
from session_buddy.experiments.progress import Progress, planned_units, progress_of
from session_buddy.experiments.quantiles import Quantiles
from session_buddy.experiments.sums import (
    Head,
    Scope,
    read_quantiles,
    read_sums,
)
from session_buddy.experiments.verdict import Rules, Verdict, judge
from session_buddy.storage.store import Store

__all__ = [
    "Analysis",
    "CoursePoint",
    "Health",
    "Segment",
    "analyse",
    "analyse_course",
    "analyse_segments",
    "margins_of",
]

_USES = METRICS["outcomes_per_user"]
_MANY_CROSSED = 0.01
_SURE = 0.001
_OVER = {Status.STOPPED, Status.CONCLUDED, Status.ARCHIVED}
_NOBODY = Moments(0, (), ())


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the data of an experiment are sound."""

    heads: dict[str, Head]
    """By variant."""
    balances: dict[str, Balance]
    """By what users were counted for: ``assigned``, ``exposed``, ``with outcomes``."""
    notes: tuple[str, ...] = ()
    """What looks odd and blocks no verdict."""


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be told of an experiment at one moment."""

    test_id: int
    test_name: str
    status: Status
    at: str
    verdict: Verdict
    comparisons: list[Comparison]
    """The primary metric first, then the others, then guardrails."""
    health: Health
    progress: Progress


class CoursePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The primary metric as it stood at the end of a UTC day."""

    day: str
    users: int
    lift: Range | None = None
    """With the always-valid interval, or that of one look, by the experiment's method."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The primary metric in the outcomes of one skill. To get ideas from, not to decide by."""

    skill: str
    comparison: Comparison


def analyse(store: Store, experiment: Experiment, *, now: str) -> Analysis:
    """Return *experiment* as it stands at the moment *now*.

    Raises :class:`~session_buddy.errors.NotFound` where it names a metric that there is not.
    """
    scope = _scope(experiment)
    roles = _roles(experiment)
    sums = read_sums(store, scope, [*(metric for metric, _ in roles), _USES], adjusted=experiment.design.adjusted)
    heads, moments = {variant.value: Head() for variant in Variant} | sums.heads, sums.moments
    estimated = [_estimated(store, scope, metric, moments.get(metric.name, {})) for metric, _ in roles]
    comparisons = with_adjusted_p(
        [
            _compared(experiment, metric, role, found, moments)
            for (metric, role), found in zip(roles, estimated, strict=True)
        ]
    )
    status = experiment.status_at(now)
    balances = _balances(heads, experiment.assignment_ratio)
    return Analysis(
        test_id=experiment.test_id,
        test_name=experiment.test_name,
        status=status,
        at=now,
        verdict=judge(comparisons, balances, _rules(experiment, status)),
        comparisons=comparisons,
        health=Health(heads=heads, balances=balances, notes=_notes(heads, moments[_USES.name])),
        progress=progress_of(experiment, comparisons[0], estimated[0], now=now),
    )


def analyse_course(store: Store, experiment: Experiment) -> list[CoursePoint]:
    """Return the lift of the primary metric day by day, as it was known at each day's end."""
    metric = metric_named(experiment.primary_metric)
    course = []
    for day, moments in read_course(store, _scope(experiment), metric):
        found = _compared(experiment, metric, Role.PRIMARY, _pair_of(metric, moments), {metric.name: moments})
        course.append(CoursePoint(day=day, users=found.control.users + found.treatment.users, lift=found.lift))
    return course


def analyse_segments(store: Store, experiment: Experiment, *, limit: int = 20) -> list[Segment]:
    """Return the primary metric by skill, the most used first; p-values are adjusted for how many there are."""
    metric = metric_named(experiment.primary_metric)
    found = [
        (skill, _compared(experiment, metric, Role.SECONDARY, _pair_of(metric, moments), {metric.name: moments}))
        for skill, moments in read_segments(store, _scope(experiment), metric, limit=limit)
    ]
    named = with_adjusted_p([msgspec.structs.replace(one, metric=str(n)) for n, (_, one) in enumerate(found)])
    return [
        Segment(skill=skill, comparison=msgspec.structs.replace(one, metric=metric.name))
        for (skill, _), one in zip(found, named, strict=True)
    ]


def margins_of(experiment: Experiment) -> dict[str, float]:
    """Return by guardrail the harm that is borne, as a share; a metric has its own name, whatever it was called."""
    return {metric_named(one.metric).name: one.margin for one in experiment.design.guardrails}


def _scope(experiment: Experiment) -> Scope:
    return Scope(experiment.test_id, experiment.ratio_since or "", tuple(sorted(experiment.design.overrides)))


def _roles(experiment: Experiment) -> list[tuple[Metric, Role]]:
    primary, *others = map(metric_named, experiment.metrics)
    guardrails = [metric_named(guardrail.metric) for guardrail in experiment.design.guardrails]
    return [
        (primary, Role.PRIMARY),
        *((metric, Role.SECONDARY) for metric in others if metric not in guardrails),
        *((metric, Role.GUARDRAIL) for metric in guardrails if metric != primary),
    ]


def _estimated(store: Store, scope: Scope, metric: Metric, moments: Mapping[str, Moments]) -> Pair | Unknown:
    if metric.way is not Way.QUANTILE:
        return _pair_of(metric, moments)
    assert metric.level is not None
    arms: list[Quantiles] = []
    for variant in Variant:
        found = read_quantiles(store, scope, metric.level, variant.value)
        if isinstance(found, Unknown):
            return found
        arms.append(found)
    return estimates_of(metric, *arms)


def _pair_of(metric: Metric, moments: Mapping[str, Moments]) -> Pair | Unknown:
    arms = [moments.get(variant.value, _NOBODY) for variant in Variant]
    if not all(arm.n for arm in arms):
        missing = [variant.value for variant, arm in zip(Variant, arms, strict=True) if not arm.n]
        return Unknown(f"There is no user with {metric.title} in {' or in '.join(missing)} yet.")
    return estimates_of(metric, *arms)


def _compared(
    experiment: Experiment,
    metric: Metric,
    role: Role,
    estimated: Pair | Unknown,
    moments: Mapping[str, Mapping[str, Moments]],
) -> Comparison:
    design = experiment.design
    of_metric = moments.get(metric.name, {})
    if metric.way is Way.QUANTILE and not isinstance(estimated, Unknown):
        users = estimated[0].n, estimated[1].n
    else:
        users = tuple(of_metric.get(variant.value, _NOBODY).n for variant in Variant)  # type: ignore[assignment]
    # Of several guardrails none may seem harmed by chance: they share alpha.
    shares = len(design.guardrails) if role is Role.GUARDRAIL else 1
    return compare(
        metric,
        estimated,
        role=role,
        alpha=design.alpha / shares,
        method=design.method,
        planned_units=planned_units(experiment),
        users=users,
        adjusted=design.adjusted and bool(metric.before),
    )


def _rules(experiment: Experiment, status: Status) -> Rules:
    return Rules(
        control_strategy=experiment.control_strategy,
        treatment_strategy=experiment.treatment_strategy,
        least_users=experiment.min_sample_size,
        method=experiment.design.method,
        margin=experiment.design.margin,
        guardrail_margins=margins_of(experiment),
        is_over=status in _OVER,
    )


def _balances(heads: Mapping[str, Head], ratio: float) -> dict[str, Balance]:
    control, treatment = (heads[variant.value] for variant in Variant)
    counted = {
        "assigned": (control.assigned, treatment.assigned),
        "exposed": (control.exposed, treatment.exposed),
        "with outcomes": (control.with_outcomes, treatment.with_outcomes),
    }
    return {what: balance(*users, ratio) for what, users in counted.items() if sum(users)}


def _notes(heads: Mapping[str, Head], uses: Mapping[str, Moments]) -> tuple[str, ...]:
    notes = []
    crossed, exposed = (sum(getattr(head, field) for head in heads.values()) for field in ("crossed", "exposed"))
    if exposed and crossed / exposed > _MANY_CROSSED:
        notes.append(f"{crossed} of {exposed} exposed users met both variants: what they show is a mixture of both.")
    arms = [uses.get(variant.value) for variant in Variant]
    if all(arm is not None and arm.n > 1 for arm in arms):
        estimates = [mean(arm) for arm in arms if arm is not None]
        found = difference(*estimates) if not any(isinstance(one, Unknown) for one in estimates) else None  # type: ignore[arg-type]
        if found is not None and not isinstance(found, Unknown) and found.p_value < _SURE:
            control, treatment = (f"{arm.mean(0):.2f}" for arm in arms if arm is not None)
            notes.append(
                f"Users of treatment bring {treatment} outcomes each, those of control {control}: the treatment does"
                " that, or outcomes of one of them get lost."
            )
    return tuple(notes)
