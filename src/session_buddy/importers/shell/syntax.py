"""Read the structure of a command line: lists, ``&&``/``||`` chains, pipelines, groups.

The tree keeps what decides which commands ran and whose exit code is reported. What a
simple command is, the caller says: :func:`parse` is given a function for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import msgspec

from session_buddy.importers.shell.rules import SkillRule
from session_buddy.importers.shell.tokens import Token, Unreadable, tokenise

__all__ = ["AndOr", "Command", "Compound", "Group", "Node", "Pipeline", "ReadWords", "Script", "commands", "parse"]

_DEEPEST = 40
"""Nesting beyond this is nothing people or agents write; it keeps recursion bounded."""

_CLOSERS = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})


class Command(msgspec.Struct, frozen=True, gc=False):
    """A simple command: what it runs once prefixes such as ``sudo`` are seen through."""

    name: str
    """The binary without its folder; empty for bare assignments."""
    words: tuple[str, ...] = ()
    """The name as written and its arguments, with their quotes."""
    rule: SkillRule | None = None
    """The rule it falls under."""


class Group(msgspec.Struct, frozen=True, gc=False):
    """``( … )``, ``{ …; }`` or ``sh -c '…'``: its exit code is that of its script."""

    body: Script
    is_shell: bool = False
    """Whether it is a shell of its own, whose ``set`` ends with it."""
    options: frozenset[str] | None = None
    """The shell options it starts with (``errexit``, ``pipefail``); None: those around it."""


class Compound(msgspec.Struct, frozen=True, gc=False):
    """``if``, ``for``, ``while``, ``case`` or a function."""

    condition: Script | None = None
    """What certainly runs first; its exit code is not that of the compound."""
    repeated: Script | None = None
    """The body of a loop."""
    runs: bool = False
    """Whether that body certainly runs at least once."""
    branches: tuple[Script, ...] = ()
    """What may or may not run, now or (in a function) later."""


Node = Command | Group | Compound
ReadWords = Callable[[tuple[str, ...]], Node]
"""Says what the words of a simple command amount to."""


class Pipeline(msgspec.Struct, frozen=True, gc=False):
    """Commands joined by ``|``; a leading ``!`` negates the exit code."""

    stages: tuple[Node, ...]
    negated: bool = False


class AndOr(msgspec.Struct, frozen=True, gc=False):
    """Pipelines joined by ``&&`` and ``||`` (one operator fewer than pipelines)."""

    pipelines: tuple[Pipeline, ...]
    operators: tuple[str, ...] = ()
    background: bool = False


class Script(msgspec.Struct, frozen=True, gc=False):
    """And-or lists that run one after the other."""

    items: tuple[AndOr, ...]


def parse(text: str, read: ReadWords) -> Script:
    """Return the structure of *text*, its simple commands as *read* gives them.

    Raises :class:`Unreadable` for anything that a POSIX shell would not accept, and for
    nesting nobody writes.
    """
    return _Reader(tokenise(text), read).script()


def commands(script: Script) -> Iterator[Command]:
    """Yield every simple command of *script* in order, also those that may not run."""
    for item in script.items:
        for pipeline in item.pipelines:
            for node in pipeline.stages:
                if isinstance(node, Command):
                    yield node
                elif isinstance(node, Group):
                    yield from commands(node.body)
                else:
                    for part in (node.condition, node.repeated, *node.branches):
                        if part:
                            yield from commands(part)


def _alone(node: Node) -> AndOr:
    return AndOr((Pipeline((node,)),))


class _Reader:
    """Recursive descent over the tokens; one method for each construct."""

    def __init__(self, tokens: list[Token], read: ReadWords) -> None:
        self._tokens = [*tokens, (False, "")]  # a last one that nothing accepts spares every bounds check
        self._read = read
        self._at = 0
        self._depth = 0

    def _left(self) -> bool:
        return self._at < len(self._tokens) - 1

    def script(self, stops: frozenset[str] = frozenset()) -> Script:
        """Read lists up to one of *stops* (left unread) or the end."""
        items = []
        is_separated = True
        while self._left():
            is_word, text = self._tokens[self._at]
            if text in stops:
                break
            if not is_word and text in (";", "\n", "&"):
                self._at += 1
                is_separated = True
            elif not is_separated:
                raise Unreadable(f"{text} where a command had ended")
            else:
                items.append(self._and_or())
                is_separated = False
        return Script(tuple(items))

    def _and_or(self) -> AndOr:
        pipelines, operators = [self._pipeline()], []
        while (operator := self._operator()) in ("&&", "||"):
            self._at += 1
            self._skip_newlines()
            operators.append(operator)
            pipelines.append(self._pipeline())
        return AndOr(tuple(pipelines), tuple(operators), background=operator == "&")

    def _pipeline(self) -> Pipeline:
        negated = False
        while self._word() == "!":
            negated = not negated
            self._at += 1
        stages = [self._command()]
        while self._operator() in ("|", "|&"):
            self._at += 1
            self._skip_newlines()
            stages.append(self._command())
        return Pipeline(tuple(stages), negated)

    def _command(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unreadable("nested too deeply")
        word = self._word()
        if word in self._COMPOUNDS:
            node = self._COMPOUNDS[word](self)
        elif word in _CLOSERS:
            raise Unreadable(f"{word} closes nothing")
        elif word is None:
            self._expect("(")
            node = Group(self._until(")"), is_shell=True)
            self._at += 1
        else:
            node = self._simple()
        self._depth -= 1
        return node

    def _simple(self) -> Node:
        tokens, start, at = self._tokens, self._at, self._at
        while tokens[at][0]:
            at += 1
        self._at = at
        words = tuple([text for _, text in tokens[start:at]])
        if tokens[at][1] != "(":
            return self._read(words)
        if len(words) != 1:
            raise Unreadable("a parenthesis inside a command")
        return self._function_body()

    def _braces(self) -> Node:
        self._at += 1
        group = Group(self._until("}"))
        self._at += 1
        return group

    def _if(self) -> Node:
        self._at += 1
        condition, branches = self._until("then"), []
        while self._word() != "fi":
            self._at += 1
            branches.append(self._until("then", "elif", "else", "fi"))
        self._at += 1
        return Compound(condition=condition, branches=tuple(branches))

    def _while(self) -> Node:
        self._at += 1
        condition = self._until("do")
        return Compound(condition=condition, repeated=self._loop_body())

    def _for(self) -> Node:
        values = self._skip_to("do")[2:]
        body = self._loop_body()
        runs = values[:1] == ["in"] and any(not set(value) & set("$`*?[;\n") for value in values[1:])
        return Compound(repeated=body, runs=runs)

    def _loop_body(self) -> Script:
        self._expect("do")
        body = self._until("done")
        self._at += 1
        return body

    def _case(self) -> Node:
        """Read a case up to its ``esac``; of its branches only the single words are kept."""
        words: list[str] = []
        depth = 0
        while depth or not words:
            words.append(self._next())
            depth += (words[-1] == "case") - (words[-1] == "esac")
        branch = tuple(_alone(Command(word)) for word in words)
        return Compound(branches=(Script(branch),))

    def _test(self) -> Node:
        self._skip_to("]]")
        self._at += 1
        return Command("[[")

    def _function(self) -> Node:
        self._at += 1
        self._next()
        return self._function_body()

    def _function_body(self) -> Node:
        """Read what follows a function's name; defining it runs nothing."""
        if self._operator() == "(":
            self._at += 1
            self._expect(")")
        self._skip_newlines()
        return Compound(branches=(Script((_alone(self._command()),)),))

    _COMPOUNDS: ClassVar[dict[str | None, Callable[[_Reader], Node]]] = {
        "{": _braces,
        "if": _if,
        "while": _while,
        "until": _while,
        "for": _for,
        "select": _for,
        "case": _case,
        "function": _function,
        "[[": _test,
    }

    def _until(self, *stops: str) -> Script:
        """Read lists up to one of *stops*, which is left unread and has to come."""
        script = self.script(frozenset(stops))
        if not self._left():
            raise Unreadable(f"{stops[-1]} never comes")
        return script

    def _skip_to(self, keyword: str) -> list[str]:
        """Go to *keyword* and return what was passed over."""
        passed = []
        while self._word() != keyword:
            passed.append(self._next())
        return passed

    def _next(self) -> str:
        if not self._left():
            raise Unreadable("ends in the middle of a construct")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _word(self) -> str | None:
        is_word, text = self._tokens[self._at]
        return text if is_word else None

    def _operator(self) -> str | None:
        is_word, text = self._tokens[self._at]
        return None if is_word else text

    def _expect(self, text: str) -> None:
        if self._tokens[self._at][1] != text:
            raise Unreadable(f"{text} was expected")
        self._at += 1

    def _skip_newlines(self) -> None:
        while self._operator() == "\n":
            self._at += 1
