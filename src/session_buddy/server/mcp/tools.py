"""The ten tools: what each is for, what it is asked with, and who answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from session_buddy.server.mcp import arguments as asked
from session_buddy.server.mcp import reading, writing
from session_buddy.server.mcp.answers import Listed, page_of, start_of
from session_buddy.server.mcp.ground import Ground
from session_buddy.server.mcp.schemas import decoded_arguments
from session_buddy.server.problems import NotPermitted

__all__ = ["TOOLS", "Tool", "call"]


class Tool(NamedTuple):
    """A tool as a model sees it, and what it does."""

    name: str
    title: str
    description: str
    arguments: type[msgspec.Struct]
    answer: Callable[[Ground, Any, int], Listed | dict[str, Any]]
    """Blocks. The number is how many rows are wanted, from the first on."""
    is_reading: bool = True


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "search_skills",
            "Search skills",
            "Find skills by what is to be done, with how well each works and why it fits.",
            asked.SearchArguments,
            reading.search,
        ),
        Tool(
            "recommend_skills",
            "Recommend skills",
            "What to use next, with the reason; skills that mostly fail are left out and named.",
            asked.RecommendArguments,
            reading.recommend,
        ),
        Tool(
            "predict_success",
            "Predict success",
            "How likely a skill is to complete here and now, how long it may take, and why.",
            asked.PredictArguments,
            reading.predict,
        ),
        Tool(
            "skill_stats",
            "Statistics of skills",
            "Uses, success, errors and duration: of one skill, or of all in order.",
            asked.StatsArguments,
            reading.stats,
        ),
        Tool(
            "list_anomalies",
            "Anomalies",
            "What left its usual band lately: drops, spikes and shifts of success, uses, duration.",
            asked.AnomalyArguments,
            reading.anomalies,
        ),
        Tool(
            "compare_skills",
            "Compare skills",
            "Two to eight skills side by side: success, duration, cost, what they are for.",
            asked.CompareArguments,
            reading.compare,
        ),
        Tool(
            "session_summary",
            "Summary of a session",
            "One session step by step, or the latest sessions.",
            asked.SessionArguments,
            reading.session,
        ),
        Tool(
            "experiment_variant",
            "Variant of an experiment",
            "Which strategy a user gets in a running experiment, or which experiments there are.",
            asked.VariantArguments,
            writing.variant,
            is_reading=False,
        ),
        Tool(
            "record_outcome",
            "Record an outcome",
            "Record that a skill was used and how it ended. Only for what hooks and transcripts do not tell.",
            asked.OutcomeArguments,
            writing.outcome,
            is_reading=False,
        ),
        Tool(
            "rate_skill",
            "Rate a use",
            "Keep the user's rating of one use. Ask the user; do not rate yourself.",
            asked.RateArguments,
            writing.rate,
            is_reading=False,
        ),
    )
}


def call(ground: Ground, name: str, given: dict[str, Any] | None, *, may_record: bool = True) -> dict[str, Any]:
    """Return what the tool *name* answers when it is *given* these arguments; blocks.

    Raises :class:`KeyError` for a tool that there is not, :class:`NotPermitted` where it would record and may not,
    and whatever of ours the answer raises.
    """
    tool = TOOLS[name]
    wanted = decoded_arguments(given, tool.arguments)
    # A variant that nobody acts on is only looked at.
    if not (may_record or tool.is_reading) and getattr(wanted, "exposed", True):
        raise NotPermitted(
            f"{name} records, and this token is for reading.",
            remedy="Make one with 'session-buddy token create --scope admin'.",
        )
    question = [name, {field: value for field, value in msgspec.to_builtins(wanted).items() if field != "cursor"}]
    start = start_of(getattr(wanted, "cursor", None), question)
    limit = getattr(wanted, "limit", 50)
    found = tool.answer(ground, wanted, start + limit)
    return page_of(found if isinstance(found, Listed) else Listed(found, "", []), start, limit, question)
