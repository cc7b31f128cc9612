"""Of which sort a failure is, by what the agent says of it: for agents whose words are not known one by one. Pure."""

from __future__ import annotations

import re

from session_buddy.importers.calls.verdicts import Verdict
from session_buddy.model import ErrorType, Outcome

__all__ = ["failed"]

_HEAD = 500
"""The agent speaks first; what a tool printed comes after."""
_SORTS: tuple[tuple[re.Pattern[str], ErrorType], ...] = (
    (re.compile(r"\btim(?:ed|e)[ -]?out\b", re.IGNORECASE), ErrorType.TIMEOUT),
    (
        re.compile(r"\bENOENT\b|not found\b|does(?: not|n't) exist|no such (?:file|tool|directory)", re.IGNORECASE),
        ErrorType.NOT_FOUND,
    ),
    (
        re.compile(
            r"\b(?:ECONN[A-Z]+|ENOTFOUND|EAI_AGAIN)\b|status code \d{3}|rate.?limit|network error|fetch failed",
            re.IGNORECASE,
        ),
        ErrorType.API,
    ),
    (
        re.compile(
            r"\binvalid\b|validation|is required|missing required|could not find the string|no replacement was"
            r"|old_?string|syntax error",
            re.IGNORECASE,
        ),
        ErrorType.VALIDATION,
    ),
)


def failed(text: str) -> Verdict:
    """Return the verdict on a call that failed and says *text* of it.

    >>> failed("Path does not exist").error_type.value
    'not_found'
    """
    head = text[:_HEAD]
    return Verdict(Outcome.FAILED, next((sort for said, sort in _SORTS if said.search(head)), ErrorType.OTHER))
