"""Sorting skills into categories: two public taxonomies, five folds, beside what is usual; how it abstains.

The labelled skills lie beside the repository (``shared/data/skills``), and so does the model. Of davila7-dir the
categories with twelve skills or more are taken: these are the 15 that the reference was measured on. Folds are made
twice: at random, as the reference was, and so that skills of one name, one description, or nearly one text are never
taught with and judged. Intervals: 95 %, by 1,000 bootstrap samples of such groups. ECE: expected calibration error over
tenths. Weights, ridge and balance were chosen on these labels, by some thirty trials that differed by less than the
intervals are wide.
"""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.svm import LinearSVC  # type: ignore[import-untyped]

from bench.measuring import show
from session_buddy.catalog.taxonomy.categoriser import Example, Ints, Judgement, alike_groups, judged_unseen, teach
from session_buddy.catalog.taxonomy.evaluation import Figure, Quality, folds_of, quality_of
from session_buddy.catalog.taxonomy.texts import Meaning, SkillText, Weighing, Wording, counted
from session_buddy.learning.search.embedding import ModelPlace, choose_embedder
from session_buddy.learning.words import spoken_name, stems_of

SHARED = Path(__file__).parents[2] / "shared"
_LABELS = SHARED / "data" / "skills" / "category_labels.csv"
_MODEL = SHARED / "models" / "all-MiniLM-L6-v2"
_LEAST = {"voltagent-openclaw": 1, "davila7-dir": 12}
_GOALS = {"voltagent-openclaw": (0.347, 0.42), "davila7-dir": (0.662, 0.74)}
_WORDING = Wording(spoken_name, stems_of)
_PRECISION = 0.8
_FEW = (1, 2, 5, 10, 20)

Folds = Sequence[tuple[Ints, Ints]]
Rows = NDArray[np.float32]


def run() -> None:
    """Print the tables of both taxonomies, and what sorting takes."""
    if not _LABELS.is_file():
        print(f"No labelled skills at {_LABELS}: nothing is measured.")
        return
    choice = choose_embedder(ModelPlace(_MODEL if _MODEL.is_dir() else None))
    for scheme in _LEAST:
        examples = _examples(scheme)
        texts = [one.text for one in examples]
        meaning = None
        if choice.notice is None:
            meaning = choice.embedder.embed([f"{spoken_name(one.name)}. {one.description}" for one in texts])
        _scheme(scheme, examples, meaning)


def _examples(scheme: str) -> list[Example]:
    with _LABELS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["scheme"] == scheme]
    sizes = Counter(row["category"] for row in rows)
    return [
        Example(SkillText(row["name"], row["description"]), row["category"])
        for row in rows
        if sizes[row["category"]] >= _LEAST[scheme]
    ]


def _scheme(scheme: str, examples: list[Example], meaning: Meaning | None) -> None:
    labels = [one.category for one in examples]
    counts = counted([one.text for one in examples], _WORDING)
    groups = alike_groups([one.text for one in examples], Weighing.of(counts).weighed(counts))
    random = [
        (train.astype(np.int64), test.astype(np.int64))
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels)
    ]
    rows = []
    ours: dict[str, Quality] = {}
    for split, folds in (("at random", random), ("copies together", folds_of(labels, groups))):
        for name, predicted in _usual(examples, meaning).items():
            told = _predicted(labels, folds, predicted)
            rows.append((name, split, *_figures(quality_of(labels, told, groups)), "", "", ""))
        for name, vectors in (("ours, without a model", None), ("ours", meaning)):
            if name == "ours" and vectors is None:
                continue
            began = time.perf_counter()
            told = judged_unseen(examples, folds, _WORDING, vectors, precision=_PRECISION)
            seconds = (time.perf_counter() - began) / 5
            quality = ours[f"{name}, {split}"] = quality_of(labels, told, groups)
            kept = f"{quality.covered:.1%} / " + ("-" if quality.precision is None else f"{quality.precision:.3f}")
            rows.append((name, split, *_figures(quality), _figure(quality.calibration_error), kept, f"{seconds:.1f}"))
    reference, goal = _GOALS[scheme]
    title = (
        f"{scheme}: {len(examples):,} skills, {len(set(labels))} categories, {len(set(groups.tolist())):,} groups;"
        f" reference {reference}, to be exceeded {goal}"
    )
    columns = ("", "folds", "accuracy", "macro-F1", "ECE", f"told / right at {_PRECISION}", "s a fold")
    show(title, columns, rows)
    _abstaining(scheme, ours)
    _seeds(scheme, examples, groups, meaning)
    _few(scheme, examples, groups, meaning)


def _usual(examples: Sequence[Example], meaning: Meaning | None) -> dict[str, Callable[[Ints, Ints], list[str]]]:
    """Return what is usual: each tells the categories of the second places from the first ones."""
    texts = [f"{one.text.name} {one.text.description}" for one in examples]
    labels = np.array([one.category for one in examples])

    def of_texts(model: object) -> Callable[[Ints, Ints], list[str]]:
        def predicted(train: Ints, test: Ints) -> list[str]:
            pipeline = make_pipeline(TfidfVectorizer(), model)
            pipeline.fit([texts[place] for place in train], labels[train])
            return [str(one) for one in pipeline.predict([texts[place] for place in test])]

        return predicted

    def centroids(train: Ints, test: Ints) -> list[str]:
        assert meaning is not None
        names = sorted(set(labels[train].tolist()))
        means = np.array([meaning[train][labels[train] == name].mean(axis=0) for name in names])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return [names[place] for place in (meaning[test] @ means.T).argmax(axis=1)]

    def of_meaning(train: Ints, test: Ints) -> list[str]:
        assert meaning is not None
        model = LogisticRegression(C=10, max_iter=300, class_weight="balanced").fit(meaning[train], labels[train])
        return [str(one) for one in model.predict(meaning[test])]

    found: dict[str, Callable[[Ints, Ints], list[str]]] = {
        "TF-IDF, logistic regression": of_texts(LogisticRegression(max_iter=300)),
        "the same, classes balanced": of_texts(LogisticRegression(max_iter=300, class_weight="balanced")),
        "TF-IDF, linear SVM": of_texts(LinearSVC()),
    }
    if meaning is not None:
        found["meaning, nearest centroid"] = centroids
        found["meaning, logistic regression"] = of_meaning
    return found


def _predicted(labels: Sequence[str], folds: Folds, predicted: Callable[[Ints, Ints], list[str]]) -> list[Judgement]:
    found: dict[int, str] = {}
    for train, test in folds:
        found.update(zip(test.tolist(), predicted(train, test), strict=True))
    return [Judgement(category=found[place], confidence=1.0, second=None, is_sure=True) for place in range(len(labels))]


def _figures(quality: Quality) -> tuple[str, str]:
    return _figure(quality.accuracy), _figure(quality.macro_f1)


def _figure(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})"


def _abstaining(scheme: str, ours: dict[str, Quality]) -> None:
    rows = [
        (name, *(f"{one.accuracy:.3f} from {one.threshold:.2f}" for one in quality.abstaining))
        for name, quality in ours.items()
    ]
    coverages = [f"surest {one.coverage:.0%}" for one in next(iter(ours.values())).abstaining]
    show(f"{scheme}: right of the surest, and from which confidence on", ("", *coverages), rows)


def _seeds(scheme: str, examples: list[Example], groups: Ints, meaning: Meaning | None) -> None:
    """Print what other folds give, copies together."""
    labels = [one.category for one in examples]
    rows = []
    for seed in (1, 2):
        told = judged_unseen(examples, folds_of(labels, groups, seed=seed), _WORDING, meaning, precision=_PRECISION)
        quality = quality_of(labels, told, groups)
        rows.append((seed, *_figures(quality), _figure(quality.calibration_error)))
    show(f"{scheme}: other folds, copies together", ("seed", "accuracy", "macro-F1", "ECE"), rows)


def _few(scheme: str, examples: list[Example], groups: Ints, meaning: Meaning | None) -> None:
    """Print what few labels of each category are worth, with and without the categories' names as examples."""
    labels = np.array([one.category for one in examples])
    names = sorted(set(labels.tolist()))
    words = [Example(SkillText(name), name, is_skill=False) for name in names]
    embedder = choose_embedder(ModelPlace(_MODEL if _MODEL.is_dir() else None)).embedder
    of_words = None if meaning is None else embedder.embed([f"{spoken_name(name)}. " for name in names])
    random = np.random.default_rng(1)
    _, test = folds_of(labels.tolist(), groups)[0]
    others = np.setdiff1d(np.arange(len(examples)), test)
    rows = []
    for each in _FEW:
        chosen = np.concatenate([random.permutation(others[labels[others] == name])[:each] for name in names])
        right = []
        for more in ([], words):
            taught = [*(examples[place] for place in chosen), *more]
            vectors = meaning
            if meaning is not None and of_words is not None:
                vectors = np.vstack([meaning[chosen], of_words]) if more else meaning[chosen]
            model, _ = teach(taught, _WORDING, vectors, precision=_PRECISION)
            told = model.judge(
                [examples[place].text for place in test], _WORDING, None if meaning is None else meaning[test]
            )
            right.append(np.mean([one.category == label for one, label in zip(told, labels[test], strict=True)]))
        rows.append((each, *(f"{one:.3f}" for one in right)))
    show(f"{scheme}: few labels of each category", ("labels each", "accuracy", "with the names of categories"), rows)
