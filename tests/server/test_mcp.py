"""What agents ask over MCP: by the SDK's own client, in this process, over pipes and over HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from session_buddy.catalog.scanning.tokens import estimated_tokens
from session_buddy.errors import InvalidInput
from session_buddy.experiments import Experiments
from session_buddy.model import DurationSource, Kind, Outcome
from session_buddy.server.mcp import prompts
from session_buddy.server.mcp.answers import ANSWER_TOKENS, Listed, fitted, page_of, start_of
from session_buddy.server.mcp.ground import Ground, ground_of_store
from session_buddy.server.mcp.protocol import mcp_server
from session_buddy.server.mcp.schemas import schema_of, short_schema_of
from session_buddy.server.mcp.tools import TOOLS, call
from session_buddy.storage import open_store
from tests.making import NOW, FakeClock, invocation, many, shifted
from tests.server.process_kit import server_process

JSON = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A store with 300 skills, one long session among many, and an experiment that runs."""
    clock = FakeClock()
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('mcp') / 'store.db'}", clock=clock) as store:
        store.record(many(600, skills=300))
        store.record(
            invocation(
                f"long-{number}", session_id="long", user_id="me", invoked_at=shifted(NOW, minutes=number - 500),
                skill_name=f"a-skill-with-quite-a-long-name-{number % 90}",
                outcome=Outcome.FAILED if number % 3 else Outcome.COMPLETED,
            )
            for number in range(400)
        )  # fmt: skip
        experiments = Experiments(store, clock=clock)
        experiments.create(
            "search", actor="t", control_strategy="semantic_search", treatment_strategy="workflow_aware_search"
        )
        experiments.start("search", actor="t")
        yield ground_of_store(store, clock, "me")


def talk(ground: Ground, talking: Callable[[Client], Awaitable[Any]]) -> Any:
    """Return what comes of *talking* to a server in this process, over the protocol."""

    async def run() -> Any:
        async with Client(mcp_server(lambda: ground)) as client:
            try:
                return await talking(client)
            except MCPError as error:
                return error  # raised in here, it would be wrapped in groups

    found = asyncio.run(run())
    if isinstance(found, MCPError):
        raise found
    return found


def asked(ground: Ground, tool: str, **arguments: Any) -> Any:
    """Return what *tool* answers, of both forms that are one."""
    found = talk(ground, lambda client: client.call_tool(tool, arguments))
    (content,) = found.content
    if found.is_error:
        return content.text
    assert json.loads(content.text) == found.structured_content
    assert estimated_tokens(content.text) <= 2_000
    return found.structured_content


# -- what it costs an agent -------------------------------------------------------------------


def test_all_that_tools_say_of_themselves_is_three_thousand_tokens_at_most(ground: Ground) -> None:
    tools = talk(ground, lambda client: client.list_tools()).tools
    assert 1 < len(tools) <= 10
    told = json.dumps([tool.model_dump(by_alias=True, exclude_none=True) for tool in tools], separators=(",", ":"))
    assert estimated_tokens(told) <= 3_000
    for tool in tools:
        assert tool.title and tool.description and tool.annotations
        is_reading = tool.name not in ("record_outcome", "rate_skill", "experiment_variant")
        assert tool.annotations.read_only_hint == is_reading
        assert tool.annotations.open_world_hint is False
        # Of a tool that only reads these say nothing.
        assert is_reading or (tool.annotations.idempotent_hint and tool.annotations.destructive_hint is False)
        assert "$ref" not in json.dumps(tool.input_schema)


def test_what_is_too_long_is_cut_short_and_says_so() -> None:
    whole = {"name": "x" * 30_000, "next": [{"skill": f"skill-{number}"} for number in range(500)]}
    shown = fitted(whole, ANSWER_TOKENS)
    assert estimated_tokens(json.dumps(shown)) <= ANSWER_TOKENS
    assert len(shown["next"]) + shown["next_left_out"] == 500
    assert shown["name"].startswith("xxx") and shown["name"].endswith("…")
    many_fields = {f"field-{number}": "some words of it" for number in range(2_000)}
    assert 0 < len(fitted(many_fields, ANSWER_TOKENS)) < 2_000
    assert fitted({"a": 1}, ANSWER_TOKENS) == {"a": 1}


@given(
    rows=st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=900), max_size=6), max_size=60),
    limit=st.integers(1, 50),
)
def test_pages_have_every_row_once_and_none_is_too_long(rows: list[dict[str, str]], limit: int) -> None:
    seen, cursor, pages = 0, None, 0
    while True:
        start = start_of(cursor, "q")
        assert start == seen
        page = page_of(Listed({"about": "x" * 9_000}, "rows", rows), start, limit, "q")
        assert estimated_tokens(json.dumps(page, ensure_ascii=False, separators=(",", ":"))) <= ANSWER_TOKENS
        seen, pages = seen + len(page["rows"]), pages + 1
        cursor = page.get("next")
        if cursor is None:
            break
    assert seen == len(rows)


@pytest.mark.parametrize("cursor", ["", "5", "x.y", "-1.00000000", "99999999999999999999.00000000", "5.00000000"])
def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        start_of(cursor, "question")


# -- what tools answer --------------------------------------------------------------------------


@pytest.mark.long
def test_lists_are_read_page_by_page(ground: Ground) -> None:
    names: list[str] = []
    cursor = None
    while True:
        page = asked(ground, "skill_stats", limit=50, **({"cursor": cursor} if cursor else {}))
        names += [row["skill"] for row in page["skills"]]
        cursor = page.get("next")
        if cursor is None:
            break
    assert len(names) == len(set(names)) == page["total"] > 300
    steps, cursor = 0, None
    while True:
        page = asked(ground, "session_summary", session="long", limit=50, **({"cursor": cursor} if cursor else {}))
        steps += len(page["steps"])
        cursor = page.get("next")
        if cursor is None:
            break
    assert steps == 400


def test_one_skill_a_search_advice_a_chance_and_others_beside_it(ground: Ground) -> None:
    name = "a-skill-with-quite-a-long-name-0"
    profile = asked(ground, "skill_stats", skill=name)
    assert (profile["skill"], profile["invocations"]) == (name, 5)
    assert 0 <= asked(ground, "predict_success", skill=name)["chance"] <= 1
    assert asked(ground, "search_skills", question="quite a long name")["skills"][0]["why"]
    assert "asked_by" in asked(ground, "recommend_skills", session="long")
    two = asked(ground, "compare_skills", skills=[name, "skill-1"])["skills"]
    assert [one["skill"] for one in two] == [name, "skill-1"]
    assert asked(ground, "list_anomalies", resolved=True) == {"open": 0, "resolved": 0, "anomalies": [], "total": 0}


def test_an_outcome_is_recorded_once(ground: Ground) -> None:
    for _ in range(2):
        told = asked(ground, "record_outcome", event_id="mcp-1", skill="deploy", outcome="failed", duration_ms=120)
        assert told["receipt"] == "stored"
    rows = ground.store.query(
        "SELECT skill_name, outcome, error_type, duration_ms, source, user_id, session_id FROM skill_invocation"
        " WHERE event_id = 'mcp-1'"
    ).rows
    assert rows == [("deploy", "failed", "other", 120, "mcp", "me", f"mcp:me:{NOW[:10]}")]
    assert asked(ground, "rate_skill", event_id="mcp-1", rating=4)["skill"] == "deploy"
    assert asked(ground, "rate_skill", skill="deploy", rating=2)["event_id"] == "mcp-1"
    assert ground.store.query("SELECT rating, outcome FROM skill_invocation WHERE event_id = 'mcp-1'").rows == [
        (2, "failed")
    ]


def test_a_use_that_is_known_is_only_told_more_of(ground: Ground) -> None:
    begun = {"event_id": "mcp-known", "skill": "deploy", "invoked_at": "2026-01-02T03:04:05Z"}
    told = asked(ground, "record_outcome", **begun, outcome="completed", duration_ms=9)
    assert told["session_id"] == "mcp:me:2026-01-02"
    assert asked(ground, "record_outcome", **begun, outcome="completed", duration_ms=7, session_id="x") == told
    for changes, said in (
        ({"outcome": "failed"}, "it completed, and that stays"),
        ({"outcome": "completed", "user_id": "mallory"}, "a use of another user"),
        ({"outcome": "completed", "skill": "deploy-2"}, "a use of 'deploy'"),
    ):
        assert said in asked(ground, "record_outcome", **begun | changes)
    ((outcome, took, session, user),) = ground.store.query(
        "SELECT outcome, duration_ms, session_id, user_id FROM skill_invocation WHERE event_id = 'mcp-known'"
    ).rows
    assert (outcome, took, session, user) == ("completed", 9, "mcp:me:2026-01-02", "me")


def test_how_long_a_use_took_stays_whoever_measured_it(ground: Ground) -> None:
    use = invocation(
        "mcp-elapsed", skill_name="deploy", user_id="me", outcome=Outcome.COMPLETED, duration_ms=26_249,
        duration_source=DurationSource.ELAPSED,
    )  # fmt: skip
    ground.record([use])
    asked(ground, "record_outcome", event_id="mcp-elapsed", skill="deploy", outcome="completed", duration_ms=7)
    told = "SELECT duration_ms FROM skill_invocation WHERE event_id = 'mcp-elapsed'"
    assert ground.store.query(told).rows == [(26_249,)]


def test_a_skill_may_be_named_without_its_prefix(ground: Ground) -> None:
    ground.record([invocation("mcp-agent", skill_name="agent:guide", kind=Kind.SUBAGENT)])
    for number, name in enumerate(("guide", "agent:guide", "Guide")):
        asked(ground, "record_outcome", event_id=f"mcp-guide-{number}", skill=name, outcome="completed")
    asked(ground, "record_outcome", event_id="mcp-guide-9", skill="guide", kind="skill", outcome="completed")
    counted = ground.store.query(
        "SELECT skill_name, kind, count(*) FROM skill_invocation WHERE event_id LIKE 'mcp-guide-%' GROUP BY 1, 2"
    ).rows
    assert sorted(counted) == [("agent:guide", "subagent", 3), ("guide", "skill", 1)]


def test_what_is_null_is_left_out_and_an_experiment_that_is_none_records_nothing(ground: Ground) -> None:
    assert asked(ground, "skill_stats", limit=None, skill=None, cursor=None)["skills"]
    missing = {"event_id": "mcp-none", "skill": "deploy", "outcome": "completed", "experiment": "not-there"}
    assert "not-there" in asked(ground, "record_outcome", **missing)
    assert ground.store.query("SELECT count(*) FROM skill_invocation WHERE event_id = 'mcp-none'").rows == [(0,)]


def test_an_experiment_is_met_and_told(ground: Ground) -> None:
    (listed,) = asked(ground, "experiment_variant")["experiments"]
    assert listed["experiment"] == "search"
    given_here = asked(ground, "experiment_variant", experiment="search", exposed=True)
    assert given_here["strategy"] in ("semantic_search", "workflow_aware_search")
    for added in (1, 0):
        told = asked(
            ground, "record_outcome", event_id="mcp-2", skill="find", outcome="completed", experiment="search",
        )  # fmt: skip
        assert told["experiment_outcomes"]["added"] == added
    assert "abandoned" in asked(
        ground, "record_outcome", event_id="mcp-3", skill="find", outcome="abandoned", experiment="search"
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("skill_stats", {"skill": "nothing-like-it"}, "No skill is called"),
        ("skill_stats", {"limit": 51}, "limit"),
        ("skill_stats", {"limit": "many"}, "limit"),
        ("skill_stats", {"colour": "red"}, "The arguments are: skill, order"),
        ("search_skills", {}, "question"),
        ("search_skills", {"question": ""}, "question: is empty"),
        ("search_skills", {"question": "x" * 100_000}, "question"),
        ("compare_skills", {"skills": ["one"]}, "skills"),
        ("record_outcome", {"event_id": "e", "skill": "s", "outcome": "great"}, "outcome"),
        ("record_outcome", {"event_id": "", "skill": "s", "outcome": "failed"}, "event_id"),
        ("record_outcome", {"event_id": "e", "skill": "a\nb", "outcome": "failed"}, "on one line"),
        ("record_outcome", {"event_id": "e\0", "skill": "s", "outcome": "failed"}, "on one line"),
        ("record_outcome", {"event_id": "event-1-0", "skill": "other", "outcome": "failed"}, "is a use of 'skill-"),
        (
            "record_outcome",
            {"event_id": "e", "skill": "s", "outcome": "failed", "invoked_at": "2700-01-01T00:00Z"},
            "2105",
        ),
        ("record_outcome", {"event_id": "e", "skill": "s", "outcome": "completed", "error_type": "api"}, "error_type"),
        ("record_outcome", {"event_id": "e", "skill": "s", "outcome": "failed", "invoked_at": "now"}, "invoked_at"),
        ("rate_skill", {"rating": 9, "event_id": "x"}, "rating"),
        ("rate_skill", {"rating": 3}, "event_id"),
        ("rate_skill", {"rating": 3, "event_id": "event-1-0", "skill": "skill-9"}, "skill"),
        ("rate_skill", {"rating": 3, "event_id": "not-there"}, "There is no use"),
        ("session_summary", {"session": "not-there"}, "session"),
        ("experiment_variant", {"experiment": "not-there"}, "not-there"),
    ],
)
def test_what_is_wrong_is_named_and_says_what_to_do(
    ground: Ground, tool: str, arguments: dict[str, Any], said: str
) -> None:
    answer = asked(ground, tool, **arguments)
    assert isinstance(answer, str)
    assert said in answer
    assert len(answer) < 2_000


def test_what_is_refused_is_as_short_as_any_answer(ground: Ground) -> None:
    names = [f"{sign}{'名' * 440}" for sign in "甲乙丙丁戊己"]
    ground.record([invocation(f"names-{number}", skill_name=name) for number, name in enumerate(names)])
    said = asked(ground, "skill_stats", skill="名" * 441)
    assert "No skill is called" in said and estimated_tokens(said) <= ANSWER_TOKENS


def test_a_tool_that_there_is_not_is_an_error_of_the_protocol(ground: Ground) -> None:
    with pytest.raises(MCPError, match="there are search_skills"):
        asked(ground, "drop_tables")


def test_a_mistake_of_ours_is_told_without_its_details(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOOLS, "list_anomalies", TOOLS["list_anomalies"]._replace(answer=lambda *_: 1 // 0))
    answer = asked(ground, "list_anomalies")
    assert "made a mistake" in answer and "ZeroDivision" not in answer


def test_numbers_may_come_as_texts(ground: Ground) -> None:
    assert len(call(ground, "skill_stats", {"limit": "3"})["skills"]) == 3


# -- resources and prompts ------------------------------------------------------------------------


def test_resources_are_listed_and_read(ground: Ground) -> None:
    async def talking(client: Client) -> list[Any]:
        listed = [one.uri for one in (await client.list_resources()).resources]
        (template,) = (await client.list_resource_templates()).resource_templates
        listed.append(template.uri_template.replace("{name}", "a-skill-with-quite-a-long-name-0"))
        return [json.loads((await client.read_resource(uri)).contents[0].text) for uri in listed]

    top, status, profile = talk(ground, talking)
    assert top["skills"] and status["skills_by_kind"] and profile["invocations"] == 5
    with pytest.raises(MCPError, match="session-buddy://top"):
        talk(ground, lambda client: client.read_resource("session-buddy://elsewhere"))


def test_prompts_are_listed_and_filled(ground: Ground) -> None:
    listed = talk(ground, lambda client: client.list_prompts()).prompts
    assert {one.name for one in listed} == set(prompts.PROMPTS)
    why = talk(ground, lambda client: client.get_prompt("why", {"skill": "deploy {x}"}))
    assert "the skill deploy {x} fails" in why.messages[0].content.text
    for name, arguments in (("why", {}), ("why", {"skill": "x" * 501}), ("not-there", {})):
        with pytest.raises(MCPError):
            talk(ground, lambda client, n=name, a=arguments: client.get_prompt(n, a))
    for prompt in prompts.PROMPTS.values():
        named = {word.strip("().,=7") for word in prompt.text.replace("=", " ").split()} & set(TOOLS)
        assert named, "a prompt names tools that there are"


def test_schemas_say_what_arguments_are_bounded_by() -> None:
    told = schema_of(TOOLS["record_outcome"].arguments)
    assert told["required"] == ["event_id", "skill", "outcome"]
    assert told["properties"]["rating"]["maximum"] == 5
    assert set(told["properties"]["outcome"]["enum"]) == {"completed", "failed", "abandoned"}
    short = short_schema_of(TOOLS["record_outcome"].arguments)
    assert short["properties"]["rating"] == {
        "type": "number",
        "description": told["properties"]["rating"]["description"],
    }
    assert short["properties"].keys() == told["properties"].keys() and short["required"] == told["required"]


# -- over pipes and over HTTP -----------------------------------------------------------------------


@pytest.fixture
def filled(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with open_store(url) as store:
        store.record([invocation("e1", skill_name="pytest-run")])
    return url


def test_over_pipes_with_a_process_of_its_own(filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "session_buddy", "--store", filled, "mcp"], env={"HOME": str(tmp_path)}
    )

    async def run() -> tuple[Any, Any]:
        async with Client(stdio_client(command)) as client:
            found = await client.call_tool("skill_stats", {})
            told = await client.call_tool("record_outcome", {"event_id": "e2", "skill": "x", "outcome": "completed"})
            return found.structured_content, told.structured_content

    found, told = asyncio.run(run())
    assert [row["skill"] for row in found["skills"]] == ["pytest-run"]
    assert told["receipt"] == "stored"
    with open_store(filled) as store:
        assert store.query("SELECT count(*) FROM skill_invocation").rows == [(2,)]


@pytest.mark.long
def test_nothing_but_the_protocol_is_written_whatever_is_read(filled: str, tmp_path: Path) -> None:
    """Broken lines are answered, and what the process prints and warns goes elsewhere."""
    noisy = (
        "import sys, warnings; print('hello'); warnings.warn('careful');"
        "from session_buddy.cli import main; import session_buddy.server.mcp.tools as t;"
        "old = t.call; t.call = lambda *a, **k: (print('in a tool'), old(*a, **k))[1];"
        "import session_buddy.server.mcp.protocol as p; p.call = t.call;"
        f"main(['--store', {filled!r}, 'mcp'])"
    )
    start = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": start}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        "{", "[]", "null", '"x"', '{"jsonrpc": "2.0"}', "[" * 50_000, '{"jsonrpc": "2.0", "id": 5, "method": 7}',
        '{"jsonrpc": "2.0", "id": 6, "method": "tools/call", "params": {"name": "\\ud800"}}',
        '{"jsonrpc": "2.0", "id": "\\ud800"}', '{"jsonrpc": "2.0", "id": 2, "method": "nothing/known"}',
        json.dumps({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": 5}}),
        json.dumps({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "skill_stats"}}),
    ]  # fmt: skip
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        [sys.executable, "-c", noisy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment, text=True,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.flush()
        answers: dict[Any, Any] = {}
        unknown = 0
        printed_first = process.stdout.readline()
        while 4 not in answers:
            answer = json.loads(process.stdout.readline())
            assert answer["jsonrpc"] == "2.0"
            answers[answer.get("id")] = answer
            unknown += answer.get("id") is None
        process.stdin.close()
        rest = process.stdout.read()
        error = process.stderr.read() if process.stderr else ""
    assert printed_first == "hello\n"  # before the server had begun
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
    assert "in a tool" in error
    assert answers[2]["error"]["code"] == -32601
    assert "error" in answers[3]
    assert unknown == 7, "each is answered, though by no id"
    assert "no message" in answers[5]["error"]["message"] and "no message" in answers[6]["error"]["message"]
    assert answers[4]["result"]["structuredContent"]["skills"]


@pytest.mark.long
def test_over_http_by_the_server_that_runs(filled: str, tmp_path: Path) -> None:
    from mcp.client.streamable_http import streamable_http_client

    with server_process(tmp_path, store=filled) as server:
        address = f"{server.address}/mcp"

        async def run() -> tuple[Any, Any]:
            async with Client(streamable_http_client(address)) as client:
                found = await client.call_tool("skill_stats", {"skill": "pytest-run"})
                told = await client.call_tool("record_outcome", {"event_id": "e2", "skill": "x", "outcome": "failed"})
                return found.structured_content, told.structured_content

        found, told = asyncio.run(run())
        assert (found["invocations"], told["receipt"]) == (1, "stored")
        one = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        foreign = httpx.post(address, json=one, headers=JSON | {"origin": "http://evil.example"})
        assert foreign.status_code == 403
        rebound = httpx.post(address, json=one, headers=JSON | {"host": "evil.example"})
        assert rebound.status_code in (403, 421)
        for content in (b"{", b"[]", b"\xff", b" " * (2 << 20)):
            assert 400 <= httpx.post(address, content=content, headers=JSON).status_code < 500
        assert httpx.get(f"{server.address}/healthz").status_code == 200
