"""Log records of agents to invocations: Claude Code, Codex, Gemini CLI.

Each tells of a call when it has ended. A skill that is launched runs on after that: its launch is no completion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.calls.names import split_name
from session_buddy.importers.claude_code.conversation import typed_id
from session_buddy.importers.codex.commands import command_of
from session_buddy.importers.codex.judging import named
from session_buddy.importers.otlp.messages import Attributes, Log
from session_buddy.importers.otlp.records import (
    Ended,
    Read,
    Telling,
    identity,
    milliseconds,
    moment,
    of_decision,
    sort_of_error,
    truth,
    words,
)
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Kind, Outcome

__all__ = ["read_logs", "tool_called"]

_SHELLS = frozenset(
    {"Bash", "PowerShell", "exec_command", "shell", "shell_command", "local_shell", "run_shell_command"}
)
_LAUNCHERS = frozenset({"Skill", "Agent", "Task"})
"""Their result may be that of a launch."""
_ABANDONED = Ended(outcome=Outcome.ABANDONED)


def read_logs(logs: Iterable[Log], *, user_of: Callable[[str | None], str], rules: ShellRules) -> Read:
    """Return the calls that *logs* tell of; what tells of other things is passed over.

    *user_of* returns the user id for what a record calls its user.
    """
    read = Read()
    for log in logs:
        reader = next((_READERS[name] for name in _names(log) if name in _READERS), None)
        if reader is None:
            continue
        try:
            told = reader(log, log.resource | log.attributes)
            if told is not None:
                user_id = user_of(words(log.attributes.get("user.id") or log.resource.get("user.id")))
                read.invocations.append(told.invocation(user_id=user_id, rules=rules))
        except InvalidInput as error:
            read.reject(error.problem)
    return read


def _names(log: Log) -> tuple[str, ...]:
    """Return what may be the name of the event, the surest first.

    Codex has the place in its source as the record's own name, and Gemini CLI a sentence in the body.
    """
    name = words(log.attributes.get("event.name")) or ""
    agent = {"claude-code": "claude_code.", "gemini-cli": "gemini_cli."}.get(str(log.resource.get("service.name")), "")
    return name if "." in name else agent + name, log.event_name, log.body


# -- Claude Code ------------------------------------------------------------------------------


def _claude_result(log: Log, told: Attributes) -> Telling:
    tool = _needed(told, "tool_name")
    name, kind, plugin, command = tool_called(tool, _fields(told.get("tool_parameters")))
    succeeded = truth(told.get("success"))
    is_launch = tool in _LAUNCHERS or truth(_fields(told.get("tool_input")).get("run_in_background")) is True
    traits = of_decision(told.get("decision_source"))
    if succeeded is False:
        sort = sort_of_error(told.get("error_type"), of_shell=tool in _SHELLS)
        ended = Ended(outcome=Outcome.FAILED, error_type=sort, traits=traits)
    else:
        ended = Ended(outcome=Outcome.COMPLETED if succeeded and not is_launch else None, traits=traits)
    lasted = milliseconds(told.get("duration_ms")) if not is_launch else None
    return _claude(log, told, name, kind, plugin, command, ended, lasted)


def _claude_decision(log: Log, told: Attributes) -> Telling | None:
    if told.get("decision") != "reject":
        return None  # it runs, and its result is told
    name, kind, plugin, command = tool_called(_needed(told, "tool_name"), _fields(told.get("tool_parameters")))
    ended = msgspec.structs.replace(_ABANDONED, traits=of_decision(told.get("source")))
    return _claude(log, told, name, kind, plugin, command, ended, None)


def _claude(
    log: Log,
    told: Attributes,
    name: str,
    kind: Kind,
    plugin: str | None,
    command: str | None,
    ended: Ended,
    lasted: Any,
) -> Telling:
    return Telling(
        event_id=_needed(told, "tool_use_id"),
        session_id=_needed(told, "session.id"),
        name=name,
        kind=kind,
        ended_at=moment(log.time_ns),
        ended=ended,
        duration_ms=lasted,
        plugin=plugin,
        command=command,
        agent_version=words(told.get("app.version")) or words(told.get("service.version")),
        step=words(told.get("prompt.id")),
    )


def _claude_skill(log: Log, told: Attributes) -> Telling | None:
    """Return the skill that was typed; one that the model launches is told as a call of its tool."""
    if told.get("invocation_trigger") != "user-slash":
        return None
    plugin, name = split_name(_needed(told, "skill.name"))
    is_kept_back = name == "custom_skill"
    return Telling(
        event_id=typed_id(_needed(told, "prompt.id")),
        session_id=_needed(told, "session.id"),
        name=name,
        kind=Kind.TOOL if is_kept_back else Kind.SKILL,
        ended_at=moment(log.time_ns),
        ended=Ended(outcome=None),
        plugin=plugin or words(told.get("plugin.name")),
        agent_version=words(told.get("app.version")) or words(told.get("service.version")),
        step=words(told.get("prompt.id")),
    )


def tool_called(tool: str, told: Attributes) -> tuple[str, Kind, str | None, str | None]:
    """Return name, kind, plugin and shell command of a call of *tool* by Claude Code, of which *told* is known."""
    if tool in _SHELLS:
        return tool, Kind.TOOL, None, words_of_command(told.get("full_command") or told.get("bash_command"))
    if tool == "Skill" and words(told.get("skill_name")):
        plugin, name = split_name(str(told["skill_name"]).strip())
        return name, Kind.SKILL, plugin, None
    if tool in ("Agent", "Task"):
        plugin, name = split_name(words(told.get("subagent_type")) or "general-purpose")
        return f"agent:{name}", Kind.SUBAGENT, plugin, None
    server, called = words(told.get("mcp_server_name")), words(told.get("mcp_tool_name"))
    if server and called:
        return f"mcp__{server}__{called}", Kind.MCP, None, None
    return tool, Kind.MCP if tool.startswith("mcp__") else Kind.TOOL, None, None


def words_of_command(value: Any) -> str | None:
    """Return *value* if it is a command: a text that is not blank."""
    return value if isinstance(value, str) and value.strip() else None


# -- Codex and Gemini CLI -----------------------------------------------------------------------


def _codex_result(log: Log, told: Attributes) -> Telling:
    tool = _needed(told, "tool_name")
    given = _fields(told.get("arguments"))
    server = words(told.get("mcp_server"))
    name, kind = (f"mcp__{server}__{tool}", Kind.MCP) if server else named(tool, None, given)
    return Telling(
        event_id=_needed(told, "call_id"),
        session_id=_needed(told, "conversation.id"),
        name=name,
        kind=kind,
        ended_at=moment(log.time_ns),
        ended=_by_success(told, of_shell=tool in _SHELLS),
        duration_ms=milliseconds(told.get("duration_ms")),
        command=command_of(given) if tool in _SHELLS else None,
        agent_version=words(told.get("app.version")) or words(told.get("service.version")),
        model=words(told.get("model")),
    )


def _gemini_call(log: Log, told: Attributes) -> Telling:
    tool = _needed(told, "function_name")
    session = _needed(told, "session.id")
    server = words(told.get("mcp_server_name"))
    given = _fields(told.get("function_args"))
    own = words(told.get("call_id")) or words(told.get("tool_call_id"))
    ended = _ABANDONED if told.get("decision") == "reject" else _by_success(told, of_shell=tool == "run_shell_command")
    return Telling(
        event_id=own or identity(session, log.time_ns, told.get("event.timestamp"), tool, told.get("function_args")),
        session_id=session,
        name=f"mcp__{server}__{tool}" if server else tool,
        kind=Kind.MCP if server else Kind.TOOL,
        ended_at=moment(log.time_ns),
        ended=ended,
        duration_ms=milliseconds(told.get("duration_ms")),
        command=words_of_command(given.get("command")) if tool == "run_shell_command" else None,
        agent_version=words(told.get("service.version")),
        model=words(told.get("model")),
        step=words(told.get("prompt_id")),
    )


def _by_success(told: Attributes, *, of_shell: bool) -> Ended:
    succeeded = truth(told.get("success"))
    if succeeded is False:
        return Ended(outcome=Outcome.FAILED, error_type=sort_of_error(told.get("error_type"), of_shell=of_shell))
    return Ended(outcome=Outcome.COMPLETED if succeeded else None)


_READERS: dict[str, Callable[[Log, Attributes], Telling | None]] = {
    "claude_code.tool_result": _claude_result,
    "claude_code.tool_decision": _claude_decision,
    "claude_code.skill_activated": _claude_skill,
    "codex.tool_result": _codex_result,
    "gemini_cli.tool_call": _gemini_call,
}


def _needed(told: Attributes, name: str) -> str:
    found = words(told.get(name))
    if found is None:
        raise InvalidInput(name, "is missing.", remedy="Nothing to do: the rest is taken.")
    return found


def _fields(told: Any) -> Attributes:
    """Return the object that *told* is as JSON; anything else has no fields."""
    if not isinstance(told, str):
        return {}
    try:
        found = msgspec.json.decode(told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
