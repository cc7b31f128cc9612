"""How a call ended, read from its result or from the notice that follows background work.

*abandoned* is everything that kept the skill from running to its end without the skill
being at fault: the user said no or interrupted, a sibling's failure cancelled it, or a
permission rule or the auto mode refused it before it started. *failed* is what the skill
itself reports; its sort is found by the first rule below that fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from session_buddy.importers.calls.verdicts import ABANDONED, COMPLETED, Verdict
from session_buddy.importers.claude_code.lines import ToolResult
from session_buddy.importers.claude_code.naming import SHELLS
from session_buddy.importers.traits import INTERRUPTED, PERMISSION_ASKED, REJECTED
from session_buddy.model import ErrorType, Outcome

__all__ = ["Notice", "judge_error", "judge_task", "notices", "reported_duration", "why_it_never_ran"]


_TIMEOUT = Verdict(Outcome.FAILED, ErrorType.TIMEOUT)
_EXIT_CODE = Verdict(Outcome.FAILED, ErrorType.EXIT_CODE)
_VALIDATION = Verdict(Outcome.FAILED, ErrorType.VALIDATION)
_NOT_FOUND = Verdict(Outcome.FAILED, ErrorType.NOT_FOUND)
_API = Verdict(Outcome.FAILED, ErrorType.API)
_OTHER = Verdict(Outcome.FAILED, ErrorType.OTHER)

_NEVER_RAN = re.compile(
    r"""The\ user\ doesn't\ want\ to | \[Request\ interrupted\ by\ user
    | (?:<tool_use_error>)? (?:Sibling\ tool\ call\ errored | Cancelled:\ parallel\ tool\ call)
    | This\ command\ requires\ approval | This\ Bash\ command\ contains\ multiple\ operations
    | Claude\ requested\ permissions | Permission\ (?:to\ use | for\ this\ action)
    | Tool\ permission\ request\ failed | Execute\ skill:
    | Glob\ patterns\ are\ not\ allowed\ in\ write\ operations
    | [^\n]{0,300} (?:auto\ mode\ cannot\ determine\ the\ safety | was\ blocked\.\ For\ security
                      | denied\ by\ your\ permission\ settings)""",
    re.VERBOSE,
)
"""Anchored at the start: what a command printed must not be taken for what the agent says."""

_WHY: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"The user doesn't want to "), (PERMISSION_ASKED, REJECTED)),
    (re.compile(r"(?:Exit code \d+\s+)?\[Request interrupted by user"), (INTERRUPTED,)),
    (
        re.compile(
            r"This command requires approval|This Bash command contains multiple operations"
            r"|Claude requested permissions|Tool permission request failed|Execute skill:"
        ),
        (PERMISSION_ASKED,),
    ),
)
_USER_SAID_NO = "user-rejected"

_SHELL_RULES: tuple[tuple[re.Pattern[str], Verdict], ...] = (
    # 124 is what timeout(1) returns, 143 a terminated process: a timeout only if the text says so.
    (re.compile(r"Exit code \d+\s+\[Request interrupted by user"), ABANDONED),
    (re.compile(r"(?:Exit code \d+\s+)?Command timed out"), _TIMEOUT),
    (re.compile(r"Exit code \d"), _EXIT_CODE),
    (re.compile(r"<tool_use_error>(?:Error: )?No such tool"), _NOT_FOUND),
    (re.compile(r"<tool_use_error>"), _VALIDATION),
    (re.compile(r"Command failed: |E(?!RROR)[A-Z]{3,}: "), _OTHER),  # the shell itself could not be started
)
"""For shells; anything else is what a failed command printed (1.x and 2.0 gave no exit code)."""

_TOOL_RULES: tuple[tuple[re.Pattern[str], Verdict], ...] = (
    (re.compile(r"InputValidationError|Input validation error|MCP error -3260[012]"), _VALIDATION),
    (
        re.compile(
            r"(?:<tool_use_error>)?(?:Unknown skill|File does not exist|Path does not exist|Directory does not exist"
            r"|(?:Error: )?No such tool|ENOENT|Agent type '[^']*' not found|No task found|Task not found)"
        ),
        _NOT_FOUND,
    ),
    (re.compile(r"<tool_use_error>|String to replace not found|File has been (?:unexpectedly )?modified"), _VALIDATION),
    (re.compile(r"File content \(|Search failed .* rejected the pattern|EISDIR"), _VALIDATION),
    (re.compile(r"(?i)timed? ?out"), _TIMEOUT),
    (
        re.compile(
            r"API Error|status code \d{3}|ECONN[A-Z]+|ENOTFOUND|EAI_AGAIN|(?i:fetch failed|network error|socket hang up"
            r"|rate.limit|overloaded|invalid api key|hit your .{0,20}limit)"
        ),
        _API,
    ),
)


def judge_error(tool: str, text: str) -> Verdict:
    r"""Return the verdict on a result of *tool* that is an error and reads *text*.

    >>> judge_error("Bash", "Exit code 1\nFAILED tests/test_x.py").error_type.value
    'exit_code'
    """
    head = text[:2000].lstrip()
    if _NEVER_RAN.match(head):
        return ABANDONED
    if tool in SHELLS:
        return next((verdict for pattern, verdict in _SHELL_RULES if pattern.match(head)), _EXIT_CODE)
    return next((verdict for pattern, verdict in _TOOL_RULES if pattern.search(head)), _OTHER)


def why_it_never_ran(text: str, *, denial: str | None, interrupted: bool) -> tuple[str, ...]:
    """Return as traits what the result of an abandoned call, which reads *text*, tells of the user's part in it.

    *denial* is the agent's own word for who refused it, if it has one. What a rule, a mode or the failure of another
    call refused, no user did.
    """
    if denial == _USER_SAID_NO:
        return (PERMISSION_ASKED, REJECTED)
    if interrupted:
        return (INTERRUPTED,)
    head = text[:2000].lstrip()
    return next((traits for pattern, traits in _WHY if pattern.match(head)), ())


def reported_duration(result: ToolResult) -> int | None:
    """Return the duration in milliseconds that the tool itself reports, if it does."""
    for value, unit in ((result.totalDurationMs, 1), (result.durationMs, 1), (result.durationSeconds, 1000)):
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
            return round(value * unit)
    return None


class Notice(msgspec.Struct, frozen=True):
    """Background work has come to its end."""

    task_id: str
    call_id: str | None
    verdict: Verdict
    duration_ms: int | None


_TASK_ID = re.compile(r"<task-id>([^<]+)</task-id>")
_CALL_ID = re.compile(r"<tool-use-id>([^<]+)</tool-use-id>")
_STATUS = re.compile(r"<status>([^<]+)</status>")
_DURATION = re.compile(r"<duration_ms>(\d{1,12})</duration_ms>")


def notices(text: str) -> Iterator[Notice]:
    """Yield the ends of background work that *text* tells of; progress events are none."""
    for piece in text.split("<task-notification>")[1:]:
        head, _, tail = piece.partition("<result>")  # the result is free text: nothing in it is a field
        task = _TASK_ID.search(head)
        status = _STATUS.search(head)
        verdict = judge_task(status[1] if status else "", head)
        if task is None or verdict is None:
            continue
        call = _CALL_ID.search(head)
        durations = _DURATION.findall(tail.rpartition("</result>")[2] if tail else head)
        yield Notice(task[1], call[1] if call else None, verdict, int(durations[-1]) if durations else None)


def judge_task(status: object, summary: str) -> Verdict | None:
    """Return the verdict on background work in *status*, or None while it is running."""
    if status == "completed":
        return COMPLETED
    if status in ("killed", "stopped", "cancelled"):
        return ABANDONED
    if status == "failed":
        if "previous Claude Code process exited" in summary:
            return ABANDONED
        return _EXIT_CODE if re.search(r"\(?exit (?:code )?\d+", summary) else _OTHER
    return _TIMEOUT if "[Monitor timed out" in summary else None
