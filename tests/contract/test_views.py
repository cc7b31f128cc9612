"""The six views against brute force over the invocations themselves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.model import Invocation, Outcome, SkillFacts
from session_buddy.storage import Store, open_store
from session_buddy.storage.tables import plain_table
from tests.contract.conftest import OpenStore, lending
from tests.making import NOW, FakeClock, invocation, invocations, iso, many, shifted


def concluded(group: Sequence[Invocation]) -> list[bool]:
    return [i.outcome is Outcome.COMPLETED for i in group if i.outcome in (Outcome.COMPLETED, Outcome.FAILED)]


def rate(group: Sequence[Invocation]) -> float | None:
    known = concluded(group)
    return sum(known) / len(known) if known else None


def by_skill(batch: Sequence[Invocation]) -> dict[str, list[Invocation]]:
    groups = defaultdict(list)
    for one in batch:
        groups[one.skill_name].append(one)
    return groups


def in_window(batch: Sequence[Invocation], now: str, **span: float) -> list[Invocation]:
    """The definition: from the minute in which the window begins to the present minute, both whole."""
    begin = (datetime.fromisoformat(now) - timedelta(**span)).replace(second=0, microsecond=0)
    end = datetime.fromisoformat(now).replace(second=0, microsecond=0) + timedelta(minutes=1)
    return [i for i in batch if iso(begin) <= i.invoked_at < iso(end)]


def assert_dashboard(store: Store, batch: Sequence[Invocation], now: str) -> None:
    rows = {r["skill_name"]: r for r in store.query("SELECT * FROM v_realtime_skill_dashboard")}
    groups = by_skill(batch)
    assert rows.keys() == groups.keys()
    for skill, group in groups.items():
        day = in_window(group, now, hours=24)
        assert rows[skill]["invocation_count_1h"] == len(in_window(group, now, hours=1))
        assert rows[skill]["invocation_count_24h"] == len(day)
        assert rows[skill]["avg_completion_rate_24h"] == rate(day)
        assert rows[skill]["completion_rate"] == rate(group)
        assert rows[skill]["total_invocations"] == len(group)
        assert rows[skill]["last_invocation_at"] == max(i.invoked_at for i in group)


@pytest.mark.long
def test_sliding_windows_are_true_at_the_moment_of_reading(
    engine: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Each record and each reading takes chdb tens of milliseconds.
    @settings(max_examples=60 if engine == "sqlite" else 8, deadline=None)
    @given(
        batches=st.lists(st.lists(invocations(), max_size=12), max_size=4),
        pauses=st.lists(st.integers(0, 30 * 3600), min_size=4, max_size=4),
    )
    def hold(batches: list[list[Invocation]], pauses: list[int]) -> None:
        clock = FakeClock()
        with lending(engine, tmp_path_factory) as new_url, open_store(new_url(), clock=clock) as store:
            seen: dict[str, Invocation] = {}
            for batch, pause in zip(batches, pauses, strict=False):
                store.record([i for i in batch if i.event_id not in seen])
                for one in batch:
                    seen.setdefault(one.event_id, one)
                rows = store.query("SELECT event_id, outcome, skill_name FROM skill_invocation")
                kept = {r["event_id"]: r for r in rows}
                told = [as_stored(i, kept[i.event_id]) for i in seen.values()]
                seen = {i.event_id: i for i in told}
                assert_dashboard(store, told, clock.now)
                clock.advance(seconds=pause)
                assert_dashboard(store, told, clock.now)
            assert store.drifted() == []

    hold()


def as_stored(told: Invocation, row: dict[str, object]) -> Invocation:
    """An event told twice within a batch is merged; take the outcome the merge settled on."""
    import msgspec

    outcome = Outcome(row["outcome"]) if row["outcome"] else None
    return msgspec.structs.replace(
        told,
        outcome=outcome,
        error_type=(told.error_type or "other") if outcome is Outcome.FAILED else None,  # type: ignore[arg-type]
        skill_name=str(row["skill_name"]),
    )


def test_windows_forget_a_skill_that_falls_silent_and_never_count_the_future(open_new: OpenStore) -> None:
    clock = FakeClock()
    store = open_new(clock=clock)
    ages = {"old": -40 * 86400, "day": -23 * 3600, "hour": -59 * 60, "just out": -61 * 60, "future": 120}
    store.record([invocation(name, invoked_at=shifted(NOW, seconds=age)) for name, age in ages.items()])

    def counts() -> tuple[int, int]:
        (row,) = store.query("SELECT invocation_count_1h, invocation_count_24h FROM v_realtime_skill_dashboard").rows
        return row  # type: ignore[return-value]

    assert counts() == (1, 3)
    clock.advance(minutes=3)
    assert counts() == (1, 4), "the future event came into the window, the one of 59 minutes left it"
    clock.advance(hours=2)
    assert counts() == (0, 3)
    clock.advance(days=3)
    assert counts() == (0, 0)


def weighted_slope(days: Sequence[int], rates: Sequence[float], weights: Sequence[int]) -> float:
    return float(np.polyfit(days, rates, 1, w=np.sqrt(weights))[0])


def test_trend_is_the_weighted_least_squares_slope_of_the_daily_rate(open_new: OpenStore) -> None:
    store = open_new(clock=FakeClock())
    batch = many(3_000, days=12)
    store.record(batch)
    today = datetime.fromisoformat(NOW).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = {r["skill_name"]: r for r in store.query("SELECT * FROM v_skill_effectiveness_trend")}
    for skill, group in by_skill(batch).items():
        week = [i for i in group if iso(today - timedelta(days=6)) <= i.invoked_at < iso(today + timedelta(days=1))]
        daily = {d: [i for i in week if i.invoked_at[:10] == iso(today - timedelta(days=d))[:10]] for d in range(7)}
        known = {d: concluded(g) for d, g in daily.items() if concluded(g)}
        expected = weighted_slope(
            [-d for d in known], [sum(k) / len(k) for k in known.values()], [len(k) for k in known.values()]
        )
        assert rows[skill]["avg_completion_rate_7d"] == pytest.approx(rate(week), abs=1e-12)
        assert rows[skill]["trend_slope"] == pytest.approx(expected, abs=1e-9)
        assert rows[skill]["invocation_count_7d"] == len(week)


def test_four_single_successes_after_two_thousand_coin_flips_are_no_improvement(open_new: OpenStore) -> None:
    store = open_new(clock=FakeClock())
    flips = [
        invocation(f"f{n}", outcome=Outcome.COMPLETED if n % 2 else Outcome.FAILED, invoked_at=shifted(NOW, days=-5))
        for n in range(2_000)
    ]
    store.record([*flips, *(invocation(f"s{d}", invoked_at=shifted(NOW, days=-d)) for d in range(4))])
    (row,) = store.query("SELECT trend, trend_slope FROM v_skill_effectiveness_trend")
    assert row["trend_slope"] > 0
    assert row["trend"] == "stable"


def test_a_fall_from_all_to_none_is_a_decline_and_little_data_is_no_trend(open_new: OpenStore) -> None:
    store = open_new(clock=FakeClock())
    for day in range(7):
        outcome = Outcome.COMPLETED if day > 3 else Outcome.FAILED
        store.record([invocation(f"{day}-{n}", outcome=outcome, invoked_at=shifted(NOW, days=-day)) for n in range(10)])
    store.record([invocation("rare", skill_name="rare")])
    rows = {r["skill_name"]: r for r in store.query("SELECT * FROM v_skill_effectiveness_trend")}
    assert rows["pytest-run"]["trend"] == "declining"
    assert rows["pytest-run"]["trend_slope"] < 0
    assert (rows["rare"]["trend"], rows["rare"]["trend_slope"]) == ("not enough data", None)


def test_community_comparison(open_new: OpenStore) -> None:
    store = open_new(clock=FakeClock())
    batch = many(2_000, users=7)
    store.record(batch)
    rows = {(r["user_id"], r["skill_name"]): r for r in store.query("SELECT * FROM v_community_baseline_comparison")}
    for skill, group in by_skill(batch).items():
        users = {i.user_id for i in group}
        for user in users:
            mine = [i for i in group if i.user_id == user]
            row = rows[user, skill]
            assert row["user_invocations"] == len(mine)
            assert row["user_completion_rate"] == rate(mine)
            assert row["total_users"] == len(users)
            assert row["global_completion_rate"] == rate(group)
            if rate(mine) is not None:
                assert row["delta_from_baseline"] == pytest.approx(rate(mine) - rate(group))  # type: ignore[operator]


def test_no_community_figure_of_fewer_than_five_users_is_shown(store: Store) -> None:
    for user in range(4):
        store.record([invocation(f"e{user}", user_id=f"u{user}", session_id=f"s{user}")])
    assert {r["global_completion_rate"] for r in store.query("SELECT * FROM v_community_baseline_comparison")} == {None}
    store.record([invocation("e5", user_id="u5", session_id="s5")])
    assert {r["total_users"] for r in store.query("SELECT * FROM v_community_baseline_comparison")} == {5}


def test_dependency_network_shows_both_directions_with_lift_over_sessions(open_new: OpenStore) -> None:
    store = open_new(clock=FakeClock())
    batch = many(1_500)
    store.record(batch)
    sessions = defaultdict(set)
    for one in batch:
        sessions[one.session_id].add(one.skill_name)
    having = {skill: sum(skill in s for s in sessions.values()) for skill in by_skill(batch)}
    expected = {}
    for a, b in combinations(sorted(having), 2):
        both = sum({a, b} <= s for s in sessions.values())
        if both:
            expected[a, b] = expected[b, a] = both * len(sessions) / (having[a] * having[b])
    rows = {(r["skill_a"], r["skill_b"]): r for r in store.query("SELECT * FROM v_skill_dependency_network")}
    assert rows.keys() == expected.keys()
    for pair, lift in expected.items():
        assert rows[pair]["lift_score"] == pytest.approx(lift, rel=1e-12)
        assert rows[pair]["relationship_type"] == (
            "independent" if math.isclose(lift, 1.0, rel_tol=1e-15) else "positive" if lift > 1 else "negative"
        )
    store.refresh()
    stored = store.query("SELECT skill_a, skill_b, lift_score FROM skill_dependencies").rows
    assert {(a, b): lift for a, b, lift in stored} == {
        pair: pytest.approx(lift) for pair, lift in expected.items() if pair[0] < pair[1]
    }


def test_thirty_times_a_and_thirty_times_b_in_one_session_are_one_co_occurrence(store: Store) -> None:
    store.record([invocation(f"{skill}{n}", skill_name=skill) for skill in "ab" for n in range(30)])
    store.record([invocation(f"{skill}alone", skill_name=skill, session_id=f"s-{skill}") for skill in "cdef"])
    (row,) = store.query("SELECT * FROM v_skill_dependency_network WHERE skill_a = 'b'")
    assert (row["co_occurrence_count"], row["lift_score"]) == (1, 5.0)


def test_the_catalogue_holds_also_skills_that_never_ran(store: Store) -> None:
    store.record([invocation(skill_name="mypy"), invocation("e2", skill_name="something-else")])
    rows = {r["skill_name"]: r for r in store.query("SELECT * FROM v_multimodal_skill_catalog")}
    assert len(rows) == 13
    assert (rows["mypy"]["domain"], rows["mypy"]["category_name"], rows["mypy"]["completion_rate"]) == (
        "code",
        "Code Quality",
        1.0,
    )
    assert (rows["terraform-apply"]["invocation_count"], rows["terraform-apply"]["completion_rate"]) == (0, None)
    assert rows["something-else"]["domain"] is None
    said = {name: (row["category_assigned_by"], row["category_confidence"]) for name, row in rows.items()}
    assert (said["mypy"], said["something-else"]) == (("predefined", 1.0), (None, None))


def test_the_catalogue_tells_how_surely_a_skill_belongs_where_and_who_said_so(store: Store) -> None:
    mapping = plain_table("skill_category_mapping")
    columns = "category_name, category_confidence, category_assigned_by"
    shown = f"SELECT {columns} FROM v_multimodal_skill_catalog WHERE skill_name = 'notes'"
    store.put_rows(mapping, [("notes", 2, 0.8, NOW, "inference", None), ("notes", 3, 0.9, NOW, "inference", None)])
    assert store.query(shown).rows == [("Documentation", 0.9, "inference")]
    # What another program wrote without a confidence is a person's word as well.
    store.put_rows(mapping, [("notes", 2, None, NOW, "person", None)])
    assert store.query(shown).rows == [("Testing", None, "person")]
    store.put_rows(mapping, [("notes", 2, 0.0, NOW, "person", None)])
    assert store.query(shown).rows == [("Documentation", 0.9, "inference")], "a person said that it is not in it"


def test_facts_enter_the_catalogue_and_change_nothing_that_stands_there(store: Store) -> None:
    store.record([invocation(skill_name="go-test")])
    told = SkillFacts(skill_name="go-test", category="Testing", modality="testing", description="Runs Go tests.")
    build = SkillFacts(skill_name="go-build", category="Build", modality="code", description="Builds Go.")
    store.describe([told, build])
    store.describe([SkillFacts(skill_name="go-test", category="Build", modality="code", description="Other.")])
    rows = {r["skill_name"]: r for r in store.query("SELECT * FROM v_multimodal_skill_catalog")}
    assert (rows["go-test"]["category_name"], rows["go-test"]["domain"]) == ("Testing", "testing")
    assert (rows["go-test"]["modality_type"], rows["go-test"]["description"]) == ("testing", "Runs Go tests.")
    assert (rows["go-build"]["category_name"], rows["go-build"]["domain"]) == ("Build", "code")
    assert rows["go-build"]["invocation_count"] == 0


def test_unknown_durations_are_left_out_of_averages(store: Store) -> None:
    store.record([invocation("e1", duration_ms=10_000), invocation("e2")])
    (row,) = store.query("SELECT avg_duration_seconds FROM skill_metrics").rows
    assert row == (10.0,)
