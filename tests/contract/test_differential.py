"""The same tellings, on every engine, give the same rows.

Real events and generated ones; told in order and late, once and twice, whole and completed later; read from every
name that can be read, at several moments.
"""

from __future__ import annotations

import importlib.util
import math
import random
import zlib
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
from session_buddy.storage.digests import EVENT_COLUMNS, canonical, to_invocation
from session_buddy.storage.locations import names_in
from session_buddy.storage.tables import PLAIN_TABLES
from tests.clickhouse.places import lend, take_back
from tests.making import NOW, FakeClock, many, shifted

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
    "skill_trait_counts": ("skill_name trait", ""),
    "skill_phase_counts": ("skill_name workflow_phase", ""),
    "store_counts": ("name", ""),
    "skill_metrics_cache": ("skill_name", "updated_at"),
    "skill_window_counts": ("skill_name", ""),
    # Only differences of the sums before a minute mean anything.
    "skill_minute_buckets": ("skill_name minute", "invocations_before completed_before failed_before"),
    "skill_time_series": ("skill_name timestamp", "id"),
    "skill_day_buckets": ("skill_name day", ""),
    "skill_duration_counts": ("skill_name le_ms", ""),
    "duration_bounds": ("le_ms", ""),
    "user_skill_metrics": ("user_id skill_name", ""),
    "skill_community_baselines": ("skill_name", "last_updated"),
    "skill_user_interactions": ("session_id skill_name", "id"),
    "skill_dependencies": ("skill_a skill_b", "last_updated"),
    "ab_test_user_sums": ("test_id user_id", ""),
    "ab_test_group_counts": ("test_id group_name", ""),
}
"""Names that follow from the events: the columns that tell their rows apart, and those that differ by nature."""
NOT_COMPARED = {"skill_migrations"}
"""Tells of the schema, not of what is stored."""
TIMES_OF_WRITING = {"imported_at", "seen_at"}
MOMENTS = (NOW, shifted(NOW, hours=7, minutes=31), "2026-08-21T18:00:00.000Z", "2025-12-01T00:00:00.000Z")
"""When it is looked: while events are new, later on the same day, at the end of the real events, and before most."""

Pair = tuple[Store, Store]
OpenPair = Callable[[FakeClock], Pair]


@pytest.fixture
def open_pair(tmp_path: Path) -> Iterator[OpenPair]:
    opened: list[Store] = []
    url = lend()

    def open_it(clock: FakeClock) -> Pair:
        opened.append(open_store(f"sqlite:///{tmp_path}/store.db", clock=clock))
        opened.append(open_store(url, clock=clock))
        return opened[0], opened[1]

    yield open_it
    for store in opened:
        store.close()
    take_back(url)


def assert_same(pair: Pair, *, made_up: frozenset[str] = frozenset()) -> None:
    """Compare all that can be read; *made_up* are columns with ids that each engine made up itself."""
    for store in pair:
        store.refresh()
    for name, (keys, left_out) in COMPARED.items():
        assert_same_rows(pair, name, name, keys.split(), set(left_out.split()))
    for table in PLAIN_TABLES:
        keys = [column for column in table.key if column not in made_up] or ["category_name"]
        assert_same_rows(pair, table.name, table.source, keys, TIMES_OF_WRITING | made_up)
    readable = set(names_in(pair[0])) & set(names_in(pair[1]))
    assert readable == COMPARED.keys() | {table.name for table in PLAIN_TABLES} | NOT_COMPARED


def assert_same_rows(pair: Pair, name: str, source: str, keys: Sequence[str], left_out: set[str]) -> None:
    sqlite, clickhouse = (rows_by_key(store, source, keys, left_out) for store in pair)
    assert clickhouse.keys() == sqlite.keys(), name
    for key, row in sqlite.items():
        for column, value in row.items():
            assert alike(clickhouse[key][column], value), (name, key, column, clickhouse[key][column], value)


def assert_same_columns(pair: Pair) -> None:
    for name in [*COMPARED, *(table.name for table in PLAIN_TABLES)]:
        sqlite, clickhouse = (store.query(f"SELECT * FROM {name} LIMIT 1").columns for store in pair)
        assert clickhouse == sqlite, name


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


def described_alike(event: Invocation) -> Invocation:
    """Return *event* so that any of a group may describe it: then it is not told which, where several are first."""
    return msgspec.structs.replace(event, plugin=event.plugin and "plugin", project=event.project and "project")


def generated(size: int, seed: int) -> list[Invocation]:
    return list(map(described_alike, many(size, seed=seed, users=9)))


def imported(transcripts: Path, folder: Path, size: int) -> list[Invocation]:
    """Return the first *size* events that the importer makes of real transcripts, of several users."""
    importer = ClaudeCode(ShellRules.builtin())
    with open_store(f"sqlite:///{folder}/imported.db") as store:
        import_files(store, [importer], {importer.name: [transcripts]}, user_id="u")
        sql = f"SELECT {', '.join(EVENT_COLUMNS)} FROM skill_invocation ORDER BY invoked_at, event_id LIMIT ?"
        rows = store.query(sql, (size,)).rows
    return [of_a_user(described_alike(to_invocation(canonical(row)))) for row in rows]


def of_a_user(event: Invocation) -> Invocation:
    return msgspec.structs.replace(event, user_id=f"u{zlib.crc32(event.session_id.encode()) % 6}")


def deliveries(told_in_order: Sequence[Invocation], rnd: random.Random) -> Iterator[list[Invocation]]:
    """Yield *told_in_order* in batches of all sizes: some told while they run, some late, some twice, some renamed."""
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
                traits=event.traits[: rnd.randrange(3)],
                skill_name=event.skill_name if rnd.random() < 0.9 else rnd.choice(["unknown", "skill-0"]),
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


def put_what_people_write(pair: Pair) -> None:
    """Fill the tables beside the events; the last row of each is told twice."""
    for store in pair:
        for name, rows in WRITTEN:
            table = next(table for table in PLAIN_TABLES if table.name == name)
            told = [tuple(row.get(column) for column in table.columns) for row in rows]
            store.put_rows(table, told)
            store.put_rows(table, told[-1:])


def _rows(count: int, **columns: Any) -> list[dict[str, Any]]:
    """Return *count* rows; values that are functions are given the number of the row, from 1."""
    return [{c: v(n) if callable(v) else v for c, v in columns.items()} for n in range(1, count + 1)]


WRITTEN: list[tuple[str, list[dict[str, Any]]]] = [
    ("store_settings", [{"name": "community_min_users", "value": "3"}]),
    ("text_embedding", _rows(3, text_hash=lambda n: f"{n:064}", model="m", embedding=bytes(1536), created_at=NOW)),
    ("skill_description", _rows(3, skill_name=lambda n: f"skill-{n}", description="d", text_hash=f"{1:064}",
                                updated_at=NOW)),
    ("skill_categories", _rows(3, category_id=lambda n: 900 + n, category_name=lambda n: f"category {n}",
                               domain="code", created_at=NOW, scheme=lambda n: "own" if n == 3 else "session-buddy")),
    ("skill_category_mapping", _rows(6, skill_name=lambda n: f"skill-{n}", category_id=lambda n: 901 + n % 3,
                                     confidence_score=lambda n: n / 7, assigned_at=NOW,
                                     assigned_by=lambda n: "person" if n % 2 else "rules")),
    ("skill_modalities", _rows(6, skill_name=lambda n: f"skill-{n}", modality_type="code", input_format="text",
                               requires_human_review=lambda n: n % 2, created_at=NOW, assigned_by="inference",
                               review_assigned_by=lambda n: "person" if n % 3 else "inference")),
    ("skill_sources", _rows(3, machine="desk", path=lambda n: f"/{n}/SKILL.md", skill_name=lambda n: f"skill-{n}",
                            origin="user", version=lambda n: None if n == 1 else "1.0",
                            content_hash=lambda n: f"{n:064}",
                            listing_tokens=lambda n: n, body_tokens=lambda n: 100 * n, size=lambda n: 400 * n,
                            problem=lambda n: "no name" if n == 2 else None, modified_ns=lambda n: 10**18 + n,
                            changed_at=NOW, seen_at=NOW)),
    ("skill_dependency_details", _rows(2, skill_a=lambda n: f"a-{n}", skill_b="b", p_value=lambda n: 1e-9 * n,
                                       q_value=0.5, a_first_count=lambda n: n, b_first_count=0,
                                       a_to_b_seconds=lambda n: n / 3, order_q_value=1.0, last_updated=NOW)),
    ("skill_paths", _rows(2, path=lambda n: f'["a","b-{n}"]', length=2, session_count=lambda n: n,
                          occurrence_count=lambda n: 2 * n, median_seconds=lambda n: None if n == 1 else 2.5,
                          last_updated=NOW)),
    ("skill_clusters", _rows(2, cluster_id=lambda n: n, cluster_name=lambda n: f"cluster {n}",
                             centroid_embedding=bytes(1536), created_at=NOW)),
    ("skill_cluster_membership", _rows(5, skill_name=lambda n: f"skill-{n}", cluster_id=lambda n: 1 + n % 2,
                                       membership_score=lambda n: 1 / n)),
    ("community_publishers", _rows(2, publisher=lambda n: f"publisher-{n}", sequence=lambda n: n, published_at=NOW,
                                   imported_at=NOW, min_users=5, epsilon=lambda n: None if n == 1 else 0.5)),
    ("community_shares", _rows(6, publisher=lambda n: f"publisher-{1 + n % 2}", skill_name=lambda n: f"skill-{n}",
                               total_users=lambda n: 5 + n, total_invocations=lambda n: 50 * n,
                               completed_count=lambda n: 40 * n, failed_count=lambda n: 5 * n,
                               avg_duration_seconds=lambda n: None if n == 3 else n / 7,
                               most_common_workflow_phase=lambda n: "verification" if n % 2 else None)),
    ("learned_models", _rows(2, model_name=lambda n: f"model-{n}", version=lambda n: n, algorithm="ease",
                             fitted_at=NOW, details='{"ridge":200}', data=bytes(range(256)))),
    ("refresh_jobs", _rows(2, job_name=lambda n: f"job-{n}", started_at=NOW, duration_seconds=lambda n: n / 8,
                           row_count=lambda n: n, error=lambda n: "it failed" if n == 2 else None)),
    ("skill_anomalies", _rows(3, id=lambda n: n, skill_name=lambda n: f"skill-{n}", detected_at=shifted(NOW, hours=-2),
                              anomaly_type="drop", baseline_value=0.9, observed_value=lambda n: 0.1 * n,
                              deviation_score=-4.2)),
    ("ab_test_configs", _rows(3, test_id=lambda n: n, test_name=lambda n: f"test {n}", control_strategy="a",
                              treatment_strategy="b", start_date="2026-06-01T00:00:00.000Z", min_sample_size=10,
                              metrics='["completion_rate"]', assignment_ratio=0.5, status="running",
                              design=lambda n: '{"alpha":0.01}' if n == 2 else None,
                              ratio_since=lambda n: NOW if n == 3 else None)),
    ("ab_test_assignments", _rows(60, assignment_id=lambda n: n, test_id=lambda n: 1 + n % 2,
                                  user_id=lambda n: f"user-{n}", assigned_at=NOW,
                                  group_name=lambda n: "control" if n % 3 else "treatment")),
    ("ab_test_outcomes", _rows(150, outcome_id=lambda n: n, test_id=lambda n: 1 + n % 2,
                               # Some of users who have no assignment, or none in this experiment.
                               user_id=lambda n: f"user-{(n - 1) % 63 + 1}",
                               skill_name="skill-1", completed=lambda n: int(n % 4 > 0),
                               duration_seconds=lambda n: None if n % 5 == 0 else n / 3, recorded_at=NOW,
                               user_rating=lambda n: None if n % 2 else 4.5)),
    ("ab_test_exposures", _rows(9, test_id=lambda n: 1 + n % 2, user_id=lambda n: f"user-{n}", exposed_on=NOW[:10],
                                group_name=lambda n: "control" if n % 3 else "treatment", exposed_at=NOW)),
    ("ab_test_events", _rows(4, event_id=lambda n: 2**53 - n, test_id=lambda n: 1 + n % 2, happened_at=NOW,
                             actor="someone", action="start", details=lambda n: '{"n":1}' if n % 2 else None)),
    ("ab_test_covariates", _rows(9, test_id=lambda n: 1 + n % 2, user_id=lambda n: f"user-{n}",
                                 outcome_count=lambda n: n, completed_count=lambda n: n // 2,
                                 duration_sum=lambda n: n / 7, duration_count=lambda n: n - 1)),
]  # fmt: skip
"""Rows of every table that people, detectors and experiments write; each refers to those before it."""


@pytest.mark.parametrize(
    ("size", "seed"),
    [
        (400, 1),
        pytest.param(10_000, 2, marks=pytest.mark.long),
        pytest.param(100_000, 3, marks=[pytest.mark.endurance, pytest.mark.timeout(1_800)]),
    ],
)
@pytest.mark.long
def test_late_doubled_and_completed_deliveries_give_the_same_rows(
    open_pair: OpenPair, transcripts: Path, tmp_path: Path, size: int, seed: int
) -> None:
    clock, rnd = FakeClock(), random.Random(seed)
    pair = open_pair(clock)
    real = imported(transcripts, tmp_path, size // 4)
    told = [*real, *generated(size - len(real), seed)]
    rnd.shuffle(told)
    for batch in deliveries(told, rnd):
        sqlite, clickhouse = (store.record(batch) for store in pair)
        assert clickhouse == sqlite
    put_what_people_write(pair)
    for moment in MOMENTS:
        clock.now = moment
        assert_same(pair)
    assert_same_columns(pair)
    assert {store.query("SELECT count(*) FROM skill_invocation").rows[0][0] for store in pair} == {size}
    assert [store.drifted() for store in pair] == [[], []]


@pytest.mark.long
def test_real_transcripts_give_the_same_rows(open_pair: OpenPair, transcripts: Path) -> None:
    pair = open_pair(FakeClock(MOMENTS[2]))
    importer = ClaudeCode(ShellRules.builtin())
    reports = [import_files(store, [importer], {importer.name: [transcripts]}, user_id="u") for store in pair]
    assert reports[1].recorded == reports[0].recorded
    assert_same(pair, made_up=frozenset({"category_id", "parent_category_id"}))
    assert pair[1].drifted() == []
