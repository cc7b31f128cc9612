from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.errors import MigrationError, ScriptMissing
from session_buddy.storage.migrations import fingerprint
from session_buddy.storage.migrations.scripts import head_version, load, source
from session_buddy.storage.migrations.statements import split
from tests.storage.migrations_kit import SCRIPTS, write_scripts


def texts(sql: str) -> list[str]:
    return [statement.sql for statement in split(source("V1__x__up.sql", sql))]


def test_versions_are_numbers_not_text(tmp_path: Path) -> None:
    scripts = {f"V{n}__s{n}__{half}.sql": f"SELECT {n};" for n in range(1, 12) for half in ("up", "down")}
    for name, sql in scripts.items():
        (tmp_path / name).write_text(sql)
    loaded = load(tmp_path)
    assert [script.version for script in loaded] == list(range(1, 12))
    assert loaded[9].up.name == "V10__s10__up.sql"
    assert head_version(tmp_path) == 11


def test_description_is_the_name_in_words(tmp_path: Path) -> None:
    (tmp_path / "V1__phase4_extensions__up.sql").write_text("SELECT 1;")
    (tmp_path / "V1__phase4_extensions__down.sql").write_text("SELECT 2;")
    (script,) = load(tmp_path)
    assert (script.description, script.up.sql, script.down.sql) == ("phase4 extensions", "SELECT 1;", "SELECT 2;")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"V2__tags__down.sql": None}, "V2__tags__down.sql"),
        ({"V1__base__up.sql": None}, "V1__base__up.sql"),
        ({"V2__tags__up.sql": None, "V2__tags__down.sql": None}, "V2__*__up.sql"),
        ({"V2__tags__down.sql": None, "V2__other__down.sql": "SELECT 1;"}, "V2__tags__down.sql"),
    ],
)
def test_gap_or_missing_half_is_named(tmp_path: Path, changes: dict[str, str | None], named: str) -> None:
    with pytest.raises(ScriptMissing) as raised:
        load(write_scripts(tmp_path, changes))
    assert named in raised.value.problem


def test_two_scripts_of_one_version_are_refused(tmp_path: Path) -> None:
    write_scripts(tmp_path, {"V2__twin__up.sql": "SELECT 1;"})
    with pytest.raises(MigrationError, match=r"V2__tags__up\.sql and V2__twin__up\.sql"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["V4_x__up.sql", "V04__x__up.sql", "v4__x__down.SQL", "V0__x__up.sql"])
def test_what_looks_like_a_script_and_is_none_is_refused(tmp_path: Path, name: str) -> None:
    write_scripts(tmp_path)
    (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=name.replace(".", r"\.")):
        load(tmp_path)


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    write_scripts(tmp_path)
    for name in ("V1__base__backfill.sql", "README.md", "notes.sql"):
        (tmp_path / name).write_text("x")
    assert len(load(tmp_path)) == 3


@pytest.mark.parametrize("ask", [load, head_version])
def test_empty_or_missing_folder_is_an_error_and_not_nothing_to_do(tmp_path: Path, ask: object) -> None:
    assert callable(ask)
    with pytest.raises(ScriptMissing, match="no migration scripts"):
        ask(tmp_path)
    with pytest.raises(ScriptMissing, match="cannot be listed"):
        ask(tmp_path / "nowhere")


def test_a_script_that_is_no_text_is_named(tmp_path: Path) -> None:
    write_scripts(tmp_path)
    (tmp_path / "V2__tags__up.sql").write_bytes(b"SELECT '\xff';")
    with pytest.raises(MigrationError, match=r"V2__tags__up\.sql is not UTF-8"):
        load(tmp_path)


def test_line_ends_and_byte_order_mark_do_not_change_the_digest(tmp_path: Path) -> None:
    plain = load(write_scripts(tmp_path))
    for path in tmp_path.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(tmp_path) == plain
    assert source("a", "x").sha256 != source("a", "x ").sha256


def test_statements_of_a_script_with_triggers_comments_and_quotes() -> None:
    found = split(source("V1__base__up.sql", SCRIPTS["V1__base__up.sql"]))
    assert [(s.line, s.sql.split("(")[0].split()[:2]) for s in found] == [
        (2, ["CREATE", "TABLE"]),
        (3, ["CREATE", "TABLE"]),
        (4, ["CREATE", "TRIGGER"]),
        (8, ["INSERT", "OR"]),
    ]
    assert found[2].sql.endswith("END;")


def test_statements_on_one_line_and_blank_ends() -> None:
    assert texts("SELECT 1; SELECT ';' ;/* ; */ -- ;\n\nSELECT 2;\n-- end") == [
        "SELECT 1;",
        "SELECT ';' ;",
        "SELECT 2;",
    ]
    assert texts(" \n-- nothing; at all\n/* or; */") == []


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1;\nSELECT 2", "SELECT 'open;", "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;\nSELECT 2;"],
)
def test_a_script_cut_short_is_refused(sql: str) -> None:
    with pytest.raises(MigrationError, match=r"V1__x__up\.sql, line \d: the statement is not finished"):
        texts(sql)


@pytest.mark.parametrize("sql", ["COMMIT;", "begin;", "/* */ Rollback;", "PRAGMA user_version = 9;", "VACUUM;"])
def test_statements_that_break_out_of_the_transaction_are_refused(sql: str) -> None:
    with pytest.raises(MigrationError, match=r"line 2: .* has no place"):
        texts("SELECT 1;\n" + sql)


@given(st.lists(st.text(alphabet="ab ;'\n-", max_size=12), max_size=5))
def test_splitting_keeps_every_quoted_text(values: list[str]) -> None:
    script = "\n-- and; so on\n".join("SELECT '" + value.replace("'", "''") + "';" for value in values)
    with closing(sqlite3.connect(":memory:")) as connection:
        assert [connection.execute(sql).fetchone()[0] for sql in texts(script)] == values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CREATE TABLE t (a INT)", 'create  table "T"(a int) -- note'),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX [i] ON `t`(\n\ta /* x */)"),
    ],
)
def test_layout_is_no_difference_between_schemas(one: str, other: str) -> None:
    assert fingerprint.normalised(one) == fingerprint.normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CREATE TABLE t (a DEFAULT 'X')", "CREATE TABLE t (a DEFAULT 'x')"),
        ("CREATE TABLE t (a DEFAULT 'a b')", "CREATE TABLE t (a DEFAULT 'a  b')"),
        ("CREATE VIEW v AS SELECT 1.5", "CREATE VIEW v AS SELECT 15"),
        ("CREATE VIEW v AS SELECT 'a--b'", "CREATE VIEW v AS SELECT 'a'"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a DESC)"),
        ("CREATE TRIGGER t AFTER INSERT ON s", "CREATE TRIGGER t AFTER DELETE ON s"),
    ],
)
def test_what_means_another_thing_is_a_difference(one: str, other: str) -> None:
    assert fingerprint.normalised(one) != fingerprint.normalised(other)
