"""The server as people run it: a process of its own, that can be told to stop, or killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_READY = re.compile(r"Session-Buddy is at (\S+)")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class ServerProcess:
    """A running ``session-buddy serve``; its address is known when it answers."""

    def __init__(self, folder: Path, *options: str, store: str | None = None) -> None:
        home = folder / "home"
        home.mkdir(exist_ok=True)
        url = store or f"sqlite:///{folder / 'store.db'}"
        environment = os.environ | {
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "LOGNAME": "tester",
        }
        environment.pop("CLAUDE_CONFIG_DIR", None)
        command = [sys.executable, "-m", "session_buddy", "--store", url, *(options or ("serve", "--port", "0"))]
        self.process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self._ready = threading.Event()
        self.address = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)
            if found := _READY.search(line):
                self.address = found[1]
                self._ready.set()
        self._ready.set()

    def wait_until_ready(self) -> None:
        self._ready.wait()
        assert self.address, self.said

    @property
    def said(self) -> str:
        """What it wrote to stderr so far."""
        return "".join(self.lines)

    def kill(self) -> None:
        """End it without a word, as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self._ended()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to end; returns its exit code."""
        self.process.send_signal(number)
        return self._ended()

    def wait(self) -> int:
        """Return its exit code when it has ended."""
        return self._ended()

    def _ended(self) -> int:
        code = self.process.wait(60)
        self._reader.join(10)
        assert self.process.stdout and self.process.stderr
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@contextmanager
def server_process(folder: Path, options: Sequence[str] = (), *, store: str | None = None) -> Iterator[ServerProcess]:
    """Run a server for the length of the block; it is ready, and killed afterwards if it still runs."""
    server = ServerProcess(folder, *options, store=store)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
