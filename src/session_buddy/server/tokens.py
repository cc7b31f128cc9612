"""Tokens: who may read, who may record, who may do all. Kept as hashes in one file of the owner's.

A token is 256 random bits. The hash is a single SHA-256: slow, salted hashes protect secrets that people choose
and attackers can guess; nobody guesses 256 bits, and the check runs on every request.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import sys
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path

import msgspec

from session_buddy.errors import InvalidInput, NotFound, StoreUnreadable
from session_buddy.storage.migrations.lock import exclusive

__all__ = ["Scope", "Token", "TokenFigures", "TokenFile", "TokenList"]

_MARK = "sbk_"
"""Tokens begin so: scanners for leaked secrets find them."""
_LOCK_SECONDS = 5.0


class Scope(StrEnum):
    """What a token is good for."""

    INGEST = "ingest"
    """To record: invocations, and who takes part in experiments and how it ended; nothing else."""
    READ = "read"
    """To read everything: API, pages, live feed, metrics."""
    ADMIN = "admin"
    """Both, and whatever changes more than that."""

    def covers(self, needed: Scope) -> bool:
        """Tell whether this scope is enough for what needs *needed*."""
        return self in (Scope.ADMIN, needed)


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token; the token itself is not kept."""

    id: str
    name: str | None
    scope: Scope
    sha256: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None

    def is_good(self, now: str) -> bool:
        """Tell whether the token is neither revoked nor expired at the moment *now*."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class TokenFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is listed: not even its hash is shown."""

    id: str
    name: str | None
    scope: Scope
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    good: bool
    """Neither revoked nor expired."""


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    """Every token ever made, in that order."""

    tokens: list[TokenFigures]


class _Content(msgspec.Struct, frozen=True):
    tokens: list[Token]


class TokenFile:
    """The tokens of one data folder; a change by any process is seen by the next :meth:`check`.

    Revoked and expired tokens stay listed: as long as the file names any, one is demanded. Raises
    :class:`~session_buddy.errors.StoreUnreadable` for a file that is damaged, or that others may change.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] | None = None
        self._tokens: list[Token] = []

    def all(self) -> list[Token]:
        """Return every token ever made, in that order."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return []
        # A changed file is another one, put into its place: these tell them apart.
        seen = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)
        if seen != self._seen:
            self._tokens, self._seen = self._read(status), seen
        return self._tokens

    def listed(self, now: str) -> TokenList:
        """Return what may be shown of every token."""
        shown = [msgspec.structs.asdict(token) | {"good": token.is_good(now)} for token in self.all()]
        return TokenList(tokens=msgspec.convert(shown, list[TokenFigures]))

    def check(self, presented: str, now: str) -> Token | None:
        """Return the token that *presented* is, if it is good at the moment *now*.

        Every known hash is compared, each in constant time: the time taken tells nothing.
        """
        digest = _digest(presented)
        found = None
        for token in self.all():
            if hmac.compare_digest(digest, token.sha256):
                found = token
        return found if found and found.is_good(now) else None

    def create(self, scope: Scope, *, now: str, name: str | None = None, expires_at: str | None = None) -> str:
        """Make a token and return it, for the only time; raises :class:`InvalidInput` for a name in use."""
        text = _MARK + secrets.token_urlsafe(32)
        token = Token(
            id=secrets.token_hex(4),
            name=name,
            scope=scope,
            sha256=_digest(text),
            created_at=now,
            expires_at=expires_at,
        )
        with self._changing():
            tokens = self.all()
            if name is not None and any(other.name == name and other.is_good(now) for other in tokens):
                raise InvalidInput("name", f"a token is called {name!r}.", remedy="Give another, or revoke that one.")
            self._write([*tokens, token])
        return text

    def revoke(self, name_or_id: str, *, now: str) -> Token:
        """Make the token called *name_or_id* good for nothing; raises :class:`NotFound` where no good one is."""
        with self._changing():
            tokens = self.all()
            good = [token for token in tokens if token.is_good(now)]
            found = [token for token in good if name_or_id in (token.id, token.name)]
            if not found:
                names = [token.name or token.id for token in good]
                raise NotFound(
                    f"No good token is called {name_or_id!r}.",
                    remedy="See 'session-buddy token list'.",
                    suggestions=names,
                )
            revoked = msgspec.structs.replace(found[0], revoked_at=now)
            self._write([revoked if token is found[0] else token for token in tokens])
        return revoked

    def _changing(self) -> AbstractContextManager[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return exclusive(self.path.with_name(f"{self.path.name}.lock"), timeout=_LOCK_SECONDS)

    def _read(self, status: os.stat_result) -> list[Token]:
        if sys.platform != "win32" and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StoreUnreadable(
                f"{self.path} may be changed by others than its owner.", remedy=f"Run: chmod 600 '{self.path}'"
            )
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Content).tokens
        except (OSError, msgspec.DecodeError) as error:
            raise StoreUnreadable(
                f"The tokens in {self.path} cannot be read: {error}.",
                remedy="Mend the file, or delete it and make new tokens; until then nobody is let in.",
            ) from error

    def _write(self, tokens: list[Token]) -> None:
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(_Content(tokens)), indent=2) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def _digest(text: str) -> str:
    # Whatever a header may carry is a text to hash, also what is no UTF-8.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
