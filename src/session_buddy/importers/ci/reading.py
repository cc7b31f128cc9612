"""JSON as services of CI send it, decoded; and what they call a commit."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["commit_trait", "decoded", "keys_of"]

T = TypeVar("T")

_SHA = re.compile(r"[0-9a-fA-F]{7,64}")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decoded(decoder: msgspec.json.Decoder[T], data: bytes, what: str) -> T:
    """Return what *decoder* makes of *data*; raises :class:`InvalidInput` where that is no *what*."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("document", f"is no {what}: {error}.", remedy="Send it as the service made it.") from error


def keys_of(data: bytes) -> frozenset[str]:
    """Return the keys of the JSON object in *data*; raises :class:`InvalidInput` where it is none."""
    found: dict[str, msgspec.Raw] = decoded(_OBJECT, data, "JSON object")
    return frozenset(found)


def commit_trait(sha: str | None) -> tuple[str, ...]:
    """Return the trait that says which commit was tried: runs of the same code are known by it.

    >>> commit_trait("6F96B263f472444725e0d2122722ce7140cf3bdb"), commit_trait("main")
    (('commit:6f96b263f4724447',), ())
    """
    return (f"commit:{sha[:16].lower()}",) if sha and _SHA.fullmatch(sha) else ()
