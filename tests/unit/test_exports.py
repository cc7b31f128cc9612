"""The public surface of the package."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import session_buddy

PUBLIC = {
    "DurationSource", "ErrorType", "Invocation", "Kind", "Outcome", "Phase", "Recorded", "Rows", "SessionBuddyError",
    "Store", "Trigger", "__version__", "open_store", "track",
}  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(session_buddy.__all__) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(session_buddy, name)
    assert name in dir(session_buddy)
    if name == "__version__":
        assert value[0].isdigit()
    else:
        assert inspect.getdoc(value)
        assert value.__name__ == name


def test_star_import_gives_them_all() -> None:
    names: dict[str, object] = {}
    exec("from session_buddy import *", names)
    assert names.keys() >= PUBLIC - {"__version__"}


def test_type_checkers_see_the_same_names_as_programs() -> None:
    tree = ast.parse(Path(session_buddy.__file__).read_text(encoding="utf-8"))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in guard.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    declared = {
        node.target.id for node in guard.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert imported | declared == PUBLIC


def test_what_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        session_buddy.nothing  # noqa: B018
