from __future__ import annotations

import threading

import pytest

from session_buddy.server.kept import Kept


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def kept(seconds: Seconds) -> Kept:
    return Kept(seconds)


def slow(seconds: Seconds, took: float, values: list[int]) -> int:
    seconds.now += took
    values.append(len(values))
    return values[-1]


def test_what_takes_long_is_kept_twenty_times_as_long(kept: Kept, seconds: Seconds) -> None:
    values: list[int] = []
    assert kept.read("a", lambda: slow(seconds, 2.0, values)) == 0
    seconds.now += 39.0
    assert kept.read("a", lambda: slow(seconds, 2.0, values)) == 0
    seconds.now += 1.5
    assert kept.read("a", lambda: slow(seconds, 2.0, values)) == 1


def test_what_is_quick_is_always_new(kept: Kept, seconds: Seconds) -> None:
    values: list[int] = []
    assert [kept.read("a", lambda: slow(seconds, 0.4, values)) for _ in range(3)] == [0, 1, 2]


def test_one_thing_is_not_taken_for_another(kept: Kept, seconds: Seconds) -> None:
    assert kept.read("a", lambda: slow(seconds, 9.0, [])) == 0
    assert kept.read("b", lambda: slow(seconds, 9.0, [1])) == 1


def test_an_error_is_not_kept(kept: Kept, seconds: Seconds) -> None:
    def fails() -> int:
        seconds.now += 5
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.read("a", fails)
    assert kept.read("a", lambda: 7) == 7


def test_no_more_than_a_few_are_remembered(kept: Kept, seconds: Seconds) -> None:
    values: list[int] = []
    for key in range(40):
        kept.read(key, lambda: slow(seconds, 1.0, values))
    assert kept.read(39, lambda: slow(seconds, 1.0, values)) == 39
    assert kept.read(0, lambda: slow(seconds, 1.0, values)) == 40


def test_while_one_reads_anew_others_get_what_was_there(kept: Kept, seconds: Seconds) -> None:
    kept.read("a", lambda: slow(seconds, 1.0, []))
    seconds.now += 100
    begun, go_on = threading.Event(), threading.Event()

    def waits() -> int:
        begun.set()
        assert go_on.wait(10)
        return 5

    assert not kept.is_being_read("a")
    told: list[int] = []
    reader = threading.Thread(target=lambda: told.append(kept.read("a", waits)))
    reader.start()
    assert begun.wait(10)
    assert kept.read("a", lambda: 9) == 0
    go_on.set()
    reader.join(10)
    assert told == [5]


def test_who_reads_first_lets_others_know(kept: Kept) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def waits() -> int:
        begun.set()
        assert go_on.wait(10)
        return 5

    reader = threading.Thread(target=lambda: kept.read("a", waits))
    reader.start()
    assert begun.wait(10)
    assert kept.is_being_read("a") and not kept.is_being_read("b")
    go_on.set()
    reader.join(10)
    assert not kept.is_being_read("a")
