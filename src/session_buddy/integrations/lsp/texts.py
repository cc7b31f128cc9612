"""What a file is to agents, and where in it skills are named. Pure.

Positions are lines and columns counted from 0, columns in characters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import StrEnum
from pathlib import PurePosixPath
from typing import NamedTuple

from session_buddy.catalog.scanning.faults import Fault
from session_buddy.catalog.scanning.frontmatter import Form, read_head

__all__ = ["Mention", "Role", "Written", "mention_at", "mentions_in", "prefix_at", "role_of", "written_in"]

_WORD = re.compile(r"(?<![\w/.:-])/?[A-Za-z0-9_][\w:.-]*[A-Za-z0-9_]|(?<![\w/.:-])/?[A-Za-z0-9_](?![\w-])")
_BEGUN = re.compile(r"(?:^|[\s`(/\"'])([\w:.-]*)$")


class Role(StrEnum):
    """What a file is to agents."""

    SKILL = "skill"
    """A ``SKILL.md``."""
    INSTRUCTIONS = "instructions"
    """``AGENTS.md``, ``CLAUDE.md`` and the like: text that agents are given."""
    OTHER = "other"


class Mention(NamedTuple):
    """A skill that is named in a text."""

    skill: str
    line: int
    start: int
    end: int


class Written(NamedTuple):
    """What a ``SKILL.md`` says of itself."""

    skill: str
    faults: list[Fault]


_INSTRUCTIONS = frozenset({"agents.md", "claude.md", "claude.local.md", "gemini.md", "copilot-instructions.md"})


def role_of(path: str) -> Role:
    """Return what the file at *path* is to agents, by its name.

    >>> role_of("/x/.claude/skills/review/SKILL.md"), role_of("/x/AGENTS.md"), role_of("/x/main.py")
    (<Role.SKILL: 'skill'>, <Role.INSTRUCTIONS: 'instructions'>, <Role.OTHER: 'other'>)
    """
    name = PurePosixPath(path.replace("\\", "/")).name.lower()
    if name == "skill.md":
        return Role.SKILL
    return Role.INSTRUCTIONS if name in _INSTRUCTIONS else Role.OTHER


def written_in(text: str, path: str) -> Written:
    """Return the name and the faults of the ``SKILL.md`` at *path* that holds *text*."""
    folder = PurePosixPath(path.replace("\\", "/")).parent.name
    head = read_head(text.encode("utf-8", "surrogatepass"), Form.SKILL, folder)
    return Written(head.name or folder, head.faults)


def mentions_in(text: str, known: Collection[str]) -> Iterator[Mention]:
    """Yield each place in *text* where one of the *known* skills is named, also as ``/name``; in their order."""
    for number, line in enumerate(text.splitlines()):
        for found in _WORD.finditer(line):
            word = found[0]
            for name in (word, word.removeprefix("/")):
                if name in known:
                    yield Mention(name, number, found.start(), found.end())
                    break


def mention_at(text: str, line: int, column: int, known: Collection[str]) -> Mention | None:
    """Return the skill that is named at a place; None where none is."""
    lines = text.splitlines()
    if not 0 <= line < len(lines):
        return None
    here = (found._replace(line=line) for found in mentions_in(lines[line], known))
    return next((found for found in here if found.start <= column <= found.end), None)


def prefix_at(text: str, line: int, column: int) -> str:
    """Return what of a name stands before a place."""
    lines = text.splitlines()
    found = _BEGUN.search(lines[line][:column]) if 0 <= line < len(lines) else None
    return found[1] if found else ""
