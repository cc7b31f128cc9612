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
Skill = Annotated[str, Meta(max_length=_NAME, description="Name, with or without its prefix.")]
OneSkill = Annotated[_Name | None, Meta(description="Only this skill.")]
Session = Annotated[_Name | None, Meta(description="Id or its beginning; default: the latest.")]
Limit = Annotated[int, Meta(ge=1, le=50)]
Cursor = Annotated[str, Meta(max_length=100)]
Rating = Annotated[_Mark | None, Meta(description="The user's, 1 (bad) to 5 (good).")]


class _Arguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class SearchArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``search_skills``."""

    question: Annotated[str, Meta(description="What is to be done, in words.")]
    phase: Phase | None = None
    kind: Kind | None = None
    limit: Limit = 5
    cursor: Cursor | None = None


class RecommendArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``recommend_skills``."""

    about: Annotated[str, Meta(max_length=2_000, description="The work in words.")] = ""
    skills: Annotated[tuple[_Name, ...], Meta(max_length=100, description="For whoever uses these.")] = ()
    session: Session = None
    phase: Phase | None = None
    languages: Annotated[tuple[_Name, ...], Meta(max_length=20, description="Of the work, e.g. python.")] = ()
    limit: Limit = 5
    cursor: Cursor | None = None


class PredictArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``predict_success``."""

    skill: Skill
    session: Session = None
    phase: Phase | None = None


class OutcomeArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``record_outcome``."""

    event_id: Annotated[
        str, Meta(max_length=_NAME, description="Unique: the tool call's id, or a UUID. Same id, same use.")
    ]
    skill: _Name
    outcome: Annotated[Outcome, Meta(description="abandoned: rejected or interrupted.")]
    error_type: ErrorType | None = None
    duration_ms: Annotated[int, Meta(ge=0, lt=_CENTURY_MS)] | None = None
    kind: Annotated[Kind | None, Meta(description="Default: as known.")] = None
    session_id: Annotated[_Name | None, Meta(description="Default: one a day.")] = None
    phase: Phase | None = None
    invoked_at: Annotated[
        Annotated[str, Meta(max_length=64)] | None, Meta(description="With offset; default: now.")
    ] = None
    alternatives: Annotated[tuple[_Name, ...], Meta(max_length=100, description="Considered instead.")] = ()
    rating: Rating = None
    user_id: _Name | None = None
    experiment: Annotated[_Name | None, Meta(description="To be told as well.")] = None


class StatsArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``skill_stats``."""

    skill: OneSkill = None
    order: RankingOrder = RankingOrder.USES
    days: Annotated[Annotated[int, Meta(ge=1, le=36_500)] | None, Meta(description="Only the last days.")] = None
    kind: Kind | None = None
    limit: Limit = 10
    cursor: Cursor | None = None


class AnomalyArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``list_anomalies``."""

    skill: OneSkill = None
    resolved: Annotated[bool, Meta(description="Those that are over as well.")] = False
    limit: Limit = 10
    cursor: Cursor | None = None


class VariantArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``experiment_variant``."""

    experiment: Annotated[_Name | None, Meta(description="Name; without: list experiments.")] = None
    user_id: _Name | None = None
    exposed: Annotated[bool, Meta(description="You act on it now: record that.")] = False
    cursor: Cursor | None = None


class CompareArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``compare_skills``."""

    skills: Annotated[tuple[_Name, ...], Meta(min_length=2, max_length=8)]
    cursor: Cursor | None = None


class SessionArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``session_summary``."""

    session: Annotated[_Name | None, Meta(description="Id or its beginning; without: the latest sessions.")] = None
    limit: Limit = 20
    cursor: Cursor | None = None


class RateArguments(_Arguments, frozen=True, kw_only=True):
    """Of ``rate_skill``."""

    rating: Annotated[float, Meta(ge=1, le=5, description="1 (bad) to 5 (good).")]
    event_id: Annotated[_Name | None, Meta(description="Which use.")] = None
    skill: Annotated[_Name | None, Meta(description="Else: this user's latest use of it.")] = None
    user_id: _Name | None = None
