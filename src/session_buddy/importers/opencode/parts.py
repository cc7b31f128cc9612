"""A part of a message of OpenCode that is a call of a tool; the same in files and in its database. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.calls.dialogue import End, Use
from session_buddy.importers.calls.failures import failed
from session_buddy.importers.calls.moments import from_epoch_ms
from session_buddy.importers.calls.using import (
    agent_use,
    file_use,
    mcp_use,
    shell_use,
    skill_use,
    tool_use,
    words_of,
)
from session_buddy.importers.calls.verdicts import ABANDONED, COMPLETED, Verdict
from session_buddy.importers.traits import INTERRUPTED, PERMISSION_ASKED, REJECTED
from session_buddy.model import ErrorType, Outcome

__all__ = ["Part", "Told", "told_by"]

_BUILT_IN = frozenset(
    {"bash", "read", "write", "edit", "multiedit", "patch", "apply_patch", "glob", "grep", "list", "ls", "webfetch"}
    | {"websearch", "codesearch", "todowrite", "todoread", "task", "skill", "lsp", "batch", "question", "invalid"}
    | {"plan_enter", "plan_exit", "lsp_hover", "lsp_diagnostics"}
)
_FILES = {"read": False, "write": True, "edit": True, "multiedit": True}
_UNIQUE = re.compile(r"(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{16,200}")
"""Ids of providers that count calls (``functions.bash:0``) are none."""
_TIMED_OUT = re.compile(
    r"\(Command timed out after \d+ ?ms\)|exceeding timeout \d+ ?ms|terminated command after exceeding"
)
_ABORTED = re.compile(r"\(Command was aborted\)|User aborted the command")
_TAIL = 600
_REJECTED = re.compile(r"The user (?:rejected permission|dismissed)|user has specified a rule which prevents")
_WAS_ABORTED = re.compile(r"Tool execution aborted|\baborted\b", re.IGNORECASE)


class Part(msgspec.Struct, gc=False):
    """A part of type ``tool``, as far as it is used."""

    id: Any = None
    sessionID: Any = None
    type: Any = None
    callID: Any = None
    tool: Any = None
    state: Any = None


class Told(msgspec.Struct, frozen=True):
    """What a part tells of one call."""

    event_id: str
    use: Use
    at: str
    end: End | None
    """None while it runs."""
    ended_at: str


def told_by(part: Part, *, part_id: str | None) -> Told | None:
    """Return what *part*, whose own id is *part_id*, tells; ``None`` for one that has not begun yet.

    Raises :class:`InvalidInput` for a part that makes no sense.
    """
    state: dict[str, Any] = part.state if isinstance(part.state, dict) else {}
    event_id = _event_id(part, part_id)
    if event_id is None:
        raise InvalidInput("document", "A call has no id.", remedy="It is left out.")
    use = _use_of(part.tool, state)
    if use is None:
        raise InvalidInput("document", f"The call {event_id} names no tool.", remedy="It is left out.")
    time = state.get("time")
    if not isinstance(time, dict) or "start" not in time:
        if state.get("status") in ("pending", "running"):
            return None
        raise InvalidInput("document", f"The call {event_id} has no time.", remedy="It is left out.")
    at = from_epoch_ms(time["start"])
    end = _end_of(state, is_shell=use.command is not None, duration_ms=_lasted(time))
    return Told(event_id, use, at, end, from_epoch_ms(time["end"]) if end is not None and "end" in time else at)


def _event_id(part: Part, part_id: str | None) -> str | None:
    """Return the model's id of the call, which copies of a session share; else that of the part."""
    called = words_of(part.callID)
    return called if called is not None and _UNIQUE.fullmatch(called) else part_id


def _use_of(called: Any, state: dict[str, Any]) -> Use | None:
    tool, given = words_of(called), state.get("input")
    given = given if isinstance(given, dict) else {}
    if tool == "bash":
        return shell_use(tool, given.get("command"))
    if tool == "skill":
        return skill_use(given.get("name"), tool)
    if tool == "task":
        return agent_use(given.get("subagent_type"))
    if tool in _FILES:
        return file_use(tool, given.get("filePath"), writes=_FILES[tool])
    use = tool_use(tool)
    if use is not None and tool is not None and tool not in _BUILT_IN and "_" in tool.strip("_"):
        server, _, name = tool.partition("_")
        return mcp_use(server, name) if server and name else use
    return use


def _lasted(time: dict[str, Any]) -> int | None:
    start, end = time.get("start"), time.get("end")
    if isinstance(start, int | float) and isinstance(end, int | float) and start <= end < start + 1e12:
        return round(end - start)
    return None


def _end_of(state: dict[str, Any], *, is_shell: bool, duration_ms: int | None) -> End | None:
    if state.get("status") == "error":
        said = state.get("error")
        text = said if isinstance(said, str) else ""
        if _REJECTED.search(text):
            return End(ABANDONED, traits=(PERMISSION_ASKED, REJECTED) if "specified a rule" not in text else ())
        return (
            End(ABANDONED, traits=(INTERRUPTED,))
            if _WAS_ABORTED.search(text)
            else End(failed(text), duration_ms=duration_ms)
        )
    if state.get("status") != "completed":
        return None
    if not is_shell:
        return End(COMPLETED, duration_ms=duration_ms)
    told = state.get("metadata")
    code = told.get("exit") if isinstance(told, dict) else None
    said = state.get("output")
    output = said if isinstance(said, str) else ""
    if _TIMED_OUT.search(output[-_TAIL:]):
        return End(Verdict(Outcome.FAILED, ErrorType.TIMEOUT), duration_ms=duration_ms)
    if _ABORTED.search(output[-_TAIL:]):
        return End(ABANDONED, traits=(INTERRUPTED,))
    if not isinstance(code, int) or isinstance(code, bool):
        return End(Verdict(None), duration_ms=duration_ms)
    verdict = COMPLETED if code == 0 else Verdict(Outcome.FAILED, ErrorType.EXIT_CODE)
    return End(verdict, succeeded=code == 0, output=output, duration_ms=duration_ms)
