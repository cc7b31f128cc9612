"""What a file tells of a taxonomy, put together and checked, with every fault by line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from session_buddy.catalog.taxonomy.hierarchy import DOMAINS, cycle_in
from session_buddy.errors import InvalidInput
from session_buddy.formats import plural, printable

__all__ = ["Collected", "Fault", "NewCategory", "SortedSkill", "Taxonomy", "folded", "refused", "shown", "text_of"]

_LARGEST_FILE = 16 << 20
_LONGEST_NAME = 200
_LONGEST_TEXT = 4_000
_MOST_TOLD = 20

Fault = tuple[int, str]
"""A line, counted from 1, and what is wrong there."""


class NewCategory(msgspec.Struct, frozen=True, kw_only=True):
    """A category as a file tells of it."""

    scheme: str
    name: str
    parent: str | None = None
    domain: str | None = None
    description: str | None = None
    line: int = 0


class SortedSkill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill, and the category that a file puts it into."""

    scheme: str
    category: str
    skill: str
    description: str | None = None
    line: int = 0


class Taxonomy(msgspec.Struct, frozen=True, kw_only=True):
    """What a file tells, each category and each skill in a category once."""

    categories: list[NewCategory]
    skills: list[SortedSkill]
    unread: list[str]
    """Columns of the file that mean nothing here."""


class Collected:
    """What was read so far, and whether it goes together."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._categories: dict[tuple[str, str], NewCategory] = {}
        self._parented: dict[tuple[str, str], int] = {}
        """In which line each was said to have a parent."""
        self._skills: dict[tuple[str, str, str], SortedSkill] = {}

    def fault(self, line: int, reason: str) -> None:
        """Keep a fault of the file's form."""
        self._faults.append((line, reason))

    def add_category(self, told: NewCategory) -> None:
        """Add it, or what it says besides of one that is there."""
        wrong = [
            *_wrong_name("scheme", told.scheme),
            *_wrong_name("category", told.name),
            *(_wrong_name("parent", told.parent) if told.parent is not None else ()),
            *_wrong_text(told.description),
        ]
        if told.domain is not None and told.domain not in DOMAINS:
            wrong.append(f"No domain is called {shown(told.domain)}: give one of {', '.join(DOMAINS)}.")
        self._faults += [(told.line, reason) for reason in wrong]
        if wrong:
            return
        key = (told.scheme, told.name)
        before = self._categories.setdefault(key, told)
        merged = before
        for field in ("parent", "domain", "description"):
            new, old = getattr(told, field), getattr(before, field)
            if new is not None and old is not None and new != old:
                other = f"{shown(told.name)} has another {field} in line {before.line}"
                self._faults.append((told.line, f"{other}: {shown(old)}."))
            elif old is None:
                merged = msgspec.structs.replace(merged, **{field: new})
        if merged.parent is not None and told.parent is not None:
            self._parented.setdefault(key, told.line)
        self._categories[key] = merged

    def add_skill(self, told: SortedSkill) -> None:
        """Add it, once for each category."""
        wrong = [*_wrong_name("skill", told.skill), *_wrong_text(told.description)]
        self._faults += [(told.line, reason) for reason in wrong]
        if not wrong:
            self._skills.setdefault((told.scheme, told.skill, told.category), told)

    def taxonomy(self, unread: list[str]) -> Taxonomy:
        """Return all of it; parents that no row tells of are categories, too. Raises where there are faults."""
        for told in list(self._categories.values()):
            if told.parent is not None:
                named = NewCategory(scheme=told.scheme, name=told.parent, line=told.line)
                self._categories.setdefault((told.scheme, told.parent), named)
        parents = {key: (key[0], told.parent) if told.parent else None for key, told in self._categories.items()}
        circle = cycle_in(parents)
        if circle:
            line = max(self._parented[key] for key in circle)
            way = " below ".join(shown(name) for _, name in circle)
            self._faults.append((line, f"Categories go round in a circle: {way}."))
        if not self._categories and not self._faults:
            self._faults.append((1, "There is no category in it."))
        if self._faults:
            raise refused(self._faults)
        return Taxonomy(categories=list(self._categories.values()), skills=list(self._skills.values()), unread=unread)


def text_of(data: bytes) -> str:
    """Return *data* as text; raises :class:`InvalidInput` where it is none, or too much."""
    if len(data) > _LARGEST_FILE:
        raise refused([(1, f"It has more than {_LARGEST_FILE >> 20} MiB.")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused([(data.count(b"\n", 0, error.start) + 1, f"Byte {error.start} is no UTF-8.")]) from error


def refused(faults: Sequence[Fault]) -> InvalidInput:
    """Return the error that tells of *faults*, the first twenty by line."""
    ordered = sorted(set(faults))
    told = [f"line {line}: {reason}" for line, reason in ordered[:_MOST_TOLD]]
    if len(ordered) > _MOST_TOLD:
        told.append(f"and {plural(len(ordered) - _MOST_TOLD, 'more fault')}")
    return InvalidInput("taxonomy", "\n".join(told), remedy="Mend that; nothing of the file was taken.")


def _wrong_name(what: str, name: str) -> list[str]:
    if not name.strip():
        return [f"The {what} has no name."]
    if len(name) > _LONGEST_NAME or not name.isprintable() or name != name.strip():
        return [f"{shown(name)} is no name of a {what}: give up to {_LONGEST_NAME} printable letters in one line."]
    return []


def _wrong_text(text: str | None) -> list[str]:
    if text is not None and (len(text) > _LONGEST_TEXT or "\0" in text):
        return [f"The description has more than {_LONGEST_TEXT:,} letters, or one that cannot be kept."]
    return []


def folded(text: str | None) -> str | None:
    """Return *text* in small letters."""
    return None if text is None else text.casefold()


def shown(text: str) -> str:
    """Return *text* as a fault cites it."""
    return repr(printable(text[:60]))
