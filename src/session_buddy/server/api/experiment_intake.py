"""What the API takes of experiments: settings, decisions, users, outcomes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from session_buddy.experiments.assignment import Assignment, Override
from session_buddy.experiments.design import Guardrail, Method
from session_buddy.experiments.metrics import METRICS
from session_buddy.experiments.outcomes import TrialOutcome
from session_buddy.model import Kind, Phase
from session_buddy.reports.search import LONGEST_QUESTION, MOST_HITS
from session_buddy.server.api.taking import SOMETHING_VISIBLE

__all__ = [
    "MOST_OUTCOMES",
    "MOST_USERS",
    "Assignments",
    "Conclusion",
    "ExperimentChanges",
    "NewExperiment",
    "NewOutcome",
    "SearchInTrial",
    "Users",
    "WorkInTrial",
    "settings_of",
]

MOST_USERS, MOST_OUTCOMES = 1_000, 10_000
_CENTURY_SECONDS = 100 * 366 * 86_400
_MOST_SAMPLE = 1_000_000_000

Name = Annotated[str, Meta(min_length=1, max_length=500, pattern=SOMETHING_VISIBLE)]
Text = Annotated[str, Meta(max_length=4_000)]
Moment = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema={"format": "date-time"})]
Share = Annotated[float, Meta(ge=0, le=1)]
MetricName = Annotated[str, Meta(min_length=1, max_length=100, extra_json_schema={"enum": list(METRICS)})]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: Text | UnsetType | None = UNSET
    hypothesis: Text | UnsetType = UNSET
    """What is expected, and why; fixed from the start on."""
    metrics: Annotated[list[MetricName], Meta(min_length=1, max_length=20)] | UnsetType = UNSET
    """The first alone decides. Left out: `completion_rate`."""
    guardrails: Annotated[list[Guardrail], Meta(max_length=20)] | UnsetType = UNSET
    """Metrics that treatment must not harm."""
    min_sample_size: Annotated[int, Meta(ge=1, le=_MOST_SAMPLE)] | UnsetType = UNSET
    """Users in each variant, below which nothing is said. Left out: 100."""
    margin: Annotated[float, Meta(gt=0, le=100)] | UnsetType | None = UNSET
    """"No difference" is said if the lift lies within this of 0; 0.02 is 2 %. Left out or `null`: never."""
    alpha: Annotated[float, Meta(gt=0, le=0.5)] | UnsetType = UNSET
    """The chance of calling a winner where there is none. Left out: 0.05."""
    method: Method | UnsetType = UNSET
    """Left out: `sequential`."""
    adjusted: bool | UnsetType = UNSET
    """Whether what users did before is taken out of the figures (CUPED)."""
    covariate_days: Annotated[int, Meta(ge=0, le=365)] | UnsetType = UNSET
    """So many days before the start tell what users did before. Left out: 28."""
    unit: Literal["user", "session"] | UnsetType = UNSET
    """Whose ids stand for users."""
    assignment_ratio: Annotated[float, Meta(gt=0, lt=1)] | UnsetType = UNSET
    """The share of control. Left out: 0.5. Whoever was assigned before a change is left out of the analysis."""
    enrolment: Annotated[float, Meta(gt=0, le=1)] | UnsetType = UNSET
    """The share of users that takes part at all; after the start it can only grow. Left out: 1."""
    namespace: Name | UnsetType | None = UNSET
    """Experiments of one namespace share no users."""
    namespace_start: Share | UnsetType = UNSET
    """From here on the namespace's users are this experiment's."""
    namespace_end: Share | UnsetType = UNSET
    """From here on they are not."""
    overrides: Annotated[dict[Name, Override], Meta(max_length=10_000)] | UnsetType = UNSET
    """Users who get a variant, or none, whatever the rule says; they count in no figure."""
    end_date: Moment | UnsetType | None = UNSET
    """When it ends by itself; ISO-8601 with a zone."""


class NewExperiment(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft. What is left out has its default."""

    test_name: Name
    """Never used again: users are shared out by it."""
    control_strategy: Name
    treatment_strategy: Name


class ExperimentChanges(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be otherwise. Of a draft all can change; later `description`, `end_date`, `assignment_ratio`,
    `overrides`, and `enrolment` to more.
    """

    control_strategy: Name | UnsetType = UNSET
    treatment_strategy: Name | UnsetType = UNSET


class Conclusion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people decided."""

    decision: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=SOMETHING_VISIBLE)]
    """In their own words."""


class Users(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom something concerns."""

    user_ids: Annotated[list[Name], Meta(min_length=1, max_length=MOST_USERS)]


class WorkInTrial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who asks what to use next, and for which work."""

    user_id: Name
    session: Name | None = None
    """A session, or the beginning of its id; left out: what the user ever used counts."""
    skills: Annotated[list[Name], Meta(max_length=100)] = []
    """Skills used already, besides."""
    phase: Phase | None = None
    about: Annotated[str, Meta(max_length=2_000)] = ""
    """The work in words: what is to be done."""
    languages: Annotated[list[Name], Meta(max_length=20)] = []
    limit: Annotated[int, Meta(ge=1, le=200)] = 10


class SearchInTrial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who looks for what."""

    user_id: Name
    question: Annotated[str, Meta(min_length=1, max_length=LONGEST_QUESTION, pattern=SOMETHING_VISIBLE)]
    kind: Kind | None = None
    phase: Phase | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_HITS)] = 10


class Assignments(msgspec.Struct, frozen=True, kw_only=True):
    """What users get, in the order asked for."""

    assignments: list[Assignment]


class NewOutcome(TrialOutcome, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one use ended."""

    user_id: Name
    skill_name: Name
    completed: bool
    duration_seconds: Annotated[float, Meta(ge=0, le=_CENTURY_SECONDS)] | None = None
    user_rating: Annotated[float, Meta(ge=1, le=5)] | None = None
    """1 to 5."""
    recorded_at: Moment | None = None
    """When it ended, ISO-8601 with a zone; without it, when it is told."""
    key: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    """Tells this outcome from the others of the user: told again under it, it counts once."""


def settings_of(told: _Settings) -> dict[str, Any]:
    """Return what *told* says, by setting, as plain values; its name is not among them."""
    return {name: value for name, value in msgspec.to_builtins(told).items() if name != "test_name"}
