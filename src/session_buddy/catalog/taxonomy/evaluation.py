"""How good a categoriser is on skills that it was not taught with: figures with intervals. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.catalog.taxonomy.categoriser import Ints, Judgement
from session_buddy.catalog.taxonomy.texts import Floats

__all__ = ["Abstaining", "Figure", "Quality", "calibration_error", "folds_of", "macro_f1", "quality_of"]

_DRAWS = 1_000
_BINS = 10
_COVERAGES = (0.1, 0.25, 0.5, 0.75, 1.0)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with the interval in which it lies with 95 % confidence (bootstrap)."""

    value: float
    low: float
    high: float


class Abstaining(msgspec.Struct, frozen=True, kw_only=True):
    """What saying nothing of the least sure ones is worth."""

    coverage: float
    """The part of all skills of which something is said, the surest first."""
    threshold: float
    """The confidence of the least sure among those."""
    accuracy: float
    """The part of those that are right."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How good judgements of labelled skills are."""

    skills: int
    categories: int
    accuracy: Figure
    macro_f1: Figure
    """The mean over categories of the harmonic mean of precision and recall: rare ones count like frequent ones."""
    calibration_error: Figure
    """How far confidence is from the part that is right: mean of the distance over tenths of equal size."""
    covered: float
    """The part that reached the threshold."""
    precision: float | None
    """The part of those that are right; ``None`` where there are none."""
    abstaining: list[Abstaining]


def folds_of(labels: Sequence[str], groups: Ints, *, parts: int = 5, seed: int = 0) -> list[tuple[Ints, Ints]]:
    """Return places to teach with and places to judge, *parts* times; what is of one group is never in both.

    Categories are spread evenly, as far as groups allow.
    """
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold  # type: ignore[import-untyped]

    split = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # That a category has fewer skills than there are parts is so, and no fault.
        warnings.simplefilter("ignore", UserWarning)
        found = list(split.split(np.zeros(len(labels)), np.array(labels), groups))
    return [(train.astype(np.int64), test.astype(np.int64)) for train, test in found]


def quality_of(truth: Sequence[str], judgements: Sequence[Judgement], groups: Ints, *, seed: int = 0) -> Quality:
    """Return how good *judgements* are; there must be some. Intervals draw whole *groups*, as copies stand together."""
    names = sorted({*truth, *(one.category for one in judgements)})
    place = {name: at for at, name in enumerate(names)}
    wanted = np.array([place[name] for name in truth])
    told = np.array([place[one.category] for one in judgements])
    sure = np.array([one.confidence for one in judgements])
    right = wanted == told
    is_sure = np.array([one.is_sure for one in judgements])
    draws = _draws(groups, seed)

    def figure(measured: float, drawn: list[float]) -> Figure:
        low, high = np.quantile(drawn, (0.025, 0.975))
        return Figure(value=measured, low=float(low), high=float(high))

    return Quality(
        skills=len(truth),
        categories=len(set(truth)),
        accuracy=figure(float(right.mean()), [float(right[draw].mean()) for draw in draws]),
        macro_f1=figure(
            macro_f1(wanted, told, len(names)), [macro_f1(wanted[draw], told[draw], len(names)) for draw in draws]
        ),
        calibration_error=figure(
            calibration_error(sure, right), [calibration_error(sure[draw], right[draw]) for draw in draws]
        ),
        covered=float(is_sure.mean()),
        precision=float(right[is_sure].mean()) if is_sure.any() else None,
        abstaining=_abstaining(sure, right),
    )


def macro_f1(wanted: Ints, told: Ints, categories: int) -> float:
    """Return the mean F1 over the categories that are wanted or told: 2 hits / (wanted + told)."""
    hits = np.bincount(wanted[wanted == told], minlength=categories)
    both = np.bincount(wanted, minlength=categories) + np.bincount(told, minlength=categories)
    return float((2 * hits[both > 0] / both[both > 0]).mean())


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error: over ten bins of equal size, the mean of |confidence - part right|.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    order = np.argsort(confidence, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    apart = [len(part) * abs(confidence[part].mean() - right[part].mean()) for part in bins]
    return float(sum(apart) / len(order))


def _draws(groups: Ints, seed: int) -> list[Ints]:
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    random = np.random.default_rng(seed)
    return [
        np.concatenate([members[place] for place in random.integers(0, len(members), len(members))])
        for _ in range(_DRAWS)
    ]


def _abstaining(confidence: Floats, right: NDArray[np.bool_]) -> list[Abstaining]:
    order = np.argsort(-confidence, kind="stable")
    found = []
    for coverage in _COVERAGES:
        kept = order[: max(1, round(coverage * len(order)))]
        found.append(
            Abstaining(coverage=coverage, threshold=float(confidence[kept[-1]]), accuracy=float(right[kept].mean()))
        )
    return found
