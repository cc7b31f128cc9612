"""The importers there are, in the order in which they are asked."""

from __future__ import annotations

from session_buddy.importers.base import Importer
from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.codex import Codex
from session_buddy.importers.copilot import Copilot
from session_buddy.importers.gemini import Gemini
from session_buddy.importers.opencode import OpenCode
from session_buddy.importers.openhands import OpenHands
from session_buddy.importers.shell import ShellRules
from session_buddy.importers.skills_db import SkillsDatabase
from session_buddy.importers.swe_agent import SweAgent

__all__ = ["every_importer"]


def every_importer(rules: ShellRules | None = None) -> list[Importer]:
    """Return one for each agent; those that name shell calls do so by *rules* (the built-in ones by default)."""
    ruled: list[Importer] = [
        agent(rules) for agent in (ClaudeCode, Codex, Gemini, Copilot, OpenCode, OpenHands, SweAgent)
    ]
    return [*ruled, SkillsDatabase()]
