"""The key stays where it is, and is nobody else's."""

from __future__ import annotations

import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from session_buddy.errors import MissingExtra, StoreUnreadable
from session_buddy.learning.community.keys import SigningKey, is_signed


def test_a_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    key = SigningKey(tmp_path / "data")
    assert key.known_fingerprint is None
    assert not (tmp_path / "data").exists()
    found = key.fingerprint
    assert len(found) == 64
    assert key.known_fingerprint == SigningKey(tmp_path / "data").fingerprint == found
    if sys.platform != "win32":
        assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["community.key"]


def test_many_at_once_make_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: SigningKey(tmp_path).fingerprint, range(40)))
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["community.key"]


def test_what_one_key_signs_another_has_not_signed(tmp_path: Path) -> None:
    one, other = SigningKey(tmp_path / "a"), SigningKey(tmp_path / "b")
    signature = one.sign(b"content")
    assert is_signed(one.public_key, signature, b"content")
    assert not is_signed(one.public_key, signature, b"another")
    assert not is_signed(other.public_key, signature, b"content")
    assert not is_signed(one.public_key, signature[:-1], b"content")
    assert not is_signed(b"\xff" * 32, signature, b"content")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    key = SigningKey(tmp_path)
    assert key.fingerprint
    key.path.chmod(mode)
    with pytest.raises(StoreUnreadable, match="may be read by others"):
        key.sign(b"")


def test_what_is_no_key_is_not_replaced(tmp_path: Path) -> None:
    key = SigningKey(tmp_path)
    key.path.touch(mode=0o600)
    with pytest.raises(StoreUnreadable, match="is no key"):
        key.sign(b"")
    assert key.path.read_bytes() == b""


def test_numbers_grow_whatever_clock_and_folder_say(tmp_path: Path) -> None:
    key = SigningKey(tmp_path)
    assert [key.next_sequence(now) for now in (1_000, 1_000, 400, 5_000)] == [1_000, 1_001, 1_002, 5_000]
    (tmp_path / "community.sequence").unlink()
    assert key.next_sequence(9_000) == 9_000
    (tmp_path / "community.sequence").write_text("nonsense")
    assert key.next_sequence(9_500) == 9_500
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(key.next_sequence, [1] * 40))) == 40


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    for use in (lambda: SigningKey(tmp_path).fingerprint, lambda: is_signed(b"", b"", b"")):
        with pytest.raises(MissingExtra, match=r"pip install 'session-buddy\[community\]'"):
            use()
    assert list(tmp_path.iterdir()) == []
