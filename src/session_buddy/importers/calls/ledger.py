"""The calls that are not told of yet, and when each may be told.

A call is told (becomes an :class:`Invocation`) once two things are known: how it ended,
and which three calls followed it. Both may be long in coming, and come in any order, so
an open call stands here until then. What is held is bounded: calls without a result, work
in the background, open skills and the last few calls of each agent.

Everything here is plain data; :class:`State` is what a parser saves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeVar

import msgspec

from session_buddy.importers.calls.spans import Span
from session_buddy.importers.calls.verdicts import ABANDONED, Verdict
from session_buddy.importers.shell import skeleton
from session_buddy.importers.traits import joined
from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Phase, Trigger

__all__ = ["Call", "Ledger", "State", "Thread", "elapsed_ms", "remember"]

_V = TypeVar("_V")

_FOLLOW_UPS = 3
_MOST_OPEN = 2_000
"""More calls than this are never open in earnest; the oldest are then told as they are."""
_MOST_REMEMBERED = 512


class Call(msgspec.Struct, kw_only=True, gc=False):
    """An invocation in the making."""

    event_id: str
    session_id: str
    skill_name: str
    kind: Kind
    invoked_at: str
    thread: str
    tool: str = ""
    trigger: Trigger = Trigger.MODEL
    plugin: str | None = None
    parent: str | None = None
    project: str | None = None
    agent_version: str | None = None
    model: str | None = None
    step: str | None = None
    phase: Phase | None = None
    alternatives: tuple[str, ...] = ()
    spelt: str = ""
    prompt_digest: str | None = None
    command: str | None = None
    """A shell call's text, only until its result names it."""
    exit_means: dict[bool, Outcome | None] = msgspec.field(default_factory=dict)
    """For a shell call in the background: what success and failure mean for the command it is named after."""
    work_changed: bool = False
    answered: bool = False
    """A result came, or the call needs none."""
    running: bool = False
    """Launched into the background, or a skill whose span is open."""
    settled: bool = False
    """The outcome will not change any more."""
    followed: bool = False
    """The follow-ups will not change any more."""
    outcome: Outcome | None = None
    error_type: ErrorType | None = None
    duration_ms: int | None = None
    duration_source: DurationSource | None = None
    follow_ups: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    """As traits: the types of files that it touches, if it runs."""
    traits: tuple[str, ...] = ()

    @property
    def named(self) -> bool:
        """Tell whether its name is final."""
        return self.command is None

    def settle(self, verdict: Verdict) -> None:
        """Fix how the call ended."""
        self.outcome, self.error_type = verdict.outcome, verdict.error_type
        self.answered = self.settled = True
        self.running = False
        if verdict.outcome is Outcome.ABANDONED and self.duration_source is DurationSource.ELAPSED:
            # It never ran, or was cut short: how long it stood there says nothing of the skill.
            self.duration_ms = self.duration_source = None
        if self.touched and self._ran():
            self.show(self.touched)

    def show(self, traits: Iterable[str]) -> None:
        """Note *traits* that were seen of it."""
        self.traits = joined(self.traits, traits)

    def _ran(self) -> bool:
        """Tell whether it got at its files: a failed tool did not, a failed command did."""
        return self.outcome in (Outcome.COMPLETED, None) or (self.outcome is Outcome.FAILED and self.kind is Kind.SHELL)

    def last(self, duration_ms: int | None, source: DurationSource) -> None:
        """Note how long the call took; nothing is noted where clocks disagree."""
        if duration_ms is not None and duration_ms >= 0:
            self.duration_ms, self.duration_source = duration_ms, source


class Thread(msgspec.Struct, gc=False):
    """One agent: the main one or a subagent."""

    key: str
    """Empty for the main agent."""
    parent: str | None = None
    """The call that started this agent."""
    step: str | None = None
    message_id: str | None = None
    work_changed: bool = False
    span: Span | None = None
    trail: list[str] = msgspec.field(default_factory=list)
    """The calls of this turn, in order, whose follow-ups are not complete."""


class State(msgspec.Struct):
    """All that must be remembered between two readings of a file."""

    open: dict[str, Call] = msgspec.field(default_factory=dict)
    threads: dict[str, Thread] = msgspec.field(default_factory=dict)
    tasks: dict[str, str] = msgspec.field(default_factory=dict)
    """Background work: its task id → the call that launched it."""
    tips: dict[str, str] = msgspec.field(default_factory=dict)
    """Lines of subagents without an id of their own: uuid → thread."""
    seen: dict[str, bool] = msgspec.field(default_factory=dict)
    """The last calls seen: a call is written again when a session is resumed into the same file."""
    offered: list[str] = msgspec.field(default_factory=list)
    """The skills on offer."""

    def redact(self) -> None:
        """Forget what may be secret in the commands of shell calls that have no result yet."""
        for call in self.open.values():
            if call.command is not None:
                call.command = skeleton(call.command)


class Ledger:
    """Open calls and the agents that made them; hands out invocations when they are complete."""

    def __init__(self, state: State, *, source: str, user_id: str) -> None:
        self._state = state
        self._source = source
        self._user_id = user_id
        self._told: list[Invocation] = []

    def take(self) -> list[Invocation]:
        """Return what has become complete since the last time."""
        told, self._told = self._told, []
        return told

    def thread(self, key: str, *, parent: str | None = None) -> Thread:
        """Return the agent *key*, new (with its *parent* call) if it was not known."""
        found = self._state.threads.get(key)
        if found is None:
            main = self._state.threads.get("")
            found = Thread(key, parent=parent, step=main.step if main else None)
            self._state.threads[key] = found
        return found

    def get(self, event_id: str) -> Call | None:
        """Return the open call *event_id*."""
        return self._state.open.get(event_id)

    def calls(self, thread: Thread) -> Iterator[Call]:
        """Yield the open calls of *thread*."""
        return (call for call in list(self._state.open.values()) if call.thread == thread.key)

    def is_new(self, event_id: str) -> bool:
        """Remember *event_id*; tell whether it was neither among those remembered nor is open."""
        return remember(self._state.seen, event_id, True) and event_id not in self._state.open

    def add(self, call: Call, thread: Thread, *, before: str | None = None) -> None:
        """Open *call* as the last of *thread*'s turn, or right before the call *before*."""
        if before is None:
            thread.trail.append(call.event_id)
        elif before in thread.trail:
            thread.trail.insert(thread.trail.index(before), call.event_id)
        else:
            call.followed = True  # its turn is over or its follow-ups are told: they are the other call's
        self._state.open[call.event_id] = call
        while len(self._state.open) > _MOST_OPEN:
            self._let_go(next(iter(self._state.open.values())))

    def advance(self, thread: Thread, *, over: bool = False) -> None:
        """Fix the follow-ups of calls that have three, or of all if the turn is *over*."""
        trail, calls = thread.trail, self._state.open
        if len(trail) <= _FOLLOW_UPS and not over:
            return
        done = 0
        while done < len(trail):
            following = [calls[event_id] for event_id in trail[done + 1 : done + 1 + _FOLLOW_UPS]]
            if not over and (len(following) < _FOLLOW_UPS or not all(call.named for call in following)):
                break
            call = calls[trail[done]]
            call.follow_ups = tuple(follower.skill_name for follower in following)
            call.followed = True
            done += 1
        gone, thread.trail = trail[:done], trail[done:]
        for event_id in gone:
            self.release(calls[event_id])

    def release(self, call: Call) -> None:
        """Tell of *call* and forget it, if it is complete; a skill that it belongs to has its traits too."""
        if call.settled and call.traits:
            self._hand_on(call)
        if call.settled and call.followed:
            del self._state.open[call.event_id]
            self._told.append(self._invocation(call))

    def show(self) -> list[Invocation]:
        """Return all open calls as far as they are known; they stay open."""
        calls = self._state.open
        for thread in self._state.threads.values():
            for position, event_id in enumerate(thread.trail):
                following = thread.trail[position + 1 : position + 1 + _FOLLOW_UPS]
                calls[event_id].follow_ups = tuple(calls[follower].skill_name for follower in following)
        spans = [thread.span for thread in self._state.threads.values() if thread.span is not None]
        resting = {span.event_id: span for span in spans if span.over()}
        return [self._invocation(_at_rest(call, resting.get(call.event_id))) for call in calls.values()]

    def _let_go(self, call: Call) -> None:
        """Tell of the oldest call although it is not complete: memory is bounded."""
        thread = self._state.threads[call.thread] if call.thread in self._state.threads else Thread(call.thread)
        if thread.span is not None and thread.span.event_id == call.event_id:
            thread.span = None
        if call.event_id in thread.trail:
            thread.trail.remove(call.event_id)
        if not call.answered:
            call.settle(ABANDONED)
        del self._state.open[call.event_id]
        self._hand_on(call)
        self._told.append(self._invocation(call))

    def _hand_on(self, call: Call) -> None:
        skill = self._state.open.get(call.parent or "")
        if skill is not None and skill.kind is Kind.SKILL:
            skill.show(call.traits)

    def _invocation(self, call: Call) -> Invocation:
        return Invocation(
            event_id=call.event_id,
            session_id=call.session_id,
            skill_name=call.skill_name,
            kind=call.kind,
            invoked_at=call.invoked_at,
            source=self._source,
            user_id=self._user_id,
            outcome=call.outcome,
            error_type=call.error_type,
            duration_ms=call.duration_ms,
            duration_source=call.duration_source,
            trigger=call.trigger,
            plugin=call.plugin,
            parent_event_id=call.parent,
            project=call.project,
            agent_version=call.agent_version,
            model=call.model,
            workflow_phase=call.phase,
            workflow_step_id=call.step,
            alternatives_considered=call.alternatives,
            follow_up_actions=call.follow_ups,
            traits=call.traits,
        )


def _at_rest(call: Call, span: Span | None) -> Call:
    """Return *call* as it reads if its *span*, whose agent is at rest, ends here."""
    if span is None:
        return call
    shown = msgspec.structs.replace(call)
    shown.settle(span.verdict())
    shown.last(elapsed_ms(call.invoked_at, span.last_at), DurationSource.SPAN)
    return shown


def remember(memory: dict[str, _V], key: str, value: _V) -> bool:
    """Put *key* into *memory*, forgetting the oldest beyond a fixed number; tell whether it is new."""
    new = key not in memory
    memory[key] = value
    if len(memory) > _MOST_REMEMBERED:
        del memory[next(iter(memory))]
    return new


def elapsed_ms(start: str, end: str) -> int:
    """Return the milliseconds from *start* to *end*, both canonical; negative where clocks disagree.

    >>> elapsed_ms("2026-01-31T09:30:00.000Z", "2026-01-31T09:30:01.250Z")
    1250
    """
    span = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return (span.days * 86_400 + span.seconds) * 1000 + span.microseconds // 1000
