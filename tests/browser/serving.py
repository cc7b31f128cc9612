"""A real server over a real store, in a thread of the test, that can be stopped and started again."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import uvicorn

from session_buddy.feed import Feed
from session_buddy.server.app import create_app
from session_buddy.server.following import Follower
from session_buddy.server.live import close_live
from session_buddy.server.live_protocol import LiveWebSocketProtocol
from session_buddy.server.security import Access
from session_buddy.server.site import Site
from session_buddy.server.tokens import TokenFile
from session_buddy.server.troubles import Troubles
from session_buddy.storage import Store, open_store
from session_buddy.storage.writer import BatchingWriter

_PATIENCE_SECONDS = 20


class Served:
    """A server on a port of this machine over the store at *url*; *folder* keeps its spool and tokens."""

    def __init__(self, url: str, folder: Path, *, clock: Callable[[], str]) -> None:
        self.store_url, self._folder, self._clock = url, folder, clock
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[Store]:
        """Serve until the block ends; may be entered again."""
        with (
            open_store(self.store_url, clock=self._clock) as store,
            BatchingWriter(store, self._folder / "s") as writer,
        ):
            access = Access(TokenFile(self._folder / "tokens.json"), clock=self._clock)
            site = Site(store=store, writer=writer, feed=Feed(uuid.uuid4().hex), access=access, clock=self._clock)
            thread = _Thread(site, self.port)
            thread.start()
            try:
                _wait_for(self.port)
                yield store
            finally:
                thread.end()
                site.threads.close()


class _Thread(threading.Thread):
    def __init__(self, site: Site, port: int) -> None:
        super().__init__(daemon=True)
        self._site, self._loop = site, asyncio.new_event_loop()
        self._app = create_app(site, background=self._following)
        config = uvicorn.Config(
            self._app,
            host="127.0.0.1",
            port=port,
            log_level="error",
            ws=LiveWebSocketProtocol,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve())

    def end(self) -> None:
        self._server.should_exit = True
        self._loop.call_soon_threadsafe(close_live, self._app)
        self.join(_PATIENCE_SECONDS)
        assert not self.is_alive(), "the server did not end"

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        follower = asyncio.create_task(Follower(self._site.store, self._site.feed, Troubles()).run())
        try:
            yield
        finally:
            follower.cancel()
            await asyncio.wait([follower])


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in range(_PATIENCE_SECONDS * 20):
        with closing(socket.socket()) as probe:
            probe.settimeout(0.1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.05)
    raise TimeoutError(f"no server on port {port}")
