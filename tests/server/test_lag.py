"""How far imports are behind the files of this machine: told by status, the page of data and the API alike."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.reports import lag as lag_module
from session_buddy.reports.health import read_health
from session_buddy.reports.lag import ImportLag, Present, SourceLag, read_lag
from session_buddy.storage import Store
from tests.contract.conftest import OpenStore, engine, new_url, open_new
from tests.making import NOW, iso, shifted
from tests.server.pages_kit import Page, visiting

__all__ = ["engine", "new_url", "open_new"]

IMPORTER = ClaudeCode()


@pytest.fixture
def store(open_new: OpenStore) -> Store:
    return open_new()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "projects").mkdir()
    return tmp_path / "projects"


def line(moment: str) -> str:
    return json.dumps({"type": "user", "message": {"role": "user", "content": "go on"}, "timestamp": moment}) + "\n"


def write(path: Path, *moments: str, at: str, append: bool = False) -> int:
    """Write a line for each of *moments*; the file is as if last written *at*. Returns the bytes written."""
    text = "".join(map(line, moments))
    with path.open("a" if append else "w") as file:
        file.write(text)
    seconds = datetime.fromisoformat(at).timestamp()
    os.utime(path, ns=(round(seconds * 1000) * 1_000_000,) * 2)
    return len(text)


def load(store: Store, root: Path, importer: ClaudeCode = IMPORTER) -> None:
    import_files(store, [importer], {importer.name: [root]}, user_id="u", processes=1)


def present(root: Path, importer: ClaudeCode = IMPORTER) -> Present:
    return Present(files=[(importer.name, path) for path in importer.find(root)], importers={importer.name: importer})


def lag(store: Store, root: Path) -> SourceLag:
    (source,) = read_lag(store, present(root)).sources
    return source


def test_nothing_is_behind_after_an_import(store: Store, root: Path) -> None:
    write(root / "a.jsonl", shifted(NOW, hours=-2), at=shifted(NOW, hours=-1))
    write(root / "b.jsonl", shifted(NOW, hours=-9), at=shifted(NOW, hours=-8))
    load(store, root)
    found = lag(store, root)
    assert (found.source, found.files) == ("claude_code", 2)
    assert (found.files_behind, found.bytes_behind, found.behind_since) == (0, 0, None)
    assert found.last_written_at == found.read_up_to == shifted(NOW, hours=-1)
    assert found.last_import_at is not None


def test_a_file_that_grew_is_behind_since_its_first_unread_line(store: Store, root: Path) -> None:
    write(root / "a.jsonl", shifted(NOW, hours=-9), at=shifted(NOW, hours=-8))
    load(store, root)
    grown = [shifted(NOW, hours=-3), shifted(NOW, hours=-2)]
    more = write(root / "a.jsonl", *grown, at=shifted(NOW, hours=-1), append=True)
    found = lag(store, root)
    assert (found.files_behind, found.bytes_behind, found.behind_since) == (1, more, grown[0])
    assert (found.read_up_to, found.last_written_at) == (shifted(NOW, hours=-8), shifted(NOW, hours=-1))
    load(store, root)
    assert lag(store, root).behind_since is None


def test_a_file_that_is_new_is_behind_since_its_first_line(store: Store, root: Path) -> None:
    size = write(root / "a.jsonl", shifted(NOW, hours=-9), NOW, at=NOW)
    found = lag(store, root)
    assert (found.files_behind, found.bytes_behind, found.behind_since) == (1, size, shifted(NOW, hours=-9))
    assert (found.read_up_to, found.last_import_at, found.last_written_at) == (None, None, NOW)


def test_the_oldest_of_all_files_is_told(store: Store, root: Path) -> None:
    for number in range(1, 6):
        write(root / f"{number}.jsonl", shifted(NOW, hours=-number), at=shifted(NOW, minutes=number))
    assert lag(store, root).behind_since == shifted(NOW, hours=-5)


def test_lines_that_tell_no_time_are_as_old_as_the_file(store: Store, root: Path) -> None:
    (root / "a.jsonl").write_text('{"type":"summary"}\n{"timestamp":"yesterday"}\n')
    os.utime(root / "a.jsonl", ns=(1_750_000_000_123_000_000,) * 2)
    at = iso(
        datetime.fromtimestamp(0, tz=datetime.fromisoformat(NOW).tzinfo) + timedelta(milliseconds=1_750_000_000_123)
    )
    assert lag(store, root).behind_since == at


def test_the_first_line_that_tells_a_time_is_taken(store: Store, root: Path) -> None:
    write(root / "a.jsonl", shifted(NOW, hours=-1), at=NOW)
    text = (root / "a.jsonl").read_text()
    (root / "a.jsonl").write_text('{"type":"summary"}\n{"timestamp":"yesterday"}\n' + text)
    assert lag(store, root).behind_since == shifted(NOW, hours=-1)


def test_what_an_older_version_has_read_is_read_again_but_is_no_news(store: Store, root: Path) -> None:
    size = write(root / "a.jsonl", shifted(NOW, hours=-9), at=NOW)
    other = ClaudeCode(ShellRules.builtin().extended("ignored = ['pytest']", "x.toml"))
    load(store, root, other)
    found = lag(store, root)
    assert (found.files_behind, found.bytes_behind, found.behind_since) == (1, size, None)


def test_files_imported_from_elsewhere_are_looked_at_too(store: Store, root: Path, tmp_path: Path) -> None:
    aside = tmp_path / "backup"
    aside.mkdir()
    write(aside / "a.jsonl", shifted(NOW, hours=-9), at=shifted(NOW, hours=-8))
    load(store, aside)
    assert lag(store, root).files == 1
    more = write(aside / "a.jsonl", NOW, at=NOW, append=True)
    assert lag(store, root).bytes_behind == more
    (aside / "a.jsonl").unlink()
    assert read_lag(store, present(root)) == ImportLag(sources=[], unreadable=[])


def test_a_file_that_cannot_be_looked_at_is_told(store: Store, root: Path) -> None:
    write(root / "a.jsonl", NOW, at=NOW)
    files = present(root)
    (root / "a.jsonl").unlink()
    found = read_lag(store, files)
    assert found.unreadable == [(str(root / "a.jsonl"), "No such file or directory")]
    assert found.sources[0].files_behind == 0
    assert read_health(store, files).unreadable == 1


def test_into_no_more_than_some_files_is_looked(store: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag_module, "_ASKED", 2)
    for number in range(4):
        write(root / f"{number}.jsonl", shifted(NOW, days=-number), at=shifted(NOW, hours=number))
    assert lag(store, root).behind_since == shifted(NOW, days=-1)
    assert lag(store, root).files_behind == 4


def test_times_beyond_reason_are_told(store: Store, root: Path) -> None:
    write(root / "a.jsonl", at=NOW)
    (root / "a.jsonl").write_text("{}\n")
    os.utime(root / "a.jsonl", (-5, -5))
    assert lag(store, root).last_written_at == "1969-12-31T23:59:55.000Z"
    os.utime(root / "a.jsonl", (2**33, 2**33))
    assert lag(store, root).last_written_at == "2242-03-16T12:56:32.000Z"


@pytest.fixture
def behind(store: Store, root: Path) -> Iterator[Present]:
    write(root / "a.jsonl", shifted(NOW, hours=-9), at=shifted(NOW, hours=-8))
    load(store, root)
    write(root / "a.jsonl", shifted(NOW, hours=-3), at=shifted(NOW, hours=-1), append=True)
    yield present(root)


def test_page_and_api_tell_the_same(store: Store, behind: Present, tmp_path: Path) -> None:
    with visiting(store, tmp_path, present=lambda: behind) as visitor:
        (told,) = visitor.get("/api/v1/health").json()["data"]["lag"]
        shown = Page(visitor.get("/data").text).text
    (found,) = read_lag(store, behind).sources
    assert told == msgspec.to_builtins(found)
    assert "Imports are behind: 1 file with 107 B to read, the oldest line from 3 h ago." in shown
    assert "claude_code 1 1 h ago 8 h ago 107 B in 1 file 3 h ago" in shown


def test_the_page_is_calm_where_all_is_read_and_where_the_rest_is_new(store: Store, root: Path, tmp_path: Path) -> None:
    write(root / "a.jsonl", shifted(NOW, hours=-9), at=shifted(NOW, hours=-8))
    load(store, root)
    with visiting(store, tmp_path, present=lambda: present(root)) as visitor:
        assert "claude_code 1 8 h ago 8 h ago – –" in Page(visitor.get("/data").text).text
        write(root / "a.jsonl", shifted(NOW, minutes=-1), at=NOW, append=True)
        shown = Page(visitor.get("/data").text).text
        assert "107 B in 1 file 1 min ago" in shown and "Imports are behind" not in shown


def test_the_page_names_files_that_cannot_be_looked_at(store: Store, root: Path, tmp_path: Path) -> None:
    write(root / "a.jsonl", NOW, at=NOW)
    files = present(root)
    (root / "a.jsonl").unlink()
    with visiting(store, tmp_path, present=lambda: files) as visitor:
        assert "1 file could not be looked at" in Page(visitor.get("/data").text).text


def test_a_server_that_imports_nothing_has_none(store: Store, tmp_path: Path) -> None:
    with visiting(store, tmp_path) as visitor:
        assert visitor.get("/api/v1/health").json()["data"]["lag"] == []
        assert "Files on this machine" not in visitor.get("/data").text


def test_the_health_of_the_data_has_it(store: Store, behind: Present) -> None:
    assert read_health(store, behind).lag == read_lag(store, behind).sources
    assert (read_health(store).lag, read_health(store).unreadable) == ([], 0)
