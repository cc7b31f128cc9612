"""Sources of skills in a store: what a scan writes, what it leaves alone, what it drops."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from session_buddy.catalog.keeping import (
    Scanned,
    forget_machine,
    read_sources,
    read_standing,
    scan_into,
    session_folders,
)
from session_buddy.catalog.scanning.places import named_places
from session_buddy.errors import NotFound
from session_buddy.model import Kind, Outcome, SkillFacts
from session_buddy.reports.profile import find_skill
from session_buddy.storage import Store
from session_buddy.storage.tables import PlainTable, plain_table
from tests.catalog.scanning.making import Disk, skill_text
from tests.making import NOW, invocation, shifted

WRITTEN = "2026-06-10T08:00:00.000Z"
MACHINE = "desk"
LATER, LATEST = shifted(NOW, days=1), shifted(NOW, days=2)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def scan(store: Store, disk: Disk, now: str = NOW, *, machine: str = MACHINE) -> Scanned:
    return scan_into(store, disk.places(), machine=machine, now=now)


def figures(scanned: Scanned) -> tuple[int, int, int, int]:
    return (scanned.sources, scanned.added, scanned.changed, scanned.gone)


def aged(path: Path, moment: str = WRITTEN) -> Path:
    at = int(datetime.fromisoformat(moment).timestamp() * 1_000_000_000)
    os.utime(path, ns=(at, at))
    return path


def moments(store: Store) -> dict[str, tuple[str, str]]:
    return {source.skill_name: (source.changed_at, source.seen_at) for source in read_sources(store)}


def descriptions(store: Store) -> dict[str, str]:
    return dict(store.query("SELECT skill_name, description FROM skill_description FINAL").rows)


def problems(store: Store) -> dict[str, list[str]]:
    standing = read_standing(store)
    names = {source.key: source.skill_name for source in standing.sources}
    return {names[key]: [one.problem.value for one in told] for key, told in standing.findings.items()}


def test_what_was_found_is_kept_whole(store: Store, disk: Disk) -> None:
    path = aged(disk.skill("review", skill_text("review", "Reviews it.", "word " * 40)))
    disk.skill("bad", "nothing")
    assert figures(scan(store, disk)) == (2, 2, 0, 0)
    bad, review = sorted(read_sources(store), key=lambda one: one.skill_name)
    assert (review.path, review.origin.value, review.size) == (str(path), "user", path.stat().st_size)
    assert (review.changed_at, review.seen_at) == (WRITTEN, NOW)
    assert review.listing_tokens > 0 and review.body_tokens > 40 and review.problem is None
    assert bad.problem == "no frontmatter (line 1): The first line is not ---. Begin with ---, name, description, ---."
    assert descriptions(store) == {"review": "Reviews it."}


def test_where_nothing_changed_nothing_is_written(store: Store, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.skill("review")
    disk.json(disk.home / ".claude.json", {"mcpServers": {"db": {}}})
    scan(store, disk)
    before = read_sources(store)

    def refused(table: PlainTable, rows: Any) -> None:
        raise AssertionError(f"{table.name} is written to")

    monkeypatch.setattr(store, "put_rows", refused)
    monkeypatch.setattr(store, "drop_rows", refused)
    again = scan(store, disk, LATER)
    assert figures(again) == (2, 0, 0, 0) and again.opened == 0
    assert read_sources(store) == before


def test_a_change_is_dated_a_touch_is_none(store: Store, disk: Disk) -> None:
    path = aged(disk.skill("review"))
    scan(store, disk)
    aged(path, NOW)
    touched = scan(store, disk, LATER)
    assert figures(touched) == (1, 0, 0, 0) and touched.opened == 1
    assert moments(store) == {"review": (WRITTEN, NOW)}
    path.write_text(skill_text("review", "Reviews otherwise."))
    assert figures(scan(store, disk, LATEST)) == (1, 0, 1, 0)
    assert moments(store) == {"review": (LATEST, NOW)}
    assert descriptions(store) == {"review": "Reviews otherwise."}


def test_a_file_from_the_future_changed_today(store: Store, disk: Disk) -> None:
    aged(disk.skill("review"), shifted(NOW, days=400))
    scan(store, disk)
    assert moments(store) == {"review": (NOW, NOW)}


def test_an_update_of_a_plugin_is_no_change_of_what_stayed_the_same(store: Store, disk: Disk) -> None:
    old = disk.plugin(version="1.0")
    for name in ("same", "other"):
        aged(disk.skill(name, below=old / "skills"))
    scan(store, disk)
    new = disk.plugin(version="2.0")
    aged(disk.skill("same", below=new / "skills"), LATER)
    aged(disk.skill("other", skill_text("other", "Says more."), below=new / "skills"), LATER)
    assert figures(scan(store, disk, LATEST)) == (2, 2, 0, 2)
    assert moments(store) == {"same": (WRITTEN, NOW), "other": (LATER, LATEST)}
    assert {source.version for source in read_sources(store)} == {"2.0"}


class TestDescriptions:
    def test_what_others_said_stays_until_the_file_changes(self, store: Store, disk: Disk) -> None:
        said = SkillFacts(skill_name="review", category="Other", modality="code", description="Said by somebody.")
        store.describe([said])
        path = disk.skill("review", skill_text("review", "Says the file."))
        scan(store, disk)
        assert descriptions(store) == {"review": "Said by somebody."}
        path.write_text(skill_text("review", "Says the file now."))
        scan(store, disk, LATER)
        assert descriptions(store) == {"review": "Says the file now."}

    def test_the_one_in_force_speaks(self, store: Store, disk: Disk) -> None:
        disk.skill("review", skill_text("review", "In the project."), below=disk.project() / ".claude" / "skills")
        scan(store, disk)
        assert descriptions(store) == {"review": "In the project."}
        disk.skill("review", skill_text("review", "The user's."))
        scan(store, disk, LATER)
        assert descriptions(store) == {"review": "The user's."}

    def test_skills_that_are_gone_and_were_never_used_are_forgotten(self, store: Store, disk: Disk) -> None:
        for name in ("unused", "used", "twice"):
            disk.skill(name)
        disk.skill("twice", below=disk.project() / ".claude" / "skills")
        store.record([invocation(skill_name="used", kind=Kind.SKILL)])
        scan(store, disk)
        store.put_rows(
            plain_table("skill_category_mapping"),
            [("unused", 1, 0.9, NOW, "inference", None), ("used", 1, 0.9, NOW, "inference", None)],
        )
        store.put_rows(
            plain_table("skill_modalities"), [("unused", "code", None, None, 0, NOW, "inference", "inference")]
        )
        shutil.rmtree(disk.claude / "skills")
        assert figures(scan(store, disk, LATER)) == (1, 0, 0, 3)
        assert set(descriptions(store)) == {"used", "twice"}
        listed = [row[0] for row in store.query("SELECT skill_name FROM v_multimodal_skill_catalog").rows]
        assert "unused" not in listed and {"used", "twice"} <= set(listed)


def test_other_places_are_left_alone(store: Store, disk: Disk, tmp_path: Path) -> None:
    stock = disk.skill("stock", below=tmp_path / "stock")
    scan_into(store, named_places([tmp_path / "stock"], disk.places()), machine=MACHINE, now=NOW)
    disk.skill("review")
    scan(store, disk)
    assert {source.origin.value for source in read_sources(store)} == {"user", "folder"}
    stock.unlink()
    scan(store, disk, LATER)
    assert set(moments(store)) == {"stock", "review"}
    scan_into(store, named_places([tmp_path / "stock"], disk.places()), machine=MACHINE, now=LATEST)
    assert set(moments(store)) == {"review"}


def test_findings_are_told_of_uses_in_the_store(store: Store, disk: Disk) -> None:
    for name in ("unused", "working", "changed", "failing", "today"):
        aged(disk.skill(name), shifted(NOW, minutes=-1) if name == "today" else WRITTEN)
    disk.json(disk.home / ".claude.json", {"mcpServers": {"db": {}, "idle": {}}})
    scan(store, disk)

    def use(skill: str, moment: str, outcome: Outcome = Outcome.COMPLETED) -> None:
        kind = Kind.MCP if skill.startswith("mcp__") else Kind.SKILL
        event = f"{skill}-{moment}-{outcome}"
        store.record([invocation(event, skill_name=skill, invoked_at=moment, outcome=outcome, kind=kind)])

    use("working", NOW)
    use("changed", shifted(WRITTEN, days=-3))
    use("changed", NOW, Outcome.FAILED)
    use("failing", NOW, Outcome.FAILED)
    # On one day: it worked, was changed, and failed since.
    use("today", shifted(NOW, minutes=-2))
    use("today", NOW, Outcome.FAILED)
    use("mcp__db__find__all", NOW)
    assert problems(store) == {
        "unused": ["never-used"],
        "changed": ["changed"],
        "today": ["changed"],
        "mcp__idle": ["never-used"],
    }
    use("today", shifted(NOW, seconds=-30))
    assert "today" not in problems(store)
    assert read_standing(store).uses["mcp__db"] == 1


def test_sources_come_by_skill_the_one_in_force_first(store: Store, disk: Disk) -> None:
    shop = disk.project("a")
    disk.skill("review", below=shop / ".claude" / "skills")
    mine = disk.skill("review")
    disk.skill("alpha")
    scan(store, disk)
    standing = read_standing(store)
    assert [source.skill_name for source in standing.sources] == ["alpha", "review", "review"]
    assert standing.sources[1].path == str(mine)


def test_folders_of_sessions_come_the_latest_first(store: Store) -> None:
    store.record(
        [
            invocation("1", session_id="a", project="/x/old", invoked_at=shifted(NOW, days=-3)),
            invocation("2", session_id="b", project="/x/new"),
            invocation("3", session_id="c", project="/x/old", invoked_at=shifted(NOW, days=-1)),
            invocation("4", session_id="d"),
        ]
    )
    assert session_folders(store) == ["/x/new", "/x/old"]
    assert session_folders(store, limit=1) == ["/x/new"]


class TestMachines:
    """Two machines with the same paths share a store."""

    def test_each_keeps_its_own_rows_whatever_the_other_finds(self, store: Store, disk: Disk) -> None:
        path = disk.skill("review", skill_text("review", "Reviews it."))
        disk.skill("outline")
        assert figures(scan(store, disk)) == (2, 2, 0, 0)
        disk.skill("review", skill_text("review", "Reviews it otherwise."))
        shutil.rmtree(disk.claude / "skills" / "outline")
        assert figures(scan(store, disk, LATER, machine="laptop")) == (1, 1, 0, 0), "nothing of the other is gone"
        kept = {source.key: source for source in read_sources(store)}
        assert {machine for machine, _ in kept} == {"desk", "laptop"} and len(kept) == 3
        hashes = {machine: kept[machine, str(path)].content_hash for machine in ("desk", "laptop")}
        assert hashes["desk"] != hashes["laptop"]
        assert descriptions(store)["review"] == "Reviews it.", "what stood there came from elsewhere, and stays"
        again = scan(store, disk, LATEST, machine="laptop")
        assert (*figures(again), again.opened) == (1, 0, 0, 0, 0)

    def test_what_is_gone_from_one_is_left_to_the_other(self, store: Store, disk: Disk) -> None:
        disk.skill("review", skill_text("review", "Reviews it."))
        scan(store, disk)
        scan(store, disk, machine="laptop")
        shutil.rmtree(disk.claude / "skills" / "review")
        assert figures(scan(store, disk, LATER)) == (0, 0, 0, 1)
        assert [source.machine for source in read_sources(store)] == ["laptop"]
        assert descriptions(store) == {"review": "Reviews it."}
        assert figures(scan(store, disk, LATER, machine="laptop")) == (0, 0, 0, 1)
        assert read_sources(store) == [] and descriptions(store) == {}

    def test_one_that_is_no_more_is_forgotten_with_what_only_it_had(self, store: Store, disk: Disk) -> None:
        disk.skill("review", skill_text("review", "Reviews it."))
        scan(store, disk, machine="laptop")
        disk.skill("outline", skill_text("outline", "Outlines it."))
        scan(store, disk)
        assert forget_machine(store, "nowhere") == 0
        assert forget_machine(store, "desk") == 2
        assert [source.key for source in read_sources(store)] == [
            ("laptop", str(disk.claude / "skills" / "review" / "SKILL.md"))
        ]
        assert descriptions(store) == {"review": "Reviews it."}


def test_a_skill_that_was_never_used_is_told_from_one_that_nobody_knows(store: Store, disk: Disk) -> None:
    disk.skill("idle")
    disk.json(disk.home / ".claude.json", {"mcpServers": {"web": {"command": "x"}}})
    scan_into(store, disk.places(), machine=MACHINE, now=NOW)
    for name in ("Idle", "mypy"):
        with pytest.raises(NotFound, match=f"'{name.lower()}' was never used"):
            find_skill(store, name)
    # Of a server it is not known: its tools are used.
    with pytest.raises(NotFound, match="No skill is called 'mcp__web'"):
        find_skill(store, "mcp__web")
