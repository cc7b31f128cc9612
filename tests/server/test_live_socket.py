"""The live feed over WebSocket, on real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from session_buddy.errors import StoreBusy
from session_buddy.feed import FeedLimits
from session_buddy.feed.messages import read_server_message
from session_buddy.server.live_protocol import LiveWebSocketProtocol
from tests.making import invocation
from tests.server.live_serving import on_stage, until

WIRES = [LiveWebSocketProtocol, "websockets-sansio", "wsproto", "websockets"]
either_wire = pytest.mark.parametrize("ws", WIRES[:2], ids=["direct", "asgi"])


@either_wire
def test_a_snapshot_then_deltas(tmp_path: Path, ws: Any) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws=ws) as stage:
            stage.record(invocation("1"))
            async with stage.client("all") as client:
                snapshot = await client.hear()
                stage.record(invocation("2", skill_name="ruff-check"))
                delta = await client.hear()
        assert (snapshot["type"], snapshot["epoch"], snapshot["offset"], snapshot["recovered"]) == (
            "snapshot", "e1", 1, False,
        )  # fmt: skip
        assert [row["skill_name"] for row in snapshot["skills"]] == ["pytest-run"]
        assert [row["event_id"] for row in snapshot["invocations"]] == ["1"]
        assert (delta["type"], delta["offset"]) == ("delta", 2)
        assert [(row["skill_name"], row["total_invocations"]) for row in delta["skills"]] == [("ruff-check", 1)]
        assert [row["event_id"] for row in delta["invocations"]] == ["2"]

    asyncio.run(scene())


@either_wire
def test_who_comes_back_gets_exactly_what_it_missed(tmp_path: Path, ws: Any) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws=ws) as stage:
            async with stage.client("skill:a") as client:
                since = await client.hear()
            for number in range(40):
                stage.record(invocation(str(number), skill_name="ab"[number % 2]))
            async with stage.client() as client:
                await client.subscribe("skill:a", since={"epoch": since["epoch"], "offset": since["offset"]})
                heard = await client.everything_until_pong()
        assert [message["type"] for message in heard] == ["delta"] * 20 + ["recovered"]
        assert [message["invocations"][0]["event_id"] for message in heard[:-1]] == [str(n) for n in range(0, 40, 2)]
        assert heard[-1] == {"type": "recovered", "epoch": "e1", "offset": 40, "recovered": True}

    asyncio.run(scene())


@pytest.mark.parametrize("since", [{"epoch": "another", "offset": 1}, {"epoch": "e1", "offset": 99}])
def test_a_position_of_another_life_or_of_the_future_leads_to_a_snapshot(tmp_path: Path, since: Any) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage:
            stage.record(invocation("1"))
            async with stage.client() as client:
                await client.subscribe("all", since=since)
                snapshot = await client.hear()
        assert (snapshot["type"], snapshot["recovered"], snapshot["offset"]) == ("snapshot", False, 1)

    asyncio.run(scene())


def test_after_unsubscribing_nothing_comes(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage, stage.client("all") as client:
            await client.hear("snapshot")
            await client.say(type="unsubscribe", topics=["all"])
            assert await client.everything_until_pong() == []
            stage.record(invocation("1"))
            await asyncio.sleep(0.1)
            assert await client.everything_until_pong() == []

    asyncio.run(scene())


def test_heartbeats_come_while_nothing_changes_and_say_where_the_feed_is(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, heartbeat_seconds=0.05) as stage, stage.client("skill:a") as client:
            await client.hear("snapshot")
            stage.record(invocation("1", skill_name="b"))
            heartbeat = {"offset": 0}
            while heartbeat["offset"] == 0:
                heartbeat = await client.hear("heartbeat")
            assert heartbeat == {"type": "heartbeat", "epoch": "e1", "offset": 1}

    asyncio.run(scene())


@either_wire
@pytest.mark.parametrize("text", ["", "{", "[]", '{"type":"dance"}', '{"type":"subscribe","topics":["nonsense"]}'])
def test_what_is_not_understood_is_answered_by_an_error_and_the_connection_stays(
    tmp_path: Path, text: str, ws: Any
) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws=ws) as stage, stage.client("all") as client:
            await client.hear("snapshot")
            await client.connection.send(text)
            answer = await client.hear()
            assert answer["type"] == "error"
            assert answer["error"].keys() == {"type", "problem", "remedy", "field"}
            stage.record(invocation("1"))
            assert (await client.hear())["type"] == "delta"

    asyncio.run(scene())


@either_wire
def test_a_client_that_never_makes_sense_is_closed(tmp_path: Path, ws: Any) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws=ws) as stage, stage.client() as client:
            for _ in range(21):
                await client.say(type="dance")
            assert await client.closed() == 1008
            await until(lambda: len(stage.feed) == 0)

    asyncio.run(scene())


def test_thousands_of_topics_are_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage, stage.client() as client:
            await client.subscribe(*[f"skill:{number}" for number in range(2_000)])
            answer = await client.hear()
            assert answer["error"]["field"] == "topics"
            assert "2000 are too many" in answer["error"]["problem"]

    asyncio.run(scene())


@pytest.mark.parametrize("ws", WIRES[:2], ids=["direct", "asgi"])
@pytest.mark.parametrize(("sent", "code"), [(b"\x00\xff", 1003), ("x" * 70_000, 1009), ("ä" * 33_000, 1009)])
def test_what_is_no_text_or_too_long_closes_with_its_code(tmp_path: Path, sent: Any, code: int, ws: Any) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws=ws) as stage, stage.client() as client:
            await client.connection.send(sent)
            assert await client.closed() == code
            await until(lambda: len(stage.feed) == 0)

    asyncio.run(scene())


def test_a_server_that_takes_longer_messages_leaves_the_bound_to_us(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws_max_size=1 << 24) as stage, stage.client() as client:
            await client.connection.send("x" * 100_000)
            assert await client.closed() == 1009

    asyncio.run(scene())


@pytest.mark.long
@either_wire
def test_clients_that_come_and_go_while_it_is_told_disturb_nobody(tmp_path: Path, ws: Any) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws=ws) as stage, stage.client("all") as stays:
            await stays.hear("snapshot")

            async def visit(number: int) -> None:
                for _ in range(5):
                    async with stage.client("all", f"skill:{number}") as visitor:
                        await visitor.hear("snapshot")
                        if number % 2:
                            await visitor.hear("delta")
                        else:
                            visitor.connection.transport.abort()

            async def tell() -> None:
                number = 0
                while True:
                    stage.feed.publish([invocation(str(number), skill_name=str(number % 10))])
                    number += 1
                    await asyncio.sleep(0.005)

            telling = asyncio.ensure_future(tell())
            await asyncio.gather(*map(visit, range(12)))
            telling.cancel()
            last = stage.feed.offset
            offsets = []
            while not offsets or offsets[-1] < last:
                offsets.append((await stays.hear())["offset"])
            assert offsets == list(range(1, last + 1))
            await until(lambda: len(stage.feed) == 1)

    asyncio.run(scene())


def test_one_too_many_is_told_to_come_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, limits=FeedLimits(subscribers=1)) as stage, stage.client("all"):
            with pytest.raises(InvalidStatus) as refused:
                async with stage.client("all"):
                    pass
            response = refused.value.response
            assert response.status_code == 503
            assert response.headers["Retry-After"] == "60"
            error = msgspec.json.decode(response.body)["error"]
            assert (error["type"], error["remedy"]) == ("FeedFull", "Try again in a minute.")

    asyncio.run(scene())


@either_wire
def test_a_store_that_cannot_be_read_is_told_and_the_snapshot_comes_when_it_can(
    tmp_path: Path, ws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws=ws) as stage:
            with monkeypatch.context() as patched:
                patched.setattr(type(stage.store), "query", _busy)
                async with stage.client("all") as client:
                    first = await client.hear()
                    patched.undo()
                    assert first["error"]["type"] == "StoreBusy"
                    assert (await client.hear("snapshot"))["offset"] == 0

    asyncio.run(scene())


def _busy(*_: object) -> None:
    raise StoreBusy("The store is busy.", remedy="Wait.")


def test_a_fault_of_ours_closes_that_connection_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage, stage.client("all") as fine, stage.client("skill:a") as struck:
            await fine.hear("snapshot")
            await struck.hear("snapshot")
            (subscriber,) = (one for one in stage.feed._subscribers if "skill:a" in one.topics)
            monkeypatch.setattr(subscriber, "take", lambda _: 1 / 0)
            stage.record(invocation("1", skill_name="a"))
            assert await struck.closed() == 1006
            assert (await fine.hear())["type"] == "delta"

    asyncio.run(scene())
    assert "could not be written to" in caplog.text


@either_wire
def test_clients_hear_that_the_server_ends(tmp_path: Path, ws: Any) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws=ws) as stage:
            connection = (await stage.client("all").__aenter__()).connection
        await asyncio.wait_for(connection.wait_closed(), 10)
        assert connection.close_code == 1012

    asyncio.run(scene())


def test_every_message_is_one_that_the_types_describe(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, heartbeat_seconds=0.05) as stage, stage.client("all") as client:
            await client.say(type="ping")
            await client.say(type="nonsense")
            kinds = set()
            while "Snapshot" not in kinds:
                kinds.add(type(read_server_message(await client.connection.recv())).__name__)
            stage.record(invocation("1"))
            async with asyncio.timeout(20):
                while len(kinds) < 5:
                    message = read_server_message(await client.connection.recv())
                    kinds.add(type(message).__name__)
            assert kinds == {"Snapshot", "Delta", "Heartbeat", "Pong", "Failure"}

    asyncio.run(scene())
