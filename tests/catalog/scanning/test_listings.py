"""Files that hold several entries: names of servers, tools, shell rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session_buddy.catalog.scanning.faults import Fault, FaultKind
from session_buddy.catalog.scanning.listings import Entry, read_listing, read_rule_file, server_name
from session_buddy.catalog.scanning.tokens import estimated_tokens

SECRET = "sk-secret-4711"
SERVER = {"command": "npx", "args": ["--token", SECRET], "env": {"KEY": SECRET}}


def entries(document: Any, stem: str = "web", plugin: str | None = None) -> list[Entry]:
    found = read_listing(json.dumps(document).encode(), stem, plugin)
    assert isinstance(found, list), found
    return found


TOOLS = [
    {"name": "fetch", "description": " Fetches a page. ", "inputSchema": {"type": "object"}},
    {"name": "find"},
]


class TestServers:
    def test_are_named_as_their_tools_begin(self) -> None:
        found = entries({"mcpServers": {"git hub": SERVER, "docs": {"type": "http", "url": "https://example.org"}}})
        assert [(one.key, one.skill_name) for one in found] == [
            ("git hub", "mcp__git_hub"),
            ("docs", "mcp__docs"),
        ]

    def test_nothing_but_the_name_is_taken(self) -> None:
        one, other = entries({"mcpServers": {"a": SERVER}}), entries({"mcpServers": {"a": {"url": "x"}}})
        # Not even by its digest does a secret get out.
        assert one == other
        assert SECRET not in repr(one) and "npx" not in repr(one)

    def test_the_users_own_file_has_those_of_every_project(self) -> None:
        found = entries(
            {
                "mcpServers": {"everywhere": SERVER},
                "projects": {"/x/shop": {"mcpServers": {"here": SERVER}, "history": [SECRET]}, "/x/none": {}},
                "oauth": SECRET,
            }
        )
        assert [one.key for one in found] == ["user/everywhere", "/x/shop/here"]
        assert SECRET not in repr(found)

    def test_those_of_a_plugin_are_called_after_it(self) -> None:
        assert [one.skill_name for one in entries({"db": SERVER}, plugin="acme")] == ["mcp__plugin_acme_db"]
        assert server_name("db", "acme") == "mcp__plugin_acme_db"

    def test_a_manifest_that_names_another_file_has_none(self) -> None:
        assert entries({"name": "acme", "version": "1", "mcpServers": "./servers.json"}) == []
        assert entries({"name": "acme", "author": {"name": "x"}}) == []
        assert entries({"name": "acme", "mcpServers": ["./a.json"]}) == entries({"mcpServers": None}) == []


class TestTools:
    @pytest.mark.parametrize("document", [{"tools": TOOLS}, {"jsonrpc": "2.0", "id": 1, "result": {"tools": TOOLS}}])
    def test_are_those_of_the_server_that_the_file_is_called_after(self, document: Any) -> None:
        fetch, find = entries(document)
        assert (fetch.skill_name, fetch.description) == ("mcp__web__fetch", "Fetches a page.")
        assert (find.skill_name, find.description) == ("mcp__web__find", None)
        assert 0 < find.listing_tokens < fetch.listing_tokens

    def test_a_session_pays_for_the_schema_as_well(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "string", "description": "word " * 100}}}
        plain, long = entries({"tools": [{"name": "a"}]}), entries({"tools": [{"name": "a", "inputSchema": schema}]})
        more = estimated_tokens(json.dumps(schema))
        assert long[0].listing_tokens - plain[0].listing_tokens == pytest.approx(more, abs=2)

    def test_a_change_of_the_schema_is_a_change(self) -> None:
        one, other = (entries({"tools": [{"name": "a", "inputSchema": {"x": n}}]})[0].content_hash for n in (1, 2))
        assert one != other

    def test_none_at_all_is_no_error(self) -> None:
        assert entries({"tools": []}) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1]",
        b"\xff",
        b'{"tools": [{"description": "nameless"}]}',
        b'{"tools": 3}',
        b'{"mcpServers": [1]}',
        b'{"mcpServers": 1}',
    ],
)
def test_what_is_no_listing_is_told(data: bytes) -> None:
    found = read_listing(data, "web")
    assert isinstance(found, Fault) and found.kind is FaultKind.BAD_JSON


def test_rules_of_a_shell_are_skills() -> None:
    rule = '[[rule]]\nskill = "deploy-web"\ncommand = "fly deploy"\ncategory = "Deployment"\nmodality = "deployment"\n'
    found = read_rule_file(rule + 'description = "Puts the pages on line."\n', "rules.toml")
    assert isinstance(found, list)
    assert [(one.key, one.skill_name, one.description) for one in found] == [
        ("deploy-web", "deploy-web", "Puts the pages on line.")
    ]
    assert found[0].listing_tokens == 0
    for wrong in ("[[rule]", rule):
        told = read_rule_file(wrong, "rules.toml")
        assert isinstance(told, Fault) and told.kind is FaultKind.BAD_RULES and "rules.toml" in told.reason
