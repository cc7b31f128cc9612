"""BM25, beside a slow count by the printed formula."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from session_buddy.learning.search.terms import K1, K3, NAME_WEIGHT, B, TermIndex
from session_buddy.learning.words import spoken_name, stems_of
from tests.learning.search.making import DESCRIPTIONS

NAMES, TEXTS = list(DESCRIPTIONS), list(DESCRIPTIONS.values())


def slow_scores(names: list[str], texts: list[str], question: str) -> list[float]:
    fields = [([Counter(stems_of(spoken_name(name))) for name in names], NAME_WEIGHT),
              ([Counter(stems_of(text)) for text in texts], 1.0)]  # fmt: skip
    means = [sum(one.total() for one in counts) / len(names) or 1.0 for counts, _ in fields]
    asked = Counter(stems_of(question))
    scores = []
    for number in range(len(names)):
        score = 0.0
        for word, count in asked.items():
            holders = sum(any(counts[other][word] for counts, _ in fields) for other in range(len(names)))
            told = sum(
                weight * counts[number][word] / (1 - B + B * counts[number].total() / mean)
                for (counts, weight), mean in zip(fields, means, strict=True)
            )
            rarity = math.log(1 + (len(names) - holders + 0.5) / (holders + 0.5))
            score += (K3 + 1) * count / (K3 + count) * told * (K1 + 1) / (told + K1) * rarity
        scores.append(score)
    return scores


@pytest.mark.parametrize(
    "question", ["fill in a PDF form", "tests tests tests of the web", "nothing of it stands anywhere here", "…"]
)
def test_scores_follow_the_formula(question: str) -> None:
    index = TermIndex.of(NAMES, TEXTS)
    assert index.scores(index.asked(question)) == pytest.approx(slow_scores(NAMES, TEXTS, question), rel=1e-5)


def test_scores_follow_the_formula_in_large() -> None:
    chance = random.Random(4)
    words = [f"word{number}" for number in range(60)]
    texts = [" ".join(chance.choices(words, k=chance.randrange(30))) for _ in range(80)]
    names = [f"{chance.choice(words)}-{number}" for number in range(80)]
    index = TermIndex.of(names, texts)
    for _ in range(5):
        question = " ".join(chance.choices(words, k=20))
        assert index.scores(index.asked(question)) == pytest.approx(slow_scores(names, texts, question), rel=1e-4)


def test_enough_is_the_weight_of_the_four_weightiest_words() -> None:
    index = TermIndex.of(["a1", "b1"], ["one two three four five", "one"])
    rare, common = math.log(1 + 1.5 / 1.5), math.log(1 + 0.5 / 2.5)
    assert index.enough(index.asked("one two")) == pytest.approx(rare + common)
    assert index.enough(index.asked("one two three four five")) == pytest.approx(4 * rare)
    assert index.enough(index.asked("two two")) == pytest.approx(2 * 2 / 3 * rare)
    assert index.enough(index.asked("nothing")) == 0


def test_a_skill_is_named_only_where_all_words_of_its_name_stand() -> None:
    index = TermIndex.of(["pytest-run", "run", "…"], ["", "", ""])
    assert index.named(index.asked("run pytest for me")).tolist() == [True, True, False]
    assert index.named(index.asked("run run run")).tolist() == [False, True, False]
    silent = TermIndex.of(["the-use"], [""])
    assert silent.named(silent.asked("use the run")).tolist() == [False]
    steps = TermIndex.of(["step-1", "step-2", "step-12"], [""] * 3)
    assert steps.named(steps.asked("step 12")).tolist() == [False, False, True]


def test_matched_words_are_those_of_the_question_as_written_the_weightiest_first() -> None:
    index = TermIndex.of(NAMES, TEXTS)
    asked = index.asked("Merging the Files of a PDF with tests")
    assert index.matched(asked, NAMES.index("pdf")) == ["PDF", "Files", "Merging"]
    assert index.matched(asked, NAMES.index("xlsx")) == []


def test_an_index_of_nothing_finds_nothing() -> None:
    index = TermIndex.of([], [])
    assert index.scores(index.asked("anything")).shape == (0,)
    wordless = TermIndex.of(["…"], [""])
    assert wordless.scores(wordless.asked("…")).tolist() == [0]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    index = TermIndex.of(["a1", "b1", "c1"], ["common rare", "common plain", "common other"])
    scores = index.scores(index.asked("rare common"))
    assert scores[0] > scores[1] == scores[2] > 0
    assert np.argmax(index.scores(index.asked("plain"))) == 1
