"""Volume is judged of skills that are used regularly; of the others, neither silence nor use is news."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.monitoring.backtest import SkillBacktest, backtest_skill
from session_buddy.monitoring.detector import AnomalyType, Metric, Reading
from session_buddy.monitoring.evidence import EvidenceDetector
from session_buddy.monitoring.habit import DAYS_OF_HABIT, Habit
from session_buddy.monitoring.series import Bucket, Counts
from tests.monitoring.making import MONDAY, hours, outcomes

DAY = 24
Uses = Callable[[datetime], int]


def history(days: int, uses: Uses) -> list[Bucket]:
    starts = [MONDAY + timedelta(hours=number) for number in range(days * DAY)]
    return hours([outcomes(uses(start), 0) for start in starts])


def at_work(at: datetime) -> int:
    """Three uses in each of eight hours, from Monday to Friday."""
    return 3 if at.weekday() < 5 and 9 <= at.hour < 17 else 0


def day_of(at: datetime) -> int:
    return (at - MONDAY).days


def found_in(days: int, uses: Uses) -> SkillBacktest:
    return backtest_skill("git-status", history(days, uses), metrics=(Metric.VOLUME,))


@given(st.lists(st.booleans(), max_size=70))
def test_a_habit_is_that_of_the_last_four_weeks(used: list[bool]) -> None:
    habit = Habit()
    for is_used in used:
        habit.learn(is_used)
    assert habit.days == min(len(used), DAYS_OF_HABIT)
    assert habit.days_used == sum(used[-DAYS_OF_HABIT:])


def test_a_project_that_ends_is_no_anomaly() -> None:
    """Ten days of much use within two weeks, then none."""
    found = found_in(90, lambda at: at_work(at) if day_of(at) < 14 else 0)
    assert (found.incidents, found.hours_judged[Metric.VOLUME]) == ((), 0)


def test_use_now_and_then_is_no_anomaly() -> None:
    """Some days a week, and sometimes weeks without any: as people use most of what they have."""
    found = found_in(180, lambda at: 4 * at_work(at) if at.weekday() in (1, 3) and day_of(at) // 7 % 5 < 3 else 0)
    assert (found.incidents, found.hours_judged[Metric.VOLUME]) == ((), 0)


def test_it_says_why_there_is_not_enough_data() -> None:
    detector = EvidenceDetector(Metric.VOLUME)
    *_, last = [detector.observe(hour) for hour in history(30, lambda at: at_work(at) if at.weekday() < 3 else 0)]
    assert not last.has_enough_data and last.level == 0
    assert last.reason == "Not enough data: there was use on 12 of the last 28 days, regular use takes 15."


def test_a_skill_of_working_days_is_watched() -> None:
    found = found_in(60, at_work)
    assert found.incidents == ()
    assert found.hours_judged[Metric.VOLUME] > 35 * DAY


@pytest.mark.parametrize("uses_a_day", [at_work, lambda at: 2], ids=["working days", "every hour"])
def test_silence_of_a_skill_that_is_used_regularly_is_found_within_a_day(uses_a_day: Uses) -> None:
    silent = 35 * DAY + 10  # a Monday at ten
    found = found_in(60, lambda at: uses_a_day(at) if at < MONDAY + timedelta(hours=silent) else 0)
    first = found.incidents[0]
    assert first.anomaly_type is AnomalyType.DROP
    assert 0 < (first.opened_at - MONDAY) / timedelta(hours=1) - silent <= DAY


def test_nothing_is_judged_for_ever_against_days_long_gone() -> None:
    """Silence becomes what is usual, or says nothing any more; either way it is over within weeks."""
    found = found_in(120, lambda at: at_work(at) if day_of(at) < 35 else 0)
    assert found.incidents
    assert all(one.resolved_at is not None for one in found.incidents)
    ended = max(one.resolved_at for one in found.incidents if one.resolved_at)
    assert ended - MONDAY <= timedelta(days=35 + 28 + 7)


def test_what_had_added_up_is_forgotten_when_use_is_not_regular_any_more() -> None:
    """Silent for two months under an open anomaly, then used as ever: the old evidence does not count against it."""

    def uses(at: datetime) -> int:
        return 0 if 35 <= day_of(at) < 98 else at_work(at)

    detector = EvidenceDetector(Metric.VOLUME)
    readings: list[Reading] = [detector.observe(hour) for hour in history(140, uses)]
    before = [one for one in readings if day_of(one.at) < 98]
    assert any(one.anomaly_type is AnomalyType.DROP for one in before)
    assert not before[-1].has_enough_data
    after = [one for one in readings if day_of(one.at) >= 98 and one.has_enough_data]
    assert after and not any(one.anomaly_type is AnomalyType.DROP for one in after)
    assert after[0].hours < 2 * DAY


def test_other_metrics_ask_for_no_habit() -> None:
    """A rate says something whenever there are outcomes enough."""
    bad = [outcomes(12, 0) if number % (7 * DAY) == 10 else Counts() for number in range(42 * DAY)]
    bad += [outcomes(0, 12), *[Counts()] * 5]
    found = backtest_skill("x", hours(bad), metrics=(Metric.COMPLETION_RATE, Metric.VOLUME))
    assert [one.metric for one in found.incidents] == [Metric.COMPLETION_RATE]
