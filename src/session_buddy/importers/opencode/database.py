"""``opencode.db``: what changed in it, session by session."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.base import FileParser, Parsed
from session_buddy.importers.calls.dialogue import Dialogue, Remembered
from session_buddy.importers.databases import columns_of, opened
from session_buddy.importers.documents import decoded_or_none
from session_buddy.importers.jsonl import decoded
from session_buddy.importers.opencode.parts import Part, told_by
from session_buddy.importers.shell import ShellRules
from session_buddy.model import BadLine, Invocation

__all__ = ["Database"]

_ENOUGH = 20_000
"""Calls told at a time: the bound on memory, but for one session."""

_CHANGED = """
SELECT session_id, max(time_updated) AS changed FROM part GROUP BY session_id
HAVING changed > :since OR (changed = :since AND session_id > :after) ORDER BY changed, session_id
"""
_OLDEST = "SELECT id FROM session ORDER BY time_created, id LIMIT 1"
_SESSION = "SELECT directory, version, parent_id FROM session WHERE id = ?"
_MESSAGES = "SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id"
_PARTS = """
SELECT id, data FROM part WHERE session_id = ? AND message_id = ? AND data LIKE '%"type":"tool"%' ORDER BY id
"""


class _Place(msgspec.Struct):
    """Up to where the database was read."""

    since: int = 0
    """Sessions changed before this moment were."""
    after: str = ""
    """And of those changed in it, these."""
    oldest: str = ""
    """Its first session, which tells it from any other database."""


class _Message(msgspec.Struct, gc=False):
    role: str | None = None
    modelID: str | None = None


_PLACE = msgspec.msgpack.Decoder(_Place)
_PART = msgspec.json.Decoder(Part)
_MESSAGE = msgspec.json.Decoder(_Message)


class Database(FileParser):
    """Reads sessions that have changed since, each as a whole: that changes nothing twice."""

    def __init__(self, path: str, *, user_id: str, source: str, rules: ShellRules, state: bytes | None) -> None:
        self._path, self._user_id, self._source, self._rules = path, user_id, source, rules
        self._place = decoded(_PLACE, state) if state else _Place()
        self._done = False

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left for now."""
        return self._done

    def save(self) -> bytes:
        """Return up to where the database was read."""
        return msgspec.msgpack.encode(self._place)

    def read(self) -> Parsed:
        """Give the calls of sessions that changed; raises :class:`OSError` where the database cannot be read."""
        told, problems = Parsed([], []), 0
        with opened(self._path) as connection:
            try:
                self._check(connection)
            except InvalidInput as error:
                self._done = True
                return Parsed([], [self._bad(error.problem.removeprefix("document: "))])
            for session_id, changed in self._changed(connection):
                invocations, found = self._session(connection, session_id)
                told.invocations.extend(invocations)
                problems += len(found)
                for problem in found[:3]:
                    told.bad_lines.append(self._bad(f"In session {session_id}: {problem}", problems))
                self._place.since, self._place.after = changed, session_id
                if len(told.invocations) >= _ENOUGH:
                    return told
        # What changes again within the last moment is read again.
        self._place.after, self._done = "", True
        return told

    def _check(self, connection: sqlite3.Connection) -> None:
        columns_of(connection, "part", frozenset({"id", "message_id", "session_id", "time_updated", "data"}))
        columns_of(connection, "message", frozenset({"id", "session_id", "time_created", "data"}))
        columns_of(connection, "session", frozenset({"id", "directory", "version", "parent_id", "time_created"}))
        first = connection.execute(_OLDEST).fetchone()
        oldest = str(first[0]) if first else ""
        if oldest != self._place.oldest:
            self._place = _Place(oldest=oldest)

    def _changed(self, connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
        place = {"since": self._place.since, "after": self._place.after}
        return iter([(str(name), int(changed)) for name, changed in connection.execute(_CHANGED, place)])

    def _session(self, connection: sqlite3.Connection, session_id: str) -> tuple[list[Invocation], list[str]]:
        row = connection.execute(_SESSION, (session_id,)).fetchone()
        directory, version, parent = row if row is not None else (None, None, None)
        kept = Remembered(session_id=session_id, cwd=directory or None, version=version or None)
        kept.is_subagent = parent is not None
        dialogue = Dialogue(kept, session_id=session_id, user_id=self._user_id, source=self._source, rules=self._rules)
        problems: list[str] = []
        for message_id, data in connection.execute(_MESSAGES, (session_id,)).fetchall():
            message = decoded_or_none(_MESSAGE, data) or _Message()
            if message.role == "user":
                dialogue.begin(str(message_id))
                continue
            kept.model = message.modelID or kept.model
            for part_id, text in connection.execute(_PARTS, (session_id, message_id)):
                problem = _take(dialogue, str(part_id), text)
                if problem is not None:
                    problems.append(problem)
        return dialogue.take() + dialogue.show(), problems

    def _bad(self, reason: str, number: int = 1) -> BadLine:
        return BadLine(path=self._path, line=max(1, number), offset=max(0, number - 1), length=0, reason=reason)


def _take(dialogue: Dialogue, part_id: str, text: object) -> str | None:
    part = decoded_or_none(_PART, text)
    if part is None:
        return f"The part {part_id} is no JSON."
    if part.type != "tool":
        return None
    try:
        told = told_by(part, part_id=part_id)
    except InvalidInput as error:
        return f"In part {part_id}: {error.problem.removeprefix('document: ')}"
    if told is not None:
        dialogue.call(told.event_id, told.use, told.at)
        if told.end is not None:
            dialogue.result(told.event_id, told.end, told.ended_at)
    return None
