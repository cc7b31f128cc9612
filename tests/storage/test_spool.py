"""The queue on disk: what was synced is there whatever happens, in order, and never changes."""

from __future__ import annotations

import errno
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.errors import StoreBusy, StoreError
from session_buddy.storage import segments
from session_buddy.storage.segments import framed, read_segment
from session_buddy.storage.spool import Spool, SpoolFull
from tests.making import invocation, invocations, many


def batch(name: str, n: int = 2) -> tuple[object, ...]:
    return tuple(invocation(f"{name}-{number}") for number in range(n))


def drained(spool: Spool) -> list[object]:
    found: list[object] = []
    while segment := spool.oldest():
        found += spool.read(segment)
        spool.remove(segment)
    return found


def test_batches_come_back_in_order_and_are_gone_once_removed(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        assert spool.is_empty
        for number in range(5):
            spool.sync(spool.append(batch(str(number))))
        assert not spool.is_empty
        assert drained(spool) == [batch(str(number)) for number in range(5)]
        assert spool.is_empty
        assert spool.size_bytes == 0
        assert not list(tmp_path.glob("*.segment"))


@given(told=st.lists(st.lists(invocations(), min_size=1, max_size=4).map(tuple), max_size=6))
@pytest.mark.long
def test_every_field_of_every_invocation_survives(told: list[tuple[object, ...]], tmp_path_factory: object) -> None:
    folder = tmp_path_factory.mktemp("spool")  # type: ignore[attr-defined]
    with Spool(folder, segment_bytes=900) as spool:
        for one in told:
            spool.sync(spool.append(one))
    with Spool(folder) as spool:
        assert drained(spool) == told


def test_a_segment_keeps_its_bytes_when_the_spool_is_opened_again(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.sync(spool.append(batch("a")))
        first = spool.oldest()
        assert first
        content = first.path.read_bytes()
        spool.sync(spool.append(batch("b")))  # a sealed segment takes nothing more
        assert first.path.read_bytes() == content
    with Spool(tmp_path) as spool:
        assert spool.oldest() == first
        assert drained(spool) == [batch("a"), batch("b")]


def test_segments_are_sealed_at_their_size(tmp_path: Path) -> None:
    with Spool(tmp_path, segment_bytes=3 * len(framed(batch("a")))) as spool:
        for _ in range(9):
            spool.append(batch("a"))
        assert len(list(tmp_path.glob("*.segment"))) == 3


def test_a_segment_added_whole_stands_in_its_place(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append(batch("a"))
        spool.add_segment([batch("b"), batch("c")])
        spool.append(batch("d"))
        assert drained(spool) == [batch(name) for name in "abcd"]


def test_numbers_go_on_after_reopening(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append(batch("a"))
    with Spool(tmp_path) as spool:
        spool.append(batch("b"))
        assert drained(spool) == [batch("a"), batch("b")]


# Crashes


@given(st.data())
def test_a_file_cut_anywhere_gives_the_batches_before_the_cut(data: st.DataObject) -> None:
    frames = [framed(batch(str(number), number + 1)) for number in range(3)]
    whole = b"SBSPOOL1" + b"".join(frames)
    cut = data.draw(st.integers(0, len(whole)))
    expected = sum(8 + sum(map(len, frames[: number + 1])) <= cut for number in range(3))
    read, damaged = read_from(whole[:cut])
    assert read == [batch(str(number), number + 1) for number in range(expected)]
    assert damaged == b""


def read_from(content: bytes) -> tuple[list[object], bytes]:
    class Content:
        def read_bytes(self) -> bytes:
            return content

    return read_segment(Content())  # type: ignore[arg-type, return-value]


@given(st.data())
def test_a_byte_that_changed_is_noticed_and_nothing_vanishes(data: st.DataObject) -> None:
    frames = [framed(batch(str(number))) for number in range(3)]
    whole = bytearray(b"SBSPOOL1" + b"".join(frames))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    read, damaged = read_from(bytes(whole))
    assert len(read) < 3
    assert all(one in [batch(str(number)) for number in range(3)] for one in read)
    assert bytes([whole[at]]) in damaged
    assert len(damaged) >= len(frames[0])


def test_zeros_behind_the_last_frame_are_damage_and_not_batches() -> None:
    read, damaged = read_from(b"SBSPOOL1" + framed(batch("a")) + bytes(100))
    assert read == [batch("a")]
    assert damaged == bytes(100)


def test_a_frame_from_another_version_is_kept_and_the_rest_is_read(tmp_path: Path) -> None:
    payload = msgspec.msgpack.encode([{"event_id": "e", "kind": "a kind to come"}])
    head = struct.pack("<II", len(payload), zlib.crc32(payload))
    foreign = head + struct.pack("<I", zlib.crc32(head)) + payload
    (tmp_path / "000000000001.segment").write_bytes(b"SBSPOOL1" + foreign + framed(batch("a")))
    with Spool(tmp_path) as spool:
        assert drained(spool) == [batch("a")]
    assert (tmp_path / "refused" / "000000000001.damaged").read_bytes() == foreign


def test_what_was_refused_is_kept_with_the_reason(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.set_aside("x.0", batch("a"), reason="too odd")  # type: ignore[arg-type]
    kept = msgspec.json.decode((tmp_path / "refused" / "x.0.json").read_bytes())
    assert kept["reason"] == "too odd"
    assert [one["event_id"] for one in kept["batch"]] == ["a-0", "a-1"]


KILLED = """
import sys
from pathlib import Path
from session_buddy.storage.spool import Spool
from tests.making import invocation
spool = Spool(Path(sys.argv[1]), segment_bytes=2000)
for number in range(100_000):
    spool.sync(spool.append((invocation(f"e{number}"),)))
    print(number, flush=True)
"""


def test_what_was_synced_survives_a_kill(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    for _ in range(50):
        process.stdout.readline()
    process.kill()
    acknowledged = 50 + len(process.stdout.read().split("\n")) - 1
    process.communicate()
    with Spool(tmp_path) as spool:  # the lock went with the process
        found = [one[0].event_id for one in drained(spool)]  # type: ignore[index]
    assert found == [f"e{number}" for number in range(len(found))]
    assert acknowledged <= len(found) <= acknowledged + 1


# Limits and faults of the disk


def test_a_full_spool_says_so_and_stays_as_it_was(tmp_path: Path) -> None:
    size = len(framed(batch("a")))
    with Spool(tmp_path, limit_bytes=8 + 2 * size) as spool:
        spool.append(batch("a"))
        spool.append(batch("b"))
        with pytest.raises(SpoolFull, match="its limit of"):
            spool.append(batch("c"))
        with pytest.raises(SpoolFull, match="its limit of"):
            spool.add_segment([batch("c")])
        assert drained(spool) == [batch("a"), batch("b")]
        spool.append(batch("c"))


def test_the_size_counts_what_was_there_on_opening(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append(batch("a"))
        size = spool.size_bytes
    assert size == sum(path.stat().st_size for path in tmp_path.glob("*.segment"))
    with Spool(tmp_path, limit_bytes=size) as spool:
        assert spool.size_bytes == size
        with pytest.raises(SpoolFull):
            spool.append(batch("b"))


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_will_not_flush_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Spool(tmp_path) as spool:
        spool.sync(spool.append(batch("a")))
        mark = spool.append(batch("b"))
        with monkeypatch.context() as patch:
            patch.setattr(segments, "_flush", full_disk)
            with pytest.raises(SpoolFull, match="No space left"):
                spool.sync(mark)
        with pytest.raises(SpoolFull, match="could not be flushed"):
            spool.sync(mark)  # a second flush that succeeds would prove nothing: the pages may be gone
        spool.sync(spool.append(batch("c")))
        assert drained(spool) == [batch("a"), batch("b"), batch("c")]


def test_sealing_on_a_disk_that_will_not_flush_is_told_to_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Spool(tmp_path) as spool:
        mark = spool.append(batch("a"))
        with monkeypatch.context() as patch:
            patch.setattr(segments, "_flush", full_disk)
            assert spool.oldest()
        with pytest.raises(SpoolFull):
            spool.sync(mark)


def test_a_segment_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Spool(tmp_path) as spool:
        with monkeypatch.context() as patch:
            patch.setattr(segments, "_flush", full_disk)
            with pytest.raises(SpoolFull):
                spool.add_segment([batch("a")])
        with monkeypatch.context() as patch:
            patch.setattr(segments, "_flush_folder", full_disk)
            with pytest.raises(SpoolFull):
                spool.append(batch("a"))
        assert not list(tmp_path.glob("*.segment"))
        assert spool.is_empty
        spool.sync(spool.append(batch("b")))
        assert drained(spool) == [batch("b")]


def test_a_write_that_stops_half_way_is_undone(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append(batch("a"))
        assert spool._open
        real = spool._open[1]._file

        class Cramped:
            def __init__(self) -> None:
                self.left = 10

            def write(self, data: memoryview) -> int:
                if not self.left:
                    full_disk()
                written = real.write(data[: self.left])
                self.left -= written
                return written

            def __getattr__(self, name: str) -> object:
                return getattr(real, name)

        spool._open[1]._file = Cramped()  # type: ignore[assignment]
        with pytest.raises(SpoolFull):
            spool.append(batch("b"))
        spool._open[1]._file = real
        spool.sync(spool.append(batch("c")))
        assert drained(spool) == [batch("a"), batch("c")]


def test_threads_that_wait_together_share_flushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes = 0
    together = threading.Barrier(8)
    flush = segments._flush

    def counted(descriptor: int) -> None:
        nonlocal flushes
        flushes += 1
        flush(descriptor)

    with Spool(tmp_path) as spool:
        spool.sync(spool.append(batch("first")))
        monkeypatch.setattr(segments, "_flush", counted)

        def work(number: int) -> None:
            mark = spool.append(batch(str(number)))
            together.wait()
            spool.sync(mark)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert flushes == 1
        assert len(drained(spool)) == 9


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Spool(tmp_path), pytest.raises(StoreBusy, match="Another process uses the spool"):
        Spool(tmp_path)
    Spool(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        Spool(tmp_path / "file" / "spool")


def test_a_closed_spool_forgets_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(batch("a"))
    segment = spool.oldest()
    assert segment
    spool.close()
    spool.remove(segment)  # told by a thread that was left behind
    with Spool(tmp_path) as again:
        assert drained(again) == [batch("a")]


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with Spool(tmp_path) as spool:
        assert spool.is_empty
        spool.append(tuple(many(3)))
        drained(spool)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_a_killed_process_left_is_flushed_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Spool(tmp_path) as spool:
        spool.append(batch("a"))
    (tmp_path / "000000000009.segment.part").write_bytes(b"half")
    with monkeypatch.context() as patch:
        patch.setattr(segments, "_flush", full_disk)
        with pytest.raises(StoreError, match="No space left"):
            Spool(tmp_path)
    with Spool(tmp_path) as spool:  # the refusal let go of the folder
        assert drained(spool) == [batch("a")]
        assert not list(tmp_path.glob("*.part"))
