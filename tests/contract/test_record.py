"""Recording: durable, atomic, idempotent, completing."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from session_buddy.errors import QueryRefused
from session_buddy.model import BadLine, DurationSource, ErrorType, Outcome, Phase
from session_buddy.storage import Checkpoint, Recorded, Store
from tests.contract.conftest import OpenStore
from tests.making import invocation, many


def row(store: Store, event_id: str) -> dict[str, object]:
    (found,) = store.query("SELECT * FROM skill_invocation WHERE event_id = ?", (event_id,))
    return found


def test_a_recorded_invocation_is_there_for_whoever_opens_the_store_next(open_new: OpenStore) -> None:
    told = invocation(
        duration_ms=12_500,
        workflow_phase=Phase.VERIFICATION,
        alternatives_considered=("mypy", "x'y\"z"),
        follow_up_actions=("git-commit",),
        traits=("reads:py", "rejected"),
        rating=4.5,
        plugin="p",
    )
    assert open_new().record([told]) == Recorded(added=1)
    found = row(open_new(), "e1")
    assert found["skill_name"] == "pytest-run"
    assert found["duration_seconds"] == 12.5
    assert found["completed"] == 1
    assert found["workflow_phase"] == "verification"
    assert found["alternatives_considered"] == '["mypy","x\'y\\"z"]'
    assert found["traits"] == '["reads:py","rejected"]'
    assert found["rating"] == 4.5


def test_the_same_event_is_one_row_however_often_it_comes(store: Store) -> None:
    batch = many(50)
    assert store.record(batch) == Recorded(added=50)
    assert store.record(batch) == Recorded(unchanged=50)
    assert store.record([*batch, *batch]) == Recorded(unchanged=100)
    assert len(store.query("SELECT * FROM skill_invocation")) == 50


def test_an_event_twice_in_one_batch_is_one_row_and_the_fuller_telling_counts(store: Store) -> None:
    running = invocation(outcome=None)
    done = invocation(outcome=Outcome.FAILED, error_type=ErrorType.TIMEOUT, duration_ms=3)
    assert store.record([running, done]) == Recorded(added=1, completed=1)
    assert row(store, "e1")["error_type"] == "timeout"
    assert store.drifted() == []


LATE, EARLY = "2026-06-14T23:59:59.900Z", "2026-06-15T00:00:00.100Z"


@pytest.mark.parametrize(("first", "again"), [(LATE, EARLY), (EARLY, LATE)])
def test_an_event_is_the_same_one_with_a_time_on_the_other_side_of_midnight(
    store: Store, first: str, again: str
) -> None:
    store.record([invocation(outcome=None, invoked_at=first), invocation("e2", invoked_at=again)])
    assert store.record([invocation(invoked_at=again)]) == Recorded(completed=1)
    assert store.record([invocation(invoked_at=again)]) == Recorded(unchanged=1)
    assert (row(store, "e1")["invoked_at"], row(store, "e1")["outcome"]) == (first, "completed")
    assert store.query("SELECT sum(invocation_count) FROM skill_metrics").rows == [(2,)]
    assert store.drifted() == []


def test_who_was_told_first_stays_the_first_when_it_is_completed(store: Store) -> None:
    """Its description is that of the group, now and after a recount."""
    store.record([invocation("e1", outcome=None, project="first", plugin="first")])
    store.record([invocation("e2", project="second", plugin="second")])
    store.record([invocation("e1", outcome=Outcome.COMPLETED)])
    for _ in range(2):
        assert store.query("SELECT project FROM session_summary").rows == [("first",)]
        assert store.query("SELECT plugin FROM skill_metrics").rows == [("first",)]
        store.rebuild()


@pytest.mark.long
def test_tellings_merge_to_the_same_row_in_every_order(engine: str, open_new: OpenStore) -> None:
    fields: list[dict[str, Any]] = [
        {"outcome": None},
        {"outcome": Outcome.ABANDONED, "follow_up_actions": ("a",), "traits": ("rejected",)},
        {"outcome": Outcome.COMPLETED, "duration_ms": 9_000, "duration_source": DurationSource.ELAPSED},
        {
            "outcome": None,
            "duration_ms": 100,
            "duration_source": DurationSource.REPORTED,
            "follow_up_actions": ("a", "b"),
            "traits": ("reads:py", "rejected"),
        },
    ]
    orders = list(permutations(fields))
    store = open_new(clock=lambda: "2026-06-15T13:00:00.000Z")
    # To record takes the other engine as long for one as for many.
    at_once = 1 if engine == "sqlite" else 8
    for place in range(len(fields)):
        tellings = [
            invocation(f"e{number}", skill_name=f"skill-{number}", **order[place])
            for number, order in enumerate(orders)
        ]
        for start in range(0, len(tellings), at_once):
            store.record(tellings[start : start + at_once])
    for number in range(len(orders)):
        merged = row(store, f"e{number}")
        assert (merged["outcome"], merged["duration_ms"]) == ("completed", 100)
        assert (merged["follow_up_actions"], merged["traits"]) == ('["a","b"]', '["reads:py","rejected"]')
    for metrics in store.query("SELECT * FROM skill_metrics"):
        assert (metrics["invocation_count"], metrics["completed_count"], metrics["abandoned_count"]) == (1, 1, 0)
        assert (metrics["duration_ms_sum"], metrics["duration_count"]) == (100, 1)
    assert len(store.query("SELECT * FROM skill_metrics")) == len(orders)
    assert store.drifted() == []


def traits_of(store: Store) -> dict[tuple[str, str], int]:
    counted = store.query("SELECT skill_name, trait, invocation_count FROM skill_trait_counts")
    return {(row["skill_name"], row["trait"]): row["invocation_count"] for row in counted}


@pytest.mark.parametrize("size", [1, 4, 2_500])
def test_an_invocation_counts_once_for_each_of_its_traits(store: Store, size: int) -> None:
    twice = ("reads:py", "reads:py", "rejected", "'", '"', "")
    store.record([invocation(f"e{n}", skill_name=f"skill-{n % 2}", traits=twice) for n in range(size)])
    of_each = {"skill-0": (size + 1) // 2, "skill-1": size // 2}
    assert traits_of(store) == {(skill, trait): n for skill, n in of_each.items() if n for trait in twice}
    assert store.drifted() == []


def test_traits_of_later_tellings_add_up_and_move_with_the_name(store: Store) -> None:
    store.record([invocation(skill_name="git", outcome=None, traits=("writes:md", "reads:py"))])
    assert store.record([invocation(skill_name="git", outcome=None, traits=("reads:py",))]) == Recorded(unchanged=1)
    store.record([invocation(skill_name="pytest-run", source="hook", traits=("rejected", "reads:py"))])
    assert row(store, "e1")["traits"] == '["reads:py","rejected","writes:md"]'
    assert traits_of(store) == {("pytest-run", trait): 1 for trait in ("reads:py", "rejected", "writes:md")}
    assert store.drifted() == []


def test_a_shell_call_may_turn_out_to_report_on_another_command(store: Store) -> None:
    store.record([invocation(skill_name="ruff-check", outcome=None)])
    store.record([invocation(skill_name="pytest-run", outcome=Outcome.COMPLETED)])
    assert [r["skill_name"] for r in store.query("SELECT skill_name FROM skill_metrics")] == ["pytest-run"]
    assert store.drifted() == []


def test_a_batch_its_checkpoint_and_its_bad_lines_are_stored_together_or_not_at_all(open_new: OpenStore) -> None:
    store = open_new()
    checkpoint = Checkpoint(
        path="/f.jsonl", importer="i", identity="x", size=10, modified_ns=1, offset=10, state=b"state"
    )
    bad = BadLine(path="/f.jsonl", line=3, offset=7, length=2, reason="not JSON")
    store.record([invocation()], checkpoints=[checkpoint], bad_lines=[bad])
    assert open_new().checkpoints() == {"/f.jsonl": checkpoint}
    assert store.query("SELECT path, line, offset, length, reason FROM import_quarantine").rows == [
        ("/f.jsonl", 3, 7, 2, "not JSON")
    ]
    broken = BadLine(path="/f.jsonl", line=0, offset=7, length=2, reason="line 0 is refused")
    with pytest.raises(Exception, match="CHECK"):
        store.record([invocation("e2")], bad_lines=[broken])
    assert store.query("SELECT count(*) FROM skill_invocation").rows == [(1,)]
    assert store.record([invocation("e2")]) == Recorded(added=1), "the store is usable after a refused batch"


def test_an_empty_batch_is_nothing(store: Store) -> None:
    assert store.record([]) == Recorded()
    assert store.record(iter([])) == Recorded()


@pytest.mark.parametrize("size", [1, 3, 5_000])
def test_free_text_in_names_and_follow_ups_is_counted_as_it_stands(store: Store, size: int) -> None:
    awkward = ["subprocess.CalledProcessError", 'assert x["a"] == 1', "", "'", '"', "[0]", ".", "$.x", "naïve ☃"]
    batch = [
        invocation(
            f"e{n}", skill_name=f"skill {awkward[n % 9]} x", follow_up_actions=tuple(awkward), session_id=f"s{n % 7}"
        )
        for n in range(size)
    ]
    store.record(batch)
    counted = {
        r["follow_up"]: r["n"]
        for r in store.query(
            "SELECT follow_up, sum(follow_up_count) AS n FROM skill_follow_up_counts GROUP BY follow_up"
        )
    }
    assert counted == dict.fromkeys(awkward, size)
    assert store.drifted() == []


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM skill_invocation",
        "INSERT INTO store_settings VALUES ('a', 'b')",
        "CREATE TABLE x (a)",
        "DROP VIEW v_ab_test_summary",
        "SELECT nothing FROM nowhere",
        "not sql",
        "",
        " ; ",
        "-- only a remark",
        "SELECT 1; DELETE FROM skill_invocation",
    ],
)
def test_reading_cannot_write(store: Store, sql: str) -> None:
    store.record([invocation()])
    with pytest.raises(QueryRefused):
        store.query(sql)
    assert store.query("SELECT count(*) FROM skill_invocation").rows == [(1,)]


_JSON_AND_SCHEMA = {
    "sqlite": (
        "SELECT j.value FROM skill_invocation i, json_each(i.follow_up_actions) j",
        "SELECT type FROM sqlite_schema WHERE name = 'v_ab_test_summary'",
    ),
    "chdb": (
        "SELECT arrayJoin(JSONExtract(assumeNotNull(i.follow_up_actions), 'Array(String)')) FROM skill_invocation i",
        "SELECT lower(engine) FROM system.tables WHERE database = currentDatabase() AND name = 'v_ab_test_summary'",
    ),
}


def test_json_and_the_schema_can_be_read(engine: str, store: Store) -> None:
    store.record([invocation(follow_up_actions=("a", "b"))])
    follow_ups, schema = _JSON_AND_SCHEMA[engine]
    assert store.query(follow_ups).rows == [("a",), ("b",)]
    assert store.query(schema).rows == [("view",)]


def test_rows_are_mappings_and_stream_gives_the_columns_first(store: Store) -> None:
    store.record(many(30))
    streamed = list(store.stream("SELECT event_id, skill_name FROM skill_invocation ORDER BY event_id"))
    assert streamed[0] == ("event_id", "skill_name")
    assert streamed[1:] == store.query("SELECT event_id, skill_name FROM skill_invocation ORDER BY event_id").rows
