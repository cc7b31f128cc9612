r"""What a file is to agents, and where in it skills are named. Pure.

Positions are lines and columns counted from 0, columns in characters. Lines end as they do in editors (LSP): at \n,
\r\n and \r, and not at form feeds and other signs at which Python ends lines too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath
from typing import NamedTuple

from msgspec import structs

from session_buddy.catalog.scanning.faults import Fault
from session_buddy.catalog.scanning.frontmatter import Form, read_head

__all__ = ["Mention", "Role", "Written", "lines_of", "mention_at", "mentions_in", "prefix_at", "role_of", "written_in"]

_WORD = re.compile(r"(?<![\w/.:-])/?[A-Za-z0-9_][\w:.-]*[A-Za-z0-9_]|(?<![\w/.:-])/?[A-Za-z0-9_](?![\w-])")
_VERSION = re.compile(r"v?\d+(\.\d+)+\S*|[0-9a-f]{7,40}")
_LINE_END = re.compile(r"\r\n|\r|\n")
_YAML_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
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


def lines_of(text: str) -> list[str]:
    """Return the lines of *text* without their ends; where it ends with one, an empty line comes last."""
    return _LINE_END.split(text)


def written_in(text: str, path: str) -> Written:
    """Return the name and the faults of the ``SKILL.md`` at *path* that holds *text*.

    It is called by its folder, as agents call it; one that is the whole of a plugin may lie in a folder named after a
    version.
    """
    folder = PurePosixPath(path.replace("\\", "/")).parent.name
    head = read_head(text.encode("utf-8", "surrogatepass"), Form.SKILL, folder)
    name = head.name if head.name and (not folder or _VERSION.fullmatch(folder)) else folder
    return Written(name, [_in_lines_of_editors(fault, text) for fault in head.faults])


def _in_lines_of_editors(fault: Fault, text: str) -> Fault:
    """Return *fault* with its line counted by the ends that editors know; YAML knows more."""
    before = list(islice(_YAML_LINE_END.finditer(text), (fault.line or 1) - 1))
    if not before or fault.line is None:
        return fault
    return structs.replace(fault, line=len(lines_of(text[: before[-1].end()])))


def mentions_in(text: str, known: Collection[str]) -> Iterator[Mention]:
    """Yield each place in *text* where one of the *known* skills is named, also as ``/name``; in their order."""
    for number, line in enumerate(lines_of(text)):
        for found in _WORD.finditer(line):
            word = found[0]
            for name in (word, word.removeprefix("/")):
                if name in known:
                    yield Mention(name, number, found.start(), found.end())
                    break


def mention_at(text: str, line: int, column: int, known: Collection[str]) -> Mention | None:
    """Return the skill that is named at a place; None where none is."""
    lines = lines_of(text)
    if not 0 <= line < len(lines):
        return None
    here = (found._replace(line=line) for found in mentions_in(lines[line], known))
    return next((found for found in here if found.start <= column <= found.end), None)


def prefix_at(text: str, line: int, column: int) -> str:
    """Return what of a name stands before a place."""
    lines = lines_of(text)
    found = _BEGUN.search(lines[line][:column]) if 0 <= line < len(lines) else None
    return found[1] if found else ""
