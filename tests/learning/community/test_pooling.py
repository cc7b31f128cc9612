"""Sums that give nobody away, whatever is taken from whatever."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.learning.community.counts import NOBODY, Baseline, Counts
from session_buddy.learning.community.pooling import HERE, Pool, Share, is_shown, percentiles, pool
from session_buddy.model import Kind


def baseline(skill: str, *users: tuple[int, int], phase: str | None = None) -> Baseline:
    return Baseline(skill=skill, kind=Kind.SKILL, counts=sum(map(of_one, users), NOBODY), phase=phase)


def of_one(outcomes: tuple[int, int]) -> Counts:
    return Counts(users=1, invocations=sum(outcomes), completed=outcomes[0], failed=outcomes[1])


def share(skill: str, users: int, publisher: str = "p", invocations: int = 100, phase: str | None = None) -> Share:
    counts = Counts(users=users, invocations=invocations, completed=invocations // 2, failed=invocations // 4)
    return Share(publisher=publisher, skill=skill, counts=counts, phase=phase)


@pytest.mark.parametrize(
    ("users", "least", "shown"), [(4, 5, False), (5, 5, False), (6, 5, True), (1, 1, True), (2, 2, False), (3, 2, True)]
)
def test_without_any_one_of_its_users_the_minimum_is_left(users: int, least: int, shown: bool) -> None:
    assert is_shown(users, least) is shown
    found = pool([baseline("a", *[(3, 1)] * users)], [], {}, least_users=least)
    assert [one.skill for one in found] == (["a"] if shown else [])


def test_a_user_is_taken_out_of_the_others() -> None:
    mine = of_one((900, 0))
    (found,) = pool([baseline("a", (900, 0), *[(5, 5)] * 5)], [], {"a": mine}, least_users=5)
    assert found.others == sum([of_one((5, 5))] * 5, NOBODY)
    assert found.others is not None and found.others.rate == 0.5
    assert found.community is not None and found.community.users == 6


def test_of_too_few_others_nothing_is_shown_but_ones_own() -> None:
    mine = of_one((9, 1))
    (found,) = pool([baseline("a", (9, 1), *[(5, 5)] * 4)], [], {"a": mine}, least_users=5)
    assert (found.own, found.others, found.community, found.parts, found.phase) == (mine, None, None, [], None)


def test_a_part_of_few_users_joins_no_sum() -> None:
    (found,) = pool([baseline("a", *[(5, 5)] * 3)], [share("a", 8)], {"a": of_one((5, 5))}, least_users=5)
    assert [part.source for part in found.parts] == ["p"]
    assert found.community == found.others == share("a", 8).counts
    small = pool([], [share("a", 8, "p"), share("a", 4, "q")], {}, least_users=5)
    assert [part.source for part in small[0].parts] == ["p"]
    assert pool([], [share("a", 4)], {}, least_users=5) == []


def test_all_sources_add_up_and_each_is_named() -> None:
    (found,) = pool(
        [baseline("a", *[(5, 5)] * 7, phase="setup")],
        [share("a", 8, "p", 10, "cleanup"), share("a", 9, "q", 5_000, "verification")],
        {"a": of_one((5, 5))},
        least_users=5,
    )
    assert [part.source for part in found.parts] == [HERE, "p", "q"]
    assert found.community is not None and found.others is not None
    assert (found.community.users, found.others.users) == (24, 23)
    assert found.community.invocations == 70 + 10 + 5_000
    assert found.phase == "verification", "that of most uses"
    assert found.kind is Kind.SKILL


def test_a_share_that_is_mostly_noise_is_shown_and_not_counted() -> None:
    here = baseline("a", *[(90, 10)] * 7)
    some = Counts(users=40, invocations=4_000, completed=3_600, failed=400, noise_variance=100.0)
    much = Counts(users=8, invocations=100, completed=40, failed=60, noise_variance=35_000.0)
    told = [Share(publisher=who, skill="a", counts=counts, phase="setup") for who, counts in (("p", much), ("q", some))]
    (found,) = pool([here], told, {"a": of_one((90, 10))}, least_users=5)
    assert [(part.source, part.counted) for part in found.parts] == [(HERE, True), ("q", True), ("p", False)]
    assert found.community == here.counts + some
    assert found.others == (here.counts + some).without(of_one((90, 10)))
    (alone,) = pool([], told[:1], {}, least_users=5)
    assert (alone.community, alone.others, alone.phase) == (much, much, "setup")


def test_a_phase_that_is_known_comes_before_one_that_is_not() -> None:
    (found,) = pool([], [share("a", 8, "p", 10, "cleanup"), share("a", 9, "q", 5_000)], {}, least_users=5)
    assert found.phase == "cleanup"
    assert found.kind is None


@given(
    users=st.integers(0, 9), shares=st.lists(st.integers(3, 12), max_size=3), least=st.integers(2, 6), data=st.data()
)
def test_whatever_one_user_adds_and_subtracts_is_of_the_minimum_or_of_that_user(
    users: int, shares: list[int], least: int, data: st.DataObject
) -> None:
    """Each user, and each share, brings a power of two: what a figure is the sum of can be read off it."""
    weights = {1 << place: 1 for place in range(users)} | {1 << (users + n): size for n, size in enumerate(shares)}
    here = [baseline("a", *((1 << place, 0) for place in range(users)))] if users else []
    told = [
        Share(publisher=str(n), skill="a", phase=None, counts=Counts(users=size, completed=1 << (users + n)))
        for n, size in enumerate(shares)
    ]
    mine = 1 << data.draw(st.integers(0, users - 1)) if users else 0
    own = {"a": of_one((mine, 0))} if mine else {}
    seen = [figures_of(one) for asked in ({}, own) for one in pool(here, told, asked, least_users=least)]
    for reached in closure({counts.completed for figures in seen for counts in figures} | {mine}):
        left = sum(size for bit, size in weights.items() if reached & ~mine & bit)
        assert left == 0 or left >= least


def closure(known: set[int]) -> set[int]:
    """Return all that sums and differences of the sets *known* come to."""
    while True:
        more = {a & ~b for a in known for b in known if a & b == b} | {a | b for a in known for b in known if not a & b}
        if more <= known:
            return known
        known = known | more


def figures_of(one: Pool) -> list[Counts]:
    return [counts for counts in (one.community, one.others, *(part.counts for part in one.parts)) if counts]


def test_the_most_used_come_first_and_ones_own_alone_last() -> None:
    found = pool(
        [baseline("rare", *[(1, 0)] * 9), baseline("often", *[(9, 0)] * 9), baseline("mine", (500, 0))],
        [],
        {"mine": of_one((500, 0))},
        least_users=5,
    )
    assert [one.skill for one in found] == ["often", "rare", "mine"]


def test_percentiles_are_mean_ranks() -> None:
    assert percentiles([0.5, 0.8, None, 0.8, 1.0]) == [12.5, 50.0, None, 50.0, 87.5]
    assert percentiles([]) == []
    assert percentiles([None]) == [None]
    rates = [a / 7 for a, _ in product(range(8), range(3))]
    assert sum(p for p in percentiles(rates) if p is not None) / len(rates) == pytest.approx(50)
