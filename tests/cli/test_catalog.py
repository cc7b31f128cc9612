"""``catalog``: what there is, looking for it, side by side."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from session_buddy.catalog.scanning.findings import FindingKind
from session_buddy.catalog.scanning.sources import Origin
from session_buddy.cli.choices import ModalityChoice, OriginChoice, ProblemChoice
from session_buddy.reports.scanning import MACHINE_VARIABLE, SCANNING, this_machine
from session_buddy.storage import open_store
from tests.catalog.scanning.making import Disk, skill_text
from tests.catalogues import write_skills
from tests.cli.conftest import Run
from tests.making import FakeClock, invocation


@pytest.fixture
def disk(home: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Skills in the home of the test, of which one was used, in a project."""
    monkeypatch.chdir(tmp_path)
    home.rmdir()
    disk = write_skills(tmp_path)
    with open_store(url, clock=FakeClock()) as store:
        store.record([invocation(skill_name="pack", project=str(disk.projects[0]))])
    return disk


def test_choices_are_those_there_are() -> None:
    assert [choice.value for choice in OriginChoice] == [origin.value for origin in Origin]
    assert [choice.value for choice in ProblemChoice] == [kind.value for kind in FindingKind]
    assert {choice.value for choice in ModalityChoice} == {"code", "documentation", "testing", "deployment"}


def test_scan_looks_where_agents_keep_skills(run: Run, disk: Disk) -> None:
    done = run("catalog", "scan", "--json").json
    assert done["sources"] > 700 and done["added"] == done["sources"] and done["gone"] == 0
    assert str(disk.claude / "skills") in done["searched"]
    # That of the session, though nobody is in that folder now.
    assert str(disk.projects[0] / ".claude" / "skills") in done["searched"]
    assert [(Path(one["path"]).parent.name, one["broken"]) for one in done["faults"]] == [
        ("broken", True),
        ("<b>bold", False),
        ("odd", False),
    ]
    again = run("catalog", "scan", "--json").json
    assert (again["added"], again["changed"], again["opened"], again["sources"]) == (0, 0, 0, done["sources"])


def test_scan_shows_faults_with_their_lines(run: Run, disk: Disk) -> None:
    told = run("catalog", "scan").out
    assert "Broken  1 file" in told and "Against the published rules  2 files" in told
    assert "bad YAML (line 3): mapping values are not allowed in this context. Put quotes around the value." in told


def test_scan_takes_any_path(run: Run, disk: Disk, tmp_path: Path) -> None:
    disk.skill("stock", skill_text("stok"), below=tmp_path / "stock")
    tools = disk.json(tmp_path / "github.json", {"tools": [{"name": "issue", "description": "Makes an issue."}]})
    done = run("catalog", "scan", "stock", str(tools), "--json").json
    assert (done["sources"], len(done["faults"])) == (2, 1)
    shown = run("catalog", "--json", "--origin", "folder").json["skills"]
    assert [one["skill"] for one in shown] == ["stock"]
    (tool,) = run("catalog", "--json", "--kind", "mcp").json["skills"]
    assert (tool["skill"], tool["description"]) == ("mcp__github__issue", "Makes an issue.")


def test_a_file_has_one_path_whichever_way_it_is_named(run: Run, disk: Disk, tmp_path: Path) -> None:
    disk.skill("stock", below=tmp_path / "stock" / "skills")
    assert run("catalog", "scan", "stock", "--json").json["added"] == 1
    (tmp_path / "link").symlink_to("stock")
    for named in (
        "stock/skills/..",
        "link",
        "link/skills/stock",
        "link/skills/stock/SKILL.md",
        str(tmp_path / "stock"),
    ):
        done = run("catalog", "scan", named, "--json").json
        assert (done["sources"], done["added"], done["searched"]) == (1, 0, [str(tmp_path / named)])
    # The folder of a skill gives it its name, also where it is a link.
    (tmp_path / "other").symlink_to("stock/skills/stock")
    assert run("catalog", "scan", "other", "--json").json["added"] == 1
    assert "other" in {one["skill"] for one in run("catalog", "--json", "--origin", "folder").json["skills"]}


def test_below_the_users_own_folder_files_are_called_as_they_are_there(run: Run, disk: Disk, tmp_path: Path) -> None:
    disk.claude.rename(tmp_path / "dotfiles")
    disk.claude.symlink_to(tmp_path / "dotfiles")
    run("catalog", "scan")
    for named in (disk.claude / "skills", tmp_path / "dotfiles" / "skills", disk.claude / "skills" / "review"):
        assert run("catalog", "scan", str(named), "--json").json["added"] == 0


def test_a_machine_has_a_name_that_can_be_read(run: Run, disk: Disk) -> None:
    told = run("catalog", "scan", "--machine", "a\nb")
    assert told.code == 3 and "machine: 'a\\nb' holds signs that cannot be seen." in told.err


def test_scan_of_what_is_not_there_is_refused(run: Run, disk: Disk) -> None:
    told = run("catalog", "scan", "nowhere")
    assert told.code and "nowhere: does not exist." in told.err


def test_scan_of_what_holds_no_skills_is_refused(run: Run, disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("No skills.")
    told = run("catalog", "scan", "notes.txt")
    assert told.code == 3 and "notes.txt: is no file that skills are written down in." in told.err


def test_a_scan_is_proposed_only_where_none_was(run: Run, disk: Disk) -> None:
    assert "session-buddy catalog scan" in run("catalog", "--problem", "changed").out
    run("catalog", "scan")
    told = run("catalog", "--problem", "changed").out
    assert "No such skill is known." in told and "session-buddy catalog scan" not in told


def test_a_skill_that_was_never_used_is_told_from_one_that_nobody_knows(run: Run, disk: Disk) -> None:
    run("catalog", "scan")
    for command in ("skill", "related"):
        told = run(command, "Review")
        assert told.code == 1 and "'review' was never used." in told.err and "catalog compare 'review'" in told.err
    assert "No skill is called 'reviewed'." in run("skill", "reviewed").err


def test_what_is_gone_may_be_named(run: Run, disk: Disk, tmp_path: Path) -> None:
    path = disk.skill("stock", below=tmp_path / "stock")
    run("catalog", "scan", "stock")
    path.unlink()
    path.parent.rmdir()
    path.parent.parent.rmdir()
    assert run("catalog", "scan", "stock", "--json").json["gone"] == 1


def test_up_looks_for_skills_too(run: Run, disk: Disk) -> None:
    assert run("up", "--once", "--quiet").code == 0
    assert {one["skill"] for one in run("catalog", "--json").json["skills"]} >= {"review", "outline", "mcp__db"}
    (job,) = [one for one in run("refresh", "--show", "--json").json["jobs"] if one["job"] == SCANNING.name]
    assert job["last"]["rows"] > 700


def test_the_list_has_filters_orders_and_reasons(run: Run, disk: Disk) -> None:
    run("up", "--once", "--quiet")
    shown = run("catalog")
    assert shown.code == 0 and "Catalogue of skills  looked through just now" in shown.out
    assert "review" in shown.out and "never-used" in shown.out and "tokens for the listing" in shown.out
    assert "Put quotes around" in run("catalog", "--problem", "broken").out
    assert run("catalog", "--by", "cost", "--json").json["skills"][0]["skill"] == "outline"
    used = run("catalog", "--min-success", "0.5", "--json").json["skills"]
    assert [one["skill"] for one in used] == ["pack"]
    assert run("catalog", "--min-success", "nan").code == 2
    assert "No such skill is known." in run("catalog", "--origin", "marketplace").out
    assert run("catalog", "--category", "Cooking", "--json").code == 1


def test_skills_side_by_side(run: Run, disk: Disk) -> None:
    run("up", "--once", "--quiet")
    shown = run("catalog", "compare", "review", "PACK")
    assert shown.code == 0
    for words in (
        "Skills side by side",
        "tokens a session",
        "Reviews what was changed.",
        "plugin acme",
    ):
        assert words in shown.out
    # How long the path before it is decides where the line is broken.
    assert re.search(r"not\b.*?\bin\b.*?\bforce\b", shown.out, re.DOTALL)
    told = run("catalog", "compare", "reviw", "--json")
    assert told.code == 1 and told.error["suggestions"] == ["review"]


def test_machines_that_share_a_store_are_told_apart(run: Run, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MACHINE_VARIABLE, "desk")
    run("up", "--once", "--quiet")
    assert run("catalog", "scan", "--machine", "laptop", "--json").json["machine"] == "laptop"
    assert run("catalog", "scan", "--json").json["added"] == 0, "what up found was found as that of the same machine"
    assert "Skills on laptop" in run("catalog", "scan", "--machine", "laptop").out
    known = run("catalog", "--json").json
    assert {one["value"] for one in known["machines"]} == {"desk", "laptop"}
    (review,) = run("catalog", "compare", "review", "--json").json["skills"]
    assert review["machines"] == 2
    assert sorted(one["machine"] for one in review["sources"]) == ["desk", "desk", "laptop", "laptop"]
    told = run("catalog", "compare", "review").out
    assert "on desk" in told and "on laptop" in told
    assert "laptop is forgotten, with" in run("catalog", "forget", "laptop").out
    assert "on desk" not in run("catalog", "compare", "review").out, "with one machine nothing is to be told"
    gone = run("catalog", "forget", "laptop")
    assert gone.code and "There are: desk." in gone.err


def test_a_machine_is_called_as_its_variable_says_or_after_its_host() -> None:
    assert this_machine({MACHINE_VARIABLE: " laptop "}) == "laptop"
    assert this_machine({}) == this_machine({MACHINE_VARIABLE: " "}) == socket.gethostname()
