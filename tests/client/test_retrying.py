"""When a client tries again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.client.retrying import Attempts, Backoff, seconds_asked


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_to_a_bound_and_are_never_in_step() -> None:
    slowest = Backoff(first_seconds=1, longest_seconds=10, chance=lambda: 1.0)
    assert [slowest.wait(failures) for failures in (1, 2, 3, 4, 5, 500)] == [1, 2, 4, 8, 10, 10]
    quickest = Backoff(first_seconds=1, longest_seconds=10, chance=lambda: 0.0)
    assert [quickest.wait(failures) for failures in (1, 5)] == [0.5, 5]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_every_pause_is_within_its_bounds(failures: int, chance: float) -> None:
    assert 0.1 <= Backoff(chance=lambda: chance).wait(failures) <= 15


def test_it_gives_up_before_its_patience_would_be_exceeded() -> None:
    clock = Clock()
    attempts = Attempts(Backoff(first_seconds=1, chance=lambda: 1.0), 10, clock)
    waits = []
    while (wait := attempts.failed()) is not None:
        waits.append(wait)
        clock.now += wait
    assert waits == [1, 2, 4]
    attempts.succeeded()
    assert attempts.failed() == 1


def test_without_a_bound_it_never_gives_up() -> None:
    clock = Clock()
    attempts = Attempts(Backoff(), None, clock)
    for _ in range(1_000):
        clock.now += 3_600
        assert attempts.failed() is not None


def test_the_server_may_ask_for_a_longer_pause_but_not_for_ever() -> None:
    attempts = Attempts(Backoff(chance=lambda: 1.0), None, Clock())
    assert attempts.failed(asked_to_wait=30) == 30
    assert attempts.failed(asked_to_wait=1e9) == 300
    assert Attempts(Backoff(), 60, Clock()).failed(asked_to_wait=61) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2),
        ("0.5", 0.5),
        (None, 0),
        ("", 0),
        ("-1", 0),
        ("nan", 0),
        ("inf", 0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
    ],
)
def test_what_the_server_asks_for_is_read(header: str | None, seconds: float) -> None:
    assert seconds_asked(header) == seconds
