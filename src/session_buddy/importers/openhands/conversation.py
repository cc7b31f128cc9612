"""The events of one conversation of OpenHands, or one of them: in, and invocations out.

An event may stand alone in its file. So an observation without its action before it opens the call it answers: it
tells what was called. The two tellings have one id, and become one row.
"""

from __future__ import annotations

import json
from typing import Any

from session_buddy.errors import InvalidInput
from session_buddy.importers.calls.dialogue import Dialogue, End, Use
from session_buddy.importers.calls.failures import failed
from session_buddy.importers.calls.moments import in_utc
from session_buddy.importers.calls.names import only_counts
from session_buddy.importers.calls.using import (
    agent_use,
    editor_use,
    shell_use,
    skill_use,
    tool_use,
    words_of,
)
from session_buddy.importers.calls.verdicts import ABANDONED, COMPLETED, Verdict
from session_buddy.importers.documents import stable_id
from session_buddy.importers.openhands.events import Event
from session_buddy.importers.traits import PERMISSION_ASKED, REJECTED
from session_buddy.model import ErrorType, Kind, Outcome, Trigger

__all__ = ["Conversation"]

_TOOLS = {
    "run": "execute_bash",
    "run_ipython": "execute_ipython_cell",
    "read": "str_replace_editor",
    "write": "str_replace_editor",
    "edit": "str_replace_editor",
    "browse": "browser",
    "browse_interactive": "browser",
    "call_tool_mcp": "mcp",
    "mcp": "mcp",
    "delegate": "delegate",
    "think": "think",
    "task_tracking": "task_tracker",
}
"""What an action is a call of, and an observation answers, where the event names no function itself."""
_EDITS = {"read": "view", "write": "write", "edit": "edit"}
_ANSWERS = frozenset({*_TOOLS, "error", "user_rejected", "success", "null"})
_SHELL_TOOLS = frozenset({"terminal", "execute_bash", "bash"})
_EDITORS = frozenset({"file_editor", "str_replace_editor"})
_PLAIN = _EDITORS | {"think", "task_tracker", "browser", "execute_ipython_cell"}
"""Tools that are called alike whatever they are given."""


class Conversation:
    """Reads the events of one conversation in order. No I/O, no clock."""

    def __init__(self, dialogue: Dialogue, conversation_id: str) -> None:
        self._dialogue, self._conversation_id = dialogue, conversation_id
        self._counted: dict[str, str] = {}
        """The calls that the model only counted: which of them had such a number last."""

    def read(self, events: list[Event | None]) -> list[str]:
        """Take in *events*; return what in them had to be left out, and why."""
        problems: list[str] = []
        for number, event in enumerate(events, 1):
            if event is None:
                problems.append(f"Event {number} makes no sense.")
                continue
            try:
                self._event(event)
            except InvalidInput as error:
                problems.append(f"Event {number}: {error.problem}")
        return problems

    def _event(self, event: Event) -> None:
        match event:
            case Event(kind="ActionEvent"):
                self._called(event)
            case Event(kind="ObservationEvent" | "AgentErrorEvent" | "UserRejectObservation"):
                self._answered(event)
            case Event(kind="MessageEvent", source="user") | Event(action="message", source="user"):
                self._dialogue.begin(self._id_of(event.id))
            case Event(action=str() as action) if action in _TOOLS:
                self._acted(event, action)
            case Event(observation=str() as observation) if observation in _ANSWERS and _has_cause(event):
                self._observed(event, observation)

    # -- since version 1 ------------------------------------------------------------

    def _called(self, event: Event) -> None:
        given = event.action if isinstance(event.action, dict) else {}
        use = _use_of(words_of(event.tool_name), given)
        if use is None:
            raise InvalidInput("event", "A call names no tool.", remedy="It is left out.")
        self._dialogue.call(self._call_id(event.tool_call_id, event.id), use, in_utc(event.timestamp))

    def _answered(self, event: Event) -> None:
        if event.action_id is None and only_counts(event.tool_call_id) and event.tool_call_id not in self._counted:
            return  # An error names no action: alone in its file, it cannot be put down to a call.
        event_id, at = self._call_id(event.tool_call_id, event.action_id), in_utc(event.timestamp)
        told = event.observation if isinstance(event.observation, dict) else {}
        tool = words_of(event.tool_name)
        use = _use_of(tool, told)
        if use is None:
            raise InvalidInput("event", "A result names no tool.", remedy="It is left out.")
        if not told and not self._tells_enough(event_id, tool):
            return
        # Where it stands alone, when the call was made is not known.
        came_at = None if self._dialogue.call(event_id, use, at) else at
        if event.kind == "UserRejectObservation":
            by_user = (PERMISSION_ASKED, REJECTED) if event.rejection_source in ("user", None) else ()
            self._dialogue.result(event_id, End(ABANDONED, traits=by_user), came_at)
        elif event.kind == "AgentErrorEvent":
            self._dialogue.result(event_id, End(failed(words_of(event.error) or "")), came_at)
        else:
            self._dialogue.result(event_id, _end_of(told, is_shell=tool in _SHELL_TOOLS), came_at)

    # -- before version 1 -----------------------------------------------------------

    def _acted(self, event: Event, action: str) -> None:
        called = self._call_id(_of_metadata(event, "tool_call_id"), event.id)
        given = event.args if isinstance(event.args, dict) else {}
        trigger = Trigger.USER if event.source == "user" else None
        self._dialogue.call(called, _old_use(event, action, given), in_utc(event.timestamp), trigger=trigger)

    def _observed(self, event: Event, observation: str) -> None:
        called, at = self._call_id(_of_metadata(event, "tool_call_id"), event.cause), in_utc(event.timestamp)
        told = event.extras if isinstance(event.extras, dict) else {}
        if observation not in _TOOLS and not self._tells_enough(called, _of_metadata(event, "function_name")):
            return
        alone = self._dialogue.call(called, _old_use(event, observation, told), at)
        text = event.content if isinstance(event.content, str) else ""
        self._dialogue.result(called, _old_end(observation, told, text), None if alone else at)

    def _tells_enough(self, event_id: str, tool: object) -> bool:
        """Tell whether an error or a refusal can be put down to a call: to one that is known, or of a plain tool.

        Alone in its file it does not say which command ran, or which skill: a row without that would take the name
        from the one that has it.
        """
        return self._dialogue.knows(event_id) or tool in _PLAIN

    # -- ids ------------------------------------------------------------------------

    def _call_id(self, called: object, event_id: object) -> str:
        """Return the model's id of the call, or what follows from the event where the model only counts its calls."""
        told = words_of(called)
        if told is None or not only_counts(told):
            return told or self._id_of(event_id)
        if event_id is not None:
            self._counted[told] = self._id_of(event_id)
        return self._counted.get(told) or self._id_of(event_id)

    def _id_of(self, event_id: object) -> str:
        if isinstance(event_id, str) and event_id:
            return event_id
        if isinstance(event_id, bool) or not isinstance(event_id, int):
            raise InvalidInput("event", "has no id.", remedy="It is left out.")
        return stable_id("openhands", self._conversation_id, event_id)


def _has_cause(event: Event) -> bool:
    return isinstance(event.cause, int) and not isinstance(event.cause, bool)


def _of_metadata(event: Event, field: str) -> str | None:
    metadata = event.tool_call_metadata
    return words_of(metadata.get(field)) if isinstance(metadata, dict) else None


def _use_of(tool: str | None, given: dict[str, Any]) -> Use | None:
    """Return what a call of *tool* uses; *given* are the fields of its action, or of the observation that answers."""
    if tool in _SHELL_TOOLS:
        return Use(tool) if given.get("is_input") is True else shell_use(tool, given.get("command"))
    if tool in _EDITORS:
        return editor_use(tool, given.get("command"), given.get("path"))
    if tool == "invoke_skill":
        return skill_use(given.get("name", given.get("skill_name")), tool)
    if tool in ("task", "delegate") and words_of(given.get("subagent_type")) is not None:
        return agent_use(given.get("subagent_type"))
    use = tool_use(tool)
    served = given.get("kind") in ("MCPToolAction", "MCPToolObservation")
    # Which server it is of is not told.
    return Use(use.skill_name, Kind.MCP) if use is not None and served else use


def _end_of(told: dict[str, Any], *, is_shell: bool) -> End:
    text = _text_of(told.get("content"))
    if is_shell:
        metadata = told.get("metadata")
        code = told.get("exit_code")
        code = metadata.get("exit_code") if code is None and isinstance(metadata, dict) else code
        if told.get("timeout") is True:
            return End(Verdict(None))
        return _end_of_shell(code, text, is_error=told.get("is_error") is True)
    return End(failed(text) if told.get("is_error") is True else COMPLETED)


def _old_use(event: Event, action: str, given: dict[str, Any]) -> Use:
    tool = _of_metadata(event, "function_name") or _TOOLS.get(action, action)
    if action == "run":
        return Use(tool) if given.get("is_input") in (True, "true") else shell_use(tool, given.get("command"))
    if action in ("call_tool_mcp", "mcp"):
        use = tool_use(given.get("name")) or Use(tool)
        return Use(use.skill_name, Kind.MCP)
    if action == "delegate":
        return agent_use(given.get("agent"))
    if action in _EDITS:
        command = given.get("command") or _EDITS[action]
        return editor_use(tool, command if action != "read" else "view", given.get("path"))
    return tool_use(tool) or Use(_TOOLS.get(action, "tool"))


def _old_end(observation: str, told: dict[str, Any], text: str) -> End:
    if observation == "user_rejected":
        return End(ABANDONED, traits=(PERMISSION_ASKED, REJECTED))
    if observation == "error":
        return End(failed(text))
    if observation == "run":
        metadata = told.get("metadata")
        code = metadata.get("exit_code") if isinstance(metadata, dict) else told.get("exit_code")
        return _end_of_shell(code, text, is_error=False)
    if observation == "mcp":
        return End(failed(text) if _is_error(text) else COMPLETED)
    # What a cell printed does not say whether it failed.
    return End(Verdict(None) if observation == "run_ipython" else COMPLETED)


def _end_of_shell(code: Any, text: str, *, is_error: bool) -> End:
    if not isinstance(code, int) or isinstance(code, bool):
        return End(failed(text) if is_error else Verdict(None))
    if code == -1:
        # It goes on: a later call looks after it, and what that says is that call's.
        return End(Verdict(None))
    verdict = COMPLETED if code == 0 else Verdict(Outcome.FAILED, ErrorType.EXIT_CODE)
    return End(verdict, succeeded=code == 0, output=text)


def _is_error(text: str) -> bool:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("isError") is True


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        content = "\n".join(str(one.get("text", "")) for one in content if isinstance(one, dict))
    return content if isinstance(content, str) else ""
