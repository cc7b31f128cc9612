"""The state of a listener: no sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session_buddy.client import Delta, Position, Recovered, ServerRefused, Snapshot
from session_buddy.client.listening import Listening
from session_buddy.errors import InvalidInput


def text(kind: str, offset: int, epoch: str = "e", **more: Any) -> str:
    rows = {"skills": [], "invocations": [], "anomalies": []} if kind in ("snapshot", "delta") else {}
    return json.dumps({"type": kind, "epoch": epoch, "offset": offset, **rows, **more})


def begun(offset: int = 5) -> Listening:
    listening = Listening(["all"])
    assert isinstance(listening.heard(text("snapshot", offset)), Snapshot)
    return listening


def test_it_asks_for_a_snapshot_first_and_then_for_what_it_missed() -> None:
    listening = Listening(["skill:b", "all"])
    assert json.loads(listening.greeting()) == {"type": "subscribe", "topics": ["all", "skill:b"], "since": None}
    listening.heard(text("snapshot", 5))
    listening.heard(text("delta", 7))
    assert json.loads(listening.greeting())["since"] == {"epoch": "e", "offset": 7}


def test_a_position_from_an_earlier_run_is_taken_up() -> None:
    assert json.loads(Listening("all", Position("e", 3)).greeting())["since"] == {"epoch": "e", "offset": 3}


def test_deltas_come_once_and_in_order() -> None:
    listening = begun()
    heard = [listening.heard(text("delta", offset)) for offset in (6, 6, 8, 7, 5, 9)]
    assert [delta.offset for delta in heard if isinstance(delta, Delta)] == [6, 8, 9]


def test_heartbeats_move_the_position_and_are_not_told() -> None:
    listening = begun()
    assert listening.heard(text("heartbeat", 9)) is None
    assert listening.position == Position("e", 9)
    assert listening.heard(text("heartbeat", 3)) is None
    assert listening.heard(text("heartbeat", 30, epoch="other")) is None
    assert listening.position == Position("e", 9)


def test_nothing_is_known_before_the_first_snapshot() -> None:
    listening = Listening(["all"])
    assert listening.heard(text("heartbeat", 9)) is None
    assert listening.heard(text("delta", 10)) is None
    assert listening.position is None


def test_a_snapshot_of_another_life_starts_over() -> None:
    listening = begun()
    assert listening.heard(text("delta", 99, epoch="other")) is None
    assert isinstance(listening.heard(text("snapshot", 0, epoch="other")), Snapshot)
    assert isinstance(listening.heard(text("delta", 1, epoch="other")), Delta)


def test_that_everything_was_recovered_is_told() -> None:
    listening = begun()
    assert isinstance(listening.heard(text("recovered", 8)), Recovered)
    assert listening.position == Position("e", 8)


def test_what_a_later_server_says_is_passed_over() -> None:
    listening = begun()
    assert listening.heard('{"type":"weather"}') is None
    assert listening.heard(text("pong", 0)) is None


def failure(**fields: str) -> str:
    return json.dumps({"type": "error", "error": {"type": "T", "problem": "P.", "remedy": "R.", **fields}})


def test_what_the_listener_did_wrong_is_raised_what_the_server_fails_at_passes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listening = begun()
    assert listening.heard(failure()) is None
    assert "The server says: P. R." in caplog.text
    with pytest.raises(ServerRefused, match=r"P\. R\.") as refused:
        listening.heard(failure(field="topics"))
    assert (refused.value.type, refused.value.field, refused.value.status) == ("T", "topics", None)


def test_what_is_no_message_is_no_session_buddy() -> None:
    with pytest.raises(ServerRefused, match="Is this the live feed"):
        begun().heard("<html>")


@pytest.mark.parametrize("topics", [[], ["nonsense"], "skill:"])
def test_topics_that_are_none_are_refused_before_anything_is_sent(topics: Any) -> None:
    with pytest.raises(InvalidInput):
        Listening(topics)
