"""Noise is what it says it is, and one user moves no sum by more than is bounded."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from session_buddy.errors import InvalidInput
from session_buddy.learning.community import noise
from session_buddy.learning.community.noise import Ends, count_variance, discrete_laplace, noised_counts

SKILLS = [f"skill-{n}" for n in range(30)]


@pytest.mark.parametrize("scale", [Fraction(1, 3), Fraction(5, 2), Fraction(40)])
def test_draws_are_of_the_discrete_laplace_distribution(scale: Fraction) -> None:
    generator = random.Random(11)
    drawn = Counter(discrete_laplace(scale, generator) for _ in range(20_000))
    reach = int(4 * scale) + 1
    law = stats.dlaplace(float(1 / scale))
    seen = [drawn[k] for k in range(-reach, reach + 1)]
    expected = [20_000 * law.pmf(k) for k in range(-reach, reach + 1)]
    tails = (20_000 - sum(seen), 20_000 - sum(expected))
    kept = [(s, e) for s, e in [*zip(seen, expected, strict=True), tails] if e > 4]
    rest = (20_000 - sum(s for s, _ in kept), 20_000 - sum(e for _, e in kept))
    chi = sum((s - e) ** 2 / e for s, e in [*kept, rest] if e > 0)
    assert stats.chi2.sf(chi, len(kept)) > 0.001


def test_the_variance_is_that_of_the_noise() -> None:
    scale = 100 / 0.75 / 2.0
    assert count_variance(2.0) == pytest.approx(stats.dlaplace(1 / scale).var(), rel=1e-9)


def test_the_same_seed_gives_the_same_noise_and_another_another() -> None:
    users = [{"a": Ends(3, 1, 0)}] * 9
    one, again, other = (noised_counts(users, ["a"], 1.0, random.Random(seed), least_users=5) for seed in (1, 1, 2))
    assert one == again != other


def without_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "discrete_laplace", lambda *_: 0)


ends = st.builds(Ends, st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)).filter(
    lambda e: e.completed + e.failed + e.other > 0
)


@settings(max_examples=80, deadline=None)
@given(
    others=st.lists(st.dictionaries(st.sampled_from(SKILLS), ends, max_size=30), max_size=4),
    one=st.dictionaries(st.sampled_from(SKILLS), ends, max_size=30),
    seed=st.integers(0, 1_000),
)
def test_one_user_moves_the_sums_by_no_more_than_their_sensitivity(
    others: list[dict[str, Ends]], one: dict[str, Ends], seed: int
) -> None:
    def sums(users: list[dict[str, Ends]]) -> np.ndarray:
        generator, totals = random.Random(seed), Counter[tuple[str, int]]()
        for user in users:
            for skill, did in noise._clipped(user, generator).items():
                for place, value in enumerate((1, did.completed, did.failed, did.other)):
                    totals[skill, place] += value
        return np.array([[totals[skill, place] for place in range(4)] for skill in SKILLS])

    # The same draws for the others in both worlds, since they come first.
    moved = np.abs(sums([*others, one]) - sums(others)).sum(axis=0)
    assert moved[0] <= noise.SKILLS_PER_USER
    assert moved[1:].sum() <= noise.SKILLS_PER_USER * noise.USES_PER_SKILL


def test_clipping_keeps_shares_as_they_are_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    without_noise(monkeypatch)
    users = [{"a": Ends(900, 100, 0)}] * 3_000
    found = noised_counts(users, ["a"], 1.0, random.Random(1), least_users=5)["a"]
    assert (found.users, found.invocations) == (3_000, 30_000)
    assert found.failed / found.invocations == pytest.approx(0.1, abs=0.006)


def test_ten_skills_of_a_user_count_whichever_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    without_noise(monkeypatch)
    users = [dict.fromkeys(SKILLS, Ends(1, 0, 0))] * 3_000
    found = noised_counts(users, SKILLS, 1.0, random.Random(1), least_users=5)
    assert sum(one.users for one in found.values()) == 30_000
    assert min(one.users for one in found.values()) > 850


def test_every_count_has_noise_of_its_scale() -> None:
    users = [{"a": Ends(4, 3, 2)}] * 1_000
    seeds = range(300)
    found = [noised_counts(users, ["a"], 1.0, random.Random(seed), least_users=5)["a"] for seed in seeds]
    of_users, of_uses = noise._scales(1.0)
    for counts, exact, scale in (
        ([one.users for one in found], 1_000, of_users),
        ([one.completed for one in found], 4_000, of_uses),
        ([one.failed for one in found], 3_000, of_uses),
        ([one.invocations - one.completed - one.failed for one in found], 2_000, of_uses),
    ):
        assert np.mean(counts) == pytest.approx(exact, abs=float(scale) / 3)
        # The mean distance from the exact count is the scale.
        assert np.mean(np.abs(np.array(counts) - exact)) == pytest.approx(float(scale), rel=0.2)


@pytest.mark.parametrize("epsilon", [0.01, 0.5, 10.0])
def test_what_comes_out_is_possible(epsilon: float) -> None:
    users = [{"a": Ends(3, 1, 0), "b": Ends(0, 0, 2)}] * 6
    for seed in range(40):
        for one in noised_counts(users, ["a", "b"], epsilon, random.Random(seed), least_users=5).values():
            assert one.users >= 5
            assert min(one.completed, one.failed) >= 0
            assert one.completed + one.failed <= one.invocations
            assert one.users <= one.invocations


def test_neighbours_are_told_apart_no_better_than_epsilon_allows() -> None:
    """With and without one user, no outcome is more than exp(ε) as likely: of one count, with all of ε behind it."""
    scale = float(noise._scales(1.0)[1])
    law = stats.dlaplace(1 / scale)
    k = np.arange(-2_000, 2_000)
    ratio = law.pmf(k) / law.pmf(k - noise.SKILLS_PER_USER * noise.USES_PER_SKILL)
    of_users = stats.dlaplace(1 / float(noise._scales(1.0)[0]))
    ratio_of_users = of_users.pmf(k[1_900:2_100]) / of_users.pmf(k[1_900:2_100] - noise.SKILLS_PER_USER)
    assert ratio.max() * ratio_of_users.max() == pytest.approx(exp(1.0), rel=1e-6)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, 0.001, 101.0, float("nan"), float("inf")])
def test_an_epsilon_that_means_nothing_is_refused(epsilon: float) -> None:
    with pytest.raises(InvalidInput, match="epsilon"):
        noised_counts([], ["a"], epsilon, random.Random(1), least_users=5)
