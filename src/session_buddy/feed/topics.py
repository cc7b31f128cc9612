"""Topics: what a subscriber wants to hear of."""

from __future__ import annotations

from collections.abc import Iterable

from session_buddy.errors import InvalidInput

__all__ = ["ALL", "EVERYTHING", "Topics", "checked", "of_category", "of_skill", "reduced", "topics_of"]

Topics = frozenset[str]

ALL = "all"
EVERYTHING: Topics = frozenset([ALL])
_LONGEST = 500


def of_skill(name: str) -> str:
    """Return the topic of the skill *name*."""
    return f"skill:{name}"


def of_category(name: str) -> str:
    """Return the topic of the category *name*."""
    return f"category:{name}"


def topics_of(skill_name: str, category: str | None) -> tuple[str, ...]:
    """Return the topics, ``all`` aside, under which what concerns a skill is told."""
    return (of_skill(skill_name), of_category(category)) if category else (of_skill(skill_name),)


def checked(topics: Iterable[str]) -> Topics:
    """Return *topics* as a set; raises :class:`InvalidInput`, naming the first that is none."""
    found = frozenset(topics)
    for topic in sorted(found):
        kind, colon, name = topic.partition(":")
        if topic != ALL and not (kind in ("skill", "category") and colon and name.strip()):
            raise InvalidInput(
                "topics", f"{topic[:60]!r} is no topic.", remedy="Topics are all, skill:NAME and category:NAME."
            )
        if len(topic) > _LONGEST:
            raise InvalidInput(
                "topics", f"{topic[:60]!r}… is too long.", remedy=f"A topic has up to {_LONGEST} characters."
            )
    if not found:
        raise InvalidInput("topics", "none is given.", remedy="Give at least one: all, skill:NAME or category:NAME.")
    return found


def reduced(topics: Topics) -> Topics:
    """Return the least set that means the same: ``all`` takes in every other."""
    return EVERYTHING if ALL in topics else topics
