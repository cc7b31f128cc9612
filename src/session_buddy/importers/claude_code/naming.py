"""From tool calls and typed text to names, one form for all versions."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from session_buddy.importers.calls.names import bare_name, split_name
from session_buddy.importers.claude_code.lines import ToolInput, decode_input
from session_buddy.model import Kind

__all__ = ["SHELLS", "Named", "name_tool", "name_typed", "offered_names"]

_TOOL_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
_SKILL_NAME = re.compile(r"[^\s<>\"'`\x00-\x1f\x7f](?:[^<>\"`\x00-\x1f\x7f]{0,198}[^\s<>\"'`\x00-\x1f\x7f])?")
_COMMAND_NAME = re.compile(r"<command-name>\s*/?([^<\n]+?)\s*</command-name>")
_OFFER = re.compile(r"^- ([^\s:]+(?::[^\s:]+)*)(?:: |$)", re.MULTILINE)

SHELLS = frozenset({"Bash", "PowerShell", "run_terminal_command"})
"""Tools that run a command in a shell; the last is that of an agent that tells its hooks as Claude Code does."""
_AGENTS = frozenset({"Task", "Agent"})  # one tool, renamed in 2.1.63


class Named(msgspec.Struct, frozen=True):
    """What a call uses."""

    skill_name: str
    kind: Kind
    plugin: str | None = None
    spelt: str = ""
    """The skill as the source spells it (``plugin:name``): the word its attribution uses."""
    command: str | None = None
    """The text of a shell call; its name is for the shell rules to say."""
    prompt: str | None = None
    """The task a subagent is given."""


def name_tool(tool: str | None, raw: msgspec.Raw) -> Named | None:
    """Return what a call of *tool* with the input *raw* uses, or None if the name is garbage.

    Models do produce garbage: a name that goes on into the markup of its parameters.
    """
    if tool is None or not _TOOL_NAME.fullmatch(tool):
        return None
    if tool in SHELLS:
        command = decode_input(raw).command
        return Named(tool, Kind.TOOL, command=command if isinstance(command, str) else None)
    if tool in _AGENTS:
        return _name_agent(decode_input(raw))
    if tool == "Skill":
        return _name_skill(decode_input(raw).skill) or Named(tool, Kind.TOOL)
    if tool == "SlashCommand":  # what Skill was called in 2.0.x: "/name arguments"
        command = decode_input(raw).command
        words = command.split(maxsplit=1) if isinstance(command, str) else []
        return (_name_skill(words[0]) if words else None) or Named(tool, Kind.TOOL)
    return Named(tool, Kind.MCP if tool.startswith("mcp__") else Kind.TOOL)


def name_typed(text: str) -> Named | None:
    """Return the slash command that a user's line *text* records, or None if it records none.

    Skills and custom commands are written message first, built-ins name first.
    """
    head = text[:2000].lstrip()
    message_first = head.startswith("<command-message>")
    if not message_first and not head.startswith("<command-name>"):
        return None
    found = _COMMAND_NAME.search(head)
    if found is None or not _SKILL_NAME.fullmatch(found[1]):
        return None
    return _name_skill(found[1]) if message_first else Named(f"/{found[1]}", Kind.COMMAND)


def offered_names(names: Any, content: str) -> list[str]:
    """Return the skills a listing offers: its ``names``, or the heads of its "- name: description" lines."""
    spelt = names if isinstance(names, list) else _OFFER.findall(content)
    return [bare_name(name) for name in spelt if isinstance(name, str) and _SKILL_NAME.fullmatch(name)]


def _name_agent(given: ToolInput) -> Named:
    spelt = given.subagent_type
    if not isinstance(spelt, str) or not _SKILL_NAME.fullmatch(spelt):
        spelt = "general-purpose"
    plugin, name = split_name(spelt)
    prompt = given.prompt if isinstance(given.prompt, str) else None
    return Named(f"agent:{name}", Kind.SUBAGENT, plugin, prompt=prompt)


def _name_skill(spelt: Any) -> Named | None:
    if not isinstance(spelt, str) or not _SKILL_NAME.fullmatch(spelt.strip()):
        return None
    plugin, name = split_name(spelt.strip())
    return Named(name, Kind.SKILL, plugin, spelt=spelt.strip())
