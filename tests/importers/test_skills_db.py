"""A ``skills.db`` of lesleslie/session-buddy: its event log, row by row."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.agents import skills_database, skills_row

from session_buddy.importers.base import FileParser, Parsed
from session_buddy.importers.databases import opened
from session_buddy.importers.skills_db import SkillsDatabase
from session_buddy.ingest import import_files
from session_buddy.ingest.files import plan_readings
from session_buddy.ingest.portion import read_portion
from session_buddy.model import DurationSource, ErrorType, Kind, Outcome, Phase
from session_buddy.storage import open_store


def read(path: Path, state: bytes | None = None) -> tuple[Parsed, bytes, bool]:
    parser = SkillsDatabase().parser(str(path), user_id="u", state=state)
    assert isinstance(parser, FileParser)
    told = parser.read()
    return told, parser.save(), parser.is_done


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "skills.db"


def test_a_row_and_all_its_fields(path: Path) -> None:
    more: dict[str, Any] = {
        "duration_seconds": 1.25, "workflow_phase": "Verification", "workflow_step_id": "step-1",
        "alternatives_considered": '["review", "tidy"]', "follow_up_actions": '["git-push", "tell me\\nmore of it"]',
        "user_query": "a secret question",
    }  # fmt: skip
    skills_database(path, [skills_row("team:commit", 1, **more)])
    with sqlite3.connect(path) as database:
        rated = ("x", "s1", "team:commit", skills_row("", 1)["invoked_at"], 1, 4.0)
        database.execute(
            "INSERT INTO skill_user_interactions (user_id, session_id, skill_name, invoked_at, completed, rating)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rated,
        )
    database.close()
    (row,) = read(path)[0].invocations
    assert (row.skill_name, row.plugin, row.kind, row.source) == ("commit", "team", Kind.SKILL, "session_buddy")
    assert (row.invoked_at, row.session_id, row.outcome) == ("2026-05-01T10:00:01.123Z", "s1", Outcome.COMPLETED)
    assert (row.duration_ms, row.duration_source) == (1_250, DurationSource.REPORTED)
    assert (row.workflow_phase, row.workflow_step_id, row.rating) == (Phase.VERIFICATION, "step-1", 4.0)
    assert (row.alternatives_considered, row.follow_up_actions) == (("review", "tidy"), ("git-push",))


def test_what_was_not_completed_is_abandoned_or_failed(path: Path) -> None:
    skills_database(
        path,
        [
            skills_row("a", 1, 0),
            skills_row("b", 2, 0, error_type="timeout"),
            skills_row("c", 3, 0, error_type="FileNotFoundError: no such file"),
            skills_row("d", 4, 0, error_type="odd"),
        ],
    )
    ended = [(row.outcome, row.error_type) for row in read(path)[0].invocations]
    assert ended == [
        (Outcome.ABANDONED, None),
        (Outcome.FAILED, ErrorType.TIMEOUT),
        (Outcome.FAILED, ErrorType.NOT_FOUND),
        (Outcome.FAILED, ErrorType.OTHER),
    ]


def test_a_database_of_version_1_has_fewer_columns(path: Path) -> None:
    skills_database(path, [skills_row("a", 1)], later=False)
    (row,) = read(path)[0].invocations
    assert (row.workflow_phase, row.rating) == (None, None)


def test_ids_follow_from_the_row_and_equal_rows_are_counted_each(path: Path, tmp_path: Path) -> None:
    rows = [skills_row("a", 1), skills_row("a", 1), skills_row("a", 2)]
    skills_database(path, rows)
    ids = [row.event_id for row in read(path)[0].invocations]
    assert len(set(ids)) == 3
    copy = tmp_path / "copy" / "skills.db"
    copy.parent.mkdir()
    skills_database(copy, [skills_row("z", 9), *rows, skills_row("b", 3)])
    assert set(ids) < {row.event_id for row in read(copy)[0].invocations}


def test_only_what_was_added_is_read_again(path: Path) -> None:
    skills_database(path, [skills_row("a", 1)])
    _, state, done = read(path)
    assert done
    skills_database(path, [skills_row("b", 2)])
    told, state, _ = read(path, state)
    assert [row.skill_name for row in told.invocations] == ["b"]
    path.unlink()
    skills_database(path, [skills_row("other", 1)])
    assert [row.skill_name for row in read(path, state)[0].invocations] == ["other"]


def test_it_is_read_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("session_buddy.importers.skills_db.reading._ENOUGH", 2)
    skills_database(path, [skills_row(f"s{number}", number) for number in range(5)])
    with open_store(f"sqlite:///{path.parent}/store.sqlite") as store:
        importer = SkillsDatabase()
        report = import_files(store, [importer], {importer.name: [path]}, user_id="u")
        assert (report.recorded.added, report.bytes_read) == (5, path.stat().st_size)
        assert import_files(store, [importer], {importer.name: [path]}, user_id="u").files_read == 0


def test_a_database_that_was_not_read_to_its_end_does_not_look_unchanged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("session_buddy.importers.skills_db.reading._ENOUGH", 2)
    skills_database(path, [skills_row(f"s{number}", number) for number in range(3)])
    (reading,), _ = plan_readings([("session_buddy", path)], {}, {"session_buddy": "session_buddy 1"})
    first = read_portion(SkillsDatabase(), reading, user_id="u")
    assert (len(first.invocations), first.checkpoint.modified_ns) == (2, 0)
    assert first.next is not None
    last = read_portion(SkillsDatabase(), first.next, user_id="u")
    assert (len(last.invocations), last.checkpoint.modified_ns, last.next) == (1, path.stat().st_mtime_ns, None)


def test_it_is_read_only_and_leaves_nothing_beside_it(path: Path) -> None:
    skills_database(path, [skills_row("a", 1)])
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
    database.close()
    with opened(str(path)) as connection:
        assert connection.execute("SELECT count(*) FROM skill_invocation").fetchone() == (1,)
        assert list(path.parent.iterdir()) == [path]
    with pytest.raises(OSError, match="cannot be read"), opened(str(path)) as connection:
        connection.execute("DELETE FROM skill_invocation")


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_program_that_has_it_open_is_kept_from_writing_or_not_noticed(path: Path, mode: str) -> None:
    """What is read is of one moment, also where the program was idle when the reading began."""
    skills_database(path, [skills_row("a", second) for second in range(59)])
    writer = sqlite3.connect(path, isolation_level=None, timeout=0.05)
    writer.execute(f"PRAGMA journal_mode = {mode}")
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = sorted(path.parent.iterdir())
    with opened(str(path)) as connection:
        rows = connection.execute("SELECT skill_name FROM skill_invocation ORDER BY id")
        first = rows.fetchone()
        if mode == "DELETE":
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                writer.execute("UPDATE skill_invocation SET skill_name = hex(zeroblob(3000))")
        else:
            writer.execute("UPDATE skill_invocation SET skill_name = hex(zeroblob(3000))")
        assert {first, *rows.fetchall()} == {("a",)}
    assert sorted(path.parent.iterdir()) == before
    writer.close()


def test_what_was_read_while_somebody_came_to_write_is_not_taken(path: Path) -> None:
    skills_database(path, [skills_row("a", 1)])
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
    database.close()
    with pytest.raises(OSError, match="was written to while it was read"), opened(str(path)) as connection:
        assert connection.execute("SELECT count(*) FROM skill_invocation").fetchone() == (1,)
        with sqlite3.connect(path) as database:
            database.execute("DELETE FROM skill_invocation")
        database.close()


def test_rows_that_make_no_sense_are_set_aside_one_by_one(path: Path) -> None:
    skills_database(
        path,
        [
            skills_row("", 1),
            skills_row("a", 2, 7),
            skills_row("b", 3) | {"invoked_at": "not-a-date"},
            skills_row("c", 4, duration_seconds=-1.0),
            skills_row("d", 5) | {"session_id": ""},
            skills_row("good", 6) | {"invoked_at": "2026-05-01 10:00:06"},
        ],
    )
    told, _, _ = read(path)
    assert [(row.skill_name, row.invoked_at) for row in told.invocations] == [("good", "2026-05-01T10:00:06.000Z")]
    assert [bad.line for bad in told.bad_lines] == [1, 2, 3, 4, 5]
    assert all(bad.reason.startswith(f"Row {bad.line}: ") for bad in told.bad_lines)


def test_ids_that_are_no_numbers_cost_no_row(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE skill_invocation (id, skill_name, invoked_at, session_id, completed)")
        for number, given in enumerate(("x7", None, 3, 3), 1):
            row = (given, f"skill-{number}", f"2026-05-01T10:00:0{number}", "s", 1)
            database.execute("INSERT INTO skill_invocation VALUES (?, ?, ?, ?, ?)", row)
    database.close()
    told, _, _ = read(path)
    assert sorted(row.skill_name for row in told.invocations) == [f"skill-{number}" for number in (1, 2, 3, 4)]


def test_a_store_of_ours_is_not_taken_for_one(path: Path) -> None:
    open_store(f"sqlite:///{path}").close()
    told, _, _ = read(path)
    assert told.invocations == []
    assert "is a store of this program" in told.bad_lines[0].reason


def test_a_database_without_the_log(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE x (y)")
    database.close()
    assert "has no table skill_invocation" in read(path)[0].bad_lines[0].reason
