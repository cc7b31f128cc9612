"""Categories as a tree: what lies below what, and the domains that follow from it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

__all__ = ["DOMAINS", "OWN_SCHEME", "Category", "cycle_in", "domains_of", "in_order", "plain_name"]

DOMAINS = ("code", "documentation", "testing", "deployment")
OWN_SCHEME = "session-buddy"
"""The taxonomy of the program: the predefined categories, and those of shell rules."""
_K = TypeVar("_K", bound=Hashable)


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``skill_categories``."""

    category_id: int
    category_name: str
    """Unique in a store: with its scheme before it where another scheme has a category of this name."""
    scheme: str = OWN_SCHEME
    parent_category_id: int | None = None
    description: str | None = None
    domain: str | None = None
    """What it says itself."""
    created_at: str = ""


def plain_name(category: Category) -> str:
    """Return the name of *category* within its scheme.

    >>> plain_name(Category(category_id=9, category_name="team/Testing", scheme="team"))
    'Testing'
    """
    return category.category_name.removeprefix(f"{category.scheme}/") or category.category_name


def domains_of(categories: Iterable[Category]) -> dict[int, str | None]:
    """Return the domain of each of *categories* by id: its own, else that of the nearest above it that has one."""
    by_id = {category.category_id: category for category in categories}
    found: dict[int, str | None] = {}
    for start in by_id:
        at, seen = by_id.get(start), set[int]()
        while at is not None and at.domain is None and at.category_id not in seen:
            seen.add(at.category_id)
            at = by_id.get(at.parent_category_id) if at.parent_category_id is not None else None
        found[start] = at.domain if at else None
    return found


def in_order(categories: Sequence[Category]) -> list[tuple[int, Category]]:
    """Return every category once with its depth: schemes by name, ours first; parents before their children.

    What has no parent that is there, or goes round in a circle, stands at the top.
    """
    by_id = {category.category_id: category for category in categories}
    below: dict[int | None, list[Category]] = defaultdict(list)
    for category in categories:
        below[category.parent_category_id if category.parent_category_id in by_id else None].append(category)
    told: list[tuple[int, Category]] = []
    done: set[int] = set()

    def walk(start: Category) -> None:
        waiting = [(0, start)]
        while waiting:
            depth, category = waiting.pop()
            if category.category_id not in done:
                done.add(category.category_id)
                told.append((depth, category))
                waiting += [(depth + 1, child) for child in sorted(below[category.category_id], key=_by, reverse=True)]

    for category in sorted(below[None], key=_by):
        walk(category)
    for category in sorted(categories, key=_by):
        walk(category)
    return told


def cycle_in(parents: Mapping[_K, _K | None]) -> list[_K]:
    """Return the first circle of *parents* as a path that ends where it begins; empty where there is none.

    >>> cycle_in({"a": "b", "b": "c", "c": "b"})
    ['b', 'c', 'b']
    """
    safe: set[_K] = set()
    for start in parents:
        path: list[_K] = []
        at: _K | None = start
        while at is not None and at in parents and at not in safe:
            if at in path:
                return [*path[path.index(at) :], at]
            path.append(at)
            at = parents[at]
        safe.update(path)
    return []


def _by(category: Category) -> tuple[bool, str, str]:
    return category.scheme != OWN_SCHEME, category.scheme, category.category_name.casefold()
