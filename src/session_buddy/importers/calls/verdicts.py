"""How a call ended."""

from __future__ import annotations

import msgspec

from session_buddy.model import ErrorType, Outcome

__all__ = ["ABANDONED", "COMPLETED", "Verdict", "on_command"]


class Verdict(msgspec.Struct, frozen=True):
    """An outcome (None: it has ended, how is not certain) and, if it is a failure, of which sort."""

    outcome: Outcome | None
    error_type: ErrorType | None = None


COMPLETED = Verdict(Outcome.COMPLETED)
ABANDONED = Verdict(Outcome.ABANDONED)


def on_command(outcome: Outcome | None) -> Verdict:
    """Return the verdict on the command that a shell call is named after, which ended with *outcome*.

    It is not always that on the call, whose exit code may be another's: ``pytest | tail``.
    """
    return Verdict(outcome, ErrorType.EXIT_CODE if outcome is Outcome.FAILED else None)
