"""The REST API over a real socket: recording."""

from __future__ import annotations

import gzip
import json
import socket
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from session_buddy.errors import StoreAway, StoreFull
from session_buddy.model import Invocation
from session_buddy.server.bodies import inflated
from session_buddy.server.problems import BodyTooLarge
from session_buddy.server.site import BodyLimits
from session_buddy.storage import Recorded
from session_buddy.storage.outbox import Standing
from tests.making import NOW, many
from tests.server.serving_kit import Served, read_all, served

PLACE = "/api/v1/invocations"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = BodyLimits(body_bytes=200_000, body_seconds=1.0, batch_events=50)
    with served(tmp_path_factory.mktemp("server"), limits=limits) as server:
        yield server


def told(event_id: str = "e1", **fields: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "session_id": "s1",
        "skill_name": "pytest-run",
        "kind": "shell",
        "invoked_at": NOW,
    } | fields


def row(server: Served, event_id: str) -> dict[str, Any]:
    (found,) = server.store.query("SELECT * FROM skill_invocation WHERE event_id = ?", [event_id])
    return found


def is_stored(server: Served, event_id: str) -> bool:
    return len(server.store.query("SELECT 1 FROM skill_invocation WHERE event_id = ?", [event_id])) > 0


def test_one_invocation_is_stored_when_it_is_acknowledged(one_server: Served) -> None:
    answer = one_server.client.post(PLACE, json=told("one", outcome="completed", duration_ms=12))
    assert (answer.status_code, answer.json()) == (200, {"receipt": "stored", "received": 1, "distinct": 1})
    stored = row(one_server, "one")
    assert (stored["outcome"], stored["duration_ms"], stored["source"]) == ("completed", 12, "api")


def test_told_again_it_is_completed_and_never_doubled(one_server: Served) -> None:
    for fields in ({}, {"outcome": "failed", "error_type": "timeout"}, {}):
        answer = one_server.client.post(PLACE, json=[told("twice", **fields), told("twice", **fields)])
        assert answer.json() == {"receipt": "stored", "received": 2, "distinct": 1}
    assert row(one_server, "twice")["error_type"] == "timeout"


def test_what_may_be_left_out_is_filled_in(one_server: Served) -> None:
    fields = {"outcome": "failed", "duration_ms": 5, "invoked_at": "2026-01-31T10:30:00+01:00"}
    assert one_server.client.post(PLACE, json=told("filled", **fields)).status_code == 200
    stored = row(one_server, "filled")
    assert stored["error_type"] == "other"
    assert stored["duration_source"] == "reported"
    assert stored["invoked_at"] == "2026-01-31T09:30:00.000Z"
    assert stored["user_id"] == "local"


def test_every_invocation_that_the_model_takes_comes_back_as_it_was(one_server: Served) -> None:
    sent = [msgspec.structs.replace(one, event_id=f"same-{one.event_id}") for one in many(40)]
    answer = one_server.client.post(PLACE, content=msgspec.json.encode(sent), headers=JSON)
    assert answer.status_code == 200, answer.text
    page = one_server.client.get(PLACE, params={"limit": 1000}).json()
    found = {one["event_id"]: one for one in page["invocations"]}
    for one in sent:
        expected = msgspec.to_builtins(one)
        assert {name: expected[name] for name in found[one.event_id]} == found[one.event_id]


def test_an_empty_batch_is_nothing_and_no_fault(one_server: Served) -> None:
    answer = one_server.client.post(PLACE, json=[])
    assert (answer.status_code, answer.json()["received"]) == (200, 0)


def test_a_batch_with_faults_names_each_and_stores_nothing(one_server: Served) -> None:
    batch = [
        told("good-1"),
        told("bad-1", invoked_at="yesterday"),
        told("bad-2", duration_ms=-1),
        {"event_id": "bad-3"},
        told("bad-4", skil_name="x"),
        told("bad-5", outcome="completed", error_type="api"),
        7,
        told("good-2"),
    ]
    answer = one_server.client.post(PLACE, json=batch)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["type"] == "InvalidBatch"
    assert "6 of 8" in error["problem"]
    assert "nothing was stored" in error["problem"]
    assert [(item["index"], item["field"]) for item in error["items"]] == [
        (1, "invoked_at"),
        (2, "duration_ms"),
        (3, "session_id"),
        (4, "skil_name"),
        (5, "error_type"),
        (6, None),
    ]
    assert all(item["problem"] and item["remedy"] for item in error["items"])
    assert not is_stored(one_server, "good-1")
    assert not is_stored(one_server, "good-2")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("skill_name", ""),
        ("skill_name", " "),
        ("skill_name", "\u00a0"),
        ("skill_name", "a\nb"),
        ("skill_name", "a\n"),
        ("skill_name", "a\0"),
        ("skill_name", "x" * 501),
        ("event_id", ""),
        ("session_id", "\x1b[2J"),
        ("session_id", "a\x9b2J"),
        ("project", "a\0b"),
        ("follow_up_actions", ["a\0"]),
        ("follow_up_actions", ["a"] * 1001),
        ("traits", ["reads:py", "reads:src/secret.py"]),
        ("traits", ["notes.md"]),
        ("traits", ["rejected\n"]),
        ("traits", ["a"] * 51),
        ("invoked_at", "2026-06-15T12:00:00"),
        ("invoked_at", "0001-01-01T00:00:00+23:00"),
        ("invoked_at", "1969-12-31T23:59:59.999Z"),
        ("invoked_at", "2106-01-01T00:00:00+00:00"),
        ("kind", "other"),
        ("duration_ms", 1 << 70),
        ("duration_ms", 1.5),
        ("rating", 6),
        ("outcome", "successful"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(one_server: Served, field: str, value: Any) -> None:
    answer = one_server.client.post(PLACE, json=told("refused") | {field: value})
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["items"][0]["field"].partition("[")[0] == field
    assert not is_stored(one_server, "refused")


@pytest.mark.parametrize(
    "name", ["a'b", '"', "<script>alert(1)</script>", "[0]", ".", "..", "%2f", "日本語", "a/b", "-- ;", "\U0001f600"]
)
def test_whatever_else_a_name_holds_it_is_kept(one_server: Served, name: str) -> None:
    assert one_server.client.post(PLACE, json=told(f"name {name}", skill_name=name)).status_code == 200
    assert row(one_server, f"name {name}")["skill_name"] == name


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"", "BadBody"),
        (b"{", "BadBody"),
        (b"[" * 100_000, "BadBody"),
        (b'{"event_id":"\xff"}', "BadBody"),
        (json.dumps(told(skill_name="\ud800")).encode(), "BadBody"),
        (b"null", "InvalidBatch"),
        (b"[null]", "InvalidBatch"),
    ],
)
def test_what_is_no_json_is_told_apart(one_server: Served, body: bytes, type_: str) -> None:
    answer = one_server.client.post(PLACE, content=body, headers=JSON)
    assert answer.status_code == (400 if type_ == "BadBody" else 422)
    assert answer.json()["error"]["type"] == type_


def test_a_page_cannot_send_a_form_for_json(one_server: Served) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = one_server.client.post(PLACE, content=json.dumps(told("form")), headers={"content-type": kind})
        assert (answer.status_code, answer.json()["error"]["type"]) == (415, "UnsupportedBody")
    assert not is_stored(one_server, "form")


class TestSizes:
    def test_gzip_is_taken_also_in_several_members(self, one_server: Served) -> None:
        text = json.dumps([told("gz-1"), told("gz-2")]).encode()
        packed = gzip.compress(text[:30], mtime=0) + gzip.compress(text[30:])
        answer = one_server.client.post(PLACE, content=packed, headers=JSON | {"content-encoding": "gzip"})
        assert answer.status_code == 200, answer.text
        assert is_stored(one_server, "gz-2")

    @pytest.mark.parametrize(
        ("packed", "status"),
        [
            (b"no gzip", 400),
            (gzip.compress(b"[]", mtime=0)[:-3], 400),
            (gzip.compress(b"[]", mtime=0) + b"rubbish", 400),
            (b"", 400),
        ],
    )
    def test_what_is_no_gzip_is_told(self, one_server: Served, packed: bytes, status: int) -> None:
        answer = one_server.client.post(PLACE, content=packed, headers=JSON | {"content-encoding": "gzip"})
        assert answer.status_code == status

    def test_more_members_than_anybody_sends_are_refused(self, one_server: Served) -> None:
        whole = gzip.compress(json.dumps([told("gz-3")]).encode(), mtime=0)
        for spaces, status in ((999, 200), (1_000, 400)):
            packed = gzip.compress(b" ", mtime=0) * spaces + whole
            answer = one_server.client.post(PLACE, content=packed, headers=JSON | {"content-encoding": "gzip"})
            assert answer.status_code == status
        assert "more than 1,000 members" in answer.text

    def test_another_encoding_is_refused(self, one_server: Served) -> None:
        answer = one_server.client.post(PLACE, content=b"[]", headers=JSON | {"content-encoding": "br"})
        assert answer.status_code == 415

    def test_a_bomb_is_inflated_to_the_limit_and_no_further(self, one_server: Served) -> None:
        bomb = gzip.compress(b" " * 150_000_000, mtime=0)
        assert len(bomb) < 200_000
        answer = one_server.client.post(PLACE, content=bomb, headers=JSON | {"content-encoding": "gzip"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (413, "BodyTooLarge")

    def test_a_bomb_takes_no_more_memory_than_the_limit(self) -> None:
        bomb = gzip.compress(b" " * 100_000_000, mtime=0)
        tracemalloc.start()
        with pytest.raises(BodyTooLarge):
            inflated(bomb, "gzip", most_bytes=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10_000_000

    @pytest.mark.long
    def test_a_body_over_the_limit_is_refused_before_it_is_read(self, one_server: Served) -> None:
        head = b"POST /api/v1/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        answer = one_server.raw(head + b"content-length: 9999999999\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"BodyTooLarge"' in answer

    def test_a_body_of_unknown_length_is_refused_where_it_passes_the_limit(self, one_server: Served) -> None:
        def endless() -> Iterator[bytes]:
            yield from (b" " * 50_000 for _ in range(20))

        answer = one_server.client.post(PLACE, content=endless(), headers=JSON)
        assert answer.status_code == 413

    def test_too_many_invocations_are_refused(self, one_server: Served) -> None:
        answer = one_server.client.post(PLACE, json=[told(f"many-{number}") for number in range(51)])
        assert (answer.status_code, answer.json()["error"]["type"]) == (413, "BodyTooLarge")
        assert not is_stored(one_server, "many-0")
        assert one_server.client.post(PLACE, json=[told(f"many-{n}") for n in range(50)]).status_code == 200

    @pytest.mark.long
    def test_a_body_that_does_not_come_is_not_waited_for(self, one_server: Served) -> None:
        head = b"POST /api/v1/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", one_server.port), timeout=20) as connection:
            connection.sendall(head + b"content-length: 100\r\n\r\n")
            connection.sendall(b"[")
            answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"BodyTooSlow"' in answer
        assert one_server.client.get("/healthz").status_code == 200


class FullWriter:
    """A writer with no room."""

    standing = Standing(recorded=Recorded(), refused=0, waiting_events=0, spooled_bytes=0, problem="away")

    def submit(self, batch: list[Invocation]) -> None:
        raise StoreFull("Nothing more can be taken in.", remedy="Send it again in 7 s.", retry_after_seconds=6.2)


def test_a_full_server_says_when_to_come_again(tmp_path: Path) -> None:
    with served(tmp_path, writer=FullWriter()) as server:
        answer = server.client.post(PLACE, json=told())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
        assert answer.json()["error"]["type"] == "StoreFull"


def test_bodies_together_are_bounded_and_the_room_is_given_back(tmp_path: Path) -> None:
    with served(tmp_path, limits=BodyLimits(unfinished_bytes=1_000)) as server:
        large = [told("x", project="y" * 2_000)]
        for _ in range(3):
            answer = server.client.post(PLACE, json=large)
            assert (answer.status_code, answer.json()["error"]["type"]) == (503, "StoreFull")
            assert "retry-after" in answer.headers
        for number in range(20):
            assert server.client.post(PLACE, json=told(f"small-{number}")).status_code == 200


def test_a_store_that_is_away_is_written_to_disk_for_and_gets_all_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path) as server:
        working = server.store.record

        def away(*_: Any, **__: Any) -> None:
            raise StoreAway("The server cannot be reached.", remedy="Wait.")

        monkeypatch.setattr(server.store, "record", away)
        answer = server.client.post(PLACE, json=told("later"))
        assert (answer.status_code, answer.json()["receipt"]) == (202, "spooled")
        assert server.client.get("/api/v1/health").json()["delivery"]["spooled_bytes"] > 0
        monkeypatch.setattr(server.store, "record", working)
        while not is_stored(server, "later"):  # the test's own time limit ends this
            time.sleep(0.02)
