"""From a shell command and its result to uses of skills."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import msgspec

from session_buddy.importers.shell.evidence import Evidence
from session_buddy.importers.shell.judging import Use, judge
from session_buddy.importers.shell.matching import Matcher
from session_buddy.importers.shell.rules import RuleBook, SkillRule, digest, packaged_rules, read_rules
from session_buddy.importers.shell.tokens import Unreadable
from session_buddy.importers.traits import words_touch
from session_buddy.model import Outcome, SkillFacts

__all__ = ["Interpretation", "ShellRules", "ShellUse"]

_LONGEST = 128 * 1024
"""Linux passes no longer argument to a program, so no longer text ran as ``sh -c`` either."""


class ShellUse(msgspec.Struct, frozen=True, gc=False, repr_omit_defaults=True):
    """A developer tool that a shell call ran."""

    skill_name: str
    outcome: Outcome | None
    """None: not known."""
    touched: tuple[str, ...] = ()
    """As traits: the types of files that its arguments plainly name."""


class Interpretation(msgspec.Struct, frozen=True, gc=False):
    """What a shell call used."""

    main: ShellUse | None = None
    """What the call itself is named after; None: it stays the agent's own tool."""
    others: tuple[ShellUse, ...] = ()
    """Further tools whose outcome is certain, in order of execution."""


_NOTHING = Interpretation()


class ShellRules:
    """Recognises developer tools in shell commands.

    >>> rules = ShellRules.builtin()
    >>> rules.interpret("cd api && uv run pytest -q", succeeded=True).main
    ShellUse(skill_name='pytest-run', outcome=<Outcome.COMPLETED: 'completed'>)
    """

    def __init__(self, books: tuple[RuleBook, ...]) -> None:
        """Take *books* in the order in which they are asked; the last one is the packaged one."""
        self._books = books
        self._matcher = Matcher(books)
        self._by_skill: dict[str, SkillRule] = {}
        for book in books:
            for rule in book.rules:
                self._by_skill.setdefault(rule.skill, rule)
        self.digest = digest(books[:-1])
        """SHA-256 of the rules in force: what was found under other rules can be told apart."""

    def __reduce__(self) -> tuple[type[ShellRules], tuple[tuple[RuleBook, ...]]]:
        """Go to another process as the books: what was found out of them, and is remembered, cannot."""
        return ShellRules, (self._books,)

    @staticmethod
    @cache
    def builtin() -> ShellRules:
        """Return the rules that come with the program; they are read once."""
        return ShellRules((packaged_rules(),))

    def extended(self, toml_text: str, origin: str) -> ShellRules:
        """Return these rules with those of *toml_text*, a user's file called *origin*, before them.

        Raises :class:`InvalidInput`, naming *origin* and the rule, for any mistake in it.
        """
        return ShellRules((read_rules(toml_text, origin), *self._books))

    def rule(self, skill_name: str) -> SkillRule | None:
        """Return the rule that describes *skill_name*; the first one, where several do."""
        return self._by_skill.get(skill_name)

    def skills(self) -> tuple[SkillRule, ...]:
        """Return one rule for each skill, in the order of the files."""
        return tuple(self._by_skill.values())

    def facts(self, skill_names: Iterable[str]) -> list[SkillFacts]:
        """Return what the rules say of those of *skill_names* that are commands."""
        rules = (self.rule(name) for name in skill_names)
        return [
            SkillFacts(
                skill_name=rule.skill, category=rule.category, modality=rule.modality, description=rule.description
            )
            for rule in rules
            if rule
        ]

    def interpret(self, command: str, *, succeeded: bool | None, output: str = "") -> Interpretation:
        """Return what *command* used, given whether its exit code was 0 and what it printed.

        *succeeded* None means that no result is known; every outcome is None then. Never
        raises; the time taken is linear in the length of the command. The table in
        :mod:`.judging` says what is concluded from what.
        """
        if len(command) > _LONGEST or not self._matcher.concerns(command):
            return _NOTHING
        try:
            script = self._matcher.structure(command)
        except Unreadable:
            return _NOTHING
        if succeeded is None:
            uses = judge(script, self._matcher, Evidence(""), succeeded=True)
            return Interpretation(main=msgspec.structs.replace(_use(uses[-1]), outcome=None)) if uses else _NOTHING
        uses = judge(script, self._matcher, Evidence(output), succeeded=succeeded)
        if not uses:
            return _NOTHING
        others = tuple(_use(use) for use in uses[:-1] if use.succeeded is not None)
        return Interpretation(main=_use(uses[-1]), others=others)


def _use(use: Use) -> ShellUse:
    outcome = None
    if use.succeeded is not None:
        outcome = Outcome.COMPLETED if use.succeeded else Outcome.FAILED
    return ShellUse(use.rule.skill, outcome, words_touch(use.words))
