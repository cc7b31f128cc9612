"""Hooks of coding agents: what an agent tells of each call while it works, one JSON object an event."""

from session_buddy.importers.hooks.events import HookEvent, decode_event
from session_buddy.importers.hooks.sessions import SOURCE, Sessions, hook_version

__all__ = ["SOURCE", "HookEvent", "Sessions", "decode_event", "hook_version"]
