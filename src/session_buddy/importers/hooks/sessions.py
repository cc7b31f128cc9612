"""The sessions that hooks tell of, side by side: events in, invocations out. No I/O, no clock."""

from __future__ import annotations

import hashlib

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.calls.ledger import State, remember
from session_buddy.importers.calls.moments import earlier
from session_buddy.importers.claude_code.conversation import Conversation
from session_buddy.importers.hooks.events import HookEvent
from session_buddy.importers.hooks.lines import call_line, line_of
from session_buddy.importers.jsonl import decoded
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Invocation, parse_time

__all__ = ["SOURCE", "Sessions", "hook_version"]

SOURCE = "hook"
_REVISION = 1
_MOST_SESSIONS = 64
"""More are never at work at once; the one that was silent longest makes room."""
_OF_CALLS = frozenset({"PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionDenied"})
_ENDS = frozenset({"PostToolUse", "PostToolUseFailure", "PermissionDenied"})


class _Session(msgspec.Struct):
    """All that must be remembered of one session."""

    calls: State = msgspec.field(default_factory=State)
    model: str | None = None
    waiting: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """Calls without an id of their own that have no end yet, by the digest of what they call."""


_STATE = msgspec.msgpack.Decoder(dict[str, _Session])


def hook_version(rules: ShellRules) -> str:
    """Return what changes when the same events would give other invocations."""
    return f"{SOURCE} {_REVISION}.{rules.digest[:16]}"


class Sessions:
    """Reads the events of any number of sessions, in the order in which they happened.

    Nothing is lost by an event told twice: a call is known by its id.
    """

    def __init__(self, state: bytes | None, *, user_id: str, rules: ShellRules) -> None:
        """Raise :class:`InvalidInput` if *state* is none that :meth:`save` returned."""
        self._user_id, self._rules = user_id, rules
        self._states = decoded(_STATE, state) if state else {}
        self._open: dict[str, Conversation] = {}
        self._told: list[Invocation] = []

    def read(self, event: HookEvent, received_at: str) -> list[str]:
        """Take in *event*; return what in it had to be left out, and why.

        Raises :class:`InvalidInput` where the event has a time that is none.
        """
        at = parse_time(event.timestamp) if isinstance(event.timestamp, str) else received_at
        session, conversation = self._session(event.session_id)
        if event.hook_event_name == "SessionStart" and isinstance(event.model, str):
            session.model = event.model
        if event.hook_event_name == "SessionEnd":
            self._end(event.session_id)
            return []
        if event.hook_event_name == "PermissionRequest" and isinstance(event.tool_name, str):
            conversation.ask_permission(_agent(event), event.tool_name)
            return []
        call_id = _call_id(event, session, at) if event.hook_event_name in _OF_CALLS else None
        problems = []
        if call_id and event.hook_event_name in _ENDS and not conversation.is_open(call_id):
            # Its beginning was not told, or the call was given up meanwhile.
            began_at = _before(at, event.duration_ms)
            session.calls.seen.pop(call_id, None)
            problems += conversation.read(call_line(event, call_id, began_at, session.model))
        line = line_of(event, call_id, at, session.model)
        return problems + (conversation.read(line) if line is not None else [])

    def take(self) -> list[Invocation]:
        """Return the invocations that have become complete since the last time."""
        told, self._told = self._told, []
        return told + [call for conversation in self._open.values() for call in conversation.take()]

    def show(self) -> list[Invocation]:
        """Return the open calls, as far as they are known, of the sessions heard of since the last :meth:`save`."""
        return [call for conversation in self._open.values() for call in conversation.show()]

    def save(self) -> bytes:
        """Return the state to go on from, without what may be secret in the commands of open calls."""
        for session in self._states.values():
            session.calls.redact()
        self._told += [call for conversation in self._open.values() for call in conversation.take()]
        self._open.clear()
        return msgspec.msgpack.encode(self._states)

    def _session(self, session_id: str) -> tuple[_Session, Conversation]:
        session = self._states.pop(session_id, None)
        if session is None:
            session = _Session()
            while len(self._states) >= _MOST_SESSIONS:
                self._end(next(iter(self._states)))
        self._states[session_id] = session  # the last heard of stands last
        conversation = self._open.get(session_id)
        if conversation is None:
            conversation = self._open[session_id] = Conversation(
                session.calls, session_id=session_id, user_id=self._user_id, source=SOURCE, rules=self._rules
            )
        return session, conversation

    def _end(self, session_id: str) -> None:
        """Forget a session that is over; what is open in it gets no end."""
        _, conversation = self._session(session_id)
        conversation.end()
        self._told += conversation.take()
        del self._states[session_id], self._open[session_id]


def _agent(event: HookEvent) -> str:
    return event.agent_id if isinstance(event.agent_id, str) else ""


def _call_id(event: HookEvent, session: _Session, at: str) -> str:
    """Return the id of the call that *event* tells of: its own, or, where it has none, one by what it calls and when.

    Of calls that are alike the first begun is the first that ends.
    """
    if isinstance(event.tool_use_id, str) and event.tool_use_id:
        return event.tool_use_id
    given = (event.session_id, _agent(event), str(event.tool_name))
    digest = hashlib.blake2b("\0".join(given).encode() + b"\0" + bytes(event.tool_input), digest_size=12).hexdigest()
    waiting = session.waiting.get(digest, [])
    if event.hook_event_name in _ENDS and waiting:
        call_id = waiting.pop(0)
        if not waiting:
            del session.waiting[digest]
        return call_id
    call_id = f"hook:{digest}:{at}"
    if event.hook_event_name not in _ENDS:
        remember(session.waiting, digest, [*waiting, call_id])
    return call_id


def _before(at: str, duration_ms: object) -> str:
    """Return the moment *duration_ms* before *at*, or *at* itself where that is no duration."""
    if isinstance(duration_ms, bool) or not isinstance(duration_ms, int | float) or not 0 <= duration_ms < 1e12:
        return at
    try:
        return earlier(at, duration_ms)
    except InvalidInput:
        return at
