"""What went wrong, as every endpoint says it: ``{"error": {"type", "problem", "remedy", …}}`` and a status."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from starlette.responses import Response

from session_buddy.errors import (
    ExperimentError,
    ExperimentUnreadable,
    InvalidInput,
    MigrationError,
    NotFound,
    QueryRefused,
    SessionBuddyError,
    StoreError,
    StoreFull,
    UnknownExperiment,
    UnknownStrategy,
)

__all__ = [
    "BadBody",
    "BodyTooLarge",
    "BodyTooSlow",
    "Fault",
    "ForeignHost",
    "ForeignOrigin",
    "InvalidBatch",
    "ItemFault",
    "MethodNotAllowed",
    "NoSuchPath",
    "NotPermitted",
    "Problem",
    "RequestRefused",
    "TokenMissing",
    "Unexpected",
    "UnsupportedBody",
    "fault_of",
    "problem_response",
    "status_of",
]

JSON = "application/json"
_RETRY_SECONDS = 1.0


class ItemFault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one invocation of a batch."""

    index: int
    """Its place in the batch, counted from 0."""
    field: str | None
    """The field at fault; ``null`` where the whole is no invocation."""
    problem: str
    remedy: str


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error: what kind, what is wrong, what to do next."""

    type: str
    """A stable name: see the list of types."""
    problem: str
    remedy: str
    field: str | None = None
    """The parameter or field at fault, where it is one."""
    suggestions: list[str] | None = None
    """Names that there are, where one was not known."""
    items: list[ItemFault] | None = None
    """The faulty invocations of a batch, the first hundred of them."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer with a status of 400 or above."""

    error: Fault


class RequestRefused(SessionBuddyError):
    """A request that the server does not take as it is; ``status`` says why in HTTP's terms."""

    status = 400


class TokenMissing(RequestRefused):
    """There is no token, or one that is unknown, expired or revoked."""

    status = 401


class NotPermitted(RequestRefused):
    """The token is good, but not for this."""

    status = 403


class ForeignHost(RequestRefused):
    """The request was meant for a name that this server does not go by: the mark of DNS rebinding."""

    status = 403


class ForeignOrigin(RequestRefused):
    """A page of another site sent the request."""

    status = 403


class NoSuchPath(RequestRefused):
    """Nothing is at this path."""

    status = 404


class MethodNotAllowed(RequestRefused):
    """The path is there, but not for this method."""

    status = 405


class BodyTooSlow(RequestRefused):
    """The body did not arrive in time."""

    status = 408


class BodyTooLarge(RequestRefused):
    """The body, or what it inflates to, is over the limit; or a batch has too many invocations."""

    status = 413


class UnsupportedBody(RequestRefused):
    """The body is of a type or an encoding that is not taken."""

    status = 415


class BadBody(RequestRefused):
    """The body is not what its headers say: no JSON, no gzip, or cut short."""


class InvalidBatch(InvalidInput):
    """Invocations that cannot be accepted; ``items`` says which and why. Nothing of their batch was stored."""

    def __init__(self, items: list[ItemFault], *, faulty: int, total: int) -> None:
        first = items[0]
        super().__init__(
            f"[{first.index}]" + (f".{first.field}" if first.field else ""),
            f"{first.problem} ({faulty:,} of {total:,} cannot be accepted; nothing was stored.)",
            remedy=first.remedy,
        )
        self.items = items


class Unexpected(SessionBuddyError):
    """A fault of the server itself."""


_STATUSES: dict[type[SessionBuddyError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    # Before NotFound these are errors of experiments.
    UnknownExperiment: 404,
    UnknownStrategy: 422,
    ExperimentError: 409,
    ExperimentUnreadable: 500,
    QueryRefused: 400,
    StoreError: 503,
    MigrationError: 503,
}


def status_of(error: SessionBuddyError) -> int:
    """Return the HTTP status that goes with *error*."""
    if isinstance(error, RequestRefused):
        return error.status
    return next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 500)


def fault_of(error: SessionBuddyError) -> Fault:
    """Return *error* as it is told."""
    return Fault(
        type=type(error).__name__,
        problem=error.problem,
        remedy=error.remedy,
        field=getattr(error, "field", None),
        suggestions=getattr(error, "suggestions", None),
        items=getattr(error, "items", None),
    )


def problem_response(error: SessionBuddyError, *, headers: dict[str, str] | None = None) -> Response:
    """Return the answer that tells of *error*; where it pays to come again, ``Retry-After`` says when."""
    status = status_of(error)
    given: dict[str, Any] = dict(headers or {})
    if status == 503:
        wait = error.retry_after_seconds if isinstance(error, StoreFull) else _RETRY_SECONDS
        given["Retry-After"] = str(math.ceil(wait))
    if status == 401:
        given["WWW-Authenticate"] = 'Bearer realm="session-buddy"'
    return Response(msgspec.json.encode(Problem(error=fault_of(error))), status, given, JSON)
