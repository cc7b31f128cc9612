"""Counters that never fall, a bounded choice of skills that does not change its mind, exemplars to look at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.reports.metrics import Recent, SkillStanding
from session_buddy.server.metrics_counting import OTHER, HighWater, ShownSkills, gathered
from session_buddy.server.metrics_exemplars import Exemplars
from tests.making import NOW, shifted

BOUNDS = (10, 100, 1_000)


def skill(name: str, invocations: int = 1, kind: str = "skill", **fields: int) -> SkillStanding:
    return SkillStanding(
        skill=name,
        kind=kind,
        invocations=invocations,
        completed=fields.get("completed", invocations),
        failed=fields.get("failed", 0),
        abandoned=0,
        duration_ms_sum=100 * invocations,
        last_invoked_at=shifted(NOW, seconds=-invocations),
        durations=(0, invocations, 0, 0),
    )


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1))
def test_counters_never_fall_and_never_lag(readings: list[tuple[int, ...]]) -> None:
    marks, before = HighWater(), (0, 0, 0)
    for number, values in enumerate(readings):
        shown = tuple(marks.at_least(("a", "skill"), values))
        assert shown == tuple(map(max, zip(*readings[: number + 1], strict=True)))
        assert all(now >= then for now, then in zip(shown, before, strict=True))
        before = shown


@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1))
def test_buckets_that_only_count_up_stay_cumulative(readings: list[list[int]]) -> None:
    marks = HighWater()
    for counts in readings:
        shown = list(marks.at_least(("a", "skill"), [sum(counts[: end + 1]) for end in range(4)]))
        assert shown == sorted(shown)


def test_skills_do_not_share_marks() -> None:
    marks = HighWater()
    marks.at_least(("a", "skill"), (5,))
    assert tuple(marks.at_least(("b", "skill"), (1,))) == (1,)


def test_the_most_used_are_shown_and_the_rest_is_summed() -> None:
    skills = [skill("rare"), skill("often", 9), skill("mid", 5), skill("few", 2, kind="mcp")]
    shown = ShownSkills(2)
    shown.meet(skills)
    found = gathered(skills, shown.name)
    assert [(one.skill, one.kind, one.invocations) for one in found] == [
        ("mid", "skill", 5),
        ("often", "skill", 9),
        (OTHER, "mcp", 2),
        (OTHER, "skill", 1),
    ]


def test_sums_lose_nothing() -> None:
    skills = [skill(f"s{number}", number + 1, completed=number, failed=1) for number in range(10)]
    shown = ShownSkills(3)
    shown.meet(skills)
    (rest,) = [one for one in gathered(skills, shown.name) if one.skill == OTHER]
    # The ten are s0 … s9, invoked 1 … 10 times; the last three are shown.
    assert (rest.invocations, rest.completed, rest.failed, rest.abandoned) == (28, 21, 7, 0)
    assert (rest.duration_ms_sum, rest.durations) == (2_800, (0, 28, 0, 0))
    assert rest.last_invoked_at == shifted(NOW, seconds=-1)


def test_once_shown_always_shown_and_newcomers_fill_the_room_left() -> None:
    shown = ShownSkills(2)
    shown.meet([skill("first", 3)])
    shown.meet([skill("first", 3), skill("second", 1), skill("third", 1)])  # one place, names decide between equals
    shown.meet([skill("first", 3), skill("second", 1), skill("third", 1_000), skill("fourth", 9_000)])
    assert [shown.name(name) for name in ("first", "second", "third", "fourth")] == ["first", "second", OTHER, OTHER]


def test_the_choice_does_not_depend_on_the_order_of_rows() -> None:
    skills = [skill(f"s{number}", 1 + number % 3) for number in range(9)]
    choices = []
    for rows in (skills, skills[::-1]):
        shown = ShownSkills(4)
        shown.meet(rows)
        choices.append({shown.name(one.skill) for one in rows})
    assert choices == [{"s2", "s5", "s8", "s1", OTHER}] * 2


def test_a_skill_that_is_called_other_is_no_second_series() -> None:
    skills = [skill(OTHER, 50), skill("a", 2), skill("b")]
    shown = ShownSkills(1)
    shown.meet(skills)
    assert [(one.skill, one.invocations) for one in gathered(skills, shown.name)] == [("a", 2), (OTHER, 51)]


@pytest.mark.parametrize("most", [0, 1, 200])
def test_nothing_but_nothing(most: int) -> None:
    shown = ShownSkills(most)
    shown.meet([])
    assert gathered([], shown.name) == []


def recent(event_id: str, duration_ms: int, *, failed: bool = False, at: str = NOW, session: str = "s1") -> Recent:
    return Recent(event_id, session, "a", "skill", at, failed, duration_ms)


def shown_ids(exemplars: Exemplars, cumulative: tuple[int, ...], now: str = NOW) -> list[str | None]:
    found = exemplars.of("a", "skill", cumulative, now=now)
    return [next(iter(one.labels.values())) if one else None for one in found]


def test_failures_come_first_then_slow_ones_then_nothing() -> None:
    exemplars = Exemplars(BOUNDS)
    for one in (
        recent("usual", 10),
        recent("failed", 11, failed=True),
        recent("later", 12, at=shifted(NOW, seconds=-1)),
        recent("slow", 5_000),
    ):
        exemplars.remember("a", one)
    assert shown_ids(exemplars, (50, 95, 95, 100)) == [None, "failed", None, "slow"]
    assert shown_ids(exemplars, (0, 50, 50, 100)) == [None, "failed", None, None]
    assert exemplars.of("b", "skill", (1, 1, 1, 1), now=NOW) == [None] * 4


def test_the_newest_stands_and_the_future_does_not() -> None:
    exemplars = Exemplars(BOUNDS)
    for one in (
        recent("old", 5, failed=True, at=shifted(NOW, hours=-2)),
        recent("new", 6, failed=True, at=shifted(NOW, hours=-1)),
        recent("older", 7, failed=True, at=shifted(NOW, hours=-3)),
    ):
        exemplars.remember("a", one)
    assert shown_ids(exemplars, (3, 3, 3, 3)) == ["new", None, None, None]
    assert shown_ids(exemplars, (3, 3, 3, 3), now=shifted(NOW, hours=-1.5)) == [None] * 4


def test_ids_that_are_too_long_for_an_exemplar_are_left_out() -> None:
    exemplars = Exemplars(BOUNDS)
    exemplars.remember("a", recent("e" * 121, 5, failed=True, session="s" * 118))
    (first, *_) = exemplars.of("a", "skill", (1, 1, 1, 1), now=NOW)
    assert first is not None
    assert first.labels == {"session_id": "s" * 118}
    exemplars.remember("a", recent("e" * 121, 5, failed=True, session="s" * 119))
    assert shown_ids(exemplars, (1, 1, 1, 1)) == [None] * 4


def test_what_was_deleted_is_no_reason_to_stand_still() -> None:
    marks = HighWater()
    assert tuple(marks.at_least(("a", "skill"), (30, 10))) == (30, 10)
    marks.go_on()
    assert tuple(marks.at_least(("a", "skill"), (20, 10))) == (30, 10)
    assert tuple(marks.at_least(("a", "skill"), (24, 11))) == (34, 11)
    marks.go_on()
    assert tuple(marks.at_least(("a", "skill"), (4, 3))) == (34, 11)
    assert tuple(marks.at_least(("a", "skill"), (5, 4))) == (35, 12)


def test_a_dip_that_nobody_explains_is_waited_out() -> None:
    marks = HighWater()
    marks.at_least(("a", "skill"), (30,))
    assert [tuple(marks.at_least(("a", "skill"), (n,))) for n in (3, 29, 31)] == [(30,), (30,), (31,)]


def test_more_than_was_deleted_came_in_between() -> None:
    marks = HighWater()
    marks.at_least(("a", "skill"), (30,))
    marks.go_on()
    assert tuple(marks.at_least(("a", "skill"), (31,))) == (31,)
    assert tuple(marks.at_least(("a", "skill"), (32,))) == (32,)
