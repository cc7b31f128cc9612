"""Folders inside a project that have skills of their own, as Claude Code finds them while it works there.

Projects may be large, so the search has bounds: the folders nearest to the top come first.
"""

from __future__ import annotations

import os
from collections import deque
from typing import NamedTuple

__all__ = ["DEEPEST", "MOST_FOLDERS", "PASSED_OVER", "Nested", "nested_folders"]

DEEPEST = 4
"""So many folders below the top of a project are looked into: ``packages/group/name`` is three."""
MOST_FOLDERS = 2_000
"""Of one project."""
PASSED_OVER = frozenset({".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox"})
"""Folders that hold nothing which anybody wrote there."""
_ENVIRONMENTS = frozenset({"pyvenv.cfg", "conda-meta"})
_OWN = ".claude"


class Nested(NamedTuple):
    """What a search found."""

    folders: list[str]
    """Those with a folder ``.claude`` in them, that of the project itself left out."""
    looked_into: int
    """How many folders could be listed; none where the project is not there."""


def nested_folders(root: str, most: int = MOST_FOLDERS) -> Nested:
    """Search the project at *root*, *most* folders at most; links are not followed, nor environments looked into."""
    found: list[str] = []
    pending = deque([(root, 0)])
    looked_into = 0
    while pending and looked_into < most:
        folder, depth = pending.popleft()
        entries = _folders_in(folder)
        if entries is None:
            continue
        looked_into += 1
        if depth and _OWN in entries:
            found.append(folder)
        if depth < DEEPEST:
            pending += [(f"{folder}{os.sep}{name}", depth + 1) for name in entries if not name.startswith(".")]
    return Nested(found, looked_into)


def _folders_in(folder: str) -> list[str] | None:
    """Return the folders in *folder*, by name; none of an environment, and ``None`` where it cannot be listed."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name in _ENVIRONMENTS:
                    return []
                if entry.name not in PASSED_OVER and entry.is_dir(follow_symlinks=False):
                    names.append(entry.name)
    except OSError:
        # What is in it is unknown; whatever is known of it from before stays.
        return None
    return sorted(names)
