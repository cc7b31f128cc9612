"""What goes over the live feed, either way: typed messages, and their JSON.

Sender and receiver use the same types, so what one writes the other can read. Readers leave out fields that they do
not know: a newer server may add some.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from session_buddy.errors import InvalidInput, SessionBuddyError
from session_buddy.model import Invocation

__all__ = [
    "AnomalyRow",
    "Delta",
    "Failure",
    "FailureBody",
    "FromClient",
    "FromServer",
    "Heartbeat",
    "InvocationRow",
    "Ping",
    "Pong",
    "Position",
    "Recovered",
    "SkillRow",
    "Snapshot",
    "Subscribe",
    "Unsubscribe",
    "read_client_message",
    "read_server_message",
]


class SkillRow(msgspec.Struct, frozen=True, kw_only=True):
    """A skill as it stands now: the columns of ``v_realtime_skill_dashboard``, and its category."""

    skill_name: str
    kind: str | None = None
    category: str | None = None
    last_invocation_at: str
    invocation_count_1h: int
    invocation_count_24h: int
    avg_completion_rate_24h: float | None = None
    completion_rate: float | None = None
    """Completed of completed and failed since ever, 0-1."""
    total_invocations: int | None = None
    avg_duration_seconds: float | None = None
    is_anomalous: bool = False
    anomaly_score: float | None = None
    updated_at: str


class InvocationRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One use of a skill; told again under the same ``event_id`` when more is known of it."""

    event_id: str
    session_id: str
    skill_name: str
    kind: str
    category: str | None = None
    invoked_at: str
    outcome: str | None = None
    error_type: str | None = None
    duration_ms: int | None = None
    user_id: str
    project: str | None = None
    source: str

    @classmethod
    def of(cls, invocation: Invocation, category: str | None) -> InvocationRow:
        """Return what the feed tells of *invocation*."""
        return cls(
            event_id=invocation.event_id,
            session_id=invocation.session_id,
            skill_name=invocation.skill_name,
            kind=invocation.kind,
            category=category,
            invoked_at=invocation.invoked_at,
            outcome=invocation.outcome,
            error_type=invocation.error_type,
            duration_ms=invocation.duration_ms,
            user_id=invocation.user_id,
            project=invocation.project,
            source=invocation.source,
        )


class AnomalyRow(msgspec.Struct, frozen=True, kw_only=True):
    """An anomaly: the columns of ``skill_anomalies``. Told when it opens, and again when it is resolved."""

    id: int
    skill_name: str
    detected_at: str
    anomaly_type: str
    metric: str | None = None
    severity: str | None = None
    baseline_value: float | None = None
    observed_value: float | None = None
    deviation_score: float | None = None
    band_low: float | None = None
    band_high: float | None = None
    reason: str | None = None
    detector: str | None = None
    resolved_at: str | None = None


class Position(msgspec.Struct, frozen=True):
    """A place in the feed: an epoch is one life of a server, an offset counts its deltas."""

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Return the position that is written ``epoch:offset``; raises :class:`InvalidInput`."""
        epoch, colon, offset = text.rpartition(":")
        if not (epoch and colon and offset.isascii() and offset.isdigit() and len(offset) <= _DIGITS):
            raise InvalidInput("since", f"{text[:60]!r} is not epoch:offset.", remedy="Leave it out to start anew.")
        return cls(epoch, int(offset))


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Add topics. Answered by a snapshot, or by the deltas since a position and ``recovered``."""

    topics: list[str]
    since: Position | None = None


class Unsubscribe(msgspec.Struct, frozen=True, tag="unsubscribe"):
    """Take topics away. Without any topic left nothing but heartbeats comes."""

    topics: list[str]


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Ask for a pong, to see that the other side is there."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot"):
    """Everything within the topics as of a position: put it in place of what you have."""

    epoch: str
    offset: int
    recovered: bool = False
    skills: list[SkillRow]
    invocations: list[InvocationRow]
    """The latest, newest first; at most 50."""
    anomalies: list[AnomalyRow]
    """Those that are open."""


class Delta(msgspec.Struct, frozen=True, kw_only=True, tag="delta"):
    """What changed: put each row in place of the one with the same name or id."""

    epoch: str
    offset: int
    skills: list[SkillRow]
    invocations: list[InvocationRow]
    """In the order in which the store took them in."""
    anomalies: list[AnomalyRow]


class Recovered(msgspec.Struct, frozen=True, kw_only=True, tag="recovered"):
    """All deltas since the position asked for have been sent: nothing is missing."""

    epoch: str
    offset: int
    recovered: bool = True


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat"):
    """Nothing changed; everything up to this position has been sent."""

    epoch: str
    offset: int


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """The answer to a ping."""


class FailureBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error in the one shape that every interface uses."""

    type: str
    problem: str
    remedy: str
    field: str | None = None
    suggestions: list[str] | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag="error"):
    """A message could not be acted upon, or the store could not be read; the connection stays."""

    error: FailureBody

    longest: ClassVar[int] = 1_000

    @classmethod
    def of(cls, error: SessionBuddyError) -> Failure:
        """Return *error* as a message."""
        return cls(
            error=FailureBody(
                type=type(error).__name__,
                problem=error.problem[: cls.longest],
                remedy=error.remedy,
                field=getattr(error, "field", None),
                suggestions=getattr(error, "suggestions", None),
            )
        )


FromServer = Snapshot | Delta | Recovered | Heartbeat | Pong | Failure
FromClient = Subscribe | Unsubscribe | Ping

_DIGITS = 15
_from_server: msgspec.json.Decoder[FromServer] = msgspec.json.Decoder(FromServer)
_from_client: msgspec.json.Decoder[FromClient] = msgspec.json.Decoder(FromClient)


def read_server_message(text: str | bytes) -> FromServer | None:
    """Return the message that a server sent; None for one of a type that this version does not know.

    Raises :class:`InvalidInput` for what is no message at all.
    """
    try:
        return _from_server.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        if _is_of_unknown_type(text):
            return None
        raise InvalidInput("message", f"{error}.", remedy="Is this the live feed of a Session-Buddy server?") from error


def read_client_message(text: str | bytes) -> FromClient:
    """Return the message that a client sent; raises :class:`InvalidInput` for what is none."""
    try:
        message = _from_client.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInput(
            "message", f"{error}.", remedy="Send subscribe, unsubscribe or ping, as docs/reference/live.md describes."
        ) from error
    if isinstance(message, Subscribe) and message.since and not 0 <= message.since.offset < 10**_DIGITS:
        raise InvalidInput("since", "offset is out of range.", remedy="Leave since out to start anew.")
    return message


class _Typed(msgspec.Struct):
    type: str


def _is_of_unknown_type(text: str | bytes) -> bool:
    known = {kind.__struct_config__.tag for kind in FromServer.__args__}
    try:
        return msgspec.json.decode(text, type=_Typed).type not in known
    except (msgspec.DecodeError, UnicodeError):
        return False
