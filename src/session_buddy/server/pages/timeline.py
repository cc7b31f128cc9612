"""The timeline of a session as shapes: one lane for each skill, long waits cut out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec

from session_buddy.formats import duration, shown_name
from session_buddy.reports.sessions import Step

__all__ = ["Lane", "Mark", "Picture", "Tick", "drawn"]

_LANES = 14
_LATEST = datetime(9800, 1, 1, tzinfo=UTC)
"""Later starts are drawn here: the calendar ends before what began on its last day and took a while."""
_IDLE = timedelta(minutes=10)
"""Waits longer than this are cut out."""
_CUT_SHARE = 1.5
"""What a cut takes of the width, in percent."""
_NARROWEST = 0.25
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 240, 720)
"""Minutes between two times that are written."""
_MOST_TICKS = 8
_TICK_ROOM = 9.0
"""What a written time needs of the width on a phone, in percent, and then some."""


class Mark(msgspec.Struct, frozen=True):
    """One invocation."""

    x: float
    width: float
    outcome: str
    """``completed``, ``failed``, ``abandoned`` or ``unknown``."""
    title: str


class Lane(msgspec.Struct, frozen=True):
    """All invocations of one skill, or of those that have no lane of their own."""

    skill: str | None
    times: int
    marks: list[Mark]


class Tick(msgspec.Struct, frozen=True):
    """A time that is written, or a wait that was cut out."""

    x: float
    label: str


class Picture(msgspec.Struct, frozen=True):
    """A session drawn; widths and places are in percent."""

    lanes: list[Lane]
    ticks: list[Tick]
    cuts: list[Tick]


class _Axis:
    """Where a moment lies when waits are cut out."""

    def __init__(self, spans: Sequence[tuple[datetime, datetime]]) -> None:
        self.busy = list(_joined(spans))
        seconds = sum((end - start).total_seconds() for start, end in self.busy)
        # However many waits there are, half of the width is for what happened.
        cut = min(_CUT_SHARE, 50 / max(1, len(self.busy) - 1))
        self._scale = (100 - cut * (len(self.busy) - 1)) / seconds if seconds else 0.0
        self._starts: list[float] = []
        place = 0.0
        for start, end in self.busy:
            self._starts.append(place)
            place += (end - start).total_seconds() * self._scale + cut

    def at(self, moment: datetime) -> float:
        """Return the place of *moment*, which lies in a busy span."""
        for (start, end), place in zip(self.busy, self._starts, strict=True):
            if moment <= end:
                return round(place + max(0.0, (moment - start).total_seconds()) * self._scale, 3)
        return 100.0

    def cuts(self) -> Iterator[Tick]:
        """Yield where waits were cut out, and how long they were."""
        for ((_, end), (start, _)), place in zip(pairwise(self.busy), self._starts[1:], strict=True):
            yield Tick(round(place, 3), duration((start - end).total_seconds()))

    def ticks(self) -> Iterator[Tick]:
        """Yield when busy spans begin, and round times within them, as far as there is room to write them."""
        minutes = sum((end - start).total_seconds() for start, end in self.busy) / 60
        step = timedelta(minutes=next((step for step in _TICKS if minutes / step <= _MOST_TICKS), _TICKS[-1]))
        last = -100.0
        for start, end in self.busy:
            for moment in (start, *_round_times(start, end, step)):
                place = self.at(moment)
                if place - last >= _TICK_ROOM and place <= 100 - _TICK_ROOM / 2:
                    last = place
                    yield Tick(place, f"{moment:%H:%M}")


def drawn(steps: Sequence[Step]) -> Picture | None:
    """Return the picture of *steps*, which are in the order of time; ``None`` without any.

    The skills used most have lanes of their own, in the order of their first use; the rest share the last.
    """
    if not steps:
        return None
    spans = [_span(step) for step in steps]
    axis = _Axis(spans)
    times = Counter(step.skill for step in steps)
    kept = {skill for skill, _ in times.most_common(_LANES if len(times) <= _LANES else _LANES - 1)}
    marks: dict[str | None, list[Mark]] = {}
    for step, (start, end) in zip(steps, spans, strict=True):
        lane = step.skill if step.skill in kept else None
        marks.setdefault(lane, []).append(_mark(step, axis.at(start), axis.at(end)))
    lanes = [Lane(skill, len(drawn), drawn) for skill, drawn in marks.items() if skill is not None]
    rest = [Lane(None, len(marks[None]), marks[None])] if None in marks else []
    return Picture([*lanes, *rest], list(axis.ticks()), list(axis.cuts()))


def _round_times(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = day + ((start - day) // step + 1) * step
    while moment <= end:
        yield moment
        moment += step


def _mark(step: Step, start: float, end: float) -> Mark:
    ended = step.outcome or "unknown"
    took = f", {duration(step.duration_seconds)}" if step.duration_seconds is not None else ""
    told = {"unknown": "end not known"}.get(ended, ended) + (f" ({step.error_type})" if step.error_type else "")
    title = f"{shown_name(step.skill)} at {step.invoked_at[11:19]}: {told}{took}"
    width = max(end - start, _NARROWEST)
    return Mark(round(min(start, 100 - width), 3), round(width, 3), ended, title)


def _span(step: Step) -> tuple[datetime, datetime]:
    start = min(datetime.fromisoformat(step.invoked_at), _LATEST)
    return start, start + timedelta(seconds=step.duration_seconds or 0)


def _joined(spans: Sequence[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Yield the busy spans: those with no long wait between them are one."""
    start, end = spans[0]
    for begin, finish in sorted(spans):
        if begin - end > _IDLE:
            yield start, end
            start, end = begin, finish
        end = max(end, finish)
    yield start, end
