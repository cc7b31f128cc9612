"""Hooks and a status line in the settings of Claude Code, and how they are taken out again."""

from session_buddy.integrations.claude_code.entries import Route, Telling
from session_buddy.integrations.claude_code.installing import Installation, Installed

__all__ = ["Installation", "Installed", "Route", "Telling"]
