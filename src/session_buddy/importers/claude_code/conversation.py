"""The state machine of one transcript: lines in, invocations out.

The conversation of an agent is a sequence of turns, each opened by a user prompt. A call
belongs to the turn and the agent that made it; when a turn is over, what has no result
will get none, and an open skill is at its end.
"""

from __future__ import annotations

import hashlib

import msgspec

from session_buddy.importers.calls.ledger import Call, Ledger, State, Thread, remember
from session_buddy.importers.calls.moments import written_at
from session_buddy.importers.calls.names import bare_name
from session_buddy.importers.calls.phases import is_change, phase_of
from session_buddy.importers.calls.spans import Span
from session_buddy.importers.calls.verdicts import COMPLETED, Verdict
from session_buddy.importers.claude_code.endings import Endings
from session_buddy.importers.claude_code.files import touched_by
from session_buddy.importers.claude_code.lines import Attachment, Block, Inner, Line, Message, text_of
from session_buddy.importers.claude_code.naming import Named, name_tool, name_typed, offered_names
from session_buddy.importers.shell import ShellRules
from session_buddy.importers.traits import PERMISSION_ASKED
from session_buddy.model import ErrorType, Invocation, Kind, Outcome, Trigger

__all__ = ["Conversation", "typed_id"]

_INTERRUPTED = "[Request interrupted by user"
_LOCAL_ERROR = "<local-command-stderr>"
_NO_PROMPT = ("<local-command-", "<bash-", _INTERRUPTED)
"""Lines the agent's program writes in the user's name without asking the model anything."""
_MOST_AGENTS = 256
_MOST_OFFERED = 1_000


class Conversation:
    """Reads the lines of one transcript in order. No I/O, no clock."""

    def __init__(self, state: State, *, session_id: str, user_id: str, source: str, rules: ShellRules) -> None:
        """*session_id* stands in for lines that carry none."""
        self._state = state
        self._session_id = session_id
        self._ledger = Ledger(state, source=source, user_id=user_id)
        self._endings = Endings(state, self._ledger, rules)

    def take(self) -> list[Invocation]:
        """Return the invocations that have become complete since the last time."""
        return self._ledger.take()

    def show(self) -> list[Invocation]:
        """Return all open calls as far as they are known."""
        return self._ledger.show()

    def save(self) -> bytes:
        """Return the state to go on from, without what may be secret in the commands of open calls."""
        self._state.redact()
        return msgspec.msgpack.encode(self._state)

    def read(self, line: Line) -> list[str]:
        """Take in *line*; return what in it had to be left out, and why.

        Raises :class:`InvalidInput` if the line has no time where one is needed.
        """
        match line.type:
            case "assistant" if line.message is not None:
                return self._assistant(line, line.message, self._thread_of(line), line.timestamp)
            case "user" if line.message is not None:
                return self._user(line, line.message, self._thread_of(line))
            case "progress" if line.data is not None and isinstance(line.data.message, Inner):
                return self._progress(line, line.data.message, line.data.agentId)
            case "system":
                return self._system(line, self._thread_of(line))
            case "attachment" if line.attachment is not None:
                self._attachment(line, line.attachment)
            case "queue-operation":
                self._notices(line, text_of(line.content))
        return []

    def end(self) -> None:
        """End the session: nothing follows."""
        for thread in list(self._state.threads.values()):
            self._endings.end_turn(thread)

    def is_open(self, event_id: str) -> bool:
        """Tell whether the call *event_id* was made and has no end yet."""
        call = self._ledger.get(event_id)
        return call is not None and not call.answered

    def ask_permission(self, agent: str, tool: str) -> None:
        """Note that *agent* (empty: the main one) asks the user whether its last call of *tool* may run."""
        thread = self._state.threads.get(agent)
        if thread is None:
            return
        asking = [call for call in self._ledger.calls(thread) if call.tool == tool and not call.answered]
        if asking:
            asking[-1].show((PERMISSION_ASKED,))

    # -- who speaks -----------------------------------------------------------------

    def _thread_of(self, line: Line) -> Thread:
        if not line.isSidechain:
            return self._ledger.thread("")
        if line.agentId:
            return self._agent(line.agentId)
        return self._nameless_agent(line)

    def _agent(self, key: str, *, parent: str | None = None) -> Thread:
        """Return the subagent *key*; the one longest known makes room for it where there are too many."""
        threads = self._state.threads
        if key not in threads and len(threads) > _MOST_AGENTS:
            self._endings.dismiss(next(thread for thread in threads.values() if thread.key))
        return self._ledger.thread(key, parent=parent)

    def _nameless_agent(self, line: Line) -> Thread:
        """Return the subagent of a line of 1.0.x, which gives it no id: follow the lines back to its first."""
        key = self._state.tips.get(line.parentUuid or "") or f"sidechain:{line.uuid}"
        if line.uuid:
            remember(self._state.tips, line.uuid, key)
        return self._agent(key, parent=self._parent_by_prompt(line))

    def _parent_by_prompt(self, line: Line) -> str | None:
        """Return the call that started the subagent whose first line this is: the one that gave it this task."""
        if line.parentUuid is not None or line.message is None:
            return None
        digest = _digest(_prompt_text(line.message))
        return next((call.event_id for call in self._state.open.values() if call.prompt_digest == digest), None)

    # -- the model ------------------------------------------------------------------

    def _assistant(self, line: Line, message: Message, thread: Thread, timestamp: str | None) -> list[str]:
        if line.promptId is not None:
            self._open_turn(line, thread, prompt=False)
        if message.id != thread.message_id:
            thread.message_id = message.id
            self._endings.presume_lost(thread)
        uses = message.blocks("tool_use")
        if not uses and thread.span is None:
            return []
        at = written_at(timestamp)
        if thread.span is not None:
            rests = message.stop_reason == "end_turn"
            error = bool(line.isApiErrorMessage)
            if not thread.span.hear(at, line.attributionSkill, api_error=error, at_rest=rests):
                self._endings.close_span(thread)
        return [problem for block in uses if (problem := self._call(line, message, thread, block, at))]

    def _call(self, line: Line, message: Message, thread: Thread, block: Block, at: str) -> str | None:
        """Open the call in *block*; return why not, if it cannot be."""
        if not block.id:
            return "A tool call has no id."
        if not self._ledger.is_new(block.id):
            return None
        named = name_tool(block.name, block.input)
        if named is None:
            return f"The tool name of {block.id} is garbage."
        if thread.span is not None and thread.span.typed and named.kind is Kind.SKILL:
            named = _unless_echo(named, thread.span)
        call = self._opened(line, thread, block.id, named, at)
        call.tool = block.name or ""
        call.touched = touched_by(call.tool, block.input)
        call.model = message.model if message.model != "<synthetic>" else None
        call.prompt_digest = _digest(named.prompt) if named.prompt else None
        self._ledger.add(call, thread)
        return None

    def _opened(self, line: Line, thread: Thread, event_id: str, named: Named, at: str) -> Call:
        """Return a new call of *thread*."""
        parent = thread.span.event_id if thread.span is not None else thread.parent
        call = Call(
            event_id=event_id,
            session_id=line.sessionId or self._session_id,
            skill_name=named.skill_name,
            kind=named.kind,
            plugin=named.plugin,
            spelt=named.spelt,
            command=named.command,
            invoked_at=at,
            thread=thread.key,
            trigger=Trigger.NESTED if parent or thread.key else Trigger.MODEL,
            parent=parent,
            project=line.cwd,
            agent_version=line.version,
            step=thread.step,
            phase=phase_of(named.skill_name, changed=thread.work_changed),
            work_changed=thread.work_changed,
        )
        thread.work_changed = thread.work_changed or is_change(named.skill_name)
        if named.kind is Kind.SKILL:
            call.alternatives = tuple(name for name in self._state.offered if name != named.skill_name)
        return call

    # -- the user, and results in the user's name -----------------------------------

    def _user(self, line: Line, message: Message, thread: Thread) -> list[str]:
        results = message.blocks("tool_result")
        text = _prompt_text(message) if len(results) != len(message.content or ()) else ""
        prompt = not (results or line.isMeta or line.isCompactSummary or text.startswith(_NO_PROMPT))
        if results:
            self._open_turn(line, thread, prompt=False)
            at = written_at(line.timestamp)
            for block in results:
                told = line.toolUseResult
                self._endings.result(thread, block, told, at, denial=line.toolDenialKind, lasted=line.durationMs)
        if text.startswith(_INTERRUPTED):
            self._endings.interrupt(thread)
        elif text.startswith(_LOCAL_ERROR):
            self._local_error(thread)
        self._open_turn(line, thread, prompt=prompt)
        if not prompt:
            return []
        self._notices(line, text)
        return self._typed(line, thread, text)

    def _open_turn(self, line: Line, thread: Thread, *, prompt: bool) -> None:
        """Open a turn if *line* belongs to another prompt than the lines before it.

        Newer versions say which prompt a line belongs to; in older ones it is a *prompt*
        that opens a turn. There a subagent has one turn: that of the call that started it.
        """
        step = line.promptId
        if step is None:
            if not prompt or (thread.key and thread.step is not None):
                return
            step = line.uuid
        if step != thread.step:
            self._endings.end_turn(thread)
            thread.step = step

    def _typed(self, line: Line, thread: Thread, text: str) -> list[str]:
        """Open the slash command that *text* records, if it records one."""
        named = name_typed(text)
        if named is None:
            return []
        event_id = line.uuid
        if named.kind is Kind.SKILL and line.promptId:
            event_id = typed_id(line.promptId)
        if not event_id:
            return ["A typed command has no uuid."]
        if not self._ledger.is_new(event_id):
            return []
        at = written_at(line.timestamp)
        call = self._opened(line, thread, event_id, named, at)
        call.trigger, call.parent = Trigger.USER, None
        self._ledger.add(call, thread)
        if named.kind is Kind.SKILL:
            call.answered = call.running = True
            thread.span = Span(call.event_id, named.spelt, typed=True, last_at=at)
        else:
            call.settle(COMPLETED)  # it is written when it has run; an error it prints comes right after
        return []

    def _local_error(self, thread: Thread) -> None:
        """Note that the built-in command right before printed an error."""
        last = self._ledger.get(thread.trail[-1]) if thread.trail else None
        if last is not None and last.kind is Kind.COMMAND:
            last.settle(Verdict(Outcome.FAILED, ErrorType.OTHER))

    # -- other lines ----------------------------------------------------------------

    def _progress(self, line: Line, inner: Inner, agent_id: str | None) -> list[str]:
        """Take in a subagent's line that stands only inside a ``progress`` line."""
        if inner.message is None:
            return []
        thread = self._agent(agent_id or line.parentToolUseID or "progress", parent=line.parentToolUseID)
        timestamp = inner.timestamp or line.timestamp
        if inner.type == "assistant":
            return self._assistant(line, inner.message, thread, timestamp)
        for block in inner.message.blocks("tool_result"):
            self._endings.result(thread, block, inner.toolUseResult, written_at(timestamp), denial=None)
        return []

    def _system(self, line: Line, thread: Thread) -> list[str]:
        if line.subtype == "turn_duration" and thread.span is not None:
            thread.span.at_rest = True
        elif line.subtype == "local_command":
            text = text_of(line.content)
            if text.startswith(_LOCAL_ERROR):
                self._local_error(thread)
            return self._typed(line, thread, text)
        return []

    def _attachment(self, line: Line, attachment: Attachment) -> None:
        if attachment.type == "skill_listing":
            offered = offered_names(attachment.names, text_of(attachment.content))
            known = [] if attachment.isInitial else self._state.offered
            self._state.offered = list(dict.fromkeys([*known, *offered]))[-_MOST_OFFERED:]
        elif attachment.type == "queued_command":
            self._notices(line, text_of(attachment.prompt))

    def _notices(self, line: Line, text: str) -> None:
        if "<task-notification>" in text:
            self._endings.notices(text, written_at(line.timestamp))


def typed_id(prompt_id: str) -> str:
    """Return the id of the skill that the user typed as the prompt *prompt_id*: hooks and telemetry know that, too.

    >>> typed_id("550e8400")
    '550e8400:typed'
    """
    return f"{prompt_id}:typed"


def _unless_echo(named: Named, typed: Span) -> Named:
    """Return *named*, or only the tool ``Skill`` if it loads the very skill that the user *typed*: that is one use."""
    return Named("Skill", Kind.TOOL) if bare_name(named.spelt) == bare_name(typed.spelt) else named


def _prompt_text(message: Message) -> str:
    """Return what a user's line says: its text, or its first block of text."""
    if isinstance(message.content, str):
        return message.content.lstrip()
    return next((text_of(block.text).lstrip() for block in message.blocks("text")), "")


def _digest(text: str) -> str:
    """Return a short digest, so that no prompt is kept."""
    return hashlib.blake2b(text.strip().encode(), digest_size=8).hexdigest()
