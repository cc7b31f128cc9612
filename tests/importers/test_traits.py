"""What was seen of a call: types of files, and what the user said to it; never a path, never a name."""

from __future__ import annotations

import re

import pytest
from claude_code_fixtures.builder import Script
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.importers.shell.skeleton import skeleton
from session_buddy.importers.shell.tokens import Unreadable, tokenise
from session_buddy.importers.traits import file_type, joined, types_in, words_touch

IMPORTER = ClaudeCode(ShellRules.builtin())
REFUSAL = "The user doesn't want to proceed with this tool use. The tool use was rejected"


def traits_in(script: Script) -> dict[str, tuple[str, ...]]:
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    rows = parser.feed(script.data).invocations + parser.pause().invocations
    return {row.event_id: row.traits for row in rows}


# -- types of files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "ending"),
    [
        ("/home/dev/app/src/main.py", "py"),
        ("C:\\work\\App.TSX", "tsx"),
        ("a.tar.gz", "gz"),
        ("file:///home/dev/notes.md", "md"),
        ("https://example.com/a/guide.pdf?page=2#end", "pdf"),
        ("https://example.com", None),
        ("https://[broken/x.py", None),
        ("Makefile", None),
        (".gitignore", None),
        ("/home/dev/.config", None),
        ("..", None),
        ("", None),
        ("report.2026", None),
        ("chunk.4f3a9c1b", None),
        ("song.mp3", "mp3"),
        ("a.abcdefghijklmnopq", None),
        ("a.py/", None),
        ("a.p-y", None),
        ("x" * 5_000 + ".py", None),
        (7, None),
        (None, None),
    ],
)
def test_the_type_of_a_file_is_its_ending(path: object, ending: str | None) -> None:
    assert file_type(path) == ending


def test_only_common_endings_tell_of_a_file_where_it_may_be_something_else() -> None:
    assert [file_type(text, common=True) for text in ("example.com", "app.py", "user.name")] == [None, "py", None]
    assert types_in("**/*.{TS,tsx,weird}") == ["ts", "tsx"]
    assert types_in("src/*") == types_in("**/*.com") == types_in(None) == []


@pytest.mark.parametrize(
    ("command", "traits"),
    [
        ("pytest tests/test_x.py", ("reads:py",)),
        ("pytest tests/test_x.py::TestX::test_y[1.0] -q", ("reads:py",)),
        ("rspec spec/a_spec.rb:42", ("reads:rb",)),
        ("vale 'docs/a.md' \"b.mdx\" $DOCS/c.rst", ("reads:md", "reads:mdx", "reads:rst")),
        ("eslint src/**/*.ts", ("reads:ts",)),
        ("eslint --fix src/a.ts", ("reads:ts", "writes:ts")),
        ("gofmt -w main.go", ("reads:go", "writes:go")),
        ("/usr/bin/git checkout -- main.go", ("reads:go", "writes:go")),
        ("pandoc a.md -o a.pdf", ("reads:md", "writes:pdf")),
        ("pytest --junit-xml out.xml --html report.html", ()),
        ("pytest --config=x.toml", ()),
        ("git commit -m fix.py", ()),
        ("git commit -m 'Update README.md'", ()),
        ("gh pr view --jq '.body.md' -q .a.md", ()),
        ("git clone git@github.com:some/thing.git", ()),
        ("curl https://example.com/data.json", ()),
        ("go test ./...", ()),
        ("pip install ruff==0.9.1 left.pad", ()),
        ("node -e 'console.log(1)'", ()),
        ("cat 'my secret.md'", ()),
    ],
)
def test_arguments_that_plainly_are_files_tell_their_types(command: str, traits: tuple[str, ...]) -> None:
    assert words_touch([text for is_word, text in tokenise(command) if is_word]) == traits


_PARTS = st.sampled_from(
    """
    pytest|a.py|'b.md'|"c d.md"|src/x.test.ts|'.a.md'|-m|-o|--out=e.js|A=f.go|$G/h.rs|"$I/*.css"|j'k.rb'|'l.sh'm|&&
    https://me:pw@host/n.py|averyveryverylongname.lua|o.py::test_p|averyveryverylongfolder/q.toml|'r.yml's.xml'
    t@averyveryveryverylongname.sql
    """.strip()
    .replace("\n    ", "|")
    .split("|")
)


@given(st.lists(_PARTS, min_size=1, max_size=6).map(" ".join))
def test_what_is_kept_of_a_command_touches_the_same(command: str) -> None:
    def touched(text: str) -> tuple[str, ...] | None:
        try:
            return words_touch([word for is_word, word in tokenise(text) if is_word])
        except Unreadable:
            return None

    kept = skeleton(command)
    assert touched(kept) == touched(command)
    assert skeleton(kept) == kept


_TRAITS = st.lists(st.sampled_from([*(f"reads:t{n:02}" for n in range(30)), "rejected", "interrupted"]))


@given(_TRAITS, _TRAITS)
def test_no_call_has_more_than_twenty_traits_and_what_is_known_stays(one: list[str], other: list[str]) -> None:
    known = joined((), one)
    both = joined(known, other)
    assert set(known) <= set(both) <= {*one, *other}
    assert list(both) == sorted(set(both))
    assert len(both) <= 20
    assert {"rejected", "interrupted"} & {*one, *other} <= set(both)
    assert joined(both, one) == both


# -- calls ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "given", "traits"),
    [
        ("Read", {"file_path": "/a/b.py"}, ("reads:py",)),
        ("Edit", {"file_path": "/a/b.py", "old_string": "x.md"}, ("writes:py",)),
        ("MultiEdit", {"file_path": "/a/b.odd"}, ("writes:odd",)),
        ("Write", {"file_path": "/a/b.md", "content": "c.py"}, ("writes:md",)),
        ("NotebookEdit", {"notebook_path": "/a/b.ipynb"}, ("writes:ipynb",)),
        ("Glob", {"pattern": "**/*.{ts,tsx}", "path": "/a/b.py"}, ("reads:ts", "reads:tsx")),
        ("Grep", {"pattern": "x.md", "glob": "*.go", "path": "a/b.py"}, ("reads:go", "reads:py")),
        ("Grep", {"pattern": "x", "path": "/a/example.com"}, ()),
        ("mcp__files__read_file", {"path": "/a/b.csv", "content": "c.py"}, ("reads:csv",)),
        ("mcp__files__write_file", {"path": "/a/b.csv"}, ("writes:csv",)),
        ("mcp__files__read_file", {"path": "/a/example.com"}, ()),
        ("mcp__web__open", {"uri": "https://example.com/a.pdf"}, ("reads:pdf",)),
        ("mcp__web__open", {"url": "https://example.com/a.pdf"}, ()),
        ("mcp__web__shot", {"filename": ["a.png"]}, ()),
        ("WebFetch", {"path": "a.py"}, ()),
        ("Read", {"file_path": 7}, ()),
        ("Read", {}, ()),
        ("Bash", {"command": "pytest tests/test_x.py"}, ("reads:py",)),
        ("Bash", {"command": "frobnicate tests/test_x.py"}, ()),
    ],
)
def test_what_a_call_touches(tool: str, given: dict[str, object], traits: tuple[str, ...]) -> None:
    assert traits_in(Script().prompt().use("t", tool, given)) == {"t": traits}


def test_tools_of_one_shell_call_touch_their_own_files() -> None:
    script = Script().prompt().use("t", "Bash", {"command": "ruff check a.py && vale b.md"})
    assert traits_in(script) == {"t": ("reads:md",), "t#2": ("reads:py",)}


def test_what_did_not_run_touched_nothing_and_a_command_that_failed_did() -> None:
    read = {"file_path": "/a/b.py"}
    script = Script().prompt()
    script.call("missing", "Read", read).result("missing", "File does not exist.", error=True)
    script.call("refused", "Read", read).result("refused", "Permission to use Read has been denied", error=True)
    script.call("test", "Bash", {"command": "pytest a.py"}).result("test", "Exit code 1\n1 failed", error=True)
    script.call("lost", "Read", read).prompt("next")
    assert traits_in(script) == {"missing": (), "refused": (), "test": ("reads:py",), "lost": ()}


def test_nothing_is_told_of_a_call_before_it_has_ended() -> None:
    assert traits_in(Script().prompt().call("t", "Read", {"file_path": "/a/b.py"})) == {"t": ()}


def test_no_trait_is_a_path_or_a_name() -> None:
    script = Script().prompt()
    for number, path in enumerate(
        ("/secret/plan.final/x", "secret.py", "a.b/c d.rb", "\\\\host\\secret.doc", ".secret")
    ):
        for tool in ("Read", "Write", "Grep", "mcp__files__read_file"):
            given = {"file_path": path, "path": path, "glob": path, "uri": path}
            script.use(f"{tool}-{number}", tool, given)
    for traits in traits_in(script).values():
        assert all(re.fullmatch(r"(reads|writes):[a-z0-9]{1,16}", trait) for trait in traits)


# -- what the user said ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fields", "traits"),
    [
        (REFUSAL, {}, ("permission_asked", "rejected")),
        ("The user doesn't want to take this action right now. STOP", {}, ("permission_asked", "rejected")),
        ("Exit code 1", {"toolDenialKind": "user-rejected"}, ("permission_asked", "rejected")),
        ("[Request interrupted by user for tool use]", {}, ("interrupted",)),
        ("Exit code 137\n[Request interrupted by user for tool use]", {}, ("interrupted",)),
        ("", {"told": {"interrupted": True}}, ("interrupted",)),
        ("This command requires approval", {}, ("permission_asked",)),
        ("Claude requested permissions to write to x.py, but you haven't granted it yet.", {}, ("permission_asked",)),
        ("Permission to use Bash has been auto-denied in dontAsk mode.", {}, ()),
        ("Blocked.", {"toolDenialKind": "automode-blocked"}, ()),
        ("<tool_use_error>Sibling tool call errored</tool_use_error>", {}, ()),
        ("Exit code 1\nThe user doesn't want to", {}, ()),
    ],
)
def test_what_the_user_said_to_a_call(text: str, fields: dict[str, object], traits: tuple[str, ...]) -> None:
    script = Script().prompt().call("t", "Bash", {"command": "frobnicate"}).result("t", text, error=True, **fields)
    assert traits_in(script) == {"t": traits}


def test_what_runs_when_the_user_interrupts_is_interrupted_and_nothing_before() -> None:
    script = Script().prompt().skill("s", "x").use("a", "Read").call("b", "Read")
    script.prompt("[Request interrupted by user]").prompt("next").use("c", "Read")
    assert traits_in(script) == {"s": ("interrupted",), "a": (), "b": ("interrupted",), "c": ()}


# -- skills ---------------------------------------------------------------------------------


def test_a_skill_has_the_traits_of_what_it_called_and_of_nothing_else() -> None:
    script = Script().prompt().use("before", "Read", {"file_path": "a.css"}).skill("s", "x")
    script.use("in", "Read", {"file_path": "a.py"}).use("again", "Write", {"file_path": "b.md"})
    script.use("test", "Bash", {"command": "pytest c.py && ruff check d.pyi"})
    script.call("no", "Edit", {"file_path": "e.rs"}).result("no", REFUSAL, error=True)
    script.prompt("next").use("after", "Read", {"file_path": "a.html"}).prompt("last")
    assert traits_in(script)["s"] == ("permission_asked", "reads:py", "reads:pyi", "rejected", "writes:md")


def test_what_an_attributed_skill_no_longer_calls_is_not_its_own() -> None:
    script = Script(version="2.1.200").prompt().skill("s", "x")
    script.use("in", "Read", {"file_path": "a.py"}, attributionSkill="x").use("out", "Read", {"file_path": "b.md"})
    assert traits_in(script.prompt("next"))["s"] == ("reads:py",)


def test_the_traits_of_a_skill_grow_as_its_file_is_read_on() -> None:
    script = Script().prompt().skill("s", "x").use("a", "Read", {"file_path": "a.py"})
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    first = parser.feed(script.data).invocations + parser.pause().invocations
    read_on = IMPORTER.parser("s.jsonl", user_id="u", state=parser.save())
    more = script.use("b", "Read", {"file_path": "b.md"}).prompt("next").data[parser.offset :]
    second = read_on.feed(more).invocations
    of_skill = [row.traits for row in first + second if row.event_id == "s"]
    assert of_skill == [("reads:py",), ("reads:md", "reads:py")]


def test_an_interrupted_skill_is_so_itself() -> None:
    script = Script().prompt().skill("s", "x").text().prompt("[Request interrupted by user]").prompt("next")
    assert traits_in(script) == {"s": ("interrupted",)}


def test_what_a_subagent_calls_is_not_what_its_own_call_touches() -> None:
    use = {"type": "tool_use", "id": "in", "name": "Read", "input": {"file_path": "a.py"}}
    script = Script().prompt().call("task", "Agent", {"prompt": "p"})
    for kind, block in (("assistant", use), ("user", {"type": "tool_result", "tool_use_id": "in", "content": "fine"})):
        inner = {"type": kind, "timestamp": "2026-03-01T10:00:05.000Z", "message": {"id": "i", "content": [block]}}
        script.line("progress", data={"agentId": "a", "message": inner}, parentToolUseID="task")
    assert traits_in(script.result("task")) == {"in": ("reads:py",), "task": ()}
