"""The reports behind the pages, against counts of the invocations themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from session_buddy.errors import InvalidInput
from session_buddy.model import Kind, Outcome
from session_buddy.monitoring.series import Grain
from session_buddy.monitoring.watch import AnomalyWatch, rows_changed_since
from session_buddy.reports.activity import read_daily_uses
from session_buddy.reports.changes import WeekFigures, difference_interval, read_changes
from session_buddy.reports.durations import read_durations
from session_buddy.reports.health import read_health
from session_buddy.reports.latest import read_latest
from session_buddy.reports.ranking import first_day
from session_buddy.reports.series import BucketFigures, read_series
from session_buddy.reports.settings import put_setting
from session_buddy.storage import Store, open_store
from tests.making import NOW, FakeClock, invocation, iso, many, shifted
from tests.monitoring.history import Hour, broken_since, told

HISTORY = many(900, days=20, seed=3)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", clock=FakeClock()) as opened:
        yield opened


@pytest.fixture
def filled(store: Store) -> Store:
    store.record(HISTORY)
    return store


class TestSeries:
    @pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
    @pytest.mark.parametrize("grain", list(Grain))
    def test_counts_every_use_once_in_the_bucket_of_its_hour(self, filled: Store, grain: Grain, zone: str) -> None:
        since = first_day(NOW, 15)
        series = read_series(filled, "skill-2", grain, since=since, until=NOW, zone=zone)
        buckets = series.buckets
        assert buckets[0].start <= since < buckets[0].end and buckets[-1].start <= NOW < buckets[-1].end
        assert all(one.end == other.start for one, other in pairwise(buckets))
        for bucket in buckets:
            inside = [
                use
                for use in HISTORY
                # Hours are those of UTC; where a zone's are not, a use belongs where its hour begins.
                if use.skill_name == "skill-2" and bucket.start <= f"{use.invoked_at[:13]}:00:00.000Z" < bucket.end
            ]
            outcomes = Counter(use.outcome for use in inside)
            settled = outcomes[Outcome.COMPLETED] + outcomes[Outcome.FAILED]
            assert bucket.invocations == len(inside)
            assert (bucket.completed, bucket.failed) == (outcomes[Outcome.COMPLETED], outcomes[Outcome.FAILED])
            assert bucket.success_rate == (outcomes[Outcome.COMPLETED] / settled if settled else None)

    def test_of_all_skills_leaves_tools_out(self, store: Store) -> None:
        store.record([invocation("a"), invocation("b", skill_name="Read", kind=Kind.TOOL)])
        (today,) = read_series(store, None, Grain.DAY, since=NOW, until=NOW).buckets
        assert today.invocations == 1

    def test_is_bounded(self, filled: Store) -> None:
        assert len(read_series(filled, "skill-2", Grain.HOUR, since="2000-01-01T00:00:00.000Z", until=NOW).buckets) == (
            1_000
        )

    def test_refuses_a_zone_that_is_none(self, filled: Store) -> None:
        with pytest.raises(InvalidInput):
            read_series(filled, "skill-2", Grain.DAY, since=NOW, until=NOW, zone="Mars/Olympus")


class TestBand:
    """The band of the chart is that of the watch."""

    UNTIL = datetime.fromisoformat("2026-06-18T12:00:00.000Z")
    FAULT = UNTIL - timedelta(hours=26)

    @pytest.fixture
    def watched(self, store: Store) -> Store:
        """Four steady weeks and two days that were watched hour by hour: half of the uses failed for four hours."""
        broken, begun = broken_since(self.FAULT, self.FAULT + timedelta(hours=4)), self.UNTIL - timedelta(days=30)
        store.record(list(told("deploy", broken, begun, self.UNTIL)))
        watch = AnomalyWatch(store)
        for hours in range(48, -1, -1):
            watch.step(iso(self.UNTIL - timedelta(hours=hours) + timedelta(minutes=6)))
        return store

    def band(self, store: Store, grain: Grain, days: int = 2) -> list[BucketFigures]:
        until = iso(self.UNTIL + timedelta(minutes=6))
        return read_series(store, "deploy", grain, since=first_day(until, days), until=until).buckets

    def test_a_point_outside_is_an_anomaly_and_an_anomaly_begins_with_a_point_outside(self, watched: Store) -> None:
        rows = [row for row in rows_changed_since(watched, "") if row.metric == "completion_rate"]
        outside = [
            bucket
            for bucket in self.band(watched, Grain.HOUR)
            if bucket.success_rate is not None
            and bucket.expected_low is not None
            and bucket.expected_high is not None
            and not bucket.expected_low
            < bucket.success_rate
            < max(bucket.expected_high, 1 + (bucket.expected_high == 1))
        ]
        assert len(outside) >= 3 and {bucket.success_rate for bucket in outside} == {0.5, 0.9}
        for bucket in outside:
            assert bucket.anomalous
            assert any(row.detected_at <= bucket.end <= (row.resolved_at or "9") for row in rows)
        assert rows and {row.detected_at for row in rows} <= {bucket.end for bucket in outside}

    def test_it_is_there_where_all_is_well_and_holds_what_is_usual(self, watched: Store) -> None:
        calm = [
            bucket for bucket in self.band(watched, Grain.HOUR, 5) if bucket.start < iso(self.FAULT) and bucket.failed
        ]
        assert len(calm) >= 10
        for bucket in calm:
            assert not bucket.anomalous
            assert bucket.expected_low is not None and 0.4 < bucket.expected_low < 0.8

    def test_a_day_is_marked_for_any_of_its_hours(self, watched: Store) -> None:
        marks = {bucket.start[:10]: bucket.anomalous for bucket in self.band(watched, Grain.DAY, 5)}
        assert [day for day, mark in marks.items() if mark] == [iso(self.FAULT)[:10]]

    def test_the_hour_that_goes_on_is_not_judged(self, watched: Store) -> None:
        watched.record(list(told("deploy", lambda _: Hour(0, 40), self.UNTIL, self.UNTIL + timedelta(hours=1))))
        last = self.band(watched, Grain.HOUR)[-1]
        assert (last.failed, last.anomalous, last.expected_low) == (40, False, None)
        until = iso(self.UNTIL + timedelta(minutes=30))
        for now, found in {None: False, iso(self.UNTIL + timedelta(minutes=66)): True}.items():
            buckets = read_series(watched, "deploy", Grain.HOUR, since=until, until=until, now=now).buckets
            assert [bucket.anomalous for bucket in buckets] == [found]

    def test_what_is_not_watched_has_none(self, watched: Store) -> None:
        put_setting(watched, "anomaly_kinds", "mcp shell")
        assert all(not one.anomalous and one.expected_low is None for one in self.band(watched, Grain.HOUR))

    def test_is_that_of_the_detector_that_is_set(self, watched: Store) -> None:
        before = self.band(watched, Grain.HOUR)
        put_setting(watched, "anomaly_detector", "zscore")
        after = self.band(watched, Grain.HOUR)
        assert [one.expected_low for one in before] != [one.expected_low for one in after]
        assert any(one.anomalous for one in after)

    def test_is_the_same_whatever_is_shown(self, watched: Store) -> None:
        assert self.band(watched, Grain.DAY, 15)[-3:] == self.band(watched, Grain.DAY, 3)

    def test_reaches_back_for_half_a_year(self, store: Store) -> None:
        begun = self.UNTIL - timedelta(days=300)
        noon = lambda at: Hour(36, 4) if at.hour == 12 else Hour()  # noqa: E731
        store.record(list(told("deploy", noon, begun, self.UNTIL)))
        banded = [one.start for one in self.band(store, Grain.WEEK, 300) if one.expected_low is not None]
        assert min(banded) > iso(self.UNTIL - timedelta(weeks=27)) and len(banded) >= 25


class TestChanges:
    def test_are_those_of_seven_days_beside_the_seven_before(self, filled: Store) -> None:
        changes = read_changes(filled, now=NOW)
        assert changes is not None and not changes.quiet
        week = [use for use in HISTORY if first_day(NOW, 7) <= use.invoked_at and use.invoked_at[:10] <= NOW[:10]]
        before = [use for use in HISTORY if first_day(NOW, 14) <= use.invoked_at < first_day(NOW, 7)]
        for found, uses in ((changes.now, week), (changes.before, before)):
            ends = Counter(use.outcome for use in uses)
            assert found == WeekFigures(
                invocations=len(uses), completed=ends[Outcome.COMPLETED], failed=ends[Outcome.FAILED]
            )

    def test_tell_chance_from_change(self, store: Store) -> None:
        def week(skill: str, days: int, completed: int, failed: int) -> None:
            ends = [Outcome.COMPLETED] * completed + [Outcome.FAILED] * failed
            store.record(
                invocation(
                    f"{skill}-{days}-{n}",
                    skill_name=skill,
                    outcome=end,
                    invoked_at=shifted(NOW, days=-days, seconds=n),
                )
                for n, end in enumerate(ends)
            )

        for skill, before, now in (
            ("fell", (90, 10), (20, 20)),
            ("rose", (20, 20), (90, 10)),
            ("lucky", (1_000, 1_000), (4, 0)),
            ("same", (90, 10), (45, 5)),
        ):
            week(skill, 9, *before)
            week(skill, 1, *now)
        week("new", 1, 0, 3)
        week("silent", 9, 5, 0)
        week("rare", 9, 4, 0)
        changes = read_changes(store, now=NOW)
        assert changes is not None
        names = [[skill.skill for skill in part] for part in (changes.worse, changes.better, changes.new)]
        assert names == [["fell"], ["rose"], ["new"]]
        assert [skill.skill for skill in changes.silent] == ["silent"]

    def test_of_a_silent_store_are_those_of_its_last_week(self, store: Store) -> None:
        assert read_changes(store, now=NOW) is None
        store.record([invocation("a", invoked_at="2026-01-10T10:00:00.000Z")])
        changes = read_changes(store, now=NOW)
        assert changes is not None and changes.quiet
        assert changes.until.startswith("2026-01-10") and changes.now.invocations == 1

    def test_the_interval_of_a_difference_is_newcombes(self) -> None:
        # The first example of Newcombe (1998), table II, method 10: 56/70 and 48/80.
        now, before = (WeekFigures(invocations=n, completed=done, failed=n - done) for n, done in ((70, 56), (80, 48)))
        interval = difference_interval(now, before)
        assert interval == pytest.approx((0.0524, 0.3339), abs=5e-5)
        assert difference_interval(now, WeekFigures(invocations=3, completed=0, failed=0)) is None


def test_the_newest_uses_are_the_newest_of_all(filled: Store) -> None:
    expected = sorted(HISTORY, key=lambda use: use.invoked_at, reverse=True)[:40]
    assert [use.invoked_at for use in read_latest(filled, 40)] == [use.invoked_at for use in expected]


def test_daily_uses_have_a_place_for_every_day(filled: Store) -> None:
    uses = read_daily_uses(filled, until=NOW, days=10)
    last = datetime.fromisoformat(NOW).date()
    days = [str(last - timedelta(days=back)) for back in reversed(range(10))]
    for skill, daily in uses.items():
        counted = Counter(use.invoked_at[:10] for use in HISTORY if use.skill_name == skill)
        assert daily.invocations == [counted[day] for day in days]


def test_durations_are_told_by_length(filled: Store) -> None:
    durations = read_durations(filled, "skill-4")
    known = sorted(
        use.duration_ms / 1000 for use in HISTORY if use.skill_name == "skill-4" and use.duration_ms is not None
    )
    assert durations.invocations == len(known) == sum(bucket.invocations for bucket in durations.buckets)
    assert durations.median_seconds == pytest.approx(known[len(known) // 2], rel=0.3)
    for bucket in durations.buckets:
        upper = bucket.up_to_seconds or float("inf")
        assert bucket.invocations == sum(bucket.above_seconds < length <= upper for length in known)
    assert read_durations(filled, "unknown").median_seconds is None


def test_health_counts_what_is_not_known(filled: Store) -> None:
    health = read_health(filled)
    assert health.invocations == len(HISTORY)
    assert health.unknown == sum(use.outcome is None for use in HISTORY)
    assert health.untimed == sum(use.duration_ms is None for use in HISTORY)
