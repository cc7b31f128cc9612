from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest

from session_buddy.model import Invocation
from tests.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("filled")
COUNTING = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) SELECT i FROM n"


def test_json_is_a_list_of_objects(run: Run) -> None:
    assert run("sql", "SELECT 1 AS a, NULL AS b, 'x' AS a, x'00ff' AS c", "--json").json == [
        {"a": 1, "b": None, "a:1": "x", "c": "AP8="}
    ]
    assert run("sql", "SELECT 1 WHERE 0", "--json").json == []
    assert run("sql", COUNTING, "--json").json == [{"i": number} for number in range(1, 251)]


def test_csv_is_read_back_as_it_was(run: Run) -> None:
    told = run("sql", """SELECT 'a,"b' AS "x y", 'two' || char(10) || 'lines' AS t, NULL AS n, 1.5 AS r""", "--csv")
    assert list(csv.reader(io.StringIO(told.out))) == [["x y", "t", "n", "r"], ['a,"b', "two\nlines", "", "1.5"]]


def test_a_table_has_a_limit_and_says_so(run: Run) -> None:
    told = run("sql", COUNTING)
    assert [line.strip() for line in told.out.splitlines()] == ["i", *(str(number) for number in range(1, 101))]
    assert told.err == "150 rows left out: --limit shows more, --json and --csv all.\n"
    assert run("sql", COUNTING, "--limit", "250").err == ""
    assert len(run("sql", COUNTING, "--json", "--limit", "3").json) == 3


def test_text_in_a_table_is_no_markup_and_steers_no_terminal(run: Run) -> None:
    shown = run("sql", "SELECT '[red]x[/red]' AS a, char(27) || '[2J' AS b").out
    assert "[red]x[/red]" in shown
    assert "\x1b" not in shown


def test_the_query_may_come_from_stdin(run: Run, monkeypatch: pytest.MonkeyPatch, filled: list[Invocation]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*) AS n FROM skill_invocation"))
    assert run("sql", "-", "--json").json == [{"n": len(filled)}]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM skill_invocation",
        "PRAGMA journal_mode = DELETE",
        "ATTACH 'other.db' AS other",
        "SELECT * FROM nowhere",
        "selekt",
        "SELECT 1; SELECT 2",
        "SELECT abs(column1) FROM (VALUES (1), (-9223372036854775808))",
    ],
)
def test_what_is_no_read_only_query_is_refused(run: Run, query: str, filled: list[Invocation]) -> None:
    told = run("sql", query)
    assert told.code == 3
    assert "Traceback" not in told.err
    assert run("sql", query, "--json").error["type"] == "QueryRefused"
    assert run("sql", "SELECT count(*) AS n FROM skill_invocation", "--json").json == [{"n": len(filled)}]


def test_two_formats_are_wrong_usage(run: Run) -> None:
    assert run("sql", "SELECT 1", "--json", "--csv").code == 2


def test_a_reader_that_leaves_early_sees_no_traceback(run: Run, url: str) -> None:
    command = (
        f"{sys.executable} -m session_buddy --store {url} sql --json '{COUNTING.replace('250', '90000')}' | head -1"
    )
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[\n", "")
