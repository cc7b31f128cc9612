"""What tools are asked with: each argument with its type, its bounds and what it means to a model."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from session_buddy.model import ErrorType, Kind, Outcome, Phase
from session_buddy.ordering import RankingOrder

__all__ = [
    "AnomalyArguments",
    "CompareArguments",
    "OutcomeArguments",
    "PredictArguments",
    "RateArguments",
    "RecommendArguments",
    "SearchArguments",
    "SessionArguments",
    "StatsArguments",
    "VariantArguments",
]

_NAME = 500
_CENTURY_MS = 100 * 366 * 86_400_000

_Name = Annotated[str, Meta(max_length=_NAME)]
_Mark = Annotated[float, Meta(ge=1, le=5)]
Skill = Annotated[str, Meta(max_length=_NAME, description="A skill's name, with or without its prefix.")]
OneSkill = Annotated[_Name | None, Meta(description="Only this skill.")]
Session = Annotated[_Name | None, Meta(description="Session id or its beginning; default: the latest.")]
InPhase = Annotated[Phase | None, Meta(description="Where in the work you are.")]
Limit = Annotated[int, Meta(ge=1, le=50, description="The most to return.")]
Cursor = Annotated[Annotated[str, Meta(max_length=100)] | None, Meta(description="`next` of the answer before.")]
Rating = Annotated[_Mark | None, Meta(description="The user's, 1 (bad) to 5 (good).")]


class _Arguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class SearchArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``search_skills``."""

    question: Annotated[str, Meta(description="What is to be done, in words.")]
    phase: InPhase = None
    kind: Kind | None = None
    limit: Limit = 5
    cursor: Cursor = None


class RecommendArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``recommend_skills``."""

    about: Annotated[str, Meta(max_length=2_000, description="The work in words.")] = ""
    skills: Annotated[tuple[str, ...], Meta(max_length=100, description="For whoever uses these.")] = ()
    session: Session = None
    phase: InPhase = None
    languages: Annotated[tuple[str, ...], Meta(max_length=20, description="Of the work, e.g. python.")] = ()
    limit: Limit = 5
    cursor: Cursor = None


class PredictArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``predict_success``."""

    skill: Skill
    session: Session = None
    phase: InPhase = None


class OutcomeArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``record_outcome``."""

    event_id: Annotated[
        str, Meta(max_length=_NAME, description="Unique to this use: the tool call's id, or a UUID. Same id, same use.")
    ]
    skill: Annotated[str, Meta(max_length=_NAME, description="What was used.")]
    outcome: Annotated[Outcome, Meta(description="abandoned: rejected, interrupted or given up.")]
    error_type: Annotated[ErrorType | None, Meta(description="Where it failed.")] = None
    duration_ms: Annotated[int, Meta(ge=0, lt=_CENTURY_MS)] | None = None
    kind: Annotated[Kind | None, Meta(description="Default: the known skill's, else skill.")] = None
    session_id: Annotated[_Name | None, Meta(description="Default: one a day for this user.")] = None
    phase: InPhase = None
    invoked_at: Annotated[
        Annotated[str, Meta(max_length=64)] | None, Meta(description="ISO-8601 with offset; default: now.")
    ] = None
    alternatives: Annotated[tuple[str, ...], Meta(max_length=100, description="Skills considered instead.")] = ()
    rating: Rating = None
    user_id: Annotated[_Name | None, Meta(description="Default: this server's user.")] = None
    experiment: Annotated[
        _Name | None, Meta(description="Tell this experiment as well; needs completed or failed.")
    ] = None


class StatsArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``skill_stats``."""

    skill: OneSkill = None
    order: Annotated[RankingOrder, Meta(description="Of the list of all.")] = RankingOrder.USES
    days: Annotated[
        Annotated[int, Meta(ge=1, le=36_500)] | None, Meta(description="List counts the last days only.")
    ] = None
    kind: Kind | None = None
    limit: Limit = 10
    cursor: Cursor = None


class AnomalyArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``list_anomalies``."""

    skill: OneSkill = None
    resolved: Annotated[bool, Meta(description="Those that are over as well.")] = False
    limit: Limit = 10
    cursor: Cursor = None


class VariantArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``experiment_variant``."""

    experiment: Annotated[_Name | None, Meta(description="Name; without: list experiments.")] = None
    user_id: Annotated[_Name | None, Meta(description="Default: this server's user.")] = None
    exposed: Annotated[bool, Meta(description="You act on it now: record that.")] = False
    cursor: Cursor = None


class CompareArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``compare_skills``."""

    skills: Annotated[tuple[str, ...], Meta(min_length=2, max_length=8)]
    cursor: Cursor = None


class SessionArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``session_summary``."""

    session: Annotated[_Name | None, Meta(description="Id or its beginning; without: the latest sessions.")] = None
    limit: Limit = 20
    cursor: Cursor = None


class RateArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``rate_skill``."""

    rating: Annotated[float, Meta(ge=1, le=5, description="1 (bad) to 5 (good).")]
    event_id: Annotated[_Name | None, Meta(description="Which use.")] = None
    skill: Annotated[_Name | None, Meta(description="Else: this user's latest use of it.")] = None
    user_id: Annotated[_Name | None, Meta(description="Default: this server's user.")] = None
