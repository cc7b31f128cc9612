"""Settings of Claude Code: ours goes in beside what is there, and comes out without a trace."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from session_buddy.catalog.scanning.frontmatter import Form, read_head
from session_buddy.errors import InvalidInput
from session_buddy.integrations.claude_code import Installation, Route, Telling
from session_buddy.integrations.claude_code.entries import EVENTS, merged, plugin_hooks, targets, without
from session_buddy.integrations.claude_code.installing import settings_file

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugin"
THEIRS = {
    "model": "opus",
    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "beep"}]}], "PreCompact": []},
    "statusLine": {"type": "command", "command": "my-own"},
}


def telling(route: Route = Route.BOTH, **fields: Any) -> Telling:
    return Telling(route=route, script="/d/a b/spool-hook.sh", folder="/d/h", server="http://127.0.0.1:8765", **fields)


class Place:
    """Settings in a folder, ours or none."""

    def __init__(self, folder: Path, text: str | bytes | None = None) -> None:
        self.file = folder / "home" / "settings.json"
        self.keep = folder / "keep"
        self.file.parent.mkdir()
        if text is not None:
            self.file.write_bytes(text.encode() if isinstance(text, str) else text)
        self.ours = Installation(self.file, self.keep)

    def bytes(self) -> bytes | None:
        return self.file.read_bytes() if self.file.exists() else None


# -- what stands in settings ----------------------------------------------------------------


def test_ours_stands_beside_what_is_there_and_each_event_is_told() -> None:
    settings = merged(THEIRS, telling(), status_line=False)
    assert settings["model"] == "opus"
    assert settings["statusLine"] == THEIRS["statusLine"]
    assert settings["hooks"]["Stop"][0] == THEIRS["hooks"]["Stop"][0]
    for event in EVENTS:
        kinds = [handler["type"] for group in settings["hooks"][event] for handler in group["hooks"][-2:]]
        assert kinds[-1:] == (["command"] if event == "SessionStart" else ["http"])
    assert without(settings, targets(telling(), status_line=False)) == THEIRS


def test_each_way_starts_no_more_than_it_needs() -> None:
    for route, kinds in ((Route.SCRIPT, {"command"}), (Route.SERVER, {"http"}), (Route.BOTH, {"command", "http"})):
        hooks = merged({}, telling(route), status_line=False)["hooks"]
        found = {handler["type"] for groups in hooks.values() for group in groups for handler in group["hooks"]}
        assert found == kinds
    assert "SessionStart" not in merged({}, telling(Route.SERVER), status_line=False)["hooks"]


def test_a_token_is_named_and_never_written() -> None:
    hooks = merged({}, telling(Route.SERVER, token_variable="BUDDY"), status_line=False)["hooks"]
    (handler,) = hooks["Stop"][0]["hooks"]
    assert handler["headers"] == {"Authorization": "Bearer $BUDDY"}
    assert handler["allowedEnvVars"] == ["BUDDY"]


def test_another_status_line_is_not_taken_away() -> None:
    with pytest.raises(InvalidInput, match="statusLine"):
        merged(THEIRS, telling(), status_line=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
HANDLER = st.fixed_dictionaries(
    {"type": st.sampled_from(["command", "http", "prompt"])}, optional={"command": st.text(max_size=9)}
)
GROUPS = st.lists(
    st.fixed_dictionaries({"hooks": st.lists(HANDLER, max_size=2)}, optional={"matcher": st.text(max_size=4)}) | JSON,
    max_size=3,
)
SETTINGS = st.dictionaries(st.text(max_size=6), JSON, max_size=4).flatmap(
    lambda rest: (
        st.just({name: value for name, value in rest.items() if name not in ("hooks", "statusLine")})
        | st.dictionaries(st.sampled_from([*EVENTS, "PreCompact"]), GROUPS, max_size=4).map(
            lambda hooks: {name: value for name, value in rest.items() if name != "statusLine"} | {"hooks": hooks}
        )
    )
)


@given(settings=SETTINGS, route=st.sampled_from(Route), again=st.sampled_from(Route), line=st.booleans())
@example(settings={"hooks": {"SessionStart": []}}, route=Route.SERVER, again=Route.SERVER, line=False)
@example(settings={"hooks": {"SessionStart": [], "Stop": []}}, route=Route.SCRIPT, again=Route.SERVER, line=True)
def test_what_goes_in_comes_out_whatever_else_is_there(
    settings: dict[str, Any], route: Route, again: Route, line: bool
) -> None:
    once = merged(settings, telling(route), status_line=line)
    assert merged(once, telling(route), status_line=line) == once
    ours = targets(telling(again), status_line=line)
    twice = merged(once, telling(again), status_line=line, ours=targets(telling(route), status_line=line))
    told = {event for way in (route, again) for event in merged({}, telling(way), status_line=False)["hooks"]}
    assert without(twice, ours) == _without_emptiness(settings, told)


def _without_emptiness(settings: dict[str, Any], told: set[str]) -> dict[str, Any]:
    """Return *settings* without empty lists of hooks where ours were: at the events that are *told*."""
    hooks = {event: groups for event, groups in settings.get("hooks", {}).items() if groups or event not in told}
    rest = {name: value for name, value in settings.items() if name != "hooks"}
    return rest | {"hooks": hooks} if hooks else rest


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{}",
        '{"model":"opus"}',
        json.dumps(THEIRS, indent=4),
        json.dumps(THEIRS, indent="\t") + "\n",
        json.dumps({"a": "ü🎉"}, indent=2, ensure_ascii=False).replace("\n", "\r\n") + "\r\n",
        "\ufeff{}\n",
        '{ "env" : {"A":  "1"},\n\n   "b":[1,\n2] }\n\n',
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_settings_come_back_byte_for_byte(tmp_path: Path, text: str | None, times: int) -> None:
    place = Place(tmp_path, text)
    before = place.bytes()
    for route in (Route.BOTH, Route.SCRIPT, Route.SERVER)[:times]:
        assert place.ours.install(telling(route)).changed
        assert not place.ours.install(telling(route)).changed
        assert json.loads((place.bytes() or b"").decode("utf-8-sig"))["hooks"]["Stop"]
    assert place.ours.uninstall().changed
    assert place.bytes() == before
    assert not place.ours.uninstall().changed
    assert list(place.keep.iterdir()) == []


def test_what_changed_meanwhile_stays(tmp_path: Path) -> None:
    place = Place(tmp_path, json.dumps({"model": "opus"}, indent=4))
    place.ours.install(telling())
    settings = json.loads(place.file.read_text())
    settings["model"] = "sonnet"
    settings["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "beep"}]})
    place.file.write_text(json.dumps(settings))
    place.ours.install(telling(Route.SCRIPT))
    place.ours.uninstall()
    assert json.loads(place.file.read_text()) == {
        "model": "sonnet", "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "beep"}]}]},
    }  # fmt: skip


LOOKALIKES = {
    "hooks": {
        "Stop": [{"hooks": [{"type": "http", "url": "https://corp.example/api/v1/hooks"}]}],
        "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "/opt/my-spool-hook.sh --x"}]}],
    },
    "statusLine": {"type": "command", "command": "session-buddy statusline"},
}


@pytest.mark.parametrize("installed", [True, False])
def test_what_only_looks_like_ours_is_somebody_elses(tmp_path: Path, installed: bool) -> None:
    place = Place(tmp_path, json.dumps(LOOKALIKES))
    if installed:
        place.ours.install(telling())
        settings = json.loads(place.file.read_text())
        place.file.write_text(json.dumps(settings | {"model": "opus"}))
    place.ours.uninstall()
    assert json.loads(place.file.read_text()) == LOOKALIKES | ({"model": "opus"} if installed else {})


def test_what_an_earlier_time_put_there_goes_too(tmp_path: Path) -> None:
    place = Place(tmp_path, "{}")
    place.ours.install(Telling(route=Route.SERVER, script="/s", folder="/f", server="http://one:1"))
    first = place.file.read_text()
    place.ours.install(Telling(route=Route.SERVER, script="/s", folder="/f", server="http://two:2"))
    assert "http://one:1" not in place.file.read_text()
    place.file.write_text(first)
    place.ours.uninstall()
    assert json.loads(place.file.read_text()) == {}


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "settings.json").symlink_to(tmp_path / "settings.json")
    with pytest.raises((InvalidInput, OSError)):
        Installation(tmp_path / "settings.json", tmp_path / "keep").install(telling())


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, "{}")
    done = place.ours.install(telling(), dry_run=True)
    assert done.changed and "spool-hook.sh" in str(done.text)
    assert (place.bytes(), place.keep.exists()) == (b"{}", False)
    place.ours.install(telling())
    installed = place.bytes()
    assert place.ours.uninstall(dry_run=True).text == "{}"
    assert place.bytes() == installed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "line 1"),
        ("[]", "no JSON object"),
        ("// note\n{}", "line 1"),
        (b"\xff", "UTF-8"),
        ('{"hooks": []}', "hooks"),
        ('{"hooks": {"Stop": 5}}', "hooks"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": 1e400}', "1e400"),
        ('{"a": NaN}', "NaN"),
        (f'{{"a": {"1" * 5_000}}}', "digits"),
        ('{"a": "\\ud800"}', "half of a character"),
    ],
)
def test_settings_that_cannot_be_understood_are_left_alone(tmp_path: Path, text: str | bytes, reason: str) -> None:
    place = Place(tmp_path, text)
    before = place.bytes()
    for act in (lambda: place.ours.install(telling()), place.ours.uninstall):
        with pytest.raises(InvalidInput, match=reason):
            act()
    assert place.bytes() == before


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    real.chmod(0o640)
    (tmp_path / "settings.json").symlink_to(real)
    ours = Installation(tmp_path / "settings.json", tmp_path / "keep")
    ours.install(telling())
    assert (tmp_path / "settings.json").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    # What is kept may hold what others must not read.
    kept = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "keep").iterdir()}
    assert {mode for name, mode in kept.items() if name.endswith(".json")} == {0o600}
    assert (len(kept), (tmp_path / "keep").stat().st_mode & 0o777) == (4, 0o700)
    assert "hooks" in real.read_text()
    ours.uninstall()
    assert real.read_text() == "{}"


def test_the_script_stays_as_long_as_any_settings_name_it(tmp_path: Path) -> None:
    one = Installation(tmp_path / "one.json", tmp_path / "keep")
    other = Installation(tmp_path / "other.json", tmp_path / "keep")
    for ours in (one, other):
        ours.install(telling())
    one.uninstall()
    assert other.script.exists()
    other.uninstall()
    assert not other.script.exists()


def test_where_settings_are() -> None:
    home, here = Path("/home/me"), Path("/work")
    assert settings_file("user", {}, home, here) == home / ".claude/settings.json"
    assert settings_file("user", {"CLAUDE_CONFIG_DIR": "/c"}, home, here) == Path("/c/settings.json")
    assert settings_file("project", {}, home, here) == here / ".claude/settings.json"
    assert settings_file("local", {}, home, here) == here / ".claude/settings.local.json"


def test_the_command_that_is_written_runs(tmp_path: Path) -> None:
    place = Place(tmp_path / "with a 'space", "{}") if (tmp_path / "with a 'space").mkdir() is None else None
    assert place
    where = tmp_path / "its events"
    here = Telling(route=Route.SCRIPT, script=str(place.ours.script), folder=str(where), server="http://x")
    place.ours.install(here)
    command = json.loads(place.file.read_text())["hooks"]["Stop"][0]["hooks"][0]["command"]
    assert shlex.split(command)[0] == "sh"
    subprocess.run(command, shell=True, input=b'{"x": 1}', check=True)
    assert [path.read_bytes() for path in where.iterdir()] == [b'{"x": 1}']


# -- the plugin ---------------------------------------------------------------------------------


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_the_marketplace_is_laid_out_as_published() -> None:
    marketplace = _json(ROOT / ".claude-plugin/marketplace.json")
    assert {"name", "owner", "plugins"} <= set(marketplace)
    assert marketplace["owner"]["name"]
    for entry in marketplace["plugins"]:
        assert set(entry) <= {"name", "source", "description", "hooks"}
        assert entry["name"].replace("-", "").isalnum() and entry["name"].islower()
        assert (ROOT / entry["source"] / ".claude-plugin/plugin.json").is_file()
        if "hooks" in entry:
            assert entry["hooks"].startswith("./")
            assert (ROOT / entry["source"] / entry["hooks"]).is_file()


def test_the_plugin_is_laid_out_as_published() -> None:
    import session_buddy

    manifest = _json(PLUGIN / ".claude-plugin/plugin.json")
    assert set(manifest) <= {"name", "version", "description", "author", "license", "keywords", "homepage"}
    assert (manifest["name"], manifest["version"]) == ("session-buddy", session_buddy.__version__)
    # Whatever is not the manifest stands at the root of the plugin.
    assert [path.name for path in (PLUGIN / ".claude-plugin").iterdir()] == ["plugin.json"]
    servers = _json(PLUGIN / ".mcp.json")["mcpServers"]
    assert servers == {"session-buddy": {"command": "session-buddy", "args": ["mcp"]}}
    for script in (PLUGIN / "scripts").iterdir():
        assert script.stat().st_mode & 0o111
        subprocess.run(["sh", "-n", str(script)], check=True)


@pytest.mark.parametrize(("name", "live"), [("hooks", False), ("live", True)])
def test_the_plugin_tells_the_same_events_as_an_installation(name: str, live: bool) -> None:
    assert _json(PLUGIN / f"hooks/{name}.json") == plugin_hooks(live=live)
    for groups in plugin_hooks(live=live)["hooks"].values():
        for handler in (handler for group in groups for handler in group["hooks"]):
            assert set(handler) == {"type", "timeout", "url" if live else "command"}
            assert live or (PLUGIN / "scripts" / handler["command"].rpartition("/")[2]).is_file()


def test_its_skills_are_sound_by_our_own_judgement() -> None:
    names = {path.name for path in (PLUGIN / "skills").iterdir()}
    assert names == {"top", "recommend", "why"}
    for name in names:
        head = read_head((PLUGIN / "skills" / name / "SKILL.md").read_bytes(), Form.SKILL, name)
        assert (head.name, head.faults, bool(head.description)) == (name, [], True)
