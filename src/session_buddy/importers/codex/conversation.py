"""The state machine of one rollout: lines in, invocations out.

A rollout is one agent: its turns, the calls of each turn, and their results. What has no result when the turn is over
will get none, and a skill in use is at its end.
"""

from __future__ import annotations

import msgspec

from session_buddy.importers.calls.ledger import Call, Ledger, State, Thread, elapsed_ms
from session_buddy.importers.calls.moments import written_at
from session_buddy.importers.calls.phases import is_change, phase_of
from session_buddy.importers.calls.shells import Shells
from session_buddy.importers.calls.spans import Span
from session_buddy.importers.calls.verdicts import ABANDONED, COMPLETED, Verdict, on_command
from session_buddy.importers.codex.commands import (
    command_of,
    commands_in_script,
    files_in_patch,
    skills_named,
    skills_read,
)
from session_buddy.importers.codex.judging import milliseconds, named, named_by_end, tool_of, verdict_by_end, verdict_on
from session_buddy.importers.codex.lines import Payload, RolloutLine, fields_of, text_of
from session_buddy.importers.codex.outputs import Ended, read_output
from session_buddy.importers.shell import ShellRules
from session_buddy.importers.traits import INTERRUPTED, WRITES, of_files
from session_buddy.model import DurationSource, Invocation, Kind, Outcome, Trigger

__all__ = ["Conversation", "Remembered"]

_SHELLS = frozenset({"exec_command", "shell", "shell_command", "container.exec", "local_shell"})
_SCRIPT = "exec"
"""The tool that runs a script of the model, which calls other tools."""
_GOES_ON = {"write_stdin": "session_id", "wait": "cell_id"}
"""Tools that look after work that goes on, and which argument names it."""
_PATCH = "apply_patch"
_LONGEST_NAME = 200


class Remembered(msgspec.Struct):
    """All that must be remembered between two readings of a file."""

    calls: State = msgspec.field(default_factory=State)
    session_id: str | None = None
    cwd: str | None = None
    version: str | None = None
    model: str | None = None
    is_subagent: bool = False


class Conversation:
    """Reads the lines of one rollout in order. No I/O, no clock."""

    def __init__(self, state: Remembered, *, session_id: str, user_id: str, source: str, rules: ShellRules) -> None:
        """*session_id* stands in where the rollout names none."""
        self._state, self._session_id = state, session_id
        self._ledger = Ledger(state.calls, source=source, user_id=user_id)
        self._shells = Shells(self._ledger, rules)
        self._thread: Thread = self._ledger.thread("")

    def take(self) -> list[Invocation]:
        """Return the invocations that have become complete since the last time."""
        return self._ledger.take()

    def show(self) -> list[Invocation]:
        """Return all open calls as far as they are known."""
        return self._ledger.show()

    def save(self) -> bytes:
        """Return the state to go on from, without what may be secret in the commands of open calls."""
        self._state.calls.redact()
        return msgspec.msgpack.encode(self._state)

    def read(self, line: RolloutLine) -> list[str]:
        """Take in *line*; return what in it had to be left out, and why.

        Raises :class:`~session_buddy.errors.InvalidInput` if the line has no time where one is needed.
        """
        payload = line.payload
        if payload is None:
            return []
        match line.type, payload.type:
            case "session_meta", _:
                self._session(payload)
            case "turn_context", _:
                self._turn(payload)
            case "response_item", "message" if payload.role == "user":
                self._message(payload, written_at(line.timestamp))
            case "response_item", "function_call" | "custom_tool_call" | "local_shell_call" | "tool_search_call":
                return self._call(payload, written_at(line.timestamp))
            case "response_item", "web_search_call":
                return self._searched(payload, written_at(line.timestamp))
            case "response_item", "function_call_output" | "custom_tool_call_output" | "local_shell_call_output":
                self._result(payload, written_at(line.timestamp))
            case "response_item", "tool_search_output":
                self._found(payload, written_at(line.timestamp))
            case "event_msg", "exec_command_end" | "patch_apply_end" | "mcp_tool_call_end":
                return self._told_end(payload, written_at(line.timestamp))
            case "event_msg", "task_complete":
                self._end_turn(COMPLETED)
            case "event_msg", "turn_aborted":
                self._end_turn(ABANDONED, *([INTERRUPTED] if payload.reason == "interrupted" else []))
        return []

    # -- the agent and its turns ----------------------------------------------------

    def _session(self, payload: Payload) -> None:
        if self._state.session_id is not None:
            return  # that of the session it was forked from, with a copy of its lines
        self._state.session_id = _text(payload.session_id) or _text(payload.id) or self._session_id
        self._state.cwd, self._state.version = _text(payload.cwd), _text(payload.cli_version)
        self._state.is_subagent = isinstance(payload.source, dict) and "subagent" in payload.source

    def _turn(self, payload: Payload) -> None:
        turn = _text(payload.turn_id)
        if turn is not None and turn != self._thread.step:
            self._end_turn(COMPLETED)
            self._thread.step = turn
        self._state.cwd = _text(payload.cwd) or self._state.cwd
        self._state.model = _text(payload.model) or self._state.model

    def _end_turn(self, verdict: Verdict, *traits: str) -> None:
        """End the turn; *verdict* is on the skill in use, *traits* tell why, if that is known."""
        self._close_span(verdict, *traits)
        for call in self._ledger.calls(self._thread):
            if not call.answered:
                call.show(traits)
                self._shells.name(call, self._thread, succeeded=None)
                self._settle(call, ABANDONED)
        self._ledger.advance(self._thread, over=True)
        self._thread.work_changed = False

    # -- skills -----------------------------------------------------------------------

    def _message(self, payload: Payload, at: str) -> None:
        for number, name in enumerate(skills_named(text_of(payload.content))):
            event_id = f"{_text(payload.id) or f'{self._thread.step}:{at}'}#skill-{number}"
            self._use_skill(event_id, name, None, at, Trigger.USER)

    def _skills_read(self, event_id: str, command: str, at: str) -> None:
        """Open the skill whose instructions *command* reads; of several at once it is the last that is in use."""
        for number, skill in enumerate(skills_read(command)):
            if number:
                self._close_span(Verdict(None))
            self._use_skill(f"{event_id}#skill-{number}", skill.name, skill.plugin, at, Trigger.MODEL)

    def _use_skill(self, event_id: str, name: str, plugin: str | None, at: str, trigger: Trigger) -> None:
        """Open the span of a skill: it lasts until the next one, or the end of the turn."""
        if not self._ledger.is_new(event_id):
            return
        if self._thread.span is not None and self._thread.span.spelt == name:
            return  # read again while it is in use
        self._close_span(COMPLETED)
        call = self._opened(event_id, name, Kind.SKILL, at)
        call.plugin, call.spelt, call.trigger, call.parent = plugin, name, trigger, None
        call.answered = call.running = True
        self._ledger.add(call, self._thread)
        self._thread.span = Span(event_id, name, typed=trigger is Trigger.USER, last_at=at)

    def _close_span(self, verdict: Verdict, *traits: str) -> None:
        span, self._thread.span = self._thread.span, None
        call = self._ledger.get(span.event_id) if span is not None else None
        if span is not None and call is not None:
            call.last(elapsed_ms(call.invoked_at, span.last_at), DurationSource.SPAN)
            call.show(traits)
            self._settle(call, verdict)

    # -- calls --------------------------------------------------------------------------

    def _call(self, payload: Payload, at: str) -> list[str]:
        """Open the call; return why not, if it cannot be."""
        event_id, tool = _text(payload.call_id), _text(payload.name) or tool_of(payload)
        if event_id is None:
            return ["A tool call has no call_id."]
        if tool is None or len(tool) > _LONGEST_NAME:
            return [f"The call {event_id} names no tool."]
        if not self._ledger.is_new(event_id):
            return []
        given = fields_of(payload.arguments) if payload.type == "function_call" else fields_of(payload.action)
        name, kind = named(tool, _text(payload.namespace), given)
        call = self._opened(event_id, name, kind, at)
        call.tool = tool
        call.command = self._command(tool, payload, given)
        if tool == _PATCH and isinstance(payload.input, str):
            call.touched = of_files(WRITES, files_in_patch(payload.input))
        self._ledger.add(call, self._thread)
        task = given.get(_GOES_ON.get(tool, ""))
        if task is not None:
            self._state.calls.tips[event_id] = str(task)
        if call.command is not None:
            self._skills_read(event_id, call.command, at)
        return []

    def _command(self, tool: str, payload: Payload, given: dict[str, object]) -> str | None:
        if tool in _SHELLS:
            return command_of(given)
        if tool == _SCRIPT and isinstance(payload.input, str):
            # What each of them ended with is not told: they are read as one text, of which every part ran.
            return "\n".join(commands_in_script(payload.input)) or None
        return None

    def _opened(self, event_id: str, name: str, kind: Kind, at: str) -> Call:
        thread, state = self._thread, self._state
        parent = thread.span.event_id if thread.span is not None else None
        call = Call(
            event_id=event_id,
            session_id=state.session_id or self._session_id,
            skill_name=name,
            kind=kind,
            invoked_at=at,
            thread=thread.key,
            trigger=Trigger.NESTED if parent or state.is_subagent else Trigger.MODEL,
            parent=parent,
            project=state.cwd,
            agent_version=state.version,
            model=state.model,
            step=thread.step,
            phase=phase_of(name, changed=thread.work_changed),
            work_changed=thread.work_changed,
        )
        thread.work_changed = thread.work_changed or is_change(name)
        return call

    def _searched(self, payload: Payload, at: str) -> list[str]:
        """Take in a search of the web, which is written when it is done."""
        event_id = _text(payload.id)
        if event_id is None:
            return []  # older versions give it none: it cannot be told from another
        if self._ledger.is_new(event_id):
            call = self._opened(event_id, "web_search", Kind.TOOL, at)
            self._ledger.add(call, self._thread)
            self._settle(call, COMPLETED if payload.status == "completed" else Verdict(None))
        return []

    # -- results ----------------------------------------------------------------------

    def _found(self, payload: Payload, at: str) -> None:
        """Take in what a search for tools came to: a list of them, and a word on how it went."""
        call = self._ledger.get(_text(payload.call_id) or "")
        if call is not None and not call.answered:
            call.last(elapsed_ms(call.invoked_at, at), DurationSource.ELAPSED)
            self._settle(call, COMPLETED if payload.status == "completed" else Verdict(None))

    def _result(self, payload: Payload, at: str) -> None:
        call = self._ledger.get(_text(payload.call_id) or "")
        if call is None:
            return
        if self._thread.span is not None:
            self._thread.span.touch(at)
        ended = read_output(text_of(payload.output))
        self._look_after(call.event_id, ended, at)
        if call.answered:
            return
        if ended.running is not None and call.tool not in _GOES_ON:
            self._state.calls.tasks[ended.running] = call.event_id
            call.exit_means = self._shells.exit_means(call) or {True: Outcome.COMPLETED}
            self._shells.name(call, self._thread, succeeded=None)
            call.answered = call.running = True
            self._ledger.advance(self._thread)
            return
        self._end(call, ended, at)

    def _end(self, call: Call, ended: Ended, at: str) -> None:
        """Settle *call* by what its result says."""
        call.last(ended.duration_ms, DurationSource.REPORTED)
        if call.duration_ms is None:
            call.last(elapsed_ms(call.invoked_at, at), DurationSource.ELAPSED)
        verdict = verdict_on(call, ended)
        succeeded = None if ended.exit_code is None else ended.exit_code == 0
        use = self._shells.name(call, self._thread, succeeded=succeeded, output=ended.printed)
        if ended.exit_code is not None and use is not None:
            verdict = on_command(use.outcome)
        call.show(ended.traits)
        self._settle(call, verdict)
        self._ledger.advance(self._thread)

    def _told_end(self, payload: Payload, at: str) -> list[str]:
        """Take in an event that tells of the end of a call: of one that is known, or of one inside a script."""
        event_id = _text(payload.call_id)
        if event_id is None:
            return []
        duration_ms, call = milliseconds(payload.duration), self._ledger.get(event_id)
        if call is not None and not call.answered:
            call.last(duration_ms, DurationSource.REPORTED)
        elif call is None and self._ledger.is_new(event_id):
            name, kind = named_by_end(payload)
            call = self._opened(event_id, name, kind, at)
            call.last(duration_ms, DurationSource.REPORTED)
            call.trigger = Trigger.NESTED
            call.touched = of_files(WRITES, fields_of(payload.changes))
            self._ledger.add(call, self._thread)
            self._settle(call, verdict_by_end(payload))
        return []

    def _look_after(self, event_id: str, ended: Ended, at: str) -> None:
        """End the work that the call *event_id* looked after, where its result says that it is over."""
        task = self._state.calls.tips.pop(event_id, None)
        if task is None or ended.running is not None:
            return
        call = self._ledger.get(self._state.calls.tasks.pop(task, ""))
        if call is None or not call.running:
            return
        call.last(elapsed_ms(call.invoked_at, at), DurationSource.ELAPSED)
        means = call.exit_means.get(ended.exit_code == 0) if ended.exit_code is not None else None
        self._settle(call, on_command(means))

    def _settle(self, call: Call, verdict: Verdict) -> None:
        call.settle(verdict)
        self._ledger.release(call)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
