"""Shell commands and skills in what the model wrote. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["SkillRead", "command_of", "commands_in_script", "files_in_patch", "skills_named", "skills_read"]

_IN_SCRIPT = re.compile(
    r"\btools\.exec_command\s*\(\s*\{[^{}]*?[\"']?\bcmd[\"']?\s*:\s*"
    r"(?:(?P<double>\"(?:[^\"\\]|\\.)*\")|'(?P<single>(?:[^'\\]|\\.)*)'|`(?P<tick>(?:[^`\\]|\\.)*)`)",
    re.DOTALL,
)
_MOST_COMMANDS = 20
_READS = re.compile(r"(?:^|[;&|\n(]|\bthen|\bdo)\s*(?:cat|sed|nl|head|tail|bat|less|more)\b(?P<arguments>[^;&|\n]*)")
_SKILL_FILE = re.compile(
    r"(?:^|[\s\"'=])(?:\S*/plugins/cache/[^/\s]+/(?P<plugin>[^/\s]+)/[^/\s]+/)?(?:[^\s\"']*/)?"
    r"skills/(?:\.system/)?(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,199})/SKILL\.md(?=$|[\s\"'])"
)
_IN_PATCH = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+?)\s*$", re.MULTILINE)
_NAMED = re.compile(r"<skill>\s*<name>\s*([^<>\n]{1,200}?)\s*</name>")


class SkillRead(NamedTuple):
    """A skill whose instructions the model read: that is how Codex begins to use one."""

    name: str
    plugin: str | None


def command_of(given: dict[str, Any]) -> str | None:
    """Return the text of a shell call with these arguments; ``None`` where there is none."""
    command = given.get("cmd", given.get("command"))
    if isinstance(command, list) and command and all(isinstance(word, str) for word in command):
        is_shell = len(command) == 3 and command[1] in ("-c", "-lc")
        return str(command[2]) if is_shell else shlex.join(command)
    return command if isinstance(command, str) and command.strip() else None


def commands_in_script(script: str) -> list[str]:
    """Return the shell commands that a *script* of the model runs, in its order, as far as they stand there as text.

    What a script puts together while it runs is not known.
    """
    found = []
    for match in _IN_SCRIPT.finditer(script):
        text = _unquoted(match)
        if text is not None:
            found.append(text)
    return found[:_MOST_COMMANDS]


def skills_read(command: str) -> Iterator[SkillRead]:
    """Yield the skills whose SKILL.md *command* prints, each once."""
    seen = set()
    for reading in _READS.finditer(command):
        for match in _SKILL_FILE.finditer(reading["arguments"]):
            if match["name"] not in seen:
                seen.add(match["name"])
                yield SkillRead(match["name"], match["plugin"])


def files_in_patch(patch: str) -> list[str]:
    """Return the paths of the files that *patch* changes, in its order."""
    return _IN_PATCH.findall(patch)


def skills_named(text: str) -> list[str]:
    """Return the skills that a user's message calls for, each once."""
    return list(dict.fromkeys(_NAMED.findall(text)))


def _unquoted(match: re.Match[str]) -> str | None:
    if match["double"] is not None:
        try:
            return str(json.loads(match["double"], strict=False))
        except ValueError:
            return None
    text = match["single"] if match["single"] is not None else match["tick"]
    if match["tick"] is not None and "${" in text:
        return None
    return re.sub(r"\\(.)", lambda escaped: {"n": "\n", "t": "\t"}.get(escaped[1], escaped[1]), text, flags=re.DOTALL)
