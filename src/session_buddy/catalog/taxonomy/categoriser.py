"""Which category a skill belongs to, learned from skills that somebody put into one; how surely, or not at all. Pure.

Kernel ridge regression on the likeness of texts: one row of targets a category, with an intercept. Its predictions for
what it has not seen follow in closed form from one inverse, so every labelled skill is judged by what the others teach;
those that are nearly the same text are left out together, else copies would vouch for each other. On these judgements a
logistic regression learns from the best score, and its distance from the second, how often the best is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import linalg  # type: ignore[import-untyped]
from scipy.sparse import csgraph, csr_matrix  # type: ignore[import-untyped]

from session_buddy.catalog.taxonomy.texts import (
    WHOLE,
    Floats,
    Meaning,
    SkillText,
    Sparse,
    Weighing,
    Wording,
    counted,
    likeness,
)
from session_buddy.intervals import wilson_interval

__all__ = [
    "MOST_OTHER",
    "OTHER_SORT",
    "SAME_SORT",
    "Categoriser",
    "Example",
    "Judgement",
    "Taught",
    "alike_groups",
    "judged_unseen",
    "teach",
    "threshold_for",
]

RIDGE = 0.5
BALANCE = 0.5
"""A category counts by its number of skills to the power of -0.5: rare ones are heard, and do not shout."""
NEARLY_THE_SAME = 0.8
"""Texts so alike are no evidence for each other."""
LEAST_SURE = 20
"""So many judgements must lie above a threshold for it to be one."""
_Z = 1.2815515655446004
"""The precision is at least what is promised with a chance of 90 %."""
SAME_SORT, OTHER_SORT, MOST_OTHER = 0.05, 0.25, 0.5
"""Such a part of the labelled skills is less like the others than what we dare to judge: more, where those to be judged
are of another sort than those that teach, as skills in prose are beside rules for commands."""
_ALIKE_TEXT = 12
"""Descriptions of so many letters are not the same by chance."""
_BLOCK = 2_000

Ints = NDArray[np.int64]


class Example(NamedTuple):
    """A skill that somebody put into a category."""

    text: SkillText
    category: str
    weight: float = 1.0
    """How much it teaches: what a person said counts more."""
    is_skill: bool = True
    """False for the words of a category itself: they teach, and say nothing of how often we are right."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a skill seems to belong."""

    category: str
    confidence: float
    """The chance that this is right, 0-1, to four digits."""
    second: str | None
    """Where it would belong otherwise."""
    is_sure: bool
    """Whether the confidence reaches the threshold; where it does not, nothing should be said."""


class Taught(NamedTuple):
    """The labelled skills as they were judged by the others."""

    truth: list[str]
    judgements: list[Judgement]


@dataclass(frozen=True, eq=False)
class Categoriser:
    """What was learned. Nothing in it changes."""

    categories: tuple[str, ...]
    weighing: Weighing
    rows: Sparse
    meaning: Meaning | None
    """``None`` where it was taught without vectors; it then takes none."""
    pull: Floats
    """What each example adds to the score of each category, times its likeness."""
    calibration: tuple[float, float, float]
    """Of the logistic regression: intercept, best score, distance from the second."""
    threshold: float | None
    """``None`` where no confidence keeps what is promised: then it is never sure."""
    nearest: float
    """What is less like every example than this is like none of them, and it is not sure of that."""
    taught: int
    """Labelled skills."""

    def judge(self, texts: Sequence[SkillText], wording: Wording, meaning: Meaning | None = None) -> list[Judgement]:
        """Return a judgement of each of *texts*; *meaning* has a row for each where it was taught with vectors."""
        found: list[Judgement] = []
        for start in range(0, len(texts), _BLOCK):
            part = slice(start, start + _BLOCK)
            rows = self.weighing.weighed(counted(texts[part], wording))
            both = None if self.meaning is None or meaning is None else (meaning[part], self.meaning)
            alike = likeness(rows, self.rows, both)
            found += self.told((alike + 1) @ self.pull, alike.max(axis=1))
        return found

    def told(self, scores: Floats, nearest: Floats) -> list[Judgement]:
        """Return what *scores* say, a row a skill and a column a category, with the likeness to the nearest example."""
        if not len(scores):
            return []
        order = np.argsort(-scores, axis=1, kind="stable")
        sure = _confidence(*_evidence(scores), self.calibration)
        is_sure = np.zeros(len(sure), dtype=bool) if self.threshold is None else sure >= self.threshold
        columns = (order[:, 0], order[:, 1], sure, is_sure & (nearest >= self.nearest))
        return [
            Judgement(
                category=self.categories[first],
                confidence=confidence,
                second=self.categories[second],
                is_sure=reaches,
            )
            for first, second, confidence, reaches in zip(*(column.tolist() for column in columns), strict=True)
        ]


def teach(
    examples: Sequence[Example],
    wording: Wording,
    meaning: Meaning | None = None,
    *,
    precision: float,
    odd: float = SAME_SORT,
) -> tuple[Categoriser, Taught]:
    """Return what *examples*, of two categories at least, teach, and how it judges each of them unseen.

    It is sure of a skill where at least *precision* of such judgements would be right, by :func:`threshold_for`.
    What is less like every example than a part *odd* of them is like another is never sure. *meaning* has a row for
    each of *examples*, or is ``None``. The same examples in the same order teach the same.
    Takes the cube of their number: a second for 1,500.
    """
    categories = tuple(sorted({example.category for example in examples}))
    if len(categories) < 2:
        raise ValueError("there must be two categories to choose between")
    place = {name: at for at, name in enumerate(categories)}
    labels = np.array([place[example.category] for example in examples], dtype=np.int64)
    is_skill = np.array([example.is_skill for example in examples])
    counts = counted([example.text for example in examples], wording)
    weighing = Weighing.of(counts)
    rows = weighing.weighed(counts)
    alike = likeness(rows, rows, None if meaning is None else (meaning, meaning))
    targets = np.eye(len(categories))[labels]
    weights = np.array([example.weight for example in examples]) * _balance(labels, is_skill, len(categories))
    inverse = linalg.inv(alike + 1 + np.diag(RIDGE / weights), overwrite_a=True, check_finite=False)
    pull = inverse @ targets
    groups = alike_groups([example.text for example in examples], rows)
    unseen = _left_out(inverse, pull, targets, groups)[is_skill]
    nearest = np.where(groups[:, None] == groups[None, :], 0, alike).max(axis=1)[is_skill]
    right = unseen.argmax(axis=1) == labels[is_skill]
    calibration = _calibrated(*_evidence(unseen), right)
    least = float(np.quantile(nearest, odd))
    sure = np.where(nearest >= least, _confidence(*_evidence(unseen), calibration), 0)
    threshold = threshold_for(sure, right, precision)
    model = Categoriser(
        categories, weighing, rows, meaning, pull, calibration, threshold, least, int(is_skill.sum())
    )  # fmt: skip
    truth = [example.category for example in examples if example.is_skill]
    return model, Taught(truth, model.told(unseen, nearest))


def alike_groups(texts: Sequence[SkillText], rows: Sparse) -> Ints:
    """Return a number for each of *texts*, the same for those that are nearly the same.

    They have one name, or one description, or *rows* whose words and letters are alike; and so has what is alike to
    one of them.
    """
    product = (rows @ rows.T).tocoo()
    near = product.data >= NEARLY_THE_SAME * WHOLE
    pairs = [np.column_stack([product.row[near], product.col[near]])]
    for keys in (
        [text.name.casefold() for text in texts],
        [text.description.casefold() if len(text.description) >= _ALIKE_TEXT else "" for text in texts],
    ):
        first: dict[str, int] = {}
        same = [(first.setdefault(key, place), place) for place, key in enumerate(keys) if key]
        pairs.append(np.array(same, dtype=np.int64).reshape(-1, 2))
    ends = np.concatenate(pairs)
    graph = csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(texts), len(texts)))
    groups: Ints = csgraph.connected_components(graph, directed=False)[1].astype(np.int64)
    return groups


def threshold_for(confidence: Floats, right: NDArray[np.bool_], precision: float) -> float | None:
    """Return the least confidence, *precision* or more, from which on that part is right; ``None`` where there is none.

    That it is so must be likely (90 %, Wilson), and at least twenty of those at hand must reach it. What is less sure
    than *precision* is not said even where others would make up for it: skills to be judged may be of another sort
    than those that were labelled.
    """
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    found = None
    for count in range(LEAST_SURE, len(order) + 1):
        last = confidence[order[count - 1]]
        if count < len(order) and confidence[order[count]] == last:
            continue
        interval = wilson_interval(int(hits[count - 1]), count, _Z)
        if last >= precision and interval is not None and interval[0] >= precision:
            found = float(last)
    return found


def judged_unseen(
    examples: Sequence[Example],
    folds: Sequence[tuple[Ints, Ints]],
    wording: Wording,
    meaning: Meaning | None = None,
    *,
    precision: float,
    odd: float = SAME_SORT,
) -> list[Judgement]:
    """Return a judgement of each of *examples* that is in a fold, in their order, by what is taught without its fold.

    *folds* are places to teach with and places to judge; those that have one category to teach with are refused.
    """
    found: dict[int, Judgement] = {}
    for train, test in folds:
        model, _ = teach(
            [examples[place] for place in train],
            wording,
            None if meaning is None else meaning[train],
            precision=precision,
            odd=odd,
        )
        told = model.judge(
            [examples[place].text for place in test], wording, None if meaning is None else meaning[test]
        )
        found.update(zip(test.tolist(), told, strict=True))
    return [found[place] for place in sorted(found)]


def _balance(labels: Ints, is_skill: NDArray[np.bool_], categories: int) -> Floats:
    sizes = np.maximum(np.bincount(labels[is_skill], minlength=categories), 1).astype(np.float64)
    balance: Floats = (sizes.mean() / sizes[labels]) ** BALANCE
    return balance


def _left_out(inverse: Floats, pull: Floats, targets: Floats, groups: Ints) -> Floats:
    """Return the scores of each example by what is taught without its group.

    With A the inverse's inverse and G the group: y_G - (A⁻¹_GG)⁻¹ (A⁻¹ y)_G.
    """
    scores = np.empty_like(targets)
    order = np.argsort(groups, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        inner = inverse[np.ix_(members, members)]
        scores[members] = targets[members] - linalg.solve(inner, pull[members], assume_a="pos")
    return scores


def _evidence(scores: Floats) -> tuple[Floats, Floats]:
    ordered = np.sort(scores, axis=1)
    return ordered[:, -1], ordered[:, -1] - ordered[:, -2]


def _calibrated(best: Floats, ahead: Floats, right: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Fit the logistic regression; targets are smoothed as Platt (1999) has them, so few examples are never certain."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    good = (right.sum() + 1) / (right.sum() + 2)
    bad = 1 / ((~right).sum() + 2)
    share = np.where(right, good, bad)
    evidence = np.column_stack([best, ahead])
    fit = LogisticRegression(C=100.0).fit(
        np.vstack([evidence, evidence]),
        np.repeat([1, 0], len(right)),
        sample_weight=np.concatenate([share, 1 - share]),
    )
    return float(fit.intercept_[0]), float(fit.coef_[0, 0]), float(fit.coef_[0, 1])


def _confidence(best: Floats, ahead: Floats, calibration: tuple[float, float, float]) -> Floats:
    intercept, of_best, of_ahead = calibration
    sure: Floats = np.round(1 / (1 + np.exp(-(intercept + of_best * best + of_ahead * ahead))), 4)
    return sure
