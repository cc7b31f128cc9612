from __future__ import annotations

import json
import math
import random
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.values import Surprise, Tuning, ValueDetector
from tests.monitoring.making import MONDAY

SHORT = Tuning(warm_up=60, rest=20)


def scored(values: list[float], seconds: int = 3600, tuning: Tuning = SHORT) -> list[Surprise]:
    detector = ValueDetector(seconds, tuning)
    return [detector.observe(at(number, seconds), value) for number, value in enumerate(values)]


def at(number: int, seconds: int = 3600) -> datetime:
    return MONDAY + timedelta(seconds=number * seconds)


def noise(n: int, seed: int = 1) -> list[float]:
    rnd = random.Random(seed)
    return [10 + rnd.gauss(0, 1) for _ in range(n)]


def test_a_spike_as_never_before_is_a_surprise_and_the_second_of_its_size_is_less() -> None:
    values = noise(600)
    values[300] = values[400] = 60.0
    scores = [surprise.score for surprise in scored(values, tuning=Tuning(warm_up=60, rest=0))]
    assert scores[300] > 3 and max(scores[200:300]) < 2
    assert 0.5 < scores[400] < 1.2


def test_what_the_clock_explains_surprises_nobody() -> None:
    day = [5.0] * 9 + [50.0] * 9 + [5.0] * 6
    assert max(surprise.score for surprise in scored(day * 20)[7 * 24 :]) < 1.1
    missing = day * 20
    missing[15 * 24 + 9 : 15 * 24 + 18] = [5.0] * 9
    assert max(surprise.score for surprise in scored(missing)[15 * 24 + 9 : 15 * 24 + 18]) > 1.2


def test_a_constant_is_no_surprise_and_its_first_change_is() -> None:
    values = [45.0] * 200 + [46.0]
    scores = [surprise.score for surprise in scored(values)]
    assert set(scores[:200]) == {0.0} and 1 < scores[200] <= 100


def test_it_rests_after_a_surprise_unless_a_larger_one_comes() -> None:
    values = noise(400)
    values[300:303] = [60.0, 61.0, 2000.0]
    scores = [surprise.score for surprise in scored(values)]
    assert scores[300] > 1 and scores[301] == 0.0 and scores[302] > scores[300]


def test_nothing_is_scored_during_warm_up() -> None:
    detector = ValueDetector(3600, SHORT)
    for number in range(60):
        assert not detector.is_warm
        assert detector.observe(at(number), 10.0**number).score == 0.0
    assert detector.is_warm


@given(
    st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=150), st.integers(0, 149), st.sampled_from([60, 300, 3600])
)
@settings(deadline=None)
def test_state_survives_json_and_the_future_changes_nothing(values: list[float], cut: int, seconds: int) -> None:
    tuning = Tuning(warm_up=3, rest=5)
    whole = ValueDetector(seconds, tuning)
    said = [whole.observe(at(number, seconds), value) for number, value in enumerate(values)]
    head = ValueDetector(seconds, tuning)
    assert [head.observe(at(number, seconds), value) for number, value in enumerate(values[:cut])] == said[:cut]
    tail = ValueDetector.restored(json.loads(json.dumps(head.state(), allow_nan=False)))
    assert [tail.observe(at(cut + n, seconds), value) for n, value in enumerate(values[cut:])] == said[cut:]
    assert all(0 <= surprise.score <= 100 and math.isfinite(surprise.deviation) for surprise in said)


@pytest.mark.parametrize("seconds", [1, 60, 86_400, 10**9])
def test_memory_is_bounded_whatever_the_interval(seconds: int) -> None:
    state = ValueDetector(seconds).state()
    assert 1 <= len(state["day"]) <= 288 and 1 <= len(state["week"]) <= 2016


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="seconds"):
        ValueDetector(0)
