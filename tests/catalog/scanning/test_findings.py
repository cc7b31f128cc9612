"""What is said of skills as they are written down."""

from __future__ import annotations

from typing import Any

import pytest

from session_buddy.catalog.scanning.faults import Fault, FaultKind, told
from session_buddy.catalog.scanning.findings import FindingKind, Use, chief_of, findings_of, is_in_force
from session_buddy.catalog.scanning.sources import BUILT_IN, KeptSource, Origin
from tests.making import NOW, shifted

BEFORE, AFTER = shifted(NOW, days=-2), shifted(NOW, days=2)
USED = Use(3, NOW)


def source(path: str, name: str = "review", origin: Origin = Origin.USER, **fields: Any) -> KeptSource:
    fields.setdefault("content_hash", f"{hash(path) & (2**256 - 1):064x}")
    return KeptSource(
        **{
            "machine": "desk",
            "path": path,
            "skill_name": name,
            "origin": origin,
            "size": 1,
            "modified_ns": 0,
            "changed_at": BEFORE,
            "seen_at": BEFORE,
            **fields,
        }
    )


def found(*sources: KeptSource, texts: dict[str, str] | None = None, **uses: Use) -> dict[str, list[str]]:
    told = findings_of(sources, uses, texts or {})
    return {path: [finding.problem.value for finding in findings] for (_, path), findings in told.items()}


def reason(*sources: KeptSource, kind: FindingKind, **uses: Use) -> list[tuple[str, str]]:
    told = findings_of(sources, uses, {})
    return [(path, one.reason) for (_, path), findings in told.items() for one in findings if one.problem is kind]


USER = source("/h/.claude/skills/review/SKILL.md")
USER_COMMAND = source("/h/.claude/commands/review.md")
PROJECT = source("/p/shop/.claude/skills/review/SKILL.md", origin=Origin.PROJECT)
PROJECT_COMMAND = source("/p/shop/.claude/commands/review.md", origin=Origin.PROJECT)
OTHER_PROJECT = source("/p/shop2/.claude/skills/review/SKILL.md", origin=Origin.PROJECT)
OTHER_COMMAND = source("/p/shop2/.claude/commands/review.md", origin=Origin.PROJECT)
INNER_PROJECT = source("/p/shop/web/.claude/commands/review.md", origin=Origin.PROJECT)
PLUGIN = source("/h/.claude/plugins/cache/m/acme/1/skills/review/SKILL.md", origin=Origin.PLUGIN, plugin="acme")
OFFERED = source("/h/.claude/plugins/marketplaces/m/skills/review/SKILL.md", origin=Origin.MARKETPLACE, plugin="acme")
FOLDER = source("/x/review/SKILL.md", origin=Origin.FOLDER)


class TestShadowed:
    @pytest.mark.parametrize(
        ("winner", "hidden"),
        [
            (USER, PROJECT),
            (USER, USER_COMMAND),
            (USER, PROJECT_COMMAND),
            (USER_COMMAND, PROJECT),
            (PROJECT, PROJECT_COMMAND),
            (PROJECT, INNER_PROJECT),
        ],
    )
    def test_by_what_goes_before_it(self, winner: KeptSource, hidden: KeptSource) -> None:
        for order in ((winner, hidden), (hidden, winner)):
            assert found(*order, review=USED) == {hidden.path: ["shadowed"]}
            assert chief_of(order) is winner
        ((_, text),) = reason(winner, hidden, kind=FindingKind.SHADOWED, review=USED)
        assert text == f"{winner.path} is used in its place."

    @pytest.mark.parametrize("other", [OTHER_PROJECT, OTHER_COMMAND, PLUGIN, OFFERED, FOLDER])
    def test_not_by_what_no_session_meets_together_with_it(self, other: KeptSource) -> None:
        assert found(PROJECT, other, review=USED) == {}

    def test_of_subagents_a_projects_goes_before_the_users(self) -> None:
        user = source("/h/.claude/agents/r.md", "agent:r")
        project = source("/p/shop/.claude/agents/r.md", "agent:r", Origin.PROJECT)
        plugin = source("/h/.claude/plugins/cache/m/acme/1/agents/r.md", "agent:r", Origin.PLUGIN, plugin="acme")
        told = reason(plugin, user, project, kind=FindingKind.SHADOWED, **{"agent:r": USED})
        assert dict(told) == {
            # In /p/shop it is the project's, and the user's everywhere else.
            plugin.path: f"{user.path} is used in its place.",
            user.path: f"{project.path} is used in its place in /p/shop.",
        }

    def test_of_servers_that_of_one_user_in_one_project_goes_first(self) -> None:
        user = source("/h/.claude.json#user/db", "mcp__db", Origin.MCP)
        local = source("/h/.claude.json#/p/shop/db", "mcp__db", Origin.MCP)
        shared = source("/p/shop/.mcp.json#db", "mcp__db", Origin.MCP)
        tools = source("/x/db.json#find", "mcp__db", Origin.MCP)
        hidden = found(user, local, shared, tools, mcp__db=USED)
        assert hidden == {user.path: ["shadowed"], shared.path: ["shadowed"]}
        assert chief_of([user, shared, local]) is local

    def test_own_rules_go_before_those_of_the_program(self) -> None:
        own = source("/h/shell-rules.toml#fly", "fly", Origin.SHELL)
        packaged = source(f"{BUILT_IN}#fly", "fly", Origin.SHELL)
        assert found(packaged, own, fly=USED) == {packaged.path: ["shadowed"]}

    def test_a_broken_one_hides_nothing(self) -> None:
        broken = source(USER.path, problem=told([Fault(FaultKind.BAD_YAML, "No.", 2)]))
        assert found(broken, PROJECT, review=USED) == {broken.path: ["broken"]}
        assert chief_of([broken, PROJECT]) is PROJECT and not is_in_force(broken)


class TestDuplicated:
    def test_the_same_file_in_several_places(self) -> None:
        one = source("/p/a/.claude/skills/x/SKILL.md", "x", Origin.PROJECT, content_hash="c" * 64)
        two = source("/p/b/.claude/skills/y/SKILL.md", "y", Origin.PROJECT, content_hash="c" * 64)
        told = dict(reason(one, two, kind=FindingKind.DUPLICATED, x=USED, y=USED))
        assert told == {one.path: f"The same file is at {two.path}.", two.path: f"The same file is at {one.path}."}

    def test_the_same_description_under_several_names(self) -> None:
        one, two, three = (source(f"/h/.claude/skills/{name}/SKILL.md", name) for name in "xyz")
        texts = {"x": "t" * 64, "y": "t" * 64, "z": "u" * 64}
        assert found(one, two, three, texts=texts, x=USED, y=USED, z=USED) == {
            one.path: ["duplicated"],
            two.path: ["duplicated"],
        }

    def test_what_a_marketplace_offers_is_no_double_of_what_was_installed_from_it(self) -> None:
        installed = source(PLUGIN.path, origin=Origin.PLUGIN, content_hash="c" * 64)
        offered = source(OFFERED.path, origin=Origin.MARKETPLACE, content_hash="c" * 64)
        assert found(installed, offered, review=USED) == {}

    def test_files_that_cannot_be_read_are_not_alike(self) -> None:
        problem = told([Fault(FaultKind.UNREADABLE, "No.")])
        sources = [source(f"/h/.claude/skills/{n}/SKILL.md", n, content_hash="0" * 64, problem=problem) for n in "xy"]
        assert found(*sources) == {one.path: ["broken"] for one in sources}


class TestOfUse:
    def test_never_used_are_those_somebody_could_use(self) -> None:
        packaged = source(f"{BUILT_IN}#fly", "fly", Origin.SHELL)
        broken = source("/h/.claude/skills/b/SKILL.md", "b", problem="no frontmatter (line 1): No.")
        told = found(PROJECT, FOLDER, PLUGIN, OFFERED, packaged, broken)
        assert told == {
            PROJECT.path: ["never-used"],
            FOLDER.path: ["never-used"],
            PLUGIN.path: ["never-used"],
            broken.path: ["broken"],
        }
        assert found(PROJECT, review=Use(1)) == {}

    @pytest.mark.parametrize(
        ("changed", "worked", "is_told"),
        [(AFTER, NOW, True), (BEFORE, NOW, False), (NOW, NOW, False), (AFTER, None, False)],
    )
    def test_changed_since_it_last_worked(self, changed: str, worked: str | None, is_told: bool) -> None:
        told = found(source(USER.path, changed_at=changed), review=Use(3, worked))
        assert told == ({USER.path: ["changed"]} if is_told else {})

    def test_an_entry_among_others_changed_if_it_was_seen_to(self) -> None:
        seen = source("/x/db.json#find", "mcp__db__find", Origin.MCP, changed_at=AFTER, seen_at=AFTER)
        uses = {"mcp__db__find": Use(1, NOW)}
        assert found(seen, **uses) == {}
        later = source(seen.path, seen.skill_name, Origin.MCP, changed_at=AFTER, seen_at=BEFORE)
        assert found(later, **uses) == {later.path: ["changed"]}


def test_faults_break_or_are_only_against_the_rules() -> None:
    faults = [Fault(FaultKind.OTHER_NAME, "It says x.", 2), Fault(FaultKind.NO_DESCRIPTION, "Add one.", 1)]
    one = source(USER.path, problem=told(faults))
    assert found(one, review=USED) == {one.path: ["broken", "irregular"]}
    only = source(USER.path, problem=told(faults[:1]))
    assert found(only, review=USED) == {only.path: ["irregular"]} and is_in_force(only)


def test_machines_have_nothing_to_do_with_each_other() -> None:
    """What lies on one hides nothing on another, and the same file on both is no double."""
    here, there = (source(path, machine=name, content_hash="c" * 64) for path, name in ((USER.path, "a"), ("/q", "b")))
    elsewhere = source(PROJECT.path, origin=Origin.PROJECT, machine="b")
    told = findings_of([here, there, elsewhere], {"review": USED}, {"review": "text", "other": "text"})
    assert told == {elsewhere.key: told[elsewhere.key]}
    (finding,) = told[elsewhere.key]
    assert (finding.problem, finding.reason) == (FindingKind.SHADOWED, "/q is used in its place.")


CODEX = source("/h/.codex/skills/review/SKILL.md", content_hash="c" * 64)
AGENTS = source("/h/.agents/skills/review/SKILL.md", content_hash="c" * 64)
MANAGED = source("/etc/claude-code/.claude/skills/review/SKILL.md", origin=Origin.MANAGED)


def test_what_another_agent_reads_is_neither_hidden_nor_a_double() -> None:
    same = source(USER.path, content_hash="c" * 64)
    assert found(same, CODEX, AGENTS, PROJECT, review=USED) == {PROJECT.path: ["shadowed"]}
    shared = source("/p/shop/.agents/skills/review/SKILL.md", origin=Origin.PROJECT)
    told = reason(AGENTS, shared, CODEX, kind=FindingKind.SHADOWED, review=USED)
    assert told == [(shared.path, f"{AGENTS.path} is used in its place.")]


def test_what_an_organisation_gives_comes_before_all() -> None:
    told = reason(MANAGED, USER, PROJECT_COMMAND, kind=FindingKind.SHADOWED, review=USED)
    assert told == [(path, f"{MANAGED.path} is used in its place.") for path in (USER.path, PROJECT_COMMAND.path)]
    agents = [
        source(path, "agent:tester", origin)
        for path, origin in (("/m/agents/t.md", Origin.MANAGED), ("/p/shop/.claude/agents/t.md", Origin.PROJECT))
    ]
    assert reason(*agents, kind=FindingKind.SHADOWED) == [(agents[1].path, "/m/agents/t.md is used in its place.")]
    assert is_in_force(MANAGED)
