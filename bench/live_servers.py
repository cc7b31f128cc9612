"""The servers that are measured, each in a process of its own that does what a pipe tells it."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.asyncio.server import serve as serve_bare

from session_buddy.feed import Feed
from session_buddy.feed.messages import Delta, InvocationRow, Position, SkillRow, Snapshot
from session_buddy.feed.topics import Topics
from session_buddy.model import Invocation, Kind, Outcome

NOW = "2026-06-15T12:34:56.789Z"
HEAVY = "much-used"
_QUEUED = 100
_log = logging.getLogger(__name__)


def skill_row(name: str) -> SkillRow:
    return SkillRow(
        skill_name=name,
        kind="skill",
        last_invocation_at=NOW,
        invocation_count_1h=12,
        invocation_count_24h=345,
        avg_completion_rate_24h=0.9375,
        completion_rate=0.912345,
        total_invocations=6789,
        avg_duration_seconds=1.2345,
        updated_at=NOW,
    )


def stamped(number: int, *, skill: str = "skill-1", at: int | None = None, invoked_at: str = NOW) -> Invocation:
    return Invocation(
        event_id=f"at-{at or time.monotonic_ns()}-{number}",
        session_id=f"session-{number % 100}",
        skill_name=skill,
        kind=Kind.SKILL,
        invoked_at=invoked_at,
        outcome=Outcome.COMPLETED,
        source="bench",
        project="/home/somebody/project",
    )


def bare(pipe: Connection) -> None:
    """Serve with nothing but ``websockets``: every message to everybody, by its own ``broadcast``."""

    async def run() -> None:
        connections: set[ServerConnection] = set()
        stop = asyncio.Event()

        async def stay(connection: ServerConnection) -> None:
            connections.add(connection)
            await stop.wait()

        def is_empty() -> bool:
            return not any(connection.transport.get_write_buffer_size() for connection in connections)

        async def tell(count: int, _: bool) -> None:
            text = msgspec.json.encode(
                Delta(
                    epoch="e",
                    offset=1,
                    skills=[skill_row("skill-1")],
                    invocations=[InvocationRow.of(stamped(1), None)],
                    anomalies=[],
                )
            ).decode()
            for _ in range(count):
                broadcast(connections, text)
                await asyncio.sleep(0)
                while not is_empty():
                    await asyncio.sleep(0.001)

        async with serve_bare(stay, "127.0.0.1", 0, compression=None, backlog=4096, ping_interval=None) as server:
            pipe.send(next(iter(server.sockets)).getsockname()[1])
            await _obey(pipe, tell, lambda: len(connections), is_empty)
            stop.set()

    _run(run())


def feed_only(pipe: Connection, ws: Any = None, flush_seconds: float = 0.02) -> None:
    """Serve the live feed alone: what is published is made up, snapshots are empty."""
    from session_buddy.server.live import live_routes
    from session_buddy.server.live_protocol import LiveWebSocketProtocol
    from session_buddy.server.live_pump import LiveSettings, Pump

    async def run() -> None:
        async def read(_: Topics, at: Position) -> Snapshot:
            return Snapshot(epoch=at.epoch, offset=at.offset, skills=[], invocations=[], anomalies=[])

        class Counting(LiveWebSocketProtocol):
            writes = 0

            def write_frames(self, frames: bytes) -> None:
                Counting.writes += 1
                super().write_frames(frames)

        feed = Feed("e")
        app = Starlette(routes=live_routes())
        app.state.live = Pump(feed, read, LiveSettings(heartbeat_seconds=3600, flush_seconds=flush_seconds))
        options = {"ws": ws or Counting, "ws_per_message_deflate": False, "log_config": None}
        config = uvicorn.Config(app, port=0, lifespan="off", ws_ping_interval=None, backlog=4096, **options)
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        row = [skill_row("skill-1")]

        def is_current() -> bool:
            return all(one.is_current for one in feed._subscribers)

        def is_empty() -> bool:
            buffers = (getattr(one, "transport", None) for one in server.server_state.connections)
            return is_current() and not any(one.get_write_buffer_size() for one in buffers if one)

        async def tell(count: int, one_by_one: bool) -> None:
            some = list(feed._subscribers)[:: max(1, len(feed) // 10)]
            for number in range(count):
                feed.publish([stamped(number)], skills=row)
                await asyncio.sleep(0)
                while app.state.live._flushing if one_by_one else any(len(one._queue) > _QUEUED for one in some):
                    await asyncio.sleep(0.0005)

        async def burden(count: int) -> int:
            """Publish much that only a few hear; return how many subscribers could not follow."""
            for _ in range(count):
                feed.publish([stamped(one, skill=HEAVY) for one in range(500)])
                await asyncio.sleep(0.03)
            return sum(one.needs_snapshot or one.queued_bytes > 0 for one in feed._subscribers)

        async def tick(seconds: float, every: float) -> None:
            end = time.monotonic() + seconds
            number = 0
            while time.monotonic() < end:
                feed.publish([stamped(one, skill=HEAVY) for one in range(100)])
                feed.publish([stamped(number)], skills=row)
                number += 1
                await asyncio.sleep(every)

        pipe.send(server.servers[0].sockets[0].getsockname()[1])
        await _obey(
            pipe,
            tell,
            lambda: sum(bool(one.topics) for one in feed._subscribers),
            is_empty,
            {"tick": tick, "burden": burden},
            lambda: Counting.writes,
        )
        server.should_exit = server.force_exit = True
        await serving

    _run(run())


def whole(pipe: Connection, folder: str) -> None:
    """Serve a store as ``session-buddy serve`` does."""
    from session_buddy.server.security import Access
    from session_buddy.server.serving import Door, serve
    from session_buddy.server.tokens import TokenFile
    from session_buddy.storage import open_store

    def clock() -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())

    _many_files()
    with open_store(f"sqlite:///{folder}/store.db") as store:
        door = Door(port=0)
        access = Access(TokenFile(Path(folder) / "tokens.json"), clock=clock)
        serve(store, door, access=access, spool_folder=Path(folder) / "spool", clock=clock, on_ready=pipe.send)


async def _obey(
    pipe: Connection,
    tell: Callable[[int, bool], Awaitable[None]],
    connected: Callable[[], int],
    is_empty: Callable[[], bool],
    more: dict[str, Callable[..., Awaitable[Any]]] | None = None,
    writes: Callable[[], int] = int,
) -> None:
    loop = asyncio.get_running_loop()
    while True:
        order, *arguments = await loop.run_in_executor(None, pipe.recv)
        if order == "connected":
            pipe.send(connected())
        elif more and order in more:
            pipe.send(await more[order](*arguments))
        elif order == "tell":
            began, worked, written = time.perf_counter(), time.process_time(), writes()
            await tell(*arguments)
            while not is_empty():
                await asyncio.sleep(0.001)
            pipe.send((time.perf_counter() - began, time.process_time() - worked, writes() - written))
        else:
            return


def _run(main: Any) -> None:
    _many_files()
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    asyncio.run(main)


def _many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
