"""Look commands up: see through prefixes, find the rule, open inner shells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from session_buddy.importers.shell.rules import RuleBook, SkillRule
from session_buddy.importers.shell.syntax import Command, Group, Node, Script, parse
from session_buddy.importers.shell.tokens import Unreadable, plain

__all__ = ["ASSIGNMENT", "SHELL_OPTIONS", "Matcher"]

_MOST_PREFIXES = 8
_MOST_LEADING = 64
"""So many words are looked at for a subcommand; real commands name it within the first ten."""
_DEEPEST_SHELL = 3
_LONGEST_NAME = 1024
_ANY = "_"
SHELL_OPTIONS = frozenset({"errexit", "pipefail"})
"""Options of a shell that decide what an exit code tells."""
ASSIGNMENT = "="
"""The name of a command that only sets variables."""
_SUBSTITUTION = "$()"
"""The name of one that sets them to what another command prints, whose exit code it takes."""

_LETTERS = re.compile(r"(?<!\.)[A-Za-z_-]+")
"""Runs of letters, but for endings of file names: half of all commands name some ``.go`` or ``.py``."""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(?:\[[^]]*+\])?\+?=")
_FOLDER = re.compile(r".*[/\\]", re.DOTALL)
_SUFFIX = re.compile(r"\.(?:exe|cmd|bat|ps1)$|(?<=.)@.*$", re.IGNORECASE | re.DOTALL)
_VERSION = re.compile(r"-?[\d.]+$")
_SHORT_OPTIONS = re.compile(r"-[a-z]{1,6}")
_SCRIPT_OPTION = re.compile(r"-[a-z]*c|-[Cc]ommand")
_ASKS = frozenset({"--version", "--help"})

_Meaning = SkillRule | bool
"""The rule of a command; without one, whether it is a prefix to see through."""


class _Branch:
    """What may follow the words read so far, and what they mean if nothing does."""

    def __init__(self) -> None:
        self.meaning: _Meaning | None = None
        self.next: dict[str, _Branch] = {}
        self.beginnings: dict[str, _Branch] = {}

    def add(self, words: Sequence[str], meaning: _Meaning) -> None:
        """Add an entry; the first of two equal ones stays."""
        branch = self
        for word in words:
            known, key = (branch.beginnings, word[:-1]) if word.endswith("*") else (branch.next, word)
            branch = known.setdefault(key, _Branch())
        if branch.meaning is None:
            branch.meaning = meaning

    def find(self, leading: list[tuple[str, int]]) -> tuple[_Meaning, int] | None:
        """Return the meaning of the longest entry that fits, and the index of the first word it leaves."""
        branch = self
        found = None if self.meaning is None else (self.meaning, 1)
        for word, index in leading:
            following = branch.next.get(word) or branch._beginning(word) or branch.next.get(_ANY)
            if following is None:
                break
            branch = following
            if branch.meaning is not None:
                found = branch.meaning, index + 1
        return found

    def _beginning(self, word: str) -> _Branch | None:
        return next((branch for start, branch in self.beginnings.items() if word.startswith(start)), None)


class _Binary:
    """Everything the rule books say of one binary."""

    def __init__(self) -> None:
        self.books: list[_Branch] = []
        self.expected: set[str] = set()
        self.values: set[str] = set()
        self.longest = 0

    def look_up(self, words: tuple[str, ...]) -> tuple[_Meaning, int]:
        leading = self._leading(words) if self.longest else []
        for book in self.books:
            if found := book.find(leading):
                return found
        return False, 1

    def _leading(self, words: tuple[str, ...]) -> list[tuple[str, int]]:
        """Return the words that name a subcommand, with their index; options are passed over."""
        leading: list[tuple[str, int]] = []
        index, end = 1, min(len(words), _MOST_LEADING)
        while index < end and len(leading) < self.longest:
            word = words[index]
            if word[0] in "-+" and word not in self.expected:
                # A number after an option belongs to it: `make -j 8 test`.
                index += word in self.values or (index + 1 < end and words[index + 1].isdigit())
            elif "=" not in word or not _ASSIGNMENT.match(word):
                leading.append((plain(word), index))
            index += 1
        return leading

    def skip_options(self, words: tuple[str, ...], index: int) -> int:
        """Return the index of the command that follows a prefix's own options and assignments."""
        while index < len(words) and words[index][0] in "-+":
            index += 1 + (words[index] in self.values)
        return min(_first_after_assignments(words, index), len(words))


class Matcher:
    """Finds the rule of a command in rule books, of which earlier ones go first.

    Within a book the entry with most words wins.
    """

    def __init__(self, books: Sequence[RuleBook]) -> None:
        self._binaries: dict[str, _Binary] = {}
        for book in books:
            self._add(book)
        self.harmless = frozenset[str]().union(*(book.harmless for book in books))
        self.filters = frozenset[str]().union(*(book.filters for book in books))
        self.shows_end = frozenset[str]().union(*(book.shows_end for book in books))
        self.lenient = frozenset[str]().union(*(book.lenient for book in books))
        self._shells = frozenset[str]().union(*(book.shells for book in books))
        telling = {_telling_word(spelling) for book in books for rule in book.rules for spelling in rule.command}
        letters = {word: _LETTERS.match(word) for word in telling}
        self._telling = frozenset(found[0] for found in letters.values() if found and len(found[0]) > 1)
        self._odd = tuple(word for word, found in letters.items() if not found or len(found[0]) == 1)
        self._name = lru_cache(maxsize=4096)(self._name_uncached)

    def concerns(self, text: str) -> bool:
        """Tell whether the name of any binary with a rule occurs in *text*: a cheap first look."""
        if not self._telling.isdisjoint(_LETTERS.findall(text)):
            return True
        return any(word in text for word in self._odd)

    def structure(self, text: str) -> Script:
        """Return the structure of *text* with the rule of every command in it.

        Raises :class:`Unreadable` where it has none.
        """
        return self._structure(text, 0)

    def _add(self, book: RuleBook) -> None:
        trees: dict[str, _Branch] = {}
        entries: list[tuple[str, _Meaning]] = [(spelling, False) for spelling in book.ignored]
        entries += [(spelling, rule) for rule in book.rules for spelling in rule.command]
        entries += [(spelling, True) for spelling in book.transparent]
        for spelling, meaning in entries:
            name, *words = spelling.split(" ")
            trees.setdefault(name, _Branch()).add(words, meaning)
            binary = self._binaries.setdefault(name, _Binary())
            binary.expected.update(words)
            binary.longest = max(binary.longest, len(words))
        for name, tree in trees.items():
            self._binaries[name].books.append(tree)
        for name, options in book.options_with_value.items():
            self._binaries.setdefault(name, _Binary()).values.update(options)

    def _structure(self, text: str, depth: int) -> Script:
        return parse(text, lambda words: self._node(words, depth))

    def _node(self, words: tuple[str, ...], depth: int) -> Node:
        command = self._command(words)
        if command.name in self._shells and depth < _DEEPEST_SHELL:
            return self._inner_shell(command, depth) or command
        return command

    def _command(self, words: tuple[str, ...]) -> Command:
        start = _first_after_assignments(words, 0)
        if start:
            if start == len(words):
                return Command(_SUBSTITUTION if any("$(" in word or "`" in word for word in words) else ASSIGNMENT)
            words = words[start:]
        for _ in range(_MOST_PREFIXES):
            name = self._name(words[0]) if len(words[0]) <= _LONGEST_NAME else ""
            binary = self._binaries.get(name)
            if binary is None:
                break
            meaning, after = binary.look_up(words)
            if isinstance(meaning, SkillRule):
                return Command(name, words, meaning if _ASKS.isdisjoint(words) else None)
            inner = binary.skip_options(words, after) if meaning else len(words)
            if inner == len(words):
                break
            words = words[inner:]
        return Command(name, words)

    def _inner_shell(self, command: Command, depth: int) -> Group | None:
        """Return what ``sh -c '…'`` runs; None where it is a script file or not readable."""
        words, values = command.words, self._binaries[command.name].values if command.name in self._binaries else ()
        flags, index = "", 1
        while index < len(words) - 1 and words[index][0] == "-":
            option = words[index]
            if _SHORT_OPTIONS.fullmatch(option):
                flags += option
            if _SCRIPT_OPTION.fullmatch(option):
                try:
                    body = self._structure(plain(words[index + 1]), depth + 1)
                except Unreadable:
                    return None
                options = {"errexit"} if "e" in flags else set()
                return Group(body, is_shell=True, options=frozenset(options.union(words[:index]) & SHELL_OPTIONS))
            index += 1 + (option in values or (option[:2] != "--" and option.endswith("o")))
        return None

    def _name_uncached(self, word: str) -> str:
        """Return the binary that *word* means: no quotes, folder, ``.exe``, ``@version`` or version number."""
        name = _SUFFIX.sub("", _FOLDER.sub("", plain(word)))
        if name in self._binaries:
            return name
        unversioned = _VERSION.sub("", name)
        return unversioned if unversioned in self._binaries else name


def _telling_word(spelling: str) -> str:
    """Return a word without which a command cannot have this spelling."""
    words = spelling.split(" ")
    return words[-1] if "-m" in words else words[0]


def _first_after_assignments(words: tuple[str, ...], index: int) -> int:
    while index < len(words) and "=" in words[index] and _ASSIGNMENT.match(words[index]):
        index += 1
    return index
