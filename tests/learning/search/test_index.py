"""Questions to skills; vectors by letters, so that nothing depends on a model."""

from __future__ import annotations

import numpy as np
import pytest

from session_buddy.learning.search.embedding import LetterEmbedder
from session_buddy.learning.search.fusing import LIKENESS_WEIGHT, NAMED_BONUS, fused
from session_buddy.learning.search.index import (
    SearchFunction,
    SkillIndex,
    semantic_search,
    workflow_aware_search,
)
from session_buddy.learning.search.vectors import ExactVectors
from session_buddy.model import Kind, Phase
from tests.learning.search.making import card, cards, index, question
from tests.making import NOW

BOTH = pytest.mark.parametrize("search", [semantic_search, workflow_aware_search])


def names(search: SearchFunction, of: SkillIndex, text: str, **fields: object) -> list[str]:
    return [hit.card.skill for hit in search(of, question(text, **fields))]


@BOTH
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("extract tables from a PDF", "pdf"),
        ("make a spreadsheet with formulas", "xlsx"),
        ("review my pull request", "code-review"),
        ("is anything testing this python project?", "pytest-run"),
    ],
)
def test_the_skill_that_fits_comes_first(search: SearchFunction, text: str, first: str) -> None:
    assert names(search, index(), text)[0] == first


@BOTH
def test_a_skill_without_a_description_is_found_by_its_name(search: SearchFunction) -> None:
    found = index(*cards(), card("mcp__github__create_issue", kind=Kind.MCP), card("dockerBuild"))
    assert names(search, found, "create an issue")[0] == "mcp__github__create_issue"
    assert names(search, found, "build with docker")[0] == "dockerBuild"


@BOTH
def test_spelling_that_is_amiss_is_found_by_likeness(search: SearchFunction) -> None:
    hit = search(index(), question("spreadsheats formatings chart"))[0]
    assert hit.card.skill == "xlsx"
    (hit,) = search(index(), question("spreadsheeet"))
    assert (hit.card.skill, hit.matched) == ("xlsx", [])
    assert hit.likeness is not None
    assert hit.likeness > 0.2


@BOTH
def test_what_has_nothing_to_do_with_any_skill_finds_none(search: SearchFunction) -> None:
    assert search(index(), question("zzqx kwrt")) == []
    assert search(index(), question("…")) == []
    assert search(SkillIndex.of([], LetterEmbedder()), question("pdf")) == []


@BOTH
def test_no_more_than_asked_for_and_only_of_the_kinds_asked_for(search: SearchFunction) -> None:
    found = index(card("a-test", kind=Kind.SHELL), card("b-test"), card("c-test", kind=None), card("d-test"))
    assert names(search, found, "test", limit=2) == ["a-test", "b-test"]
    assert names(search, found, "test", kinds=frozenset([Kind.SHELL])) == ["a-test"]
    assert names(search, found, "test", kinds=frozenset([Kind.MCP])) == []
    assert len(names(search, found, "test")) == 4


def test_a_hit_says_why() -> None:
    hit = semantic_search(index(), question("Merge PDF documents"))[0]
    assert (hit.card.skill, hit.named, hit.factor) == ("pdf", True, 1.0)
    assert set(hit.matched) == {"Merge", "PDF", "documents"}
    assert hit.score == hit.relevance == pytest.approx(1 + NAMED_BONUS, abs=0.1)


def test_a_text_without_a_vector_is_found_by_its_words_and_says_so() -> None:
    rows = np.zeros((len(cards()), 384), dtype=np.float32)
    found = SkillIndex.of(cards(), LetterEmbedder(), ExactVectors(rows))
    (hit,) = semantic_search(found, question("spreadsheets"))
    assert (hit.card.skill, hit.likeness) == ("xlsx", None)


def test_what_works_and_fits_the_phase_comes_first_among_equals() -> None:
    text = "Runs the tests."
    good = card("b", text, completed=90, failed=2, phases={"verification": 90}, last_used_at=NOW)
    bad = card("a", text, completed=5, failed=85, phases={"setup": 90}, last_used_at=NOW)
    found = index(bad, good)
    asked = {"phase": Phase.VERIFICATION, "now": NOW}
    assert names(semantic_search, found, "run tests", **asked) == ["a", "b"]
    assert names(workflow_aware_search, found, "run tests", **asked) == ["b", "a"]
    best = workflow_aware_search(found, question("run tests", **asked))[0]
    assert best.factor > 1
    assert best.score == pytest.approx(best.relevance * best.factor)
    assert best.phase_share == pytest.approx(0.95, abs=0.05)


def test_nothing_irrelevant_overtakes_what_fits() -> None:
    fits = card("pdf", failed=900, phases={"setup": 900})
    other = card("other", "Has documents.", completed=900, phases={"verification": 900}, last_used_at=NOW)
    found = index(fits, other)
    asked = {"phase": Phase.VERIFICATION, "now": NOW}
    assert names(workflow_aware_search, found, "merge PDF documents, fill in forms", **asked) == ["pdf", "other"]


def test_new_figures_need_no_new_index() -> None:
    before = index()
    after = before.with_cards([card(one.skill, completed=50) for one in before.cards])
    assert after.terms is before.terms
    assert after.vectors is before.vectors
    assert after.habits.success == 1.0


def test_relevance_is_a_convex_combination_of_parts_of_the_best() -> None:
    words, likeness = np.array([4, 2, 0], np.float32), np.array([0.3, 0.6, -0.1], np.float32)
    found = fused(words, likeness, np.array([False, False, True]), enough=3.0, unlike=0.2)
    w = LIKENESS_WEIGHT
    assert found == pytest.approx([(1 - w) + w / 2, (1 - w) / 2 + w, NAMED_BONUS])
    faint = fused(np.ones(1, np.float32), np.array([0.1], np.float32), np.array([False]), enough=8.0, unlike=0.2)
    assert faint == pytest.approx([(1 - w) / 8 + w / 4]), "the best of what is poor is not as good as good"
