"""How a command says that it did not do what was asked: exit codes, and errors in words or JSON."""

from __future__ import annotations

import errno
import json
from enum import IntEnum

from session_buddy.cli.output import message
from session_buddy.errors import ExperimentError, ExperimentUnreadable, NotFound, SessionBuddyError

__all__ = ["AnswerIsNo", "ExitCode", "Interrupted", "WrongUsage", "exit_code_of", "is_of_the_output", "tell"]


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
    ExitCode.NO: "the answer is no: an unknown name, a wrong state, a pending migration, a failed check",
    ExitCode.WRONG_USAGE: "wrong usage",
    ExitCode.UNUSABLE: "the store or the input could not be used",
    ExitCode.INTERRUPTED: "interrupted",
}


class AnswerIsNo(SessionBuddyError):
    """What was asked about is not as it should be: a failed check, a pending migration."""


class WrongUsage(SessionBuddyError):
    """The command line says what no command understands, or leaves out what one needs."""


class Interrupted(SessionBuddyError):
    """The user stopped the command."""

    def __init__(self) -> None:
        super().__init__("Interrupted.", remedy="What was stored until then is kept.")


_CANNOT_WRITE = {errno.EBADF, errno.EFBIG, errno.EIO, errno.ENOSPC}
_EXIT_CODES = {
    AnswerIsNo: ExitCode.NO,
    NotFound: ExitCode.NO,
    ExperimentUnreadable: ExitCode.UNUSABLE,
    ExperimentError: ExitCode.NO,
    WrongUsage: ExitCode.WRONG_USAGE,
    Interrupted: ExitCode.INTERRUPTED,
}


def exit_code_of(error: SessionBuddyError | OSError) -> ExitCode:
    """Return the exit code that goes with *error*."""
    return next((code for kind, code in _EXIT_CODES.items() if isinstance(error, kind)), ExitCode.UNUSABLE)


def tell(error: SessionBuddyError | OSError, *, as_json: bool) -> None:
    """Write *error* to stderr: problem, then remedy; or ``{"error": {…}}``."""
    problem, remedy = _words(error)
    if as_json:
        # One word for all that systems call PermissionError, FileNotFoundError …
        name = "OSError" if isinstance(error, OSError) else type(error).__name__
        body = {"type": name, "problem": problem, "remedy": remedy, "exit_code": exit_code_of(error)}
        if isinstance(error, NotFound):
            body["suggestions"] = error.suggestions
        message(json.dumps({"error": body}, ensure_ascii=False))
    else:
        between = " " if isinstance(error, Interrupted) or is_of_the_output(error) else "\n"
        message(f"{problem}{between}{remedy}")


def is_of_the_output(error: SessionBuddyError | OSError) -> bool:
    """Tell whether writing to stdout failed: whatever else is written has a name."""
    return isinstance(error, OSError) and not error.filename and error.errno in _CANNOT_WRITE


def _words(error: SessionBuddyError | OSError) -> tuple[str, str]:
    """Return the problem and the remedy."""
    if isinstance(error, SessionBuddyError):
        return error.problem, error.remedy
    reason = error.strerror or str(error)
    if is_of_the_output(error):
        return f"The answer could not be written: {reason}.", "Send it to a terminal, or to a file with room."
    problem = f"{error.filename}: {reason}." if error.filename else f"{reason}."
    return problem, "Check that the file or folder is there, is yours, and that the disk has room."
