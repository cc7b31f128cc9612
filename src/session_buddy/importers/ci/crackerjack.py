"""Crackerjack: what it keeps of its runs and what it prints, to invocations. Pure.

Three of its outputs are read: the file in which it keeps how long each run took (``{"fast": [{"duration_seconds",
"exit_code", "success", "timestamp"}]}``), what it prints (stages with their hooks, tests), and the JSON of one run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.ci.identity import content_digest, digest, joined, milliseconds, moment, seconds_of
from session_buddy.importers.ci.reading import decoded
from session_buddy.importers.ci.telling import SKIPPED, Ending, Surroundings, invocation, known_time, phase_of_skill
from session_buddy.importers.shell import ShellRules
from session_buddy.model import ErrorType, Invocation, Outcome, Phase

__all__ = ["SOURCE", "crackerjack_output", "crackerjack_result", "crackerjack_runs", "is_crackerjack_output"]

SOURCE = "crackerjack"
_TIMED_OUT = 124
"""What the shell's ``timeout`` exits with, and Crackerjack as well."""

_STAGE = re.compile(
    r"^\W*(?P<mark>[✅❌✓✗])\s+(?P<stage>Fast|Comprehensive) hooks"
    r"(?: attempt (?P<attempt>\d+): (?P<passed>\d+)\s*/\s*(?P<total>\d+) passed| completed| failed)"
    r"(?: in (?P<seconds>[\d.,]+?)s?\.?)?\s*$"
)
_HOOK = re.compile(
    r"^\s*-\s+(?P<name>[\w.\-]+)\s+::\s+(?P<status>PASSED|FAILED|TIMEOUT|ERROR|SKIPPED)\b"
    r"(?:\s*\|\s*(?P<seconds>[\d.]+)s)?"
)
_DOTTED = re.compile(r"^(?P<name>[\w\-]+)\.{4,} (?P<mark>[✅❌✓✗])\ufe0f?\s*$")
_ROW = re.compile(
    r"^\s*[│|]\s+(?P<name>[\w.\-]+)\s+(?P<status>PASSED|FAILED|TIMEOUT|ERROR|SKIPPED)\s+(?P<seconds>[\d.]+)s\b"
)
_TESTS = re.compile(
    r"^\W*(?P<mark>[✅❌✓✗])\s+(?P<count>[\d,]+) tests? (?P<word>passed|failed)(?:.*? in (?P<seconds>[\d.,]+)s)?"
)
_GOOD = frozenset("✅✓")
_MODES = {"Fast": "fast", "Comprehensive": "comp"}
_HOOK_ENDINGS = {
    "PASSED": Ending(Outcome.COMPLETED),
    "FAILED": Ending(Outcome.FAILED, ErrorType.EXIT_CODE),
    "ERROR": Ending(Outcome.FAILED, ErrorType.OTHER),
    "TIMEOUT": Ending(Outcome.FAILED, ErrorType.TIMEOUT),
    "SKIPPED": Ending(Outcome.ABANDONED, traits=(SKIPPED,)),
}


class _Run(msgspec.Struct):
    duration_seconds: float
    success: bool
    timestamp: float
    """When it had ended, in seconds since 1970."""
    exit_code: int | None = None
    mode: str | None = None


class _Result(msgspec.Struct):
    schema_version: str
    success: bool


_RUNS = msgspec.json.Decoder(dict[str, list[_Run]])
_RESULT = msgspec.json.Decoder(_Result)


def crackerjack_runs(data: bytes, *, user_id: str) -> list[Invocation]:
    """Return the runs of the file *data*; raises :class:`InvalidInput` for what is none."""
    told = decoded(_RUNS, data, "list of Crackerjack's runs")
    return [one for mode, runs in told.items() for run in runs if (one := _run(mode, run, user_id))]


def crackerjack_result(data: bytes, *, user_id: str, written_at: str | None) -> list[Invocation]:
    """Return the run whose result is *data*, what ``--json`` gives; raises :class:`InvalidInput` for what is none."""
    result = decoded(_RESULT, data, "result of Crackerjack")
    written_at = known_time(written_at)
    identity = digest(content_digest(data), written_at)
    around = Surroundings(source=SOURCE, session_id=f"{SOURCE}:{identity}", user_id=user_id)
    ending = _by_success(result.success)
    return [invocation(around, around.session_id, SOURCE, written_at, ending, phase=Phase.VERIFICATION)]


def is_crackerjack_output(text: str) -> bool:
    """Tell whether *text* holds a line that Crackerjack prints of a stage or of its hooks."""
    return any(_STAGE.match(line) or _HOOK.match(line) or _DOTTED.match(line) for line in text.splitlines())


def crackerjack_output(data: bytes, *, user_id: str, rules: ShellRules, written_at: str | None) -> list[Invocation]:
    """Return the stages, hooks and tests of what Crackerjack printed; the times of day it does not print.

    Raises :class:`InvalidInput` where there are none.
    """
    text, written_at = data.decode("utf-8", "replace"), known_time(written_at)
    identity = content_digest(data)
    around = Surroundings(source=SOURCE, session_id=f"{SOURCE}:{identity}", user_id=user_id)
    told = list(_told(text, around, rules, written_at))
    if not told:
        raise InvalidInput(
            "document",
            "is no report that is read, and holds no stage and no hook of Crackerjack.",
            remedy="Unpack what is packed; save what 'crackerjack run -v' prints.",
        )
    last = {one.skill_name: one.outcome for one in told}
    failed = Outcome.FAILED in last.values()
    run = invocation(around, around.session_id, SOURCE, written_at, _by_success(not failed), phase=Phase.VERIFICATION)
    return [run, *told]


def _run(mode: str, run: _Run, user_id: str) -> Invocation | None:
    duration_ms = milliseconds(run.duration_seconds)
    started_at = moment(run.timestamp - run.duration_seconds)
    if started_at is None:
        return None
    identity = digest(SOURCE, mode, run.timestamp)
    around = Surroundings(source=SOURCE, session_id=f"{SOURCE}:{identity}", user_id=user_id)
    timed_out = not run.success and run.exit_code == _TIMED_OUT
    ending = Ending(Outcome.FAILED, ErrorType.TIMEOUT) if timed_out else _by_success(run.success)
    return invocation(
        around,
        around.session_id,
        joined(SOURCE, mode),
        started_at,
        ending,
        duration_ms=duration_ms,
        phase=Phase.VERIFICATION,
    )


class _Block(msgspec.Struct):
    """One attempt at a stage: its hooks, each told once or twice, and the line that sums it up."""

    line: int = 0
    skill: str | None = None
    good: bool = True
    seconds: float | None = None
    hooks: dict[str, tuple[int, str, float | None]] = msgspec.field(default_factory=dict)
    """By name: the line that told of it first, its status, its seconds."""


def _blocks(lines: list[str]) -> Iterator[_Block]:
    """Yield the attempts at stages: hooks as they end, then the sum, then those that failed once more, with seconds."""
    block = _Block()
    for number, line in enumerate(lines, 1):
        if found := _DOTTED.match(line):
            if block.skill is not None:
                yield block
                block = _Block()
            status = "PASSED" if found["mark"] in _GOOD else "FAILED"
            block.hooks[found["name"]] = (number, status, None)
        elif found := _STAGE.match(line):
            if block.skill is not None:
                yield block
                block = _Block()
            block.line, block.skill = number, joined(SOURCE, _MODES[found["stage"]])
            block.good = found["mark"] in _GOOD and found["passed"] == found["total"]
            block.seconds = seconds_of(found["seconds"])
        elif found := _HOOK.match(line) or _ROW.match(line):
            first = block.hooks.get(found["name"], (number,))[0]
            block.hooks[found["name"]] = (first, found["status"], seconds_of(found["seconds"]))
    if block.skill is not None or block.hooks:
        yield block


def _told(text: str, around: Surroundings, rules: ShellRules, written_at: str) -> Iterator[Invocation]:
    lines, session = text.splitlines(), around.session_id

    def one(number: int, skill: str, ending: Ending, seconds: float | None, parent: str) -> Invocation:
        return invocation(
            around,
            f"{session}:{number}",
            skill,
            written_at,
            ending,
            duration_ms=milliseconds(seconds),
            parent=parent,
            phase=phase_of_skill(skill, rules) or Phase.VERIFICATION,
        )

    for block in _blocks(lines):
        parent = session
        if block.skill is not None:
            yield one(block.line, block.skill, _by_success(block.good), block.seconds, session)
            parent = f"{session}:{block.line}"
        for name, (number, status, seconds) in block.hooks.items():
            skill = name if rules.rule(name) else joined(SOURCE, "hook", name)
            yield one(number, skill, _HOOK_ENDINGS[status], seconds, parent)
    for number, line in enumerate(lines, 1):
        if found := _TESTS.match(line):
            good = found["mark"] in _GOOD and found["word"] == "passed"
            yield one(number, "pytest-run", _by_success(good), seconds_of(found["seconds"]), session)


def _by_success(success: bool) -> Ending:
    return Ending(Outcome.COMPLETED) if success else Ending(Outcome.FAILED, ErrorType.EXIT_CODE)
