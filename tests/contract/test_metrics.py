"""What a scrape reads is the same on every engine."""

from __future__ import annotations

from itertools import pairwise

from session_buddy.reports.metrics import read_recent, read_standing, read_surroundings
from session_buddy.storage import Checkpoint, Store
from tests.making import NOW, invocation, many

BOUNDS = (100, 1_000, 10_000)


def test_standing_counts_what_was_recorded(store: Store) -> None:
    given = many(400)
    store.record(given)
    standing = read_standing(store, BOUNDS)
    assert standing.sessions == len({one.session_id for one in given})
    assert {one.skill for one in standing.skills} == {one.skill_name for one in given}
    for one in standing.skills:
        of_it = [each for each in given if each.skill_name == one.skill]
        durations = [each.duration_ms for each in of_it if each.duration_ms is not None]
        edges = (-1, *BOUNDS, 10**12)
        assert one.durations == tuple(sum(low < ms <= high for ms in durations) for low, high in pairwise(edges))
        assert (one.invocations, one.duration_ms_sum) == (len(of_it), sum(durations))
        ends = [sum(each.outcome == outcome for each in of_it) for outcome in ("completed", "failed", "abandoned")]
        assert [one.completed, one.failed, one.abandoned] == ends
        assert one.last_invoked_at == max(each.invoked_at for each in of_it)


def test_nothing_is_there_yet(store: Store) -> None:
    standing = read_standing(store, BOUNDS)
    assert (standing.skills, standing.sessions, standing.anomalies) == ([], 0, [])
    surroundings = read_surroundings(store)
    assert (surroundings.users, surroundings.files, surroundings.last_import_at) == (0, 0, None)
    assert read_recent(store) == []


def test_users_and_files_are_counted(store: Store) -> None:
    checkpoint = Checkpoint(path="/gone", importer="i 1", identity="x", size=9, modified_ns=1, offset=9, state=b"")
    store.record([invocation("a", user_id="u1"), invocation("b", user_id="u2")], checkpoints=[checkpoint])
    surroundings = read_surroundings(store)
    assert (surroundings.users, surroundings.files, surroundings.bad_lines) == (2, 1, 0)
    assert surroundings.last_import_at is not None
    assert (surroundings.unread_bytes, surroundings.unread_since_ns) == (0, None)


def test_what_was_recorded_last_comes_first_where_that_is_known(store: Store) -> None:
    store.record([invocation("old", duration_ms=1, invoked_at=NOW)])
    store.record([invocation("new", duration_ms=2, invoked_at="2020-01-01T00:00:00.000Z"), invocation("untimed")])
    assert [one.event_id for one in read_recent(store)] in (["new", "old"], [])
