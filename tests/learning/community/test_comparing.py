"""Above, below, or nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from session_buddy.learning.community.comparing import UserStanding, compare, estimate
from session_buddy.learning.community.counts import Counts


def counts(completed: int, failed: int, **fields: float) -> Counts:
    return Counts(users=9, invocations=completed + failed, completed=completed, failed=failed, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("own", "others"), [((9, 1), (700, 300)), ((0, 4), (88, 2)), ((50, 50), (51, 49))])
def test_the_interval_of_the_difference_is_newcombes(own: tuple[int, int], others: tuple[int, int]) -> None:
    found = compare(counts(*own), counts(*others), least_users=5).difference
    assert found is not None
    low, high = confint_proportions_2indep(
        own[0], sum(own), others[0], sum(others), compare="diff", method="newcomb", alpha=0.05
    )
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.point == pytest.approx(own[0] / sum(own) - others[0] / sum(others))


@pytest.mark.parametrize(
    ("own", "standing", "words"),
    [
        ((95, 5), UserStanding.ABOVE, "+25 points beside the others, "),
        ((30, 70), UserStanding.BELOW, "-40 points beside the others, "),
        ((3, 0), UserStanding.CANNOT_TELL, "With 3 uses the difference may be chance: "),
        ((1, 0), UserStanding.CANNOT_TELL, "With 1 use the difference may be chance: "),
        ((0, 0), UserStanding.CANNOT_TELL, "None of these uses completed or failed."),
    ],
)
def test_a_standing_comes_with_its_reason(own: tuple[int, int], standing: UserStanding, words: str) -> None:
    found = compare(counts(*own), counts(700, 300), least_users=5)
    assert found.standing is standing
    assert found.reason.startswith(words)


def test_beside_nobody_nothing_is_told() -> None:
    found = compare(counts(9, 1), None, least_users=5)
    assert (found.standing, found.difference) == (UserStanding.CANNOT_TELL, None)
    assert found.reason == "Fewer than 5 other users use it."
    assert (
        compare(counts(9, 1), counts(0, 0), least_users=5).reason == "None of the uses of others completed or failed."
    )


def test_equals_are_called_different_one_time_in_twenty() -> None:
    rng = np.random.default_rng(1)
    wrong = 0
    for mine, theirs in zip(rng.binomial(40, 0.8, 2_000), rng.binomial(400, 0.8, 2_000), strict=True):
        found = compare(counts(int(mine), 40 - int(mine)), counts(int(theirs), 400 - int(theirs)), least_users=5)
        wrong += found.standing is not UserStanding.CANNOT_TELL
    assert 0.02 < wrong / 2_000 < 0.07


def test_noise_widens_the_interval_so_that_it_still_holds() -> None:
    rng = np.random.default_rng(2)
    scale, held, exact_held, n = 133.0, 0, 0, 1_500
    variance = 2 * scale**2
    for _ in range(n):
        completed = rng.binomial(4_000, 0.8)
        c, f = (max(0, round(k + rng.laplace(0, scale))) for k in (completed, 4_000 - completed))
        noised, naive = estimate(counts(c, f, noise_variance=variance)), estimate(counts(c, f))
        assert noised is not None and naive is not None
        held += noised.low <= 0.8 <= noised.high
        exact_held += naive.low <= 0.8 <= naive.high
    assert exact_held / n < 0.8
    assert held / n > 0.92


def test_no_rate_no_estimate() -> None:
    assert estimate(Counts(users=3, invocations=5)) is None


def test_sums_add_and_parts_can_be_taken_out() -> None:
    part = Counts(users=1, invocations=5, completed=3, failed=1, duration_seconds=0.1, timed=1)
    rest = Counts(users=6, invocations=70, completed=60, failed=7, duration_seconds=0.7, timed=9, noise_variance=2.0)
    left = (part + rest).without(part)
    assert (left.users, left.invocations, left.completed, left.failed, left.timed) == (6, 70, 60, 7, 9)
    assert left.avg_duration_seconds == pytest.approx(rest.avg_duration_seconds)
    assert left.noise_variance == 2.0
    assert part.without(part).avg_duration_seconds is None
    assert part.without(part).rate is None
