"""The public names of the room, and what they cost."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from session_buddy import experiments


def test_every_name_is_there_and_documented() -> None:
    for name in experiments.__all__:
        value = getattr(experiments, name)
        assert value.__name__ == name
        assert inspect.getdoc(value)
    assert set(experiments.__all__) <= set(dir(experiments))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        experiments.nothing  # noqa: B018


def test_type_checkers_see_the_same_names_as_programs() -> None:
    tree = ast.parse(Path(experiments.__file__).read_text(encoding="utf-8"))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    found = {
        (node.module.rpartition(".")[2], alias.name)
        for node in guard.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert found == {(module, name) for module, names in experiments._HOMES.items() for name in names}
    assert {name for _, name in found} == set(experiments.__all__)


@pytest.mark.parametrize(
    ("names", "heavy"),
    [
        ("assign, assign_all, AssignmentRule", ("numpy", "sqlite3", "session_buddy.storage")),
        ("Experiments", ("numpy",)),
    ],
)
def test_a_name_loads_no_more_than_it_takes(names: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys; from session_buddy.experiments import {names}; print(sorted(sys.modules))"
    loaded = ast.literal_eval(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.decode()
    )
    assert "session_buddy.experiments" in loaded
    assert [name for name in heavy if name in loaded] == []
