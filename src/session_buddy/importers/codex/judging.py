"""What a call uses, and how it ended. Pure."""

from __future__ import annotations

from session_buddy.importers.calls.ledger import Call
from session_buddy.importers.calls.verdicts import ABANDONED, COMPLETED, Verdict
from session_buddy.importers.codex.lines import Payload, fields_of
from session_buddy.importers.codex.outputs import Ended
from session_buddy.model import ErrorType, Kind, Outcome

__all__ = ["milliseconds", "named", "named_by_end", "tool_of", "verdict_by_end", "verdict_on"]

_SPAWN = "spawn_agent"


def named(tool: str, namespace: str | None, given: dict[str, object]) -> tuple[str, Kind]:
    """Return what a call of *tool* uses."""
    if namespace is not None and namespace.startswith("mcp__"):
        return f"{namespace}__{tool.lstrip('_')}", Kind.MCP
    if tool.startswith("mcp__"):
        return tool, Kind.MCP
    if tool == _SPAWN:
        role = given.get("agent_type")
        return f"agent:{role if isinstance(role, str) and role.strip() else 'default'}", Kind.SUBAGENT
    return tool, Kind.TOOL


def named_by_end(payload: Payload) -> tuple[str, Kind]:
    """Return what a call used of which only an event tells, when it has ended."""
    if payload.type == "mcp_tool_call_end":
        told = fields_of(payload.invocation)
        return f"mcp__{told.get('server')}__{str(told.get('tool')).replace('.', '__')}", Kind.MCP
    return ("apply_patch" if payload.type == "patch_apply_end" else "exec_command"), Kind.TOOL


def verdict_by_end(payload: Payload) -> Verdict:
    """Return how such a call ended."""
    if payload.type == "exec_command_end":
        failed = payload.exit_code != 0 if isinstance(payload.exit_code, int) else None
        sort = ErrorType.EXIT_CODE
    elif payload.type == "mcp_tool_call_end":
        told = fields_of(payload.result)
        content = told.get("Ok")
        failed, sort = "Err" in told or (isinstance(content, dict) and content.get("isError") is True), ErrorType.OTHER
    else:
        failed, sort = (payload.success is False if isinstance(payload.success, bool) else None), ErrorType.VALIDATION
    if failed is None:
        return Verdict(None)
    return Verdict(Outcome.FAILED, sort) if failed else COMPLETED


def verdict_on(call: Call, ended: Ended) -> Verdict:
    """Return the verdict on a *call* whose command, if it had one, no rule knows."""
    if ended.refused:
        return ABANDONED
    if ended.timed_out:
        return Verdict(Outcome.FAILED, ErrorType.TIMEOUT)
    if ended.exit_code is not None:
        return COMPLETED if ended.exit_code == 0 else Verdict(Outcome.FAILED, ErrorType.EXIT_CODE)
    if ended.broken:
        return Verdict(Outcome.FAILED, ErrorType.OTHER)
    # Of a launch, and of a script, nothing is known but that it came back.
    is_open = call.kind is Kind.SUBAGENT or (call.command is not None)
    return Verdict(None) if is_open else COMPLETED


def tool_of(payload: Payload) -> str | None:
    """Return the tool of a call that names none, where its kind tells."""
    return {"local_shell_call": "local_shell", "tool_search_call": "tool_search"}.get(payload.type)


def milliseconds(duration: object) -> int | None:
    """Return ``{"secs": 1, "nanos": 175151958}`` in milliseconds."""
    if not isinstance(duration, dict):
        return None
    seconds, nanos = duration.get("secs"), duration.get("nanos")
    if not (isinstance(seconds, int) and isinstance(nanos, int)) or not 0 <= seconds < 1e9:
        return None
    return seconds * 1000 + nanos // 1_000_000
