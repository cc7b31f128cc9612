"""The documentation as tests see it: pages, blocks of code, links, commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"session-buddy( |$)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of *language* on *page*, in order."""
    return [code for found, code in _BLOCK.findall(text_of(page)) if found == language]


def prose(page: Path) -> str:
    """Return *page* without its blocks of code."""
    return _BLOCK.sub("", text_of(page))


def commands(page: Path) -> list[list[str]]:
    """Return the arguments of every ``session-buddy …`` on *page*, without what a shell does around them."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    inline = [code.replace("\\|", "|") for code in _INLINE.findall(prose(page))]
    return [_arguments(text) for text in [*lines, *inline] if _COMMAND.match(text)]


def table_after(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table below *heading*, without its head."""
    _, found, rest = text_of(page).partition(f"{heading}\n")
    assert found, f"{name_of(page)} has no {heading!r}"
    lines = rest[rest.index("\n|") + 1 :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def _arguments(text: str) -> list[str]:
    words = shlex.split(text, comments=True)[1:]
    end = next((place for place, word in enumerate(words) if word in {"<", ">", "|"}), len(words))
    return words[:end]
