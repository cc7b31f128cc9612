"""Importing files that grow, rotate, shrink, move and break."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import ImportReport, import_files, local_user_id, workers
from session_buddy.ingest.files import plan_readings
from session_buddy.ingest.portion import read_portion
from session_buddy.storage import Recorded, Store, open_store
from tests.ingest.making_files import transcript, write_sessions

IMPORTER = ClaudeCode(ShellRules.builtin())
Import = Callable[..., ImportReport]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Import:
    def import_all(**options: object) -> ImportReport:
        return import_files(store, [IMPORTER], {IMPORTER.name: [tmp_path / "projects"]}, user_id="u", **options)  # type: ignore[arg-type]

    return import_all


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "projects").mkdir()
    return tmp_path / "projects" / "s0.jsonl"


def ids(store: Store) -> list[str]:
    return [i for (i,) in store.query("SELECT event_id FROM skill_invocation ORDER BY id").rows]


def rewrite(path: Path, data: bytes) -> None:
    """Write and make sure that the modification time differs, whatever the clock's grain."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(data)
    os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))


def test_a_second_import_reads_nothing(run: Import, tmp_path: Path) -> None:
    write_sessions(tmp_path / "projects", 5, 4)
    first, second = run(), run()
    assert (first.files_found, first.files_read, first.recorded) == (5, 5, Recorded(added=20))
    assert (second.files_found, second.files_read, second.bytes_read, second.recorded) == (5, 0, 0, Recorded())


def test_a_file_that_claims_to_be_from_later_than_databases_know_is_read_once(run: Import, tmp_path: Path) -> None:
    write_sessions(tmp_path / "projects", 1, 4)
    os.utime(tmp_path / "projects" / "s0.jsonl", ns=(2**63, 2**63))
    assert run().recorded == Recorded(added=4)
    assert run().files_read == 0


def test_what_is_appended_is_read_from_where_the_last_import_ended(run: Import, store: Store, file: Path) -> None:
    whole = transcript("s0", 30)
    cut = len(whole) * 2 // 3 + 17
    rewrite(file, whole[:cut])
    first = run()
    rewrite(file, whole)
    second = run()
    assert first.bytes_read + second.bytes_read == len(whole)
    assert first.bytes_read <= cut
    assert ids(store) == [f"toolu_s0_{n}" for n in range(30)]
    assert store.query("SELECT count(*) FROM skill_invocation WHERE outcome = 'completed'").rows == [(30,)]
    assert store.drifted() == []


def test_every_possible_cut_gives_the_same_rows(store: Store, file: Path, run: Import, tmp_path: Path) -> None:
    whole = transcript("s0", 3)
    reads = "SELECT event_id, outcome, duration_ms, follow_up_actions, workflow_phase FROM skill_invocation ORDER BY 1"
    rewrite(file, whole)
    run()
    expected = store.query(reads).rows
    for cut in range(0, len(whole), 97):
        with open_store(f"sqlite:///{tmp_path}/cut{cut}.db") as other:
            for data in (whole[:cut], whole):
                rewrite(file, data)
                import_files(other, [IMPORTER], {IMPORTER.name: [file]}, user_id="u")
            assert other.query(reads).rows == expected, cut


def test_a_whole_last_line_without_its_newline_counts(run: Import, store: Store, file: Path) -> None:
    whole = transcript("s0", 2)
    rewrite(file, whole[:-1])
    run()
    assert store.query("SELECT count(*) FROM skill_invocation WHERE outcome = 'completed'").rows == [(2,)]
    rewrite(file, whole + transcript("s0", 1, first=2))
    assert run().recorded.added == 1
    assert run().bad_lines == 0


@pytest.mark.parametrize("shorter", [True, False])
def test_a_file_that_another_one_replaced_is_read_from_the_start(
    run: Import, store: Store, file: Path, shorter: bool
) -> None:
    rewrite(file, transcript("old", 10))
    run()
    rewrite(file, transcript("new", 3 if shorter else 30))
    report = run()
    assert report.recorded.added == (3 if shorter else 30)
    assert len(ids(store)) == 10 + report.recorded.added


def test_a_file_cut_back_and_written_on_loses_and_doubles_nothing(run: Import, store: Store, file: Path) -> None:
    whole = transcript("s0", 10)
    rewrite(file, whole)
    run()
    rewrite(file, whole[: len(whole) // 2])
    run()
    rewrite(file, whole + transcript("s0", 2, first=10))
    run()
    assert sorted(ids(store)) == sorted(f"toolu_s0_{n}" for n in range(12))


def test_files_are_read_again_under_new_rules_and_rows_renamed(run: Import, store: Store, file: Path) -> None:
    rewrite(file, transcript("s0", 3))
    run()
    told = 'skill = "my-tests", command = "pytest", category = "Testing", modality = "testing", description = "d"'
    own = f"rule = [{{{told}}}]"
    renaming = ClaudeCode(ShellRules.builtin().extended(own, "mine"))
    for expected in (3, 0):
        report = import_files(store, [renaming], {renaming.name: [file]}, user_id="u")
        assert (report.recorded.added, report.recorded.completed) == (0, expected)
    assert store.query("SELECT skill_name, invocation_count FROM skill_metrics").rows == [("my-tests", 3)]
    assert store.drifted() == []


def test_what_the_rules_know_of_a_command_enters_the_catalogue(run: Import, store: Store, file: Path) -> None:
    rewrite(file, transcript("s0", 1).replace(b"pytest -q", b"go vet ./..."))
    run()
    (row,) = store.query("SELECT * FROM v_multimodal_skill_catalog WHERE skill_name = 'go-vet'")
    assert (row["modality_type"], row["category_name"], row["invocation_count"]) == ("code", "Code Quality", 1)
    assert row["description"]


def test_copies_and_renames_add_nothing(run: Import, store: Store, file: Path) -> None:
    rewrite(file, transcript("s0", 10))
    run()
    rewrite(file.with_name("copy.jsonl"), file.read_bytes())
    file.rename(file.with_name("renamed.jsonl"))
    report = run()
    assert report.recorded.added == 0
    assert len(ids(store)) == 10


def test_bad_lines_are_kept_aside_with_file_line_and_reason(run: Import, store: Store, file: Path) -> None:
    good = transcript("s0", 2)
    rewrite(file, good + b"{broken\n" + b'"a string"\n' + transcript("s0", 2, first=2))
    report = run()
    assert (report.recorded.added, report.bad_lines) == (4, 2)
    rows = store.query("SELECT path, line, offset, length FROM import_quarantine ORDER BY line").rows
    assert rows == [(str(file), 5, len(good), 7), (str(file), 6, len(good) + 8, 10)]
    rewrite(file, good + b"{broken\n" + b'"a string"\n' + transcript("s0", 3, first=2))
    run()
    assert store.query("SELECT count(*) FROM import_quarantine").rows == [(2,)]


def test_a_file_that_cannot_be_read_is_named_and_stops_nothing(
    run: Import, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(file, transcript("s0", 2))
    rewrite(file.with_name("s1.jsonl"), transcript("s1", 2))
    whole_open = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "s0.jsonl":
            raise PermissionError(13, "Permission denied")
        return whole_open(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    report = run()
    assert report.unreadable == [(str(file), "Permission denied")]
    assert report.recorded.added == 2


def test_a_file_that_vanishes_between_looking_and_reading_is_named(run: Import, file: Path, tmp_path: Path) -> None:
    rewrite(file, transcript("s0", 2))
    readings, _ = plan_readings([(IMPORTER.name, file)], {}, {IMPORTER.name: "v"})
    file.unlink()
    (result,) = workers.read_all(readings, {IMPORTER.name: IMPORTER}, user_id="u")
    assert result == (str(file), "No such file or directory")


def test_processes_and_portions_change_nothing_in_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Import, store: Store
) -> None:
    expected = write_sessions(tmp_path / "projects", 12, 40)
    run(processes=1)
    tables = ("skill_invocation", "session_skills", "import_checkpoint")
    reads = [f"SELECT * FROM {table} ORDER BY 1, 2" for table in tables]
    drop = {"imported_at"}

    def contents(of: Store) -> list[list[dict[str, object]]]:
        return [[{k: v for k, v in row.items() if k not in drop} for row in of.query(sql)] for sql in reads]

    monkeypatch.setattr(workers, "_SMALL_BYTES", 0)
    with open_store(f"sqlite:///{tmp_path}/apart.db") as other:
        import_files(other, [IMPORTER], {IMPORTER.name: [tmp_path / "projects"]}, user_id="u", processes=2)
        assert contents(other) == contents(store)
        assert set(ids(other)) == expected


def test_so_they_are_where_threads_run_and_a_process_cannot_be_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Import, store: Store
) -> None:
    monkeypatch.setattr(workers, "_SMALL_BYTES", 0)
    expected = write_sessions(tmp_path / "projects", 3, 4)
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        run(processes=2)
    finally:
        ended.set()
        thread.join()
    assert set(ids(store)) == expected


def test_a_large_file_is_read_in_portions_that_join(file: Path) -> None:
    whole = transcript("s0", 200)
    file.write_bytes(whole)
    (reading,), _ = plan_readings([(IMPORTER.name, file)], {}, {IMPORTER.name: "v"})
    at_once = read_portion(IMPORTER, reading, user_id="u")
    events, portions, rest = {}, 0, reading
    while rest:
        portion = read_portion(IMPORTER, rest, user_id="u", portion_bytes=1)
        portions += 1
        events |= {i.event_id: i for i in portion.invocations}
        assert (portion.checkpoint.modified_ns == 0) == (portion.next is not None)
        rest = portion.next  # type: ignore[assignment]
    assert events.keys() == {i.event_id for i in at_once.invocations}
    assert portion.checkpoint.offset == len(whole)


def test_progress_goes_from_nothing_to_all(run: Import, tmp_path: Path) -> None:
    write_sessions(tmp_path / "projects", 3, 5)
    seen: list[tuple[int, int]] = []
    report = run(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (report.bytes_read, report.bytes_read)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_user_is_the_same_hash_every_time_and_another_elsewhere(tmp_path: Path) -> None:
    here = local_user_id(tmp_path / "a", "ada")
    assert here == local_user_id(tmp_path / "a", "ada")
    assert here != local_user_id(tmp_path / "a", "grace")
    assert here != local_user_id(tmp_path / "b", "ada")
    assert "ada" not in here
    assert (tmp_path / "a" / "user.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["user.key"]
