"""Bundles out of one store and into another: what leaves, what is taken in, what a kill on the way leaves."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from session_buddy.errors import InvalidInput, NotFound
from session_buddy.learning.community.bundle import Bundle, Noise, decoded, encoded
from session_buddy.learning.community.checking import check_bundle
from session_buddy.learning.community.keys import SigningKey, is_signed
from session_buddy.learning.community.noise import count_variance
from session_buddy.learning.community.publishing import Choice, gather, signed
from session_buddy.learning.community.sharing import (
    BundleTaken,
    find_publisher,
    forget,
    read_publishers,
    read_shares,
    take,
)
from session_buddy.model import Kind, Outcome, Phase
from session_buddy.storage import Store
from session_buddy.storage.tables import PLAIN_TABLES, PlainTable, plain_table
from tests.contract.conftest import OpenStore
from tests.learning.community.making import OTHER_PRIVATE, bundle, cell, content, fingerprint, random_id
from tests.making import NOW, FakeClock, invocation, shifted

KNOWN = ["a", "b", "c", "pytest-run"]


@pytest.fixture
def there(open_new: OpenStore) -> Store:
    return knowing(open_new("there", clock=FakeClock()))


def knowing(store: Store) -> Store:
    """Return *store*, which knows some skills, and two users."""
    store.record([invocation(f"e{skill}", skill_name=skill, user_id="me", session_id=f"s{skill}") for skill in KNOWN])
    return store


def taken(store: Store, raw: bytes, **options: Any) -> BundleTaken:
    return take(store, raw, **{"now": NOW, "verify": is_signed, "trusted": fingerprint(), **options})


def all_rows(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    return {table.name: rows_of(store, table.name) for table in PLAIN_TABLES}


def rows_of(store: Store, name: str) -> list[tuple[Any, ...]]:
    table = plain_table(name)
    return sorted(store.query(f"SELECT {table.selected} FROM {table.source}").rows, key=repr)


def shown(store: Store) -> dict[str, int]:
    return {share.skill: share.counts.invocations for share in read_shares(store)}


def test_what_was_told_is_read(there: Store) -> None:
    noise = Noise(epsilon=1.0, skills_per_user=10, uses_per_skill=10)
    found = taken(there, content(cell("a"), cell("b", avg_duration_seconds=None, workflow_phase=None)))
    assert found == BundleTaken(publisher=fingerprint(), sequence=7, skills=2, new_publisher=True)
    other = content(
        cell("a", avg_duration_seconds=None, workflow_phase=None), private=OTHER_PRIVATE, sequence=1, noise=noise
    )
    taken(there, other, trusted=fingerprint(OTHER_PRIVATE))
    shares = {(share.publisher, share.skill): share for share in read_shares(there)}
    assert shares.keys() == {(fingerprint(), "a"), (fingerprint(), "b"), (fingerprint(OTHER_PRIVATE), "a")}
    exact = shares[fingerprint(), "a"]
    assert (exact.counts.users, exact.counts.invocations, exact.counts.completed, exact.counts.failed) == (
        9,
        90,
        70,
        15,
    )
    assert (exact.counts.avg_duration_seconds, exact.phase, exact.counts.noise_variance) == (2.5, "verification", 0)
    assert shares[fingerprint(), "b"].counts.avg_duration_seconds is None
    assert shares[fingerprint(OTHER_PRIVATE), "a"].counts.noise_variance == count_variance(1.0)
    publishers = {one.publisher: one for one in read_publishers(there)}
    assert publishers[fingerprint()].sequence == 7
    assert (publishers[fingerprint()].min_users, publishers[fingerprint()].epsilon) == (5, None)
    assert publishers[fingerprint(OTHER_PRIVATE)].epsilon == 1.0
    assert publishers[fingerprint()].imported_at == NOW


def test_the_last_word_counts_whole(there: Store) -> None:
    taken(there, content(cell("a"), cell("b")))
    taken(there, content(cell("b", invocations=100), cell("c"), sequence=8), trusted=None)
    assert shown(there) == {"b": 100, "c": 90}
    taken(there, content(sequence=9))
    assert shown(there) == {}
    assert [one.sequence for one in read_publishers(there)] == [9]
    assert rows_of(there, "community_shares") == []


REFUSED: dict[str, tuple[str, Callable[[], bytes], dict[str, Any]]] = {
    "huge counts": ("cells[0].invocations", lambda: content(cell("a", invocations=10**15), sequence=8), {}),
    "no number": (
        "avg_duration_seconds",
        lambda: content(cell("a"), sequence=8).replace(b'seconds": 2.5', b'seconds": NaN'),
        {},
    ),
    "unknown skills": ("cells[1].skill_name", lambda: content(cell("a"), cell("never seen"), sequence=8), {}),
    "replay": ("sequence", lambda: content(cell("a", invocations=99), sequence=7), {}),
    "replay, trusted anew": ("sequence", lambda: content(cell("a"), sequence=7), {"trusted": fingerprint()}),
    "older": ("sequence", lambda: content(cell("a"), sequence=6), {}),
    "altered byte": (
        "signature",
        lambda: content(cell("a"), sequence=8).replace(b'"users": 9', b'"users": 8'),
        {},
    ),
    "other key": ("publisher", lambda: content(cell("a"), sequence=8, private=OTHER_PRIVATE), {}),
    "truncated": ("signature", lambda: content(cell("a"), sequence=8)[:-40], {}),
    "too large": ("bundle", lambda: content(cell("a"), sequence=8) + b" " * 8_000_000, {}),
    "nested": ("bundle", lambda: b'{"cells":' + b"[" * 500_000, {}),
    "future": ("published_at", lambda: content(cell("a"), sequence=8, published_at=shifted(NOW, days=1)), {}),
    "new version": ("version", lambda: content(cell("a"), sequence=8, version=2), {}),
    "its own": ("publisher", lambda: content(cell("a"), sequence=8), {"own": fingerprint()}),
}


@pytest.fixture(scope="module")
def told(open_for_all: OpenStore) -> tuple[Store, dict[str, list[tuple[Any, ...]]]]:
    """A store that has taken a bundle, and all that is in it: what is refused leaves it so."""
    store = knowing(open_for_all("told", clock=FakeClock()))
    taken(store, content(cell("a"), cell("b")))
    return store, all_rows(store)


@pytest.mark.parametrize("what", REFUSED)
def test_a_malicious_bundle_is_refused_whole(told: tuple[Store, dict[str, list[tuple[Any, ...]]]], what: str) -> None:
    there, before = told
    field, made, options = REFUSED[what]
    with pytest.raises(InvalidInput) as refused:
        taken(there, made(), **{"trusted": None, **options})
    assert refused.value.field == field
    assert all_rows(there) == before


def test_unknown_skills_are_taken_where_somebody_says_so(there: Store) -> None:
    taken(there, content(cell("never seen")), unknown_skills=True)
    assert shown(there) == {"never seen": 90}


def test_a_first_bundle_without_trust_leaves_nothing(there: Store) -> None:
    before = all_rows(there)
    for trusted in (None, fingerprint(OTHER_PRIVATE)):
        with pytest.raises(InvalidInput, match="publisher"):
            taken(there, content(cell("a")), trusted=trusted)
    assert all_rows(there) == before


class Killed(Exception):
    pass


class Dying:
    """A store whose process dies at the n-th write: before it, in the midst of it, or after it."""

    def __init__(self, store: Store, write: int, when: str) -> None:
        self._store, self._left, self._when = store, write, when

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _do(self, whole: Callable[[], Any], half: Callable[[], Any]) -> Any:
        self._left -= 1
        if self._left == 0:
            {"before": lambda: None, "within": half, "after": whole}[self._when]()
            raise Killed
        return whole()

    def put_rows(self, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
        half = rows[: len(rows) // 2]
        self._do(lambda: self._store.put_rows(table, rows), lambda: self._store.put_rows(table, half))

    def drop_rows(self, table: PlainTable, keys: Sequence[tuple[Any, ...]]) -> None:
        half = keys[: len(keys) // 2]
        self._do(lambda: self._store.drop_rows(table, keys), lambda: self._store.drop_rows(table, half))

    def swap_row(self, *arguments: Any) -> bool:
        return bool(self._do(lambda: self._store.swap_row(*arguments), lambda: None))


@pytest.mark.long
def test_killed_anywhere_an_import_leaves_the_old_or_the_new_bundle_whole(open_new: OpenStore) -> None:
    old, new = {"a": 90, "b": 91, "c": 92}, {"b": 50, "c": 51, "pytest-run": 52}
    bundles = [content(*(cell(skill, invocations=n, completed=9, failed=0) for skill, n in cells.items()), sequence=s)
               for cells, s in ((old, 7), (new, 8))]  # fmt: skip
    outcomes = []
    store = open_new(clock=FakeClock())
    store.record([invocation(f"e{skill}", skill_name=skill) for skill in KNOWN])
    for write in range(1, 6):
        for when in ("before", "within", "after"):
            taken(store, bundles[0])
            try:
                taken(Dying(store, write, when), bundles[1])  # type: ignore[arg-type]
            except Killed:
                outcomes.append(shown(store))
                assert outcomes[-1] in (old, new), (write, when)
                if outcomes[-1] == old:
                    assert taken(store, bundles[1]).sequence == 8
            assert shown(store) == new
            # What was left behind goes with the next bundle.
            taken(store, content(cell("a"), sequence=9))
            assert [row[1] for row in rows_of(store, "community_shares")] == ["a"]
            forget(store, fingerprint())
            assert rows_of(store, "community_shares") == rows_of(store, "community_publishers") == []
    assert old in outcomes and new in outcomes
    assert len(outcomes) == 12, "four writes: what stands in the way, cells, publisher, old cells"


def test_killed_anywhere_forgetting_leaves_all_or_nothing_to_see(open_new: OpenStore) -> None:
    store = open_new(clock=FakeClock())
    store.record([invocation(f"e{skill}", skill_name=skill) for skill in KNOWN])
    for write in (1, 2):
        for when in ("before", "within", "after"):
            taken(store, content(cell("a"), cell("b"), cell("c")))
            with pytest.raises(Killed):
                forget(Dying(store, write, when), fingerprint())  # type: ignore[arg-type]
            assert shown(store) in ({}, {"a": 90, "b": 90, "c": 90})
            forget(store, fingerprint())
            assert rows_of(store, "community_shares") == []


def test_cells_of_another_bundle_with_the_same_number_never_come_to_count(there: Store) -> None:
    """A publisher signed two bundles under one number; the import of the first was killed before it counted."""
    with pytest.raises(Killed):
        taken(Dying(there, 2, "after"), content(cell("a"), cell("b")))  # type: ignore[arg-type]
    taken(there, content(cell("b", invocations=33, completed=9, failed=0)))
    assert shown(there) == {"b": 33}


def test_of_two_imports_at_once_the_newer_counts(there: Store) -> None:
    """Another process takes number 9 while this one, which has read that 7 is the last, takes 8."""
    taken(there, content(cell("a"), sequence=7))

    class Overtaken(Dying):
        def swap_row(self, *arguments: Any) -> bool:
            if self._left:
                self._left = 0
                taken(self._store, content(cell("c", invocations=99), sequence=9))
            return self._store.swap_row(*arguments)

        def put_rows(self, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
            self._store.put_rows(table, rows)

        def drop_rows(self, table: PlainTable, keys: Sequence[tuple[Any, ...]]) -> None:
            self._store.drop_rows(table, keys)

    with pytest.raises(InvalidInput, match="sequence: 8 is not above 9"):
        taken(Overtaken(there, 1, "before"), content(cell("b"), sequence=8))  # type: ignore[arg-type]
    assert shown(there) == {"c": 99}


def test_publishers_are_found_by_the_beginning_of_their_fingerprint(there: Store) -> None:
    taken(there, content(cell("a")))
    taken(there, content(cell("b"), private=OTHER_PRIVATE), trusted=fingerprint(OTHER_PRIVATE))
    assert find_publisher(there, fingerprint()[:8]).publisher == fingerprint()
    for text in ("", "zz", fingerprint().upper()):
        with pytest.raises(NotFound):
            find_publisher(there, text)
    forget(there, fingerprint())
    assert shown(there) == {"b": 90}
    assert [one.publisher for one in read_publishers(there)] == [fingerprint(OTHER_PRIVATE)]


# ------------------------------------------------------------------ publishing


USERS = [random_id() for _ in range(12)]
SESSIONS = [random_id() for _ in range(24)]


@pytest.fixture
def here(open_new: OpenStore) -> Store:
    """A store with skills of 1 to 12 users, of whom each has two sessions."""
    store = open_new("here", clock=FakeClock())
    rnd = random.Random(1)
    store.record(
        [
            invocation(
                random_id(),
                skill_name=f"skill-of-{users}",
                kind=Kind.SKILL,
                user_id=USERS[user],
                session_id=SESSIONS[2 * user + n % 2],
                project="/home/somebody/secret-project",
                outcome=rnd.choice([*Outcome, None]),
                duration_ms=rnd.randrange(9_000),
                workflow_phase=rnd.choice([None, *Phase]),
            )
            for users in range(1, 13)
            for user in range(users)
            for n in range(4)
        ]
    )
    store.record(
        [
            invocation(random_id(), skill_name=name, kind=kind, user_id=user, session_id=user)
            for name, kind in [
                ("/clear", Kind.COMMAND),
                ("Read", Kind.TOOL),
                ("./deploy/acme.sh", Kind.SHELL),
                ("ann@acme.example", Kind.SKILL),
                ("x" * 300, Kind.SKILL),
                ("mcp__acme__find", Kind.MCP),
            ]
            for user in USERS[:8]
        ]
    )
    return store


def published(store: Store, folder: Path, **choice: Any) -> Bundle:
    return signed(gather(store, Choice(**choice)), SigningKey(folder), now=NOW)


@pytest.mark.parametrize("choice", [{}, {"epsilon": 1.0}, {"min_users": 9}])
def test_no_cell_of_fewer_users_leaves_and_no_id_at_all(here: Store, tmp_path: Path, choice: dict[str, Any]) -> None:
    made = published(here, tmp_path, **choice)
    least = choice.get("min_users", 5)
    names = {one.skill_name for one in made.cells}
    assert {f"skill-of-{n}" for n in range(least, 13)} <= names
    assert names.isdisjoint({f"skill-of-{n}" for n in range(1, least)})
    assert all(one.users >= least for one in made.cells)
    raw = encoded(made)
    for secret in (*USERS, *SESSIONS, "secret-project", "somebody", "acme.sh", "ann@", "Read", str(tmp_path)):
        assert secret.encode() not in raw
    for (event_id,) in here.query("SELECT event_id FROM skill_invocation").rows:
        assert event_id.encode() not in raw
    check_bundle(decoded(raw), now=NOW, verify=is_signed)


def test_what_leaves_is_what_the_events_say(here: Store, tmp_path: Path) -> None:
    cells = {one.skill_name: one for one in published(here, tmp_path).cells}
    for users in range(5, 13):
        rows = here.query(
            "SELECT outcome, duration_ms, workflow_phase, user_id FROM skill_invocation WHERE skill_name = ?",
            [f"skill-of-{users}"],
        ).rows
        one = cells[f"skill-of-{users}"]
        assert (one.users, one.invocations) == (users, len(rows))
        assert one.completed == sum(row[0] == "completed" for row in rows)
        assert one.failed == sum(row[0] == "failed" for row in rows)
        assert one.avg_duration_seconds == pytest.approx(sum(row[1] for row in rows) / len(rows) / 1000, abs=6e-4)
        phases = [row[2] for row in rows if row[2]]
        assert one.workflow_phase == min(phases, key=lambda phase: (-phases.count(phase), phase))
    assert "mcp__acme__find" in cells and "/clear" in cells


def test_what_stays_here_is_told(here: Store) -> None:
    found = gather(here, Choice())
    assert found.too_few_users == 4
    assert found.not_fit == ["./deploy/acme.sh", "ann@acme.example", "x" * 300]


def test_names_can_be_chosen_and_kept_back(here: Store, tmp_path: Path) -> None:
    assert [one.skill_name for one in published(here, tmp_path, only=["skill-of-1?", "/*"]).cells] == [
        "/clear", "skill-of-10", "skill-of-11", "skill-of-12",
    ]  # fmt: skip
    without = published(here, tmp_path, without=["mcp__acme__*", "skill-*"])
    assert [one.skill_name for one in without.cells] == ["/clear"]


@pytest.mark.parametrize(("setting", "asked", "least"), [("9", None, 9), ("9", 10, 10), ("1", None, 3), ("1", 4, 4)])
def test_the_minimum_is_that_of_the_store_or_more_and_never_below_three(
    here: Store, tmp_path: Path, setting: str, asked: int | None, least: int
) -> None:
    here.put_rows(plain_table("store_settings"), [("community_min_users", setting)])
    made = published(here, tmp_path, min_users=asked)
    assert made.min_users == least == min(one.users for one in made.cells)
    with pytest.raises(InvalidInput, match=f"min_users: 2 is below {max(3, int(setting))}"):
        published(here, tmp_path, min_users=2)


def test_noise_is_in_every_count_and_marked(here: Store, tmp_path: Path) -> None:
    exact = {one.skill_name: one for one in published(here, tmp_path).cells}
    seeded = [gather(here, Choice(epsilon=1.0), generator=random.Random(seed)) for seed in (1, 1, 2)]
    assert seeded[0] == seeded[1] != seeded[2]
    secure = [gather(here, Choice(epsilon=1.0)) for _ in range(2)]
    assert secure[0] != secure[1]
    assert seeded[0].noise == Noise(epsilon=1.0, skills_per_user=10, uses_per_skill=10)
    assert exact.keys() == {one.skill_name for one in seeded[0].cells}
    assert {one.avg_duration_seconds for one in seeded[0].cells} == {None}
    assert sum(one.completed != exact[one.skill_name].completed for one in seeded[0].cells) > 5


def test_with_little_noise_the_figures_are_nearly_those_of_the_events(here: Store) -> None:
    """No user has more than ten skills of ten uses here but for one or two: what is left is the noise itself."""
    found = gather(here, Choice(epsilon=100.0, only=["skill-of-12"]), generator=random.Random(5))
    ((users, uses),) = here.query(
        "SELECT count(DISTINCT user_id), count(*) FROM skill_invocation WHERE skill_name = 'skill-of-12'"
    ).rows
    assert abs(found.cells[0].users - users) <= 3
    assert abs(found.cells[0].invocations - uses) <= 12


def test_one_store_tells_another(here: Store, there: Store, tmp_path: Path) -> None:
    key = SigningKey(tmp_path)
    made = published(here, tmp_path)
    taken(there, encoded(made), trusted=key.fingerprint, unknown_skills=True)
    assert shown(there) == {one.skill_name: one.invocations for one in made.cells}
    again = published(here, tmp_path, only=["/clear"])
    assert again.sequence > made.sequence
    taken(there, encoded(again), trusted=None, unknown_skills=True)
    assert shown(there) == {"/clear": 8}
    with pytest.raises(InvalidInput, match="sequence"):
        taken(there, encoded(made), trusted=None, unknown_skills=True)
    with pytest.raises(InvalidInput, match="of your own"):
        taken(here, encoded(again), trusted=key.fingerprint, own=key.fingerprint)


def test_what_others_told_is_not_told_on(here: Store, tmp_path: Path) -> None:
    before = published(here, tmp_path).cells
    taken(here, encoded(bundle(cell("told by another", users=900, invocations=1_000))), unknown_skills=True)
    taken(here, content(cell("/clear", users=900, invocations=1_000), sequence=8))
    assert published(here, tmp_path).cells == before
