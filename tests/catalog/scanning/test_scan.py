"""Looking at a disk: what is found where, what is not read again, what cannot be read."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from session_buddy.catalog.scanning.agents import camp_of
from session_buddy.catalog.scanning.faults import FaultKind, faults_in
from session_buddy.catalog.scanning.nested import Nested, nested_folders
from session_buddy.catalog.scanning.places import default_places, named_places
from session_buddy.catalog.scanning.reading import LARGEST_SKILL
from session_buddy.catalog.scanning.scan import Scan, scan_places
from session_buddy.catalog.scanning.sources import Origin, Source, is_whole, kind_of
from session_buddy.catalog.scanning.tokens import estimated_tokens
from session_buddy.model import Kind
from tests.catalog.scanning.making import Disk, skill_text


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def scan(disk: Disk, *rules: Path, known: Scan | None = None) -> Scan:
    return scan_places(disk.places(*rules), by_path(known))


def scan_path(disk: Disk, *paths: Path, known: Scan | None = None) -> Scan:
    return scan_places(named_places(paths, disk.places()), by_path(known))


def by_path(found: Scan | None) -> dict[str, Source]:
    return {source.path: source for source in found.read} if found else {}


def told(found: Scan) -> set[tuple[str, str, str | None]]:
    return {(source.skill_name, source.origin.value, source.plugin) for source in found.read}


def problem(found: Scan, name: str) -> list[FaultKind]:
    (source,) = [one for one in found.read if one.skill_name == name]
    return [fault.kind for fault in faults_in(source.problem)]


class TestWhere:
    def test_an_empty_home_has_nothing(self, disk: Disk) -> None:
        found = scan(disk)
        assert (found.read, found.unchanged, found.gone, found.files) == ([], set(), set(), 0)

    def test_users_and_projects_skills_commands_and_subagents(self, disk: Disk) -> None:
        disk.skill("review")
        disk.write(disk.claude / "commands" / "git" / "commit.md", "Commit it.")
        disk.write(disk.claude / "agents" / "any.md", skill_text("tester"))
        shop = disk.project()
        disk.skill("deploy", below=shop / ".claude" / "skills")
        disk.write(disk.claude / "skills" / "README.md", "no skill")
        assert told(scan(disk)) == {
            ("review", "user", None),
            ("commit", "user", None),
            ("agent:tester", "user", None),
            ("deploy", "project", None),
        }

    def test_kinds_are_those_of_transcripts(self, disk: Disk) -> None:
        disk.skill("review")
        disk.write(disk.claude / "commands" / "commit.md", "Commit it.")
        disk.write(disk.claude / "agents" / "tester.md", skill_text("tester"))
        disk.json(disk.home / ".claude.json", {"mcpServers": {"web": {}}})
        kinds = {source.skill_name: kind_of(source) for source in scan(disk).read}
        assert kinds == {
            "review": Kind.SKILL,
            "commit": Kind.SKILL,
            "agent:tester": Kind.SUBAGENT,
            "mcp__web": Kind.MCP,
        }

    def test_a_session_in_a_folder_loads_up_to_the_root_of_its_repository(self, disk: Disk) -> None:
        shop = disk.project()
        disk.skill("above", below=shop / ".claude" / "skills")
        disk.skill("outside", below=shop.parent / ".claude" / "skills")
        disk.projects = [shop / "web" / "src"]
        assert told(scan(disk)) == {("above", "project", None)}
        disk.projects = [disk.home]
        disk.skill("own")
        assert ("own", "user", None) in told(scan(disk))

    def test_plugins_that_are_installed(self, disk: Disk) -> None:
        root = disk.plugin(version="1.1")
        disk.skill("pack", below=root / "skills")
        disk.write(root / "commands" / "ship.md", "Ship it.")
        disk.write(root / "agents" / "packer.md", skill_text("packer"))
        disk.json(root / ".mcp.json", {"store": {"command": "x"}})
        found = scan(disk)
        assert told(found) == {
            ("pack", "plugin", "acme"),
            ("ship", "plugin", "acme"),
            ("agent:packer", "plugin", "acme"),
            ("mcp__plugin_acme_store", "mcp", "acme"),
        }
        assert {source.version for source in found.read} == {"1.1"}

    def test_servers_that_a_manifest_itself_names(self, disk: Disk) -> None:
        root = disk.plugin()
        disk.json(root / ".claude-plugin" / "plugin.json", {"name": "acme", "mcpServers": {"store": {"command": "x"}}})
        assert told(scan(disk)) == {("mcp__plugin_acme_store", "mcp", "acme")}
        disk.json(root / ".claude-plugin" / "plugin.json", {"name": "acme", "mcpServers": "./other.json"})
        disk.json(root / "other.json", {"mcpServers": {"other": {"command": "x"}}})
        assert told(scan(disk)) == {("mcp__plugin_acme_other", "mcp", "acme")}

    def test_what_an_update_left_in_the_cache_is_not_installed(self, disk: Disk) -> None:
        disk.skill("pack", below=disk.plugin(version="1.0") / "skills")
        disk.skill("pack", below=disk.plugin(version="2.0") / "skills")
        assert [source.version for source in scan(disk).read] == ["2.0"]

    def test_without_the_list_all_that_was_fetched_counts(self, disk: Disk) -> None:
        disk.skill("pack", below=disk.plugin(listed=False) / "skills")
        assert told(scan(disk)) == {("pack", "plugin", "acme")}

    def test_a_plugin_that_is_switched_off_is_only_on_offer(self, disk: Disk) -> None:
        disk.skill("pack", below=disk.plugin() / "skills")
        disk.json(disk.claude / "settings.json", {"enabledPlugins": {"acme@bazaar": False}})
        assert told(scan(disk)) == {("pack", "marketplace", "acme")}

    def test_paths_that_a_manifest_adds_and_none_outside_of_the_plugin(self, disk: Disk) -> None:
        root = disk.plugin()
        manifest = {"name": "acme", "skills": ["./more", "../../../../../../other"], "commands": "./one.md"}
        disk.json(root / ".claude-plugin" / "plugin.json", manifest)
        disk.skill("extra", below=root / "more")
        disk.write(root / "one.md", "One.")
        disk.skill("outside", below=disk.home / "other")
        assert told(scan(disk)) == {("extra", "plugin", "acme"), ("one", "plugin", "acme")}

    def test_a_plugin_that_is_one_skill_is_called_as_it_says(self, disk: Disk) -> None:
        root = disk.plugin()
        disk.write(root / "SKILL.md", skill_text("packing"))
        found = scan(disk)
        assert told(found) == {("packing", "plugin", "acme")} and found.read[0].problem is None

    def test_marketplaces_offer_what_their_entries_say(self, disk: Disk) -> None:
        market = disk.claude / "plugins" / "marketplaces" / "bazaar"
        plugins = [
            {"name": "one", "source": "./plugins/one", "version": "3"},
            {"name": "papers", "source": "./", "strict": False, "skills": ["./papers/pdf"]},
            {"name": "far", "source": {"source": "github", "repo": "x/y"}},
        ]
        disk.json(market / ".claude-plugin" / "marketplace.json", {"name": "bazaar", "plugins": plugins})
        disk.skill("first", below=market / "plugins" / "one" / "skills")
        disk.skill("pdf", below=market / "papers")
        disk.skill("unnamed", below=market / "papers")
        disk.skill("elsewhere", below=market / "skills")
        assert told(scan(disk)) == {("first", "marketplace", "one"), ("pdf", "marketplace", "papers")}

    def test_installed_from_a_shared_folder_a_plugin_has_only_its_own(self, disk: Disk) -> None:
        market = disk.claude / "plugins" / "marketplaces" / "bazaar"
        entry = {"name": "acme", "source": "./", "strict": False, "skills": ["./skills/pdf"]}
        disk.json(market / ".claude-plugin" / "marketplace.json", {"plugins": [entry]})
        root = disk.plugin()
        for name in ("pdf", "docx"):
            disk.skill(name, below=root / "skills")
        assert told(scan(disk)) == {("pdf", "plugin", "acme")}

    def test_damaged_manifests_stop_nothing(self, disk: Disk) -> None:
        disk.skill("review")
        disk.skill("pack", below=disk.plugin() / "skills")
        for name in ("installed_plugins.json", "marketplaces/x/.claude-plugin/marketplace.json"):
            disk.write(disk.claude / "plugins" / name, "{")
        disk.write(disk.claude / "settings.json", "[]")
        assert ("review", "user", None) in told(scan(disk))

    def test_servers_and_no_secret_of_theirs(self, disk: Disk) -> None:
        shop = disk.project()
        disk.json(shop / ".mcp.json", {"mcpServers": {"db": {"command": "run-db", "env": {"PASSWORD": "hunter2"}}}})
        disk.json(disk.home / ".claude.json", {"mcpServers": {"web": {"args": ["hunter2"]}}, "projects": {}})
        found = scan(disk)
        assert told(found) == {("mcp__db", "mcp", None), ("mcp__web", "mcp", None)}
        assert "hunter2" not in repr(found) and "run-db" not in repr(found)
        assert {Path(source.path).name for source in found.read} == {".mcp.json#db", "web"}

    def test_rules_for_the_shell(self, disk: Disk) -> None:
        rules = disk.write(
            disk.home / "shell-rules.toml",
            '[[rule]]\nskill = "fly"\ncommand = "fly deploy"\ncategory = "C"\nmodality = "code"\ndescription = "D."\n',
        )
        (source,) = scan(disk, rules).read
        assert (source.skill_name, source.origin, source.description) == ("fly", Origin.SHELL, "D.")
        assert source.path == f"{rules}#fly"


class TestElsewhere:
    """Skills that are not Claude Code's own, or lie inside a project."""

    def test_folders_of_other_agents(self, disk: Disk) -> None:
        shop = disk.project()
        of_user = [".agents", ".codex", ".gemini", ".copilot", ".config/opencode"]
        of_project = [".agents", ".gemini", ".opencode", ".github"]
        for number, folder in enumerate(of_user):
            disk.skill(f"own-{number}", below=disk.home / folder / "skills")
        for number, folder in enumerate(of_project):
            disk.skill(f"shared-{number}", below=shop / folder / "skills")
        assert told(scan(disk)) == {
            *((f"own-{number}", "user", None) for number in range(len(of_user))),
            *((f"shared-{number}", "project", None) for number in range(len(of_project))),
        }
        assert {camp_of(source.path) for source in scan(disk).read} == {
            *(".agents", ".codex", ".gemini", ".copilot", "opencode", ".opencode", ".github"),
        }

    @pytest.mark.parametrize(
        ("platform", "folder"),
        [
            ("linux", "/etc/claude-code/.claude/skills"),
            ("darwin", "/Library/Application Support/ClaudeCode/.claude/skills"),
            ("win32", "C:/Program Files/ClaudeCode/.claude/skills"),
        ],
    )
    def test_what_an_organisation_gives_comes_first(self, disk: Disk, platform: str, folder: str) -> None:
        places = default_places([disk.claude], disk.home, [], [], platform=platform).places
        assert (places[0].path, places[0].origin) == (folder, Origin.MANAGED)
        codex = [one for one in places if one.path == "/etc/codex/skills"]
        assert bool(codex) is (platform != "win32")
        assert not [one for one in disk.places().places if one.origin is Origin.MANAGED], "only where it is asked for"

    def test_folders_inside_a_project_have_skills_too(self, disk: Disk) -> None:
        shop = disk.project()
        for inner in ("web", "packages/api", "apps/big/one/deep"):
            disk.skill(inner.rpartition("/")[2], below=shop / inner / ".claude" / "skills")
        for passed in ("node_modules/left-pad", ".git/x", ".cache/x", "env", "a/b/c/d/e"):
            disk.skill("not-found", below=shop / passed / ".claude" / "skills")
        disk.write(shop / "env" / "pyvenv.cfg", "home = /usr")
        (shop / "link").symlink_to(shop / "packages")
        found = scan(disk)
        assert told(found) == {(name, "project", None) for name in ("web", "api", "deep")}
        assert not [source for source in found.read if "link" in source.path]

    def test_what_is_gone_from_inside_a_project_is_told(self, disk: Disk) -> None:
        shop = disk.project()
        disk.skill("api", below=shop / "packages" / "api" / ".claude" / "skills")
        before = scan(disk)
        shutil.rmtree(shop / "packages")
        assert scan(disk, known=before).gone == set(by_path(before))
        shutil.rmtree(shop)
        assert scan(disk, known=before).gone == set(), "a project that is not there may come back"

    def test_what_the_search_does_not_reach_any_more_is_not_gone(
        self, disk: Disk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop = disk.project()
        disk.skill("api", below=shop / "packages" / "api" / ".claude" / "skills")
        before = scan(disk)
        monkeypatch.setattr("session_buddy.catalog.scanning.places.MOST_FOLDERS", 2)
        again = scan(disk, known=before)
        assert again.gone == again.unchanged == set()

    def test_the_search_has_bounds(self, tmp_path: Path) -> None:
        for number in range(30):
            (tmp_path / f"{number:02}" / ".claude").mkdir(parents=True)
        assert nested_folders(str(tmp_path)).looked_into == 31
        some = nested_folders(str(tmp_path), most=11)
        assert (some.looked_into, some.folders) == (11, [str(tmp_path / f"{number:02}") for number in range(10)])
        assert nested_folders(str(tmp_path / "nowhere")) == Nested([], 0)

    def test_what_holds_the_home_is_not_searched(self, disk: Disk) -> None:
        disk.projects.append(disk.home.parent)
        disk.skill("far", below=disk.home.parent / "other" / ".claude" / "skills")
        assert told(scan(disk)) == set()


class TestNamed:
    def test_any_folder_is_searched_to_the_bottom(self, disk: Disk, tmp_path: Path) -> None:
        top = tmp_path / "stock"
        disk.skill("deep", below=top / "a" / "b" / "c")
        disk.write(top / "a" / ".claude" / "commands" / "x" / "ship.md", "Ship.")
        disk.write(top / "a" / "commands" / "notes.md", "Not a command: nothing says that an agent looks here.")
        disk.json(top / "p" / ".claude-plugin" / "plugin.json", {"name": "p"})
        disk.write(top / "p" / "agents" / "packer.md", skill_text("packer"))
        disk.skill("hidden", below=top / "node_modules")
        assert {name for name, *_ in told(scan_path(disk, top))} == {"deep", "ship", "agent:packer"}

    def test_one_file_is_enough(self, disk: Disk, tmp_path: Path) -> None:
        tools = disk.json(tmp_path / "github.json", {"tools": [{"name": "issue"}]})
        one = disk.skill("one", below=tmp_path / "x")
        found = scan_path(disk, tools, one)
        assert told(found) == {("mcp__github__issue", "mcp", None), ("one", "folder", None)}

    def test_the_usual_places_stay_what_they_are(self, disk: Disk) -> None:
        disk.skill("review")
        before = scan(disk)
        for path in (disk.home, disk.claude, disk.claude / "skills"):
            found = scan_path(disk, path, known=before)
            assert (found.read, found.unchanged) == ([], set(by_path(before)))

    def test_what_lies_elsewhere_is_left_alone(self, disk: Disk, tmp_path: Path) -> None:
        disk.skill("review")
        before = scan(disk)
        (disk.claude / "skills" / "review" / "SKILL.md").unlink()
        assert scan_path(disk, tmp_path / "nothing", known=before).gone == set()
        assert scan_path(disk, disk.claude, known=before).gone == set(by_path(before))


class TestAgain:
    def test_what_is_as_it_was_is_not_opened(self, disk: Disk) -> None:
        disk.skill("review")
        disk.json(disk.home / ".claude.json", {"mcpServers": {"a": {}, "b": {}}})
        before = scan(disk)
        after = scan(disk, known=before)
        assert (after.read, after.files, after.gone) == ([], 0, set())
        assert after.unchanged == set(by_path(before)) and len(after.unchanged) == 3

    @pytest.mark.parametrize("is_longer", [True, False])
    def test_what_changed_is_read_again(self, disk: Disk, is_longer: bool) -> None:
        path = disk.skill("review", skill_text("review", "Old."))
        before = scan(disk)
        stamp = path.stat()
        path.write_text(skill_text("review", "New, and longer." if is_longer else "New."))
        moment = stamp.st_mtime_ns + (0 if is_longer else 1_000)
        os.utime(path, ns=(moment, moment))
        after = scan(disk, known=before)
        assert [source.description for source in after.read] == ["New, and longer." if is_longer else "New."]
        assert after.read[0].content_hash != before.read[0].content_hash

    def test_an_update_of_a_plugin_is_read_again(self, disk: Disk) -> None:
        market = disk.claude / "plugins" / "marketplaces" / "bazaar"
        manifest = market / ".claude-plugin" / "marketplace.json"
        disk.json(manifest, {"plugins": [{"name": "one", "source": "./", "version": "1"}]})
        disk.skill("first", below=market / "skills")
        before = scan(disk)
        disk.json(manifest, {"plugins": [{"name": "one", "source": "./", "version": "2"}]})
        assert [source.version for source in scan(disk, known=before).read] == ["2"]

    def test_what_is_gone_is_told(self, disk: Disk) -> None:
        paths = [disk.skill(name) for name in ("one", "two")]
        disk.json(disk.home / ".claude.json", {"mcpServers": {"a": {}, "b": {}}})
        before = scan(disk)
        paths[0].unlink()
        disk.json(disk.home / ".claude.json", {"mcpServers": {"b": {}}})
        after = scan(disk, known=before)
        assert after.gone == {str(paths[0]), f"{disk.home / '.claude.json'}#a"}

    def test_a_plugin_that_was_removed_is_gone(self, disk: Disk) -> None:
        disk.skill("pack", below=disk.plugin() / "skills")
        before = scan(disk)
        disk.json(disk.claude / "plugins" / "installed_plugins.json", {"version": 2, "plugins": {}})
        assert scan(disk, known=before).gone == set(by_path(before))

    def test_a_name_with_the_sign_of_entries_is_a_name(self, disk: Disk) -> None:
        disk.skill("c#")
        disk.json(disk.project("f#") / ".mcp.json", {"mcpServers": {"a#b": {}}})
        before = scan(disk)
        assert {source.skill_name for source in before.read} == {"c#", "mcp__a_b"}
        after = scan(disk, known=before)
        assert (after.files, after.gone) == (0, set())


class TestTrouble:
    def test_malformed_ones_are_listed_with_reasons(self, disk: Disk) -> None:
        disk.skill("good")
        disk.skill("bare", "no frontmatter")
        disk.write(disk.claude / "skills" / "latin" / "SKILL.md", b"---\nname: latin\ndescription: \xe9\n---\n")
        disk.skill("huge", "---\n" + "x" * LARGEST_SKILL)
        found = scan(disk)
        assert problem(found, "good") == []
        assert problem(found, "bare") == [FaultKind.NO_FRONTMATTER]
        assert problem(found, "latin") == [FaultKind.NOT_UTF8]
        assert problem(found, "huge") == [FaultKind.TOO_LARGE]

    def test_a_broken_file_costs_no_session_anything(self, disk: Disk) -> None:
        disk.skill("good", skill_text("good", "Says something.", "word " * 50))
        disk.skill("bare", "no frontmatter " * 50)
        costs = {source.skill_name: (source.listing_tokens, source.body_tokens) for source in scan(disk).read}
        assert costs["good"] == (estimated_tokens("- good: Says something."), estimated_tokens("word " * 50))
        assert costs["bare"][0] == 0

    def test_a_long_description_is_paid_as_far_as_it_is_told(self, disk: Disk) -> None:
        disk.skill("long", skill_text("long", "word " * 1_000))
        (source,) = scan(disk).read
        assert source.listing_tokens == estimated_tokens("- long: " + ("word " * 1_000)[:1_536])

    def test_loops_of_links_end(self, disk: Disk, tmp_path: Path) -> None:
        top = tmp_path / "loop"
        disk.skill("inside", below=top / "a")
        (top / "a" / "back").symlink_to(top, target_is_directory=True)
        (top / "self").symlink_to(top / "self")
        (disk.claude / "skills").mkdir()
        (disk.claude / "skills" / "round").symlink_to(disk.claude / "skills" / "round")
        (disk.claude / "skills" / "linked").symlink_to(top / "a" / "inside", target_is_directory=True)
        began = time.perf_counter()
        assert [source.skill_name for source in scan_path(disk, top).read] == ["inside"]
        found = scan(disk)
        assert {source.skill_name for source in found.read} == {"linked", "round"}
        assert problem(found, "round") == [FaultKind.UNREADABLE]
        assert time.perf_counter() - began < 1

    def test_a_skill_that_is_a_link_is_one(self, disk: Disk, tmp_path: Path) -> None:
        real = disk.skill("inside", skill_text("linked"), below=tmp_path / "real")
        (disk.claude / "skills").mkdir()
        (disk.claude / "skills" / "linked").symlink_to(real.parent, target_is_directory=True)
        assert [(one.skill_name, one.problem) for one in scan(disk).read] == [("linked", None)]

    def test_a_link_that_leads_nowhere_is_told(self, disk: Disk) -> None:
        (disk.claude / "skills" / "lost").mkdir(parents=True)
        (disk.claude / "skills" / "lost" / "SKILL.md").symlink_to("/nowhere")
        assert problem(scan(disk), "lost") == [FaultKind.UNREADABLE]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
    def test_a_pipe_keeps_nobody_waiting(self, disk: Disk) -> None:
        (disk.claude / "skills" / "pipe").mkdir(parents=True)
        os.mkfifo(disk.claude / "skills" / "pipe" / "SKILL.md")
        assert problem(scan(disk), "pipe") == [FaultKind.UNREADABLE]

    def test_a_folder_called_like_a_file_is_told(self, disk: Disk) -> None:
        (disk.claude / "skills" / "odd" / "SKILL.md").mkdir(parents=True)
        assert problem(scan(disk), "odd") == [FaultKind.UNREADABLE]

    def test_damaged_listings_stand_for_themselves(self, disk: Disk) -> None:
        disk.write(disk.home / ".claude.json", "{")
        disk.write(disk.project() / ".mcp.json", '{"mcpServers": {"a": {}}}')
        found = scan(disk)
        (whole,) = [source for source in found.read if is_whole(source.path)]
        assert faults_in(whole.problem)[0].kind is FaultKind.BAD_JSON and whole.skill_name == ".claude.json"
        disk.json(disk.home / ".claude.json", {"mcpServers": {"b": {}}})
        after = scan(disk, known=found)
        assert after.gone == {whole.path} and told(after) == {("mcp__b", "mcp", None)}

    def test_names_that_are_no_text_are_kept_apart(self, disk: Disk) -> None:
        names = [b"caf\xe9", b"caf\xe8"]
        for name in names:
            folder = Path(os.fsdecode(os.fsencode(disk.claude / "skills") + b"/" + name))
            try:
                folder.mkdir(parents=True)
            except OSError:
                pytest.skip("this file system takes only names that are text")
            (folder / "SKILL.md").write_text(skill_text("caf"))
        found = scan(disk)
        assert len({source.path for source in found.read}) == 2
        json.dumps([source.path for source in found.read]).encode()
        for source in found.read:
            source.path.encode()
            source.skill_name.encode()
        assert scan(disk, known=found).files == 0

    def test_what_may_not_be_read_is_told_and_read_later(self, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
        disk.skill("locked")

        def refused(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        # Whoever runs the tests may be root, whom no file refuses.
        monkeypatch.setattr("session_buddy.catalog.scanning.scan.open", refused, raising=False)
        found = scan(disk)
        assert problem(found, "locked") == [FaultKind.UNREADABLE] and "Permission denied" in (
            found.read[0].problem or ""
        )
        monkeypatch.undo()
        assert problem(scan(disk, known=found), "locked") == []

    def test_a_folder_that_cannot_be_listed_loses_nothing(self, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
        disk.skill("review")
        before = scan(disk)
        real = os.scandir

        def refused(path: str) -> object:
            if path == str(disk.claude / "skills"):
                raise PermissionError(13, "Permission denied")
            return real(path)

        monkeypatch.setattr(os, "scandir", refused)
        after = scan(disk, known=before)
        assert after.gone == set()
        assert [fault.kind for source in after.read for fault in faults_in(source.problem)] == [FaultKind.UNREADABLE]
        monkeypatch.undo()
        again = scan_places(disk.places(), {**by_path(before), **by_path(after)})
        assert again.gone == {source.path for source in after.read}
