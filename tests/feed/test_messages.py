"""Messages: what is read, what is refused."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.errors import InvalidInput, NotFound, SessionBuddyError
from session_buddy.feed.messages import (
    Delta,
    Failure,
    Heartbeat,
    InvocationRow,
    Ping,
    Position,
    SkillRow,
    Subscribe,
    Unsubscribe,
    read_client_message,
    read_server_message,
)
from session_buddy.feed.past import PastDelta
from tests.feed.telling import row
from tests.making import invocations


def test_what_clients_send_is_read() -> None:
    assert read_client_message('{"type":"ping"}') == Ping()
    assert read_client_message('{"type":"unsubscribe","topics":["all"]}') == Unsubscribe(["all"])
    told = '{"type":"subscribe","topics":["all"],"since":{"epoch":"e","offset":12},"later":1}'
    assert read_client_message(told) == Subscribe(["all"], Position("e", 12))
    assert read_client_message('{"type":"subscribe","topics":[],"since":null}') == Subscribe([])


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "1", "{", "\x00", '{"type":"dance"}', '{"type":1}', '{"topics":["all"]}',
        '{"type":"subscribe"}', '{"type":"subscribe","topics":"all"}', '{"type":"subscribe","topics":[1]}',
        '{"type":"subscribe","topics":["all"],"since":12}', '{"type":"subscribe","topics":["all"],"since":{}}',
        '{"type":"subscribe","topics":["all"],"since":{"epoch":"e","offset":-1}}',
        '{"type":"subscribe","topics":["all"],"since":{"epoch":"e","offset":1.5}}',
        '{"type":"subscribe","topics":["all"],"since":{"epoch":"e","offset":1e30}}',
        '{"type":"subscribe","topics":["all"],"since":{"epoch":"e","offset":99999999999999999999}}',
        '{"type":"subscribe","topics":["all"],"since":{"epoch":7,"offset":1}}',
        "[" * 100_000, '{"type":' * 10_000, '{"type":"subscribe","topics":["\\ud800"]}\ud800',
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_client_message(text)
    assert refused.value.remedy


@given(st.text() | st.binary())
def test_whatever_is_sent_is_read_or_refused(sent: str | bytes) -> None:
    for read in (read_client_message, read_server_message):
        try:
            read(sent)
        except SessionBuddyError as error:
            assert error.problem


def test_a_message_of_a_later_version_is_passed_over() -> None:
    assert read_server_message('{"type":"weather","sun":true}') is None
    with pytest.raises(InvalidInput, match="message"):
        read_server_message('{"type":"delta"}')


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert read_server_message('{"type":"heartbeat","epoch":"e","offset":1,"more":2}') == Heartbeat(epoch="e", offset=1)


def test_an_error_has_the_one_shape() -> None:
    failure = Failure.of(NotFound("Nothing is called x.", remedy="Take another.", suggestions=["y"]))
    assert json.loads(msgspec.json.encode(failure)) == {
        "type": "error",
        "error": {
            "type": "NotFound",
            "problem": "Nothing is called x.",
            "remedy": "Take another.",
            "suggestions": ["y"],
        },
    }


def test_an_error_does_not_send_back_all_that_was_sent() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_client_message('{"type":"' + "x" * 50_000 + '"}')
    assert len(Failure.of(refused.value).error.problem) <= 1_000


@pytest.mark.parametrize("text", ["e:12", "a:b:0", "2026-01-01T00:00:00.000Z-x:999999999999999"])
def test_a_position_is_written_and_read(text: str) -> None:
    assert str(Position.parse(text)) == text


@pytest.mark.parametrize("text", ["", ":", "e", "e:", ":1", "e:-1", "e:1.0", "e:²", "e:1x", "e: 1", "e:" + "9" * 99])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"since: .*is not epoch:offset"):
        Position.parse(text)


names = st.sampled_from(["a", "b", 'c"],', "d\\", "é\n"])
categories = st.sampled_from([None, "x", "y"])


@given(
    st.lists(st.tuples(names, categories), max_size=5),
    st.lists(invocations(), max_size=5),
    st.lists(names, min_size=1, max_size=3),
)
def test_what_is_cut_from_a_delta_is_what_a_filter_would_leave(
    rows: list[tuple[str, str | None]], used: list[object], wanted: list[str]
) -> None:
    skills = [row(name, category=category) for name, category in rows]
    by_name = {skill.skill_name: skill.category for skill in skills}
    told = [InvocationRow.of(one, by_name.get(one.skill_name)) for one in used]  # type: ignore[attr-defined,arg-type]
    delta = PastDelta(Position("e", 3), skills, told, [], by_name.get)
    topics = frozenset([f"skill:{name}" for name in wanted] + ["category:x"])

    def hears(one: SkillRow | InvocationRow) -> bool:
        return one.skill_name in wanted or by_name.get(one.skill_name) == "x"

    expected = Delta(
        epoch="e",
        offset=3,
        skills=[one for one in skills if hears(one)],
        invocations=[one for one in told if hears(one)],
        anomalies=[],
    )
    message = delta.message(topics)
    if message is None:
        assert not expected.skills
        assert not expected.invocations
    else:
        assert message.text == msgspec.json.encode(expected)
    whole = Delta(epoch="e", offset=3, skills=skills, invocations=told, anomalies=[])
    assert delta.message(frozenset(["all"])) is delta.whole
    assert delta.whole.text == msgspec.json.encode(whole)
