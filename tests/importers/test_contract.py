"""What every importer promises, whatever its agent writes: the contract in ``importers/base.py``."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import agents
from tests.ingest.making_files import transcript
from tests.wrong import with_wrong_values

from session_buddy.importers.base import FAULT, FileParser, Importer
from session_buddy.importers.every import every_importer
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.storage import Recorded, Store, open_store

IMPORTERS = {importer.name: importer for importer in every_importer(ShellRules.builtin())}
WRITTEN = "2026-05-01T11:00:00.000Z"


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


def lines(*records: object) -> bytes:
    return b"".join(dump(record) + b"\n" for record in records)


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def in_database(write_rows: Callable[[Path], None], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path)
    return path


def gemini_lines() -> bytes:
    return lines(agents.gemini_session() | {"messages": []}, *agents.GEMINI_MESSAGES)


FILES: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "claude_code": ("claude_code", lambda root: write(root / "projects/p/s0.jsonl", transcript("s0", 2))),
    "codex": (
        "codex",
        lambda root: write(root / "rollout-1.jsonl", lines(*agents.CODEX_LINES)),
    ),
    "gemini": (
        "gemini",
        lambda root: write(root / "chats/session-1.json", dump(agents.gemini_session(*agents.GEMINI_MESSAGES))),
    ),
    "gemini lines": ("gemini", lambda root: write(root / "chats/session-2.jsonl", gemini_lines())),
    "gemini elsewhere": (
        "gemini",
        lambda root: write(root / "kept/anything.json", dump(agents.gemini_session(*agents.GEMINI_MESSAGES))),
    ),
    "copilot": (
        "copilot",
        lambda root: write(root / "session-state/c1/events.jsonl", agents.copilot_session()),
    ),
    "copilot elsewhere": ("copilot", lambda root: write(root / "kept/12ab-0.jsonl", agents.copilot_session())),
    "opencode part": (
        "opencode",
        lambda root: write(root / "storage/part/msg_2/prt_001.json", dump(agents.OPENCODE_PARTS[0])),
    ),
    "opencode database": (
        "opencode",
        lambda root: in_database(
            lambda path: agents.opencode_database(path, agents.OPENCODE_PARTS), root / "opencode/opencode.db"
        ),
    ),
    "openhands event": (
        "openhands",
        lambda root: write(root / "sessions/h1/events/2.json", dump(agents.OPENHANDS_OLD[2])),
    ),
    "openhands new event": (
        "openhands",
        lambda root: write(root / "conversations/h2/events/event-00002-0000abcd.json", dump(agents.OPENHANDS_NEW[2])),
    ),
    "openhands trajectory": (
        "openhands",
        lambda root: write(root / "kept/h3.json", json.dumps(agents.OPENHANDS_OLD, indent=2).encode()),
    ),
    "openhands exported": (
        "openhands",
        lambda root: write(root / "kept/h4.json", dump({"trajectory": agents.OPENHANDS_OLD})),
    ),
    "swe_agent": (
        "swe_agent",
        lambda root: write(root / "kept/i1.traj", json.dumps(agents.swe_run(agents.SWE_STEPS), indent=2).encode()),
    ),
    "skills.db": (
        "session_buddy",
        lambda root: in_database(
            lambda path: agents.skills_database(
                path, [agents.skills_row("commit", 1), agents.skills_row("review", 2, 0)]
            ),
            root / ".session-buddy/skills.db",
        ),
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.sqlite") as opened:
        yield opened


@pytest.fixture(params=FILES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Importer, Path]:
    """An importer, and a file of its agent."""
    name, make = FILES[request.param]
    return IMPORTERS[name], make(tmp_path)


def read(importer: Importer, path: Path, *, cuts: int = 1) -> dict[str, Invocation]:
    """Return the last word on each call in the file, which arrives in *cuts* pieces."""
    parser = importer.parser(str(path), user_id="u", written_at=WRITTEN)
    if isinstance(parser, FileParser):
        return {row.event_id: row for row in parser.read().invocations}
    data, told = path.read_bytes(), []
    size = len(data) // cuts + 1
    for start in range(0, len(data), size):
        told += parser.feed(data[start : start + size]).invocations
    told += parser.pause().invocations
    return {row.event_id: row for row in told}


def test_every_importer_is_tried_here() -> None:
    assert {name for name, _ in FILES.values()} == set(IMPORTERS)


def test_a_file_is_claimed_by_exactly_one(case: tuple[Importer, Path], tmp_path: Path) -> None:
    importer, path = case
    claimed = [one.name for one in IMPORTERS.values() for found in one.find(tmp_path) if found == path]
    assert claimed == [importer.name]
    assert [one.name for one in IMPORTERS.values() if list(one.find(path))] == [importer.name]
    assert path.suffix in importer.suffixes


def test_all_files_at_once_are_claimed_once_each(tmp_path: Path) -> None:
    made = {make(tmp_path): name for name, make in FILES.values()}
    for noise in ("package.json", "notes.jsonl.txt", "store.db", "physics.traj", "chats/readme.md", "prt_x.json"):
        write(tmp_path / noise, b'{"name": "x"}')
    found = [(path, one.name) for one in IMPORTERS.values() for path in one.find(tmp_path)]
    assert sorted(found) == sorted((path, name) for path, name in made.items())


def test_calls_have_ids_times_and_a_source(case: tuple[Importer, Path]) -> None:
    importer, path = case
    rows = read(importer, path)
    assert rows
    for row in rows.values():
        assert (row.source, row.user_id) == (importer.name, "u")
        assert row.invoked_at.startswith(("2026-", "2026-05-01T"))


def test_pieces_do_not_matter(case: tuple[Importer, Path]) -> None:
    importer, path = case
    assert read(importer, path, cuts=7) == read(importer, path)


def test_where_a_file_lies_does_not_matter_to_the_ids_of_its_calls(case: tuple[Importer, Path], tmp_path: Path) -> None:
    importer, path = case
    copy = tmp_path / "copied" / Path(*path.relative_to(tmp_path).parts)
    copy.parent.mkdir(parents=True)
    shutil.copy(path, copy)
    assert read(importer, copy).keys() == read(importer, path).keys()


def test_reading_again_adds_nothing(case: tuple[Importer, Path], store: Store) -> None:
    importer, path = case
    first = import_files(store, [importer], {importer.name: [path]}, user_id="u")
    assert (first.files_read, first.bad_lines, first.unreadable) == (1, 0, [])
    assert first.recorded.added == len(read(importer, path))
    assert first.bytes_read == path.stat().st_size
    again = import_files(store, [importer], {importer.name: [path]}, user_id="u")
    assert (again.files_read, again.recorded) == (0, Recorded())
    path.touch()
    touched = import_files(store, [importer], {importer.name: [path]}, user_id="u")
    assert touched.recorded.added == 0
    assert store.drifted() == []


def test_values_of_a_wrong_sort_are_no_fault(case: tuple[Importer, Path]) -> None:
    importer, path = case
    if path.suffix == ".db":
        return  # columns have types
    data = path.read_bytes()
    is_lines = path.suffix == ".jsonl"
    records = data.splitlines() if is_lines else [data]
    for place, record in enumerate(records):
        for wrong in with_wrong_values(json.loads(record)):
            parser = importer.parser(str(path), user_id="u", written_at=WRITTEN)
            assert not isinstance(parser, FileParser)
            parsed = parser.feed(b"\n".join((*records[:place], wrong, *records[place + 1 :])) + b"\n"), parser.pause()
            parser.save()
            assert not [bad.reason for one in parsed for bad in one.bad_lines if FAULT in bad.reason], wrong


def test_damaged_files_give_reasons_and_stop_nothing(case: tuple[Importer, Path], store: Store, tmp_path: Path) -> None:
    importer, path = case
    whole = path.read_bytes()
    cut = whole[: len(whole) // 2] + b"\n"
    for number, data in enumerate((b"", b"\x00" * 200 + b"\n", cut, b"[" * 9_000 + b"\n", b'{"cut": \n')):
        path.write_bytes(data)
        report = import_files(store, [importer], {importer.name: [path]}, user_id="u")
        said = report.bad_lines + len(report.unreadable)
        known = report.recorded.added + report.recorded.completed + report.recorded.unchanged
        assert said or known or not report.files_found or not data, number
    path.write_bytes(whole)
    assert import_files(store, [importer], {importer.name: [path]}, user_id="u").unreadable == []
    stored = {name for (name,) in store.query("SELECT event_id FROM skill_invocation").rows}
    assert read(importer, path).keys() <= stored


def test_what_was_read_is_not_changed(case: tuple[Importer, Path], store: Store) -> None:
    importer, path = case
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    path.chmod(0o444)
    import_files(store, [importer], {importer.name: [path]}, user_id="u")
    assert (path.read_bytes(), sorted(path.parent.iterdir())) == (before, beside)


def test_names_are_those_of_every_agent(tmp_path: Path) -> None:
    """The same command is the same skill, whoever ran it."""
    for key in ("claude_code", "codex", "gemini", "gemini lines", "copilot", "opencode part", "opencode database",
                "openhands trajectory", "openhands new event", "swe_agent"):  # fmt: skip
        name, make = FILES[key]
        rows = read(IMPORTERS[name], make(tmp_path / key)).values()
        shells = [row for row in rows if row.kind is Kind.SHELL]
        assert {row.skill_name for row in shells} == {"pytest-run"}, key
        expected = {None} if key == "swe_agent" else {Outcome.FAILED if "new event" in key else Outcome.COMPLETED}
        assert {row.outcome for row in shells} == expected, key


def test_no_content_is_stored(case: tuple[Importer, Path], tmp_path: Path) -> None:
    importer, path = case
    secret = "xyzzy-plugh-4711"
    data = path.read_bytes()
    for plain in (b'"x"', b"1 passed", b"about "):
        data = data.replace(plain, plain.replace(b"x", secret.encode()) if plain == b'"x"' else plain)
    if path.suffix != ".db":
        path.write_bytes(data)
    url = tmp_path / "store.sqlite"
    with open_store(f"sqlite:///{url}") as store:
        import_files(store, [importer], {importer.name: [path]}, user_id="u")
    assert secret.encode() not in url.read_bytes()


def test_default_folders_follow_the_environment(tmp_path: Path) -> None:
    named = {
        "CLAUDE_CONFIG_DIR": "a",
        "CODEX_HOME": "b",
        "GEMINI_CLI_HOME": "c",
        "COPILOT_HOME": "d",
        "XDG_DATA_HOME": "e",
        "OH_PERSISTENCE_DIR": "f",
        "SWE_AGENT_TRAJECTORY_DIR": "g",
    }
    environment = {key: str(tmp_path / value) for key, value in named.items()}
    elsewhere = {one.name: one.roots(environment, Path("/home/me")) for one in IMPORTERS.values()}
    at_home = {one.name: one.roots({}, Path("/home/me")) for one in IMPORTERS.values()}
    assert elsewhere["gemini"] == [tmp_path / "c/.gemini/tmp"]
    assert elsewhere["copilot"] == [tmp_path / "d/session-state"]
    assert elsewhere["opencode"] == [tmp_path / "e/opencode/storage/part", tmp_path / "e/opencode/opencode.db"]
    assert elsewhere["openhands"] == [tmp_path / "f/conversations", tmp_path / "f/sessions"]
    assert elsewhere["swe_agent"] == [tmp_path / "g"]
    assert at_home["gemini"] == [Path("/home/me/.gemini/tmp")]
    assert at_home["copilot"] == [Path("/home/me/.copilot/session-state")]
    assert at_home["opencode"][1] == Path("/home/me/.local/share/opencode/opencode.db")
    assert at_home["session_buddy"] == [Path("/home/me/.session-buddy/skills.db")]
    assert at_home["swe_agent"] == []
    for importer in IMPORTERS.values():
        for other in IMPORTERS.values():
            if other is not importer:
                assert not set(at_home[importer.name]) & set(at_home[other.name])


def test_versions_follow_the_rules_where_rules_name_calls() -> None:
    extended = every_importer(ShellRules.builtin().extended("", "mine"))
    changed = {one.name for one in extended if one.version != IMPORTERS[one.name].version}
    assert changed in (set(), set(IMPORTERS) - {"session_buddy"})


def test_a_document_is_read_again_as_a_whole_and_of_lines_the_rest(case: tuple[Importer, Path]) -> None:
    importer, path = case
    parser = importer.parser(str(path), user_id="u", written_at=WRITTEN)
    if isinstance(parser, FileParser):
        return
    data = path.read_bytes()
    parser.feed(data)
    parser.pause()
    assert parser.offset == (len(data) if path.suffix == ".jsonl" else 0)


def test_what_changes_beside_a_database_is_noticed(tmp_path: Path, store: Store) -> None:
    path, importer = tmp_path / "opencode.db", IMPORTERS["opencode"]
    agents.opencode_database(path, agents.OPENCODE_PARTS[:1])
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")

    def imported() -> int:
        return import_files(store, [importer], {importer.name: [path]}, user_id="u").recorded.added

    assert imported() == 1
    before = path.stat()
    writer.execute("UPDATE part SET id = 'prt_9', data = replace(data, 'toolu_0', 'toolu_9'), time_updated = 9e12")
    writer.commit()
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert imported() == 1
    writer.close()


def test_a_database_in_use_is_read_with_what_is_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    agents.opencode_database(path, agents.OPENCODE_PARTS[:1])
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("UPDATE session SET directory = '/elsewhere'")
    writer.commit()
    assert path.with_name("opencode.db-wal").stat().st_size
    rows = read(IMPORTERS["opencode"], path)
    assert {row.project for row in rows.values()} == {"/elsewhere"}
    writer.close()
