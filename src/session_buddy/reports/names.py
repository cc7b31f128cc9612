"""Finding the skill that somebody means."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from session_buddy.formats import shown_name

__all__ = ["matches", "suggestions"]


def matches(name: str, known: Sequence[str]) -> list[str]:
    """Return the skills that *name* can mean: the exact one, else those that differ in case, else in prefix.

    A name is also exact as tables show it: ``server: tool`` for ``mcp__server__tool``.

    More than one means that the name does not tell them apart.

    >>> matches("explore", ["agent:Explore", "/clear"])
    ['agent:Explore']
    """
    if name in known:
        return [name]
    folded = name.casefold()
    return [skill for skill in known if folded in (skill.casefold(), shown_name(skill).casefold())] or [
        skill for skill in known if _bare(skill) == _bare(name)
    ]


def suggestions(name: str, known: Sequence[str], *, limit: int = 5) -> list[str]:
    """Return the *known* skills that *name* resembles most, the closest first, then those that contain it."""
    by_bare: dict[str, list[str]] = {}
    for skill in known:
        by_bare.setdefault(_bare(skill), []).append(skill)
    wanted = _bare(name)
    close = get_close_matches(wanted, by_bare, n=limit, cutoff=0.6)
    containing = sorted(bare for bare in by_bare if wanted and wanted in bare)
    return [skill for bare in dict.fromkeys([*close, *containing]) for skill in by_bare[bare]][:limit]


def _bare(name: str) -> str:
    """Return *name* in small letters and without what its kind puts before it: ``/``, ``agent:``, ``mcp__server__``."""
    folded = name.casefold()
    if folded.startswith("mcp__"):
        return folded.rpartition("__")[2]
    return folded.removeprefix("/").removeprefix("agent:")
