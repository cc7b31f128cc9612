"""From uses in the order of time to what was known just before each of them. Pure.

What a use is told from is what had *ended* when it began: how a call goes that runs beside it is not known yet. Uses
that began at the same moment know nothing of each other: commands of one shell line do, and a line only says of each
how it went where that is certain, so that having a neighbour would give away the outcome.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from session_buddy.prediction.course import COURSE, SessionCourse
from session_buddy.prediction.records import RECORD, Records
from session_buddy.prediction.uses import NEVER, UNTOLD, Use

__all__ = ["FACTS", "History", "facts_of", "history_of"]

FACTS = (*RECORD, *COURSE, "phase", "kind", "hour", "weekday")
"""What is known before a use, as numbers; what they become is in ``features``."""
_HOUR_MS = 3_600_000
_MONDAY = 3
"""The first day of 1970 was a Thursday."""


@dataclass(frozen=True, eq=False)
class History:
    """Every use that completed or failed, in the order of time, and what was known before it."""

    facts: NDArray[np.float64]
    """One row a use, one column for each of :data:`FACTS`."""
    completed: NDArray[np.bool_]
    at: NDArray[np.int64]
    """When each began, in milliseconds since 1970."""
    ended: NDArray[np.int64]
    """From when on its outcome could be learned from."""
    milliseconds: NDArray[np.int64]
    """How long it took; -1 where nobody knows."""
    session: NDArray[np.int64]
    """The same number for uses of the same session."""
    skill: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.completed)

    def part(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> History:
        """Return some of the *rows*."""
        where = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return History(
            self.facts[rows],
            self.completed[rows],
            self.at[rows],
            self.ended[rows],
            self.milliseconds[rows],
            self.session[rows],
            tuple(self.skill[place] for place in where.tolist()),
        )


def facts_of(use: Use, records: Records, course: SessionCourse) -> tuple[float, ...]:
    """Return the :data:`FACTS` for *use*, which is to begin: nothing of how it will go is looked at."""
    previous = course.previous
    hours = use.at // _HOUR_MS
    return (
        *records.facts(use, previous.skill if previous else None),
        *course.facts(use.skill, use.kind, use.at),
        use.phase,
        use.kind,
        hours % 24,
        (hours // 24 + _MONDAY) % 7,
    )


def history_of(uses: Sequence[Use], *, most: int | None = None) -> History:
    """Return what was known before each of *uses*, which come in the order in which they began.

    Those without outcome are known of afterwards as uses; they are no rows. Of the others only the newest are, where
    there are more than *most*; what was known before those follows from all.
    """
    told = [place for place, use in enumerate(uses) if use.outcome != UNTOLD]
    first = told[-most] if most is not None and len(told) > most else 0
    records = Records()
    courses: dict[str, SessionCourse] = {}
    found, kept = array("d"), []
    ends: list[tuple[int, int, list[float]]] = []
    for at, together in groupby(enumerate(uses), key=lambda placed: placed[1].at):
        while ends and ends[0][0] < at:
            _, ended, begun = heapq.heappop(ends)
            courses[uses[ended].session].end(uses[ended])
            records.end(uses[ended], begun)
        beginning = list(together)
        for place, use in beginning:
            course = courses.get(use.session)
            if course is None:
                course = courses[use.session] = SessionCourse()
            if use.outcome != UNTOLD and place >= first:
                found.extend(facts_of(use, records, course))
                kept.append(use)
        for place, use in beginning:
            courses[use.session].begin(use)
            begun = records.begin(use)
            if use.ended != NEVER:
                heapq.heappush(ends, (use.ended, place, begun))
    numbers: dict[str, int] = {}
    return History(
        np.frombuffer(found, dtype=np.float64).reshape(-1, len(FACTS)),
        np.array([use.outcome == 1 for use in kept], dtype=bool),
        np.array([use.at for use in kept], dtype=np.int64),
        np.array([use.ended for use in kept], dtype=np.int64),
        np.array([use.milliseconds for use in kept], dtype=np.int64),
        np.array([numbers.setdefault(use.session, len(numbers)) for use in kept], dtype=np.int64),
        tuple(use.skill for use in kept),
    )
