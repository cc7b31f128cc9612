"""How calls, spans, turns and agents end, and what else ends with them.

A result settles its call, unless it is only that of a launch: then the call runs on, as a
skill's span or as work in the background. The end of a turn settles what is still open
of it; the end of a subagent's call ends that subagent.
"""

from __future__ import annotations

from session_buddy.importers.calls.ledger import Call, Ledger, State, Thread, elapsed_ms, remember
from session_buddy.importers.calls.shells import Shells
from session_buddy.importers.calls.spans import Span
from session_buddy.importers.calls.verdicts import ABANDONED, COMPLETED, Verdict, on_command
from session_buddy.importers.claude_code.lines import Block, ToolResult, text_of
from session_buddy.importers.claude_code.outcomes import (
    Notice,
    judge_error,
    judge_task,
    notices,
    reported_duration,
    why_it_never_ran,
)
from session_buddy.importers.shell import ShellRules
from session_buddy.importers.traits import INTERRUPTED
from session_buddy.model import DurationSource, ErrorType, Kind, Outcome

__all__ = ["Endings"]

_LAUNCHES = frozenset({"async_launched", "teammate_spawned"})
_STOPPERS = frozenset({"TaskStop", "KillShell", "KillBash"})
_FORKED = "forked"
"""A skill that ran in an agent of its own: its result is its end."""


class Endings:
    """Settles the calls of a ledger. No I/O, no clock."""

    def __init__(self, state: State, ledger: Ledger, rules: ShellRules) -> None:
        self._state = state
        self._ledger = ledger
        self._shells = Shells(ledger, rules)

    # -- turns and agents -----------------------------------------------------------

    def presume_lost(self, thread: Thread) -> None:
        """Presume that calls of earlier messages that have no result get none: the model has gone on.

        Only presumed: a result that comes after all, before the turn is over, still counts.
        """
        for call in self._ledger.calls(thread):
            if not call.answered:
                call.outcome = Outcome.ABANDONED
                self._shells.name(call, thread, succeeded=None)

    def abandon(self, thread: Thread, *traits: str) -> None:
        """Settle what has no result: it is not going to get one. *traits* tell why, if that is known."""
        for call in self._ledger.calls(thread):
            if not call.answered:
                call.show(traits)
                self._shells.name(call, thread, succeeded=None)
                self._settle(call, ABANDONED)

    def interrupt(self, thread: Thread) -> None:
        """End what the user interrupted."""
        if thread.span is not None and (call := self._ledger.get(thread.span.event_id)) is not None:
            call.show((INTERRUPTED,))
        self.close_span(thread, ABANDONED)
        self.abandon(thread, INTERRUPTED)

    def end_turn(self, thread: Thread) -> None:
        """End the turn of *thread*, and with the main agent's turn the subagents that nothing waits for."""
        self.close_span(thread)
        self.abandon(thread)
        self._ledger.advance(thread, over=True)
        thread.work_changed = False
        if thread.key:
            return
        for other in list(self._state.threads.values()):
            if other.key and (other.parent is None or self._ledger.get(other.parent) is None):
                self.dismiss(other)

    def dismiss(self, thread: Thread) -> None:
        """Forget a subagent that is done."""
        self.end_turn(thread)
        self._state.threads.pop(thread.key, None)

    def close_span(self, thread: Thread, verdict: Verdict | None = None) -> None:
        """End the skill *thread* is in, if it is in one; as the span itself says unless *verdict* is given."""
        span, thread.span = thread.span, None
        call = self._ledger.get(span.event_id) if span is not None else None
        if span is None or call is None:
            return
        call.last(elapsed_ms(call.invoked_at, span.last_at), DurationSource.SPAN)
        self._settle(call, verdict or span.verdict())

    # -- results --------------------------------------------------------------------

    def result(
        self, thread: Thread, block: Block, told: object, at: str, *, denial: str | None, lasted: object = None
    ) -> None:
        """Take in the result in *block*, what the tool itself has *told* beside it, and who refused it, if anybody.

        *lasted* is how many milliseconds the call took, where the agent says.
        """
        result = told if isinstance(told, ToolResult) else ToolResult()
        call = self._ledger.get(block.tool_use_id or "")
        if call is None or call.answered:
            return
        if thread.span is not None:
            thread.span.touch(at)
        failed = bool(block.is_error) or result.success is False
        text = text_of(block.content) if failed or call.command is not None else ""
        interrupted = result.interrupted is True
        if denial is not None or interrupted:
            verdict = ABANDONED
        else:
            verdict = judge_error(call.tool, text) if failed else COMPLETED
        self._watch(call, result, at)
        if verdict is COMPLETED and self._runs_on(call, thread, result, at):
            return
        succeeded = _exit_code_zero(verdict)
        use = self._shells.name(call, thread, succeeded=succeeded, output=text)
        if use is not None and succeeded is not None:
            verdict = on_command(use.outcome)
        _note_duration(call, result, at, lasted)
        if verdict is ABANDONED:
            call.show(why_it_never_ran(text, denial=denial, interrupted=interrupted))
        self._settle(call, verdict)
        self._ledger.advance(thread)

    def _runs_on(self, call: Call, thread: Thread, result: ToolResult, at: str) -> bool:
        """Tell whether the result is only that of a launch; note what was launched."""
        if call.kind is Kind.SKILL and result.status != _FORKED:
            self.close_span(thread)
            thread.span = Span(call.event_id, call.spelt, typed=False, last_at=at)
        elif result.backgroundTaskId or _is_launch(result.status) or (call.tool == "Monitor" and result.taskId):
            call.exit_means = self._shells.exit_means(call)
            self._shells.name(call, thread, succeeded=None)
            for task in (result.backgroundTaskId, result.taskId, result.agentId):
                if isinstance(task, str) and task:
                    remember(self._state.tasks, task, call.event_id)
        else:
            return False
        call.answered = call.running = True
        call.outcome = None
        self._ledger.advance(thread)
        return True

    def _settle(self, call: Call, verdict: Verdict) -> None:
        call.settle(verdict)
        self._ledger.release(call)
        if call.kind is Kind.SUBAGENT:
            for thread in list(self._state.threads.values()):
                if thread.parent == call.event_id:
                    self.dismiss(thread)

    # -- background work ------------------------------------------------------------

    def notices(self, text: str, at: str) -> None:
        """Take in the ends of background work that *text*, written *at*, tells of."""
        for notice in notices(text):
            self._end_task(notice, at)

    def _watch(self, call: Call, result: ToolResult, at: str) -> None:
        """Take in what a tool that watches or stops background work says of it."""
        task: object
        verdict: Verdict | None
        if call.tool in _STOPPERS:
            task, verdict = result.task_id or result.shell_id, ABANDONED
        elif call.tool == "BashOutput":
            task, verdict = result.shellId, _watched(result.status, result.exitCode)
        elif call.tool == "TaskOutput" and isinstance(result.task, dict):
            task, verdict = result.task.get("task_id"), _watched(result.task.get("status"), result.task.get("exitCode"))
        else:
            return
        if isinstance(task, str) and verdict is not None:
            self._end_task(Notice(task, None, verdict, None), at)

    def _end_task(self, notice: Notice, at: str) -> None:
        event_id = self._state.tasks.pop(notice.task_id, None) or notice.call_id
        call = self._ledger.get(event_id or "")
        if call is None or not call.running or call.kind is Kind.SKILL:
            return
        verdict = notice.verdict
        if notice.duration_ms is not None:
            call.last(notice.duration_ms, DurationSource.REPORTED)
        elif verdict is not ABANDONED:  # when it died is not when that was noticed
            # Others report what the launch took.
            call.last(elapsed_ms(call.invoked_at, at), DurationSource.SPAN)
        succeeded = _exit_code_zero(verdict)
        if succeeded is not None and succeeded in call.exit_means:
            verdict = on_command(call.exit_means[succeeded])
        self._settle(call, verdict)


def _note_duration(call: Call, result: ToolResult, at: str, lasted: object) -> None:
    reported = reported_duration(result) if call.kind is not Kind.MCP else None
    if reported is None:
        reported = reported_duration(ToolResult(durationMs=lasted))
    if reported is not None:
        call.last(reported, DurationSource.REPORTED)
    else:
        call.last(elapsed_ms(call.invoked_at, at), DurationSource.ELAPSED)


def _is_launch(status: object) -> bool:
    return isinstance(status, str) and status in _LAUNCHES


def _watched(status: object, exit_code: object) -> Verdict | None:
    return judge_task(status, "" if exit_code is None else f"exit {exit_code}")


def _exit_code_zero(verdict: Verdict) -> bool | None:
    """Return what *verdict* says of the exit code of a shell call: zero, not zero, or nothing."""
    if verdict is COMPLETED:
        return True
    return False if verdict.error_type is ErrorType.EXIT_CODE else None
