"""A real server in a thread of the test, on a port of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.routing import BaseRoute

from session_buddy.feed import Feed
from session_buddy.server.app import create_app
from session_buddy.server.http_protocol import PatientHttpProtocol
from session_buddy.server.live import close_live
from session_buddy.server.live_protocol import LiveWebSocketProtocol
from session_buddy.server.security import Access
from session_buddy.server.site import BodyLimits, Site
from session_buddy.server.tokens import TokenFile
from session_buddy.storage import Store, open_store
from session_buddy.storage.writer import BatchingWriter, Limits
from tests.making import FakeClock


@dataclass
class Served:
    """A server as its test sees it."""

    site: Site
    store: Store
    tokens: TokenFile
    clock: FakeClock
    port: int
    client: httpx.Client

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def raw(self, request: bytes, *, seconds: float = 10.0) -> bytes:
        """Send *request* as it is and return all that comes until the other side closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(request)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    try:
        while part := connection.recv(65_536):
            answer += part
    except ConnectionResetError:
        pass
    return answer


@contextmanager
def served(
    folder: Path,
    *,
    writer: Any = None,
    store: Store | None = None,
    limits: BodyLimits | None = None,
    needs_token: bool = False,
    allowed_hosts: Sequence[str] = (),
    routes: list[BaseRoute] | None = None,
    background: Any = nullcontext,
    **options: Any,
) -> Iterator[Served]:
    """Run a server over a store in *folder* for the length of the block."""
    clock = FakeClock()
    store = store or open_store(f"sqlite:///{folder / 'store.db'}", clock=clock)
    used = writer or BatchingWriter(store, folder / "spool", limits=Limits(flush_seconds=0.01))
    tokens = TokenFile(folder / "tokens.json")
    access = Access(tokens, clock=clock, needs_token=needs_token, allowed_hosts=allowed_hosts)
    site = Site(
        store=store,
        writer=used,
        feed=Feed("epoch"),
        access=access,
        clock=clock,
        limits=limits or BodyLimits(),
        **options,
    )
    try:
        with _running(create_app(site, background=background, more=routes)) as port:
            client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
            with client:
                yield Served(site, store, tokens, clock, port, client)
    finally:
        site.threads.close()
        if writer is None:
            used.close()
        store.close()


@contextmanager
def _running(app: Any) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app,
            http=PatientHttpProtocol,
            ws=LiveWebSocketProtocol,
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise AssertionError("the server did not start")
            thread.join(0.01)
        port = listener.getsockname()[1]
        try:
            yield port
        finally:
            server.servers[0].get_loop().call_soon_threadsafe(close_live, app)
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the server did not end"
