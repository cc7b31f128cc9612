"""What makes figures of a store fit for counters: they never fall, and there are never too many. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from session_buddy.reports.metrics import SkillStanding

__all__ = ["OTHER", "HighWater", "ShownSkills", "gathered"]

OTHER = "other"
"""The skill under which all are summed that are not shown on their own."""


class HighWater:
    """The highest values seen so far: a counter that seems to fall would be read as a restart.

    A later telling of an invocation may move it from one outcome or bucket to another; then the count that should
    fall stands still until it is passed. Where old invocations were deleted that would be never, so counts go on from
    where they stood: see :meth:`go_on`.
    """

    def __init__(self) -> None:
        self._marks: dict[tuple[str, ...], Sequence[float]] = {}
        self._offsets: dict[tuple[str, ...], Sequence[float]] = {}
        self._stale: set[tuple[str, ...]] = set()

    def go_on(self) -> None:
        """From the next value on, let every count grow from where it stands: what it has lost was deleted."""
        self._stale = set(self._marks)

    def at_least(self, key: tuple[str, ...], values: Sequence[float]) -> Sequence[float]:
        """Return each of *values*, with what was deleted of it, or what was returned for it before if that is more."""
        before = self._marks.get(key)
        if before is None:
            self._marks[key] = values
            return values
        offsets = self._offsets.get(key, (0,) * len(values))
        if key in self._stale:
            self._stale.discard(key)
            lost = (mark - value for mark, value in zip(before, values, strict=True))
            offsets = self._offsets[key] = tuple(map(max, offsets, lost))
        highest = tuple(max(mark, value + more) for mark, value, more in zip(before, values, offsets, strict=True))
        self._marks[key] = highest
        return highest


class ShownSkills:
    """Which skills are shown on their own: at most *most*, at first sight the most invoked, then whoever comes.

    Once shown, always shown, and once among the rest, always there, so that no series jumps. A skill that is itself
    called "other" is among the rest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, bool] = {OTHER: False}
        self._shown = 0

    def meet(self, skills: Iterable[SkillStanding]) -> None:
        """Decide on those of *skills* that were not seen before, more invocations first."""
        new = [one for one in skills if one.skill not in self._known]
        for one in sorted(new, key=lambda one: (-one.invocations, one.skill)):
            self._known[one.skill] = self._shown < self._most
            self._shown += self._known[one.skill]

    def name(self, skill: str) -> str:
        """Return under which name *skill* is shown: its own or :data:`OTHER`."""
        return skill if self._known.get(skill) else OTHER


def gathered(skills: Iterable[SkillStanding], name: Callable[[str], str]) -> list[SkillStanding]:
    """Return *skills* under the names that *name* gives them; those of one name and kind are summed."""
    rest: dict[str, list[SkillStanding]] = {}
    own: list[SkillStanding] = []
    for one in skills:
        if name(one.skill) == OTHER:
            rest.setdefault(one.kind, []).append(one)
        else:
            own.append(one)
    return sorted(own, key=attrgetter("skill")) + [_sum(*rest[kind]) for kind in sorted(rest)]


def _sum(*skills: SkillStanding) -> SkillStanding:
    return SkillStanding(
        skill=OTHER,
        kind=skills[0].kind,
        invocations=sum(one.invocations for one in skills),
        completed=sum(one.completed for one in skills),
        failed=sum(one.failed for one in skills),
        abandoned=sum(one.abandoned for one in skills),
        duration_ms_sum=sum(one.duration_ms_sum for one in skills),
        last_invoked_at=max(one.last_invoked_at for one in skills),
        durations=tuple(map(sum, zip(*(one.durations for one in skills), strict=True))),
    )
