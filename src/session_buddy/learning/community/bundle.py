"""What travels between installations: sums of many users, with a signature over them. Pure.

A bundle is a file of JSON in exactly one form, which is what :func:`encoded` writes: two files that differ in a byte
are two bundles, and what was signed is what is read.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.model import Phase

__all__ = ["FORMAT", "MOST_BYTES", "VERSION", "Bundle", "Cell", "Noise", "decoded", "encoded", "signed_bytes"]

FORMAT = "session-buddy-community"
VERSION = 1
MOST_BYTES = 8_000_000
"""No bundle is larger."""
_SIGNED = b"session-buddy community bundle\n"
"""Stands before what is signed, so that no signature made for anything else fits."""
_LAST_KEY = re.compile(rb'"([a-z_]{1,40})"\s*:\s*"?[^"]*$')
_PLACE = re.compile(r"^(.*?) - at `\$\.?(.*)`$", re.DOTALL)
_TEXT_AT_MOST = 400

_Text = Annotated[str, msgspec.Meta(max_length=_TEXT_AT_MOST)]
_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_ASK = "Ask the publisher for the file as it was exported."


class Cell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One skill, over all users of the publisher that have it."""

    skill_name: _Text
    users: int
    invocations: int
    completed: int
    failed: int
    avg_duration_seconds: float | None
    """``None`` where it is not known, and in bundles with noise."""
    workflow_phase: Phase | None
    """The most common one, likewise."""


class Noise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What noise is in all counts of a bundle; see :mod:`session_buddy.learning.community.noise`."""

    epsilon: float
    """For one user, over the whole bundle."""
    skills_per_user: int
    uses_per_skill: int


class Bundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that one installation tells of its users, and who says so."""

    format: _Text = FORMAT
    version: int = VERSION
    publisher: _Text
    """The fingerprint of the public key: its SHA-256, in hexadecimal."""
    public_key: _Text
    sequence: int
    """Grows with each bundle of this publisher."""
    published_at: _Text
    min_users: int
    """No cell is of fewer."""
    noise: Noise | None
    cells: list[Cell]
    signature: _Text
    """Ed25519, over all the rest."""


class _Head(msgspec.Struct, frozen=True):
    format: str = ""
    version: int = 0


def encoded(bundle: Bundle) -> bytes:
    """Return the file that *bundle* is; people can read it before they send it."""
    return msgspec.json.format(msgspec.json.encode(bundle), indent=1) + b"\n"


def signed_bytes(bundle: Bundle) -> bytes:
    """Return what the signature of *bundle* is made over."""
    return _SIGNED + msgspec.json.encode(msgspec.structs.replace(bundle, signature=""))


def decoded(content: bytes) -> Bundle:
    """Return the bundle in *content*; whether what it says makes sense is not looked at here.

    Raises :class:`InvalidInput`, naming the field, for what is too large, no bundle, of another version, or written
    otherwise than :func:`encoded` writes it.
    """
    if len(content) > MOST_BYTES:
        raise InvalidInput("bundle", f"has more than {MOST_BYTES:,} bytes.", remedy=_ASK)
    head = _parsed(content, _Head)
    if head.format != FORMAT:
        raise InvalidInput("format", "this is no community bundle.", remedy="Name a file of 'community export'.")
    if head.version != VERSION:
        raise InvalidInput(
            "version",
            f"{head.version} is not {VERSION}, which this program reads.",
            remedy="Update Session-Buddy, or ask for a bundle of that version.",
        )
    bundle = _parsed(content, Bundle)
    if encoded(bundle) != content:
        raise InvalidInput("bundle", "was changed after it was written.", remedy=_ASK)
    return bundle


def _parsed(content: bytes, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError as error:
        problem, place = _where(str(error))
        raise InvalidInput(place, f"{problem}.", remedy=_ASK) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(_field_of(content, str(error)), f"{_told(error)}.", remedy=_ASK) from error


def _where(message: str) -> tuple[str, str]:
    found = _PLACE.match(message)
    return (found[1], found[2] or "bundle") if found else (message, "bundle")


def _field_of(content: bytes, message: str) -> str:
    """Return the last key before the byte at which reading stopped."""
    stopped = re.search(r"byte (\d+)", message)
    end = int(stopped[1]) if stopped else len(content)
    found = _LAST_KEY.search(content[max(0, end - 2_000) : end])
    return found[1].decode() if found else "bundle"


def _told(error: Exception) -> str:
    return "is nested too deeply" if isinstance(error, RecursionError) else str(error)
