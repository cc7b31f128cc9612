"""One session of Copilot CLI: events in, invocations out."""

from __future__ import annotations

import re
from typing import Any

from session_buddy.importers.calls.dialogue import Dialogue, End, Use
from session_buddy.importers.calls.failures import failed
from session_buddy.importers.calls.moments import written_at
from session_buddy.importers.calls.names import only_counts
from session_buddy.importers.calls.using import (
    agent_use,
    file_use,
    mcp_use,
    shell_use,
    skill_use,
    tool_use,
    words_of,
)
from session_buddy.importers.calls.verdicts import ABANDONED, COMPLETED, Verdict
from session_buddy.importers.copilot.events import Data, Event
from session_buddy.importers.documents import stable_id
from session_buddy.importers.traits import INTERRUPTED, PERMISSION_ASKED, REJECTED
from session_buddy.model import ErrorType, Invocation, Kind, Outcome, Trigger

__all__ = ["Session"]

_SHELLS = frozenset({"bash", "powershell", "local_shell"})
_LOOKS_AFTER = frozenset(
    {"read_bash", "write_bash", "stop_bash", "read_powershell", "write_powershell", "stop_powershell"}
)
_FILES = {"view": False, "create": True, "edit": True}
_EXIT = re.compile(r"<(?:shellId: \S{1,40} |command |)(?:completed|exited) with exit code (-?\d{1,10})>\s*\Z")
_GOES_ON = re.compile(
    r"<(?:command|shell)?[^<>\n]{0,80}?(?:shellId|id): (\S{1,40}?)[ .,][^<>\n]*\brunning\b[^<>]*>\s*\Z"
)
_IS_RUNNING = re.compile(r"\b(?:is (?:still )?running|has started)\b[^\n]*>\s*\Z")
_REFUSED = frozenset({"rejected", "denied", "cancelled", "canceled"})


class Session:
    """Reads the events of one session in order. No I/O, no clock."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue

    def take(self) -> list[Invocation]:
        """Return the invocations that have become complete since the last time."""
        return self._dialogue.take()

    def show(self) -> list[Invocation]:
        """Return all open calls as far as they are known."""
        return self._dialogue.show()

    def save(self) -> bytes:
        """Return the state to go on from."""
        return self._dialogue.save()

    def read(self, line: Event) -> list[str]:
        """Take in *line*; return what in it had to be left out, and why. May raise :class:`InvalidInput`."""
        data, dialogue = line.data, self._dialogue
        if data is None:
            return []
        match line.type:
            case "session.start" | "session.resume":
                self._session(data)
            case "session.model_change":
                dialogue.state.model = words_of(data.newModel) or dialogue.state.model
            case "user.message" if step := words_of(line.id):
                dialogue.begin(step)
            case "abort":
                dialogue.end_turn(ABANDONED, INTERRUPTED)
            case "session.shutdown":
                dialogue.end_turn(COMPLETED if data.shutdownType == "routine" else Verdict(None))
            case "tool.execution_start":
                return self._call(data, line, written_at(line.timestamp))
            case "tool.execution_complete":
                self._result(data, written_at(line.timestamp))
            case "skill.invoked":
                self._skill(data, line, written_at(line.timestamp))
            case "permission.requested" | "permission.completed":
                self._permission(data)
            case "system.notification" if isinstance(data.kind, dict):
                self._notice(data.kind, written_at(line.timestamp))
        return []

    def _session(self, data: Data) -> None:
        state = self._dialogue.state
        state.session_id = state.session_id or words_of(data.sessionId)
        state.version = words_of(data.copilotVersion) or state.version
        state.model = words_of(data.selectedModel) or state.model
        if isinstance(data.context, dict):
            state.cwd = words_of(data.context.get("cwd")) or state.cwd

    def _call(self, data: Data, line: Event, at: str) -> list[str]:
        event_id, use = self._id_of(data.toolCallId), _use_of(data)
        if event_id is None:
            return ["A tool call has no toolCallId."]
        if use is None:
            return [f"The call {event_id} names no tool."]
        self._dialogue.state.model = words_of(data.model) or self._dialogue.state.model
        # The agent's id of a subagent is that of the call which started it.
        parent = self._id_of(data.parentToolCallId) or self._id_of(line.agentId)
        self._dialogue.call(event_id, use, at, parent=parent)
        if data.toolName in _LOOKS_AFTER and isinstance(data.arguments, dict):
            self._dialogue.state.calls.tips[event_id] = f"{data.toolName} {data.arguments.get('shellId')}"
        return []

    def _result(self, data: Data, at: str) -> None:
        event_id = self._id_of(data.toolCallId) or ""
        text = _text_of(data.result)
        if (looked_after := self._dialogue.state.calls.tips.pop(event_id, None)) is not None:
            self._dialogue.result(event_id, _end_of(data, ""), at)
            tool, _, task = looked_after.partition(" ")
            self._look_after(tool, task, data, text, at)
            return
        if data.success is True and (going := _GOES_ON.search(text)):
            self._dialogue.goes_on(event_id, going[1])
            return
        self._dialogue.result(event_id, _end_of(data, text), at)

    def _look_after(self, tool: str, task: str, data: Data, text: str, at: str) -> None:
        """End the command that goes on under the id *task*, where a look at it says that it is over."""
        exits = _EXIT.search(text)
        if exits is not None:
            self._dialogue.task_over(task, None, succeeded=exits[1] == "0", at=at)
        elif tool.startswith("stop_") and data.success is True:
            self._dialogue.task_over(task, ABANDONED, succeeded=None, at=at)

    def _skill(self, data: Data, line: Event, at: str) -> None:
        """Take in that a skill was loaded: by the call of the tool ``skill`` before it, or else by the user."""
        event_id, name = words_of(line.id), words_of(data.name)
        if event_id is None or name is None:
            return
        use = skill_use(name, "skill")
        if use.kind is not Kind.SKILL or use.skill_name == self._dialogue.skill_in_use:
            return
        plugin = words_of(data.pluginName) or use.plugin
        self._dialogue.call(event_id, Use(use.skill_name, Kind.SKILL, plugin), at, trigger=Trigger.USER)
        self._dialogue.result(event_id, End(COMPLETED), at)

    def _permission(self, data: Data) -> None:
        asked = data.permissionRequest if isinstance(data.permissionRequest, dict) else {}
        event_id = self._id_of(data.toolCallId) or self._id_of(asked.get("toolCallId"))
        if event_id is None or not isinstance(data.result, dict):
            return
        if data.result.get("kind") == "denied-interactively-by-user":
            self._dialogue.note(event_id, PERMISSION_ASKED, REJECTED)

    def _id_of(self, called: object) -> str | None:
        """Return the model's id of a call; where that only counts calls, one that no other session has."""
        told = words_of(called)
        return stable_id("copilot", self._dialogue.state.session_id, told) if only_counts(told) else told

    def _notice(self, kind: dict[str, Any], at: str) -> None:
        task, code = words_of(kind.get("shellId")), kind.get("exitCode")
        if kind.get("type") == "shell_completed" and task is not None:
            is_told = isinstance(code, int) and not isinstance(code, bool)
            self._dialogue.task_over(task, None, succeeded=code == 0 if is_told else None, at=at)


def _use_of(data: Data) -> Use | None:
    given = data.arguments if isinstance(data.arguments, dict) else {}
    tool = words_of(data.toolName)
    server, served = words_of(data.mcpServerName), words_of(data.mcpToolName)
    if server is not None and (called := served or tool) is not None:
        return mcp_use(server, called)
    if tool in _SHELLS:
        return shell_use(tool, given.get("command"))
    if tool == "skill":
        return skill_use(given.get("skill", given.get("name")), tool)
    if tool == "task":
        return agent_use(given.get("agent_type"))
    if tool in _FILES:
        return file_use(tool, given.get("path"), writes=_FILES[tool])
    return tool_use(tool)


def _end_of(data: Data, text: str) -> End:
    error: dict[str, Any] = data.error if isinstance(data.error, dict) else {}
    if data.success is not True:
        if words_of(error.get("code")) in _REFUSED:
            return End(ABANDONED)
        return End(failed(str(error.get("message", "")))) if data.success is False else End(Verdict(None))
    exits = _EXIT.search(text)
    if exits is not None:
        succeeded = exits[1] == "0"
        verdict = COMPLETED if succeeded else Verdict(Outcome.FAILED, ErrorType.EXIT_CODE)
        return End(verdict, succeeded=succeeded, output=text[: exits.start()])
    return End(Verdict(None) if _IS_RUNNING.search(text) else COMPLETED)


def _text_of(result: Any) -> str:
    content = result.get("content") if isinstance(result, dict) else result
    return content if isinstance(content, str) else ""
