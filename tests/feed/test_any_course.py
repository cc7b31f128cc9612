"""Whatever happens in whatever order: in the end a client knows what is so, and was told nothing twice."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from session_buddy.feed import Feed, FeedLimits
from session_buddy.feed.messages import SkillRow
from session_buddy.feed.past import Message
from tests.feed.telling import Listener, hears, row, snapshot_of, supply

_CATEGORIES = {"a": "x", "b": "x", "c": "y", "d": None}
_LIMITS = FeedLimits(kept_deltas=6, queue_messages=3, kept_bytes=6_000, queue_bytes=1_500)
topics = st.lists(
    st.sampled_from(["all", "skill:a", "skill:b", "skill:c", "skill:d", "category:x", "category:y"]),
    min_size=1,
    max_size=3,
)


class AnyCourse(RuleBasedStateMachine):
    listeners = Bundle("listeners")

    @initialize()
    def begin(self) -> None:
        self.feed = Feed("e", limits=_LIMITS)
        self.rows: dict[str, SkillRow] = {}
        self.there: list[Listener] = []
        self.reading: dict[Listener, tuple[int, Message]] = {}
        self.count = 0

    @rule(target=listeners)
    def join(self) -> Listener:
        self.there.append(Listener(self.feed))
        return self.there[-1]

    @rule(names=st.lists(st.sampled_from("abcd"), min_size=1, max_size=2, unique=True), published=st.booleans())
    def change(self, names: list[str], published: bool) -> None:
        self.count += 1
        new = [row(name, self.count, category=_CATEGORIES[name]) for name in names]
        self.rows.update((one.skill_name, one) for one in new)
        if published:
            self.feed.publish(skills=new)
        else:
            self.feed.start_over()

    @rule(listener=listeners, wanted=topics)
    def subscribe(self, listener: Listener, wanted: list[str]) -> None:
        if listener in self.there:
            listener.subscriber.subscribe(wanted)

    @rule(listener=listeners, wanted=topics)
    def unsubscribe(self, listener: Listener, wanted: list[str]) -> None:
        if listener in self.there:
            listener.subscriber.unsubscribe(wanted)

    @rule(listener=listeners, budget=st.integers(1, 2_000))
    def listen_a_little(self, listener: Listener, budget: int) -> None:
        listener.listen(budget, times=1)

    @rule(listener=listeners)
    def begin_reading(self, listener: Listener) -> None:
        if listener.subscriber.needs_snapshot:
            ticket = listener.subscriber.begin_snapshot()
            self.reading[listener] = ticket, snapshot_of(self.feed, listener.subscriber, self.rows)

    @rule(listener=listeners)
    def end_reading(self, listener: Listener) -> None:
        if listener in self.reading:
            listener.subscriber.give_snapshot(*self.reading.pop(listener))

    @rule(target=listeners, listener=listeners)
    def come_back(self, listener: Listener) -> object:
        if listener not in self.there:
            return multiple()
        self.there.remove(listener)
        wanted, since = listener.subscriber.topics, listener.since
        listener.subscriber.leave()
        # Only what it has heard counts; a client without a whole picture has no position.
        back = Listener(self.feed)
        if wanted:
            has_all = since is not None and set(listener.rows) >= {
                name for name, one in self.rows.items() if hears(wanted, one)
            }
            back.rows, back.since = (dict(listener.rows), since) if has_all else ({}, None)
            back.subscriber.subscribe(wanted, since=back.since)
        self.there.append(back)
        return back

    @invariant()
    def bounds_hold(self) -> None:
        for listener in getattr(self, "there", ()):
            assert listener.subscriber.queued_bytes <= max(_LIMITS.queue_bytes, 2_500)
        assert len(self.feed.past) <= _LIMITS.kept_deltas

    def teardown(self) -> None:
        for listener in getattr(self, "there", ()):
            if listener in self.reading:
                listener.subscriber.give_snapshot(*self.reading.pop(listener))
            for _ in range(3):
                supply(self.feed, listener.subscriber, self.rows)
                listener.listen()
            assert listener.subscriber.is_current
            wanted = listener.subscriber.topics
            expected = {name: one for name, one in self.rows.items() if hears(wanted, one)}
            assert {name: one for name, one in listener.rows.items() if hears(wanted, one)} == expected


AnyCourse.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyCourse = pytest.mark.long(AnyCourse.TestCase)
