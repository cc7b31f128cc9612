"""What a user and one agent say to each other, as invocations: for every agent that calls tools in turns.

An importer tells it, in order, of prompts, calls and results, in whatever form its agent writes them. A turn lasts from
one prompt to the next. What has no result when it is over will get none, and a skill in use is at its end.
"""

from __future__ import annotations

import msgspec

from session_buddy.importers.calls.ledger import Call, Ledger, State, Thread, elapsed_ms
from session_buddy.importers.calls.phases import is_change, phase_of
from session_buddy.importers.calls.shells import Shells
from session_buddy.importers.calls.spans import Span
from session_buddy.importers.calls.verdicts import ABANDONED, COMPLETED, Verdict, on_command
from session_buddy.importers.shell import ShellRules
from session_buddy.model import DurationSource, Invocation, Kind, Outcome, Trigger

__all__ = ["Dialogue", "End", "Remembered", "Use"]


class Use(msgspec.Struct, frozen=True):
    """What a call uses."""

    skill_name: str
    kind: Kind = Kind.TOOL
    plugin: str | None = None
    command: str | None = None
    """The text of a shell call; its name is for the shell rules to say."""
    touched: tuple[str, ...] = ()
    """As traits: the types of files that it touches, if it runs."""
    acts_as: str = ""
    """What phases know a tool as that does several things: ``view`` or ``edit``."""


class End(msgspec.Struct, frozen=True):
    """How a call ended."""

    verdict: Verdict
    succeeded: bool | None = None
    """Of a shell call, whether its exit code was 0; None: not told."""
    output: str = ""
    """What a shell call printed."""
    duration_ms: int | None = None
    """As the source itself tells it."""
    traits: tuple[str, ...] = ()


class Remembered(msgspec.Struct):
    """All that must be remembered between two readings of a file."""

    calls: State = msgspec.field(default_factory=State)
    session_id: str | None = None
    cwd: str | None = None
    version: str | None = None
    model: str | None = None
    is_subagent: bool = False


class Dialogue:
    """One agent's prompts, calls and results, in order. No I/O, no clock."""

    def __init__(self, state: Remembered, *, session_id: str, user_id: str, source: str, rules: ShellRules) -> None:
        """*session_id* stands in where the source names none."""
        self.state, self._session_id = state, session_id
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
        self.state.calls.redact()
        return msgspec.msgpack.encode(self.state)

    @property
    def skill_in_use(self) -> str | None:
        """The name of the skill in use."""
        return self._thread.span.spelt if self._thread.span is not None else None

    def knows(self, event_id: str) -> bool:
        """Tell whether the call *event_id* is open."""
        return self._ledger.get(event_id) is not None

    def begin(self, step: str) -> None:
        """Begin the turn of the prompt *step*; nothing happens if that is the present one."""
        if step != self._thread.step:
            self.end_turn(COMPLETED)
            self._thread.step = step

    def end_turn(self, verdict: Verdict, *traits: str) -> None:
        """End the turn; *verdict* is on the skill in use, *traits* tell why, if that is known."""
        self._close_span(verdict, *traits)
        for call in self._ledger.calls(self._thread):
            if not call.answered:
                call.show(traits)
                self._shells.name(call, self._thread, succeeded=None)
                self._settle(call, ABANDONED)
        self._ledger.advance(self._thread, over=True)
        self._thread.work_changed = False

    def call(
        self, event_id: str, use: Use, at: str, *, trigger: Trigger | None = None, parent: str | None = None
    ) -> bool:
        """Open the call *event_id*; return whether it is new. A skill is in use from there on."""
        if not self._ledger.is_new(event_id):
            return False
        thread, state = self._thread, self.state
        if use.kind is Kind.SKILL:
            self._close_span(COMPLETED)
        elif thread.span is not None:
            parent = parent or thread.span.event_id
            thread.span.touch(at)
        nested = Trigger.NESTED if parent or state.is_subagent else Trigger.MODEL
        call = Call(
            event_id=event_id,
            session_id=state.session_id or self._session_id,
            skill_name=use.skill_name,
            kind=use.kind,
            invoked_at=at,
            thread=thread.key,
            plugin=use.plugin,
            trigger=trigger or nested,
            parent=parent,
            project=state.cwd,
            agent_version=state.version,
            model=state.model,
            step=thread.step,
            phase=phase_of(use.acts_as or use.skill_name, changed=thread.work_changed),
            work_changed=thread.work_changed,
            command=use.command,
            touched=use.touched,
        )
        thread.work_changed = thread.work_changed or is_change(use.acts_as or use.skill_name)
        self._ledger.add(call, thread)
        if use.kind is Kind.SKILL:
            call.spelt, call.running = use.skill_name, True
            thread.span = Span(event_id, use.skill_name, typed=trigger is Trigger.USER, last_at=at)
        return True

    def result(self, event_id: str, end: End, at: str | None) -> None:
        """Take in the result of the call *event_id*; nothing happens if it is not open, or has one.

        It came *at*; None: that is not known, and so how long the call took is not, unless *end* tells.
        """
        call = self._ledger.get(event_id)
        if call is None or call.answered:
            return
        if self._thread.span is not None and at is not None:
            self._thread.span.touch(at)
        if call.kind is Kind.SKILL:
            self._launched(call, end)
        else:
            self._end(call, end, at)
        self._ledger.advance(self._thread)

    def goes_on(self, event_id: str, task: str) -> None:
        """Note that the call *event_id* came back while its work goes on under the id *task*."""
        call = self._ledger.get(event_id)
        if call is not None and not call.answered:
            self.state.calls.tasks[task] = event_id
            call.exit_means = self._shells.exit_means(call) or {True: Outcome.COMPLETED}
            self._shells.name(call, self._thread, succeeded=None)
            call.answered = call.running = True
            self._ledger.advance(self._thread)

    def task_over(self, task: str, verdict: Verdict | None, *, succeeded: bool | None, at: str) -> None:
        """End the work that went on under the id *task*: by *verdict*, or by what its exit code means."""
        call = self._ledger.get(self.state.calls.tasks.pop(task, ""))
        if call is None or not call.running:
            return
        call.last(elapsed_ms(call.invoked_at, at), DurationSource.ELAPSED)
        means = None if succeeded is None else call.exit_means.get(succeeded)
        self._settle(call, verdict if verdict is not None else on_command(means))

    def note(self, event_id: str, *traits: str) -> None:
        """Note *traits* that were seen of the open call *event_id*."""
        call = self._ledger.get(event_id)
        if call is not None:
            call.show(traits)

    def _launched(self, call: Call, end: End) -> None:
        """Take in what came of launching a skill: it goes on, unless it could not be launched or another is in use."""
        call.show(end.traits)
        is_in_use = self._thread.span is not None and self._thread.span.event_id == call.event_id
        if is_in_use and end.verdict.outcome in (Outcome.COMPLETED, None):
            call.answered = True
            return
        if is_in_use:
            self._thread.span = None
        self._settle(call, end.verdict)

    def _end(self, call: Call, end: End, at: str | None) -> None:
        if end.duration_ms is not None:
            call.last(end.duration_ms, DurationSource.REPORTED)
        elif at is not None:
            call.last(elapsed_ms(call.invoked_at, at), DurationSource.ELAPSED)
        never_ran = end.verdict.outcome is Outcome.ABANDONED
        use = self._shells.name(call, self._thread, succeeded=None if never_ran else end.succeeded, output=end.output)
        by_exit_code = use is not None and end.succeeded is not None and not never_ran
        call.show(end.traits)
        self._settle(call, on_command(use.outcome) if use is not None and by_exit_code else end.verdict)

    def _close_span(self, verdict: Verdict, *traits: str) -> None:
        span, self._thread.span = self._thread.span, None
        call = self._ledger.get(span.event_id) if span is not None else None
        if span is None or call is None:
            return
        call.running = False
        if call.answered:
            call.last(elapsed_ms(call.invoked_at, span.last_at), DurationSource.SPAN)
            call.show(traits)
            self._settle(call, verdict)

    def _settle(self, call: Call, verdict: Verdict) -> None:
        call.settle(verdict)
        self._ledger.release(call)
