from __future__ import annotations

from pathlib import Path

import pytest

from session_buddy.errors import MigrationError, SchemaDirty, SchemaDrift, SchemaTooNew, ScriptEdited, StoreUnreadable
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.scripts import load
from session_buddy.storage.migrations.sqlite_target import SqliteTarget
from session_buddy.storage.migrations.statements import split
from tests.storage.migrations_kit import (
    HEAD,
    NOW,
    SCRIPTS,
    execute,
    in_child,
    manager,
    query,
    raw_schema,
    row_digests,
    schema,
    write_scripts,
)
from tests.storage.test_migrations_crash import killing_manager


def stepwise(tmp_path: Path, scripts: Path | None = None) -> MigrationManager:
    """Return a manager whose target cannot undo by itself, as an engine without transactional DDL."""
    return MigrationManager(
        scripts=scripts or write_scripts(tmp_path / "scripts"),
        target=SqliteTarget(tmp_path / "skills.db", transactional=False),
        clock=lambda: NOW,
    )


def reference(tmp_path: Path, version: int) -> tuple[object, object]:
    path = tmp_path / "reference"
    path.mkdir(exist_ok=True)
    (path / "skills.db").unlink(missing_ok=True)
    manager(path).migrate(version)
    return raw_schema(path / "skills.db"), row_digests(path / "skills.db")


def stop_up(tmp_path: Path, version: int) -> Path:
    """Leave *version* half-way up: its last statement fails. Return the folder of good scripts."""
    name = next(name for name in SCRIPTS if name.startswith(f"V{version}") and name.endswith("up.sql"))
    bad = write_scripts(tmp_path / "bad", {name: SCRIPTS[name] + "DROP TABLE nowhere;\n"})
    with pytest.raises(MigrationError, match=r"no such table: nowhere.*'db repair' finishes or undoes it"):
        stepwise(tmp_path, bad).migrate()
    return write_scripts(tmp_path / "good")


def test_a_target_without_transactions_goes_up_and_down(tmp_path: Path) -> None:
    m = stepwise(tmp_path)
    assert m.migrate() == [1, 2, 3]
    assert m.verify().ok
    assert (raw_schema(tmp_path / "skills.db"), row_digests(tmp_path / "skills.db")) == reference(tmp_path, 3)
    assert m.rollback(0) == [3, 2, 1]
    assert schema(tmp_path / "skills.db").keys() == {"table skill_migrations"}


def test_what_stopped_half_way_is_dirty_and_nothing_goes_on(tmp_path: Path) -> None:
    good = stop_up(tmp_path, 2)
    for m in (stepwise(tmp_path, good), manager(tmp_path, scripts=good)):
        assert m.status().dirty == 2 and m.status().version == 1 and not m.status().is_current
        for refused in (m.migrate, m.rollback, m.ensure_current, lambda m=m: m.rollback(0)):
            with pytest.raises(SchemaDirty, match="Version 2"):
                refused()
    assert query(tmp_path / "skills.db", "PRAGMA user_version") == [(-2,)]


@pytest.mark.parametrize("version", range(1, HEAD + 1))
def test_repair_finishes_once_the_script_is_right(tmp_path: Path, version: int) -> None:
    good = stop_up(tmp_path, version)
    m = stepwise(tmp_path, good)
    with pytest.raises(ScriptEdited, match=f"V{version}__"):
        m.repair()
    done = m.repair(accept_edits=True)
    assert [sentence.split(":")[0] for sentence in done] == ["Recorded as they are now", "Finished"]
    assert m.status().version == version and m.verify().ok and m.status().edited == ()
    assert (raw_schema(tmp_path / "skills.db"), row_digests(tmp_path / "skills.db")) == reference(tmp_path, version)
    assert m.migrate() == list(range(version + 1, HEAD + 1))


@pytest.mark.parametrize("version", range(1, HEAD + 1))
def test_repair_undoes_when_asked(tmp_path: Path, version: int) -> None:
    stop_up(tmp_path, version)
    m = stepwise(tmp_path, tmp_path / "bad")
    # The bad script cannot be finished; each try says why and leaves the mark.
    with pytest.raises(MigrationError, match="nowhere"):
        m.repair()
    assert m.status().dirty == version
    assert m.repair(undo=True)[0] == f"Undone: version {version}."
    assert m.status().version == version - 1 and m.verify().ok
    assert m.status().rolled_back == ()


@pytest.mark.parametrize("version", range(1, HEAD + 1))
def test_repair_undoes_every_point_of_an_up_script(tmp_path: Path, version: int) -> None:
    scripts = write_scripts(tmp_path / "scripts")
    statements = split(load(scripts)[version - 1].up)
    for count in range(len(statements) + 1):
        path = tmp_path / str(count)
        path.mkdir()
        m = stepwise(path, scripts)
        m.migrate(version)
        m.rollback()
        before = raw_schema(path / "skills.db"), row_digests(path / "skills.db")
        m.migrate(version)  # for its record, made dirty and without a duration: begun and not finished
        m.rollback()
        execute(
            path / "skills.db",
            "UPDATE skill_migrations SET state = 'dirty', duration_ms = NULL"
            " WHERE id = (SELECT max(id) FROM skill_migrations)",
            *[statement.sql for statement in statements[:count]],
        )
        assert stepwise(path, scripts).repair(undo=True)[0] == f"Undone: version {version}."
        assert (raw_schema(path / "skills.db"), row_digests(path / "skills.db")) == before
        assert m.status().version == version - 1 and m.status().dirty is None and m.verify().ok


def test_a_stopped_rollback_is_finished_and_cannot_be_undone(tmp_path: Path) -> None:
    m = stepwise(tmp_path)
    m.migrate(2)
    before = reference(tmp_path, 1)
    execute(
        tmp_path / "skills.db",
        "UPDATE skill_migrations SET state = 'dirty', duration_ms = 77 WHERE version = 2",
        "DROP INDEX idx_tag",
    )
    with pytest.raises(MigrationError, match="rolled back"):
        m.repair(undo=True)
    assert m.status().dirty == 2
    assert m.repair()[0] == "Finished: version 2."
    assert (raw_schema(tmp_path / "skills.db"), row_digests(tmp_path / "skills.db")) == before
    assert m.status().version == 1 and m.verify().ok
    assert [record.duration_ms for record in m.status().rolled_back] == [77]  # of its up script, as it was


@pytest.mark.parametrize("transactional", [True, False])
def test_a_mark_alone_is_cleared_by_looking_at_what_is_there(tmp_path: Path, transactional: bool) -> None:
    m = MigrationManager(
        scripts=write_scripts(tmp_path / "scripts"),
        target=SqliteTarget(tmp_path / "skills.db", transactional=transactional),
    )
    m.migrate()
    execute(tmp_path / "skills.db", "UPDATE skill_migrations SET state = 'dirty', duration_ms = NULL WHERE version = 3")
    m.repair()
    assert m.status().is_current and m.verify().ok


def test_repair_does_not_guess(tmp_path: Path) -> None:
    good = stop_up(tmp_path, 2)
    execute(tmp_path / "skills.db", "DROP TABLE tag", "CREATE TABLE tag (other TEXT)")
    m = stepwise(tmp_path, good)
    for undo in (False, True):
        with pytest.raises(SchemaDrift, match=r"V2__tags__up\.sql leaves the schema as it is: see .*table tag"):
            m.repair(accept_edits=True, undo=undo)
    assert m.status().dirty == 2


def test_undo_refuses_a_down_script_that_does_not_lead_back(tmp_path: Path) -> None:
    scripts = {"V2__tags__up.sql": SCRIPTS["V2__tags__up.sql"] + "DROP TABLE nowhere;\n"}
    scripts["V2__tags__down.sql"] = "DROP INDEX idx_tag;\n"
    m = stepwise(tmp_path, write_scripts(tmp_path / "scripts", scripts))
    with pytest.raises(MigrationError, match="nowhere"):
        m.migrate()
    before = schema(tmp_path / "skills.db")
    with pytest.raises(SchemaDrift, match=r"V2__tags__down\.sql does not lead back"):
        m.repair(undo=True)
    assert schema(tmp_path / "skills.db") == before and m.status().dirty == 2


def test_a_repair_follows_a_backup(tmp_path: Path) -> None:
    good = stop_up(tmp_path, 2)
    for path in tmp_path.glob("*.backup"):
        path.unlink()
    stepwise(tmp_path, good).repair(accept_edits=True)
    assert len(list(tmp_path.glob("*.backup"))) == 1


def test_repair_of_a_stop_passes_over_objects_of_the_user(tmp_path: Path) -> None:
    good = stop_up(tmp_path, 2)
    execute(tmp_path / "skills.db", "CREATE VIEW mine AS SELECT 1")
    m = stepwise(tmp_path, good)
    m.repair(accept_edits=True)
    assert m.verify().ok and m.verify().unexpected == ("view mine",)


def test_repair_records_edits_only_when_asked(tmp_path: Path) -> None:
    manager(tmp_path).migrate()
    name = "V2__tags__down.sql"
    new = SCRIPTS[name] + "-- better\n"
    m = manager(tmp_path, scripts=write_scripts(tmp_path / "edited", {name: new}))
    with pytest.raises(ScriptEdited, match=name):
        m.repair()
    assert m.repair(accept_edits=True) == [f"Recorded as they are now: {name}."]
    assert m.status().is_current
    assert query(tmp_path / "skills.db", "SELECT down_sql FROM skill_migrations WHERE version = 2") == [(new,)]


def test_repair_of_what_is_whole_does_nothing(tmp_path: Path) -> None:
    m = manager(tmp_path)
    assert m.repair() == []
    m.migrate()
    assert m.repair() == []
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["skills.db"]


@pytest.mark.parametrize("lost", ["PRAGMA user_version = 0", "PRAGMA application_id = 0"])
def test_lost_marks_are_reported_and_set_again(tmp_path: Path, lost: str) -> None:
    m = manager(tmp_path)
    m.migrate()
    execute(tmp_path / "skills.db", lost)
    assert not m.verify().ok
    assert m.repair() == ["Set the owner and version marks of the file again."]
    assert m.verify().ok


def test_verify_names_what_differs(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate()
    execute(
        tmp_path / "skills.db",
        "DROP INDEX idx_tag",
        "DROP TRIGGER trg_call",
        "CREATE TRIGGER trg_call AFTER DELETE ON call BEGIN SELECT 1; END",
        "CREATE TABLE mine (x)",
    )
    found = m.verify()
    assert (found.missing, found.different, found.unexpected) == (
        ("index idx_tag",),
        ("trigger trg_call",),
        ("table mine",),
    )
    assert not found.ok and found.damage == ()


def test_objects_of_the_user_are_no_fault(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate()
    execute(tmp_path / "skills.db", "CREATE INDEX idx_mine ON call (ms)", "CREATE VIEW mine AS SELECT 1", "ANALYZE")
    assert m.verify().ok and set(m.verify().unexpected) == {"index idx_mine", "view mine"}


def test_verify_finds_rows_that_refer_to_nothing(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate()
    execute(tmp_path / "skills.db", "INSERT INTO call (skill) VALUES ('nowhere'), ('neither')")
    assert m.verify().damage == ("2 rows of call refer to nothing in skill",)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.long
def test_killed_at_every_statement_without_transactions(tmp_path: Path, step: int) -> None:
    """Without transactions a kill leaves a mark, at worst; repair then finishes, up as well as down."""
    scripts = write_scripts(tmp_path / "scripts")
    kills = marks = 0
    for goal, start in ((HEAD, 0), (0, HEAD)):
        count, ended = 0, -9
        while ended == -9:
            path = tmp_path / f"{goal}-{count}"
            path.mkdir()
            m = stepwise(path, scripts)
            m.migrate(start)

            def work(path: Path = path, count: int = count, goal: int = goal) -> None:
                m = killing_manager(path / "skills.db", scripts, count, transactional=False)
                m.migrate() if goal else m.rollback(0)

            ended = in_child(work)
            kills += step if ended == -9 else 0
            if m.status().dirty is not None:
                marks += step
                m.repair()
            assert m.verify().ok, m.verify()
            assert m.migrate() if goal and m.status().version != goal else True
            m.rollback(goal)
            if goal:
                assert row_digests(path / "skills.db") == reference(tmp_path, goal)[1]
            assert m.status().version == goal and m.verify().ok
            count += step
        assert ended == 0
    assert kills >= 60 and marks >= 20


def test_a_newer_version_that_stopped_is_beyond_this_program(tmp_path: Path) -> None:
    stop_up(tmp_path, 3)
    old = stepwise(tmp_path, write_scripts(tmp_path / "old", head=2))
    assert old.status().dirty == 3 and not old.status().is_current
    for refused in (old.migrate, old.ensure_current, old.repair, lambda: old.repair(undo=True)):
        with pytest.raises(SchemaTooNew, match="version 3"):
            refused()


def test_a_foreign_database_is_not_repaired(tmp_path: Path) -> None:
    execute(tmp_path / "skills.db", "CREATE TABLE theirs (x)")
    with pytest.raises(StoreUnreadable):
        stepwise(tmp_path).repair(accept_edits=True)
