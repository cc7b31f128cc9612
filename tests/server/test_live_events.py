"""The live feed as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from session_buddy.feed import FeedLimits
from session_buddy.server.live_protocol import LiveHttpProtocol
from tests.making import invocation
from tests.server.live_serving import PATIENCE, Stage, on_stage, until


class Impatient(LiveHttpProtocol):
    stall_seconds = 0.3


class Events:
    """A reader of events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.last_id: str | None = None

    async def hear(self, *kinds: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_id = value
                elif name == "data":
                    message: dict[str, Any] = json.loads(value)
                    if not kinds or message["type"] in kinds:
                        return message
        raise EOFError


@asynccontextmanager
async def listening(stage: Stage, query: str = "", **headers: str) -> AsyncIterator[Events]:
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", stage.events_url + query, headers=headers) as response,
    ):
        yield Events(response)


def test_the_same_messages_come_as_events(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, heartbeat_seconds=0.05) as stage, listening(stage, "?topic=skill:a") as events:
            assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert events.response.headers["cache-control"] == "no-store"
            assert (await events.hear())["type"] == "snapshot"
            assert events.last_id == "e1:0"
            stage.record(invocation("1", skill_name="b"))
            stage.record(invocation("2", skill_name="a"))
            delta = await events.hear("delta")
            assert [row["event_id"] for row in delta["invocations"]] == ["2"]
            assert events.last_id == "e1:2"
            assert (await events.hear("heartbeat"))["offset"] == 2

    asyncio.run(scene())


@pytest.mark.parametrize("way", ["header", "query"])
def test_who_comes_back_gets_exactly_what_it_missed(tmp_path: Path, way: str) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage:
            async with listening(stage) as events:
                await events.hear("snapshot")
                since = events.last_id or ""
            for number in range(3):
                stage.record(invocation(str(number)))
            back = (
                listening(stage, **{"last-event-id": since})
                if way == "header"
                else listening(stage, f"?topic=all&since={since}")
            )
            async with back as events:
                heard = [await events.hear() for _ in range(4)]
        assert [message["type"] for message in heard] == ["delta", "delta", "delta", "recovered"]
        assert [message["offset"] for message in heard] == [1, 2, 3, 3]

    asyncio.run(scene())


def test_a_position_of_another_life_leads_to_a_snapshot(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage, listening(stage, "?since=other:5") as events:
            assert (await events.hear())["recovered"] is False

    asyncio.run(scene())


@pytest.mark.parametrize(
    "query", ["?since=nonsense", "?topic=nonsense", "?" + "topic=skill:" + "&topic=skill:".join(map(str, range(200)))]
)
def test_what_makes_no_sense_is_refused_in_the_one_shape(tmp_path: Path, query: str) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage, httpx.AsyncClient() as client:
            answer = await client.get(stage.events_url + query)
            assert answer.status_code == 422
            assert answer.json()["error"].keys() >= {"type", "problem", "remedy", "field"}
            assert len(stage.feed) == 0

    asyncio.run(scene())


def test_one_too_many_is_told_to_come_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, limits=FeedLimits(subscribers=1)) as stage, listening(stage) as events:
            await events.hear("snapshot")
            async with httpx.AsyncClient() as client:
                answer = await client.get(stage.events_url)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")

    asyncio.run(scene())


def test_who_leaves_is_forgotten(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage:
            async with listening(stage) as events:
                await events.hear("snapshot")
                assert len(stage.feed) == 1
            await until(lambda: len(stage.feed) == 0)
            assert len(stage.app.state.live) == 0

    asyncio.run(scene())


def test_the_stream_ends_with_the_server(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, timeout_graceful_shutdown=None) as stage:
            opened = listening(stage)
            events = await opened.__aenter__()
            await events.hear("snapshot")
        with pytest.raises(EOFError):
            await events.hear()
        await opened.__aexit__(None, None, None)

    asyncio.run(scene())


def test_a_client_that_takes_nothing_gets_snapshots_in_place_of_deltas_and_is_let_go(tmp_path: Path) -> None:
    async def scene() -> None:
        limits = FeedLimits(queue_bytes=50_000)
        async with on_stage(tmp_path, limits=limits, http=Impatient) as stage:
            _, writer = await asyncio.open_connection("127.0.0.1", stage.port, limit=1_024)
            writer.write(b"GET /api/v1/live/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await until(lambda: len(stage.feed) == 1)
            subscriber = next(iter(stage.feed._subscribers))
            most, number = 0, 0
            while len(stage.feed):
                stage.feed.publish([invocation(f"{number}-{one}", project="p" * 500) for one in range(50)])
                most = max(most, subscriber.queued_bytes)
                await asyncio.sleep(0.001)
            assert 0 < most <= 50_000
            writer.transport.abort()

    asyncio.run(scene())
