"""What is said of fields: the docstrings that follow them in the source, for the description of the API."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import typing
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

__all__ = ["annotate", "plain"]

_ROLE = re.compile(r":\w+:`~?(?:\w+\.)*(\w+)`")
"""A reference to code, as docstrings have it: ``:class:`~package.Name```."""


def annotate(components: dict[str, Any], types: Iterable[type[msgspec.Struct]]) -> None:
    """Put what is said of the fields of *types*, and of all types in them, into their *components*."""
    for struct in _all_structs(types):
        properties = components.get(struct.__name__, {}).get("properties", {})
        for name, note in _notes(struct).items():
            if name in properties:
                properties[name]["description"] = note


def plain(text: str) -> str:
    """Return a docstring as Markdown: paragraphs in one line each, code as Markdown has it."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    told = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return _ROLE.sub(r"`\1`", told).replace("``", "`")


def _all_structs(roots: Iterable[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    found: dict[type[msgspec.Struct], None] = {}

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct) and annotation not in found:
            found[annotation] = None
            for hint in typing.get_type_hints(annotation).values():
                visit(hint)
        for part in typing.get_args(annotation):
            visit(part)

    for root in roots:
        visit(root)
    return list(found)


@cache
def _notes(struct: type[msgspec.Struct]) -> dict[str, str]:
    notes: dict[str, str] = {}
    # What a class says of a field wins over what its parents say.
    for kind in reversed(struct.__mro__):
        if issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct:
            notes |= _own_notes(kind)
    return notes


def _own_notes(struct: type[msgspec.Struct]) -> dict[str, str]:
    source = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    (body,) = (node.body for node in source.body if isinstance(node, ast.ClassDef))
    return {
        field.target.id: plain(note.value.value)
        for field, note in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(note, ast.Expr)
        and isinstance(note.value, ast.Constant)
        and isinstance(note.value.value, str)
    }
