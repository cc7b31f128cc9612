"""What any process records reaches the feed: rows, windows that slide, anomalies that open and are resolved."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

import msgspec

from session_buddy.feed import Feed
from session_buddy.feed.messages import AnomalyRow, SkillRow
from session_buddy.model import Invocation
from session_buddy.reports.live import read_skill_rows
from session_buddy.server.threads import Lane
from session_buddy.server.troubles import Troubles
from session_buddy.storage import Store, Tail

__all__ = ["Follower", "News"]

_POLL_SECONDS = 0.1
_ANOMALIES_SECONDS = 1.0
_WINDOWS_SECONDS = 30.0
_RETRY_SECONDS = 2.0
_END_SECONDS = 2.0
_WORK = "Following what is recorded"

_OPEN = "SELECT * FROM skill_anomalies FINAL WHERE resolved_at IS NULL"
_NAMED = "SELECT * FROM skill_anomalies FINAL WHERE id IN ({})"


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What happened since the last look."""

    invocations: Sequence[Invocation] = ()
    skills: Sequence[SkillRow] = ()
    anomalies: Sequence[AnomalyRow] = ()
    lost: bool = False
    """Whether there was more than could be followed: everything must be read anew."""

    def __bool__(self) -> bool:
        return bool(self.invocations or self.skills or self.anomalies or self.lost)


class Follower:
    """Publishes to *feed* what appears in *store*, whoever recorded it; run it as long as the server runs.

    A store that does not answer is asked again, and everybody gets a fresh snapshot when it does.
    """

    def __init__(self, store: Store, feed: Feed, troubles: Troubles, *, poll_seconds: float = _POLL_SECONDS) -> None:
        self._store, self._feed, self._troubles = store, feed, troubles
        self._poll_seconds = poll_seconds
        # A thread of its own: whatever others ask of the store, this goes on.
        self._lane = Lane("follow", threads=1, waiting=1)

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            while True:
                try:
                    await self._follow()
                except Exception as error:
                    self._troubles.note(_WORK, error)
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            await self._lane.end(_END_SECONDS)

    async def _follow(self) -> None:
        look = await self._lane.run(_Look, self._store)
        try:
            # What happened while nobody looked was not published.
            self._feed.start_over()
            while True:
                news = await self._lane.run(look)
                self._troubles.forget(_WORK)
                if news.lost:
                    self._feed.start_over()
                if news:
                    self._feed.publish(news.invocations, skills=news.skills, anomalies=news.anomalies)
                await asyncio.sleep(self._poll_seconds)
        finally:
            # In the same thread, since it may be looking at this moment.
            await self._lane.run(look.close)


class _Look:
    """Looks for news when called; to be used from one thread at a time."""

    def __init__(self, store: Store, seconds: Callable[[], float] = time.monotonic) -> None:
        self._store, self._seconds = store, seconds
        self._tail: Tail = store.tail()
        self._shown = {row.skill_name: _window(row) for row in read_skill_rows(store)}
        self._open = {anomaly.id for anomaly in self._anomalies(_OPEN)}
        self._anomalies_at = self._windows_at = seconds()

    def __call__(self) -> News:
        invocations = self._tail.poll()
        skills = read_skill_rows(self._store, {one.skill_name for one in invocations}) if invocations else []
        now = self._seconds()
        if now - self._windows_at >= _WINDOWS_SECONDS:
            self._windows_at = now
            skills = self._slid(skills)
        self._shown.update((row.skill_name, _window(row)) for row in skills)
        anomalies: list[AnomalyRow] = []
        if now - self._anomalies_at >= _ANOMALIES_SECONDS:
            self._anomalies_at = now
            anomalies = self._changed_anomalies()
        return News(invocations=invocations, skills=skills, anomalies=anomalies, lost=self._tail.lost)

    def close(self) -> None:
        self._tail.close()

    def _slid(self, changed: Sequence[SkillRow]) -> list[SkillRow]:
        """Return the rows *changed* and those whose windows tell something else by now, though nothing happened."""
        names = {row.skill_name for row in changed}
        return [
            row
            for row in read_skill_rows(self._store)
            if row.skill_name in names or _window(row) != self._shown.get(row.skill_name)
        ]

    def _changed_anomalies(self) -> list[AnomalyRow]:
        found = {anomaly.id: anomaly for anomaly in self._anomalies(_OPEN)}
        opened = [anomaly for number, anomaly in found.items() if number not in self._open]
        gone = sorted(self._open - found.keys())
        self._open = set(found)
        resolved = self._anomalies(_NAMED.format(", ".join("?" * len(gone))), gone) if gone else []
        return [*opened, *resolved]

    def _anomalies(self, sql: str, parameters: Collection[int] = ()) -> list[AnomalyRow]:
        return msgspec.convert(list(self._store.query(sql, list(parameters))), list[AnomalyRow])


def _window(row: SkillRow) -> tuple[int, int, float | None, bool]:
    return row.invocation_count_1h, row.invocation_count_24h, row.avg_completion_rate_24h, row.is_anomalous
