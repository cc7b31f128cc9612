"""Files that hold several entries: servers of a configuration, tools of a server, rules for shell commands. Pure.

Of a server's configuration its name is read, and nothing else: commands, arguments and environments hold secrets.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import msgspec

from session_buddy.catalog.scanning.faults import Fault, FaultKind
from session_buddy.catalog.scanning.tokens import estimated_tokens
from session_buddy.errors import InvalidInput
from session_buddy.importers.shell.rules import read_rules

__all__ = ["Entry", "read_listing", "read_rule_file", "server_name"]

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One skill of such a file."""

    key: str
    """Which entry it is; unique in the file."""
    skill_name: str
    content_hash: str
    listing_tokens: int = 0
    description: str | None = None


class _Tool(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    description: str | None = None
    input_schema: msgspec.Raw = msgspec.Raw()


class _Result(msgspec.Struct, frozen=True):
    tools: list[_Tool] | None = None


class _Project(msgspec.Struct, frozen=True, rename="camel"):
    mcp_servers: msgspec.Raw = msgspec.Raw()


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    mcp_servers: msgspec.Raw = msgspec.Raw()
    """By name; a plugin's manifest may give the path of another file instead."""
    projects: dict[str, _Project] | None = None
    tools: list[_Tool] | None = None
    result: _Result | None = None


class _Transport(msgspec.Struct, frozen=True):
    command: msgspec.Raw = msgspec.Raw()
    url: msgspec.Raw = msgspec.Raw()

    @property
    def is_one(self) -> bool:
        return bool(bytes(self.command) or bytes(self.url))


def read_listing(data: bytes, stem: str, plugin: str | None = None) -> list[Entry] | Fault:
    """Return the servers that a configuration names, or the tools that an answer to ``tools/list`` lists.

    *stem* is the name of the file without its ending: that of the server, where tools are listed. Servers of a
    *plugin* are called as Claude Code calls them.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Fault(FaultKind.BAD_JSON, f"{error}.")
    tools = document.tools or (document.result.tools if document.result else None)
    if tools is not None:
        return list(_tools(tools, stem))
    if not bytes(document.mcp_servers) and document.projects is None:
        return [_server(name, name, plugin) for name in _bare_servers(data)]
    if not _names_servers(document.mcp_servers):
        return Fault(
            FaultKind.BAD_JSON, "mcpServers holds no servers. Give each a name, and its settings as an object."
        )
    # The user's own file holds the servers of every project besides.
    above = "" if document.projects is None else "user/"
    entries = [_server(f"{above}{name}", name, plugin) for name in _names(document.mcp_servers)]
    for path, project in (document.projects or {}).items():
        entries += [_server(f"{path}/{name}", name, plugin) for name in _names(project.mcp_servers)]
    return entries


def server_name(name: str, plugin: str | None = None) -> str:
    """Return how a server is named in transcripts: its tools are called this, ``__`` and their name.

    >>> server_name("my server"), server_name("db", "acme")
    ('mcp__my_server', 'mcp__plugin_acme_db')
    """
    whole = f"plugin_{plugin}_{name}" if plugin else name
    return f"mcp__{_NOT_IN_NAMES.sub('_', whole)}"


def read_rule_file(text: str, origin: str) -> list[Entry] | Fault:
    """Return the skills that a file of rules names."""
    try:
        rules = read_rules(text, origin).rules
    except InvalidInput as error:
        return Fault(FaultKind.BAD_RULES, error.problem)
    return [
        Entry(
            key=rule.skill,
            skill_name=rule.skill,
            content_hash=hashlib.sha256(msgspec.json.encode(rule, order="deterministic")).hexdigest(),
            description=rule.description.strip() or None,
        )
        for rule in rules
    ]


def _names_servers(servers: msgspec.Raw) -> bool:
    """Return whether *servers* is what a configuration may have there: a manifest may name other files instead."""
    try:
        msgspec.json.decode(bytes(servers) or b"null", type=dict[str, msgspec.Raw] | list[str] | str | None)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _names(servers: msgspec.Raw) -> list[str]:
    try:
        return list(msgspec.json.decode(servers, type=dict[str, msgspec.Raw])) if bytes(servers) else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def _bare_servers(data: bytes) -> list[str]:
    """Return the servers of a plugin's ``.mcp.json`` that leaves the outer ``mcpServers`` out."""
    try:
        found = msgspec.json.decode(data, type=dict[str, _Transport])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [name for name, transport in found.items() if transport.is_one]


def _server(key: str, name: str, plugin: str | None) -> Entry:
    called = server_name(name, plugin)
    return Entry(key=key, skill_name=called, content_hash=hashlib.sha256(called.encode()).hexdigest())


def _tools(tools: list[_Tool], stem: str) -> Iterator[Entry]:
    server = server_name(stem)
    for tool in {tool.name: tool for tool in tools}.values():
        if not tool.name.strip():
            continue
        name = f"{server}__{tool.name}"
        schema = bytes(tool.input_schema).decode("utf-8", "replace")
        told = f"{name}\n{tool.description or ''}\n{schema}"
        yield Entry(
            key=tool.name,
            skill_name=name,
            content_hash=hashlib.sha256(told.encode()).hexdigest(),
            listing_tokens=estimated_tokens(told),
            description=(tool.description or "").strip() or None,
        )
