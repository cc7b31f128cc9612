"""What was learned and is damaged counts as not there, on every engine: it is learned anew, and nothing fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from session_buddy.catalog.dependencies.refreshing import read_figures, refresh_dependencies
from session_buddy.learning.clusters.landscape import read_landscape, read_landscape_version
from session_buddy.learning.keeping import is_stale as recommends_stale
from session_buddy.learning.keeping import learn as recommend
from session_buddy.learning.keeping import read_kept as read_recommender
from session_buddy.learning.search.embedding import LetterEmbedder
from session_buddy.learning.search.keeping import embedded_skills
from session_buddy.prediction.keeping import is_stale, read_kept
from session_buddy.reports.prediction import Context, predict, read_model_card, read_predictor
from session_buddy.reports.ranking import without_tools
from session_buddy.reports.recommendations import read_learned
from session_buddy.reports.refreshing import refresh
from session_buddy.storage import Store
from session_buddy.storage.learned import StoredModel, read_contents, read_model, read_model_details, write_model
from session_buddy.storage.tables import plain_table
from tests.making import NOW, FakeClock, invocation, many

JOBS = ("search", "categories", "dependencies", "clusters", "recommender", "prediction")
_MODELS = plain_table("learned_models")
Row = dict[str, Any]


def halved(row: Row) -> None:
    row["data"] = row["data"][: len(row["data"]) // 2]


def one_bit_off(row: Row) -> None:
    middle = len(row["data"]) // 2
    row["data"] = row["data"][:middle] + bytes([row["data"][middle] ^ 1]) + row["data"][middle + 1 :]


def emptied(row: Row) -> None:
    row["data"] = b""


def other_details(row: Row) -> None:
    row["details"] = "[]"


def damage(store: Store, how: Callable[[Row], None]) -> int:
    """Damage all that was learned as *how* says; return how many models there are."""
    rows = [
        dict(zip(_MODELS.columns, _MODELS.row(row), strict=True))
        for row in store.query(f"SELECT {_MODELS.selected} FROM {_MODELS.source}").rows
    ]
    for row in rows:
        how(row)
    store.put_rows(_MODELS, [tuple(row[column] for column in _MODELS.columns) for row in rows])
    return len(rows)


@pytest.mark.long
def test_what_is_damaged_counts_as_not_there_and_is_learned_anew(store: Store) -> None:
    store.record(many(150))
    refresh(store, JOBS, FakeClock())
    version = read_landscape_version(store)
    assert damage(store, halved) >= 5
    read = (read_kept(store), read_recommender(store), read_landscape(store), read_figures(store))
    assert read == (None, None, None, None)
    assert is_stale(store)
    assert recommends_stale(store)
    plain = read_predictor(store, now=NOW)
    assert plain.card.version == 0
    assert 0 <= predict(store, plain, "skill-1", Context(), now=NOW).chance <= 1
    assert read_learned(store, now=NOW).kept.version == 2
    store.record([invocation("one more")])
    refresh(store, JOBS, FakeClock())
    assert read_model_card(read_predictor(store, now=NOW)).version == 2
    assert read_landscape_version(store) == version + 1
    assert all([read_kept(store), read_recommender(store), read_landscape(store), read_figures(store)])


def test_vectors_that_are_damaged_are_made_anew(store: Store) -> None:
    store.record(many(20))
    refresh(store, ("search",), FakeClock())
    table = plain_table("text_embedding")

    def kept() -> list[tuple[Any, ...]]:
        return sorted(table.row(row) for row in store.query(f"SELECT {table.selected} FROM {table.source}").rows)

    whole = kept()
    assert len(whole) > 2
    no_number = np.full(384, np.nan, dtype="<f4").tobytes()
    store.put_rows(table, [(*row[:2], no_number, row[3]) for row in whole])
    names, vectors = embedded_skills(store, LetterEmbedder(), now=NOW)
    assert len(names) > 2
    assert np.isfinite(vectors).all()
    assert kept() == whole


@pytest.mark.parametrize("how", [halved, one_bit_off, emptied, other_details])
def test_what_is_not_as_it_was_written_is_not_there(store: Store, how: Callable[[Row], None]) -> None:
    store.record(many(60))
    recommend(store, without_tools(), now=NOW)
    refresh_dependencies(store, without_tools(), now=NOW)
    assert damage(store, how) == 3
    assert (read_recommender(store), read_figures(store), recommends_stale(store)) == (None, None, True)
    assert refresh_dependencies(store, without_tools(), now=NOW) > 0
    assert recommend(store, without_tools(), now=NOW).version == 2
    assert not recommends_stale(store)


def test_no_error_of_what_somebody_else_wrote_comes_through(store: Store) -> None:
    write_model(store, StoredModel("mine", 1, "x", NOW, "{}", b"\xc1"))
    assert read_contents(store, "mine", lambda model: msgspec.msgpack.decode(model.data)) is None
    assert read_contents(store, "mine", lambda model: model.data) == b"\xc1"
    damage(store, other_details)
    assert read_model(store, "mine") is None
    assert read_model_details(store, "mine") == StoredModel("mine", 1, "x", NOW, "{}")
