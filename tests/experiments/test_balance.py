from __future__ import annotations

import json
from pathlib import Path

import pytest
from gbstats.utils import check_srm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from session_buddy.experiments.balance import balance


@given(st.integers(0, 5_000), st.integers(0, 5_000), st.floats(0.05, 0.95))
def test_agreement_with_gbstats_and_scipy(control: int, treatment: int, share: float) -> None:
    found = balance(control, treatment, share)
    if found.p_value is None:
        assert min(share, 1 - share) * (control + treatment) < 5
        return
    total = control + treatment
    expected = stats.chisquare([control, treatment], [share * total, (1 - share) * total])
    assert found.chi_square == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)
    assert found.p_value == pytest.approx(check_srm([control, treatment], [share, 1 - share]), rel=1e-9, abs=1e-300)


def test_the_published_figure(shared: Path) -> None:
    arms = json.loads((shared / "data/experiments/published.json").read_text())["cookie_cats"]["arms"]
    found = balance(arms["gate_30"]["users"], arms["gate_40"]["users"], 0.5)
    assert found.chi_square == pytest.approx(6.902, abs=5e-4)
    assert found.p_value == pytest.approx(0.0086, abs=5e-5)
    assert not found.is_mismatched


def test_a_lost_arm_is_seen_and_few_users_are_not_judged() -> None:
    assert balance(1_000, 800, 0.5).is_mismatched
    assert not balance(9, 0, 0.5).is_mismatched
    assert balance(0, 0, 0.5).p_value is None
