"""Tell from one exit code, and from the output's end, which commands ran and how they ended.

Only the exit code of a whole call is known. It is handed down the structure of the
command as far as it certainly reaches; elsewhere the output may decide (a rule's
``failed_when`` and ``completed_when``), and where it does not, the outcome stays open.
``a``, ``b`` are recognised commands, ``x`` is one that is not, and ``cd`` stands for the
harmless ones, which practically never fail:

==========================  =================================  =================================
command                     the call succeeded                 the call failed
==========================  =================================  =================================
``a``, ``cd && a``          a completed                        a failed
``a && b``                  both completed                     open, unless the output tells
                                                               which failed: what stands before
                                                               it completed, the rest never ran
``a && cd``                 a completed                        a failed
``a && x``, ``x && a``      a completed                        open
``a || b``                  a open; b may not have run         both failed
``a || true``               a open                             (cannot be)
``a || exit 1``             a completed                        a failed
``! a``                     a failed                           a completed
``a; b``                    b completed, a open                b failed, a open
``a; cd``, ``a &``          a open                             a open
``a; exit 0``               a open                             (cannot be)
``x && exit; a``            a may not have run                 a may not have run
``set -e; a; b``            as ``a && b``                      as ``a && b``
``a | tail``                a open                             a open
``cat | a``                 a completed                        a failed
``set -o pipefail; a | b``  both completed                     open (``a | tail``: a failed)
``(a)``, ``{ a; }``         as a                               as a
``sh -c 'a'``, ``sudo a``   as a                               as a
``if a; then b; fi``        a open; b may not have run         the same
``for i in 1 2; do a; …``   a open: it ran more than once      the same
``f() { a; }``, ``x <(a)``  a may not have run                 the same
==========================  =================================  =================================

What may not have run is no use of a skill, unless the output shows it. One exception
serves the name of the call: what stands behind a ``&&`` is what the call was for, so it
is kept, its outcome open, also when something before it may have failed.

The output speaks for a command whose exit code is hidden only where it could show both ends:
by a rule with evidence of both sides, and not behind a filter that may take lines away.

Two traps. Some agents report ``grep`` without a match (exit code 1) as success: behind a
last command of this kind the success says nothing of the others. And ``cd`` does fail at
times; the shell then says so in the output, which is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from session_buddy.importers.shell.chains import Chance, Status, Verdict, settle
from session_buddy.importers.shell.evidence import Evidence
from session_buddy.importers.shell.matching import ASSIGNMENT, SHELL_OPTIONS, Matcher
from session_buddy.importers.shell.rules import SkillRule
from session_buddy.importers.shell.syntax import AndOr, Command, Compound, Node, Pipeline, Script, commands

__all__ = ["Use", "judge"]

_LEAVING = frozenset({"exit", "return", "break", "continue"})
_OPTION_LETTERS = re.compile(r"-[a-z]+")


class Use(msgspec.Struct, frozen=True, gc=False):
    """A recognised command that ran, or was what the call was for; ``succeeded`` None: open."""

    rule: SkillRule
    succeeded: bool | None
    words: tuple[str, ...] = ()
    """Itself and its arguments, with their quotes."""


def judge(script: Script, matcher: Matcher, evidence: Evidence, *, succeeded: bool) -> list[Use]:
    """Return the recognised commands of *script* that ran, in order, with what is known of each."""
    status = Status.ZERO if succeeded else Status.NONZERO
    every = list(commands(script))
    if (succeeded and every and every[-1].name in matcher.lenient) or (not succeeded and evidence.shows_syntax_error):
        status = Status.OPEN
    walk = _Walk(every, matcher, evidence, call_succeeded=succeeded)
    walk.script(script, status, Chance.RAN)
    return walk.uses


class _Walk:
    """One walk down the structure, status in hand; gathers :attr:`uses` on the way."""

    def __init__(self, every: list[Command], matcher: Matcher, evidence: Evidence, *, call_succeeded: bool) -> None:
        self.uses: list[Use] = []
        self._call_succeeded = call_succeeded
        self._matcher = matcher
        self._evidence = evidence
        # Where a skill ran several times, the end of the output is that of the last.
        self._last_of = {command.rule.skill: command for command in every if command.rule}
        names = {command.name for command in every}
        self._may_leave = not names.isdisjoint(_LEAVING)
        self._loosens = "set" in names and any(
            word[0] == "+" for command in every if command.name == "set" for word in command.words
        )
        self._options: frozenset[str] = frozenset()
        self._is_tested = False  # where an exit code is tested, `set -e` has no effect
        self._ends_output = True  # whether the end of the output is the end of what the command printed

    def script(self, script: Script, status: Status, chance: Chance) -> None:
        """Walk lists that run one after the other; the last one's status is *status*."""
        unknown = Status.DISPUTED if status is Status.DISPUTED else Status.OPEN
        items = script.items
        last_mixed = None
        for index, item in enumerate(items):
            is_strict = "errexit" in self._options and not self._is_tested
            if is_strict and last_mixed is None:
                last_mixed = _last_mixed(items)
            if is_strict and last_mixed is not None and index > last_mixed:
                pipelines = [item.pipelines[0] for item in items[index:]]
                self._chain(pipelines, ["&&"] * (len(pipelines) - 1), status, chance)
                return
            own = unknown
            if index == len(items) - 1:
                own = status
            elif status is Status.ZERO and (self._gives_up(item) or (is_strict and _is_single(item))):
                own = Status.ZERO
            self._chain(item.pipelines, item.operators, unknown if item.background else own, chance)
            leaves = self._leaves(item)
            if leaves is True or (leaves is False and status is not Status.ZERO):
                status, chance = unknown, Chance.MAYBE
            elif is_strict and status is not Status.ZERO:
                status, chance = unknown, max(chance, Chance.FOLLOWS)

    def _chain(self, pipelines: Sequence[Pipeline], operators: Sequence[str], status: Status, chance: Chance) -> None:
        """Walk pipelines joined by ``&&`` and ``||``."""
        if not operators:
            self._pipeline(pipelines[0], status, chance)
            return
        settled = settle(operators, map(self._verdict, pipelines), status, chance)
        was_tested = self._is_tested
        for pipeline, (own, own_chance) in zip(pipelines, settled, strict=True):
            self._is_tested = was_tested or pipeline is not pipelines[-1]
            if own_chance is not Chance.NEVER:
                self._pipeline(pipeline, own, own_chance)
        self._is_tested = was_tested

    def _pipeline(self, pipeline: Pipeline, status: Status, chance: Chance) -> None:
        if len(pipeline.stages) == 1 and not pipeline.negated:
            self._node(pipeline.stages[0], status, chance)
            return
        status = status.negated() if pipeline.negated else status
        was_whole, was_tested = self._ends_output, self._is_tested
        self._is_tested |= pipeline.negated
        statuses = self._stage_statuses(pipeline.stages, status)
        shown = [self._ends_output]
        for stage in reversed(pipeline.stages[1:]):
            shown.append(shown[-1] and isinstance(stage, Command) and stage.name in self._matcher.shows_end)
        for stage, own, ends_output in zip(pipeline.stages, statuses, reversed(shown), strict=True):
            self._ends_output = ends_output
            self._node(stage, own, chance)
        self._ends_output, self._is_tested = was_whole, was_tested

    def _stage_statuses(self, stages: tuple[Node, ...], status: Status) -> list[Status]:
        """Return what is known of each stage of a pipeline whose exit code is *status*."""
        earlier = len(stages) - 1
        if status is Status.DISPUTED or not earlier:
            return [status] * len(stages)
        if "pipefail" not in self._options:
            return [Status.OPEN] * earlier + [status]
        if status is not Status.NONZERO:
            return [status] * len(stages)
        suspects = [stage for index, stage in enumerate(stages) if not self._never_fails(stage, is_fed=index > 0)]
        # `head` closes the pipe once it has its lines, which can kill who still writes.
        if len(suspects) > 1 or any(isinstance(stage, Command) and stage.name == "head" for stage in stages):
            return [Status.OPEN] * len(stages)
        return [Status.NONZERO if stage in suspects else Status.ZERO for stage in stages]

    def _node(self, node: Node, status: Status, chance: Chance) -> None:
        if isinstance(node, Command):
            self._command(node, status, chance)
        elif isinstance(node, Compound):
            self._compound(node, status, chance)
        else:
            options, was_tested = self._options, self._is_tested
            if node.options is not None:
                self._options, self._is_tested = node.options, False
            self.script(node.body, status, chance)
            self._is_tested = was_tested
            if node.is_shell:
                self._options = options

    def _compound(self, node: Compound, status: Status, chance: Chance) -> None:
        unknown = Status.DISPUTED if status is Status.DISPUTED else Status.OPEN
        was_tested, self._is_tested = self._is_tested, True
        if node.condition:
            self.script(node.condition, Status.DISPUTED if node.repeated else unknown, chance)
        if node.repeated:
            self.script(node.repeated, Status.DISPUTED, chance if node.runs else Chance.MAYBE)
        for branch in node.branches:
            self.script(branch, unknown, Chance.MAYBE)
        self._is_tested = was_tested

    def _command(self, command: Command, status: Status, chance: Chance) -> None:
        if command.rule:
            if status is Status.OPEN:
                succeeded = self._shown(command)
            else:
                succeeded = None if status is Status.DISPUTED else status is Status.ZERO
            if succeeded is not None or chance <= Chance.FOLLOWS:
                self.uses.append(Use(command.rule, succeeded, command.words))
        elif command.name == "set" and not self._loosens and chance is Chance.RAN:
            letters = "".join(word for word in command.words if _OPTION_LETTERS.fullmatch(word))
            switched_on = {"errexit"} if "e" in letters else set()
            self._options |= switched_on.union(command.words) & SHELL_OPTIONS

    def _verdict(self, pipeline: Pipeline) -> Verdict:
        """Tell how *pipeline* ends if it runs, by the nature of its last command or by the output."""
        if "pipefail" in self._options and len(pipeline.stages) > 1:
            return Verdict()
        verdict = self._node_verdict(pipeline.stages[-1], is_fed=len(pipeline.stages) > 1)
        if pipeline.negated and verdict.succeeded is not None:
            return Verdict(not verdict.succeeded, verdict.is_shown)
        return verdict

    def _node_verdict(self, node: Node, *, is_fed: bool) -> Verdict:
        if isinstance(node, Compound):
            return Verdict()
        if not isinstance(node, Command):
            last = node.body.items[-1] if node.body.items else None
            single = last and not last.operators and not last.background
            return self._verdict(last.pipelines[0]) if last and single else Verdict()
        if node.rule:
            shown = self._shown(node)
            return Verdict(shown, is_shown=shown is not None)
        if self._never_fails(node, is_fed=is_fed):
            complains = self._evidence.complains(node.name)
            return Verdict(not complains, is_shown=complains)
        if node.name in ("exit", "false"):
            return Verdict(succeeded=False if node.name == "false" else _exit_argument(node))
        return Verdict()

    def _never_fails(self, node: Node, *, is_fed: bool) -> bool:
        if not isinstance(node, Command):
            return False
        harmless = node.name == ASSIGNMENT or node.name in self._matcher.harmless
        return harmless or (node.name in self._matcher.filters and (is_fed or len(node.words) == 1))

    def _shown(self, command: Command) -> bool | None:
        """Tell what the output shows of *command*."""
        if not command.rule or self._last_of[command.rule.skill] is not command:
            return None
        shown = self._evidence.of(command.rule)
        if shown is not None and any(
            self._evidence.shares(command.rule, other.rule) for other in self._last_of.values() if other.rule
        ):
            return None
        if self._call_succeeded and not (self._ends_output and command.rule.shows_both):
            # Failures seen where completions cannot be would tilt the rate: then neither counts.
            return None
        # A filter may have taken the failures away; it cannot have made one up.
        return None if shown and not self._ends_output else shown

    def _gives_up(self, item: AndOr) -> bool:
        """Tell whether *item* ends in ``|| exit 1``: had it failed, the call would have."""
        fails = item.operators[-1:] == ("||",) and self._verdict(item.pipelines[-1]).succeeded is False
        return fails and self._leaves(item) is False

    def _leaves(self, item: AndOr) -> bool | None:
        """Tell whether *item* may end the script early: False with a failure only, None not at all."""
        if not self._may_leave:
            return None
        exits = [_exit_argument(command) for command in commands(Script((item,))) if command.name in _LEAVING]
        return None if not exits else not all(code is False for code in exits)


def _is_single(item: AndOr) -> bool:
    return not (item.operators or item.background or item.pipelines[0].negated)


def _last_mixed(items: Sequence[AndOr]) -> int:
    """Return the index of the last item that is more than one pipeline, -1 without any."""
    return max((index for index, item in enumerate(items) if not _is_single(item)), default=-1)


def _exit_argument(command: Command) -> bool | None:
    """Tell whether the command is ``exit 0`` (True) or ``exit 1`` (False)."""
    argument = command.words[1] if command.name == "exit" and len(command.words) > 1 else ""
    return argument == "0" if argument.isdecimal() else None
