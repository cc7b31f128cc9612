from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.learning.search import embedding
from session_buddy.learning.search.embedding import (
    DIMENSIONS,
    LetterEmbedder,
    ModelPlace,
    choose_embedder,
    embed_question,
    packed,
    unpacked,
)
from tests.learning.search.making import MODEL_FOLDER, needs_model


def test_a_vector_is_packed_as_the_specification_says() -> None:
    vector = np.arange(DIMENSIONS, dtype=np.float32) / 7
    blob = packed(vector)
    assert len(blob) == 1536
    assert blob[4:8] == np.float32(1 / 7).tobytes() == bytes.fromhex("2549123e")
    assert (unpacked([blob, blob]) == vector).all()
    assert unpacked([]).shape == (0, DIMENSIONS)


def test_letters_see_what_is_spelled_alike() -> None:
    rows = LetterEmbedder().embed(["Runs the tests of a project", "run a test of projects", "Merge PDF documents", "…"])
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 1, 0])
    assert rows[0] @ rows[1] > 0.5
    assert abs(rows[0] @ rows[2]) < LetterEmbedder.unlike


def test_letters_make_the_same_numbers_everywhere() -> None:
    row = LetterEmbedder().embed(["Runs the tests."])[0]
    assert np.flatnonzero(row)[:5].tolist() == [1, 2, 4, 9, 10]
    assert LetterEmbedder().embed(["else", "Runs the tests."])[1].tobytes() == row.tobytes()


@given(st.text())
@settings(max_examples=50)
def test_letters_take_any_text(text: str) -> None:
    row = LetterEmbedder().embed([text])[0]
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(1) or not row.any()


def test_without_a_model_letters_serve_and_people_are_told(tmp_path: Path) -> None:
    for place, word in ((ModelPlace(), "there is no model"), (ModelPlace(tmp_path), "has no model.onnx")):
        choice = choose_embedder(place)
        assert choice.embedder.model == LetterEmbedder.model
        assert choice.notice is not None
        assert word in choice.notice


def test_a_model_that_is_broken_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("fastembed", reason="fastembed is not installed: pip install 'session-buddy[semantic]'")
    assert "has no model.onnx" in (choose_embedder(ModelPlace(tmp_path)).notice or "")
    (tmp_path / "model.onnx").write_bytes(b"no model")
    choice = choose_embedder(ModelPlace(tmp_path))
    assert choice.embedder.model == LetterEmbedder.model
    assert "cannot be loaded" in (choice.notice or "")
    assert "cannot be loaded" in caplog.text


def test_a_part_that_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "fastembed", None)
    assert "session-buddy[semantic]" in (choose_embedder(ModelPlace(tmp_path)).notice or "")


@needs_model
def test_the_model_sees_what_means_alike_and_its_file_is_part_of_its_name() -> None:
    pytest.importorskip("fastembed", reason="fastembed is not installed: pip install 'session-buddy[semantic]'")
    choice = choose_embedder(ModelPlace(MODEL_FOLDER))
    assert choice.notice is None
    assert choice.embedder.model.startswith("all-MiniLM-L6-v2@")
    texts = ["fix a bug in the program", "repair an error of the software", "a recipe for apple pie", "x" * 20_000]
    rows = choice.embedder.embed(texts)
    assert rows.shape == (4, DIMENSIONS)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1] * 4)
    assert rows[0] @ rows[1] > 0.5 > choice.embedder.unlike > rows[0] @ rows[2]
    letters = LetterEmbedder().embed(texts)
    assert letters[0] @ letters[1] < LetterEmbedder.unlike


def test_a_long_question_is_the_mean_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_QUESTION_WORDS", 2)
    letters = LetterEmbedder()
    whole = embed_question(letters, "merge documents quickly today please")
    parts = letters.embed(["merge documents", "quickly today", "please"])
    assert whole == pytest.approx(parts.mean(axis=0))
