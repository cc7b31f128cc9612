"""How good a recommender is on uses that it was not shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.interactions import Interactions, Matrix
from session_buddy.learning.recommenders.contract import Recommender

__all__ = ["Quality", "Split", "calibration_error", "judged", "random_split", "temporal_split"]

_BLOCK = 256
_DISCOUNTS = 1 / np.log2(np.arange(2, 12))
_Z_95 = 1.959963984540054
_MOST_ASKED_FOR = 20
_FEWEST_TO_CALIBRATE = 100


@dataclass(frozen=True, eq=False)
class Split:
    """What a recommender may learn from, and what it is asked for."""

    train: Interactions
    held_out: Matrix
    """Users by skills: the uses that were kept back. Users without any are not asked about."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Figures of one recommender on one split; means over users, with 95 % intervals by the normal approximation."""

    users: int
    """How many were asked about."""
    ndcg: float
    """nDCG@10 with gains of 0 and 1: the discounted hits among the first ten, of what an ideal list would have."""
    ndcg_margin: float
    """Half of the interval's width."""
    recall: float
    """Recall@20: the part of the held-out skills among the first twenty."""
    recall_margin: float
    coverage: float
    """The part of all skills that stands in anybody's first ten, 0-1."""
    calibration_error: float | None
    """How far the chances that scores stand for are from what came true, 0-1; see :func:`calibration_error`.

    ``None`` for fewer than a hundred users.
    """


def random_split(data: Interactions, *, part: float = 0.2, seed: int = 0) -> Split:
    """Hold out the *part* of each user's skills by lot: at least one where there are two or more."""
    drawn = np.random.default_rng(seed).random(data.used.nnz)
    return _split(data, drawn, part)


def temporal_split(data: Interactions, *, part: float = 0.2) -> Split:
    """Hold out the *part* of each user's skills that came last: at least one where there are two or more.

    The first use decides (:attr:`Interactions.since`): asked for is what a user took up next, not what a user does
    daily. What others used later may be learned from. Of pairs of the same age the first is held out.
    """
    return _split(data, data.since, part)


def _split(data: Interactions, ranks: NDArray[np.float64], part: float) -> Split:
    """Hold out those with the lowest *ranks*."""
    sizes = np.diff(data.used.indptr)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((np.arange(len(owners)), ranks, owners))
    places = np.empty(len(owners), dtype=np.int64)
    places[order] = np.arange(len(owners)) - np.repeat(data.used.indptr[:-1], sizes)
    wanted = np.where(sizes > 1, np.maximum(np.rint(sizes * part), 1), 0)
    is_held_out = places < np.repeat(wanted, sizes)
    return Split(data.with_used(~is_held_out), data.with_used(is_held_out).used)


def judged(recommender: Recommender, split: Split) -> Quality:
    """Return the quality of *recommender*, which has been fitted to :attr:`Split.train`."""
    asked = np.flatnonzero(np.diff(split.held_out.indptr))
    blocks = [_asked(recommender, split, asked[start : start + _BLOCK]) for start in range(0, len(asked), _BLOCK)]
    if not blocks:
        return Quality(
            users=0, ndcg=0.0, ndcg_margin=0.0, recall=0.0, recall_margin=0.0, coverage=0.0, calibration_error=None
        )
    first, scores, hits = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    relevant = np.diff(split.held_out.indptr)[asked]
    ideal = np.cumsum(_DISCOUNTS)[np.minimum(relevant, len(_DISCOUNTS)) - 1]
    ndcg = (hits[:, :10] * _DISCOUNTS[: hits[:, :10].shape[1]]).sum(axis=1) / ideal
    recall = hits.sum(axis=1) / relevant
    told = scores > -np.inf
    chances = _within_one(scores[:, :10])
    return Quality(
        users=len(asked),
        ndcg=float(ndcg.mean()),
        ndcg_margin=_margin(ndcg),
        recall=float(recall.mean()),
        recall_margin=_margin(recall),
        coverage=len(np.unique(first[:, :10][told[:, :10]])) / max(len(split.train.skills), 1),
        calibration_error=calibration_error(
            [row[is_told] for row, is_told in zip(chances, told[:, :10], strict=True)],
            [row[is_told] for row, is_told in zip(hits[:, :10], told[:, :10], strict=True)],
        ),
    )


def _asked(
    recommender: Recommender, split: Split, users: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the first twenty skills for each of *users*, their scores, and which of them were held out.

    Where a user has fewer, scores are -inf.
    """
    profiles, wanted = split.train.used[users], split.held_out[users]
    scores = np.array(recommender.scores(profiles))
    scores[np.repeat(np.arange(len(users)), np.diff(profiles.indptr)), profiles.indices] = -np.inf
    first = _best_of_rows(scores, _MOST_ASKED_FOR)
    is_wanted = np.zeros(scores.shape, dtype=bool)
    is_wanted[np.repeat(np.arange(len(users)), np.diff(wanted.indptr)), wanted.indices] = True
    best = np.take_along_axis(scores, first, axis=1)
    return first, best, np.take_along_axis(is_wanted, first, axis=1) & (best > -np.inf)


def _best_of_rows(scores: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the places of the *count* highest of each row, the highest first; of equal ones the first comes first."""
    if scores.shape[1] <= count:
        return np.argsort(-scores, axis=1, kind="stable")
    floors = np.partition(scores, -count, axis=1)[:, -count, None]
    rows, columns = np.nonzero(scores >= floors)
    order = np.lexsort((columns, -scores[rows, columns], rows))
    starts = np.searchsorted(rows, np.arange(scores.shape[0]))
    found: NDArray[np.int64] = columns[order][starts[:, None] + np.arange(count)]
    return found


def calibration_error(scored: Sequence[NDArray[np.float64]], came_true: Sequence[NDArray[np.bool_]]) -> float | None:
    """Return how far chances learned from the one half of users are from what came true for the other, 0-1.

    One item a user in both: the scores of the first ten, and which of them were hits. Chances are what isotonic
    regression makes of the scores of every other user. The expected calibration error: of the other users' items in ten
    groups by chance, as equal in size as can be, the mean distance of the mean chance from the part of hits.
    Source: M. P. Naeini, G. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
    AAAI 2015. ``None`` for fewer than a hundred users: half of them teach nothing.
    """
    if len(scored) < _FEWEST_TO_CALIBRATE:
        return None
    # It takes a second to load, and most commands do without.
    from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]

    learned = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(
        np.concatenate(scored[::2]), np.concatenate(came_true[::2])
    )
    chances, hits = learned.predict(np.concatenate(scored[1::2])), np.concatenate(came_true[1::2])
    order = np.argsort(chances, kind="stable")
    groups = np.array_split(order, 10)
    return float(sum(abs(chances[group].sum() - hits[group].sum()) for group in groups) / len(order))


def _within_one(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the *scores* of each row by the sum of those above 0: scales differ from user to user."""
    positive = np.maximum(scores, 0)
    scaled: NDArray[np.float64] = positive / np.maximum(positive.sum(axis=1, keepdims=True), 1e-12)
    return scaled


def _margin(values: NDArray[np.float64]) -> float:
    return float(_Z_95 * np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
