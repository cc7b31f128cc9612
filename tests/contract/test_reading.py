"""A query reads the same on every engine: names of columns, rows that an outer join does not find, no rows at all."""

from __future__ import annotations

from contextlib import closing

import pytest

from session_buddy.errors import StoreError
from session_buddy.storage import Store
from session_buddy.storage.locations import names_in, size_of
from tests.making import invocation, many

NAMED = [
    ("SELECT skill_name, count(*) AS n FROM skill_invocation WHERE 1 = 0 GROUP BY skill_name", ("skill_name", "n")),
    ("SELECT * FROM skill_error_counts -- none", ("skill_name", "error_type", "failure_count")),
    ("SELECT m.skill_name, m.kind, s.user_id FROM skill_metrics m JOIN session_skills s ON s.skill_name = m.skill_name",
     ("skill_name", "kind", "user_id")),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "names"), NAMED)
def test_columns_have_their_names_with_and_without_rows(store: Store, sql: str, names: tuple[str, ...]) -> None:
    for _ in range(2):
        assert store.query(sql).columns == names
        assert next(store.stream(sql)) == names
        store.record([invocation()])


def test_parameters_are_kept_where_there_are_no_rows(store: Store) -> None:
    assert store.query("SELECT ? AS a, skill_name FROM skill_metrics WHERE skill_name = ?", (1, "x")).columns == (
        "a",
        "skill_name",
    )


def test_what_an_outer_join_does_not_find_is_null(store: Store) -> None:
    store.record([invocation()])
    assert store.query(
        "SELECT m.skill_name, e.failure_count, e.error_type FROM skill_metrics m"
        " LEFT JOIN skill_error_counts e ON e.skill_name = m.skill_name"
    ).rows == [("pytest-run", None, None)]


@pytest.mark.parametrize(
    "view",
    [
        "v_realtime_skill_dashboard",
        "v_skill_effectiveness_trend",
        "v_community_baseline_comparison",
        "v_skill_dependency_network",
        "v_ab_test_summary",
        "v_multimodal_skill_catalog",
    ],
)
def test_every_view_has_columns_before_there_is_anything_in_it(store: Store, view: str) -> None:
    assert len(store.query(f"SELECT * FROM {view}").columns) >= 5
    assert view in names_in(store)


@pytest.mark.timeout(120)
def test_a_store_can_be_used_while_a_stream_is_open(store: Store) -> None:
    told = many(700)
    store.record(told)
    count = "SELECT count(*) FROM skill_invocation"
    with (
        closing(store.stream("SELECT event_id FROM skill_invocation ORDER BY event_id")) as rows,
        closing(store.stream(count)) as others,
    ):
        assert next(rows) == ("event_id",)
        first = next(rows)
        assert store.query(count).rows == [(700,)]
        assert list(others)[1:] == [(700,)]
        store.record([invocation("0 comes before")])
        assert store.query(count).rows == [(701,)]
        assert [event_id for (event_id,) in (first, *rows)] == sorted(event.event_id for event in told)


def test_a_store_takes_room(store: Store) -> None:
    store.record([invocation()])
    assert size_of(store) > 0


def test_what_is_closed_says_so(store: Store) -> None:
    store.record([invocation()])
    rest = store.stream("SELECT a.event_id FROM skill_invocation a")
    next(rest)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="has been closed"):
        list(rest)
    for call in (
        lambda: store.query("SELECT 1"),
        lambda: list(store.stream("SELECT 1")),
        store.checkpoints,
        store.drifted,
        lambda: store.record([invocation("b")]),
    ):
        with pytest.raises(StoreError, match="has been closed"):
            call()
