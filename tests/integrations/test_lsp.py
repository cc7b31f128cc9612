"""The language server, driven by the client of pytest-lsp as an editor would; and the pure parts by themselves."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pygls", reason="the extra 'lsp' is not installed")

from lsprotocol import types
from pytest_lsp import LanguageClient, make_test_lsp_client

from session_buddy.integrations.lsp.knowledge import Knowledge, failing_words, lens_words
from session_buddy.integrations.lsp.server import RECOMMEND
from session_buddy.integrations.lsp.texts import Role, mention_at, mentions_in, prefix_at, role_of, written_in
from session_buddy.model import Outcome
from session_buddy.storage import open_store
from tests.making import NOW, FakeClock, invocation

EXTENSION = Path(__file__).parents[2] / "editors" / "vscode"
GOOD = "---\nname: deploy\ndescription: Deploys the shop. Use when asked to release.\n---\nDo it.\n"


# -- the pure parts -----------------------------------------------------------------------------


def test_what_files_are_to_agents() -> None:
    assert role_of("/x/.claude/skills/deploy/SKILL.md") is Role.SKILL
    for name in ("AGENTS.md", "CLAUDE.md", "CLAUDE.local.md", "GEMINI.md", "c:\\x\\agents.md"):
        assert role_of(name if "\\" in name else f"/x/{name}") is Role.INSTRUCTIONS
    assert role_of("/x/README.md") is Role.OTHER


def test_a_skill_says_its_name_and_its_faults() -> None:
    assert written_in(GOOD, "/x/deploy/SKILL.md") == ("deploy", [])
    name, faults = written_in("---\nname: other\ndescription: d\n---\n", "/x/deploy/SKILL.md")
    assert (name, len(faults)) == ("other", 1)
    name, faults = written_in("nothing", "/x/deploy/SKILL.md")
    assert (name, [fault.kind.breaks for fault in faults]) == ("deploy", [True])


def test_skills_are_found_by_whole_names() -> None:
    text = "Use `deploy`, /deploy or deploy-all; not redeploy, a/deploy or deploy.md.\nThen /clear."
    found = [
        (one.skill, one.line, text.splitlines()[one.line][one.start : one.end])
        for one in mentions_in(text, {"deploy", "/clear"})
    ]
    assert found == [("deploy", 0, "deploy"), ("deploy", 0, "/deploy"), ("/clear", 1, "/clear")]
    assert mention_at(text, 0, 6, {"deploy"}) is not None
    assert mention_at(text, 0, 0, {"deploy"}) is None
    assert mention_at(text, 99, 0, {"deploy"}) is None
    assert (prefix_at("use `dep", 0, 8), prefix_at("use /dep", 0, 8), prefix_at("use ", 0, 4), prefix_at("", 3, 1)) == (
        "dep", "dep", "", "",
    )  # fmt: skip


@given(text=st.text(max_size=200), line=st.integers(-2, 9), column=st.integers(0, 300))
def test_any_text_can_be_looked_at(text: str, line: int, column: int) -> None:
    written_in(text, "/x/deploy/SKILL.md")
    prefix_at(text, line, column)
    mention_at(text, line, column, {"deploy", "a", "0"})
    lines = text.splitlines()
    for found in mentions_in(text, {"deploy", "a", "0"}):
        assert lines[found.line][found.start : found.end].removeprefix("/") == found.skill


# -- as an editor sees it -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a skill that works, one that mostly fails, and one that is written down and was never used."""
    folder = tmp_path_factory.mktemp("lsp")
    url = f"sqlite:///{folder / 'store.db'}"
    with open_store(url) as opened:
        ends = (Outcome.COMPLETED, Outcome.FAILED)
        opened.record(invocation(f"d{n}", skill_name="deploy", session_id=f"s{n}") for n in range(12))
        opened.record(
            invocation(f"b{n}", skill_name="break-it", session_id=f"s{n}", outcome=ends[bool(n)])
            for n in range(12)
        )  # fmt: skip
    return url


def edit(store: str, folder: Path, editing: Callable[[LanguageClient], Awaitable[Any]]) -> Any:
    """Return what comes of *editing* with a server in a process of its own."""

    async def run() -> Any:
        client = make_test_lsp_client()
        await client.start_io(sys.executable, "-m", "session_buddy", "--store", store, "lsp")
        try:
            capabilities = types.ClientCapabilities(
                general=types.GeneralClientCapabilities(position_encodings=["utf-16"])
            )
            await client.initialize_session(types.InitializeParams(capabilities=capabilities, root_uri=folder.as_uri()))
            found = await editing(client)
            await client.shutdown_session()
            return found
        finally:
            await client.stop()

    return asyncio.run(asyncio.wait_for(run(), 60))


async def opened(client: LanguageClient, path: Path, text: str) -> str:
    uri = path.as_uri()
    item = types.TextDocumentItem(uri=uri, language_id="markdown", version=1, text=text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
    await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    return uri


@pytest.mark.long
def test_an_editor_is_told_all_that_is_known(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    text = "😀 `deploy` first.\nNever `break-it`.\nThen `dep"

    async def editing(client: LanguageClient) -> dict[str, Any]:
        skill = await opened(client, tmp_path / "deploy" / "SKILL.md", GOOD)
        bad = await opened(client, tmp_path / "break-it" / "SKILL.md", "---\nname: [\n---\n")
        agents = await opened(client, tmp_path / "AGENTS.md", text)
        other = await opened(client, tmp_path / "main.py", "deploy = 1")
        document = {uri: types.TextDocumentIdentifier(uri=uri) for uri in (skill, bad, agents, other)}
        ask = client.text_document_code_lens_async
        hover = types.HoverParams(text_document=document[agents], position=types.Position(0, 5))
        complete = types.CompletionParams(text_document=document[agents], position=types.Position(2, 9))
        client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(uri=skill, version=2),
                content_changes=[types.TextDocumentContentChangeWholeDocument(text="no frontmatter")],
            )
        )
        await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        return {
            "lenses": [await ask(types.CodeLensParams(text_document=document[uri])) for uri in (agents, other)],
            "hover": await client.text_document_hover_async(hover),
            "completion": await client.text_document_completion_async(complete),
            "recommended": await client.workspace_execute_command_async(
                types.ExecuteCommandParams(RECOMMEND, arguments=[other])
            ),
            "told": {Path(uri).parent.name + "/" + Path(uri).name: client.diagnostics[uri] for uri in document},
        }

    found = edit(store, tmp_path, editing)
    of_agents, of_other = found["lenses"]
    titles = [lens.command.title for lens in of_agents]
    assert titles[0].startswith("deploy: 12 uses · 100 % success") and titles[1].startswith("break-it: 12 uses · 8 %")
    assert of_other == ()
    assert "**deploy** (" in found["hover"].contents.value
    # The face is one character, and two to the editor.
    assert (found["hover"].range.start.character, found["hover"].range.end.character) == (4, 10)
    assert [item.label for item in found["completion"].items] == ["deploy"]
    assert all(one["skill"] and one["why"] for one in found["recommended"])
    told = found["told"]
    assert [one.message.partition(":")[0] for one in told["deploy/SKILL.md"]] == ["no frontmatter"]
    assert "bad YAML" in told["break-it/SKILL.md"][0].message
    assert told["break-it/SKILL.md"][0].severity == types.DiagnosticSeverity.Error
    assert any("mostly fails" in one.message for one in told["break-it/SKILL.md"])
    (warning,) = told[f"{tmp_path.name}/AGENTS.md"]
    assert "break-it mostly fails: 8 % success in 12 uses." in warning.message
    assert (warning.range.start.line, warning.range.start.character) == (1, 7)
    assert told[f"{tmp_path.name}/main.py"] == ()


def test_a_store_that_cannot_be_read_is_said_and_faults_are_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "store.db").write_text("no database" * 100)

    async def editing(client: LanguageClient) -> tuple[Any, Any, Any]:
        uri = await opened(client, tmp_path / "deploy" / "SKILL.md", "no frontmatter")
        lenses = await client.text_document_code_lens_async(types.CodeLensParams(types.TextDocumentIdentifier(uri)))
        return client.diagnostics[uri], lenses, [one.message for one in client.log_messages]

    diagnostics, lenses, said = edit(f"sqlite:///{tmp_path / 'store.db'}", tmp_path, editing)
    assert [one.message.partition(":")[0] for one in diagnostics] == ["no frontmatter"]
    assert not lenses
    assert any("Session-Buddy: " in message for message in said)


def test_what_is_known_is_read_again_after_a_while(store: str) -> None:
    with open_store(store) as opened_store:
        moments = iter([0.0, 5.0, 15.0])
        knowledge = Knowledge(opened_store, FakeClock(), monotonic=lambda: next(moments))
        first = knowledge.skills()
        assert knowledge.skills() is first
        assert knowledge.skills() is not first
        assert failing_words(first["deploy"]) is None
        assert lens_words(first["deploy"], NOW).startswith("12 uses · 100 % success")


# -- the extension for VS Code ----------------------------------------------------------------------


def test_the_extension_is_sound_and_starts_the_server() -> None:
    manifest = json.loads((EXTENSION / "package.json").read_text())
    assert manifest["main"] == "./extension.js"
    assert {"name", "publisher", "version", "engines"} <= set(manifest)
    commands = {one["command"] for one in manifest["contributes"]["commands"]}
    assert RECOMMEND + "Here" in commands
    script = (EXTENSION / "extension.js").read_text()
    assert all(command in script for command in commands)
    assert '"lsp"' in script
    done = subprocess.run(["node", "--check", str(EXTENSION / "extension.js")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
