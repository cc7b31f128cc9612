"""Rows that are dropped are gone, and no others."""

from __future__ import annotations

import pytest

from session_buddy.errors import InvalidInput
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

MEMBERSHIP = plain_table("skill_cluster_membership")
CLUSTERS = plain_table("skill_clusters")
ODD = 'it\'s a \\ "skill" {with:String} ?'


def memberships(store: Store) -> list[tuple[object, ...]]:
    sql = f"SELECT {MEMBERSHIP.selected} FROM {MEMBERSHIP.source} ORDER BY skill_name, cluster_id"
    return store.query(sql).rows


def test_the_rows_of_these_keys_go_and_the_others_stay(store: Store) -> None:
    store.put_rows(
        CLUSTERS, [(1, "a", None, None, "2026-06-01T00:00:00.000Z"), (2, "b", None, None, "2026-06-01T00:00:00.000Z")]
    )
    kept = [(ODD, 2, 0.5), ("x", 1, 0.25)]
    store.put_rows(MEMBERSHIP, [*kept, (ODD, 1, 1.0), ("y", 2, 0.0)])
    store.drop_rows(MEMBERSHIP, [(ODD, 1), ("y", 2), ("not there", 9)])
    assert memberships(store) == kept


def test_a_dropped_row_can_come_back(store: Store) -> None:
    store.put_rows(CLUSTERS, [(1, "a", None, None, "2026-06-01T00:00:00.000Z")])
    row = ("x", 1, 0.25)
    for _ in range(2):
        store.put_rows(MEMBERSHIP, [row])
        assert memberships(store) == [row]
        store.drop_rows(MEMBERSHIP, [row[:2]])
        assert memberships(store) == []


def test_many_at_once(store: Store) -> None:
    store.put_rows(CLUSTERS, [(1, "a", None, None, "2026-06-01T00:00:00.000Z")])
    rows = [(f"skill-{n:05}", 1, 0.5) for n in range(2_500)]
    store.put_rows(MEMBERSHIP, rows)
    store.drop_rows(MEMBERSHIP, [row[:2] for row in rows[:-1]])
    assert memberships(store) == rows[-1:]
    store.drop_rows(MEMBERSHIP, [])
    assert memberships(store) == rows[-1:]


REST: dict[str, tuple[object, ...]] = {
    "import_checkpoint": ("claude_code", "i", 1, 2, 3, b"", "2026-06-01T00:00:00.000Z"),
    "import_quarantine": (5, "no JSON", 1, 7, "2026-06-01T00:00:00.000Z"),
}


@pytest.mark.parametrize("name", REST)
def test_what_an_import_left_behind_goes_too(store: Store, name: str) -> None:
    table = plain_table(name)
    rows = [(path, *REST[name]) for path in (ODD, "/kept", "/gone")]
    store.put_rows(table, rows)
    store.drop_rows(table, [row[: len(table.key)] for row in rows if row[0] != "/kept"])
    assert store.query(f"SELECT path FROM {table.source}").rows == [("/kept",)]


def test_a_key_without_all_its_parts_is_refused_before_anything_goes(store: Store) -> None:
    store.put_rows(CLUSTERS, [(1, "a", None, None, "2026-06-01T00:00:00.000Z")])
    store.put_rows(MEMBERSHIP, [("x", 1, 0.25)])
    with pytest.raises(InvalidInput) as told:
        store.drop_rows(MEMBERSHIP, [("x", 1), ("y", None)])
    assert told.value.field == "cluster_id"
    assert memberships(store) == [("x", 1, 0.25)]
