from __future__ import annotations

import gc
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import multitest

from session_buddy.experiments.multiplicity import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_agreement_with_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted(p_values, "holm"), abs=1e-12)
    assert benjamini_hochberg(p_values) == pytest.approx(adjusted(p_values, "fdr_bh"), abs=1e-12)


def adjusted(p_values: list[float], method: str) -> Any:
    # It collects garbage at each call, which takes longer than all else.
    with patch.object(gc, "collect"):
        return multitest.multipletests(p_values, method=method)[1]


def test_none_are_none() -> None:
    assert holm([]) == benjamini_hochberg([]) == []
