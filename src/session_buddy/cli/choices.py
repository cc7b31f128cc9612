"""The words that options choose from. Apart, since parsing must load nothing heavy."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ExportFormat", "KindChoice"]


class KindChoice(StrEnum):
    """The kinds of :class:`session_buddy.model.Kind`."""

    SKILL = "skill"
    COMMAND = "command"
    MCP = "mcp"
    SUBAGENT = "subagent"
    SHELL = "shell"
    TOOL = "tool"


class ExportFormat(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
