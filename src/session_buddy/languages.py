"""Programming languages, by the names of files."""

from __future__ import annotations

import os
from collections import Counter, deque
from pathlib import Path

__all__ = ["LANGUAGES", "language_of", "languages_in"]

LANGUAGES = {
    "C": "c h",
    "C#": "cs csx",
    "C++": "cc cpp cxx hh hpp hxx",
    "Clojure": "clj cljc cljs",
    "CSS": "css less sass scss",
    "CUDA": "cu cuh",
    "Dart": "dart",
    "Elixir": "ex exs",
    "Elm": "elm",
    "Erlang": "erl hrl",
    "F#": "fs fsx",
    "Fortran": "f f90 f95",
    "Go": "go",
    "Groovy": "gradle groovy",
    "Haskell": "hs",
    "HTML": "htm html",
    "Java": "java",
    "JavaScript": "cjs js jsx mjs",
    "Julia": "jl",
    "Kotlin": "kt kts",
    "Lua": "lua",
    "Nix": "nix",
    "Objective-C": "m mm",
    "OCaml": "ml mli",
    "Perl": "pl pm",
    "PHP": "php",
    "PowerShell": "ps1 psm1",
    "Python": "ipynb py pyi pyx",
    "R": "r rmd",
    "Ruby": "gemspec rake rb",
    "Rust": "rs",
    "Scala": "sbt scala",
    "Shell": "bash fish sh zsh",
    "Solidity": "sol",
    "SQL": "sql",
    "Svelte": "svelte",
    "Swift": "swift",
    "Terraform": "hcl tf tfvars",
    "TypeScript": "cts mts ts tsx",
    "Vue": "vue",
    "Zig": "zig",
}
"""The endings of each language's files."""
_BY_ENDING = {ending: language for language, endings in LANGUAGES.items() for ending in endings.split()}
_OF_OTHERS = frozenset(
    [
        "__pycache__",
        "bower_components",
        "build",
        "dist",
        "env",
        "node_modules",
        "out",
        "site-packages",
        "target",
        "third_party",
        "vendor",
        "venv",
    ]
)
"""Folders of what was made or fetched, not written here."""
_MOST_ENTRIES = 5_000
_SHARE = 0.2


def language_of(name: str) -> str | None:
    """Return the language of a file by its name, ``None`` where that tells of none (Markdown, JSON, pictures).

    >>> language_of("src/app.tsx"), language_of("README.md")
    ('TypeScript', None)
    """
    return _BY_ENDING.get(name.rpartition(".")[2].lower()) if "." in name else None


def languages_in(folder: Path) -> tuple[str, ...]:
    """Return the languages that have a fifth of *folder*'s source files or more, those with most files first.

    Looks at names only, the uppermost folders first, and at no more than 5,000; hidden folders, and those of what was
    built or fetched, are left out. Empty where there is no such folder, or nobody may read it.
    """
    counts: Counter[str] = Counter()
    waiting, seen = deque([str(folder)]), 0
    while waiting and seen < _MOST_ENTRIES:
        try:
            entries = sorted(os.scandir(waiting.popleft()), key=lambda entry: entry.name)
        except OSError:
            continue  # gone, no folder, or not ours to read: it tells of no language
        for entry in entries[: _MOST_ENTRIES - seen]:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and entry.name not in _OF_OTHERS:
                    waiting.append(entry.path)
            elif language := language_of(entry.name):
                counts[language] += 1
        seen += len(entries)
    return tuple(
        language
        for language, files in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        if files >= _SHARE * counts.total()
    )
