"""Which agent wrote a file: by its name, and where that is not enough by how it begins. Pure.

One function decides for all importers, so that a file is read by one of them and by no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath

__all__ = ["HEAD_BYTES", "owner_of"]

HEAD_BYTES = 4096
"""So much of the beginning of a file tells."""

CLAUDE_CODE, CODEX, GEMINI, COPILOT = "claude_code", "codex", "gemini", "copilot"
OPENCODE, OPENHANDS, SWE_AGENT, SESSION_BUDDY = "opencode", "openhands", "swe_agent", "session_buddy"

_GEMINI_HEAD = re.compile(rb'\s*\{(?=.*"sessionId"\s*:)(?=.*"projectHash"\s*:)', re.DOTALL)
_COPILOT_HEAD = re.compile(rb'\s*\{(?=[^\n]*"type"\s*:\s*"session\.(?:start|resume)")[^\n]*"data"\s*:\s*\{')
_CODEX_HEAD = re.compile(rb'\s*\{[^\n]{0,200}"type"\s*:\s*"session_meta"\s*,\s*"payload"')
_TOOL_PART = re.compile(rb'"type"\s*:\s*"tool"')
_PART_OF_SESSION = re.compile(rb'"sessionID"\s*:\s*"')
_EVENT = re.compile(
    rb'\s*\[?\s*\{(?=.*"timestamp"\s*:)(?=.*"source"\s*:\s*"(?:agent|user|environment)")'
    rb'(?=.*"(?:action|observation|kind|cause|message)"\s*:)',
    re.DOTALL,
)
_WRAPPED_EVENTS = re.compile(rb'\s*\{\s*"(?:trajectory|history)"\s*:\s*\[')
_STEPS = re.compile(rb'\s*\{\s*"(?:environment|trajectory|history|info|replay_config)"\s*:')
_OPENCODE_DB = re.compile(r"opencode(?:-[A-Za-z0-9._-]+)?\.db")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CHAT = re.compile(r"session-.*\.jsonl?", re.DOTALL)
_EVENT_FILE = re.compile(r"(?:\d+|event-\d{5,}-[0-9a-fA-F-]{8,})\.json")


def owner_of(path: PurePath, head: Callable[[], bytes]) -> str | None:
    """Return the source whose importer reads the file called *path*, ``None`` where none does.

    *head* returns the first :data:`HEAD_BYTES` of it; it is called only where the name is not enough. A file of JSON
    lines that looks like nobody else's is taken for a transcript of Claude Code.
    """
    decide = _BY_SUFFIX.get(path.suffix)
    return decide(path, head) if decide is not None else None


def _of_lines(path: PurePath, head: Callable[[], bytes]) -> str:
    if path.name.startswith("rollout-"):
        return CODEX
    if path.name.startswith("agent-") or (path.parent.parent.name == "projects" and _UUID.fullmatch(path.stem)):
        return CLAUDE_CODE
    if path.parent.name == "chats" and _CHAT.fullmatch(path.name):
        return GEMINI
    if path.name == "events.jsonl" and "session-state" in path.parts:
        return COPILOT
    begins = head()
    for pattern, source in ((_GEMINI_HEAD, GEMINI), (_COPILOT_HEAD, COPILOT), (_CODEX_HEAD, CODEX)):
        # The first line tells; a later one may quote anything.
        if pattern.match(begins.split(b"\n", 1)[0]):
            return source
    return CLAUDE_CODE


def _of_documents(path: PurePath, head: Callable[[], bytes]) -> str | None:
    if path.parent.name == "chats" and _CHAT.fullmatch(path.name):
        return GEMINI
    begins = head()
    if path.name.startswith("prt_"):
        return OPENCODE if _TOOL_PART.search(begins) and _PART_OF_SESSION.search(begins) else None
    if path.parent.name == "events" and _EVENT_FILE.fullmatch(path.name):
        return OPENHANDS if _EVENT.match(begins) else None
    if _GEMINI_HEAD.match(begins):
        return GEMINI
    if _EVENT.match(begins) and begins.lstrip().startswith(b"["):
        return OPENHANDS
    if _WRAPPED_EVENTS.match(begins) and _EVENT.search(begins):
        return OPENHANDS
    return None


def _of_trajectories(path: PurePath, head: Callable[[], bytes]) -> str | None:
    # Programs of physics call their files so, too; those are no JSON.
    return SWE_AGENT if _STEPS.match(head()) else None


def _of_databases(path: PurePath, head: Callable[[], bytes]) -> str | None:
    if _OPENCODE_DB.fullmatch(path.name):
        return OPENCODE
    return SESSION_BUDDY if path.name == "skills.db" else None


_BY_SUFFIX: dict[str, Callable[[PurePath, Callable[[], bytes]], str | None]] = {
    ".jsonl": _of_lines,
    ".json": _of_documents,
    ".traj": _of_trajectories,
    ".db": _of_databases,
}
