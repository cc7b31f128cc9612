from __future__ import annotations

from datetime import timedelta

import pytest

from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.seasonality import HOURS_OF_WEEK, Profile, seasons
from session_buddy.monitoring.series import Counts
from tests.monitoring.making import MONDAY, hours, outcomes


def test_nothing_seen_is_nothing_expected() -> None:
    found = seasons([], Metric.COMPLETION_RATE)
    assert [season.hour_of_week for season in found] == list(range(HOURS_OF_WEEK))
    assert all(season.expected is None and season.exposure == 0 for season in found)


def test_a_cell_not_seen_leans_on_the_same_hour_of_like_days() -> None:
    profile = Profile(class_prior=1.0, cell_prior=2.0, keep=1.0)
    for day in range(4):
        for hour in range(24):
            profile.learn(day * 24 + hour, 50.0 if hour == 10 else 0.0, 1.0)
    friday_ten, friday_four, saturday_ten = 4 * 24 + 10, 4 * 24 + 4, 5 * 24 + 10
    assert profile.expected(friday_ten) > 40
    assert profile.expected(friday_four) < 1
    assert profile.expected(saturday_ten) == pytest.approx(profile.whole)


def test_much_seen_speaks_for_itself() -> None:
    profile = Profile(class_prior=50.0, cell_prior=100.0, keep=1.0)
    for cell in range(HOURS_OF_WEEK):
        profile.learn(cell, 10_000 * (0.2 if cell == 0 else 0.9), 10_000)
    assert profile.expected(0) == pytest.approx(0.2, abs=0.01)
    assert profile.expected(24) == pytest.approx(0.9, abs=0.01)


def test_little_seen_is_shrunken() -> None:
    profile = Profile(class_prior=50.0, cell_prior=100.0, keep=1.0)
    for cell in range(HOURS_OF_WEEK):
        profile.learn(cell, 90.0, 100.0)
    profile.learn(0, 0.0, 3.0)
    assert 0.85 < profile.expected(0) < 0.9


def test_memory_fades() -> None:
    profile = Profile(class_prior=0.01, cell_prior=0.01, keep=0.5)
    for amount in (100.0, 0.0, 0.0, 0.0):
        profile.learn(0, amount, 1.0)
    assert profile.expected(0) == pytest.approx(100 / 8 / 1.875, rel=0.02)


def test_the_profile_follows_the_clock_of_the_zone() -> None:
    week = [Counts()] * HOURS_OF_WEEK
    week[14] = outcomes(30, 0)
    found = seasons(hours(week * 3, MONDAY), Metric.VOLUME, "America/New_York")
    assert max(found, key=lambda season: season.expected or 0).hour_of_week == 9
    assert found[9].exposure == 3


def test_durations_and_rates_rest_on_what_was_seen() -> None:
    week = hours([outcomes(8, 2, seconds=3.0)] * HOURS_OF_WEEK, MONDAY + timedelta(0))
    assert seasons(week, Metric.DURATION)[5].expected == pytest.approx(3.0)
    rate = seasons(week, Metric.COMPLETION_RATE)[5]
    assert rate.expected == pytest.approx(0.8) and rate.exposure == 10
