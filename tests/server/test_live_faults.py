"""Clients that stall, die, or send what no client would: nobody else is harmed, nothing stays behind."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import struct
from pathlib import Path

import pytest

from session_buddy.feed import FeedLimits
from session_buddy.server.live_protocol import LiveWebSocketProtocol
from tests.making import invocation
from tests.server.live_serving import Stage, on_stage, until

HANDSHAKE = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDAwMDAwMDAwMDAwMDAwMA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Impatient(LiveWebSocketProtocol):
    stall_seconds = 0.3


async def raw_client(stage: Stage, *, receive_buffer: int | None = None) -> socket.socket:
    """Return a connected socket after the handshake; nothing reads from it unless the test does."""
    raw = socket.socket()
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", stage.port))
    await loop.sock_sendall(raw, HANDSHAKE)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += await loop.sock_recv(raw, 1)
    assert b"101" in answer
    return raw


def text_frame(payload: bytes, opcode: int = 0x81) -> bytes:
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return bytes([opcode]) + length + b"\x00\x00\x00\x00" + payload


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


SUBSCRIBE = text_frame(b'{"type":"subscribe","topics":["all"]}')


async def read_until_closed(raw: socket.socket) -> bytes:
    loop, heard = asyncio.get_running_loop(), b""
    try:
        async with asyncio.timeout(20):
            while chunk := await loop.sock_recv(raw, 65_536):
                heard += chunk
    except ConnectionError:
        pass
    return heard


def test_one_stalled_client_delays_nobody_and_is_cut_off(tmp_path: Path) -> None:
    async def scene() -> None:
        limits = FeedLimits(queue_bytes=50_000)
        async with on_stage(tmp_path, ws=Impatient, limits=limits) as stage, stage.client("all") as quick:
            await quick.hear("snapshot")
            stalled = await raw_client(stage, receive_buffer=4_096)
            await asyncio.get_running_loop().sock_sendall(stalled, SUBSCRIBE)
            await until(lambda: len(stage.feed) == 2)
            subscriber = list(stage.feed._subscribers)[-1]
            await until(lambda: bool(subscriber.topics))
            most, number = 0, 0
            while len(stage.feed) == 2:
                stage.feed.publish([invocation(f"{number}-{one}", project="p" * 500) for one in range(50)])
                number += 1
                assert (await quick.hear())["offset"] == number
                most = max(most, subscriber.queued_bytes)
            assert 0 < most <= 50_000
            stalled.close()

    asyncio.run(scene())


@pytest.mark.long
def test_a_slow_client_gets_a_fresh_snapshot_once_it_reads_again(tmp_path: Path) -> None:
    async def scene() -> None:
        limits = FeedLimits(queue_messages=3)
        async with on_stage(tmp_path, limits=limits) as stage, stage.client("all", max_queue=1) as slow:
            await slow.hear("snapshot")
            subscriber = next(iter(stage.feed._subscribers))
            number = 0
            while not subscriber.needs_snapshot:
                stage.feed.publish([invocation(f"{number}-{one}", project="p" * 500) for one in range(100)])
                number += 1
                await asyncio.sleep(0.03)
            stage.record(invocation("last"))
            kinds, offset = [], 0
            while offset < stage.feed.offset:
                message = await slow.hear()
                kinds.append(message["type"])
                assert message["type"] == "snapshot" or message["offset"] == offset + 1
                offset = message["offset"]
            assert kinds.count("snapshot") >= 1
            assert len(kinds) < stage.feed.offset
            assert set(kinds) <= {"delta", "snapshot"}

    asyncio.run(scene())


def test_a_peer_that_answers_no_ping_is_closed_though_it_has_not_read_the_rest(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, ws_ping_interval=0.1, ws_ping_timeout=0.1) as stage:
            dead = await raw_client(stage, receive_buffer=4_096)
            await asyncio.get_running_loop().sock_sendall(dead, SUBSCRIBE)
            await until(lambda: any(one.topics for one in stage.feed._subscribers))
            while len(stage.feed):
                stage.feed.publish([invocation(str(one), project="p" * 500) for one in range(50)])
                await asyncio.sleep(0.01)
            dead.close()

    asyncio.run(scene())


@pytest.mark.long
def test_a_stalled_client_does_not_hold_up_the_end_of_the_server(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path, timeout_graceful_shutdown=None) as stage:
            stalled = await raw_client(stage, receive_buffer=4_096)
            await asyncio.get_running_loop().sock_sendall(stalled, SUBSCRIBE)
            await until(lambda: any(one.topics for one in stage.feed._subscribers))
            while not next(iter(stage.feed._subscribers)).needs_snapshot:
                stage.feed.publish([invocation(str(one), project="p" * 500) for one in range(50)])
                await asyncio.sleep(0.03)  # longer than messages are held back to be written together
        stalled.close()

    asyncio.run(scene())


@pytest.mark.parametrize("cut", ["in a header", "in a frame", "in a fragmented message", "in the handshake"])
def test_a_client_that_dies_half_way_leaves_nothing_behind(tmp_path: Path, cut: str) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage, stage.client("all") as other:
            await other.hear("snapshot")
            raw = await raw_client(stage)
            loop = asyncio.get_running_loop()
            if cut == "in a header":
                await loop.sock_sendall(raw, SUBSCRIBE[:1])
            elif cut == "in a frame":
                await loop.sock_sendall(raw, SUBSCRIBE[:-5])
            elif cut == "in a fragmented message":
                await loop.sock_sendall(raw, text_frame(b'{"type":', opcode=0x01))
            else:
                raw.close()
                _, writer = await asyncio.open_connection("127.0.0.1", stage.port)
                writer.write(HANDSHAKE[:60])
                await writer.drain()
                writer.transport.abort()
            raw.close()
            await until(lambda: len(stage.feed) == 1)
            stage.record(invocation("1"))
            assert (await other.hear())["type"] == "delta"

    asyncio.run(scene())


def test_a_message_in_fragments_is_one_message(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage:
            raw = await raw_client(stage)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(raw, text_frame(b'{"type":"pi', opcode=0x01) + text_frame(b'ng"}', opcode=0x80))
            async with asyncio.timeout(20):
                assert (await loop.sock_recv(raw, 100))[2:] == b'{"type":"pong"}'
            raw.close()
            await until(lambda: len(stage.feed) == 0)

    asyncio.run(scene())


def test_nothing_is_written_after_a_close_frame(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage:
            raw = await raw_client(stage)
            await until(lambda: len(stage.app.state.live) == 1)
            (peer,) = stage.app.state.live._peers
            await peer._websocket.close(1000)
            peer._wire._protocol.write_frames(b"more")
            await asyncio.get_running_loop().sock_sendall(raw, text_frame(b"\x03\xe8", opcode=0x88))
            assert await read_until_closed(raw) == b"\x88\x02\x03\xe8"
            raw.close()

    asyncio.run(scene())


@pytest.mark.parametrize("fragmented", [False, True])
def test_what_is_not_utf_8_closes_with_1007_and_leaves_no_trace_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fragmented: bool
) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage:
            raw = await raw_client(stage)
            sent = (
                text_frame(b"ok", opcode=0x01) + text_frame(b"\xff", opcode=0x80) if fragmented else text_frame(b"\xff")
            )
            await asyncio.get_running_loop().sock_sendall(raw, sent)
            heard = await read_until_closed(raw)
            raw.close()
            assert struct.unpack("!H", heard[2:4]) == (1007,)
            await until(lambda: len(stage.feed) == 0)

    caplog.set_level(logging.INFO)
    asyncio.run(scene())
    assert not any(record.exc_info for record in caplog.records)


def test_random_bytes_are_answered_by_closing_never_by_a_trace_and_leave_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seed = random.randrange(2**32)
    rnd = random.Random(seed)

    def noise() -> bytes:
        size = rnd.choice([1, 2, 3, 10, 200, 5_000])
        kind = rnd.randrange(4)
        if kind == 0:
            return rnd.randbytes(size)
        payload = rnd.randbytes(min(size, 125)) if kind == 1 else b'{"type":"subscribe","topics":["all"],"since":'
        opcode = rnd.choice([0x81, 0x82, 0x88, 0x89, 0x8A, 0x01, 0x80, 0xC1, 0xF3, 0x83]) if kind < 3 else 0x81
        return text_frame(payload, opcode)

    async def scene() -> None:
        async with on_stage(tmp_path) as stage, stage.client("all") as other:
            await other.hear("snapshot")

            async def annoy() -> None:
                raw = await raw_client(stage)
                loop = asyncio.get_running_loop()
                try:
                    for _ in range(rnd.randrange(1, 30)):
                        await loop.sock_sendall(raw, noise())
                        await asyncio.sleep(0)
                except ConnectionError:
                    pass
                raw.close()

            for _ in range(15):
                await asyncio.gather(*(annoy() for _ in range(10)))
            await until(lambda: len(stage.feed) == 1)
            assert len(stage.app.state.live) == 1
            stage.record(invocation("1"))
            assert (await other.hear())["type"] == "delta"

    caplog.set_level(logging.INFO)
    asyncio.run(scene())
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [], f"seed {seed}"


@pytest.mark.long
def test_a_client_that_asks_and_does_not_read_the_answers_is_cut_off(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage:
            rude = await raw_client(stage, receive_buffer=4_096)
            await asyncio.get_running_loop().sock_sendall(rude, SUBSCRIBE)
            await until(lambda: any(one.topics for one in stage.feed._subscribers))
            subscriber = next(iter(stage.feed._subscribers))
            while not subscriber.needs_snapshot:
                stage.feed.publish([invocation(str(one), project="p" * 500) for one in range(50)])
                await asyncio.sleep(0.03)
            try:
                for _ in range(200):
                    await asyncio.get_running_loop().sock_sendall(rude, text_frame(b'{"type":"ping"}'))
            except ConnectionError:
                pass
            await until(lambda: len(stage.feed) == 0)
            rude.close()

    asyncio.run(scene())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc, which is Linux's")
def test_connections_leave_no_files_open(tmp_path: Path) -> None:
    async def scene() -> None:
        async with on_stage(tmp_path) as stage:
            async with stage.client("all") as client:
                await client.hear("snapshot")
            await until(lambda: len(stage.feed) == 0)
            before = open_files()
            for _ in range(20):
                async with stage.client("all") as client:
                    client.connection.transport.abort()
            await until(lambda: len(stage.feed) == 0)
            await until(lambda: open_files() <= before)

    asyncio.run(scene())
