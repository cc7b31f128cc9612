"""Languages by the names of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_buddy import languages
from session_buddy.languages import LANGUAGES, language_of, languages_in


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_each_ending_is_of_one_language() -> None:
    endings = [ending for text in LANGUAGES.values() for ending in text.split()]
    assert len(endings) == len(set(endings))


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.py", "Python"),
        ("A.PY", "Python"),
        ("a.b/x.rs", "Rust"),
        ("py", None),
        ("a.md", None),
        ("", None),
        (".", None),
    ],
)
def test_the_language_of_a_file(name: str, language: str | None) -> None:
    assert language_of(name) == language


def test_the_languages_of_a_folder_are_those_of_many_files(tmp_path: Path) -> None:
    folder = made(
        tmp_path, *(f"src/{n}.go" for n in range(6)), *(f"{n}.py" for n in range(3)), "x.sh", "a.md", "b.json"
    )
    assert languages_in(folder) == ("Go", "Python")


def test_what_was_fetched_built_or_hidden_does_not_count(tmp_path: Path) -> None:
    others = [f"{name}/{n}.js" for name in ("node_modules", ".venv", "dist", "deep/node_modules") for n in range(9)]
    assert languages_in(made(tmp_path, "a.rs", *others)) == ("Rust",)


def test_no_more_is_looked_at_than_need_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "_MOST_ENTRIES", 4)
    made(tmp_path, "a.py", "b.py", *(f"deep/{n}.go" for n in range(9)))
    assert languages_in(tmp_path) == ("Python", "Go")


def test_links_are_not_followed(tmp_path: Path) -> None:
    (made(tmp_path, "a.py") / "round").symlink_to(tmp_path)
    assert languages_in(tmp_path) == ("Python",)


def test_no_folder_has_no_languages(tmp_path: Path) -> None:
    assert languages_in(tmp_path / "none") == languages_in(made(tmp_path, "a.py") / "a.py") == ()
