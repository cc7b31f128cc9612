"""Taxonomies out of YAML, node by node: nothing is built of it, and each fault has its line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import yaml  # type: ignore[import-untyped]

from session_buddy.catalog.taxonomy.collecting import (
    Collected,
    NewCategory,
    SortedSkill,
    Taxonomy,
    folded,
    refused,
    shown,
    text_of,
)

__all__ = ["read_yaml"]

_DEEPEST = 32
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEYS = {"name", "parent", "domain", "description", "skills", "categories"}
_NULL = "tag:yaml.org,2002:null"


def read_yaml(data: bytes, *, scheme: str) -> Taxonomy:
    """Return the taxonomy in *data*: YAML with ``scheme`` and ``categories``.

    Each category is a name, or a mapping of ``name`` and what there is of ``parent``, ``domain``, ``description``,
    ``skills`` and further ``categories`` below it; a skill is a name, or a mapping of ``name`` and ``description``.
    Raises :class:`InvalidInput` with all faults by line.
    """
    text = text_of(data)
    try:
        _require_plain(text)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error)
        raise refused([((mark.line + 1) if mark else 1, f"This is no YAML: {said}.")]) from error
    collected = Collected()
    walk = _YamlWalk(collected)
    if not isinstance(root, yaml.MappingNode):
        raise refused([(1, "It must be a mapping with 'categories', and perhaps 'scheme'.")])
    told = walk.mapping(root, {"scheme", "categories"})
    named = walk.text(told.get("scheme")) or scheme
    if "categories" not in told:
        collected.fault(1, "There are no 'categories'.")
    walk.categories(told.get("categories"), named, None)
    return collected.taxonomy([])


def _require_plain(text: str) -> None:
    """Raise for what would take a composer too deep, event by event: one that is written in C dies of it."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > 2 * _DEEPEST:
            raise refused([(event.start_mark.line + 1, "It is nested deeper than anybody writes.")])
        if isinstance(event, yaml.AliasEvent):
            raise refused([(event.start_mark.line + 1, "An alias is not followed: write out what it stands for.")])


class _YamlWalk:
    """Goes through the nodes of a document."""

    def __init__(self, collected: Collected) -> None:
        self._collected = collected

    def mapping(self, node: Any, known: Iterable[str]) -> dict[str, Any]:
        """Return the values of a mapping by key; what is not *known* is a fault."""
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in known:
                self._fault(key, f"{shown(name)} means nothing here: give {', '.join(sorted(known))}.")
            elif name in found:
                self._fault(key, f"{shown(name)} stands twice.")
            else:
                found[name] = value
        return found

    def text(self, node: Any) -> str | None:
        """Return what a scalar says, ``None`` for nothing."""
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _NULL):
            return None
        if not isinstance(node, yaml.ScalarNode):
            self._fault(node, "There must be a text here.")
            return None
        return str(node.value).strip() or None

    def categories(self, node: Any, scheme: str, parent: str | None) -> None:
        """Take a list of categories, those below them, and their skills."""
        for item in self._items(node):
            if isinstance(item, yaml.MappingNode):
                self._category(item, scheme, parent)
            elif name := self.text(item):
                self._add(item, scheme, name, parent)

    def _category(self, item: Any, scheme: str, parent: str | None) -> None:
        told = self.mapping(item, _KEYS)
        name = self.text(told.get("name"))
        if name is None:
            self._fault(item, "A category must have a name.")
            return
        above = self.text(told.get("parent"))
        if above is not None and parent is not None and above != parent:
            self._fault(item, f"{shown(name)} stands below {shown(parent)}, and names {shown(above)} as its parent.")
        self._add(
            item,
            scheme,
            name,
            above or parent,
            domain=folded(self.text(told.get("domain"))),
            description=self.text(told.get("description")),
        )
        for skill in self._items(told.get("skills")):
            self._skill(skill, scheme, name)
        self.categories(told.get("categories"), scheme, name)

    def _add(self, node: Any, scheme: str, name: str, parent: str | None, **more: str | None) -> None:
        line = node.start_mark.line + 1
        self._collected.add_category(NewCategory(scheme=scheme, name=name, parent=parent, line=line, **more))

    def _skill(self, node: Any, scheme: str, category: str) -> None:
        description = None
        if isinstance(node, yaml.MappingNode):
            told = self.mapping(node, {"name", "description"})
            name, description = self.text(told.get("name")), self.text(told.get("description"))
        else:
            name = self.text(node)
        line = node.start_mark.line + 1
        skill = SortedSkill(scheme=scheme, category=category, skill=name or "", description=description, line=line)
        self._collected.add_skill(skill)

    def _items(self, node: Any) -> Iterator[Any]:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _NULL):
            return
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node, "There must be a list here.")
        else:
            yield from node.value

    def _fault(self, node: Any, reason: str) -> None:
        self._collected.fault(node.start_mark.line + 1, reason)
