"""Following the event log of a SQLite file: new rows by their id, completed ones by the log of updates."""

from __future__ import annotations

from pathlib import Path

from session_buddy.model import Invocation
from session_buddy.storage.sqlite.connection import open_follower
from session_buddy.storage.sqlite.event_log import READ_ROWS, invocation_of
from session_buddy.storage.store import Tail

__all__ = ["SQLiteTail"]

_AT_ONCE = 2_000
_TOO_MANY = 10 * _AT_ONCE
"""Beyond this many new rows, as after an import, nobody wants to see them pass one by one."""
_ENDS = """
SELECT ifnull((SELECT max(id) FROM skill_invocation), 0),
       ifnull((SELECT max(seq) FROM invocation_update), 0), ifnull((SELECT min(seq) FROM invocation_update), 0)
"""
_ADDED = f"{READ_ROWS.replace('SELECT', 'SELECT id,', 1)} WHERE id > ? AND id <= ? ORDER BY id LIMIT {_AT_ONCE}"
_COMPLETED = (
    f"{READ_ROWS} WHERE id IN (SELECT u.invocation_id FROM invocation_update u WHERE u.seq > ? AND u.seq <= ?)"
    " AND id <= ? ORDER BY id"
)


class SQLiteTail(Tail):
    """A :class:`Tail` on a connection of its own, so that no long query delays it."""

    def __init__(self, path: Path) -> None:
        self._reader = open_follower(path)
        self._changes = self._data_version()
        self._last_id, self._last_update, _ = self._reader.execute(_ENDS).fetchone()
        self._lost = False

    @property
    def lost(self) -> bool:
        """See :attr:`Tail.lost`."""
        return self._lost

    def poll(self) -> list[Invocation]:
        """See :meth:`Tail.poll`."""
        self._lost = False
        changes = self._data_version()
        if changes == self._changes:
            return []
        self._reader.execute("BEGIN")
        try:
            return self._read(changes)
        finally:
            self._reader.execute("COMMIT")

    def close(self) -> None:
        """See :meth:`Tail.close`."""
        self._reader.close()

    def _read(self, changes: int) -> list[Invocation]:
        last_id, last_update, first_update = self._reader.execute(_ENDS).fetchone()
        known = self._last_id
        if last_id - known > _TOO_MANY or first_update > self._last_update + 1:
            self._lost, self._changes = True, changes
            self._last_id, self._last_update = last_id, last_update
            return []
        completed = self._reader.execute(_COMPLETED, (self._last_update, last_update, known)).fetchall()
        added = self._reader.execute(_ADDED, (known, last_id)).fetchall()
        self._last_update = last_update
        # A row that was taken out again leaves a gap in the ids.
        self._last_id = added[-1][0] if len(added) == _AT_ONCE else last_id
        if self._last_id == last_id:
            self._changes = changes
        return [invocation_of(row) for row in completed] + [invocation_of(row[1:]) for row in added]

    def _data_version(self) -> int:
        """Return a number that changes with every commit of another connection to the file."""
        (version,) = self._reader.execute("PRAGMA data_version").fetchone()
        return int(version)
