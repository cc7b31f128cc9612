"""What tests of the feed need: rows, a client that keeps what it was told, a feed with small limits."""

from __future__ import annotations

from typing import Any

import msgspec

from session_buddy.feed import Feed, FeedLimits, Message, Subscriber
from session_buddy.feed.messages import Delta, FromServer, Position, SkillRow, Snapshot, read_server_message
from tests.making import NOW


def small(**limits: int) -> FeedLimits:
    return FeedLimits(**limits)


def row(skill_name: str, total: int = 1, *, category: str | None = None) -> SkillRow:
    return SkillRow(
        skill_name=skill_name,
        kind="skill",
        category=category,
        last_invocation_at=NOW,
        invocation_count_1h=total,
        invocation_count_24h=total,
        total_invocations=total,
        updated_at=NOW,
    )


def said(subscriber: Subscriber, budget: int = 1 << 20) -> list[FromServer]:
    """Take everything that waits."""
    found: list[FromServer] = []
    while messages := subscriber.take(budget):
        for message in messages:
            decoded = read_server_message(message.text)
            assert decoded is not None
            found.append(decoded)
    return found


def supply(feed: Feed, subscriber: Subscriber, rows: dict[str, SkillRow] | None = None) -> None:
    """Give *subscriber* a snapshot of *rows*, if it needs one."""
    if subscriber.needs_snapshot:
        ticket = subscriber.begin_snapshot()
        subscriber.give_snapshot(ticket, snapshot_of(feed, subscriber, rows or {}))


def snapshot_of(feed: Feed, subscriber: Subscriber, rows: dict[str, SkillRow]) -> Message:
    shown = [one for one in rows.values() if hears(subscriber.topics, one)]
    snapshot = Snapshot(epoch=feed.epoch, offset=feed.offset, skills=shown, invocations=[], anomalies=[])
    return Message(msgspec.json.encode(snapshot), feed.position)


def hears(topics: frozenset[str], one: SkillRow) -> bool:
    return bool(topics & {"all", f"skill:{one.skill_name}", f"category:{one.category}"})


class Listener:
    """A client: keeps the rows that it was told, and the position to come back with."""

    def __init__(self, feed: Feed) -> None:
        self.woken = 0
        self.subscriber = feed.join(self._wake)
        self.rows: dict[str, SkillRow] = {}
        self.since: Position | None = None
        self.heard: list[FromServer] = []

    def _wake(self) -> None:
        self.woken += 1

    def listen(self, budget: int = 1 << 20, times: int | None = None) -> list[FromServer]:
        new: list[FromServer] = []
        while times is None or times > 0:
            times = None if times is None else times - 1
            messages = self.subscriber.take(budget)
            if not messages:
                break
            for message in messages:
                decoded = read_server_message(message.text)
                assert decoded is not None
                self._note(decoded)
                new.append(decoded)
        self.heard += new
        return new

    def _note(self, message: Any) -> None:
        if isinstance(message, Snapshot):
            self.rows = {one.skill_name: one for one in message.skills}
        elif isinstance(message, Delta):
            assert self.since is None or message.offset > self.since.offset, "a delta came twice, or out of order"
            self.rows.update((one.skill_name, one) for one in message.skills)
        if hasattr(message, "offset"):
            self.since = Position(message.epoch, message.offset)
