"""Texts to words that can be compared: names taken apart, endings taken off. Pure, and the same on every engine."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["spoken_name", "stem", "stems_of", "words_of"]

_WORD = re.compile(r"[^\W_]+")
_JOINT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_SILENT_TEXT = """
a about all also an and any are as asks at be but by can do don etc for from has have how i if in into is it
its may me must my no not of on or our should so such that the their then there these they this to up us use
used user using via was we what when where which will with you your
"""
_SILENT = frozenset(_SILENT_TEXT.split())
"""Words that say nothing of what a skill is for."""
_WHOLE = frozenset(
    [
        "coffeescript",
        "github",
        "gitlab",
        "graphql",
        "javascript",
        "mongodb",
        "mysql",
        "postgresql",
        "powershell",
        "typescript",
    ]
)
"""Written with a capital inside, and yet one word: Java is no part of JavaScript."""
_SAID = {"c++": "cpp", "c#": "csharp", "f#": "fsharp", "objective-c": "objectivec", ".net": "dotnet"}
"""Languages whose names are not made of letters, by what files and tools call them."""
_WITH_SIGNS = re.compile("(?<![^\\W_])(?:" + "|".join(map(re.escape, _SAID)) + r")(?![\w+#])", re.IGNORECASE)
_ENDINGS = ("ational", "ization", "ation", "ing", "ment", "ed", "ion", "er", "ly", "al", "e")
_LEAST_STEM = 4


def words_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield the words of *text* in its order: each as it is written, and its stem.

    Words end at everything that is no letter or digit. What is joined by capitals comes whole and in parts. Scripts
    that put no spaces between words come two characters at a time. Words of one character and those that stand
    everywhere (``the``) are left out.

    >>> [stem for _, stem in words_of("Run the unit tests: fastForward_merge")]
    ['run', 'unit', 'test', 'fastforward', 'fast', 'forward', 'merg']
    """
    for found in _WORD.findall(_said(text)):
        for word in _parts(found):
            folded = word.casefold()
            if len(folded) > 1 and folded not in _SILENT:
                yield word, stem(folded)


def stems_of(text: str) -> list[str]:
    """Return the stems of the words of *text*, in its order."""
    return [ending for _, ending in words_of(text)]


def spoken_name(name: str) -> str:
    """Return a skill's *name* as words.

    >>> spoken_name("mcp__web__fetchPage"), spoken_name("pytest-run"), spoken_name("/clear")
    ('web fetch Page', 'pytest run', 'clear')
    """
    bare = name.removeprefix("mcp__").removeprefix("agent:")
    return " ".join(part for word in _WORD.findall(_said(bare)) for part in _jointed(word)) or name


def stem(word: str) -> str:
    """Return *word*, in small letters, without its plural and one ending; four letters at least stay before an ending.

    Lighter than Porter's: it may part what belongs together, and seldom joins what does not.

    >>> [stem(word) for word in ("queries", "testing", "running", "process", "analysis", "database")]
    ['query', 'test', 'run', 'process', 'analysis', 'databas']
    """
    word = _singular(word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return _undoubled(word[: -len(ending)])
    return word


def _undoubled(word: str) -> str:
    return word[:-1] if word[-1] == word[-2] and word[-1] not in "lsz" else word


def _singular(word: str) -> str:
    if len(word) > _LEAST_STEM and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > _LEAST_STEM and word.endswith(("sses", "ches", "shes", "xes", "zes")):
        return word[:-2]
    if len(word) >= _LEAST_STEM and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _parts(word: str) -> list[str]:
    if _WITHOUT_SPACES.fullmatch(word):
        return [word[place : place + 2] for place in range(max(1, len(word) - 1))]
    parts = _jointed(word)
    return [word, *parts] if len(parts) > 1 else parts


def _jointed(word: str) -> list[str]:
    return [word] if word.casefold() in _WHOLE else _JOINT.split(word)


def _said(text: str) -> str:
    return _WITH_SIGNS.sub(lambda found: _SAID[found[0].lower()], text)
