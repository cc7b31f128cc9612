"""From reports of pytest's phases to attempts at tests, and from those to invocations. Pure: no pytest, no clock."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from session_buddy.importers.ci.identity import fitted, milliseconds, moment
from session_buddy.importers.ci.telling import SKIPPED, TEST
from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Phase, Trigger

__all__ = ["Attempt", "Attempts", "TestRun", "invocations_of_run"]

_WORST_FIRST = ("error", "failed", "skipped", "passed")
_LAST_PHASES = frozenset({"teardown", "???"})
"""The second is what a report is given of a test whose process crashed."""
_RUN_ENDINGS: dict[int, tuple[Outcome, ErrorType | None]] = {
    0: (Outcome.COMPLETED, None),
    1: (Outcome.FAILED, ErrorType.EXIT_CODE),
    2: (Outcome.ABANDONED, None),
    3: (Outcome.FAILED, ErrorType.OTHER),
    4: (Outcome.FAILED, ErrorType.VALIDATION),
}
"""By pytest's exit codes; 5, no tests, says nothing of it."""
_ENDINGS: dict[str, tuple[Outcome, ErrorType | None, tuple[str, ...]]] = {
    "passed": (Outcome.COMPLETED, None, ()),
    "failed": (Outcome.FAILED, ErrorType.OTHER, ()),
    "error": (Outcome.FAILED, ErrorType.OTHER, ("error",)),
    "skipped": (Outcome.ABANDONED, None, (SKIPPED,)),
}


class Attempt(msgspec.Struct, kw_only=True):
    """One attempt at one test, as far as it is known."""

    test: str
    started: float
    """In seconds since 1970."""
    seconds: float = 0.0
    status: str = "passed"
    """``passed``, ``failed``, ``error`` (in its preparation, or when it was taken down) or ``skipped``."""
    called: bool = False
    """Whether it was told how the test itself went, and not only what stands around it."""
    xfailed: bool = False
    """It failed as it was expected to."""


class Attempts:
    """Gathers the reports of phases of a run; those of several tests may come mixed, as from several processes."""

    def __init__(self) -> None:
        self.ended: list[Attempt] = []
        self._open: dict[str, Attempt] = {}

    def report(
        self, test: str, when: str, outcome: str, *, seconds: float, started: float, xfail: bool = False
    ) -> None:
        """Take the report of one phase: *when* is ``setup``, ``call`` or ``teardown``.

        *outcome* is pytest's, or ``rerun``, which says that it failed and is tried again.
        """
        if when == "setup" and test in self._open:
            self._end(test)
        if when == "teardown" and test not in self._open:
            return  # Of an attempt that ended with the word that it is repeated.
        attempt = self._open.setdefault(test, Attempt(test=test, started=started))
        attempt.seconds += max(0.0, seconds)
        status = "failed" if outcome == "rerun" else outcome
        if status == "failed" and when != "call":
            status = "error"
        attempt.status = min(attempt.status, status, key=_rank)
        attempt.called |= when == "call" or status != "passed"
        attempt.xfailed |= xfail and status == "skipped"
        if outcome == "rerun" or when in _LAST_PHASES:
            self._end(test)

    def end(self) -> None:
        """End what is open: a run that was broken off leaves a test in its middle, of which nothing is known.

        Plug-ins that repeat tests may keep it to themselves how an attempt went: one that was repeated failed, and of
        any other that nobody told of nothing is known.
        """
        self._open.clear()
        known = []
        repeated: set[str] = set()
        for attempt in reversed(self.ended):
            if not attempt.called and attempt.test in repeated:
                attempt.status = "failed"
            if attempt.called or attempt.test in repeated:
                known.append(attempt)
            repeated.add(attempt.test)
        self.ended = known[::-1]

    def flaky(self) -> list[str]:
        """Return the tests that passed and failed."""
        passed = {one.test for one in self.ended if one.status == "passed"}
        return sorted({one.test for one in self.ended if one.status in ("failed", "error")} & passed)

    def _end(self, test: str) -> None:
        self.ended.append(self._open.pop(test))


class TestRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all tests of a run."""

    __test__ = False

    event_id: str
    session_id: str
    user_id: str
    project: str
    started_at: str
    seconds: float
    exit_code: int
    version: str
    parent_event_id: str | None = None
    traits: tuple[str, ...] = ()


def invocations_of_run(run: TestRun, attempts: list[Attempt], *, flaky: bool) -> Iterator[Invocation]:
    """Yield the run, and each attempt at a test in it; *flaky* says that some test passed and failed."""
    outcome, error = _RUN_ENDINGS.get(run.exit_code, (None, None))
    yield Invocation(
        event_id=run.event_id,
        session_id=run.session_id,
        skill_name="pytest-run",
        kind=Kind.SHELL,
        invoked_at=run.started_at,
        source="pytest",
        user_id=run.user_id,
        outcome=outcome,
        error_type=error,
        duration_ms=milliseconds(run.seconds),
        duration_source=DurationSource.REPORTED,
        trigger=Trigger.USER,
        parent_event_id=run.parent_event_id,
        project=run.project,
        agent_version=run.version,
        workflow_phase=Phase.VERIFICATION,
        traits=tuple(sorted({*run.traits, *(("flaky",) if flaky else ())})),
    )
    for number, attempt in enumerate(attempts, 1):
        ending, sort, traits = _ENDINGS[attempt.status]
        yield Invocation(
            event_id=f"{run.event_id}:{number}",
            session_id=run.session_id,
            skill_name=TEST,
            kind=Kind.TOOL,
            invoked_at=moment(attempt.started) or run.started_at,
            source="pytest",
            user_id=run.user_id,
            outcome=ending,
            error_type=sort,
            duration_ms=milliseconds(attempt.seconds),
            duration_source=DurationSource.REPORTED,
            trigger=Trigger.NESTED,
            parent_event_id=run.event_id,
            project=run.project,
            workflow_step_id=fitted(attempt.test),
            workflow_phase=Phase.VERIFICATION,
            traits=(*traits, "xfailed") if attempt.xfailed else traits,
        )


def _rank(status: str) -> int:
    return _WORST_FIRST.index(status) if status in _WORST_FIRST else len(_WORST_FIRST)
