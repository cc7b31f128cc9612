"""What calls of tools use, in the words that all importers share. Pure."""

from __future__ import annotations

import re
from typing import Any

from session_buddy.importers.calls.dialogue import Use
from session_buddy.importers.calls.names import split_name
from session_buddy.importers.traits import READS, WRITES, of_files
from session_buddy.model import Kind

__all__ = ["agent_use", "editor_use", "file_use", "mcp_use", "shell_use", "skill_use", "tool_use", "words_of"]

_TOOL = re.compile(r"[A-Za-z0-9_.:/@-]{1,200}")
_NAME = re.compile(r"[^\s<>\"'`\x00-\x1f\x7f](?:[^<>\"`\x00-\x1f\x7f]{0,198}[^\s<>\"'`\x00-\x1f\x7f])?")


def words_of(value: Any) -> str | None:
    """Return *value* if it is text that is not blank."""
    return value if isinstance(value, str) and value.strip() else None


def tool_use(tool: Any) -> Use | None:
    """Return the use of a tool of the agent's own, ``None`` where the name is garbage."""
    return Use(tool) if isinstance(tool, str) and _TOOL.fullmatch(tool) else None


def shell_use(tool: str, command: Any) -> Use:
    """Return the use of a shell."""
    return Use(tool, command=words_of(command))


def file_use(tool: str, path: Any, *, writes: bool) -> Use:
    """Return the use of a tool that reads or writes the file at *path*."""
    return Use(tool, touched=of_files(WRITES if writes else READS, [path]))


def editor_use(tool: str, command: Any, path: Any) -> Use:
    """Return the use of an editor that looks and changes alike: *command* says which."""
    writes = command not in ("view", "undo_edit", None)
    touched = of_files(WRITES if writes else READS, [path])
    return Use(tool, touched=touched, acts_as="edit" if writes else "view")


def mcp_use(server: str, tool: str) -> Use:
    """Return the use of *tool* of the MCP server *server*."""
    return Use(f"mcp__{server}__{tool}"[:300], Kind.MCP)


def skill_use(spelt: Any, fallback: str) -> Use:
    """Return the use of the skill *spelt* ``name`` or ``plugin:name``; *fallback* is the tool if that is no name."""
    if not isinstance(spelt, str) or not _NAME.fullmatch(spelt.strip()):
        return Use(fallback)
    plugin, name = split_name(spelt.strip())
    return Use(name, Kind.SKILL, plugin)


def agent_use(name: Any) -> Use:
    """Return the use of a subagent called *name*."""
    spelt = name if isinstance(name, str) and _NAME.fullmatch(name) else "default"
    return Use(f"agent:{spelt}", Kind.SUBAGENT)
