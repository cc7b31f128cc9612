from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.learning.search.reranking import (
    LEAST_FACTOR,
    MOST_FACTOR,
    Habits,
    factor_of,
    phase_share,
    shrunken_success,
)
from session_buddy.model import Phase
from tests.learning.search.making import card
from tests.making import NOW, shifted

HABITS = Habits(0.8, {Phase.EXECUTION: 0.7, Phase.VERIFICATION: 0.3})


def factor(*, phase: Phase | None = None, now: str | None = None, **fields: object) -> float:
    return factor_of(card("s", **fields), HABITS, phase=phase, now=now)


def test_a_skill_that_was_never_used_is_neither_lifted_nor_lowered() -> None:
    assert factor(phase=Phase.VERIFICATION, now=NOW) == pytest.approx(1)


def test_what_succeeds_rises_and_what_fails_sinks_and_few_uses_count_little() -> None:
    assert factor(completed=500) > factor(completed=2) > 1 > factor(failed=2) > factor(failed=500)
    assert shrunken_success(card("s", completed=1), HABITS) == pytest.approx((1 + 8) / 11)
    assert factor(failed=1) > 0.98


def test_what_is_used_in_the_phase_rises() -> None:
    fits, fits_not = {"verification": 90, "execution": 10}, {"execution": 100}
    asked = Phase.VERIFICATION
    assert factor(phase=asked, phases=fits) > 1 > factor(phase=asked, phases=fits_not)
    assert factor(phase=None, phases=fits) == 1
    assert phase_share(card("s", phases=fits), HABITS, asked) == pytest.approx((90 + 3) / 110)
    assert factor(phase=Phase.CLEANUP, phases=fits) == 1, "a phase that nobody has been in tells nothing"


def test_what_is_in_use_rises_and_nothing_sinks_for_its_age() -> None:
    fresh, month, old = (factor(now=NOW, last_used_at=shifted(NOW, days=-days)) for days in (0, 30, 3_000))
    assert fresh == pytest.approx(1.05)
    assert month == pytest.approx(1.025)
    assert old == pytest.approx(1)
    assert factor(now=NOW, last_used_at=shifted(NOW, days=9)) == pytest.approx(1.05), "a clock that is behind"
    assert factor(now=NOW, last_used_at="9999-12-31T00:00:00.000Z") == pytest.approx(1.05), "a clock that is wrong"


counts = st.integers(0, 10**9)


@given(counts, counts, counts, counts, st.sampled_from(Phase), st.floats(0, 1), st.floats(0, 1))
def test_the_factor_stays_in_its_bounds(
    completed: int, failed: int, here: int, elsewhere: int, phase: Phase, success: float, usual: float
) -> None:
    one = card("s", completed=completed, failed=failed, phases={phase: here, "other": elsewhere}, last_used_at=NOW)
    found = factor_of(one, Habits(success, {phase: usual}), phase=phase, now=NOW)
    assert LEAST_FACTOR - 1e-9 <= found <= MOST_FACTOR + 1e-9


def test_habits_are_those_of_all_skills_together() -> None:
    habits = Habits.of(
        [card("a", completed=3, failed=1, phases={"setup": 1}), card("b", completed=1, phases={"execution": 3})]
    )
    assert habits.success == pytest.approx(4 / 5)
    assert habits.phases == {"setup": 0.25, "execution": 0.75, "verification": 0, "cleanup": 0}
    assert Habits.of([]) == Habits()
