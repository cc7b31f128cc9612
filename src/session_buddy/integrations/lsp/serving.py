"""A language server that ends when its editor does: what pygls leaves undone about the end of a conversation."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any, BinaryIO

from lsprotocol import types
from pygls.io_ import StdinAsyncReader, run_async
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.protocol.json_rpc import MsgId

__all__ = ["EndingServer"]

_GRACE_SECONDS = 1.0
"""So long what is still worked on may take when the editor has left."""


class _Protocol(LanguageServerProtocol):
    _server: EndingServer

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *_: Any) -> None:  # type: ignore[override]
        """Take no more requests. Those that are open are answered if that is done before the editor leaves."""
        # pygls cancels them here, and fails at its table of them when one is taken out meanwhile.
        self._shutdown = True

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: Any) -> None:  # type: ignore[override]
        """Stop reading. pygls closes the output here, and whatever is still worked on writes into a closed file."""
        self._server.is_left.set()

    def _execute_handler(
        self, msg_id: MsgId, handler: Any, callback: Callable[[Any], None], args: Any = None, kwargs: Any = None
    ) -> None:
        def done(future: Any) -> None:
            # pygls keeps what was done about notifications, which every key pressed is, for ever.
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, done, args, kwargs)

    @property
    def is_shut_down(self) -> bool:
        return self._shutdown


class EndingServer(LanguageServer):
    """A server whose process ends shortly after the editor says so, or is gone: with 0 if it was shut down before."""

    protocol: _Protocol

    def __init__(self, name: str, version: str) -> None:
        # Of a change the whole text is told: in parts, pygls would put them into lines that are none to editors.
        super().__init__(name, version, types.TextDocumentSyncKind.Full, protocol_cls=_Protocol)
        self.is_left = Event()

    def _start_io_async(self, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None) -> None:
        # A thread of its own: pygls reads in one of those that answer, and hears of no end while all are at work.
        reading = ThreadPoolExecutor(1)
        reader = _Reader(stdin or sys.stdin.buffer, reading)
        writer = _Writer(stdout or sys.stdout.buffer, self.is_left.set)
        self.protocol.set_writer(writer)
        with suppress(KeyboardInterrupt):
            asyncio.run(run_async(self.is_left, reader, self.protocol, error_handler=self.report_server_error))
        writer.close()
        code = 0 if self.protocol.is_shut_down else 1
        if not _done(reading, self.thread_pool):
            # Threads cannot be stopped, and Python would wait for them. A store bears a process that ends anywhere.
            os._exit(code)
        if writer.is_broken:
            # Python would fail once more at what could not be written.
            sys.stdout = None
        sys.exit(code)


def _done(*pools: ThreadPoolExecutor) -> bool:
    """Return whether *pools* did in time what was begun in them."""

    def wait() -> None:
        for pool in pools:
            pool.shutdown()

    waiting = Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(_GRACE_SECONDS)
    return not waiting.is_alive()


class _Reader(StdinAsyncReader):
    """Reads what an editor says; half a message, which is the last that an editor says when it is killed, is none."""

    async def readexactly(self, n: int) -> bytes:
        data = await super().readexactly(n)
        return data if len(data) == n else b""


class _Writer:
    """Writes to an editor, from any thread, until it is gone; what is written then is dropped."""

    def __init__(self, stdout: BinaryIO, when_broken: Callable[[], None]) -> None:
        self._stdout, self._when_broken = stdout, when_broken
        self._lock = Lock()
        self._is_closed = False
        self.is_broken = False

    def write(self, data: bytes) -> None:
        with self._lock:
            if self._is_closed:
                return
            try:
                self._stdout.write(data)
                self._stdout.flush()
            except (OSError, ValueError):
                # pygls would tell the editor of it, which fails in the same way, without end.
                self._is_closed = self.is_broken = True
                self._when_broken()

    def close(self) -> None:
        # Without the lock: whoever writes to an editor that does not read holds it for ever.
        self._is_closed = True
