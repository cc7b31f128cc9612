"""Rows that are dropped are gone, and no others."""

from __future__ import annotations

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
