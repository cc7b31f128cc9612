"""Are the arms as large as they were meant to be? If not, no figure of the experiment can be trusted. Pure.

Source: A. Fabijan and others, "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", KDD 2019.
"""

from __future__ import annotations

import msgspec
from scipy.special import chdtrc  # type: ignore[import-untyped]

__all__ = ["MISMATCH", "Balance", "balance"]

MISMATCH = 0.001
"""The p below which arms are called unbalanced: looked at often, it must be rare by chance."""
_LEAST_EXPECTED = 5.0
"""Users that the smaller arm must be expected to have for the chi-square to hold."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Users of both arms beside the share that was meant."""

    control: int
    treatment: int
    control_share: float
    """That was meant, 0 to 1."""
    chi_square: float | None = None
    p_value: float | None = None
    """Of so uneven a split by chance; None where there are too few users to tell."""

    @property
    def is_mismatched(self) -> bool:
        """Whether chance does not explain the split."""
        return self.p_value is not None and self.p_value < MISMATCH


def balance(control: int, treatment: int, control_share: float) -> Balance:
    """Return how the users of both arms fit a share of *control_share* for control (chi-square, one degree)."""
    total = control + treatment
    expected = control_share * total, (1 - control_share) * total
    if min(expected) < _LEAST_EXPECTED:
        return Balance(control=control, treatment=treatment, control_share=control_share)
    chi_square = sum((seen - meant) ** 2 / meant for seen, meant in zip((control, treatment), expected, strict=True))
    return Balance(
        control=control,
        treatment=treatment,
        control_share=control_share,
        chi_square=chi_square,
        p_value=float(chdtrc(1, chi_square)),
    )
