"""How a command says that it did not do what was asked: exit codes, and errors in words or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import IntEnum

from session_buddy.errors import SessionBuddyError

__all__ = ["AnswerIsNo", "ExitCode", "exit_code_of", "tell"]


class ExitCode(IntEnum):
    """What the process returns to whoever called it."""

    DONE = 0
    NO = 1
    WRONG_USAGE = 2
    UNUSABLE = 3
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What it says, in words."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.NO: "the answer is no: an unknown name, a pending migration, a failed check",
    ExitCode.WRONG_USAGE: "wrong usage",
    ExitCode.UNUSABLE: "the store or the input could not be used",
    ExitCode.INTERRUPTED: "interrupted",
}


class AnswerIsNo(SessionBuddyError):
    """What was asked for is not there; *suggestions* are names that are."""

    def __init__(self, problem: str, *, remedy: str, suggestions: Sequence[str] = ()) -> None:
        super().__init__(problem, remedy=remedy)
        self.suggestions = list(suggestions)


def exit_code_of(error: SessionBuddyError | OSError) -> ExitCode:
    """Return the exit code that goes with *error*."""
    return ExitCode.NO if isinstance(error, AnswerIsNo) else ExitCode.UNUSABLE


def tell(error: SessionBuddyError | OSError, *, as_json: bool) -> None:
    """Write *error* to stderr: problem, then remedy; or ``{"error": {…}}``."""
    if isinstance(error, SessionBuddyError):
        problem, remedy = error.problem, error.remedy
    else:
        problem = f"{error.filename}: {error.strerror}." if error.filename else f"{error}."
        remedy = "Check that the file or folder is there, is yours, and that the disk has room."
    if as_json:
        body = {"type": type(error).__name__, "problem": problem, "remedy": remedy, "exit_code": exit_code_of(error)}
        if isinstance(error, AnswerIsNo):
            body["suggestions"] = error.suggestions
        print(json.dumps({"error": body}, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"{problem}\n{remedy}", file=sys.stderr)
