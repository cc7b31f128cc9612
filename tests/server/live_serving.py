"""A server with the live feed and nothing else, on a real socket, and clients to talk to it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from session_buddy.feed import Feed, FeedLimits
from session_buddy.model import Invocation
from session_buddy.reports.live import read_skill_rows
from session_buddy.server.live import LiveSettings, close_live, live_routes
from session_buddy.server.live_protocol import LiveHttpProtocol, LiveWebSocketProtocol
from session_buddy.server.security import Access
from session_buddy.server.site import Site
from session_buddy.server.tokens import TokenFile
from session_buddy.storage import Store, open_store
from session_buddy.storage.writer import BatchingWriter
from tests.making import NOW, FakeClock

PATIENCE = 20.0


class Stage:
    """A site, its app, and what a follower would do."""

    def __init__(self, site: Site, settings: LiveSettings) -> None:
        self.site, self.feed, self.store = site, site.feed, site.store
        self.app = Starlette(routes=live_routes(settings))
        self.app.state.site = site
        self.port = 0

    def record(self, *invocations: Invocation) -> None:
        """Store *invocations* and publish them."""
        self.store.record(invocations)
        self.feed.publish(
            invocations, skills=read_skill_rows(self.store, {invocation.skill_name for invocation in invocations})
        )

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/v1/live"

    @property
    def events_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/live/events"

    @asynccontextmanager
    async def client(self, *topics: str, **options: Any) -> AsyncIterator[Client]:
        async with connect(self.url, **options) as connection:
            client = Client(connection)
            if topics:
                await client.subscribe(*topics)
            yield client


class Client:
    """A WebSocket client that says and hears JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def subscribe(self, *topics: str, since: dict[str, Any] | None = None) -> None:
        await self.say(type="subscribe", topics=topics, **({"since": since} if since else {}))

    async def hear(self, *kinds: str) -> dict[str, Any]:
        """Return the next message; of those *kinds*, where given."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message: dict[str, Any] = json.loads(await self.connection.recv())
                if not kinds or message["type"] in kinds:
                    return message

    async def everything_until_pong(self) -> list[dict[str, Any]]:
        """Return what comes before the answer to a ping."""
        await self.say(type="ping")
        heard = []
        while (message := await self.hear())["type"] != "pong":
            heard.append(message)
        return heard

    async def closed(self) -> int | None:
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code


@contextmanager
def site_in(
    folder: Path, *, epoch: str = "e1", limits: FeedLimits | None = None, store: Store | None = None
) -> Iterator[Site]:
    clock = FakeClock(NOW)
    with (
        store or open_store(f"sqlite:///{folder / 'store.db'}", clock=clock) as opened,
        BatchingWriter(opened, folder / "spool") as writer,
    ):
        access = Access(TokenFile(folder / "tokens.json"), clock=clock)
        site = Site(store=opened, writer=writer, feed=Feed(epoch, limits=limits), access=access, clock=clock)
        yield site
        site.threads.close()


@asynccontextmanager
async def on_stage(
    folder: Path,
    *,
    epoch: str = "e1",
    limits: FeedLimits | None = None,
    ws: Any = LiveWebSocketProtocol,
    heartbeat_seconds: float = 60.0,
    store: Store | None = None,
    settings: LiveSettings | None = None,
    **options: Any,
) -> AsyncIterator[Stage]:
    """Serve on a free port."""
    with site_in(folder, epoch=epoch, limits=limits, store=store) as site:
        stage = Stage(site, settings or LiveSettings(heartbeat_seconds=heartbeat_seconds, retry_seconds=0.05))
        async with serving(stage.app, ws=ws, **options) as port:
            stage.port = port
            yield stage


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[int]:
    """Serve *app* until the end of the block; yields the port."""
    chosen = {
        "port": 0,
        "http": LiveHttpProtocol,
        "ws_per_message_deflate": False,
        "ws_max_size": 1 << 16,
        "timeout_graceful_shutdown": 5,
        **options,
    }
    config = uvicorn.Config(app, host="127.0.0.1", log_config=None, lifespan="off", **chosen)
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        close_live(app)
        server.should_exit = True
        async with asyncio.timeout(PATIENCE):
            await task


class Served:
    """A server in a thread of its own, so that a client that waits can talk to it."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.port, self.url = 0, ""
        self._app, self._options = app, options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def call(self, action: Callable[[], object]) -> None:
        """Run *action* on the server's loop."""

        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self._app, **{"ws": LiveWebSocketProtocol, **self._options}) as port:
            self.port, self.url = port, f"http://127.0.0.1:{port}"
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)
