"""What is known of skills and users at a moment, all sessions together. Pure."""

from __future__ import annotations

from collections import deque

from session_buddy.prediction.course import UNKNOWN, scaled_log
from session_buddy.prediction.uses import COMPLETED, NEVER, NO_PHASE, UNTOLD, Use

__all__ = ["RECENT_USES", "RECORD", "Recent", "Records", "SkillTally", "Tally"]

RECENT_USES = 20
RECORD = (
    "all_completed",
    "all_failed",
    "kind_completed",
    "kind_failed",
    "skill_completed",
    "skill_failed",
    "skill_milliseconds",
    "skill_timed",
    "skill_seconds_ago",
    "recent_completed",
    "recent_failed",
    "recent_log_durations",
    "recent_timed",
    "phase_completed",
    "phase_failed",
    "user_skill_completed",
    "user_skill_failed",
    "user_uses",
    "previous_completed",
    "previous_failed",
)
"""What :meth:`Records.facts` tells, in its order."""

Tally = list[int]
"""Completed and failed uses, in this order."""


class Recent:
    """The newest uses of a skill, twenty at most, and how those of them that ended went."""

    __slots__ = ("completed", "failed", "logs", "timed", "uses")

    def __init__(self) -> None:
        self.uses: deque[list[float]] = deque()
        self.completed = self.failed = self.timed = 0
        self.logs = 0.0

    def begin(self) -> list[float]:
        """Take in a use; what is returned is handed to :meth:`end`."""
        # Whether it is among the newest, its outcome, its duration.
        use = [1.0, UNKNOWN, UNKNOWN]
        self.uses.append(use)
        if len(self.uses) > RECENT_USES:
            oldest = self.uses.popleft()
            oldest[0] = 0.0
            self._add(-1, oldest[1], oldest[2])
        return use

    def end(self, use: list[float], outcome: int, milliseconds: int) -> None:
        """Take in how a use went."""
        use[1] = float(outcome)
        use[2] = UNKNOWN if milliseconds == NEVER else scaled_log(milliseconds)
        if use[0]:
            self._add(1, use[1], use[2])

    def _add(self, sign: int, outcome: float, log: float) -> None:
        if outcome == COMPLETED:
            self.completed += sign
        elif outcome != UNTOLD:
            self.failed += sign
        if log != UNKNOWN:
            self.timed += sign
            self.logs += sign * log


class SkillTally:
    """One skill over all sessions."""

    __slots__ = ("last_at", "milliseconds", "outcomes", "phases", "recent", "timed")

    def __init__(self) -> None:
        self.outcomes: Tally = [0, 0]
        self.phases: dict[int, Tally] = {}
        self.recent = Recent()
        self.milliseconds = self.timed = 0
        self.last_at = NEVER


_NONE: Tally = [0, 0]
_NO_RECENT = Recent()


class Records:
    """All skills and users: tell it of each use when it begins and when it ends, in the order of time."""

    def __init__(self) -> None:
        self.all: Tally = [0, 0]
        self.kinds: dict[int, Tally] = {}
        self.skills: dict[str, SkillTally] = {}
        self.pairs: dict[tuple[str, str], Tally] = {}
        self.users: dict[str, int] = {}

    def begin(self, use: Use) -> list[float]:
        """Take in that *use* began; what is returned is handed to :meth:`end`."""
        skill = self.skills.get(use.skill)
        if skill is None:
            skill = self.skills[use.skill] = SkillTally()
        skill.last_at = use.at
        self.users[use.user] = self.users.get(use.user, 0) + 1
        return skill.recent.begin()

    def end(self, use: Use, begun: list[float]) -> None:
        """Take in how *use*, which began before, went."""
        skill = self.skills[use.skill]
        skill.recent.end(begun, use.outcome, use.milliseconds)
        if use.milliseconds != NEVER:
            skill.milliseconds += use.milliseconds
            skill.timed += 1
        if use.outcome == UNTOLD:
            return
        side = 0 if use.outcome == COMPLETED else 1
        self.all[side] += 1
        skill.outcomes[side] += 1
        _of(self.kinds, use.kind)[side] += 1
        _of(self.pairs, (use.user, use.skill))[side] += 1
        if use.phase != NO_PHASE:
            _of(skill.phases, use.phase)[side] += 1

    def facts(self, use: Use, previous: str | None) -> tuple[float, ...]:
        """Return what there is to know for *use*, which is to begin, after one of the skill *previous*.

        Of *use* itself nothing is seen but who uses what, in which phase, and when.
        """
        skill = self.skills.get(use.skill)
        outcomes, recent = (skill.outcomes, skill.recent) if skill else (_NONE, _NO_RECENT)
        before = self.skills.get(previous) if previous is not None else None
        return (
            *self.all,
            *self.kinds.get(use.kind, _NONE),
            *outcomes,
            skill.milliseconds if skill else 0,
            skill.timed if skill else 0,
            (use.at - skill.last_at) / 1000 if skill and skill.last_at != NEVER else UNKNOWN,
            recent.completed,
            recent.failed,
            recent.logs,
            recent.timed,
            *(skill.phases.get(use.phase, _NONE) if skill else _NONE),
            *self.pairs.get((use.user, use.skill), _NONE),
            self.users.get(use.user, 0),
            *(before.outcomes if before else _NONE),
        )


def _of(tallies: dict, key: object) -> Tally:  # type: ignore[type-arg]
    found: Tally | None = tallies.get(key)
    if found is None:
        found = tallies[key] = [0, 0]
    return found
