"""A shell command without what may be secret in it: its structure is all that naming needs."""

from __future__ import annotations

import re

from session_buddy.importers.traits import quoted_file

__all__ = ["skeleton"]

_SECRETIVE = re.compile(
    r"'[^']*'"  # quoted text, on any number of lines
    r'|"(?:[^"\\]|\\.)*"'
    r"|(?<==)[^\s;&|<>()'\"]+"  # NAME=value, --option=value
    r"|(?<=://)[^\s/@]+@"  # user:password@host
    r"|(?<![\w./-])[A-Za-z0-9_+=-]{20,}(?![\w./-])",  # long words that are no paths
    re.DOTALL,
)


def skeleton(command: str) -> str:
    """Return *command* with quoted texts, values, credentials and long words replaced by ``x``.

    What runs, and how the parts are chained, stays, and the type of a file in quotes; doing it twice changes nothing.

    >>> skeleton("TOKEN=sk-1 curl -H 'Auth: y' https://me:pw@host/ | jq . && pytest -q")
    "TOKEN=x curl -H 'x' https://x@host/ | jq . && pytest -q"
    >>> skeleton("vale 'docs/my-plan.md'")
    "vale 'x.md'"
    """
    return _SECRETIVE.sub(_blank, command)


def _blank(match: re.Match[str]) -> str:
    text = match[0]
    if text[0] in "'\"":
        return quoted_file(text) or f"{text[0]}x{text[0]}"
    return "x@" if text.endswith("@") else "x"
