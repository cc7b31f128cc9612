"""Codex: where it keeps its rollouts, and how they are read (versions 0.30 - 0.144).

One rollout is one ``rollout-*.jsonl`` file below ``sessions``, and is one agent: a subagent has a rollout of its own,
which names the session that it is part of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath

import msgspec

from session_buddy.importers.base import Importer
from session_buddy.importers.codex.conversation import Conversation, Remembered
from session_buddy.importers.codex.lines import RolloutLine, decode_line
from session_buddy.importers.jsonl import JsonLines, Reading, decoded, first_moment
from session_buddy.importers.shell import ShellRules, digest
from session_buddy.model import Invocation, SkillFacts

__all__ = ["Codex"]

_SOURCE = "codex"
_REVISION = 1
"""Raised when the same rollout comes to give other invocations."""
_STATE = msgspec.msgpack.Decoder(Remembered)


class Codex(Importer):
    """The importer of Codex's rollouts.

    *rules* name what runs in its shells; by default the built-in ones, which are parsed when the first rollout is.
    """

    def __init__(self, rules: ShellRules | None = None) -> None:
        self._rules = rules

    @property
    def name(self) -> str:
        """``codex``."""
        return _SOURCE

    @property
    def version(self) -> str:
        """A digest of the rules and of the way rollouts are read."""
        return f"{_REVISION}.{(self._rules.digest if self._rules else digest())[:16]}"

    def prepare(self) -> None:
        """Parse the rules."""
        self._rules = self._rules or ShellRules.builtin()

    def facts(self, skill_names: Iterable[str]) -> list[SkillFacts]:
        """Return what the rules say of skills that are commands."""
        self.prepare()
        return self._rules.facts(skill_names) if self._rules else []

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return ``sessions`` and ``archived_sessions`` below ``$CODEX_HOME`` or ``~/.codex``; they need not exist."""
        named = environment.get("CODEX_HOME", "").strip()
        folder = Path(named).expanduser() if named else home / ".codex"
        return [folder / "sessions", folder / "archived_sessions"]

    def find(self, root: Path) -> Iterator[Path]:
        """Yield the ``rollout-*.jsonl`` files below *root*, sorted, or *root* itself if it is one."""
        found = [root] if root.is_file() else sorted(path for path in root.rglob("*.jsonl") if path.is_file())
        yield from (path for path in found if path.name.startswith("rollout-"))

    def moment(self, data: bytes) -> str | None:
        """See :meth:`Importer.moment`."""
        return first_moment(data)

    def parser(self, path: str, *, user_id: str, state: bytes | None = None) -> JsonLines[RolloutLine]:
        """Return a parser for the rollout called *path*, fresh or going on from *state*."""
        place = JsonLines.place(state)
        rules = self._rules or ShellRules.builtin()
        return JsonLines(path, _Rollout(path, bytes(place.state), user_id=user_id, rules=rules), place)


class _Rollout(Reading[RolloutLine]):
    def __init__(self, path: str, state: bytes, *, user_id: str, rules: ShellRules) -> None:
        self._state = decoded(_STATE, state) if state else Remembered()
        session_id = PurePath(path).stem or "unknown"
        self._conversation = Conversation(
            self._state, session_id=session_id, user_id=user_id, source=_SOURCE, rules=rules
        )

    def decode(self, data: bytes) -> RolloutLine:
        return decode_line(data)

    def read(self, line: RolloutLine) -> list[str]:
        return self._conversation.read(line)

    def take(self) -> list[Invocation]:
        return self._conversation.take()

    def show(self) -> list[Invocation]:
        return self._conversation.show()

    def save(self) -> bytes:
        self._state.calls.redact()
        return msgspec.msgpack.encode(self._state)
