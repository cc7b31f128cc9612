"""Search: how well it finds, beside its parts and SQLite's own BM25; how fast, exact and by graph.

Relevance is judged on tasks with the skills that people chose for them, among some thousand skills; both lie beside the
repository (``shared/data/skills``), and so does the model. A name stands for all skills that have it.

Recall@k is the mean, over tasks, of the part of a task's skills among the first k names; MRR the mean of one over the
place of the first of them. Intervals: 95 %, by 2,000 bootstrap samples of the tasks.
"""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.measuring import quantile, show
from session_buddy.learning.search import fusing
from session_buddy.learning.search.embedding import (
    DIMENSIONS,
    LetterEmbedder,
    ModelPlace,
    Vectors32,
    choose_embedder,
    embed_question,
)
from session_buddy.learning.search.index import (
    SearchFunction,
    SearchQuestion,
    SkillIndex,
    semantic_search,
    workflow_aware_search,
)
from session_buddy.learning.search.reranking import SkillCard
from session_buddy.learning.search.terms import K3
from session_buddy.learning.search.vectors import ExactVectors, GraphVectors
from session_buddy.model import Phase

SHARED = Path(__file__).parents[2] / "shared"
_SKILLS = SHARED / "data" / "skills"
_MODEL = SHARED / "models" / "all-MiniLM-L6-v2"
_NOW = "2026-06-15T12:00:00.000Z"
_MANY = 100_000
_QUESTIONS = 500
_WEIGHTS = (0.3, 0.4, 0.5, 0.6, 0.7)
_BONUSES = (0.0, 0.05, 0.1, 0.15, 0.2)

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """What somebody wants, and which names people chose for it, by number."""

    question: str
    wanted: list[int]


@dataclass(frozen=True)
class Trial:
    """Tasks, and which name each skill of the catalogue has, by number."""

    cards: list[SkillCard]
    names: NDArray[np.int64]
    tasks: list[Task]

    def by_name(self, scores: Sequence[float] | Vectors32) -> Scores:
        """Return the best score that skills of each name have."""
        best = np.full(int(self.names.max()) + 1, -np.inf)
        np.maximum.at(best, self.names, np.asarray(scores, dtype=np.float64))
        return best


def run() -> None:
    """Print relevance, where the data lie beside the repository, and speed."""
    if _SKILLS.is_dir():
        _show_relevance(_read_trial())
    else:
        print(f"No relevance: there is no {_SKILLS}.")
    _show_speed()


def _read_trial() -> Trial:
    with (_SKILLS / "catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers: dict[str, int] = {}
    names = np.array([numbers.setdefault(row["name"], len(numbers)) for row in rows])
    cards = [SkillCard(skill=row["name"], description=row["description"]) for row in rows]
    told = json.loads((_SKILLS / "search_qrels.json").read_text(encoding="utf-8"))
    tasks = [Task(one["query"], [numbers[name] for name in one["relevant_skills"]]) for one in told]
    return Trial(cards, names, tasks)


def _show_relevance(trial: Trial) -> None:
    choice = choose_embedder(ModelPlace(_MODEL))
    if choice.notice:
        print(choice.notice)
    index = SkillIndex.of(trial.cards, choice.embedder)
    fts5 = np.array(list(_fts5(trial)))
    words = _words(index, trial)
    likeness, named = _likeness(index, trial), _named(index, trial)
    systems = {
        "BM25 of SQLite FTS5 (porter, words joined by OR)": fts5,
        "BM25, every word of the question as often as it stands": _plain_words(index, trial),
        f"BM25 as used (words of the question saturate, k3 = {K3:g})": words,
        f"embeddings as used ({choice.embedder.model})": likeness,
        "embeddings, the question as one text": _likeness(index, trial, whole=True),
        "fused, reciprocal ranks (k = 60)": _reciprocal(words, likeness),
        "fused (semantic_search)": _searched(index, trial, semantic_search),
        "fused and leaned (workflow_aware_search), figures by lot": _searched(
            _with_figures(index), trial, workflow_aware_search
        ),
    }
    if choice.notice is None:
        letters = SkillIndex.of(trial.cards, LetterEmbedder())
        systems["without a model: letters"] = _likeness(letters, trial)
        systems["without a model: fused"] = _searched(letters, trial, semantic_search)
    rows = [(name, *_told(_measures(scores, trial.tasks))) for name, scores in systems.items()]
    show(f"{len(trial.tasks)} tasks, {len(trial.cards):,} skills", ("", "Recall@5", "Recall@10", "MRR"), rows)
    _show_ratios({name: _measures(scores, trial.tasks) for name, scores in systems.items()})
    enough = np.array([[index.terms.enough(index.terms.asked(task.question))] for task in trial.tasks])
    _show_choice(trial, words, likeness, named, enough, index.embedder.unlike)
    _show_lengths(index, trial)


def _show_ratios(measured: dict[str, NDArray[np.float64]]) -> None:
    (fused,) = [values for name, values in measured.items() if name == "fused (semantic_search)"]
    singles = [name for name in measured if name.startswith(("BM25", "embeddings as used"))]
    rows = []
    for name in singles:
        ratios = fused.mean(axis=1) / measured[name].mean(axis=1)
        rows.append((name, *(f"{ratio:.2f}" for ratio in ratios), f"{ratios.mean():.2f}"))
    show("fused, as a multiple of", ("", "Recall@5", "Recall@10", "MRR", "mean"), rows)


def _show_lengths(index: SkillIndex, trial: Trial) -> None:
    """Show what is left of it where people say less: the first words of each task, headings apart."""
    letters = SkillIndex.of(trial.cards, LetterEmbedder())
    rows = []
    for length in (60, 25, 12, 8):
        short = replace(trial, tasks=[Task(_first(task.question, length), task.wanted) for task in trial.tasks])
        systems = (
            _words(index, short),
            _likeness(index, short),
            _searched(index, short, semantic_search),
            _searched(letters, short, semantic_search),
        )
        means = [_measures(scores, trial.tasks).mean() for scores in systems]
        ratio = means[2] / max(means[0], means[1])
        rows.append((f"first {length} words", *(f"{mean:.3f}" for mean in means), f"{ratio:.2f}"))
    columns = ("", "BM25 as used", "embeddings", "fused", "fused, letters", "fused / better single one")
    show("Short questions (mean of the three measures)", columns, rows)


def _first(question: str, words: int) -> str:
    return " ".join(re.sub(r"^#+ .*\n", "", question.strip()).split()[:words])


def _show_choice(trial: Trial, words: Scores, likeness: Scores, named: Scores, enough: Scores, unlike: float) -> None:
    """Choose weight and bonus on one half of the tasks, judge on the other, 200 times.

    Skills of one name are joined before they are weighed here, and after that in a search: figures differ a little.
    """
    grid = [(weight, bonus) for weight in _WEIGHTS for bonus in _BONUSES]
    quality = np.array(
        [_measures(_fused(words, likeness, named, enough, one, unlike), trial.tasks).mean(axis=0) for one in grid]
    )
    chance = np.random.default_rng(1)
    chosen: list[tuple[float, float]] = []
    held_out, best_single = [], []
    single = np.stack([_measures(one, trial.tasks).mean(axis=0) for one in (words, likeness)])
    for _ in range(200):
        order = chance.permutation(len(trial.tasks))
        half, rest = order[: len(order) // 2], order[len(order) // 2 :]
        best = int(quality[:, half].mean(axis=1).argmax())
        chosen.append(grid[best])
        held_out.append(quality[best, rest].mean())
        best_single.append(single[:, rest].mean(axis=1).max())
    used = grid.index((fusing.LIKENESS_WEIGHT, fusing.NAMED_BONUS))
    rows = [
        ("as used", f"{quality[used].mean():.3f}"),
        ("worst and best of the grid", f"{quality.mean(axis=1).min():.3f} to {quality.mean(axis=1).max():.3f}"),
        ("chosen on one half, judged on the other", f"{np.mean(held_out):.3f}"),
        ("the better single one on that other half", f"{np.mean(best_single):.3f}"),
        ("weight chosen, median", f"{np.median([weight for weight, _ in chosen]):g}"),
        ("bonus chosen, median", f"{np.median([bonus for _, bonus in chosen]):g}"),
    ]
    show("Weights (mean of the three measures)", ("", ""), rows)


def _fused(
    words: Scores, likeness: Scores, named: Scores, enough: Scores, weights: tuple[float, float], unlike: float
) -> Scores:
    weight, bonus = weights
    most = np.maximum(likeness.max(axis=1, keepdims=True), 2 * unlike)
    by_words = words / np.maximum(words.max(axis=1, keepdims=True), enough)
    whole: Scores = (1 - weight) * by_words + weight * np.clip(likeness, 0, None) / most + bonus * named
    return whole


def _words(index: SkillIndex, trial: Trial) -> Scores:
    return np.array([trial.by_name(index.terms.scores(index.terms.asked(task.question))) for task in trial.tasks])


def _plain_words(index: SkillIndex, trial: Trial) -> Scores:
    rows = []
    for task in trial.tasks:
        asked = index.terms.asked(task.question)
        weights = np.zeros(len(index.terms.numbers))
        weights[list(asked.counts)] = list(asked.counts.values())
        rows.append(trial.by_name(index.terms.weights @ weights))
    return np.array(rows)


def _named(index: SkillIndex, trial: Trial) -> Scores:
    asked = (index.terms.asked(task.question) for task in trial.tasks)
    return np.array([trial.by_name(index.terms.named(one).astype(np.float32)) for one in asked])


def _likeness(index: SkillIndex, trial: Trial, *, whole: bool = False) -> Scores:
    embedder = index.embedder
    vectors = (
        embedder.embed([task.question])[0] if whole else embed_question(embedder, task.question) for task in trial.tasks
    )
    return np.array([trial.by_name(index.vectors.rows @ vector) for vector in vectors])


def _searched(index: SkillIndex, trial: Trial, search: SearchFunction) -> Scores:
    numbers = {card.skill: int(number) for card, number in zip(trial.cards, trial.names, strict=True)}
    rows = []
    for task in trial.tasks:
        best = np.full(int(trial.names.max()) + 1, -1.0)
        question = SearchQuestion(text=task.question, limit=400, phase=Phase.EXECUTION, now=_NOW)
        for hit in search(index, question):
            place = numbers[hit.card.skill]
            best[place] = max(best[place], hit.score)
        rows.append(best)
    return np.array(rows)


def _reciprocal(*systems: Scores) -> Scores:
    return sum(1 / (60 + np.argsort(np.argsort(-one, axis=1, kind="stable"), axis=1)) for one in systems)  # type: ignore[return-value]


def _with_figures(index: SkillIndex) -> SkillIndex:
    """Return *index* with uses drawn by lot: what leaning costs where figures say nothing of relevance."""
    chance = np.random.default_rng(2)
    phases = [phase.value for phase in Phase]
    cards = []
    for card in index.cards:
        uses = int(chance.pareto(1.0) * 5)
        completed = int(chance.binomial(uses, chance.beta(8, 2)))
        spread = dict(zip(phases, chance.multinomial(uses, chance.dirichlet(np.ones(len(phases)))), strict=True))
        cards.append(
            SkillCard(
                skill=card.skill,
                description=card.description,
                uses=uses,
                completed=completed,
                failed=uses - completed,
                last_used_at=f"2026-0{chance.integers(1, 7)}-10T12:00:00.000Z" if uses else None,
                phases={name: int(count) for name, count in spread.items()},
            )
        )
    return index.with_cards(cards)


def _fts5(trial: Trial) -> Iterator[Scores]:
    """Yield the scores of SQLite's own full-text search: what the words of a question find without any of ours."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE skill USING fts5(name, description, tokenize='porter unicode61')")
    rows = [(number, card.skill, card.description) for number, card in enumerate(trial.cards)]
    connection.executemany("INSERT INTO skill (rowid, name, description) VALUES (?, ?, ?)", rows)
    for task in trial.tasks:
        words = dict.fromkeys(re.findall(r"\w+", task.question.lower()))
        query = " OR ".join(f'"{word}"' for word in words)
        scores = np.full(len(trial.cards), -1.0)
        for number, score in connection.execute(
            "SELECT rowid, bm25(skill, 2.0, 1.0) FROM skill WHERE skill MATCH ?", [query]
        ):
            scores[number] = -score
        yield trial.by_name(scores.astype(np.float32))
    connection.close()


def _measures(scores: Scores, tasks: Sequence[Task]) -> NDArray[np.float64]:
    """Return Recall@5, Recall@10 and the reciprocal rank of each task."""
    found = []
    for row, task in zip(scores, tasks, strict=True):
        order = np.argsort(-row, kind="stable")
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(1, len(order) + 1)
        ranks = places[task.wanted]
        found.append(((ranks <= 5).mean(), (ranks <= 10).mean(), 1 / ranks.min()))
    return np.array(found).T


def _told(measures: NDArray[np.float64]) -> list[str]:
    chance = np.random.default_rng(3)
    samples = chance.integers(measures.shape[1], size=(2_000, measures.shape[1]))
    told = []
    for values in measures:
        low, high = np.quantile(values[samples].mean(axis=1), [0.025, 0.975])
        told.append(f"{values.mean():.3f} ({low:.2f}-{high:.2f})")
    return told


def _show_speed() -> None:
    rows_of = clustered(_MANY, seed=1)
    chance = np.random.default_rng(2)
    noise = 0.02 * chance.normal(size=(_QUESTIONS, DIMENSIONS))
    questions = (rows_of[chance.integers(_MANY, size=_QUESTIONS)] + noise).astype(np.float32)
    exact = ExactVectors(rows_of)
    truth = [set(exact.nearest(one, 10).tolist()) for one in questions]
    table = [("exact", "-", *_timed(exact.nearest, questions), "1")]
    began = time.perf_counter()
    try:
        graph = GraphVectors(rows_of)
    except ImportError:
        print("No graph: usearch is not installed.")
    else:
        built = time.perf_counter() - began
        found = [len(truth[at] & set(graph.nearest(one, 10).tolist())) / 10 for at, one in enumerate(questions)]
        table.append(("graph (usearch)", f"{built:.0f} s", *_timed(graph.nearest, questions), f"{np.mean(found):.4f}"))
    columns = ("", "built in", "p50", "p99", "recall@10")
    show(f"The 10 nearest of {_MANY:,} vectors in clusters", columns, table)
    _show_whole_search()


def _show_whole_search() -> None:
    """Time a whole question, words and meaning fused, over skills whose texts are drawn from a vocabulary."""
    chance = np.random.default_rng(4)
    vocabulary = np.array([f"w{number:x}" for number in range(20_000)])
    shares = 1 / np.arange(1, len(vocabulary) + 1)
    shares /= shares.sum()
    table = []
    for count in (3_750, _MANY):
        texts = [" ".join(chance.choice(vocabulary, 30, p=shares)) for _ in range(count)]
        cards = [SkillCard(skill=f"skill-{number}", description=text) for number, text in enumerate(texts)]
        letters = LetterEmbedder()
        began = time.perf_counter()
        index = SkillIndex.of(cards, letters, ExactVectors(clustered(count, seed=5)))
        fitted = time.perf_counter() - began
        for words in (5, 200):
            asked = [" ".join(chance.choice(vocabulary, words, p=shares)) for _ in range(100)]
            ordered = sorted(_seconds(partial(_ask, index, text)) for text in asked)
            told = [f"{1000 * quantile(ordered, at):.1f} ms" for at in (0.5, 0.99)]
            table.append((f"{count:,} skills, {words} words", f"{fitted:.1f} s", *told))
    show("A whole search (vectors exact, without the model)", ("", "terms fitted in", "p50", "p99"), table)


def _ask(index: SkillIndex, text: str) -> None:
    workflow_aware_search(index, SearchQuestion(text=text, now=_NOW))


def clustered(count: int, *, seed: int) -> Vectors32:
    """Return unit vectors in clusters of about fifty, as texts lie that speak of the same."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((count // 50 + 1, DIMENSIONS), dtype=np.float32)
    rows = centres[chance.integers(len(centres), size=count)]
    rows += 0.7 * chance.standard_normal((count, DIMENSIONS), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _timed(nearest: Callable[[Vectors32, int], object], questions: Vectors32) -> tuple[str, str]:
    ordered = sorted(_seconds(partial(nearest, one, 10)) for one in questions)
    return f"{1000 * quantile(ordered, 0.5):.1f} ms", f"{1000 * quantile(ordered, 0.99):.1f} ms"


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    run()
