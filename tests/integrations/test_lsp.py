"""The language server, driven by the client of pytest-lsp as an editor would; and the pure parts by themselves."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pygls", reason="the extra 'lsp' is not installed")

from lsprotocol import types
from pytest_lsp import LanguageClient, make_test_lsp_client

from session_buddy.integrations.lsp.knowledge import Knowledge, failing_words, lens_words
from session_buddy.integrations.lsp.server import RECOMMEND, language_server
from session_buddy.integrations.lsp.serving import EndingServer
from session_buddy.integrations.lsp.texts import (
    Role,
    lines_of,
    mention_at,
    mentions_in,
    prefix_at,
    role_of,
    written_in,
)
from session_buddy.model import Outcome
from session_buddy.reports.catalog_figures import CatalogueEntry
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
    assert (name, len(faults)) == ("deploy", 1), "it is called by its folder"
    assert written_in(GOOD, "/x/1.2.3/SKILL.md")[0] == "deploy", "a plugin that is one skill"
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


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85"])
def test_lines_end_where_editors_end_them(sign: str) -> None:
    text = f"one{sign}\rtwo\r\n{sign}deploy"
    (found,) = mentions_in(text, {"deploy"})
    assert (found.line, found.start) == (2, 1)
    assert mention_at(text, 2, 4, {"deploy"}) == found
    assert prefix_at(text, 2, 4) == "dep"
    # What YAML takes for the end of a line is none to editors either.
    _, faults = written_in(f"---\nname: deploy\n# a{sign}# b\nname: deploy\n---\n", "/x/deploy/SKILL.md")
    assert [fault.line for fault in faults] == [4 if sign in "\x85\u2028\u2029" else None]


def test_a_line_that_ends_the_text_is_one() -> None:
    assert mention_at("deploy\n", 1, 0, {"deploy"}) is None
    assert lines_of("deploy\n") == ["deploy", ""]


@given(text=st.text(max_size=200), line=st.integers(-2, 9), column=st.integers(0, 300))
def test_any_text_can_be_looked_at(text: str, line: int, column: int) -> None:
    written_in(text, "/x/deploy/SKILL.md")
    prefix_at(text, line, column)
    mention_at(text, line, column, {"deploy", "a", "0"})
    lines = lines_of(text)
    for found in mentions_in(text, {"deploy", "a", "0"}):
        assert lines[found.line][found.start : found.end].removeprefix("/") == found.skill


@pytest.mark.parametrize(
    ("uses", "rate", "warns"),
    [(10, 0.49, True), (9, 0.0, False), (10, 0.5, False), (10, None, False), (11, 0.0, True)],
)
def test_it_takes_ten_uses_of_which_most_failed_to_be_called_failing(
    uses: int, rate: float | None, warns: bool
) -> None:
    skill = CatalogueEntry(
        skill="s", kind=None, description=None, modality=None, domain=None, category=None, category_assigned_by=None,
        category_confidence=None, invocations=uses, success_rate=rate, last_invoked_at=None, origin=None, plugin=None,
        listing_tokens=None, body_tokens=None, places=0, machines=0, problems=[],
    )  # fmt: skip
    assert (failing_words(skill) is not None) == warns


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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))


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
def test_an_editor_is_told_all_that_is_known(store: str, tmp_path: Path, home: None) -> None:
    text = "😀 `deploy` first.\nNever `break-it`.\nThen `dep"

    async def editing(client: LanguageClient) -> dict[str, Any]:
        skill = await opened(client, tmp_path / "deploy" / "SKILL.md", GOOD)
        bad = await opened(client, tmp_path / "break-it" / "SKILL.md", "---\nname: [\n---\n")
        agents = await opened(client, tmp_path / "AGENTS.md", text)
        other = await opened(client, tmp_path / "main.py", "deploy = 1")
        new = await opened(client, tmp_path / "brand-new" / "SKILL.md", GOOD.replace("deploy", "brand-new"))
        document = {uri: types.TextDocumentIdentifier(uri=uri) for uri in (skill, bad, agents, other, new)}
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
            "lenses": [await ask(types.CodeLensParams(text_document=document[uri])) for uri in (agents, other, new)],
            "hover": await client.text_document_hover_async(hover),
            "completion": await client.text_document_completion_async(complete),
            "recommended": await client.workspace_execute_command_async(
                types.ExecuteCommandParams(RECOMMEND, arguments=[other])
            ),
            "told": {Path(uri).parent.name + "/" + Path(uri).name: client.diagnostics[uri] for uri in document},
        }

    found = edit(store, tmp_path, editing)
    of_agents, of_other, (of_new,) = found["lenses"]
    assert of_new.command.title == "never used"
    assert [one.message for one in found["told"]["brand-new/SKILL.md"]] == ["brand-new was never used."]
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


@pytest.mark.long
def test_a_store_that_cannot_be_read_is_said_and_faults_are_told_all_the_same(tmp_path: Path, home: None) -> None:
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


@pytest.mark.long
def test_places_are_those_of_editors(store: str, tmp_path: Path, home: None) -> None:
    text = "one\x0c\u2028 `deploy`\n\u2028 two\ndeploy\n"

    async def editing(client: LanguageClient) -> dict[str, Any]:
        document = types.TextDocumentIdentifier(await opened(client, tmp_path / "AGENTS.md", text))

        async def hovered(line: int, character: int) -> Any:
            return await client.text_document_hover_async(types.HoverParams(document, types.Position(line, character)))

        async def completed(line: int, character: int) -> list[str]:
            asked = types.CompletionParams(document, types.Position(line, character))
            return [one.label for one in (await client.text_document_completion_async(asked)).items]

        lenses = await client.text_document_code_lens_async(types.CodeLensParams(document))
        return {
            "lens": [(lens.range.start.line, lens.range.start.character) for lens in lenses],
            "hovered": [await hovered(2, 3), await hovered(3, 0), await hovered(99, 0)],
            "completed": [await completed(2, 3), await completed(2, 999), await completed(3, 0)],
        }

    found = edit(store, tmp_path, editing)
    assert found["lens"] == [(0, 7)]
    here, *elsewhere = found["hovered"]
    assert (here.range.start.line, here.range.end.character) == (2, 6)
    assert elsewhere == [None, None]
    # Nothing is begun in the empty line at the end.
    assert found["completed"][:2] == [["deploy"], ["deploy"]]
    assert {"deploy", "break-it"} <= set(found["completed"][2])


@pytest.mark.long
def test_what_is_no_file_to_read_is_one_of_which_nothing_is_known(store: str, tmp_path: Path, home: None) -> None:
    for name in ("folder/AGENTS.md", "pipe", "other", "large"):
        (tmp_path / name).mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe" / "AGENTS.md")
    (tmp_path / "large" / "AGENTS.md").write_bytes(b"deploy " * 700_000)
    (tmp_path / "other" / "AGENTS.md").write_bytes(b"caf\xe9 deploy")
    there = (tmp_path / "other" / "AGENTS.md").as_uri()
    nothing = [(tmp_path / name / "AGENTS.md").as_uri() for name in ("missing", "folder", "pipe", "large")]
    nothing += [there.replace("file:", "http:"), "untitled:AGENTS.md", "file://[/AGENTS.md", "file:///%00/AGENTS.md"]

    async def editing(client: LanguageClient) -> Any:
        async def told(uri: str) -> Any:
            document, place = types.TextDocumentIdentifier(uri), types.Position(0, 8)
            completed = await client.text_document_completion_async(types.CompletionParams(document, place))
            return (
                await client.text_document_code_lens_async(types.CodeLensParams(document)),
                await client.text_document_hover_async(types.HoverParams(document, place)),
                completed.items,
            )

        return [await told(uri) for uri in nothing], await told(there)

    of_nothing, (lenses, hover, items) = edit(store, tmp_path, editing)
    assert of_nothing == [((), None, ())] * len(nothing)
    # One sign of it is no UTF-8; the rest can be read.
    assert ([lens.range.start.character for lens in lenses], hover.range.end.character) == ([5], 11)
    assert [item.label for item in items] == ["deploy"]


@pytest.mark.long
def test_what_was_wrong_with_a_file_is_taken_back_when_it_is_closed(store: str, tmp_path: Path, home: None) -> None:
    path = tmp_path / "deploy" / "SKILL.md"
    path.parent.mkdir()
    path.write_text("no frontmatter")

    async def editing(client: LanguageClient) -> Any:
        uri = await opened(client, path, "no frontmatter")
        before = client.diagnostics[uri]
        client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
        await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        return len(before), client.diagnostics[uri]

    assert edit(store, tmp_path, editing) == (1, ())


@pytest.mark.long
def test_the_command_needs_no_file(store: str, tmp_path: Path, home: None) -> None:
    async def editing(client: LanguageClient) -> Any:
        return await client.workspace_execute_command_async(types.ExecuteCommandParams(RECOMMEND, arguments=[]))

    assert isinstance(edit(store, tmp_path, editing), tuple | list)


def greeted() -> EndingServer:
    """A server in this process, which an editor has greeted."""
    server = language_server(lambda: pytest.fail("is not asked"))
    given = types.InitializeParams(capabilities=types.ClientCapabilities())
    server.protocol.handle_message(types.InitializeRequest(1, given))
    return server


def test_changes_are_told_as_whole_texts() -> None:
    # Parts would be put into the lines of Python, which are others than those of editors.
    told = greeted().server_capabilities.text_document_sync
    assert isinstance(told, types.TextDocumentSyncOptions)
    assert told.change is types.TextDocumentSyncKind.Full


def test_nothing_is_kept_of_what_was_told() -> None:
    server = greeted()
    item = types.TextDocumentItem(uri="untitled:main.py", language_id="python", version=1, text="")
    server.protocol.handle_message(types.DidOpenTextDocumentNotification(types.DidOpenTextDocumentParams(item)))
    server.thread_pool.shutdown()
    assert server.protocol._request_futures == {}


# -- the end ----------------------------------------------------------------------------------------

STUCK = """
import time
from session_buddy.integrations.lsp.server import language_server
language_server(lambda: time.sleep(60)).start_io()
"""
RECOMMEND_SOMETHING = {"method": "workspace/executeCommand", "params": {"command": RECOMMEND, "arguments": [None]}}


@contextmanager
def greeting_server(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server that has greeted its editor: Python with *arguments*."""
    pipes: dict[str, Any] = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    with subprocess.Popen([sys.executable, *arguments], **pipes) as server:
        try:
            say(server, id=1, method="initialize", params={"capabilities": {}, "processId": None, "rootUri": None})
            assert heard(server)["id"] == 1
            yield server
        finally:
            server.kill()


def stuck_server() -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A server whose store takes longer than anybody waits."""
    return greeting_server("-c", STUCK)


def say(server: subprocess.Popen[bytes], **message: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    assert server.stdin is not None
    server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    server.stdin.flush()


def heard(server: subprocess.Popen[bytes]) -> Any:
    output: IO[bytes] | None = server.stdout
    assert output is not None
    length = 0
    while header := output.readline().strip():
        name, _, value = header.partition(b":")
        length = int(value) if name == b"Content-Length" else length
    return json.loads(output.read(length))


def ended(server: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """Return the exit code of *server*, and what it said at last: to the editor and to people."""
    output, errors = server.communicate(timeout=10)
    return server.returncode, output, errors


@pytest.mark.parametrize("open_requests", [0, 1, 50])
def test_the_end_waits_for_no_request(open_requests: int) -> None:
    with stuck_server() as server:
        for number in range(open_requests):
            say(server, id=100 + number, **RECOMMEND_SOMETHING)
        say(server, id=2, method="shutdown")
        answer = heard(server)
        assert (answer["id"], answer["result"]) == (2, None)
        say(server, method="exit")
        assert ended(server) == (0, b"", b"")


@pytest.mark.parametrize(("is_shut_down", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_is_that_of_the_protocol(tmp_path: Path, home: None, is_shut_down: bool, code: int) -> None:
    with greeting_server("-m", "session_buddy", "--store", f"sqlite:///{tmp_path / 'store.db'}", "lsp") as server:
        if is_shut_down:
            say(server, id=2, method="shutdown")
            assert heard(server)["result"] is None
        say(server, method="exit")
        assert ended(server) == (code, b"", b"")


@pytest.mark.long
@pytest.mark.parametrize("last_words", [{"method": "exit"}, None, b'Content-Length: 99\r\n\r\n{"jso'])
def test_an_editor_that_leaves_at_once_leaves_no_server(last_words: Any) -> None:
    with stuck_server() as server:
        say(server, id=100, **RECOMMEND_SOMETHING)
        assert server.stdin is not None
        if isinstance(last_words, bytes):
            server.stdin.write(last_words)
        elif last_words:
            say(server, **last_words)
        assert ended(server) == (1, b"", b"")


def test_an_editor_that_hears_nothing_any_more_is_not_told_of_it() -> None:
    with stuck_server() as server:
        assert server.stdout is not None
        server.stdout.close()
        say(server, id=2, method="shutdown")
        assert server.wait(timeout=10) == 0
        assert server.stderr is not None
        assert server.stderr.read() == b""


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
