"""How two tellings of one invocation become one row.

The same call may be seen by a hook, in a transcript and over OTLP, while it runs and
after it ended. Fields have an order of better and worse, whoever comes first: a definite
outcome beats *abandoned* beats none, a span beats a reported duration beats elapsed time,
a longer list of follow-ups beats its beginning, an error of a certain sort beats ``other``,
and traits add up. Between equals the first telling stays (completed or failed, two elapsed
times), but for ratings, where the last word counts, and for telemetry, which yields: it knows
the call alone, and takes the launch of work in the background for the work.
"""

from __future__ import annotations

from typing import Any

from session_buddy.model import VAGUE_NAMES, DurationSource, ErrorType, Invocation, Kind, Outcome

__all__ = ["merged_changes"]

_OUTCOME_RANK = {None: 0, Outcome.ABANDONED: 1, Outcome.FAILED: 2, Outcome.COMPLETED: 2}
_DURATION_RANK = {None: 0, DurationSource.ELAPSED: 1, DurationSource.REPORTED: 2, DurationSource.SPAN: 3}
_TELEMETRY = "otlp"
_ERROR_RANK = {None: 0, ErrorType.OTHER: 1, ErrorType.EXIT_CODE: 2}
"""Any other says more: a shell that was cut off by a timeout has an exit code as well."""
_OF_THE_NAME = ("skill_name", "kind", "outcome", "error_type")
_FILLED_WHEN_MISSING = (
    "plugin",
    "parent_event_id",
    "project",
    "agent_version",
    "model",
    "workflow_phase",
    "workflow_step_id",
)


def merged_changes(known: Invocation, told: Invocation) -> dict[str, Any]:
    """Return the fields of *known* that *told*, the same invocation, changes; empty if none.

    ``event_id``, ``session_id``, ``user_id``, ``invoked_at`` and ``source`` stay those of the
    first telling. Name and phase follow a better outcome (a shell call may turn out, once its
    result is known, to report on another command than it seemed to), a telling by another source than telemetry, and
    a later one by the same source, which may have come to know more rules for naming; telemetry that is told again is
    only sent again. A source that cannot say what was run (``Bash``) cannot say how that ended: name and outcome are
    those of one that can, whoever comes first.
    """
    changes: dict[str, Any] = {}
    rank = _OUTCOME_RANK[told.outcome] - _OUTCOME_RANK[known.outcome]
    yields = rank == 0 and known.source == _TELEMETRY != told.source
    if yields and told.outcome is not known.outcome:
        rank = 1
    if (told.source != known.source or told.source == _TELEMETRY) and _is_vague(told) != _is_vague(known):
        if _is_vague(known):
            changes |= {field: getattr(told, field) for field in _OF_THE_NAME}
            changes["workflow_phase"] = told.workflow_phase or known.workflow_phase
        rank = -1
    if rank > 0:
        changes["outcome"] = told.outcome
        changes["error_type"] = told.error_type
    elif rank == 0 and _ERROR_RANK.get(told.error_type, 3) > _ERROR_RANK.get(known.error_type, 3) and known.error_type:
        changes["error_type"] = told.error_type
    if rank > 0 or (rank == 0 and (yields or told.source == known.source != _TELEMETRY)):
        changes["skill_name"] = told.skill_name
        changes["kind"] = told.kind
        changes["workflow_phase"] = told.workflow_phase or known.workflow_phase
    if _better_duration(known, told):
        changes["duration_ms"] = told.duration_ms
        changes["duration_source"] = told.duration_source
    for field in _FILLED_WHEN_MISSING:
        if getattr(known, field) is None:
            changes[field] = getattr(told, field)
    if told.rating is not None:
        changes["rating"] = told.rating
    if told.follow_up_actions and len(told.follow_up_actions) >= len(known.follow_up_actions):
        changes["follow_up_actions"] = told.follow_up_actions
    if told.alternatives_considered and not known.alternatives_considered:
        changes["alternatives_considered"] = told.alternatives_considered
    if told.traits and not set(told.traits) <= set(known.traits):
        changes["traits"] = tuple(sorted({*known.traits, *told.traits}))
    return {field: value for field, value in changes.items() if getattr(known, field) != value}


def _is_vague(invocation: Invocation) -> bool:
    return invocation.kind is Kind.TOOL and invocation.skill_name in VAGUE_NAMES


def _better_duration(known: Invocation, told: Invocation) -> bool:
    rank = _DURATION_RANK[told.duration_source] - _DURATION_RANK[known.duration_source]
    if rank:
        return rank > 0
    # It grows as the file it is read from grows.
    return told.duration_source is DurationSource.SPAN and (told.duration_ms or 0) > (known.duration_ms or 0)
