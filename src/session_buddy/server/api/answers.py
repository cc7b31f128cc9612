"""Good answers: values as JSON, named by a digest so that an unchanged one need not be sent again."""

from __future__ import annotations

import hashlib

import msgspec
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["answer"]

_JSON = "application/json"
_TAG_BYTES = 16


def answer(request: Request, value: msgspec.Struct) -> Response:
    """Return *value* as JSON with an ETag, or 304 where the caller has that very answer.

    The tag is a digest of the answer and no counter of the store's: windows slide though nothing is recorded.
    """
    body = msgspec.json.encode(value)
    tag = f'"{hashlib.blake2b(body, digest_size=_TAG_BYTES).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if _names(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=_JSON)


def _names(wanted: str, tag: str) -> bool:
    """Tell whether the header *wanted* names *tag*; by weak comparison, as RFC 9110 has it for this header."""
    return wanted.strip() == "*" or tag in (part.strip().removeprefix("W/") for part in wanted.split(","))
