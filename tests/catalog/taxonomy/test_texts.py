from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from session_buddy.catalog.taxonomy.texts import PLACES, WHOLE, SkillText, Weighing, counted, likeness
from session_buddy.learning.words import spoken_name, stems_of
from tests.catalog.taxonomy.making import WORDING, meaning_of

TEXTS = [
    SkillText("pytest-run", "Runs the tests of a project and tells which failed."),
    SkillText("coverage-report", "Shows which lines the tests of a project leave out."),
    SkillText("sphinx-build", "Builds the documentation of a project."),
    SkillText("a", ""),
]


def rows_of(texts: list[SkillText]):
    counts = counted(texts, WORDING)
    return Weighing.of(counts).weighed(counts)


def test_likeness_is_the_products_of_scikit_learns_tf_idf() -> None:
    names = [spoken_name(text.name) for text in TEXTS]
    whole = [f"{name} . {text.description}" for name, text in zip(names, TEXTS, strict=True)]

    def words(text: str) -> list[str]:
        stems = stems_of(text)
        return stems + [" ".join(pair) for pair in pairwise(stems)]

    pieces = {"analyzer": "char_wb", "ngram_range": (2, 5), "sublinear_tf": True}
    parts = [
        TfidfVectorizer(analyzer=words, sublinear_tf=True).fit_transform(whole),
        TfidfVectorizer(**pieces).fit_transform(whole),
        TfidfVectorizer(**pieces).fit_transform(names),
    ]
    wanted = sum(share * (part @ part.T).toarray() for share, part in zip((0.25, 0.25, 0.15), parts, strict=True))
    rows = rows_of(TEXTS)
    assert likeness(rows, rows) * WHOLE == pytest.approx(wanted, abs=1e-5)


def test_a_text_is_most_like_itself_and_nothing_is_like_nothing() -> None:
    rows = rows_of(TEXTS)
    alike = likeness(rows, rows)
    assert np.diag(alike)[:3] == pytest.approx(1, abs=1e-5)
    assert (alike.argmax(axis=1)[:3] == np.arange(3)).all()
    assert alike[0, 1] > alike[0, 2]


def test_vectors_of_meaning_join_in() -> None:
    rows, meaning = rows_of(TEXTS[:3]), meaning_of(TEXTS[:3])
    joined = likeness(rows, rows, (meaning, meaning))
    cosines = meaning.astype(float) @ meaning.T.astype(float)
    assert joined == pytest.approx(0.65 * likeness(rows, rows) + 0.35 * np.exp(-2 * (1 - cosines)), abs=1e-6)


def test_a_text_of_unseen_words_is_like_nothing() -> None:
    counts = counted(TEXTS[:3], WORDING)
    weighing = Weighing.of(counts)
    known = SkillText("pytest-run", "Runs the tests of a project.")
    mixed = SkillText("pytest-run", "Runs the tests of a zymurgy quincunx vortex brouhaha kumquat.")
    near, far = (
        likeness(weighing.weighed(counted([text], WORDING)), weighing.weighed(counts))[0, 0] for text in (known, mixed)
    )
    assert far < 0.75 * near


def test_no_texts_have_no_rows() -> None:
    assert counted([], WORDING).shape == (0, PLACES)
    assert Weighing.of(counted([], WORDING)).weighed(counted(TEXTS, WORDING)).shape == (4, PLACES)
