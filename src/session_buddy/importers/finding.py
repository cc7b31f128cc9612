"""The files below a folder, and how they begin: the looking around that importers share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from session_buddy.importers.recognition import HEAD_BYTES, owner_of

__all__ = ["files_of", "is_owned_by"]

_NO_TRANSCRIPTS = frozenset({".git", "node_modules", "__pycache__", ".venv"})
"""Folders of many files that no agent writes transcripts into."""


def files_of(source: str, root: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    """Yield the files of *source* below *root*, sorted, or *root* itself if it is one."""
    found = [root] if root.is_file() else sorted(_below(root, suffixes), key=_order)
    yield from (path for path in found if is_owned_by(source, path))


def is_owned_by(source: str, path: Path) -> bool:
    """Tell whether *path* is for the importer of *source*; a file that cannot be opened is told by its name."""
    return owner_of(path, lambda: _head(path)) == source


def _below(root: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _NO_TRANSCRIPTS]
        for name in names:
            path = Path(folder, name)
            if path.suffix in suffixes and path.is_file():
                yield path


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    """Sort by folder, then by name, with ``9.json`` before ``10.json``."""
    *folders, name = path.parts
    return (*((0, folder) for folder in folders), (len(name) if path.stem.isdecimal() else 0, name))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""
