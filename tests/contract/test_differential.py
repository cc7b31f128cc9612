"""The same tellings, on every engine, give the same rows."""

from __future__ import annotations

import importlib.util
import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.model import Invocation
from session_buddy.storage import Store, open_store
from tests.clickhouse.places import drop, new_database
from tests.making import FakeClock, many

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("chdb"), reason="chdb is not installed: pip install 'session-buddy[clickhouse]'"
)

COMPARED = {
    "v_realtime_skill_dashboard": ("skill_name", "updated_at"),
    "v_skill_effectiveness_trend": ("skill_name", ""),
    "v_community_baseline_comparison": ("user_id skill_name", ""),
    "v_skill_dependency_network": ("skill_a skill_b", "last_updated"),
    "v_ab_test_summary": ("test_id", ""),
    "v_multimodal_skill_catalog": ("skill_name", ""),
    "skill_invocation": ("event_id", "id rolled_up"),
    "skill_metrics": ("skill_name", ""),
    "session_summary": ("session_id", ""),
    "session_skills": ("session_id skill_name", ""),
    "skill_error_counts": ("skill_name error_type", ""),
    "skill_follow_up_counts": ("skill_name follow_up", ""),
    "skill_phase_counts": ("skill_name workflow_phase", ""),
    "store_counts": ("name", ""),
    "skill_metrics_cache": ("skill_name", "updated_at"),
    "skill_window_counts": ("skill_name", ""),
    # Only differences of the sums before a minute mean anything.
    "skill_minute_buckets": ("skill_name minute", "invocations_before completed_before failed_before"),
    "skill_time_series": ("skill_name timestamp", "id"),
    "skill_day_buckets": ("skill_name day", ""),
    "user_skill_metrics": ("user_id skill_name", ""),
    "skill_community_baselines": ("skill_name", "last_updated"),
    "skill_user_interactions": ("session_id skill_name", "id"),
    "skill_dependencies": ("skill_a skill_b", "last_updated"),
    "ab_test_group_counts": ("test_id group_name", ""),
    "import_checkpoint": ("path", "imported_at"),
    "import_quarantine": ("path offset reason", "seen_at"),
}
"""Each name that can be read: the columns that tell its rows apart, and those that differ by their nature."""

Pair = tuple[Store, Store]
OpenPair = Callable[[FakeClock | None], Pair]


@pytest.fixture
def open_pair(tmp_path: Path) -> Iterator[OpenPair]:
    opened: list[Store] = []
    url = new_database()

    def open_it(clock: FakeClock | None) -> Pair:
        opened.append(open_store(f"sqlite:///{tmp_path}/store.db", clock=clock))
        opened.append(open_store(url, clock=clock))
        return opened[0], opened[1]

    yield open_it
    for store in opened:
        store.close()
    drop(url)


def assert_same(pair: Pair) -> None:
    for store in pair:
        store.refresh()
    for name, (keys, left_out) in COMPARED.items():
        sqlite, clickhouse = (rows_by_key(store, name, keys.split(), set(left_out.split())) for store in pair)
        assert clickhouse.keys() == sqlite.keys(), name
        for key, row in sqlite.items():
            for column, value in row.items():
                assert alike(clickhouse[key][column], value), (name, key, column, clickhouse[key][column], value)
        columns = [tuple(store.query(f"SELECT * FROM {name} LIMIT 1").columns) for store in pair]
        assert columns[0] == columns[1] or not sqlite, name


def rows_by_key(
    store: Store, name: str, keys: Sequence[str], left_out: set[str]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = list(store.query(f"SELECT * FROM {name}"))
    found = {tuple(row[key] for key in keys): {c: v for c, v in row.items() if c not in left_out} for row in rows}
    assert len(found) == len(rows), f"{name} has several rows with one key"
    return found


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def events(size: int, seed: int) -> list[Invocation]:
    """Return *size* invocations; where those of a group name several plugins or projects, any may describe it."""
    return [
        msgspec.structs.replace(event, plugin=event.plugin and "plugin", project=event.project and "project")
        for event in many(size, seed=seed, users=9)
    ]


def deliveries(told_in_order: Sequence[Invocation], rnd: random.Random) -> Iterator[list[Invocation]]:
    """Yield *events* in batches of all sizes: some told while they run, some late, some twice, some renamed."""
    tellings: list[tuple[float, int, Invocation]] = []
    number = count()
    for place, event in enumerate(told_in_order):
        if rnd.random() < 0.3:
            running = msgspec.structs.replace(
                event,
                outcome=None,
                error_type=None,
                duration_ms=None,
                duration_source=None,
                follow_up_actions=(),
                skill_name=rnd.choice([event.skill_name, "unknown", "skill-0"]),
            )
            tellings.append((place, next(number), running))
        late = place + rnd.choice([0, 0, 1, 50, len(told_in_order)])
        tellings.append((late, next(number), event))
        if rnd.random() < 0.2:
            tellings.append((late + rnd.randrange(len(told_in_order)), next(number), event))
    told = [event for _, _, event in sorted(tellings, key=lambda telling: telling[:2])]
    while told:
        size = rnd.choice([1, 3, 40, 700, 3_000])
        yield told[:size]
        del told[:size]


@pytest.mark.parametrize(
    ("size", "seed"),
    [(600, 1), (1_500, 2), pytest.param(100_000, 3, marks=[pytest.mark.long, pytest.mark.timeout(1_800)])],
)
def test_late_doubled_and_completed_deliveries_give_the_same_rows(open_pair: OpenPair, size: int, seed: int) -> None:
    clock, rnd = FakeClock(), random.Random(seed)
    pair = open_pair(clock)
    for batch in deliveries(events(size, seed), rnd):
        sqlite, clickhouse = (store.record(batch) for store in pair)
        assert clickhouse == sqlite
    assert_same(pair)
    clock.advance(hours=7, minutes=31)
    assert_same(pair)
    assert pair[1].drifted() == []


def test_real_transcripts_give_the_same_rows(open_pair: OpenPair, transcripts: Path) -> None:
    pair = open_pair(None)
    importer = ClaudeCode(ShellRules.builtin())
    reports = [import_files(store, [importer], {importer.name: [transcripts]}, user_id="u") for store in pair]
    assert reports[1].recorded == reports[0].recorded
    assert_same(pair)
    assert pair[1].drifted() == []
