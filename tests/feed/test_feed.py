"""Publishing: who is told what."""

from __future__ import annotations

import pytest

from session_buddy.feed import Feed, FeedFull, FeedLimits
from session_buddy.feed.messages import AnomalyRow, Delta, Heartbeat, Position, Recovered, Snapshot
from tests.feed.telling import Listener, row, supply
from tests.making import NOW, invocation


def anomaly(skill_name: str) -> AnomalyRow:
    return AnomalyRow(id=1, skill_name=skill_name, detected_at=NOW, anomaly_type="drop")


def listener(feed: Feed, *topics: str) -> Listener:
    made = Listener(feed)
    made.subscriber.subscribe(topics)
    supply(feed, made.subscriber)
    made.listen()
    return made


def test_a_delta_tells_each_subscriber_what_it_asked_for_in_order() -> None:
    feed = Feed("e")
    everything, one_skill, category = (
        listener(feed, "all"),
        listener(feed, "skill:a"),
        listener(feed, "category:testing"),
    )
    other = listener(feed, "skill:z", "category:none")
    feed.publish(
        [invocation("1", skill_name="a"), invocation("2", skill_name="b"), invocation("3", skill_name="a")],
        skills=[row("a"), row("b", category="testing")],
        anomalies=[anomaly("b")],
    )
    told = [
        [([s.skill_name for s in m.skills], [i.event_id for i in m.invocations], [a.skill_name for a in m.anomalies])
         for m in one.listen() if isinstance(m, Delta)]
        for one in (everything, one_skill, category, other)
    ]  # fmt: skip
    assert told == [
        [(["a", "b"], ["1", "2", "3"], ["b"])],
        [(["a"], ["1", "3"], [])],
        [(["b"], ["2"], ["b"])],
        [],
    ]


def test_an_invocation_carries_the_category_of_its_skill_also_when_its_row_came_earlier() -> None:
    feed = Feed("e")
    hearing = listener(feed, "category:testing")
    feed.publish(skills=[row("a", category="testing")])
    feed.publish([invocation("1", skill_name="a")])
    *_, last = hearing.listen()
    assert isinstance(last, Delta)
    assert [(one.event_id, one.category) for one in last.invocations] == [("1", "testing")]


def test_whoever_hears_of_a_rarely_used_skill_is_told_of_it() -> None:
    feed = Feed("e")
    rare = listener(feed, "skill:skill-199")
    for number in range(200):
        feed.publish([invocation(str(number), skill_name=f"skill-{number}")])
    assert [type(message) for message in rare.listen()] == [Delta]


def test_after_unsubscribing_from_everything_nothing_comes() -> None:
    feed = Feed("e")
    hearing = listener(feed, "skill:a", "skill:b")
    hearing.subscriber.unsubscribe(["skill:a"])
    feed.publish([invocation("1", skill_name="a")])
    assert hearing.listen() == []
    hearing.subscriber.unsubscribe(["skill:b"])
    feed.publish([invocation("2", skill_name="a"), invocation("3", skill_name="b")])
    feed.start_over()
    assert hearing.listen() == []
    assert not hearing.subscriber.needs_snapshot
    assert hearing.subscriber.topics == frozenset()


def test_subscribing_twice_tells_nothing_twice() -> None:
    feed = Feed("e")
    hearing = listener(feed, "all")
    hearing.subscriber.subscribe(["all", "skill:a"])
    supply(feed, hearing.subscriber)
    feed.publish([invocation("1", skill_name="a")])
    assert [type(message) for message in hearing.listen()] == [Snapshot, Delta]


def test_the_message_is_made_once_for_all_with_the_same_topics() -> None:
    feed = Feed("e")
    hearing = [listener(feed, "skill:a", "skill:b") for _ in range(3)]
    feed.publish([invocation("1", skill_name="a")])
    first, *others = [one.subscriber.take(1_000)[0] for one in hearing]
    assert all(other is first for other in others)
    made = []
    for _ in range(2):
        first.form(made_by := lambda message: made.append(message) or b"framed")  # type: ignore[func-returns-value]
        first.form(made_by)
    assert len(made) == 2, "a form is made once for each framing"


def test_subscribers_that_come_and_go_while_they_are_told_disturb_nobody() -> None:
    feed = Feed("e")
    stays = listener(feed, "all")
    joined: list[Listener] = []

    def come_and_go() -> None:
        if feed.offset and not joined:
            joined.append(listener(feed, "all"))
            leaving.leave()

    leaving = feed.join(come_and_go)
    leaving.subscribe(["all"], since=feed.position)
    leaving.take(1_000)
    last = listener(feed, "all")
    feed.publish([invocation("1")])
    assert [type(message) for message in stays.listen()] == [Delta]
    assert [type(message) for message in last.listen()] == [Delta]
    feed.publish([invocation("2")])
    assert [type(message) for message in joined[0].listen()] == [Delta]
    assert len(feed) == 3


def test_much_at_once_becomes_several_deltas() -> None:
    feed = Feed("e", limits=FeedLimits(rows_per_delta=3))
    hearing = listener(feed, "all")
    offset = feed.publish(
        [invocation(str(number)) for number in range(7)], skills=[row(f"s{number}") for number in range(5)]
    )
    deltas = [message for message in hearing.listen() if isinstance(message, Delta)]
    assert [len(delta.invocations) for delta in deltas] == [3, 3, 1]
    assert [len(delta.skills) for delta in deltas] == [3, 2, 0]
    assert offset == feed.offset == 3


def test_nothing_published_is_nothing_told() -> None:
    feed = Feed("e")
    hearing = listener(feed, "all")
    assert feed.publish([]) == 0
    assert hearing.listen() == []


def test_a_feed_takes_so_many_subscribers_and_no_more() -> None:
    feed = Feed("e", limits=FeedLimits(subscribers=2))
    first, _ = listener(feed, "all"), listener(feed, "all")
    with pytest.raises(FeedFull, match=r"2 subscribers already\. Try again in a minute\.") as refused:
        listener(feed, "all")
    assert refused.value.retry_after_seconds == 60
    first.subscriber.leave()
    first.subscriber.leave()
    assert len(feed) == 1
    listener(feed, "all")


def test_who_left_is_not_told_and_not_remembered() -> None:
    feed = Feed("e")
    hearing = listener(feed, "skill:a", "category:b")
    hearing.subscriber.leave()
    feed.publish([invocation("1", skill_name="a")])
    assert hearing.listen() == []
    assert (feed._scopes, feed._by_topic, feed._subscribers) == ({}, {}, {})


def test_who_comes_back_in_time_gets_exactly_what_it_missed() -> None:
    feed = Feed("e")
    for number in range(1, 7):
        feed.publish([invocation(str(number), skill_name="a" if number % 2 else "b")])
    back = Listener(feed)
    back.subscriber.subscribe(["skill:a"], since=Position("e", 2))
    *deltas, last = back.listen()
    assert [delta.offset for delta in deltas if isinstance(delta, Delta)] == [3, 5]
    assert last == Recovered(epoch="e", offset=6)
    feed.publish([invocation("7", skill_name="a")])
    assert [message.offset for message in back.listen() if isinstance(message, Delta)] == [7]


def test_who_missed_nothing_is_told_so() -> None:
    feed = Feed("e")
    feed.publish([invocation("1")])
    back = Listener(feed)
    back.subscriber.subscribe(["all"], since=feed.position)
    assert back.listen() == [Recovered(epoch="e", offset=1)]


@pytest.mark.parametrize(
    "since", [Position("other", 1), Position("e", 3), Position("e", 10**14)], ids=["epoch", "future", "far future"]
)
def test_a_position_that_is_not_of_this_feed_leads_to_a_snapshot(since: Position) -> None:
    feed = Feed("e")
    feed.publish([invocation("1")])
    feed.publish([invocation("2")])
    back = Listener(feed)
    back.subscriber.subscribe(["all"], since=since)
    assert back.listen() == []
    supply(feed, back.subscriber)
    (snapshot,) = back.listen()
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.recovered, snapshot.offset) == (False, 2)


def test_a_position_too_long_ago_leads_to_a_snapshot() -> None:
    feed = Feed("e", limits=FeedLimits(kept_deltas=3))
    for number in range(10):
        feed.publish([invocation(str(number))])
    assert len(feed.past) == 3
    for offset, recovers in ((6, False), (7, True), (10, True)):
        back = Listener(feed)
        back.subscriber.subscribe(["all"], since=Position("e", offset))
        assert back.subscriber.needs_snapshot is not recovers


def test_the_past_is_bounded_in_memory_but_keeps_the_last() -> None:
    feed = Feed("e", limits=FeedLimits(kept_bytes=20_000))
    for number in range(100):
        feed.publish([invocation(f"{number}-{one}") for one in range(5)])
        assert feed.past.size_bytes < 20_000
    assert 1 < len(feed.past) < 20
    feed.publish([invocation(f"last-{one}") for one in range(200)])
    assert len(feed.past) == 1


def test_what_was_not_published_makes_everybody_start_over() -> None:
    feed = Feed("e")
    hearing = listener(feed, "all")
    feed.publish([invocation("1")])
    feed.start_over()
    assert hearing.listen() == []
    assert hearing.subscriber.needs_snapshot
    assert not feed.can_recover(Position("e", 1))
    assert feed.can_recover(Position("e", 2))
    feed.publish([invocation("2")])
    assert feed.can_recover(Position("e", 2))


def test_a_heartbeat_says_where_the_feed_is() -> None:
    feed = Feed("e")
    first = feed.heartbeat()
    assert feed.heartbeat() is first
    feed.publish([invocation("1")])
    hearing = listener(feed, "all")
    hearing.subscriber.tell(feed.heartbeat())
    assert hearing.listen() == [Heartbeat(epoch="e", offset=1)]


@pytest.mark.parametrize("epoch", ["", "a\nb"])
def test_an_epoch_is_one_line(epoch: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Feed(epoch)
