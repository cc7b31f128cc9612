"""What a scrape shows is what the store holds."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from session_buddy.errors import StoreAway
from session_buddy.model import Invocation, Outcome
from session_buddy.monitoring.retention import prune
from session_buddy.server.metrics_catalogue import CATALOGUE, exported_names
from session_buddy.server.metrics_collector import ServerStanding, StoreCollector
from session_buddy.storage import Checkpoint, Recorded, Store, open_store
from session_buddy.storage.outbox import Standing
from tests.making import NOW, FakeClock, invocation, many, shifted
from tests.server.metrics_kit import Values, samples


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db", clock=FakeClock()) as opened:
        yield opened


@pytest.fixture
def scrape(store: Store) -> Callable[..., dict[str, Values]]:
    """Scrapes one collector; returns the samples by name and by the values of their labels in order of label."""
    made: dict[int, StoreCollector] = {}

    def scraped(max_skills: int = 200) -> dict[str, Values]:
        if max_skills not in made:
            made[max_skills] = StoreCollector(store, clock=FakeClock(), max_skills=max_skills)
        return samples(made[max_skills].collect())

    return scraped


def test_counts_are_those_of_the_event_log(store: Store, scrape: Callable[..., dict[str, Values]]) -> None:
    store.record(many(900))
    found = scrape()
    log = "SELECT kind, {} skill_name, count(*) FROM skill_invocation WHERE {} GROUP BY 1, 2, 3"
    ended = store.query(log.format("outcome,", "outcome IS NOT NULL")).rows
    assert found["session_buddy_invocations_total"] == {tuple(key): count for *key, count in ended if key}
    started = {(kind, skill): count for kind, _, skill, count in store.query(log.format("1,", "1")).rows}
    assert found["session_buddy_invocations_started_total"] == started
    assert found["session_buddy_skills"] == {(): len(started)}
    assert found["session_buddy_sessions_total"] == {(): 60}
    assert found["session_buddy_users"] == {(): 7}


def test_durations_are_cumulative_and_exact(store: Store, scrape: Callable[..., dict[str, Values]]) -> None:
    store.record(many(900))
    found = scrape()
    durations = store.query("SELECT skill_name, duration_ms FROM skill_invocation WHERE duration_ms IS NOT NULL").rows
    for (kind, le, skill), count in found["session_buddy_invocation_duration_seconds_bucket"].items():
        assert count == sum(name == skill and ms <= float(le) * 1000 for name, ms in durations), (kind, le, skill)
    for (_, skill), seconds in found["session_buddy_invocation_duration_seconds_sum"].items():
        assert seconds == sum(ms for name, ms in durations if name == skill) / 1000
    for (_, skill), count in found["session_buddy_invocation_duration_seconds_count"].items():
        assert count == sum(name == skill for name, _ in durations)


def test_ratios_and_last_times(store: Store, scrape: Callable[..., dict[str, Values]]) -> None:
    outcomes = [Outcome.COMPLETED] * 3 + [Outcome.FAILED, Outcome.ABANDONED, None]
    store.record(invocation(f"e{n}", outcome=outcome) for n, outcome in enumerate(outcomes))
    store.record([invocation("x", skill_name="nothing-known", outcome=None, invoked_at=shifted(NOW, hours=-1))])
    found = scrape()
    assert found["session_buddy_completion_ratio"] == {("shell", "pytest-run"): 0.75}
    assert found["session_buddy_last_invocation_timestamp_seconds"] == {
        ("shell", "pytest-run"): 1781526896.789,
        ("shell", "nothing-known"): 1781523296.789,
    }


def test_an_empty_store_shows_zeros_where_they_are_true(scrape: Callable[..., dict[str, Values]]) -> None:
    found = scrape()
    assert found["session_buddy_store_up"] == {(): 1}
    assert found["session_buddy_sessions_total"] == {(): 0}
    assert set(found["session_buddy_anomalies_open"].values()) == {0}
    assert "session_buddy_invocations_total" not in found
    assert "session_buddy_import_last_timestamp_seconds" not in found


def test_an_outcome_that_is_corrected_lets_no_counter_fall(
    store: Store, scrape: Callable[..., dict[str, Values]]
) -> None:
    store.record([invocation("e", outcome=Outcome.ABANDONED, duration_ms=5), invocation("r", outcome=None)])
    before = scrape()
    store.record([invocation("e", outcome=Outcome.FAILED), invocation("r", duration_ms=7)])
    after = scrape()
    assert {key[1]: n for key, n in before["session_buddy_invocations_total"].items()} == {
        "completed": 0,
        "failed": 0,
        "abandoned": 1,
    }
    assert {key[1]: n for key, n in after["session_buddy_invocations_total"].items()} == {
        "completed": 1,
        "failed": 1,
        "abandoned": 1,
    }
    assert after["session_buddy_invocations_started_total"] == {("shell", "pytest-run"): 2}
    assert after["session_buddy_completion_ratio"] == {("shell", "pytest-run"): 0.5}


def test_counters_stand_still_when_rows_are_taken_out_and_start_anew_with_the_process(
    store: Store, tmp_path: Path, scrape: Callable[..., dict[str, Values]]
) -> None:
    store.record(many(200))
    before = scrape()
    other_tool = sqlite3.connect(tmp_path / "store.db")
    other_tool.execute("DELETE FROM skill_invocation WHERE id % 2")
    other_tool.commit()
    other_tool.close()
    after, restarted = scrape(), samples(StoreCollector(store, clock=FakeClock()).collect())
    counters = [name for name, described in exported_names().items() if described.type in ("counter", "histogram")]
    for name in counters:
        for key, value in before.get(name, {}).items():
            assert after[name][key] >= value
    assert sum(restarted["session_buddy_invocations_started_total"].values()) == 100


def test_counters_go_on_where_old_rows_are_deleted_day_by_day(
    store: Store, scrape: Callable[..., dict[str, Values]]
) -> None:
    def ten(day: int) -> list[Invocation]:
        return [
            invocation(f"{day}-{n}", invoked_at=shifted(NOW, hours=24 * day, minutes=n), duration_ms=5)
            for n in range(10)
        ]

    store.record(ten(0))
    seen = []
    for day in range(1, 6):
        store.record(ten(day))
        seen.append(scrape())
        prune(store, shifted(NOW, hours=24 * day))
        assert (
            scrape()["session_buddy_invocations_started_total"] == seen[-1]["session_buddy_invocations_started_total"]
        )
    for name in ("session_buddy_invocations_started_total", "session_buddy_invocation_duration_seconds_count"):
        assert [sum(values[name].values()) for values in seen] == [20, 30, 40, 50, 60]


def test_never_more_series_than_asked_for_and_totals_stay(
    store: Store, scrape: Callable[..., dict[str, Values]]
) -> None:
    store.record(many(600, skills=50))
    some, every = scrape(max_skills=5), scrape()
    assert len(some["session_buddy_invocations_started_total"]) == 6
    assert len(every["session_buddy_invocations_started_total"]) == 50
    for name in ("session_buddy_invocations_started_total", "session_buddy_invocation_duration_seconds_sum"):
        assert sum(some[name].values()) == pytest.approx(sum(every[name].values()))
    assert some["session_buddy_skills"] == {(): 50}


def anomaly(store: Store, tmp_path: Path, **fields: Any) -> None:
    row = {"skill_name": "a", "detected_at": NOW, "anomaly_type": "drop"} | fields
    writer = sqlite3.connect(tmp_path / "store.db")
    marks = ", ".join("?" * len(row))
    writer.execute(f"INSERT INTO skill_anomalies ({', '.join(row)}) VALUES ({marks})", [*row.values()])
    writer.commit()
    writer.close()


def test_open_anomalies_by_type_and_severity(
    store: Store, tmp_path: Path, scrape: Callable[..., dict[str, Values]]
) -> None:
    store.record([invocation(skill_name="a")])
    for _ in range(2):
        anomaly(store, tmp_path, metric="completion_rate", severity="critical")
    anomaly(store, tmp_path, metric="volume", severity="info", anomaly_type="spike", resolved_at=NOW)
    anomaly(store, tmp_path, skill_name="unseen")
    found = scrape()
    totals = found["session_buddy_anomalies_open"]
    assert {key: number for key, number in totals.items() if number} == {
        ("drop", "critical"): 2,
        ("drop", "unknown"): 1,
    }
    assert len(totals) == 10
    assert found["session_buddy_skill_anomalies_open"] == {
        ("drop", "completion_rate", "critical", "a"): 2,
        ("drop", "unknown", "unknown", "other"): 1,
    }


def test_what_was_not_read_yet_shows_as_lag(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"
    file.write_text("{}\n")
    told = file.stat()
    store.record(
        [],
        checkpoints=[
            Checkpoint(
                path=path,
                importer="claude_code 1",
                identity="x",
                size=3,
                modified_ns=told.st_mtime_ns,
                offset=3,
                state=b"",
            )
            for path in (str(file), "/elsewhere/another.jsonl")
        ],
    )
    now = 0.0
    clock = FakeClock()
    collector = StoreCollector(store, clock=clock, seconds=lambda: now)
    found = samples(collector.collect())
    assert (found["session_buddy_import_files"], found["session_buddy_import_lag_seconds"]) == ({(): 2}, {(): 0})
    assert found["session_buddy_import_last_timestamp_seconds"].keys() == {()}
    file.write_text("{}\n{}\n{}\n")
    os.utime(file, ns=(told.st_mtime_ns, 1_781_526_890_000_000_000))
    now = 59.0
    assert samples(collector.collect())["session_buddy_import_unread_bytes"] == {(): 0}
    now = 60.0
    found = samples(collector.collect())
    assert found["session_buddy_import_unread_bytes"] == {(): 6}
    assert found["session_buddy_import_lag_seconds"] == {(): pytest.approx(6.789)}
    clock.advance(seconds=30)
    assert samples(collector.collect())["session_buddy_import_lag_seconds"] == {(): pytest.approx(36.789)}


def test_the_server_tells_how_its_writer_stands(store: Store) -> None:
    standing = Standing(
        recorded=Recorded(7, 2, 1), refused=3, waiting_events=5, spooled_bytes=11, problem="The server is away."
    )
    server = ServerStanding(writer=standing, spool_limit_bytes=13, troubles=2, live_clients=17)
    found = samples(StoreCollector(store, clock=FakeClock(), server=lambda: server).collect())
    assert found["session_buddy_writer_events_total"] == {("added",): 7, ("completed",): 2, ("unchanged",): 1}
    assert found["session_buddy_writer_refused_batches_total"] == {(): 3}
    assert found["session_buddy_writer_waiting_events"] == {(): 5}
    assert found["session_buddy_writer_delivering"] == {(): 0}
    assert found["session_buddy_spool_size_bytes"] == {(): 11}
    assert found["session_buddy_spool_limit_bytes"] == {(): 13}
    assert found["session_buddy_background_troubles"] == {(): 2}
    assert found["session_buddy_live_clients"] == {(): 17}


def test_a_store_that_is_away_is_told_and_nothing_of_it_is_made_up(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.record(many(20))
    collector = StoreCollector(store, clock=FakeClock())
    assert samples(collector.collect())["session_buddy_store_up"] == {(): 1}

    def away(*_: object) -> None:
        raise StoreAway("The server does not answer.", remedy="Wait.")

    monkeypatch.setattr(store, "query", away)
    found = samples(collector.collect())
    assert found["session_buddy_store_up"] == {(): 0}
    assert found.keys() == {
        "session_buddy_build_info",
        "session_buddy_store_up",
        "session_buddy_scrape_duration_seconds",
    }
    assert "does not answer" in caplog.text
    monkeypatch.undo()
    assert samples(collector.collect())["session_buddy_store_up"] == {(): 1}


def test_only_what_the_catalogue_lists_is_exported_and_all_of_it(store: Store, tmp_path: Path) -> None:
    store.record(many(50))
    anomaly(store, tmp_path)
    store.record(
        [],
        checkpoints=[Checkpoint(path="/x", importer="i 1", identity="x", size=1, modified_ns=1, offset=1, state=b"")],
    )
    standing = Standing(recorded=Recorded(), refused=0, waiting_events=0, spooled_bytes=0, problem=None)
    server = ServerStanding(writer=standing, spool_limit_bytes=1, troubles=0, live_clients=0)
    collector = StoreCollector(store, clock=FakeClock(), server=lambda: server)
    families = collector.collect()
    assert samples(families).keys() == exported_names().keys()
    assert sorted(family.name for family in families) == sorted(described.name for described in CATALOGUE)
    for family in families:
        (described,) = [one for one in CATALOGUE if one.name == family.name]
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(described.labels)
    assert [family.name for family in collector.describe()] == [described.name for described in CATALOGUE]


def test_the_version_is_told(scrape: Callable[..., dict[str, Values]]) -> None:
    from session_buddy import __version__

    assert scrape()["session_buddy_build_info"] == {(__version__,): 1}


def test_a_scrape_reads_roll_ups_and_never_scans_the_event_log(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.record(many(300))
    asked: list[str] = []
    query = store.query
    monkeypatch.setattr(store, "query", lambda sql, *rest: (asked.append(sql), query(sql, *rest))[1])
    StoreCollector(store, clock=FakeClock()).collect()
    monkeypatch.undo()
    assert len(asked) >= 7
    plans = [row[3] for sql in asked for row in store.query(f"EXPLAIN QUERY PLAN {sql}").rows]
    of_the_log = {step for step in plans if "skill_invocation" in step}
    # Only its end, to find exemplars.
    assert of_the_log == {
        "SEARCH skill_invocation",
        "SEARCH skill_invocation USING INTEGER PRIMARY KEY (rowid>?)",
    }
