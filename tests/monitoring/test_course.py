"""A course goes on where it can, back where hours changed, and says when only beginning again helps."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from session_buddy.monitoring import evidence
from session_buddy.monitoring.course import KEPT, Course
from session_buddy.monitoring.panel import Panel
from session_buddy.monitoring.series import Bucket, Counts
from tests.monitoring.making import MONDAY, hours, outcomes

HOUR = timedelta(hours=1)
BEFORE = outcomes(700, 70)


def some_hours(number: int, *, bad_from: int = 10_000) -> list[Bucket]:
    rnd = random.Random(7)
    made = []
    for place in range(number):
        uses = rnd.randrange(15, 25)
        made.append(outcomes(uses - 2, 2) if place < bad_from else outcomes(uses // 2, uses - uses // 2))
    return hours(made)


def begun(buckets: list[Bucket]) -> Course:
    """A course that has seen *buckets*, saved as a watch saves: after each."""
    course = Course(Panel(), MONDAY, BEFORE)
    for bucket in buckets:
        course.observe([bucket])
        course.save()
    return course


def life_of(buckets: list[Bucket]) -> Counts:
    return sum((bucket.counts for bucket in buckets), BEFORE)


def recent(buckets: list[Bucket], until: datetime) -> dict[datetime, Counts]:
    return {bucket.start: bucket.counts for bucket in buckets if bucket.start >= until - KEPT - HOUR}


def changed(buckets: list[Bucket], place: int, more: Counts) -> list[Bucket]:
    return [
        Bucket(bucket.start, bucket.end, bucket.counts + more) if number == place else bucket
        for number, bucket in enumerate(buckets)
    ]


def same(one: Course, other: Course) -> bool:
    return (one.until, one.found, one._panel.state()) == (other.until, other.found, other._panel.state())


def test_where_nothing_changed_it_stays_where_it_is() -> None:
    buckets = some_hours(400)
    course = begun(buckets)
    assert course.rewound(life_of(buckets), recent(buckets, course.until)) is False
    assert course.until == buckets[-1].end


def test_hours_that_are_not_over_change_nothing() -> None:
    buckets = some_hours(402)
    course = begun(buckets[:400])
    assert course.rewound(life_of(buckets), recent(buckets, course.until)) is False


@pytest.mark.parametrize("back", [1, 2, 7, 8])
def test_after_a_late_change_it_ends_as_if_it_had_known(back: int) -> None:
    buckets = some_hours(400, bad_from=396)
    course = begun(buckets)
    late = changed(buckets, 400 - back, outcomes(3, 9))
    assert course.rewound(life_of(late), recent(late, buckets[-1].end)) is True
    assert course.until <= late[400 - back].start
    course.observe([bucket for bucket in late if bucket.start >= course.until])
    assert same(course, begun(late))


@pytest.mark.parametrize("place", [0, 100, 370])
def test_a_change_long_ago_means_beginning_again(place: int) -> None:
    buckets = some_hours(400)
    course = begun(buckets)
    late = changed(buckets, place, outcomes(1, 0))
    assert course.rewound(life_of(late), recent(late, course.until)) is None


def test_a_change_before_the_beginning_means_beginning_again() -> None:
    buckets = some_hours(400)
    course = begun(buckets)
    assert course.rewound(life_of(buckets) + outcomes(1, 0), recent(buckets, course.until)) is None


def test_it_can_go_back_at_least_eight_hours_whenever_it_is_asked() -> None:
    buckets = some_hours(440)
    course = begun(buckets[:400])
    for number in range(400, 440):
        course.observe(buckets[number : number + 1])
        course.save()
        late = changed(buckets[: number + 1], number - 7, outcomes(1, 0))
        assert course.rewound(life_of(late), recent(late, course.until)) is True
        course = begun(buckets[: number + 1])


def test_its_memory_does_not_grow() -> None:
    course = begun(some_hours(200))
    assert len(course._saved) == 2


def test_incidents_carry_the_band_of_the_hour_in_which_they_got_so_bad() -> None:
    buckets = some_hours(400)
    bad = [*[outcomes(14, 6)] * 6, *[outcomes(0, 30)] * 4]
    buckets += hours(bad, start=buckets[-1].end)
    (found,) = begun(buckets).found
    panel = Panel()
    told = [(seen, one) for seen in map(panel.observe, buckets) for one in seen.incidents]
    assert [one.severity for _, one in told] == ["warning", "critical"]
    seen, worst = told[-1]
    (reading,) = (one for one in seen.readings if one.metric is worst.metric)
    assert (found.incident, found.low, found.high) == (worst, reading.low, reading.high)
    assert (found.low, found.high) != (told[0][0].readings[0].low, told[0][0].readings[0].high)


def test_a_resolved_incident_keeps_its_band() -> None:
    buckets = some_hours(400, bad_from=370)
    well = hours([outcomes(18, 2)] * 30, start=buckets[-1].end)
    course = begun(buckets)
    (before,) = course.found
    course.observe(well)
    after = course.found[0]
    assert after.incident.resolved_at is not None
    assert (after.low, after.high) == (before.low, before.high)


def test_calm_hours_cost_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that starts goes through weeks of hours for every skill, and nobody reads what was as ever."""
    told: list[object] = []
    in_words = evidence.in_words

    def counted(fields: Any, *, lasting: bool = False) -> str:
        told.append(fields["at"])
        return in_words(fields, lasting=lasting)

    monkeypatch.setattr(evidence, "in_words", counted)
    buckets = some_hours(500, bad_from=480)
    course = begun(buckets)
    assert told and min(told) > buckets[480].start
    assert [one.incident.metric for one in course.found] == ["completion_rate"]
    assert course.found[0].low is not None and course.found[0].incident.reason.startswith("Success fell to ")
