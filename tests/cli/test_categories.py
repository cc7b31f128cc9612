"""``category`` and ``modality``."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_buddy.model import Kind
from session_buddy.storage import open_store
from tests.catalog.taxonomy.making import SUBJECTS, skill
from tests.cli.conftest import Run
from tests.making import FakeClock, invocation


@pytest.fixture
def used(url: str) -> str:
    with open_store(url, clock=FakeClock()) as store:
        store.record(
            [
                *(invocation(f"r{at}", skill_name="release-notes", kind=Kind.SKILL) for at in range(3)),
                invocation("p", skill_name="pytest-run", kind=Kind.SHELL, traits=("reads:py",)),
            ]
        )
    return url


@pytest.fixture
def hobbies(used: str, tmp_path: Path) -> Path:
    file = tmp_path / "hobby.csv"
    rows = [skill(subject, at) for at in range(25) for subject in SUBJECTS]
    told = [f"{subject},{one.name},{one.description}" for one, subject in zip(rows, list(SUBJECTS) * 25, strict=True)]
    file.write_text("\n".join(["category,skill,description,shelf", *(f"{line},x" for line in told)]))
    return file


def test_the_categories_that_there_are(run: Run, used: str) -> None:
    shown = run("category", "list").out
    assert "Categories  session-buddy" in shown and "3 predefined" in shown
    assert "Nothing was learned of them yet; 'session-buddy refresh' does it" in shown
    told = run("category", "list", "--json").json
    assert [one["category"] for one in told["categories"]] == [
        "Code Quality", "Deployment", "Documentation", "Testing"
    ]  # fmt: skip
    assert told["categories"][3] == {
        "category": "Testing", "name": "Testing", "scheme": "session-buddy", "parent": None, "depth": 0,
        "domain": "testing", "description": "Running tests and measuring what they cover", "skills": 3,
        "by": {"predefined": 3},
    }  # fmt: skip


def test_a_category_with_its_skills(run: Run, used: str) -> None:
    shown = run("category", "show", "testing").out
    assert "Testing  session-buddy  testing" in shown and "pytest-run" in shown and "3 of 3 skills" in shown
    assert "1 of 3 skills" in run("category", "show", "Testing", "--limit", "1").out
    told = run("category", "show", "Tasting", "--json")
    assert told.code == 1 and "Testing" in told.error["suggestions"]


@pytest.mark.long
def test_a_skill_is_sorted_by_a_person(run: Run, used: str) -> None:
    shown = run("category", "assign", "Release-Notes", "documentation").out
    assert "release-notes" in shown and "Documentation" in shown and "by a person" in shown
    assert "What it is for is not known." in shown
    assert run("refresh", "categories").code == 0
    told = run("modality", "show", "release-notes", "--json").json
    assert told["modality"]["modality"] == "documentation" and told["modality"]["assigned_by"] == "inference"
    assert told["categories"] == [
        {
            "category": "Documentation", "scheme": "session-buddy", "domain": "documentation", "confidence": 1.0,
            "assigned_by": "person", "assigned_at": told["categories"][0]["assigned_at"], "counts": True,
        }
    ]  # fmt: skip
    assert "It is in no category." in run("category", "unassign", "release-notes", "Documentation").out
    again = run("category", "unassign", "release-notes", "Documentation")
    assert again.code == 1 and "it is not in it" in again.err
    assert "By a person it is not in Documentation." in run("category", "reject", "release-notes", "documentation").out
    assert run("modality", "show", "release-notes", "--json").json["rejected"] == ["Documentation"]
    assert "By a person" not in run("category", "unassign", "release-notes", "Documentation").out
    overruled = run("category", "assign", "pytest-run", "Deployment").out
    assert "predefined; overruled" in overruled


def test_an_unknown_skill_is_not_sorted(run: Run, used: str) -> None:
    told = run("category", "assign", "release-note", "Testing", "--json")
    assert told.code == 1 and told.error["suggestions"] == ["release-notes"]


@pytest.mark.long
def test_a_taxonomy_is_taken_over_and_others_follow(run: Run, used: str, hobbies: Path) -> None:
    shown = run("category", "import", str(hobbies)).out
    assert "Taxonomy  hobby" in shown and "3 new categories, 0 changed, 75 skills put into them" in shown
    assert "Not read: shelf" in shown
    run("refresh", "categories")
    told = run("category", "list").out
    assert "Categories  hobby" in told and "25 by rule or file" in told
    assert "hobby: of 75 sorted skills" in told and "by words alone" in told
    evaluated = run("category", "evaluate", "--scheme", "hobby").out
    assert "hobby  words alone" in evaluated and "of 75 skills in 3 categories" in evaluated
    found = run("category", "evaluate", "--json").json["schemes"]
    assert [one["scheme"] for one in found] == ["session-buddy", "hobby"]
    assert found[1]["quality"]["accuracy"]["value"] > 0.9 and found[1]["note"] is None
    assert run("category", "evaluate", "--scheme", "none").code == 1


def test_faults_of_a_file_are_told_by_line(run: Run, used: str, tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text("categories:\n  - name: a\n    domain: prose\n  - 3: b\n")
    told = run("category", "import", str(file))
    assert told.code == 3 and "line 2: No domain is called 'prose'" in told.err and "line 4: '3' means" in told.err
    assert "Mend that; nothing of the file was taken." in told.err
    assert len(run("category", "list", "--json").json["categories"]) == 4
    assert run("category", "import", str(tmp_path / "none.csv")).code == 3


def test_what_a_skill_is_for_is_said_and_taken_back(run: Run, used: str) -> None:
    unknown = run("modality", "set", "release-notes", "--review").out
    assert "What it is for is not known." in unknown and "wants a person's look, by a person" in unknown
    assert run("modality", "set", "release-notes").code == 3
    shown = run("modality", "set", "release-notes", "--type", "documentation", "--output", "Markdown", "--review").out
    assert "for      documentation, by a person" in shown and "writes Markdown" in shown
    assert "wants a person's look, by a person" in shown
    assert "needs nobody's look" in run("modality", "set", "release-notes", "--no-review").out
    assert "by a person" not in run("modality", "forget", "release-notes").out
    assert run("modality", "forget", "release-notes").code == 1


def test_the_precision_can_be_set(run: Run, used: str) -> None:
    assert run("settings", "set", "category_precision", "0.9").code == 0
    for wrong in ("1", "0.2", "much"):
        assert run("settings", "set", "category_precision", wrong).code == 3
