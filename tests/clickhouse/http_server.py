"""ClickHouse's HTTP protocol on loopback with chdb behind it, for tests: it can be made to fail in many ways.

It speaks what ``clickhouse-connect`` sends: queries and inserts as POST, settings and parameters in the
URL, bodies chunked and compressed. It runs as a process of its own, so that it can be killed, stopped and
started again on the same folder and port::

    with ChdbServer(folder) as server:
        clickhouse_connect.get_client(host="127.0.0.1", port=server.port)
        server.fault("drop_after")     # the next insert is executed, its answer is lost
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlencode, urlsplit

Kind = Literal["drop_before", "drop_after", "fail_before", "fail_after", "cut_body", "slow", "hang"]

_ROOT = Path(__file__).resolve().parents[2]
_INSERT = re.compile(rb"\s*(INSERT\s+INTO\b.*?)\s+FORMAT\s+(\w+)[ \t]*\n", re.IGNORECASE | re.DOTALL)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_UNKNOWN = {"60", "81"}
"""Codes for which ClickHouse answers 404: no such table, no such database."""
_NO_SETTINGS = {
    "query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id", "quota_key",
    "compress", "decompress", "enable_http_compression", "wait_end_of_query", "buffer_size", "client_protocol_version",
    "role", "send_progress_in_http_headers", "http_headers_progress_interval_ms", "user", "password",
    "cancel_http_readonly_queries_on_client_close",
}  # fmt: skip


class ChdbServer:
    """The server as a process, from the side of the test. Killed at the end of its ``with`` block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start, or start again after :meth:`kill`; returns when it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clickhouse.http_server", str(self.folder), str(self.port)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n", "the test server did not start"

    def kill(self) -> None:
        """End the process at once, as a power cut would; from then on connections are refused."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def pause(self) -> None:
        """Stop the process where it stands: connections open, nothing answers."""
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process
        os.kill(self._process.pid, signal.SIGCONT)

    def fault(self, kind: Kind, *, times: int = 1, skip: int = 0, seconds: float = 0.0) -> None:
        """Make the next inserts, after *skip* good ones, fail in this way, so many *times*."""
        self._tell("fault", kind=kind, times=times, skip=skip, seconds=seconds)

    def healthy(self) -> int:
        """Forget the faults that have not happened yet; return how many have."""
        return int(self._tell("healthy"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _tell(self, what: str, **parameters: object) -> str:
        url = f"http://127.0.0.1:{self.port}/-/{what}?{urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())


class _Faults:
    """What is to go wrong."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[tuple[str, float]] = []
        self.happened = 0

    def plan(self, kind: str, times: int, skip: int, seconds: float) -> None:
        with self._lock:
            self._planned = [("", 0.0)] * skip + [(kind, seconds)] * times

    def forget(self) -> None:
        with self._lock:
            self._planned = []

    def next(self) -> tuple[str, float]:
        with self._lock:
            kind, seconds = self._planned.pop(0) if self._planned else ("", 0.0)
            self.happened += bool(kind)
            return kind, seconds


class _Dropped(Exception):
    """The connection is to be closed without an answer."""


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet; without it every answer waits 40 ms for an acknowledgement
    disable_nagle_algorithm = True
    server: _Server
    _session: Any = None
    _settings: dict[str, str] = {}  # noqa: RUF012 - replaced, never changed

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        try:
            self._answer()
        except (_Dropped, ConnectionError):
            self.close_connection = True
            # Reset, as the kernel does for a process that died, rather than end in good order.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    do_GET = do_POST

    def _answer(self) -> None:
        url = urlsplit(self.path)
        self.parameters = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        body = _decompressed(self._body(), self.headers.get("Content-Encoding", ""))
        if url.path == "/ping":
            return self._reply(200, b"Ok.\n")
        if url.path.startswith("/-/"):
            return self._reply(200, self._told(url.path).encode())
        statement = "\n".join(filter(None, [self.parameters.get("query", "")])).encode()
        self._execute(statement + b"\n" + body if statement else body)

    def _told(self, path: str) -> str:
        faults, told = self.server.faults, self.parameters
        if path == "/-/fault":
            faults.plan(told["kind"], int(told["times"]), int(told["skip"]), float(told["seconds"]))
        else:
            faults.forget()
        return str(faults.happened)

    def _body(self) -> bytes:
        """Return the whole body. A sender that stops half-way is dropped, and nothing of it is executed."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self._exactly(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while True:
            line = self.rfile.readline()
            if not line.endswith(b"\n"):
                raise _Dropped
            if not (size := int(line.split(b";")[0], 16)):
                self.rfile.readline()
                return b"".join(chunks)
            chunks.append(self._exactly(size))
            self._exactly(2)

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise _Dropped
        return data

    def _execute(self, statement: bytes) -> None:
        insert = _INSERT.match(statement)
        kind, seconds = self.server.faults.next() if insert else ("", 0.0)
        if kind in ("slow", "hang"):
            time.sleep(seconds or 3600)
        if kind == "drop_before":
            raise _Dropped
        if kind == "fail_before":
            return self._fail(503, "Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_QUERIES)")
        try:
            connection = self._prepared()
            if insert:
                rows = statement[insert.end() :]
                data, headers = self._insert(connection, insert, rows[: len(rows) // 2] if kind == "cut_body" else rows)
            else:
                data, headers = self._query(connection, statement.decode())
        except Exception as error:
            self._end_session()
            if kind == "cut_body":
                raise _Dropped from error
            return self._fail(500, str(error))
        if kind in ("drop_after", "cut_body"):
            raise _Dropped
        if kind == "fail_after":
            return self._fail(500, "Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)")
        self._reply(200, data, **headers)

    def _prepared(self) -> Any:
        """Return a session that stands on the database and has the settings of this request, and no others.

        One that has them already is used again: clients send the same ones with nearly every request of a line.
        """
        names = [name for name in self.parameters if name not in _NO_SETTINGS and not name.startswith("param_")]
        settings = {name: self.parameters[name] for name in names}
        if self._session is None or settings != self._settings:
            self._end_session()
            self._session = self.server.connect()
            # ``readonly`` last, since nothing can be set after it.
            for name in sorted(names, key=lambda name: name == "readonly"):
                value = settings[name].replace("\\", "\\\\").replace("'", "\\'")
                self._session.query(f"SET {name} = '{value}'")
            self._settings = settings
        database = self.parameters.get("database") or "default"
        self._session.query(f"USE `{database.replace('`', '``')}`")
        return self._session

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def finish(self) -> None:
        self._end_session()
        super().finish()

    def _insert(self, connection: Any, insert: re.Match[bytes], rows: bytes) -> tuple[bytes, dict[str, str]]:
        if insert[2].upper() == b"VALUES":
            connection.query((insert[1] + b" VALUES " + rows).decode())
            return b"", {}
        # The engine's own way of taking rows in pieces may return before all views have theirs; a file does not.
        with tempfile.NamedTemporaryFile(suffix=".rows") as file:
            file.write(rows)
            file.flush()
            source = f"FROM INFILE '{file.name}' COMPRESSION 'none' FORMAT {insert[2].decode()}"
            done = connection.query(f"{insert[1].decode()} {source}")
        return b"", {"X-ClickHouse-Summary": json.dumps({"written_rows": str(done.rows_read())})}

    def _query(self, connection: Any, sql: str) -> tuple[bytes, dict[str, str]]:
        asked = _FORMAT.search(sql)
        output = asked[1] if asked else self.parameters.get("default_format", "TabSeparated")
        values = {name.removeprefix("param_"): v for name, v in self.parameters.items() if name.startswith("param_")}
        result = connection.query(sql, output, params=values)
        summary = {"read_rows": str(result.rows_read()), "read_bytes": str(result.bytes_read())}
        return result.bytes() or b"", {"X-ClickHouse-Summary": json.dumps(summary), "X-ClickHouse-Format": output}

    def _fail(self, status: int, message: str) -> None:
        message = message[max(message.find("Code: "), 0) :]
        code = re.match(r"Code: (\d+)", message)
        number = code[1] if code else "1002"
        self._reply(
            404 if number in _UNKNOWN else status,
            message.encode() + b"\n",
            **{"X-ClickHouse-Exception-Code": number},
        )

    def _reply(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-ClickHouse-Query-Id", self.parameters.get("query_id", ""))
        self.send_header("X-ClickHouse-Timezone", self.server.timezone)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def _decompressed(data: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(data)
    if encoding == "lz4":
        import lz4.frame

        whole = b""
        while data:  # one frame per block of rows
            decompressor = lz4.frame.LZ4FrameDecompressor()
            whole += decompressor.decompress(data)
            data = decompressor.unused_data or b""
        return whole
    if encoding:
        raise ValueError(f"the test server does not know the encoding {encoding}")
    return data


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: str, port: int) -> None:
        import chdb

        self._folder, self._chdb = folder, chdb
        self._keeps_the_engine = self.connect()
        self.timezone = self._keeps_the_engine.query("SELECT timezone()", "TSV").bytes().decode().strip()
        self.faults = _Faults()
        super().__init__(("127.0.0.1", port), _Requests)

    def connect(self) -> Any:
        """Return a session of its own, so that settings are seen by no other line."""
        return self._chdb.connect(self._folder)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away: tests do that on purpose."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)  # type: ignore[arg-type]


if __name__ == "__main__":
    server = _Server(sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    server.serve_forever()
