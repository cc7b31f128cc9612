"""What is taken of names, texts and times that others send: what can be shown, and every engine can keep. Pure."""

from __future__ import annotations

import re

from session_buddy.errors import InvalidInput, InvalidInvocation
from session_buddy.model import YEARS, parse_time

__all__ = ["VISIBLE_NAME", "canonical_moment", "require_text", "require_visible"]

VISIBLE_NAME = r"^[^\s\x00-\x1f\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$"
"""The pattern of names: neither empty nor blank, on one line, without control characters."""
_IS_NAME = re.compile(VISIBLE_NAME.removesuffix("$")).fullmatch


def canonical_moment(moment: str, *, field: str = "invoked_at") -> str:
    """Return *moment* in the canonical form; raises :class:`InvalidInvocation` for what no engine keeps."""
    try:
        canonical = parse_time(moment, field=field)
    except InvalidInput as error:
        raise InvalidInvocation(field, error.problem.removeprefix(f"{field}: "), remedy=error.remedy) from error
    # A batch that an engine cannot keep must not be acknowledged first.
    if not YEARS[0] <= canonical[:4] <= YEARS[1]:
        raise InvalidInvocation(
            field, f"{moment!r} is outside {YEARS[0]}-{YEARS[1]}.", remedy="Set the clock that it comes from."
        )
    return canonical


def require_visible(field: str, name: str | None) -> None:
    """Raise :class:`InvalidInvocation` for a name that cannot be shown; nothing is no name."""
    if name is not None and not _IS_NAME(name):
        raise InvalidInvocation(
            field,
            "is empty, begins with a space, or holds control characters.",
            remedy="Give a name that can be shown on one line.",
        )


def require_text(field: str, text: str | None) -> None:
    """Raise :class:`InvalidInvocation` for a text that not every engine keeps."""
    if text is not None and "\0" in text:
        raise InvalidInvocation(field, "holds a character of code 0.", remedy="Leave that out.")
