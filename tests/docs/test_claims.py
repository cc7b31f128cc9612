"""What the pages say of the program is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from session_buddy import errors
from session_buddy.cli.failures import AnswerIsNo, ExitCode, Interrupted, WrongUsage
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Invocation, Outcome
from tests.docs.pages import ROOT, blocks, table_after, text_of

REFERENCE = ROOT / "docs" / "reference"
SHELL_PAGE = REFERENCE / "shell-rules.md"
EXTEND_PAGE = ROOT / "docs" / "how-to" / "extend-shell-rules.md"


def test_the_readme_opens_with_the_two_commands_and_the_picture() -> None:
    first, second, *rest = text_of(ROOT / "README.md").split("\n\n")
    assert re.fullmatch(r"```sh\n\./dev run +# .+\n\./dev test +# .+\n```", first)
    assert second.startswith("![")
    assert second.endswith("](docs/images/up.svg)")
    assert rest[0] == "# Session-Buddy"


def test_every_module_that_the_design_lists_exists() -> None:
    listed = re.findall(r"^\|.*?`(src/[\w/.]+)` \|", text_of(ROOT / "docs" / "design.md"), re.MULTILINE)
    assert len(listed) > 30
    assert [path for path in listed if not (ROOT / path).exists()] == []


def test_the_design_lists_every_room() -> None:
    design = text_of(ROOT / "docs" / "design.md")
    package = ROOT / "src" / "session_buddy"
    rooms = [path for path in package.iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    assert len(rooms) >= 4
    assert [room.name for room in rooms if f"`src/session_buddy/{room.name}`" not in design] == []


def test_the_design_justifies_every_dependency() -> None:
    design = ROOT / "docs" / "design.md"
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    extras = [name for extra in project["project"].get("optional-dependencies", {}).values() for name in extra]
    justified = {cells[0].partition(" ")[0] for cells in table_after(design, "## Dependencies")}
    assert _names([*project["project"]["dependencies"], *extras]) == justified
    section = text_of(design).partition("## Dependencies")[2].partition("\n## ")[0]
    assert {name for name in _names(project["dependency-groups"]["dev"]) if name not in section} == set()


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}


def test_contributing_lists_every_folder_of_tests() -> None:
    listed = {cells[0].strip("`") for cells in table_after(ROOT / "CONTRIBUTING.md", "## Tests")}
    folders = {f"tests/{path.parent.name}" for path in (ROOT / "tests").glob("*/test_*.py")}
    assert listed == folders | {"tests/making.py"}


def test_every_error_is_explained_and_nothing_else() -> None:
    explained = [cells[0].strip("`") for cells in table_after(REFERENCE / "errors.md", "## Types of errors")]
    of_the_commands = [kind.__name__ for kind in (AnswerIsNo, Interrupted, WrongUsage, OSError)]
    assert sorted(explained) == sorted([*errors.__all__, *of_the_commands])


def test_every_exit_code_is_explained() -> None:
    rows = table_after(REFERENCE / "errors.md", "# Errors and exit codes")
    assert {int(code): meaning.partition(";")[0] for code, meaning in rows} == {
        code.value: code.meaning for code in ExitCode
    }


def test_every_field_of_an_invocation_has_its_rule() -> None:
    rows = table_after(REFERENCE / "import.md", "## The fields")
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    # Named in the table above that one, and never told by a transcript.
    elsewhere = {"skill_name", "kind", "plugin", "rating"}
    assert (
        names == {{"trigger": "triggered_by"}.get(field, field) for field in Invocation.__struct_fields__} - elsewhere
    )


def _told(cell: str) -> Outcome | None:
    """Return what *cell* first says of ``pytest``."""
    word = re.search("completed|failed|not known", cell)
    assert word is not None, cell
    return None if word[0] == "not known" else Outcome(word[0])


@pytest.mark.parametrize("row", table_after(SHELL_PAGE, "## What one exit code tells"), ids=lambda row: str(row[0]))
def test_exit_codes_tell_what_the_page_says(row: list[str]) -> None:
    command = row[0].strip("`").replace("\\|", "|")
    for cell, succeeded in ((row[1], True), (row[2], False)):
        if cell == "cannot be":
            continue
        found = ShellRules.builtin().interpret(command, succeeded=succeeded)
        assert found.main is not None
        assert (found.main.skill_name, found.main.outcome) == ("pytest-run", _told(cell))
        assert len(found.others) == ("both" in cell)


def test_the_examples_of_rules_are_read_and_do_what_the_page_says() -> None:
    rule, family, lists = blocks(EXTEND_PAGE, "toml")
    rules = ShellRules.builtin().extended(lists + rule + family, "shell-rules.toml")

    def name(command: str) -> str | None:
        found = rules.interpret(command, succeeded=True).main
        return found.skill_name if found else None

    assert [name("make deploy"), name("just check"), name("our-env run pytest")] == [
        "deploy-web",
        "just-check",
        "pytest-run",
    ]
    assert name("git status") is None
    shown = rules.interpret("make deploy | tail -3", succeeded=True, output="Deployed it\n").main
    assert shown is not None
    # A filter may have taken a failure away, except for those that keep the end of an output.
    assert shown.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("page", [SHELL_PAGE, EXTEND_PAGE, REFERENCE / "configuration.md"], ids=lambda page: page.name)
def test_the_file_for_own_rules_is_called_as_the_program_calls_it(page: Path) -> None:
    from session_buddy.cli import sources

    assert f"`{sources._RULES_FILE}`" in text_of(page)
