"""One session of Gemini CLI: messages in, invocations out."""

from __future__ import annotations

import re

from session_buddy.errors import InvalidInput
from session_buddy.importers.calls.dialogue import Dialogue, End, Use
from session_buddy.importers.calls.failures import failed
from session_buddy.importers.calls.moments import written_at
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
from session_buddy.importers.gemini.records import (
    Message,
    Record,
    ToolCall,
    called_at,
    messages_of,
    text_of,
    tool_calls_of,
)
from session_buddy.importers.traits import INTERRUPTED, PERMISSION_ASKED, REJECTED
from session_buddy.model import ErrorType, Invocation, Outcome

__all__ = ["Session"]

_SHELL, _SKILL = "run_shell_command", "activate_skill"
_AGENTS = {"invoke_agent": "agent_name", "delegate_to_agent": "agent_name"}
_OWN_AGENTS = frozenset({"codebase_investigator", "cli_help", "generalist", "browser_agent"})
"""Subagents that are called like tools in versions without ``invoke_agent``."""
_FILES = {"read_file": False, "write_file": True, "replace": True}
_SERVED = re.compile(r"(?P<tool>.{1,150}) \((?P<server>.{1,100}) MCP Server\)")
_SERVED_NAME = re.compile(r"(?:mcp_)?(?P<server>[A-Za-z0-9.-]{1,100})__(?P<tool>\w[\w.-]{0,150})")

_TAIL = 600
"""What the shell adds stands behind what the command printed."""
_EXIT = re.compile(r"^Exit Code: (-?\d{1,10})$", re.MULTILINE)
_ENDED_WELL = re.compile(r"\AOutput: .*?^(?:Background PIDs: [^\n]*\n)?Process Group PGID: \d+\s*\Z", re.DOTALL | re.M)
_SIGNAL = re.compile(r"^(?:Signal: (?!0$|\(none\)$)|Error: (?!\(none\)$))", re.MULTILINE)
_TIMED_OUT = "Command was automatically cancelled because it exceeded the timeout"
_CANCELLED = "Command was cancelled by user"
_NOT_ALLOWED = re.compile(r"did not allow|denied|rejected|declined", re.IGNORECASE)


class Session:
    """Reads the records of one session in order. No I/O, no clock."""

    def __init__(self, dialogue: Dialogue, *, parent_session: str | None) -> None:
        """*parent_session* is the session that a subagent's is part of, as its folder is called."""
        self._dialogue, self._parent_session = dialogue, parent_session

    def take(self) -> list[Invocation]:
        """Return the invocations that have become complete since the last time."""
        return self._dialogue.take()

    def show(self) -> list[Invocation]:
        """Return all open calls as far as they are known."""
        return self._dialogue.show()

    def save(self) -> bytes:
        """Return the state to go on from."""
        return self._dialogue.save()

    def read(self, line: Record) -> list[str]:
        """Take in *line*; return what in it had to be left out, and why."""
        state = self._dialogue.state
        if line.type is None and isinstance(line.sessionId, str):
            state.is_subagent = state.is_subagent or line.kind == "subagent"
            state.session_id = self._parent_session if state.is_subagent else None
            state.session_id = state.session_id or line.sessionId
            if isinstance(line.directories, list) and line.directories:
                state.cwd = words_of(line.directories[0])
        problems: list[str] = []
        for number, message in enumerate(messages_of(line), 1):
            if message is None:
                problems.append(f"Message {number} makes no sense.")
                continue
            try:
                problems += self._message(message)
            except InvalidInput as error:
                problems.append(f"Message {number}: {error.problem}")
        return problems

    def _message(self, message: Message) -> list[str]:
        if message.type == "user" and (step := words_of(message.id)):
            self._dialogue.begin(step)
        if message.type != "gemini":
            return []
        self._dialogue.state.model = words_of(message.model) or self._dialogue.state.model
        return [problem for call in tool_calls_of(message) if (problem := self._call(call, message))]

    def _call(self, call: ToolCall | None, message: Message) -> str | None:
        event_id = words_of(call.id) if call is not None else None
        if call is None or event_id is None:
            return "A tool call has no id."
        use = _use_of(call)
        if use is None:
            return f"The call {event_id} names no tool."
        at = called_at(event_id) or written_at(words_of(message.timestamp))
        self._dialogue.call(event_id, use, at)
        end = _end_of(call, use)
        if end is not None:
            # When it was written down, which is when it was over.
            self._dialogue.result(event_id, end, written_at(words_of(call.timestamp) or message.timestamp))
        return None


def _use_of(call: ToolCall) -> Use | None:
    tool = words_of(call.name)
    given = call.args if isinstance(call.args, dict) else {}
    served = _SERVED.fullmatch(call.displayName) if isinstance(call.displayName, str) else None
    if served is None and tool is not None:
        served = _SERVED_NAME.fullmatch(tool)
    if served is not None:
        return mcp_use(served["server"], served["tool"])
    if tool == _SHELL:
        return shell_use(_SHELL, given.get("command"))
    if tool == _SKILL:
        return skill_use(given.get("name"), _SKILL)
    if tool in _AGENTS:
        return agent_use(given.get(_AGENTS[tool]))
    if tool in _OWN_AGENTS:
        return agent_use(tool)
    if tool in _FILES:
        return file_use(tool, given.get("file_path", given.get("absolute_path")), writes=_FILES[tool])
    return tool_use(tool)


def _end_of(call: ToolCall, use: Use) -> End | None:
    """Return how *call* ended, ``None`` while it has not."""
    text, _ = text_of(call.result)
    if call.status == "cancelled":
        by_user = (PERMISSION_ASKED, REJECTED) if _NOT_ALLOWED.search(text) else (INTERRUPTED,)
        return End(ABANDONED, traits=by_user)
    if call.status == "error":
        return End(failed(text))
    if call.status != "success":
        return None
    return _end_of_shell(text) if call.name == _SHELL and use.command is not None else End(COMPLETED)


def _end_of_shell(text: str) -> End:
    """Return how a command ended: a call that came back is a success to the agent, whatever the exit code."""
    if text.startswith(_TIMED_OUT):
        return End(Verdict(Outcome.FAILED, ErrorType.TIMEOUT))
    if text.startswith(_CANCELLED):
        return End(ABANDONED, traits=(INTERRUPTED,))
    tail = text[-_TAIL:]
    exits = _EXIT.findall(tail)
    if exits:
        code = int(exits[-1])
        verdict = COMPLETED if code == 0 else Verdict(Outcome.FAILED, ErrorType.EXIT_CODE)
        return End(verdict, succeeded=code == 0, output=text)
    if _ENDED_WELL.match(text) and not _SIGNAL.search(tail):
        # Later versions tell no exit code where it is 0.
        return End(COMPLETED, succeeded=True, output=text)
    return End(Verdict(None))
