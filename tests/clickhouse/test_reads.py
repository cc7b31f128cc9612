"""A query reads, whatever its text: it writes no file, and leaves the reader as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.errors import QueryRefused
from session_buddy.storage import Store, open_store
from tests.clickhouse.places import lend, take_back

pytest.importorskip("chdb", reason="the extra 'clickhouse' is not installed")

WRITES = [
    "SELECT 'evil' AS a INTO OUTFILE '{}' TRUNCATE",
    "SELECT 'evil' AS a INTO OUTFILE '{}' APPEND",
    "SELECT 1 into\n\toutfile '{}' TRUNCATE",
    "SELECT 1 INTO/* ; */OUTFILE '{}' TRUNCATE",
    "SELECT 1 INTO -- here\n OUTFILE '{}' TRUNCATE",
    "SELECT 1 INTO\N{NO-BREAK SPACE}OUTFILE '{}' TRUNCATE",
    "SELECT 1 INTO\N{EM SPACE}OUTFILE '{}' TRUNCATE",
    "SELECT 1 INTO\N{ZERO WIDTH SPACE}OUTFILE '{}' TRUNCATE",
    "SELECT 1 AS a\N{ZERO WIDTH NO-BREAK SPACE}INTO\N{WORD JOINER}OUTFILE '{}' TRUNCATE",
    "SELECT [1]INTO OUTFILE '{}' TRUNCATE",
    "SELECT $$'$$ AS a INTO OUTFILE '{}' TRUNCATE",
    "SELECT $a$'$a$ AS a INTO OUTFILE '{}' TRUNCATE",
    "SELECT 1 # '\n INTO OUTFILE '{}' TRUNCATE",
    "SELECT 1 #! '\n INTO OUTFILE '{}' TRUNCATE",
    "SELECT ‘'’ AS a INTO OUTFILE '{}' TRUNCATE",
    "SELECT 1 AS “'” INTO OUTFILE '{}' TRUNCATE",
    "SELECT '\\\\' AS a INTO OUTFILE '{}' TRUNCATE -- '",
    "SELECT 'it''s' AS a INTO OUTFILE '{}' TRUNCATE",
    "(SELECT 1) UNION ALL (SELECT 2) INTO OUTFILE '{}' TRUNCATE",
    "FROM skill_metrics SELECT 1 INTO OUTFILE '{}' TRUNCATE",
    "SHOW TABLES INTO OUTFILE '{}' TRUNCATE",
    "EXPLAIN SELECT 1 INTO OUTFILE '{}' TRUNCATE",
    "INSERT INTO FUNCTION file('{}') SELECT 1",
    "WITH x AS (SELECT 1) INSERT INTO FUNCTION file('{}') SELECT * FROM x",
    "SELECT * FROM sqlite('{}.db', 't')",
    "SELECT * FROM `sqlite` /* */ ('{}.db', 't')",
]
NO_READS = [
    "USE system",
    "(USE system)",
    "KILL QUERY WHERE 1 = 0",
    "SET max_threads = 1",
    "SYSTEM FLUSH LOGS",
    "/* SELECT */ USE system",
    "\\! touch x",
    "SELECT 1 SETTINGS readonly = 0",
]
READS = [
    ("SELECT 'INTO OUTFILE'", [("INTO OUTFILE",)]),
    ('SELECT 1 AS "INTO OUTFILE"', [(1,)]),
    ("SELECT 'into' AS a /* INTO OUTFILE 'x' */ -- INTO OUTFILE 'x'", [("into",)]),
    ("SELECT $$INTO OUTFILE 'x'; USE system$$", [("INTO OUTFILE 'x'; USE system",)]),
    ("SELECT 1 # INTO OUTFILE 'x'\n", [(1,)]),
    ("SELECT 'sqlite(1)', 2 AS sqlite", [("sqlite(1)", 2)]),
    ("(SELECT 1) UNION ALL (SELECT 1)", [(1,), (1,)]),
    ("with 1 AS a select a;", [(1,)]),
    ("FROM store_settings SELECT count()", [(0,)]),
]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    url = lend()
    with open_store(url) as opened:
        yield opened
    take_back(url)


@pytest.mark.parametrize("sql", WRITES)
def test_no_query_writes_a_file(store: Store, sql: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("precious")
    text = sql.format(kept)
    with pytest.raises(QueryRefused):
        store.query(text)
    with pytest.raises(QueryRefused):
        list(store.stream(text))
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("kept", "precious")]


@pytest.mark.parametrize("sql", NO_READS)
def test_what_is_no_read_is_refused_and_changes_nothing(store: Store, sql: str) -> None:
    with pytest.raises(QueryRefused):
        store.query(sql)
    with pytest.raises(QueryRefused):
        list(store.stream(sql))
    assert store.query("SELECT count() FROM skill_invocation").rows == [(0,)]


@pytest.mark.parametrize(("sql", "rows"), READS)
def test_what_only_speaks_of_it_is_read(store: Store, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert store.query(sql).rows == rows
    assert list(store.stream(sql))[1:] == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW TABLES",
        "DESCRIBE skill_metrics",
        "desc skill_metrics",
        "EXPLAIN SELECT 1",
        "SHOW CREATE store_moment",
        "EXISTS TABLE store_settings",
    ],
)
def test_what_tells_of_the_schema_is_read(store: Store, sql: str) -> None:
    assert store.query(sql).rows
