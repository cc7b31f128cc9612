"""Every SQL example runs and finds something, and the tables about views tell of every column."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from session_buddy.storage import Store, open_store
from tests.docs.pages import PAGES, ROOT, blocks, name_of, table_after, text_of
from tests.docs.store import fill, run_experiment
from tests.making import NOW, FakeClock

SQL_PAGE = ROOT / "docs" / "reference" / "sql.md"
WITH_SQL = [page for page in PAGES if blocks(page, "sql")]
VIEWS = re.findall(r"^## (v_\w+)$", text_of(SQL_PAGE), re.MULTILINE)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{database}", clock=FakeClock(NOW)) as store:
        fill(store)
        yield store


def test_the_pages_with_queries_are_found() -> None:
    assert SQL_PAGE in WITH_SQL
    assert len(blocks(SQL_PAGE, "sql")) == 15


@pytest.mark.parametrize("page", WITH_SQL, ids=name_of)
def test_every_query_runs_and_finds_something(page: Path, store: Store, database: Path) -> None:
    for sql in blocks(page, "sql"):
        if re.match("SELECT|WITH", sql):
            assert len(store.query(sql)) > 0, sql
            continue
        with closing(sqlite3.connect(database)) as connection, connection:
            assert connection.execute(sql).rowcount == 1, sql
            if test_name := re.search(r"INTO ab_test_configs.*?VALUES \('([^']+)'", sql, re.DOTALL):
                run_experiment(connection, test_name[1])


def test_every_view_has_its_section(store: Store) -> None:
    named = store.query(r"SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE 'v\_%' ESCAPE '\'").rows
    assert {(view,) for view in VIEWS} == set(named)


@pytest.mark.parametrize("view", VIEWS)
def test_the_columns_of_a_view_are_explained_in_their_order(view: str, store: Store) -> None:
    explained = [cells[0].strip("`") for cells in table_after(SQL_PAGE, f"## {view}")]
    assert explained == list(store.query(f"SELECT * FROM {view} LIMIT 0").columns)


def test_similar_users_are_those_with_skills_in_common_however_often_each_was_used(store: Store) -> None:
    by_number, by_jaccard = (sql for sql in blocks(SQL_PAGE, "sql") if sql.startswith("WITH"))
    # user-5 completed every skill on each of seven days, user-1 too: four skills in common, not 28.
    assert dict(store.query(by_number).rows)["user-5"] == 4
    assert {row["similarity"] for row in store.query(by_jaccard)} == {1.0}
