"""What the ClickHouse store promises beyond the contract of every store: failure half-way, spans, URLs, the extra."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from session_buddy.errors import InvalidInput, InvalidInvocation, QueryRefused, StoreError, UnknownStore
from session_buddy.model import Outcome
from session_buddy.storage import Recorded, Store, open_store
from session_buddy.storage.clickhouse import event_log
from session_buddy.storage.clickhouse.changes import Present, plan
from session_buddy.storage.clickhouse.connection import open_client, parse_url
from session_buddy.storage.clickhouse.parameters import bound
from tests.clickhouse.places import lend, take_back
from tests.making import NOW, FakeClock, invocation, many, shifted

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")


@pytest.fixture
def url() -> Iterator[str]:
    lent = lend()
    yield lent
    take_back(lent)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url, clock=FakeClock()) as opened:
        yield opened


def counts(store: Store) -> tuple[int, int]:
    """Return the number of events, and how many of them the roll-up of skills counts."""
    ((rows, counted),) = store.query(
        "SELECT (SELECT count(*) FROM skill_invocation), (SELECT sum(invocation_count) FROM skill_metrics)"
    ).rows
    return int(rows), int(counted)


def command(url: str, sql: str) -> None:
    address = parse_url(url)
    client = open_client(address, database=address.database)
    client.command(sql)
    client.close()


# Views are fed in no promised order: one that fails stops some of them and not others.
BROKEN_FEED = (
    "CREATE MATERIALIZED VIEW broken_feed TO roll_store AS SELECT throwIf(sign > 0) AS value FROM invocation_change"
)


@pytest.mark.long
def test_a_batch_that_failed_between_two_roll_ups_is_whole_after_the_next_call(url: str, store: Store) -> None:
    first, second = many(40, seed=1), many(40, seed=2)
    store.record(first)
    command(url, BROKEN_FEED)
    with pytest.raises(StoreError):
        store.record(second)
    with pytest.raises(StoreError):
        store.record([invocation()])
    command(url, "DROP VIEW broken_feed")
    assert store.record(second) == Recorded(unchanged=40), "the batch was finished before it was told again"
    assert counts(store) == (80, 80)
    assert store.drifted() == []


@pytest.mark.long
def test_a_batch_that_failed_is_whole_after_the_next_opening(url: str) -> None:
    with open_store(url) as store:
        store.record(many(40, seed=1))
        command(url, BROKEN_FEED)
        with pytest.raises(StoreError):
            store.record(many(40, seed=2))
    command(url, "DROP VIEW broken_feed")
    with open_store(url) as store:
        assert counts(store) == (80, 80)
        assert store.drifted() == []


@pytest.mark.long
def test_contents_that_are_sent_again_count_once_everywhere(url: str, store: Store) -> None:
    contents = event_log.contents_of(plan(many(300), Present()), [], [], now=NOW, version=event_log.next_version(0))
    address = parse_url(url)
    clients = [open_client(address, database=address.database) for _ in range(2)]
    for _ in range(3):
        event_log.deliver(clients, contents)
    for client in clients:
        client.close()
    assert counts(store) == (300, 300)
    assert store.drifted() == []


@pytest.mark.long
def test_large_batches_go_in_several_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_ROWS_AT_ONCE", 70)
    assert store.record(many(500)) == Recorded(added=500)
    assert counts(store) == (500, 500)
    assert store.drifted() == []


def test_what_an_insert_brings_is_one_file_and_not_one_for_each_column(url: str, store: Store) -> None:
    """Each file is flushed: a hundred of them took longer than all else of a batch."""
    store.record(many(500))
    kinds = store.query(
        "SELECT DISTINCT p.part_type FROM system.parts AS p WHERE p.active AND p.database = currentDatabase()"
        " AND match(p.table, '^(roll|invocation)_')"
    )
    assert kinds.rows == [("Compact",)]
    ((made,),) = store.query("SELECT create_table_query FROM system.tables WHERE name = 'invocation_log'").rows[:1]
    assert "min_bytes_for_wide_part = 67108864" in made, "which is more than one insert of a hundred thousand"


RECORDING = """
import sys
from session_buddy.storage import open_store
from tests.making import many
with open_store(sys.argv[1]) as store:
    for seed in range(1000):
        print("begin", seed, flush=True)
        store.record(many(200, seed=seed))
        print("done", seed, flush=True)
"""


@pytest.mark.parametrize("pause", [0.2, *(pytest.param(seconds, marks=pytest.mark.long) for seconds in (0.05, 0.35))])
@pytest.mark.long
def test_a_killed_process_leaves_nothing_half_counted(tmp_path: Path, pause: float) -> None:
    url = f"chdb:///{tmp_path}/data?database=killed"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", RECORDING, url], stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line == "done 0\n")
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        acknowledged = 1 + sum(line.startswith("done") for line in process.stdout)
    subprocess.run([sys.executable, "-c", CHECKING, url, str(acknowledged)], cwd=root, timeout=120, check=True)


CHECKING = """
import sys
from session_buddy.storage import open_store
from tests.making import many
acknowledged = int(sys.argv[2])
with open_store(sys.argv[1]) as store:
    ((rows,),) = store.query("SELECT count(*) FROM skill_invocation").rows
    assert rows >= 200 * acknowledged and rows % 200 == 0, (rows, acknowledged)
    for seed in range(acknowledged + 1):
        store.record(many(200, seed=seed))
    ((rows,),) = store.query("SELECT count(*) FROM skill_invocation").rows
    assert rows == 200 * (acknowledged + 1), (rows, acknowledged)
    assert store.drifted() == []
"""


@pytest.mark.long
def test_first_and_last_times_follow_an_invocation_that_was_another_skill(store: Store) -> None:
    times = [shifted(NOW, hours=-3), shifted(NOW, hours=-2), shifted(NOW, hours=-1)]
    store.record([invocation(f"e{n}", skill_name="seemed", outcome=None, invoked_at=at) for n, at in enumerate(times)])
    for known, last in ((2, times[1]), (1, times[0])):
        store.record([invocation(f"e{known}", skill_name="is", outcome=Outcome.COMPLETED, invoked_at=times[known])])
        for table in ("skill_metrics", "session_skills"):
            spans = store.query(
                f"SELECT first_invoked_at, last_invoked_at FROM {table} WHERE skill_name = ?", ("seemed",)
            ).rows
            assert spans == [(times[0], last)]
    store.record([invocation("e0", skill_name="is", outcome=Outcome.COMPLETED, invoked_at=times[0])])
    assert store.query("SELECT skill_name FROM skill_metrics").rows == [("is",)]
    assert store.query("SELECT skill_a FROM v_skill_dependency_network").rows == []
    assert store.drifted() == []


@pytest.mark.long
def test_the_same_recount_twice_is_no_repetition(store: Store) -> None:
    store.record([invocation("e0", skill_name="seemed"), invocation("e1", skill_name="seemed", outcome=None)])
    for event_id in ("e1", "e2"):
        store.record([invocation(event_id, skill_name="seemed", outcome=None)])
        store.record([invocation(event_id, skill_name="is")])
    assert store.query("SELECT skill_name FROM session_skills ORDER BY skill_name").rows == [("is",), ("seemed",)]
    assert store.drifted() == []


@pytest.mark.parametrize("field", ["event_id", "session_id", "project"])
def test_text_that_is_no_text_is_refused_and_blocks_nothing(store: Store, field: str) -> None:
    with pytest.raises(InvalidInput, match="surrogate"):
        store.record([msgspec.structs.replace(invocation(), **{field: "\ud800"})])
    assert store.record([invocation()]) == Recorded(added=1)


@pytest.mark.long
def test_a_skill_that_vanished_begins_anew(store: Store) -> None:
    store.record([invocation(skill_name="seemed", outcome=None)])
    store.record([invocation(skill_name="is")])
    later = shifted(NOW, hours=-30)
    store.record([invocation("e2", skill_name="seemed", invoked_at=later)])
    ((first, last, sessions),) = store.query(
        "SELECT first_invoked_at, last_invoked_at, session_count FROM skill_metrics WHERE skill_name = 'seemed'"
    ).rows
    assert (first, last, sessions) == (later, later, 1)
    assert store.drifted() == []


@pytest.mark.long
def test_rebuild_mends_a_roll_up(url: str, store: Store) -> None:
    store.record(many(200))
    command(url, "TRUNCATE TABLE roll_hour")
    command(url, "INSERT INTO roll_pair VALUES ('skill-0', 'skill-1', 3, now())")
    assert store.drifted() == ["skill_time_series", "skill_day_buckets", "skill_dependencies"]
    store.rebuild()
    assert store.drifted() == []


def test_years_that_the_hours_cannot_hold_are_refused_whole(store: Store) -> None:
    with pytest.raises(InvalidInvocation, match="1970-2105"):
        store.record([invocation("e1"), invocation("e2", invoked_at="1969-12-31T23:59:59.999Z")])
    assert counts(store) == (0, 0)
    assert store.record([invocation("e3", invoked_at="2105-12-31T23:59:59.999Z")]) == Recorded(added=1)


@pytest.mark.long
def test_another_process_that_has_the_folder_is_waited_for_and_named(tmp_path: Path) -> None:
    url = f"chdb:///{tmp_path}/data"
    holding = (
        f"from session_buddy.storage import open_store\nwith open_store({url!r}): print('open', flush=True); input()"
    )
    waiting = (
        "from session_buddy.errors import StoreBusy\nfrom session_buddy.storage import open_store\n"
        f"try: open_store({url!r}, patience_seconds=0.3)\nexcept StoreBusy as error: print(error)"
    )
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdin
        assert holder.stdout.readline() == b"open\n"
        answer = subprocess.run([sys.executable, "-c", waiting], capture_output=True, text=True, timeout=60, check=True)
        holder.stdin.close()
    assert "is open in another process" in answer.stdout
    assert answer.stderr == "", "the engine itself would tell it there, each time it is asked"


def test_nothing_of_clickhouse_is_loaded_for_another_engine_and_the_extra_is_named(tmp_path: Path) -> None:
    program = f"""
import sys
from session_buddy.errors import MissingExtra
from session_buddy.storage import open_store
open_store("sqlite:///{tmp_path}/store.db").close()
assert not [name for name in sys.modules if "clickhouse" in name or "chdb" in name]
sys.modules["clickhouse_connect"] = None
try:
    open_store("clickhouse://localhost/db")
except MissingExtra as error:
    print(error)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'session-buddy[clickhouse]'" in answer.stdout


def test_a_closed_store_says_so(url: str) -> None:
    store = open_store(url)
    store.close()
    store.close()
    for use in (lambda: store.record([invocation()]), lambda: store.query("SELECT 1")):
        with pytest.raises(StoreError, match="has been closed"):
            use()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("chdb:///data", "chdb:///data?database=session_buddy"),
        ("chdb:////var/data?database=team", "chdb:////var/data?database=team"),
        ("clickhouse://me:secret@host/db", "clickhouse://me@host:8123/db"),
        ("clickhouses://me:a%40b@host:9000", "clickhouses://me@host:9000/session_buddy"),
    ],
)
def test_urls_name_a_place_and_are_shown_without_the_password(url: str, shown: str) -> None:
    assert parse_url(url).url == shown


def test_passwords_may_hold_any_sign() -> None:
    assert parse_url("clickhouse://me:a%40b%2F@host/db").password == "a@b/"


@pytest.mark.parametrize(
    "url",
    ["chdb://", "chdb:///", "chdb://x", "chdb:///x?database=a-b", "clickhouse:///db",
     "clickhouse://host:port/db", "clickhouse://host/a;b", "postgres://host/db"],
)  # fmt: skip
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(UnknownStore):
        parse_url(url)


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("SELECT ?, ?", (1, "a"), ("SELECT {p0:Int64}, {p1:String}", {"p0": 1, "p1": "a"})),
        ("SELECT :a, :b, :a", {"a": None, "b": 1.5}, ("SELECT {a:Nullable(String)}, {b:Float64}, {a:Nullable(String)}",
                                                      {"a": None, "b": 1.5})),
        ("SELECT '?', \"?\", ? -- ?", [True], ("SELECT '?', \"?\", {p0:Bool} -- ?", {"p0": True})),
        ("SELECT 1 ? 2 : 3", (), ("SELECT 1 ? 2 : 3", {})),
        ("SELECT ?::Int64", (1,), ("SELECT {p0:Int64}::Int64", {"p0": 1})),
        ("SELECT 'it''s ?', ? /* ; ? */;", (1,), ("SELECT 'it''s ?', {p0:Int64} /* ; ? */;", {"p0": 1})),
    ],
)  # fmt: skip
def test_places_become_parameters(sql: str, parameters: object, expected: object) -> None:
    assert bound(sql, parameters) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [("SELECT ?", (1, 2)), ("SELECT ?, ?", (1,)), ("SELECT :a", {"b": 1}), ("SELECT ?", (object(),)), ("", ()),
     ("SELECT 1; SELECT 2", ()), ("-- nothing", ())],
)  # fmt: skip
def test_places_and_values_that_do_not_fit_are_refused(sql: str, parameters: object) -> None:
    with pytest.raises(QueryRefused):
        bound(sql, parameters)  # type: ignore[arg-type]


def test_values_reach_the_server_as_they_are(store: Store) -> None:
    awkward = 'it\'s a \\ "quoted" ? :name\n\t☃'
    assert store.query("SELECT ? AS a, ? AS b", (awkward, 5)).rows == [(awkward, 5)]
