"""The reports behind the pages, against counts of the invocations themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from session_buddy.errors import InvalidInput
from session_buddy.model import Kind, Outcome
from session_buddy.monitoring.series import Grain
from session_buddy.reports.activity import read_daily_uses
from session_buddy.reports.changes import WeekFigures, difference_interval, read_changes
from session_buddy.reports.durations import read_durations
from session_buddy.reports.expected import expected_ranges
from session_buddy.reports.health import read_health
from session_buddy.reports.latest import read_latest
from session_buddy.reports.ranking import first_day
from session_buddy.reports.series import read_series
from session_buddy.storage import Store, open_store
from tests.making import NOW, FakeClock, invocation, many, shifted

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

    def test_expects_what_the_four_weeks_before_say_whatever_is_shown(self, filled: Store) -> None:
        long = read_series(filled, "skill-2", Grain.DAY, since=first_day(NOW, 15), until=NOW).buckets
        short = read_series(filled, "skill-2", Grain.DAY, since=first_day(NOW, 3), until=NOW).buckets
        assert long[-3:] == short
        assert any(bucket.expected_low is not None for bucket in short)


outcomes = st.tuples(st.integers(0, 40), st.integers(0, 40))


class TestExpected:
    @given(st.lists(outcomes, max_size=12), st.integers(1, 5))
    def test_is_the_middle_of_a_beta_binomial_of_the_buckets_before(
        self, buckets: list[tuple[int, int]], reach: int
    ) -> None:
        for place, found in enumerate(expected_ranges(buckets, reach)):
            before = buckets[max(0, place - reach) : place]
            completed, failed = sum(done for done, _ in before), sum(broken for _, broken in before)
            trials = sum(buckets[place])
            if not trials or completed + failed < 20:
                assert found is None
                continue
            assert found is not None
            chances = betabinom(trials, completed + 0.5, failed + 0.5)
            low, high = (round(end * trials) for end in found)
            assert chances.cdf(low - 1) <= 0.005 + 1e-9 < chances.cdf(low) + 2e-9
            assert chances.sf(high) <= 0.005 + 1e-9 < chances.sf(high - 1) + 2e-9

    @given(st.lists(outcomes, min_size=2, max_size=12), st.data())
    def test_knows_nothing_of_its_own_bucket_or_later_ones(
        self, buckets: list[tuple[int, int]], data: st.DataObject
    ) -> None:
        place = data.draw(st.integers(0, len(buckets) - 1))
        done, broken = buckets[place]
        # As many uses, all with the other end; what follows is anything.
        other = [*buckets[:place], (broken, done), *data.draw(st.lists(outcomes, max_size=3))]
        assert expected_ranges(buckets, 3)[: place + 1] == expected_ranges(other, 3)[: place + 1]


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
