"""The words that options choose from. Apart, since parsing must load nothing heavy."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ExportFormat", "KindChoice", "RankingOrder"]


class KindChoice(StrEnum):
    """The kinds of :class:`session_buddy.model.Kind`."""

    SKILL = "skill"
    COMMAND = "command"
    MCP = "mcp"
    SUBAGENT = "subagent"
    SHELL = "shell"
    TOOL = "tool"


class RankingOrder(StrEnum):
    """What skills are ordered by; the most, the surest, the longest, the latest come first."""

    USES = "uses"
    FAILURES = "failures"
    SUCCESS = "success"
    """The lower end of the 95 % interval of the success rate: 99 of 100 come before 1 of 1."""
    DURATION = "duration"
    RECENT = "recent"


class ExportFormat(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
