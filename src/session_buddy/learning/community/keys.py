"""The key that an installation signs with: a private file, made at first use. Needs the extra ``community``."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Any

from session_buddy.errors import MissingExtra, StoreUnreadable
from session_buddy.learning.community.checking import fingerprint_of
from session_buddy.storage.migrations.lock import exclusive

__all__ = ["SigningKey", "is_signed"]

_KEY_BYTES = 32
_LOCK_SECONDS = 5.0


def is_signed(public_key: bytes, signature: bytes, content: bytes) -> bool:
    """Tell whether *signature* was made of *content* with the private key that belongs to *public_key*."""
    ed25519, invalid = _ed25519()
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, content)
    except (invalid, ValueError):
        return False
    return True


class SigningKey:
    """The key of one data folder: ``community.key``, 32 bytes that only their owner may read.

    Raises :class:`MissingExtra` where signing is not installed, :class:`StoreUnreadable` where others may read the
    key, or where it is none.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "community.key"
        self._last = folder / "community.sequence"

    @property
    def known_fingerprint(self) -> str | None:
        """By what others know this installation; ``None`` where there is no key yet, and none is made."""
        return self.fingerprint if self.path.exists() else None

    @property
    def public_key(self) -> bytes:
        """The half that anybody may have."""
        return bytes(self._private().public_key().public_bytes_raw())

    @property
    def fingerprint(self) -> str:
        """By what others know this installation."""
        return fingerprint_of(self.public_key)

    def sign(self, content: bytes) -> bytes:
        """Return the signature of *content*."""
        return bytes(self._private().sign(content))

    def next_sequence(self, now_ms: int) -> int:
        """Return a number above all that were ever given out, whether the folder or the clock was set back.

        It is the present time in milliseconds, or the last number and one. Processes may share the folder.
        """
        self._last.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self._last.with_name(f"{self._last.name}.lock"), timeout=_LOCK_SECONDS):
            try:
                last = int(self._last.read_text(encoding="ascii"))
            except (FileNotFoundError, ValueError):
                last = 0
            number = max(now_ms, last + 1)
            draft = self._last.with_name(f"{self._last.name}.{secrets.token_hex(4)}")
            draft.write_text(str(number), encoding="ascii")
            draft.replace(self._last)
        return number

    def _private(self) -> Any:
        ed25519, _ = _ed25519()
        content = _read_or_made(self.path)
        if len(content) != _KEY_BYTES:
            raise StoreUnreadable(
                f"{self.path} is no key.",
                remedy="Restore it from a backup, or delete it: then you are somebody else to those who know you.",
            )
        return ed25519.Ed25519PrivateKey.from_private_bytes(content)


def _read_or_made(path: Path) -> bytes:
    try:
        status = path.stat()
    except FileNotFoundError:
        _make(path)
        status = path.stat()
    if sys.platform != "win32" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StoreUnreadable(
            f"{path} may be read by others than its owner.",
            remedy=f"If nobody had it, run: chmod 600 '{path}'. Else delete it, and tell others your new fingerprint.",
        )
    return path.read_bytes()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and linked into place: whoever comes second finds a whole key.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _ed25519() -> tuple[Any, type[Exception]]:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingExtra("Signing community bundles", extra="community") from error
    return ed25519, InvalidSignature
