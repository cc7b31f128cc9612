"""One subscriber: its bounds, and what a slow one gets."""

from __future__ import annotations

import pytest

from session_buddy.errors import InvalidInput
from session_buddy.feed import Feed, FeedLimits, Message
from session_buddy.feed.messages import Delta, Position, Recovered, Snapshot
from tests.feed.telling import Listener, row, snapshot_of, supply
from tests.making import invocation


def current(feed: Feed, *topics: str) -> Listener:
    made = Listener(feed)
    made.subscriber.subscribe(topics or ["all"], since=feed.position)
    made.listen()
    return made


def test_a_slow_subscriber_gets_one_snapshot_for_all_it_missed_and_others_get_every_delta() -> None:
    feed = Feed("e", limits=FeedLimits(queue_messages=4))
    slow, quick = current(feed), current(feed)
    for number in range(20):
        feed.publish([invocation(str(number))])
        quick.listen()
    assert [message.offset for message in quick.heard if isinstance(message, Delta)] == list(range(1, 21))
    assert slow.subscriber.needs_snapshot
    assert slow.subscriber.queued_bytes == 0
    supply(feed, slow.subscriber)
    feed.publish([invocation("later")])
    assert [(type(message), message.offset) for message in slow.listen()] == [(Snapshot, 20), (Delta, 21)]


def test_what_waits_is_bounded_in_bytes_too() -> None:
    feed = Feed("e", limits=FeedLimits(queue_bytes=3_000))
    slow = current(feed)
    most = 0
    for number in range(50):
        feed.publish([invocation(str(number))])
        most = max(most, slow.subscriber.queued_bytes)
    assert 0 < most <= 3_000
    assert slow.subscriber.needs_snapshot


def test_one_message_alone_may_be_over_the_bound() -> None:
    feed = Feed("e", limits=FeedLimits(queue_bytes=100))
    hearing = current(feed)
    feed.publish([invocation(str(number)) for number in range(50)])
    assert [type(message) for message in hearing.listen()] == [Delta]


def test_it_is_woken_once_for_what_waits_together() -> None:
    feed = Feed("e")
    hearing = current(feed)
    before = hearing.woken
    for number in range(5):
        feed.publish([invocation(str(number))])
    assert hearing.woken == before + 1
    hearing.listen()
    feed.publish([invocation("again")])
    assert hearing.woken == before + 2


def test_deltas_published_while_a_snapshot_is_read_come_after_it() -> None:
    feed = Feed("e", limits=FeedLimits(queue_messages=2))
    hearing = Listener(feed)
    hearing.subscriber.subscribe(["all"])
    ticket = hearing.subscriber.begin_snapshot()
    snapshot = snapshot_of(feed, hearing.subscriber, {})
    for number in range(10):
        feed.publish([invocation(str(number))])
    assert hearing.listen() == []
    hearing.subscriber.give_snapshot(ticket, snapshot)
    assert [message.offset for message in hearing.listen()] == [*range(11)]


def test_a_snapshot_from_before_the_kept_past_is_asked_for_again() -> None:
    feed = Feed("e", limits=FeedLimits(kept_deltas=2))
    hearing = Listener(feed)
    hearing.subscriber.subscribe(["all"])
    ticket = hearing.subscriber.begin_snapshot()
    snapshot = snapshot_of(feed, hearing.subscriber, {})
    for number in range(5):
        feed.publish([invocation(str(number))])
    hearing.subscriber.give_snapshot(ticket, snapshot)
    assert [type(message) for message in hearing.listen()] == [Snapshot]
    assert hearing.subscriber.needs_snapshot


@pytest.mark.parametrize("change", ["subscribe", "unsubscribe", "leave"])
def test_a_snapshot_of_other_topics_than_are_wanted_by_now_is_dropped(change: str) -> None:
    feed = Feed("e")
    hearing = Listener(feed)
    subscriber = hearing.subscriber
    subscriber.subscribe(["skill:a", "skill:b"])
    ticket = subscriber.begin_snapshot()
    stale = snapshot_of(feed, subscriber, {})
    if change == "subscribe":
        subscriber.subscribe(["skill:c"])
    elif change == "unsubscribe":
        subscriber.unsubscribe(["skill:b"])
    else:
        subscriber.leave()
    subscriber.give_snapshot(ticket, stale)
    assert hearing.listen() == []
    assert subscriber.needs_snapshot is (change != "leave")


def test_a_snapshot_that_could_not_be_read_is_needed_still() -> None:
    feed = Feed("e")
    subscriber = feed.join(lambda: None)
    subscriber.subscribe(["all"])
    ticket = subscriber.begin_snapshot()
    assert not subscriber.needs_snapshot
    subscriber.give_up_snapshot(ticket - 1)
    assert not subscriber.needs_snapshot
    subscriber.give_up_snapshot(ticket)
    assert subscriber.needs_snapshot


def test_missed_deltas_are_taken_in_portions_and_recovered_comes_last() -> None:
    feed = Feed("e", limits=FeedLimits(queue_messages=2, queue_bytes=500))
    for number in range(50):
        feed.publish([invocation(str(number))])
    back = Listener(feed)
    back.subscriber.subscribe(["all"], since=Position("e", 0))
    assert len(back.listen(budget=1_000, times=1)) < 10
    feed.publish([invocation("meanwhile")])
    back.listen(budget=1_000)
    assert [message.offset for message in back.heard] == [*range(1, 52), 51]
    assert isinstance(back.heard[-1], Recovered)


def test_who_recovers_too_slowly_gets_a_snapshot() -> None:
    feed = Feed("e", limits=FeedLimits(kept_deltas=10))
    for number in range(10):
        feed.publish([invocation(str(number))])
    back = Listener(feed)
    back.subscriber.subscribe(["all"], since=Position("e", 0))
    back.listen(budget=1, times=2)
    for number in range(20):
        feed.publish([invocation(f"more-{number}")])
    assert back.listen() == []
    assert back.subscriber.needs_snapshot


def test_replies_come_before_what_else_waits() -> None:
    feed = Feed("e")
    hearing = current(feed)
    feed.publish([invocation("1")])
    hearing.subscriber.tell(Message(b'{"type":"pong"}'))
    assert hearing.subscriber.unanswered == 1
    first, second = (type(message).__name__ for message in hearing.listen())
    assert (first, second) == ("Pong", "Delta")
    assert hearing.subscriber.is_current


@pytest.mark.parametrize(
    "topic", ["", "al", "ALL", "skill", "skill:", "skill:  ", "category:", "user:a", "all:x", ":", "skill:" + "x" * 500]
)
def test_what_is_no_topic_is_refused_and_changes_nothing(topic: str) -> None:
    feed = Feed("e")
    hearing = current(feed, "skill:a")
    for change in (hearing.subscriber.subscribe, hearing.subscriber.unsubscribe):
        with pytest.raises(InvalidInput, match=r"^topics: ") as refused:
            change(["skill:b", topic])
        assert refused.value.field == "topics"
    assert hearing.subscriber.topics == {"skill:a"}
    feed.publish([invocation("1", skill_name="a")])
    assert [type(message) for message in hearing.listen()] == [Delta]


def test_no_topics_at_all_are_refused() -> None:
    with pytest.raises(InvalidInput, match="none is given"):
        Feed("e").join(lambda: None).subscribe([])


def test_topics_of_one_client_are_bounded() -> None:
    feed = Feed("e", limits=FeedLimits(topics_per_subscriber=10))
    subscriber = feed.join(lambda: None)
    subscriber.subscribe([f"skill:{number}" for number in range(8)])
    with pytest.raises(InvalidInput, match=r"11 are too many\. Up to 10 at once"):
        subscriber.subscribe([f"skill:{number}" for number in range(5, 11)])
    assert len(subscriber.topics) == 8
    subscriber.unsubscribe([f"skill:{number}" for number in range(5_000)])
    subscriber.subscribe([f"skill:{number}" for number in range(10, 20)])
    assert len(subscriber.topics) == 10


def test_names_with_colons_and_signs_of_any_kind_are_names() -> None:
    feed = Feed("e")
    name = 'plugin:do "it" <b>ä\u2028</b>'
    hearing = current(feed, f"skill:{name}")
    feed.publish([invocation("1", skill_name=name)], skills=[row(name)])
    (delta,) = hearing.listen()
    assert isinstance(delta, Delta)
    assert delta.invocations[0].skill_name == delta.skills[0].skill_name == name


def test_leaving_all_for_one_skill_narrows_it() -> None:
    feed = Feed("e")
    hearing = current(feed, "all", "skill:a")
    hearing.subscriber.unsubscribe(["all"])
    feed.publish([invocation("1", skill_name="b")])
    feed.publish([invocation("2", skill_name="a")])
    assert [message.offset for message in hearing.listen() if isinstance(message, Delta)] == [2]
