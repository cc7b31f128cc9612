"""What the text of a result says of how a call ended. Pure.

Since 0.129 nothing else says so: a shell's result begins ``Wall time: 0.3186 seconds`` and ``Process exited with code
128``; before, it was JSON with the same figures.
"""

from __future__ import annotations

import re

import msgspec

from session_buddy.importers.codex.lines import fields_of
from session_buddy.importers.traits import INTERRUPTED, PERMISSION_ASKED, REJECTED

__all__ = ["Ended", "read_output"]

_HEAD = 2_000
"""The figures stand at the beginning; what a command printed comes after."""
_EXIT = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d{1,10})$", re.MULTILINE)
_WALL = re.compile(r"^Wall time:? (\d{1,9}(?:\.\d+)?) seconds$", re.MULTILINE)
_RUNNING = re.compile(r"^(?:Process running with session ID|Script running with cell ID) (\S{1,100})$", re.MULTILINE)
_SCRIPT = re.compile(r"^Script (completed|failed)$", re.MULTILINE)
_REFUSED = re.compile(
    r"\b(?:(?P<no>rejected|denied|declined)|aborted|cancelled|interrupted) by (?:the )?user\b"
    r"|\b(?P<rule>sandbox) denied\b",
    re.IGNORECASE,
)
_BROKEN = re.compile(r"(?:err|error|failed to |unsupported call|unknown tool|unable to )", re.IGNORECASE)
_TIMED_OUT = re.compile(r"\btimed out after\b|\bcommand timed out\b", re.IGNORECASE)


class Ended(msgspec.Struct, frozen=True):
    """How a call ended, as far as its result says."""

    exit_code: int | None = None
    duration_ms: int | None = None
    running: str | None = None
    """It goes on under this id."""
    refused: bool = False
    """The user, or a rule, did not let it run or run on."""
    traits: tuple[str, ...] = ()
    """The user's part in that."""
    broken: bool = False
    """The tool itself says that it failed."""
    timed_out: bool = False
    printed: str = ""
    """What a command printed."""


def read_output(text: str) -> Ended:
    r"""Return what the result *text* says.

    >>> read_output("Wall time: 0.5000 seconds\nProcess exited with code 2\nOutput:\nno such file").exit_code
    2
    """
    if text.startswith("{"):
        told = fields_of(text)
        metadata = told.get("metadata")
        if isinstance(metadata, dict) and isinstance(told.get("output"), str):
            code, seconds = metadata.get("exit_code"), metadata.get("duration_seconds")
            return Ended(
                exit_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
                duration_ms=_milliseconds(seconds),
                printed=told["output"],
            )
    head, marked, printed = text.partition("\nOutput:\n")
    head = head[:_HEAD]
    exits, wall, running, script = (pattern.search(head) for pattern in (_EXIT, _WALL, _RUNNING, _SCRIPT))
    refused = None if exits else _REFUSED.search(head)
    is_figures = bool(exits or wall or running or script)
    return Ended(
        exit_code=int(exits[1]) if exits else None,
        duration_ms=_milliseconds(float(wall[1])) if wall else None,
        running=running[1] if running else None,
        refused=refused is not None,
        traits=() if refused is None else _users_part(refused),
        broken=(script is not None and script[1] == "failed") or (not is_figures and _BROKEN.match(head) is not None),
        timed_out=_TIMED_OUT.search(head) is not None,
        printed=printed if marked else "",
    )


def _users_part(refused: re.Match[str]) -> tuple[str, ...]:
    if refused["rule"]:
        return ()
    return (PERMISSION_ASKED, REJECTED) if refused["no"] else (INTERRUPTED,)


def _milliseconds(seconds: object) -> int | None:
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 1e9:
        return round(seconds * 1000)
    return None
