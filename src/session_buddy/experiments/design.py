"""What an experiment is: its row as a value, and all that was decided before it began. Pure."""

from __future__ import annotations

from enum import StrEnum
from math import isfinite

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.experiments.assignment import AssignmentRule, Override, Variant

__all__ = [
    "DEFAULT_METRICS",
    "DEFAULT_RATIO",
    "DEFAULT_SAMPLE",
    "Design",
    "Experiment",
    "Guardrail",
    "Method",
    "Status",
    "Unit",
    "Variant",
]

DEFAULT_METRICS = ("completion_rate",)
DEFAULT_RATIO, DEFAULT_SAMPLE = 0.5, 100
"""Those of the columns."""
_MOST_COVARIATE_DAYS = 365
_MOST_USERS = 1_000_000_000


class Status(StrEnum):
    """How far an experiment has come."""

    DRAFT = "draft"
    """Everything may still change; nobody takes part."""
    RUNNING = "running"
    PAUSED = "paused"
    """Who takes part already goes on; nobody is added."""
    STOPPED = "stopped"
    """Outcomes from before the end may still be told."""
    CONCLUDED = "concluded"
    """Decided; nothing is told any more."""
    ARCHIVED = "archived"


class Method(StrEnum):
    """When the figures may be looked at."""

    SEQUENTIAL = "sequential"
    """At any time, as often as one likes."""
    FIXED = "fixed"
    """Once, when all users are there."""


class Unit(StrEnum):
    """Whose ids stand for users."""

    USER = "user"
    SESSION = "session"


def _require(holds: bool, field: str, problem: str, remedy: str) -> None:
    if not holds:
        raise InvalidInput(field, problem, remedy=remedy)


def _require_from_zero(field: str, share: float) -> None:
    _require(share >= 0 and isfinite(share), field, f"{share} is no share.", "Give 0 or more; 0.02 is 2 %.")


class Guardrail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A metric that treatment must not harm, whatever it does for the primary one."""

    metric: str
    margin: float = 0.0
    """So much worse, relative to control, would be borne: 0.02 is 2 %."""

    def __post_init__(self) -> None:
        _require(bool(self.metric.strip()), "guardrails", "a metric has no name.", "Name one of the metrics.")
        _require_from_zero("guardrails", self.margin)


class Design(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was decided of an experiment and has no column of its own; checked when made.

    Raises :class:`InvalidInput`, which names the field.
    """

    hypothesis: str = ""
    guardrails: tuple[Guardrail, ...] = ()
    margin: float | None = None
    """No difference: the interval of the lift lies within this of 0. ``None``: such a thing is never said."""
    alpha: float = 0.05
    """The chance of calling a winner where there is none."""
    method: Method = Method.SEQUENTIAL
    adjusted: bool = False
    """Whether what users did before is taken out of the figures (CUPED)."""
    unit: Unit = Unit.USER
    enrolment: float = 1.0
    """The share of users that takes part at all."""
    namespace: str | None = None
    """Experiments of one namespace do not share users."""
    namespace_start: float = 0.0
    namespace_end: float = 1.0
    """The share of the namespace's users that is this experiment's, from start to below end."""
    overrides: dict[str, Override] = {}
    """Users who get a variant whatever the rule says, and count in no figure."""
    covariate_days: int = 28
    """So many days before the start tell what users did without the experiment; 0: none."""

    def __post_init__(self) -> None:
        if self.margin is not None:
            _require_from_zero("margin", self.margin)
            _require(self.margin > 0, "margin", "0 can never be shown.", "Give a share such as 0.02, or leave it out.")
        _require(0 < self.alpha <= 0.5, "alpha", f"{self.alpha} is not between 0 and 0.5.", "Usual is 0.05.")
        _require(0 < self.enrolment <= 1, "enrolment", f"{self.enrolment} is no share.", "Give more than 0, at most 1.")
        _require(
            0 <= self.namespace_start < self.namespace_end <= 1,
            "namespace_start",
            f"{self.namespace_start} to {self.namespace_end} is no part of a namespace.",
            "Give two shares, the first below the second, such as 0 and 0.5.",
        )
        _require(
            self.namespace is not None or (self.namespace_start, self.namespace_end) == (0, 1),
            "namespace",
            "is not named.",
            "Name it, or leave out which part of it is meant.",
        )
        _require(self.namespace != "", "namespace", "is empty.", "Name it, or leave it out.")
        _require("" not in self.overrides, "overrides", "a user has no name.", "Name the user.")
        _require(
            0 <= self.covariate_days <= _MOST_COVARIATE_DAYS,
            "covariate_days",
            f"{self.covariate_days} is not between 0 and {_MOST_COVARIATE_DAYS}.",
            "Usual is 28.",
        )
        _require(
            not self.adjusted or (self.covariate_days > 0 and self.unit is Unit.USER),
            "adjusted",
            "needs to know what the same users did before.",
            "Give covariate_days and unit 'user', or leave it out.",
        )


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``ab_test_configs``, decoded; checked when made."""

    test_id: int
    test_name: str
    control_strategy: str
    treatment_strategy: str
    start_date: str
    """When it began; of a draft, when it was created."""
    description: str | None = None
    end_date: str | None = None
    """When it ends, or ended; nothing that happens after this moment is taken in."""
    min_sample_size: int = DEFAULT_SAMPLE
    """There is no verdict with fewer users in either arm."""
    metrics: tuple[str, ...] = DEFAULT_METRICS
    """The first is the primary one: it alone decides."""
    assignment_ratio: float = DEFAULT_RATIO
    """The share of users that gets control."""
    status: Status = Status.DRAFT
    """As stored; :meth:`status_at` knows of ``end_date``."""
    design: Design = Design()
    ratio_since: str | None = None
    """When the ratio was last changed: who was assigned before is left out of the analysis."""

    def __post_init__(self) -> None:
        for field in ("test_name", "control_strategy", "treatment_strategy"):
            _require(bool(getattr(self, field).strip()), field, "is empty.", "Every experiment needs one.")
        _ = self.rule  # which checks the ratio
        _require(
            0 < self.min_sample_size <= _MOST_USERS,
            "min_sample_size",
            f"{self.min_sample_size} is no number of users.",
            f"Give 1 to {_MOST_USERS:,}.",
        )
        _require(bool(self.metrics), "metrics", "there is none.", "Name one at least.")
        _require(all(name.strip() for name in self.metrics), "metrics", "one has no name.", "Name it, or leave it out.")
        repeated = {name for name in self.metrics if self.metrics.count(name) > 1}
        _require(not repeated, "metrics", f"{', '.join(sorted(repeated))} stands twice.", "Name each once.")
        _require(
            self.end_date is None or self.end_date > self.start_date,
            "end_date",
            f"{self.end_date} is not after the start, {self.start_date}.",
            "Give a later moment, or leave it out.",
        )

    @property
    def primary_metric(self) -> str:
        """The metric that decides."""
        return self.metrics[0]

    @property
    def rule(self) -> AssignmentRule:
        """All that it takes to say which variant a user gets."""
        return AssignmentRule(
            test_id=self.test_id,
            ratio=self.assignment_ratio,
            enrolment=self.design.enrolment,
            namespace=self.design.namespace,
            namespace_start=self.design.namespace_start,
            namespace_end=self.design.namespace_end,
            overrides=self.design.overrides,
        )

    def status_at(self, now: str) -> Status:
        """Return the status at the moment *now*: what has passed its ``end_date`` is stopped, whoever looks."""
        is_over = self.end_date is not None and self.end_date <= now
        return Status.STOPPED if is_over and self.status in (Status.RUNNING, Status.PAUSED) else self.status

    def strategy_of(self, variant: Variant) -> str:
        """Return the name of the strategy that *variant* stands for."""
        return self.control_strategy if variant is Variant.CONTROL else self.treatment_strategy
