"""The values that scanning passes on: places to look at, and what was found there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from session_buddy.model import Kind

__all__ = ["BUILT_IN", "WHOLE", "KeptSource", "Look", "Origin", "Place", "Source", "is_whole", "kind_of", "look_of"]

BUILT_IN = "built-in rules"
"""What stands for the path of the shell rules that come with the program."""
WHOLE = "#"
"""What stands behind the path of a file that holds several entries, and cannot be read at all."""


class Origin(StrEnum):
    """How a skill came to where it is."""

    USER = "user"
    """In the user's own folder: in force in every project."""
    MANAGED = "managed"
    """Of the organisation: in force for everybody on the machine."""
    PROJECT = "project"
    """In a project: in force there."""
    PLUGIN = "plugin"
    """Of a plugin that is installed."""
    MARKETPLACE = "marketplace"
    """Of a plugin that could be installed, or is switched off: in force nowhere."""
    FOLDER = "folder"
    """Below a path that somebody named; who uses it is not known."""
    MCP = "mcp"
    """A server, or a tool of one."""
    SHELL = "shell"
    """A rule for commands of a shell."""


class Look(StrEnum):
    """What is looked for in a place."""

    SKILLS = "skills"
    """A folder of folders that hold a ``SKILL.md``, or such a file."""
    COMMANDS = "commands"
    """A folder with Markdown files, one a command, at any depth, or such a file."""
    AGENTS = "agents"
    """The same of subagents."""
    TREE = "tree"
    """A folder with all of that anywhere in it."""
    LISTING = "listing"
    """A JSON file with the servers of a configuration, or with the tools of one server."""
    RULES = "rules"
    """A file of rules for shell commands."""


class Place(msgspec.Struct, frozen=True):
    """Somewhere to look."""

    path: str
    look: Look
    origin: Origin
    plugin: str | None = None
    version: str | None = None
    called: str | None = None
    """What is kept in place of the path: where that differs from machine to machine, and means the same."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One place where one skill is written down; a row of ``skill_sources``."""

    path: str
    """Of the file; behind ``#`` which entry of it, where it has several."""
    skill_name: str
    """As transcripts name it."""
    origin: Origin
    plugin: str | None = None
    version: str | None = None
    content_hash: str
    """SHA-256 of the file, or of the entry."""
    listing_tokens: int = 0
    """About what every session pays for the skill to be on offer."""
    body_tokens: int = 0
    """About what each use pays besides."""
    problem: str | None = None
    """What is wrong with it, as :func:`~session_buddy.catalog.scanning.faults.told` tells it."""
    size: int
    modified_ns: int
    description: str | None = None
    """Not kept with the source."""


class KeptSource(Source, frozen=True, kw_only=True):
    """A source as the store keeps it."""

    machine: str
    """Where it lies: two machines may well have the same paths."""
    changed_at: str
    """When its content was last seen to change; at first, when its file was last written."""
    seen_at: str
    """Since when it is known."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from others: its machine, and its path there."""
        return (self.machine, self.path)


def is_whole(path: str) -> bool:
    """Return whether *path* stands for a file that holds entries and could not be read, not for a skill."""
    return path.endswith(WHOLE)


def look_of(parts: Sequence[str]) -> Look:
    """Return what a Markdown file is whose path has these *parts*, by its name and the folder it lies in.

    >>> look_of(("agents", "shop", "reviewer.md")).value, look_of(("review", "SKILL.md")).value
    ('agents', 'skills')
    """
    if parts[-1] == "SKILL.md":
        return Look.SKILLS
    named = [part for part in parts[:-1] if part in (Look.AGENTS, Look.COMMANDS)]
    return Look(named[-1]) if named else Look.COMMANDS


def kind_of(source: Source) -> Kind:
    """Return the kind that uses of *source* have; a command that somebody wrote is a skill, as in transcripts."""
    if source.origin is Origin.MCP:
        return Kind.MCP
    if source.origin is Origin.SHELL:
        return Kind.SHELL
    return Kind.SUBAGENT if source.skill_name.startswith("agent:") else Kind.SKILL
