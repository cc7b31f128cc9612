"""Charts as shapes: everything is drawn, and nothing outside of its frame."""

from __future__ import annotations

import doctest
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.model import Kind
from session_buddy.reports.sessions import Step
from session_buddy.server.pages import drawings, figures, links, rendering, timeline
from session_buddy.server.pages.drawings import bars
from session_buddy.server.pages.timeline import drawn
from tests.making import NOW, shifted

Made = list[tuple[int, int | None, int, str | None]]
steps = st.lists(
    st.builds(
        lambda after, length, skill, outcome: (after, length, skill, outcome),
        st.one_of(st.integers(0, 120), st.integers(0, 100_000)),
        st.none() | st.integers(0, 5_000),
        st.integers(0, 30),
        st.sampled_from(["completed", "failed", "abandoned", None]),
    ),
    max_size=60,
)


def session(made: Made) -> list[Step]:
    told, seconds = [], 0
    for number, (after, length, skill, outcome) in enumerate(made):
        seconds += after
        told.append(
            Step(
                event_id=f"e{number}",
                invoked_at=shifted(NOW, seconds=seconds),
                skill=f"skill-{skill}",
                kind=Kind.SKILL,
                outcome=outcome,
                error_type=None,
                duration_seconds=length,
                duration_source=None,
                triggered_by="model",
                phase=None,
                parent_event_id=None,
            )
        )
    return told


@given(steps)
def test_every_step_of_a_session_has_its_mark_within_the_frame(
    made: list[tuple[int, int | None, int, str | None]],
) -> None:
    picture = drawn(session(made))
    if picture is None:
        assert not made
        return
    marks = [mark for lane in picture.lanes for mark in lane.marks]
    assert len(marks) == len(made) == sum(lane.times for lane in picture.lanes)
    assert len(picture.lanes) <= 14
    for mark in marks:
        assert mark.x >= 0 and mark.x + mark.width <= 100.01 and mark.width > 0
    for lane in picture.lanes:
        places = [mark.x for mark in lane.marks]
        assert places == sorted(places)
    ticks = [tick.x for tick in picture.ticks]
    assert all(other - one >= 9 for one, other in pairwise(ticks))
    assert all(0 <= cut.x <= 100 for cut in picture.cuts)


def test_long_waits_are_cut_out() -> None:
    picture = drawn(session([(0, 60, 1, None), (36_000, 60, 2, None)]))
    assert picture is not None
    (cut,) = picture.cuts
    assert cut.label == "9 h 59 min"
    first, second = (lane.marks[0] for lane in picture.lanes)
    assert first.width == pytest.approx(second.width) and first.width > 49


@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)), max_size=50))
def test_bars_stay_within_their_frame(numbers: list[tuple[int, int]]) -> None:
    uses, failed = [max(pair) for pair in numbers], [min(pair) for pair in numbers]
    made = bars([str(place) for place in range(len(uses))], uses, failed)
    for bar, use, broken in zip(made, uses, failed, strict=True):
        assert bar.x >= 0 and bar.x + bar.width <= 100
        assert bar.y + bar.height == pytest.approx(100, abs=0.02) and bar.y >= -0.01
        assert bar.failed_height <= bar.height
        assert (bar.failed_height > 0) == (broken > 0) or use > 1_000 * max(1, broken)


@pytest.mark.parametrize("module", [drawings, figures, links, rendering, timeline])
def test_examples(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
