"""The same commands on ClickHouse: the same answers as on SQLite, or an error that names what to do."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from session_buddy.cli import main
from session_buddy.cli.commands.skills import _known_skills
from session_buddy.cli.settings import Settings
from session_buddy.storage import open_store
from session_buddy.storage.clickhouse.store import ClickHouseStore
from tests.cli.conftest import Run, home_of, small_history, written_transcript
from tests.clickhouse.places import drop, folder, lend, new_database, take_back
from tests.making import FakeClock

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("chdb"), reason="chdb is not installed: pip install 'session-buddy[clickhouse]'"
)


@pytest.fixture
def chdb() -> Iterator[str]:
    lent = lend()
    yield lent
    take_back(lent)


@pytest.fixture
def both(run: Run, url: str, chdb: str, filled: list[Any], transcript: Path) -> tuple[str, str]:
    """A SQLite and a ClickHouse store that hold the same."""
    with open_store(chdb, clock=FakeClock()) as store:
        store.record(filled)
    for store_url in (url, chdb):
        assert run("import", "--quiet", store=store_url).code == 0
    return url, chdb


@pytest.fixture(scope="module")
def both_to_read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """As :func:`both`, once for all tests that only read: to fill two stores takes longer than to ask them."""
    folder, lent = tmp_path_factory.mktemp("both"), lend()
    transcript = written_transcript(folder)
    urls = f"sqlite:///{folder / 'store.db'}", lent
    with pytest.MonkeyPatch.context() as environment:
        for name, value in home_of(folder).items():
            environment.setenv(name, value)
        for store_url in urls:
            with open_store(store_url, clock=FakeClock()) as store:
                store.record(small_history())
                store.refresh()
            with pytest.raises(SystemExit) as ended:
                main(["--store", store_url, "import", "--quiet", str(transcript)], clock=FakeClock())
            assert not ended.value.code
    yield urls
    take_back(lent)


@pytest.mark.parametrize(
    "arguments",
    [
        ("top",),
        ("top", "--all", "--by", "failures"),
        ("top", "--days", "7"),
        ("top", "--kind", "mcp"),
        ("skill", "pytest-run"),
        ("skill", "Explain"),
        ("sessions",),
        ("sessions", "s2"),
        ("status",),
        ("status", "--quarantine"),
        ("sql", "SELECT skill_name, invocation_count_24h FROM v_realtime_skill_dashboard ORDER BY skill_name"),
        ("sql", "SELECT m.kind, b.day FROM skill_metrics m JOIN skill_day_buckets b ON b.skill_name = m.skill_name"
                " ORDER BY m.skill_name, b.day"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_answers_are_the_same(run: Run, both_to_read: tuple[str, str], arguments: tuple[str, ...]) -> None:
    sqlite, clickhouse = (run(*arguments, "--json", store=store_url) for store_url in both_to_read)
    assert (clickhouse.code, clickhouse.err) == (0, "")
    assert comparable(clickhouse.json) == comparable(sqlite.json)
    assert clickhouse.json


def test_to_begin_with_is_the_same(run: Run, both: tuple[str, str]) -> None:
    sqlite, clickhouse = (run("up", "--json", store=store_url) for store_url in both)
    assert (clickhouse.code, clickhouse.err) == (0, "")
    assert comparable(clickhouse.json) == comparable(sqlite.json)
    assert clickhouse.json


def comparable(answer: Any) -> Any:
    """Return *answer* without what is a store's own: its place and size, and how long a thing took."""
    if isinstance(answer, dict):
        own = {"store", "size_bytes", "seconds", "last_import_at"}
        return {name: comparable(value) for name, value in answer.items() if name not in own}
    if isinstance(answer, list):
        return [comparable(value) for value in answer]
    return pytest.approx(answer, abs=1e-9) if isinstance(answer, float) else answer


@pytest.mark.parametrize("arguments", [("top",), ("skill", "pytest-run"), ("sessions",), ("status",)])
def test_screens_are_the_same(run: Run, both_to_read: tuple[str, str], arguments: tuple[str, ...]) -> None:
    sqlite, clickhouse = (run(*arguments, store=store_url).out.splitlines()[2:] for store_url in both_to_read)
    assert clickhouse == sqlite


@pytest.mark.parametrize(
    "table", ["session_skills", "v_multimodal_skill_catalog", "ab_test_configs", "import_checkpoint"]
)
def test_exports_are_the_same(run: Run, both_to_read: tuple[str, str], table: str) -> None:
    own = {"imported_at"}
    told = []
    for store_url in both_to_read:
        header, *lines = run("export", "--table", table, store=store_url).out.splitlines()
        kept = [place for place, name in enumerate(header.split(",")) if name not in own]
        told.append([header, *sorted(",".join(line.split(",")[place] for place in kept) for line in lines)])
    assert told[1] == told[0]
    jsonl = [run("export", "--table", table, "--format", "jsonl", store=store_url).out for store_url in both_to_read]
    assert jsonl[1].count("\n") == jsonl[0].count("\n")


def test_parquet_has_the_same_columns(run: Run, both_to_read: tuple[str, str], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    schemas = []
    for number, store_url in enumerate(both_to_read):
        file = tmp_path / f"{number}.parquet"
        told = run("export", "--table", "session_skills", "--format", "parquet", "-o", str(file), store=store_url)
        assert told.code == 0
        schemas.append(parquet.read_schema(file))
        rows = parquet.read_table(file).to_pylist()
        assert {row["invocation_count"] for row in rows if row["skill_name"] == "Read"} == {9, 1}
    assert schemas[1].names == schemas[0].names
    assert schemas[1].field("invocation_count") == schemas[0].field("invocation_count")


def test_an_unknown_table_is_named_with_those_that_are_like_it(run: Run, both_to_read: tuple[str, str]) -> None:
    told = run("export", "--table", "skill_metric", store=both_to_read[1])
    assert told.code == 1
    assert "skill_metrics" in told.err
    assert "sqlite" not in told.err


def test_a_query_without_rows_has_its_columns(run: Run, both_to_read: tuple[str, str]) -> None:
    told = run("sql", "SELECT skill_name, 1 AS one FROM skill_metrics WHERE 0 -- none", "--csv", store=both_to_read[1])
    assert told.out == "skill_name,one\n"


@pytest.mark.parametrize("statement", ["DROP TABLE store_settings", "INSERT INTO store_settings VALUES ('a', 'b')"])
def test_sql_only_reads(run: Run, both_to_read: tuple[str, str], statement: str) -> None:
    told = run("sql", statement, "--json", store=both_to_read[1])
    assert (told.code, told.error["type"]) == (3, "QueryRefused")


@pytest.mark.long
def test_the_schema_is_told_checked_repaired_rolled_back_and_migrated(run: Run, both: tuple[str, str]) -> None:
    _, chdb = both
    status = run("db", "status", "--json", store=chdb)
    assert (status.code, status.json["version"], status.json["pending"]) == (0, 4, [])
    assert run("db", "verify", "--json", store=chdb).json["ok"]
    assert run("db", "migrate", "--json", store=chdb).json == {"versions": []}
    assert run("db", "repair", "--json", store=chdb).json == {"done": []}
    assert run("db", "rollback", "--dry-run", store=chdb).out.startswith("-- V4")
    assert run("db", "rollback", store=chdb).code == 2
    assert run("db", "rollback", "--yes", "--json", store=chdb).json == {"versions": [4], "backup": None}
    status = run("db", "status", "--json", store=chdb)
    assert (status.code, status.json["version"]) == (1, 3)
    assert run("db", "migrate", store=chdb).out == "Applied: version 4.\n"
    assert run("db", "verify", store=chdb).code == 0


@pytest.mark.long
def test_what_drifted_is_told_and_repaired(run: Run, both: tuple[str, str]) -> None:
    _, chdb = both
    with open_store(chdb) as store:
        assert isinstance(store, ClickHouseStore)
        store._clients.writer.command("TRUNCATE TABLE roll_error")
    verified = run("db", "verify", "--json", store=chdb)
    assert (verified.code, verified.json["drifted"]) == (1, ["skill_error_counts"])
    assert run("db", "repair", store=chdb).out == "Counted again from the event log: skill_error_counts.\n"
    assert run("db", "verify", store=chdb).code == 0


def test_a_backup_is_refused_and_what_to_do_is_named(run: Run, both_to_read: tuple[str, str]) -> None:
    told = run("db", "backup", store=both_to_read[1])
    assert told.code == 3
    assert "'session-buddy db copy'" in told.err


@pytest.mark.parametrize("arguments", [("top",), ("status",), ("sql", "SELECT 1"), ("db", "verify"), ("db", "backup")])
def test_a_store_that_is_not_there_is_not_made(run: Run, arguments: tuple[str, ...]) -> None:
    missing = f"chdb:///{folder()}?database=nobody_made_it"
    told = run(*arguments, store=missing)
    assert told.code == 3
    assert told.err.startswith(f"There is no store at {missing} yet.\n")
    assert run("db", "status", "--json", store=missing).json["origin"] == "empty"


def test_a_folder_that_is_not_there_is_not_made(run: Run, tmp_path: Path) -> None:
    assert run("top", store=f"chdb:///{tmp_path}/nothing").code == 3
    assert run("db", "status", store=f"chdb:///{tmp_path}/nothing").code == 1
    assert not (tmp_path / "nothing").exists()


def test_a_server_that_is_away_is_told_without_its_password(run: Run) -> None:
    for arguments in (("top", "--json"), ("db", "status", "--json")):
        told = run(*arguments, store="clickhouse://me:secret@127.0.0.1:9/db")
        assert (told.code, told.error["type"]) == (3, "StoreAway")
        assert "secret" not in told.err


def test_names_are_not_completed_from_an_engine_that_must_be_started_first(monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        def find_root(self) -> Context:
            return self

        @property
        def params(self) -> dict[str, str]:
            return {"store": "clickhouse://127.0.0.1:9/db"}

    monkeypatch.setattr(Settings, "has_store", lambda _: pytest.fail("nothing may be asked"))
    assert _known_skills(Context(), "p") == []  # type: ignore[arg-type]


@pytest.mark.long
def test_a_copy_there_and_back_holds_the_same(run: Run, both_to_read: tuple[str, str], tmp_path: Path) -> None:
    url, _ = both_to_read
    there = new_database()
    back = f"sqlite:///{tmp_path}/back.db"
    for source, target in ((url, there), (there, back), (url, back)):
        told = run("db", "copy", source, target, "--json", store=None)
        assert (told.code, told.json["same"], told.json["different_days"]) == (0, True, [])
        assert told.json["tables"] == [table | {"same": True} for table in told.json["tables"]]
    assert told.json["added"] == 0
    assert run("status", "--json", store=back).json["files"] == 1
    drop(there)


def test_two_folders_are_not_copied_into_one_another(run: Run, both_to_read: tuple[str, str], tmp_path: Path) -> None:
    told = run("db", "copy", both_to_read[1], f"chdb:///{tmp_path}/other", "--json", store=None)
    assert (told.code, told.error["type"]) == (3, "InvalidInput")
    assert "sqlite:///between.db" in told.error["remedy"]


BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
from session_buddy.cli import main
try:
    main({arguments!r})
finally:
    touched = [name for name in sys.modules if name.split(".")[0] in ("chdb", "clickhouse_connect")]
    ours = [name for name in sys.modules if name.startswith("session_buddy.storage.clickhouse")]
    print(len(touched), len(ours), file=sys.stderr)
"""


def without(blocked: set[str], arguments: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a process in which *blocked* packages are not installed."""
    program = BLOCKED.format(blocked=blocked, arguments=arguments)
    environment = os.environ | {name: str(home) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    return subprocess.run(
        [sys.executable, "-I", "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["chdb:///{}/folder", "clickhouse://localhost/db", "clickhouses://localhost/db"])
@pytest.mark.parametrize(
    "arguments", [["top"], ["up"], ["db", "status"], ["db", "migrate"], ["db", "verify"]], ids=" ".join
)
def test_without_the_extra_the_command_that_installs_it_is_named(
    tmp_path: Path, scheme: str, arguments: list[str]
) -> None:
    store = scheme.format(tmp_path)
    told = without({"chdb", "clickhouse_connect"}, ["--store", store, *arguments, "--json"], tmp_path)
    assert told.returncode == 3
    error = json.loads(told.stderr.splitlines()[0])["error"]
    assert (error["type"], error["exit_code"]) == ("MissingExtra", 3)
    assert error["remedy"] == "Install it with: pip install 'session-buddy[clickhouse]'"
    assert not (tmp_path / "folder").exists()


def test_the_client_alone_is_not_enough_for_the_engine_in_process(tmp_path: Path) -> None:
    told = without({"chdb"}, ["--store", f"chdb:///{tmp_path}/folder", "up"], tmp_path)
    assert told.returncode == 3
    assert "pip install 'session-buddy[clickhouse]'" in told.stderr


@pytest.mark.long
def test_on_sqlite_no_command_touches_clickhouse(tmp_path: Path, filled: list[Any], url: str) -> None:
    for arguments in (
        ["import"], ["top"], ["skill", "pytest-run"], ["sessions"], ["status"], ["sql", "SELECT 1"],
        ["export"], ["db", "status"], ["db", "verify"], ["db", "migrate"], ["db", "repair"], ["db", "backup"],
        ["db", "rollback", "--dry-run"], ["db", "copy", url, f"sqlite:///{tmp_path}/copy.db"],
    ):  # fmt: skip
        told = without({"chdb", "clickhouse_connect"}, ["--store", url, *arguments], tmp_path)
        assert told.returncode == 0, (arguments, told.stderr)
        assert told.stderr.splitlines()[-1] == "0 0", arguments
