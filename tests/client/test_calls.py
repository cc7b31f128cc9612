"""What is sent, and how answers are read: no sockets."""

from __future__ import annotations

import gzip
import json
from typing import Any

import msgspec
import pytest

from session_buddy.client import Recording, ServerRefused, calls
from session_buddy.client.connecting import address_of
from session_buddy.errors import InvalidInput, NotFound
from session_buddy.model import Invocation
from tests.making import invocation, many


def content(call: Any) -> Any:
    raw = gzip.decompress(call.content) if call.headers.get("Content-Encoding") == "gzip" else call.content
    return json.loads(raw)


def test_one_invocation_is_one_object_and_reads_back_as_it_was() -> None:
    one = many(1)[0]
    (call,) = calls.recordings(one, compress=False)
    assert msgspec.json.decode(call.content or b"", type=Invocation) == one
    assert (call.method, call.path, call.headers) == (
        "POST",
        "/api/v1/invocations",
        {"Content-Type": "application/json"},
    )


def test_many_are_sent_in_batches_in_order() -> None:
    sent = [content(call) for call in calls.recordings(iter(many(12_001)), compress=False)]
    assert [len(batch) if isinstance(batch, list) else 1 for batch in sent] == [5_000, 5_000, 2_001]
    ids = [one["event_id"] for batch in sent for one in batch]
    assert ids == [one.event_id for one in many(12_001)]


def test_batches_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_BYTES_AT_ONCE", 2_000)
    found = list(calls.recordings(many(50), compress=False))
    assert all(len(call.content or b"") < 2_100 for call in found)
    large = [invocation(str(number), project="p" * 5_000) for number in range(3)]
    assert len(list(calls.recordings(large, compress=False))) == 3


def test_nothing_to_record_is_nothing_to_send() -> None:
    assert list(calls.recordings([], compress=False)) == []


def test_large_bodies_are_compressed_where_that_pays() -> None:
    (large,) = calls.recordings(many(500), compress=True)
    assert large.headers["Content-Encoding"] == "gzip"
    assert len(content(large)) == 500
    (small,) = calls.recordings(many(2), compress=True)
    assert "Content-Encoding" not in small.headers


def test_recordings_add() -> None:
    stored, spooled = Recording("stored", 5, 4), Recording("spooled", 1, 1)
    assert Recording() + stored == stored
    assert stored + spooled == spooled + stored == Recording("spooled", 6, 5)


def test_parameters_that_are_not_given_are_not_sent() -> None:
    call = calls.skills(order="uses", kinds=["skill", "mcp"], days=None, tools=False, limit=5, cursor=None)
    assert call.parameters == {"order": "uses", "kind": ["skill", "mcp"], "tools": "false", "limit": "5"}


@pytest.mark.parametrize(
    ("name", "path"), [("/clear", "%2Fclear"), ("a b?c#d", "a%20b%3Fc%23d"), ("ä%2F", "%C3%A4%252F")]
)
def test_names_stay_one_part_of_the_path(name: str, path: str) -> None:
    assert calls.skill(name, tools=False).path == f"/api/v1/skills/{path}"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_would_be_another_path_is_no_name(name: str) -> None:
    with pytest.raises(ServerRefused, match="is no name"):
        calls.session(name, tools=False)


def test_an_unknown_name_comes_with_suggestions() -> None:
    body = b'{"error":{"type":"NotFound","problem":"P.","remedy":"R.","suggestions":["a"]}}'
    with pytest.raises(NotFound, match=r"P\. R\.") as raised:
        calls.skill("x", tools=False).read(404, body)
    assert raised.value.suggestions == ["a"]


def test_a_refusal_carries_everything_that_the_server_said() -> None:
    items = [{"index": 3, "field": "kind", "problem": "Q.", "remedy": "S."}]
    body = {"error": {"type": "InvalidBatch", "problem": "P.", "remedy": "R.", "field": "[3].kind", "items": items}}
    with pytest.raises(ServerRefused, match=r"P\. R\.") as raised:
        calls.health().read(422, json.dumps(body).encode())
    error = raised.value
    assert (error.type, error.status, error.field, error.items) == ("InvalidBatch", 422, "[3].kind", items)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error":1}', b"\xff"])
def test_a_refusal_by_something_else_says_so(body: bytes) -> None:
    with pytest.raises(ServerRefused, match=r"status 404.*Is this the address of a Session-Buddy server") as raised:
        calls.health().read(404, body)
    assert raised.value.status == 404


def test_an_answer_of_another_version_says_so() -> None:
    with pytest.raises(ServerRefused, match="Do the server and this client have the same version"):
        calls.sessions(limit=1, cursor=None).read(200, b'{"other":1}')


def test_addresses() -> None:
    near = address_of("http://127.0.0.1:8765/", "sbk_x")
    assert (near.url, near.live_url, near.is_near) == (
        "http://127.0.0.1:8765",
        "ws://127.0.0.1:8765/api/v1/live",
        True,
    )
    assert near.options()["additional_headers"] == {"Authorization": "Bearer sbk_x"}
    far = address_of("https://example.org/buddy", None)
    assert (far.live_url, far.headers, far.is_near) == ("wss://example.org/buddy/api/v1/live", {}, False)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8765", "ftp://a", "http://", "http://a:x", "http://a:0", "http://a?b", "http://[a"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="is no address of a server"):
        address_of(url, None)
