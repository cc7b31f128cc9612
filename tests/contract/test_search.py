"""Search over a store: the same hits on every engine, texts embedded once, an index that follows the store."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from session_buddy.errors import StoreBusy
from session_buddy.learning.search.embedding import LetterEmbedder, Vectors32, unpacked
from session_buddy.learning.search.index import SearchQuestion, semantic_search, workflow_aware_search
from session_buddy.learning.search.keeping import KeptIndex, read_cards
from session_buddy.model import Kind, Outcome, Phase, SkillFacts
from session_buddy.storage import Store
from tests.contract.conftest import OpenStore
from tests.making import NOW, FakeClock, invocation, shifted


class CountingEmbedder(LetterEmbedder):
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors32:
        self.given += texts
        return super().embed(texts)


def describe(store: Store, **descriptions: str) -> None:
    store.describe(
        SkillFacts(skill_name=name.replace("_", "-"), category="Test", modality="testing", description=text)
        for name, text in descriptions.items()
    )


@pytest.fixture
def filled(store: Store) -> Store:
    describe(store, pytest_run="Runs the tests of a Python project.", pdf="Extract text from PDF files.")
    store.record(
        [
            invocation("1", skill_name="pytest-run", workflow_phase=Phase.VERIFICATION),
            invocation("2", skill_name="pytest-run", outcome=Outcome.FAILED, invoked_at=shifted(NOW, minutes=-3)),
            invocation("3", skill_name="mcp__github__create_issue", kind=Kind.MCP, outcome=None),
        ]
    )
    return store


def kept(store: Store, embedder: LetterEmbedder | None = None) -> KeptIndex:
    ticks = iter(range(0, 1_000_000, 10))
    return KeptIndex(store, embedder or LetterEmbedder(), clock=FakeClock(), seconds=lambda: float(next(ticks)))


def embeddings(store: Store) -> list[tuple[str, str, str]]:
    return store.query(
        "SELECT text_hash, model, hex(embedding) FROM text_embedding FINAL ORDER BY model, text_hash"
    ).rows


def names(of: KeptIndex, text: str) -> list[str]:
    return [hit.card.skill for hit in semantic_search(of.read().index, SearchQuestion(text=text))]


def test_cards_tell_what_is_known_of_used_and_of_described_skills(filled: Store) -> None:
    issue, pdf, run = read_cards(filled)
    assert (issue.skill, issue.description, issue.kind, issue.uses) == ("mcp__github__create_issue", "", Kind.MCP, 1)
    assert (pdf.skill, pdf.description, pdf.kind, pdf.uses, pdf.last_used_at) == (
        *("pdf", "Extract text from PDF files.", None, 0, None),
    )
    assert (run.uses, run.completed, run.failed, run.last_used_at, dict(run.phases)) == (
        *(2, 1, 1, NOW, {"verification": 1}),
    )


def test_described_used_and_merely_named_skills_are_found(filled: Store) -> None:
    index = kept(filled)
    assert names(index, "test the project")[0] == "pytest-run"
    assert names(index, "text of a PDF")[0] == "pdf"
    assert names(index, "make a GitHub issue")[0] == "mcp__github__create_issue"


def test_scores_are_those_of_the_other_engine(filled: Store) -> None:
    question = SearchQuestion(text="run the tests of PDF files", phase=Phase.VERIFICATION, now=NOW)
    hits = workflow_aware_search(kept(filled).read().index, question)
    found = [(hit.card.skill, hit.score, hit.likeness) for hit in hits]
    assert found == [
        ("pdf", pytest.approx(0.9644, abs=1e-4), pytest.approx(0.4783, abs=1e-4)),
        ("pytest-run", pytest.approx(0.7737, abs=1e-4), pytest.approx(0.4229, abs=1e-4)),
    ]


def test_each_text_is_embedded_once_and_stored_as_the_specification_packs_it(filled: Store) -> None:
    describe(filled, again="Extract text from PDF files.")
    first = CountingEmbedder()
    kept(filled, first).read()
    assert sorted(first.given) == [
        "Extract text from PDF files.",
        "Runs the tests of a Python project.",
        "github create issue",
    ]
    rows = embeddings(filled)
    assert len(rows) == 3
    assert {model for _, model, _ in rows} == {"letters-1"}
    by_text = {row[0]: unpacked([bytes.fromhex(row[2])])[0] for row in rows}
    ((hashed,),) = filled.query("SELECT text_hash FROM skill_description FINAL WHERE skill_name = 'pdf'").rows
    assert by_text[hashed] == pytest.approx(LetterEmbedder().embed(["Extract text from PDF files."])[0])
    second = CountingEmbedder()
    kept(filled, second).read()
    assert second.given == []


def test_vectors_of_another_model_are_never_mixed(filled: Store) -> None:
    kept(filled).read()
    other = CountingEmbedder()
    other.model = "another"
    kept(filled, other).read()
    assert len(other.given) == 3
    assert len(embeddings(filled)) == 6


def test_the_index_follows_what_is_described_and_recorded(filled: Store) -> None:
    embedder = CountingEmbedder()
    index = kept(filled, embedder)
    before = index.read()
    assert index.read().index.terms is before.index.terms, "nothing changed"
    filled.record([invocation("4", invoked_at=NOW)])
    after = index.read()
    assert after.index.terms is before.index.terms, "figures need no new terms"
    assert {card.skill: card.uses for card in after.index.cards}["pytest-run"] == 3
    embedder.given.clear()
    describe(filled, docker_build="Build a container image.")
    assert names(index, "container") == ["docker-build"]
    assert embedder.given == ["Build a container image.", "container"]
    assert {card.skill: card.uses for card in before.index.cards}["pytest-run"] == 2, "a value stays as it was"


def test_what_is_young_is_not_read_again(filled: Store) -> None:
    now = [0.0]
    index = KeptIndex(filled, LetterEmbedder(), clock=FakeClock(), seconds=lambda: now[0])
    first = index.read()
    filled.record([invocation("4", invoked_at=NOW)])
    now[0] = 1.0
    assert index.read() is first
    now[0] = 3.0
    assert index.read() is not first


def test_texts_that_take_too_long_wait_and_are_found_by_their_words_meanwhile(filled: Store) -> None:
    ticks = iter(range(1_000))
    told: list[tuple[int, int]] = []
    describe(filled, **{f"skill_{number}": f"Description number{number}." for number in range(100)})
    index = KeptIndex(filled, LetterEmbedder(), clock=FakeClock(), seconds=lambda: float(next(ticks)))
    standing = index.read(patience=2.5, progress=lambda done, of: told.append((done, of)))
    assert told[0] == (0, 103)
    assert 0 < standing.pending < 103
    found = semantic_search(standing.index, SearchQuestion(text="number99"))
    assert found[0].card.skill == "skill-99"
    while (again := index.read(patience=2.5)).pending:
        assert again.pending < standing.pending
        standing = again
    assert len(embeddings(filled)) == 103


def test_a_store_that_cannot_be_written_to_can_be_searched(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise StoreBusy("Another process is writing.", remedy="Wait.")

    monkeypatch.setattr(filled, "put_rows", busy)
    standing = kept(filled).read()
    assert standing.unsaved == "Another process is writing."
    assert standing.pending == 0
    assert semantic_search(standing.index, SearchQuestion(text="PDF text"))[0].likeness is not None


def test_an_empty_store_has_an_empty_index(open_new: OpenStore) -> None:
    standing = kept(open_new("empty")).read()
    assert standing.index.cards == ()
    assert semantic_search(standing.index, SearchQuestion(text="anything")) == []


def test_many_threads_get_an_index_and_embed_each_text_once(filled: Store) -> None:
    embedder = CountingEmbedder()
    index = kept(filled, embedder)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(index.read().index.cards))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3] * 6
    assert len(embedder.given) == 3
