"""How a session goes, as far as it is known at a moment. Pure.

What is learned from goes through here use by use, and so does the session that is asked about: both are seen alike.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import log1p

from session_buddy.model import Kind, Phase
from session_buddy.prediction.uses import COMPLETED, FAILED, KINDS, NEVER, PHASES, UNTOLD, Use

__all__ = ["COURSE", "SessionCourse", "course_of", "scaled_log"]

COURSE = (
    "session_completed",
    "session_failed",
    "session_recent_completed",
    "session_recent_failed",
    "session_failures_in_a_row",
    "session_failing",
    "steps_since_failure",
    "session_uses",
    "session_seconds",
    "kind_here_completed",
    "kind_here_failed",
    "here_completed",
    "here_failed",
    "here_last",
    "here_failures_in_a_row",
    "here_seconds_ago",
    "here_steps_ago",
    "here_changes_since",
    "here_log_duration",
    "last_outcome",
    "previous_seconds_ago",
    "previous_is_same",
    "previous_kind",
)
"""What :meth:`SessionCourse.facts` tells, in its order."""

UNKNOWN = -1.0
_RECENT = 10
_WEIGHT = 0.3
"""Of the newest outcome beside all before it, in how much a session is failing."""
_TOOL = KINDS.index(Kind.TOOL.value)
_EXECUTION = PHASES.index(Phase.EXECUTION.value)
_LAST = {FAILED: 1.0, UNTOLD: 2.0, COMPLETED: 3.0}
"""Numbers of the last outcome; 0 where nothing ended yet."""


class _Here:
    """One skill in one session."""

    __slots__ = ("at", "changes", "completed", "failed", "last", "milliseconds", "row", "step")

    def __init__(self) -> None:
        self.completed = self.failed = self.row = 0
        self.last = 0.0
        self.milliseconds = NEVER
        self.at = self.step = self.changes = 0


class SessionCourse:
    """One session: tell it of each use when it begins and when it ends, in the order of time."""

    __slots__ = (
        "changes", "completed", "failed", "failing", "failure_step", "first_at", "here", "last_outcome", "of_kind",
        "previous", "recent", "row", "uses",
    )  # fmt: skip

    def __init__(self) -> None:
        self.uses = self.completed = self.failed = self.row = self.changes = 0
        self.failing = self.last_outcome = 0.0
        self.failure_step = self.first_at = NEVER
        self.recent: deque[int] = deque(maxlen=_RECENT)
        self.of_kind: dict[int, deque[int]] = {}
        self.here: dict[str, _Here] = {}
        self.previous: Use | None = None

    def begin(self, use: Use) -> None:
        """Take in that *use* began: nothing of how it goes is seen."""
        if self.previous is None:
            self.first_at = use.at
        self.uses += 1
        if use.phase == _EXECUTION and use.kind == _TOOL:
            self.changes += 1
        here = self.here.get(use.skill)
        if here is None:
            here = self.here[use.skill] = _Here()
        here.at, here.step, here.changes = use.at, self.uses, self.changes
        self.previous = use

    def end(self, use: Use) -> None:
        """Take in how *use*, which began before, went."""
        outcome, here = use.outcome, self.here[use.skill]
        self.last_outcome = _LAST[outcome]
        if use.milliseconds != NEVER:
            here.milliseconds = use.milliseconds
        if outcome == UNTOLD:
            return
        self.recent.append(outcome)
        of_kind = self.of_kind.get(use.kind)
        if of_kind is None:
            of_kind = self.of_kind[use.kind] = deque(maxlen=_RECENT)
        of_kind.append(outcome)
        if outcome == COMPLETED:
            self.completed += 1
            here.completed += 1
            self.row = here.row = 0
            here.last = 2.0
            self.failing *= 1 - _WEIGHT
        else:
            self.failed += 1
            here.failed += 1
            self.row += 1
            here.row += 1
            here.last = 1.0
            self.failing = self.failing * (1 - _WEIGHT) + _WEIGHT
            self.failure_step = self.uses

    def facts(self, skill: str, kind: int, at: int) -> tuple[float, ...]:
        """Return what there is to know of the session for a use of *skill* that begins *at* this moment."""
        here, previous, of_kind = self.here.get(skill), self.previous, self.of_kind.get(kind)
        recent, of_kind_completed = sum(self.recent), sum(of_kind) if of_kind else 0
        of_kind_failed = len(of_kind) - of_kind_completed if of_kind else 0
        about = (
            (
                here.completed,
                here.failed,
                here.last,
                here.row,
                (at - here.at) / 1000,
                self.uses - here.step,
                self.changes - here.changes,
                UNKNOWN if here.milliseconds == NEVER else scaled_log(here.milliseconds),
            )
            if here
            else (0, 0, 0.0, 0, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
        )
        return (
            self.completed,
            self.failed,
            recent,
            len(self.recent) - recent,
            self.row,
            self.failing,
            UNKNOWN if self.failure_step == NEVER else self.uses - self.failure_step,
            self.uses,
            0.0 if previous is None else (at - self.first_at) / 1000,
            of_kind_completed,
            of_kind_failed,
            *about,
            self.last_outcome,
            UNKNOWN if previous is None else (at - previous.at) / 1000,
            0.0 if previous is None else float(previous.skill == skill),
            UNKNOWN if previous is None else previous.kind,
        )


def course_of(uses: Iterable[Use], at: int) -> SessionCourse:
    """Return how a session went before *at*, from its *uses* in the order in which they began."""
    course = SessionCourse()
    begun = [use for use in uses if use.at < at]
    ended = sorted((use for use in begun if use.ended != NEVER and use.ended < at), key=lambda use: use.ended)
    following = iter(ended)
    end = next(following, None)
    for use in begun:
        # What ended in the moment in which another began was not known to that.
        while end is not None and end.ended < use.at:
            course.end(end)
            end = next(following, None)
        course.begin(use)
    if end is not None:
        course.end(end)
    for end in following:
        course.end(end)
    return course


def scaled_log(milliseconds: int) -> float:
    """Return the logarithm of a duration in thousandths, whole: so sums do not depend on the order of addition."""
    return float(round(1000 * log1p(milliseconds)))
