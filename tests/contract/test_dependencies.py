"""What is known of pairs and paths in a store: beside brute force, read at once and read on, on every engine."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import combinations, groupby
from statistics import median
from typing import Any

import msgspec
import pytest
from scipy.stats import binomtest, fisher_exact
from statsmodels.stats.multitest import multipletests

from session_buddy.catalog.dependencies import reading
from session_buddy.catalog.dependencies.order import RESOLUTION
from session_buddy.catalog.dependencies.refreshing import refresh_dependencies
from session_buddy.model import Invocation, Kind
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table
from tests.contract.conftest import OpenStore
from tests.making import NOW, invocation, many, shifted

KINDS = frozenset(Kind) - {Kind.TOOL}
LATER = shifted(NOW, days=40)
OF_CHANCE = 5.1e-2
"""Two digits are kept."""
Rows = dict[Any, tuple[Any, ...]]


def mixed(n: int, *, seed: int = 1, now: str = NOW, days: float = 9, skills: int = 12) -> list[Invocation]:
    """Return uses of which every fourth skill is a built-in tool."""
    return [
        invocation(
            one.event_id,
            session_id=one.session_id,
            skill_name=one.skill_name,
            kind=Kind.TOOL if one.skill_name in ("skill-0", "skill-4", "skill-8") else Kind.SKILL,
            invoked_at=one.invoked_at,
        )
        for one in many(n, seed=seed, now=now, days=days, skills=skills)
    ]


def details(store: Store) -> Rows:
    table = plain_table("skill_dependency_details")
    found = store.query(f"SELECT {', '.join(table.columns[:-1])} FROM {table.source} ORDER BY skill_a, skill_b").rows
    return {(a, b): tuple(rest) for a, b, *rest in found}


def paths(store: Store) -> Rows:
    table = plain_table("skill_paths")
    found = store.query(f"SELECT {', '.join(table.columns[:-1])} FROM {table.source} ORDER BY path").rows
    return {tuple(json.loads(path)): tuple(rest) for path, *rest in found}


def refreshed(store: Store, kinds: Collection[Kind] = KINDS, now: str = NOW) -> tuple[Rows, Rows]:
    refresh_dependencies(store, kinds, now=now)
    return details(store), paths(store)


def forget(store: Store, *names: str) -> None:
    """Drop what is kept under *names*, so that it is made again."""
    store.drop_rows(plain_table("learned_models"), [(name,) for name in names])


def kept(store: Store) -> tuple[int, dict[str, Any]]:
    """Return the version of what is kept, and how far it goes."""
    ((version, told),) = store.query(
        "SELECT version, details FROM learned_models FINAL WHERE model_name = 'dependency uses'"
    ).rows
    return version, json.loads(told)


def first_uses(batch: Iterable[Invocation]) -> dict[str, dict[str, str]]:
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for one in sorted(batch, key=lambda one: one.invoked_at):
        found[one.session_id].setdefault(one.skill_name, one.invoked_at)
    return found


def seconds(early: str, late: str) -> float:
    begin, end = reading.milliseconds([early, late])
    return float(end - begin) / 1_000


def test_pairs_are_those_of_brute_force(store: Store) -> None:
    # Of many skills some pairs are in fewer than three sessions.
    batch = mixed(700, skills=40)
    store.record(batch)
    found, _ = refreshed(store)
    sessions = first_uses(batch)
    skills = {one.skill_name for one in batch if one.kind is not Kind.TOOL}
    of_skill = {skill: sum(skill in used for used in sessions.values()) for skill in skills}
    expected, chances, orders = {}, [], []
    for a, b in combinations(sorted(skills), 2):
        both = [used for used in sessions.values() if a in used and b in used]
        if len(both) >= 3:
            ahead = [seconds(used[a], used[b]) for used in both if used[a] < used[b]]
            behind = [seconds(used[b], used[a]) for used in both if used[b] < used[a]]
            cells = (len(both), of_skill[a] - len(both), of_skill[b] - len(both))
            chances.append(fisher_exact([cells[:2], [cells[2], len(sessions) - sum(cells)]]).pvalue)
            orders.append(binomtest(len(ahead), len(ahead) + len(behind)).pvalue if ahead or behind else 1.0)
            expected[a, b] = (ahead, behind)
    tests = len(list(combinations([skill for skill in skills if of_skill[skill] >= 3], 2)))
    q_values = multipletests([*chances, *[1.0] * (tests - len(chances))], method="fdr_bh")[1]
    order_q_values = multipletests(orders, method="fdr_bh")[1]
    assert found.keys() == expected.keys() and 20 < len(found) < tests - 20
    for place, (pair, (ahead, behind)) in enumerate(expected.items()):
        p, q, a_first, b_first, a_to_b, b_to_a, order_q = found[pair]
        assert (a_first, b_first) == (len(ahead), len(behind))
        assert p == pytest.approx(chances[place], rel=OF_CHANCE) and q == pytest.approx(q_values[place], rel=OF_CHANCE)
        assert order_q == pytest.approx(order_q_values[place], rel=OF_CHANCE)
        for told, gaps in ((a_to_b, ahead), (b_to_a, behind)):
            assert told == (pytest.approx(median(gaps), rel=RESOLUTION + 5.1e-3) if gaps else None)


def test_paths_are_those_of_brute_force(store: Store) -> None:
    batch = mixed(900)
    store.record(batch)
    _, found = refreshed(store)
    seen: defaultdict[tuple[str, ...], list[tuple[str, float]]] = defaultdict(list)
    uses = sorted((one for one in batch if one.kind is not Kind.TOOL), key=lambda one: (one.session_id, one.invoked_at))
    for session, own in groupby(uses, key=lambda one: one.session_id):
        steps = [next(same) for _, same in groupby(own, key=lambda one: one.skill_name)]
        for length in range(2, 6):
            for begin in range(len(steps) - length + 1):
                path = steps[begin : begin + length]
                took = seconds(path[0].invoked_at, path[-1].invoked_at)
                seen[tuple(one.skill_name for one in path)].append((session, took))
    frequent = {path: places for path, places in seen.items() if len({session for session, _ in places}) >= 3}
    assert len(found) > 20 and found.keys() <= frequent.keys()
    for path, (length, sessions, occurrences, seconds_) in found.items():
        places = frequent[path]
        assert length == len(path) and occurrences == len(places)
        assert sessions == len({session for session, _ in places})
        assert seconds_ == pytest.approx(median(took for _, took in places))
    assert all(
        any(set(path) <= set(other) and len(other) > len(path) for other in frequent)
        for path in frequent.keys() - found.keys()
    )


def test_built_in_tools_are_left_out_unless_asked_for(store: Store) -> None:
    store.record(mixed(700))
    own = refreshed(store)
    assert not any("skill-4" in key for rows in own for key in rows)
    assert any("skill-4" in key for key in refreshed(store, frozenset(Kind))[0])
    assert refreshed(store) == own


def test_commands_of_one_call_follow_one_another(store: Store) -> None:
    store.record(
        invocation(f"call-{number}{part}", session_id=f"s{number}", skill_name=skill)
        for number in range(3)
        # Named after what it ran last: "tests && commit".
        for part, skill in (("", "commit"), ("#2", "tests"))
    )
    found, told = refreshed(store)
    assert told == {("tests", "commit"): (2, 3, 3, 0.0)}
    assert found["commit", "tests"][2:4] == (0, 0), "they began at the same moment"


class TestReadingOn:
    """What is read on equals what is read at once, whatever came in between."""

    def again(self, open_new: OpenStore, *batches: list[Invocation], now: str = LATER) -> tuple[Rows, Rows]:
        with open_new("fresh") as fresh:
            for batch in batches:
                fresh.record(batch)
            return refreshed(fresh, now=now)

    def test_only_newer_uses(self, store: Store, open_new: OpenStore) -> None:
        old, new = mixed(600), mixed(300, seed=2, now=shifted(NOW, days=12))
        store.record(old)
        refreshed(store)
        version, mark = kept(store)
        # The sessions of both go by the same names: those that had ended go on, and each begins new skills.
        store.record(new)
        on = refreshed(store, now=LATER)
        assert kept(store)[0] == version + 1 and kept(store)[1]["day"] > mark["day"]
        assert on == self.again(open_new, old, new)

    def test_what_is_new_is_read_and_kept_only_where_it_is_much(
        self, store: Store, open_new: OpenStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "_ENOUGH_NEW", 10.0)
        old, new = mixed(600), mixed(60, seed=2, now=shifted(NOW, days=12))
        store.record(old)
        refreshed(store)
        before = kept(store)
        for part in (new[:30], new[30:]):
            store.record(part)
            on = refreshed(store, now=LATER)
        assert kept(store) == before
        assert on == self.again(open_new, old, new)

    def test_it_does_not_go_through_all_again(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        store.record(mixed(600))
        refreshed(store)
        monkeypatch.setattr(reading, "_ALL_USES", "this is no statement")
        store.record(mixed(30, seed=2, now=shifted(NOW, days=12)))
        refreshed(store, now=LATER)

    @pytest.mark.parametrize("now", [shifted(NOW, days=-3), shifted(NOW, days=-200)])
    def test_uses_that_come_late(self, store: Store, open_new: OpenStore, now: str) -> None:
        old, late = mixed(600), mixed(40, seed=3, now=now)
        store.record(old)
        refreshed(store)
        store.record(late)
        assert refreshed(store, now=LATER) == self.again(open_new, old, late)

    def test_uses_that_got_another_name(self, store: Store, open_new: OpenStore) -> None:
        # As many uses on each day as before: the same calls, told by who has come to know more rules.
        old, new = mixed(600), mixed(30, seed=2, now=shifted(NOW, days=12))
        renamed = [msgspec.structs.replace(one, skill_name="my-tests") for one in old if one.skill_name == "skill-1"]
        store.record(old)
        first = refreshed(store)
        store.record(renamed)
        assert refreshed(store) == self.again(open_new, old, renamed, now=NOW) != first
        store.record(new)
        on = refreshed(store, now=LATER)
        assert any("my-tests" in path for path in on[1]) and not any("skill-1" in path for path in on[1])

    def test_uses_that_were_deleted(self, store: Store, open_new: OpenStore) -> None:
        # One engine deletes whole months.
        old, bound = mixed(900, days=60), "2026-06-01T00:00:00.000Z"
        store.record(old)
        first = refreshed(store)
        while store.prune(bound):
            pass
        after = refreshed(store, now=LATER)
        assert after == self.again(open_new, [one for one in old if one.invoked_at >= bound])
        assert after != first

    def test_uses_that_are_said_to_be_in_the_future(self, store: Store, open_new: OpenStore) -> None:
        old = mixed(600)
        future = mixed(30, seed=4, now=shifted(NOW, days=400))
        new = mixed(200, seed=5, now=shifted(NOW, days=12))
        store.record([*old, *future])
        refreshed(store)
        assert kept(store)[1]["day"] <= NOW
        store.record(new)
        assert refreshed(store, now=LATER) == self.again(open_new, old, future, new)

    def test_of_very_many_uses_paths_are_those_of_the_newest(
        self, store: Store, open_new: OpenStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "MOST_USES", 500)
        old, new = mixed(700), mixed(150, seed=2, now=shifted(NOW, days=12))
        store.record(old)
        refreshed(store)
        since = kept(store)[1]["since"]
        assert since
        store.record(new)
        on = refreshed(store, now=LATER)
        assert kept(store)[1]["since"] > since
        assert on == self.again(open_new, old, new)

    def test_more_than_was_kept(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        store.record(mixed(600))
        expected = refreshed(store)
        forget(store, "dependency uses", "dependencies")
        with monkeypatch.context() as patched:
            patched.setattr(reading, "MOST_USES", 200)
            assert refreshed(store)[1] != expected[1]
        forget(store, "dependencies")
        assert refreshed(store) == expected

    def test_what_another_version_kept_is_read_anew(self, store: Store) -> None:
        store.record(mixed(600))
        first = refreshed(store)
        table = plain_table("learned_models")
        store.put_rows(table, [("dependency uses", 7, "other", NOW, '{"format": 99}', b"\x00")])
        store.put_rows(table, [("dependencies", 99, "other", NOW, '{"what": "else"}', b"\x00")])
        assert refreshed(store) == first and kept(store)[0] == 8


def test_nothing_is_written_where_nothing_changed_and_what_is_over_is_dropped(store: Store) -> None:
    store.record([*mixed(700), invocation("first", session_id="session-1", skill_name="skill-1", kind=Kind.SKILL)])
    assert refresh_dependencies(store, KINDS, now=NOW) > 0
    found, told = details(store), paths(store)
    assert refresh_dependencies(store, KINDS, now=LATER) == 0
    when = store.query("SELECT DISTINCT last_updated FROM skill_dependency_details FINAL").rows
    assert when == [(NOW,)]
    # What another program wrote is mended with the next use.
    pair = next(iter(found))
    store.put_rows(plain_table("skill_dependency_details"), [(*pair, 1, 1, 0, 0, None, None, 1, NOW)])
    store.put_rows(plain_table("skill_dependency_details"), [("a", "b", 1, 1, 0, 0, None, None, 1, NOW)])
    store.put_rows(plain_table("skill_paths"), [('["a", "b"]', 2, 9, 9, None, NOW)])
    store.record([invocation("again", session_id="session-1", skill_name="skill-1", kind=Kind.SKILL)])
    refresh_dependencies(store, KINDS, now=LATER)
    assert details(store) == found and set(paths(store)) == set(told)


def test_a_session_without_any_of_these_skills_counts_among_all_sessions(store: Store) -> None:
    store.record(mixed(700))
    before = refreshed(store)[0]
    store.record(
        invocation(f"more-{number}", session_id=f"more-{number}", skill_name="skill-4", kind=Kind.TOOL)
        for number in range(60)
    )
    after = refreshed(store)[0]
    assert [row[0] for row in after.values()] != [row[0] for row in before.values()]
    assert [row[2:6] for row in after.values()] == [row[2:6] for row in before.values()]


def test_a_store_without_uses(store: Store) -> None:
    assert refresh_dependencies(store, KINDS, now=NOW) == 1, "how it went"
    assert (details(store), paths(store)) == ({}, {})
    assert refresh_dependencies(store, KINDS, now=NOW) == 0
    store.record(mixed(700))
    assert refreshed(store)[0]
