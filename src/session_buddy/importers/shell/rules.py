"""Which commands are skills: rule files, read and checked.

The packaged ``rules.toml`` explains the format at its head; a user's file has the same
one. This module turns such a file into a :class:`RuleBook`, :mod:`.matching` looks
commands up in it.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal, TypeVar

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.model import Phase

__all__ = ["RuleBook", "SkillRule", "digest", "packaged_rules", "read_rules", "rules_file"]

_SKILL_NAME = re.compile(r"[A-Za-z0-9][\w.:+-]{0,99}")
_REVISION = 1
"""Raised when the same rules come to mean something else, so that the digest changes too."""

Modality = Literal["code", "documentation", "testing", "deployment"]
_T = TypeVar("_T")


class SkillRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A developer tool and the commands that run it."""

    skill: str
    command: tuple[str, ...]
    """Spellings: a binary, then the words that must follow it; a last ``*`` stands for any ending."""
    category: str
    modality: Modality
    description: str
    phase: Phase | None = None
    failed_when: tuple[str, ...] = ()
    """Regular expressions; any of them in the end of the output shows a failure."""
    completed_when: tuple[str, ...] = ()
    """Regular expressions; any of them in the end of the output shows that all went well."""

    @property
    def shows_both(self) -> bool:
        """Whether an output can show a failure as well as a completion."""
        return bool(self.failed_when and self.completed_when)


class _Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Skills that differ in nothing but their command, after which each is named."""

    commands: tuple[str, ...]
    category: str
    modality: Modality
    description: str
    phase: Phase | None = None

    def rules(self) -> Iterator[SkillRule]:
        for command in self.commands:
            yield SkillRule(
                skill=command.replace(" ", "-"),
                command=(command,),
                category=self.category,
                modality=self.modality,
                description=self.description,
                phase=self.phase,
            )


class _Lists(msgspec.Struct, frozen=True, kw_only=True):
    transparent: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    harmless: frozenset[str] = frozenset()
    filters: frozenset[str] = frozenset()
    shows_end: frozenset[str] = frozenset()
    lenient: frozenset[str] = frozenset()
    shells: frozenset[str] = frozenset()
    options_with_value: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)


class _Document(_Lists, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rule: list[dict[str, Any]] = msgspec.field(default_factory=list)
    family: list[dict[str, Any]] = msgspec.field(default_factory=list)


class RuleBook(_Lists, frozen=True, kw_only=True):
    """Everything one rule file says; the head of ``rules.toml`` explains each list."""

    rules: tuple[SkillRule, ...] = ()


def packaged_rules() -> RuleBook:
    """Return the rules that come with the program."""
    return read_rules(rules_file().read_text(encoding="utf-8"), "the built-in rules")


def digest(own_books: Iterable[RuleBook] = ()) -> str:
    """Return the SHA-256 of the rules in force: the packaged file, and before it what *own_books* say.

    The packaged file counts as it stands, so that its digest is to be had without parsing
    it; in a user's file comments and layout do not count.
    """
    packaged = hashlib.sha256(rules_file().read_bytes()).hexdigest()
    told = msgspec.json.encode((_REVISION, packaged, list(own_books)), order="deterministic")
    return hashlib.sha256(told).hexdigest()


def rules_file() -> Traversable:
    """Return the file of the rules that come with the program: a path, unless the program runs out of an archive."""
    return resources.files(__package__).joinpath("rules.toml")


def read_rules(toml_text: str, origin: str) -> RuleBook:
    """Return what *toml_text* says.

    Raises :class:`InvalidInput`, naming *origin* and the rule, for text that is no TOML,
    for unknown, missing or mistyped keys, for bad regular expressions, and for a skill or
    a command given twice.
    """
    try:
        document = _convert(tomllib.loads(toml_text), _Document, origin)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(origin, f"is no TOML: {error}.", remedy="Correct that place.") from error
    rules = []
    for number, table in enumerate(document.rule, 1):
        rules.append(_convert(_listed(table), SkillRule, _place(origin, "rule", number, table.get("skill"))))
    for number, table in enumerate(document.family, 1):
        rules.extend(_convert(table, _Family, _place(origin, "family", number, table.get("description"))).rules())
    _check(rules, origin)
    for spelling in (*document.transparent, *document.ignored):
        _check_spelling(spelling, origin)
    lists = {name: getattr(document, name) for name in _Lists.__struct_fields__}
    return RuleBook(rules=tuple(rules), **lists)


def _place(origin: str, kind: str, number: int, name: object) -> str:
    return f"{origin}, {kind} {number}" + (f" ({name})" if isinstance(name, str) else "")


def _convert(value: object, to: type[_T], place: str) -> _T:
    try:
        return msgspec.convert(value, to)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            place, f"{error}.", remedy="The head of the built-in rules.toml lists the keys and what they hold."
        ) from error


def _listed(table: dict[str, Any]) -> dict[str, Any]:
    """Return *table* with a list wherever a single text may stand for one."""
    plural = ("command", "failed_when", "completed_when")
    return {key: [value] if key in plural and isinstance(value, str) else value for key, value in table.items()}


def _check(rules: list[SkillRule], origin: str) -> None:
    skills: set[str] = set()
    commands: dict[str, str] = {}
    for rule in rules:
        place = f"{origin}, rule {rule.skill!r}"
        if not _SKILL_NAME.fullmatch(rule.skill):
            raise InvalidInput(place, "is no name for a skill.", remedy="Use letters, digits and any of '_ . : + -'.")
        if rule.skill in skills:
            raise InvalidInput(place, "stands twice.", remedy="Put both commands into one rule's `command` list.")
        skills.add(rule.skill)
        if not (rule.command and rule.category.strip()):
            raise InvalidInput(place, "has an empty command or category.", remedy="Give both.")
        for spelling in rule.command:
            _check_spelling(spelling, place)
            if other := commands.get(spelling):
                raise InvalidInput(place, f"repeats {spelling!r} of rule {other!r}.", remedy="Remove one of them.")
            commands[spelling] = rule.skill
        for pattern in (*rule.failed_when, *rule.completed_when):
            _check_pattern(pattern, place)


def _check_spelling(spelling: str, place: str) -> None:
    words = spelling.split(" ")
    if not all(words) or "/" in words[0] or any("*" in word[:-1] for word in words) or words[0].endswith("*"):
        raise InvalidInput(
            place,
            f"{spelling!r} is no command.",
            remedy="Write a binary without folder and the words after it, one space between; '*' may end a later word.",
        )


def _check_pattern(pattern: str, place: str) -> None:
    try:
        re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise InvalidInput(
            place, f"{pattern!r} is no regular expression: {error}.", remedy="Correct the expression."
        ) from error
