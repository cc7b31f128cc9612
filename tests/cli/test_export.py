from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import sys
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_buddy.cli.choices import ExportFormat
from session_buddy.cli.exporting import export_to
from session_buddy.model import Invocation
from session_buddy.storage import open_store
from tests.cli.conftest import Run
from tests.making import FakeClock, many


def test_csv_and_json_lines_hold_every_invocation(run: Run, filled: list[Invocation]) -> None:
    ids = sorted(invocation.event_id for invocation in filled)
    rows = list(csv.DictReader(io.StringIO(run("export").out)))
    assert sorted(row["event_id"] for row in rows) == ids
    lines = [json.loads(line) for line in run("export", "--format", "jsonl").out.splitlines()]
    assert sorted(line["event_id"] for line in lines) == ids
    assert {line["duration_ms"] for line in lines} == {2000, None}


def test_a_view_is_exported_as_it_reads(run: Run, filled: list[Invocation]) -> None:
    exported = run("export", "--table", "v_realtime_skill_dashboard", "--format", "jsonl").out.splitlines()
    asked = run("sql", "SELECT * FROM v_realtime_skill_dashboard", "--json").json
    assert [json.loads(line) for line in exported] == asked


def test_parquet_keeps_types_and_values(run: Run, filled: list[Invocation], tmp_path: Path) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet", reason="the extra 'parquet' is not installed")
    told = run("export", "--format", "parquet", "--output", str(tmp_path / "x.parquet"))
    assert (told.code, told.out) == (0, "")
    table = parquet.read_table(tmp_path / "x.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["id"], types["rating"], types["skill_name"]) == ("int64", "double", "string")
    # A column without a single value keeps the type it is declared with.
    assert (types["duration_ms"], types["model"]) == ("int64", "string")
    asked = run("sql", "SELECT * FROM skill_invocation", "--json").json
    assert table.to_pylist() == asked


def test_parquet_of_a_view_has_types_too(run: Run, filled: list[Invocation], tmp_path: Path) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet", reason="the extra 'parquet' is not installed")
    run("export", "--format", "parquet", "--table", "v_skill_dependency_network", "-o", str(tmp_path / "x.parquet"))
    table = parquet.read_table(tmp_path / "x.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["lift_score"], types["co_occurrence_count"], types["skill_a"]) == ("double", "int64", "string")
    assert table.num_rows == len(run("sql", "SELECT * FROM v_skill_dependency_network", "--json").json) > 0


def test_without_pyarrow_the_command_that_helps_is_named(
    run: Run, filled: list[Invocation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    told = run("export", "--format", "parquet", "-o", str(tmp_path / "x.parquet"))
    assert told.code == 3
    assert "pip install 'session-buddy[parquet]'" in told.err
    assert list(tmp_path.glob("*x.parquet*")) == []


def test_parquet_needs_a_file(run: Run, filled: list[Invocation]) -> None:
    assert run("export", "--format", "parquet").code == 2


def test_a_file_is_replaced_whole_or_not_at_all(
    run: Run, filled: list[Invocation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.csv"
    target.write_text("before")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr("session_buddy.cli.exporting.write_csv", fail)
    told = run("export", "--output", str(target))
    assert told.code == 3
    assert "No space left on device" in told.err
    assert target.read_text() == "before"
    monkeypatch.undo()
    assert run("export", "--output", str(target), store=f"sqlite:///{tmp_path}/store.db").code == 0
    assert target.read_text().startswith("id,event_id,")
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("", "is a folder"),
        ("missing/x.csv", "its folder does not exist"),
        ("pipe", "is no file but a device or a pipe"),
    ],
)
def test_a_place_that_can_be_no_file_is_named_as_it_was_given(
    run: Run, filled: list[Invocation], tmp_path: Path, place: str, problem: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    told = run("export", "-o", str(tmp_path / place))
    assert (told.code, told.out) == (3, "")
    given, remedy = told.err.splitlines()
    assert given == f"{tmp_path / place}: {problem}."
    assert remedy
    assert (tmp_path / "pipe").is_fifo()


def test_a_disk_that_is_full_is_told_of_the_file_that_was_given(
    run: Run, filled: list[Invocation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("session_buddy.cli.exporting.write_csv", fail)
    told = run("export", "--output", str(tmp_path / "out.csv"))
    assert told.code == 3
    assert told.err.startswith(f"{tmp_path / 'out.csv'}: No space left on device.\n")


def test_tables_of_the_engine_are_not_suggested(run: Run, filled: list[Invocation]) -> None:
    assert "sqlite_sequence" in run("sql", "SELECT name FROM sqlite_schema").out
    told = run("export", "--table", "sqlite_sequenc")
    assert told.code == 1
    assert "sqlite_sequence" not in told.err


def test_an_unknown_table_gives_suggestions(run: Run, filled: list[Invocation]) -> None:
    told = run("export", "--table", "skill_metric")
    assert (told.code, told.out) == (1, "")
    assert "Did you mean skill_metrics" in told.err
    assert run("export", "--table", 'x"; DROP TABLE skill_metrics; --').code == 1


@pytest.mark.parametrize("format_", [ExportFormat.CSV, ExportFormat.JSONL])
def test_memory_does_not_grow_with_the_number_of_rows(format_: ExportFormat, url: str, tmp_path: Path) -> None:
    with open_store(url, clock=FakeClock()) as store:
        store.record(many(6_000))
        peaks = []
        for table in ("skill_metrics", "invocations"):
            tracemalloc.start()
            export_to(store, table, format_, tmp_path / "out")
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert (tmp_path / "out").stat().st_size > 900_000
    assert peaks[1] < peaks[0] + 200_000


def test_parquet_of_a_table_of_ones_own_takes_the_type_that_holds_all_values(
    run: Run, filled: list[Invocation], url: str, tmp_path: Path
) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet", reason="the extra 'parquet' is not installed")
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("CREATE TABLE own (whole INTEGER, mixed, real, empty BLOB)")
        connection.execute("INSERT INTO own VALUES (1, 2, 3, NULL), ('x', NULL, 4.5, NULL), (NULL, x'00', NULL, NULL)")
        connection.execute("CREATE TABLE letters (declared INTEGER)")
        connection.execute("INSERT INTO letters VALUES ('x')")
    for table, rows in {
        "own": [
            {"whole": "1", "mixed": "2", "real": 3.0, "empty": None},
            {"whole": "x", "mixed": None, "real": 4.5, "empty": None},
            {"whole": None, "mixed": "AA==", "real": None, "empty": None},
        ],
        "letters": [{"declared": "x"}],
    }.items():
        told = run("export", "--format", "parquet", "--table", table, "-o", str(tmp_path / "x.parquet"))
        assert told.code == 0
        assert parquet.read_table(tmp_path / "x.parquet").to_pylist() == rows
    assert str(parquet.read_schema(tmp_path / "x.parquet").field("declared").type) == "string"
