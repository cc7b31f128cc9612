"""What ``POST /api/v1/invocations`` takes: one invocation or a batch, checked whole before anything is stored."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import force_setattr

from session_buddy.errors import InvalidInput, InvalidInvocation
from session_buddy.model import DurationSource, ErrorType, Invocation, Outcome
from session_buddy.server.fit_to_keep import VISIBLE_NAME, canonical_moment, require_text, require_visible
from session_buddy.server.problems import BadBody, BodyTooLarge, InvalidBatch, ItemFault

__all__ = ["NewInvocation", "Recording", "decode_batch"]

_FAULTS_TOLD = 100
_CENTURY_MS = 100 * 366 * 86_400_000
_TEXT = r"^[^\x00]*$"
_TRAIT = r"^[a-z][a-z0-9_]{0,31}(:[a-z0-9]{1,16})?$"
"""No dot, no slash: nothing that could be a path or the name of a file."""
_NAMES = ("event_id", "session_id", "skill_name", "source", "user_id", "parent_event_id")

# Patterns are checked below and not by msgspec: it would cite them as the reason, and take a newline at the end.
Name = Annotated[str, Meta(min_length=1, max_length=500, extra_json_schema={"pattern": VISIBLE_NAME})]
Text = Annotated[str, Meta(max_length=4_000, extra_json_schema={"pattern": _TEXT})]
Names = Annotated[tuple[Text, ...], Meta(max_length=1_000)]
Trait = Annotated[str, Meta(min_length=1, max_length=48, extra_json_schema={"pattern": _TRAIT})]
Traits = Annotated[tuple[Trait, ...], Meta(max_length=50)]
Moment = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema={"format": "date-time"})]

# To JSON 12.0 is a whole number as well; some languages write them so.
Milliseconds = Annotated[float, Meta(ge=0, lt=_CENTURY_MS, multiple_of=1)]


class NewInvocation(Invocation, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One use of a skill, as told to the API: an ``Invocation`` of which more may be left out.

    ``event_id`` makes it idempotent: told again, it may complete what is stored (an outcome, a duration), never
    double it.
    """

    event_id: Name
    session_id: Name
    skill_name: Name
    invoked_at: Moment
    """With any offset, from 1970 to 2105; stored in UTC. A time without an offset is refused."""
    source: Name = "api"
    user_id: Name = "local"
    duration_ms: Milliseconds | None = None  # type: ignore[assignment]  # whole by the time anybody sees it
    duration_source: DurationSource | None = None
    """Left out beside a duration it is ``reported``: told by the source itself."""
    error_type: ErrorType | None = None
    """Only where the outcome is ``failed``; left out there it is ``other``."""
    plugin: Text | None = None
    parent_event_id: Name | None = None
    project: Text | None = None
    agent_version: Text | None = None
    model: Text | None = None
    workflow_step_id: Text | None = None
    alternatives_considered: Names = ()
    follow_up_actions: Names = ()
    traits: Traits = ()
    """What else was seen: ``reads:py`` and ``writes:md`` by the endings of files, ``rejected``, ``interrupted``,
    ``permission_asked``. Never a path."""
    rating: Annotated[float, Meta(ge=1, le=5)] | None = None

    def __post_init__(self) -> None:
        # Before anybody else has seen it: what is left out is filled in, then checked as ever.
        force_setattr(self, "invoked_at", canonical_moment(self.invoked_at))
        if self.duration_ms is not None:
            force_setattr(self, "duration_ms", int(self.duration_ms))
            if self.duration_source is None:
                force_setattr(self, "duration_source", DurationSource.REPORTED)
        if self.outcome is Outcome.FAILED and self.error_type is None:
            force_setattr(self, "error_type", ErrorType.OTHER)
        for field in _NAMES:
            require_visible(field, getattr(self, field))
        for field in ("plugin", "project", "agent_version", "model", "workflow_step_id"):
            require_text(field, getattr(self, field))
        for field in ("alternatives_considered", "follow_up_actions"):
            for text in getattr(self, field):
                require_text(field, text)
        for trait in self.traits:
            if not _IS_TRAIT(trait):
                raise InvalidInvocation(
                    "traits", f"{trait!r} is no short word.", remedy="Write it as 'reads:py' or 'rejected'."
                )
        super().__post_init__()


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What became of what was sent; it is durable."""

    receipt: str
    """``stored``: in the store, seen by who reads next; ``spooled``: on the server's disk until the store answers."""
    received: int
    """Invocations in the body."""
    distinct: int
    """Different event ids among them: as many rows, new or completed."""


_BATCH = msgspec.json.Decoder(list[NewInvocation])
_ONE = msgspec.json.Decoder(NewInvocation)
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])
_IS_TRAIT = re.compile(_TRAIT.removesuffix("$")).fullmatch
_FIELD_CITED = re.compile(r"field `([^`]*)`")


def decode_batch(body: bytes, *, most_events: int) -> list[NewInvocation]:
    """Return the invocations of *body*, one as a JSON object or several as an array.

    Raises :class:`BadBody` for what is no JSON, :class:`BodyTooLarge` for more than *most_events*, and
    :class:`InvalidBatch`, with every fault found, where one or more cannot be accepted.
    """
    is_array = body.lstrip()[:1] == b"["
    try:
        if is_array and body.count(b"{") > most_events:
            _require_few(_PARTS.decode(body), most_events)
        return _BATCH.decode(body) if is_array else [_ONE.decode(body)]
    except (msgspec.ValidationError, InvalidInput):
        raise _faults(body, is_array) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_json(error) from error


def _require_few(parts: list[msgspec.Raw], most_events: int) -> None:
    if len(parts) > most_events:
        raise BodyTooLarge(
            f"The batch has {len(parts):,} invocations, more than {most_events:,}.",
            remedy="Send several smaller ones.",
        )


def _faults(body: bytes, is_array: bool) -> InvalidBatch | BadBody:
    """Look at the invocations one by one, which takes several times as long: only where something is wrong."""
    try:
        parts = _PARTS.decode(body) if is_array else [msgspec.Raw(body)]
        faults = [fault for index, part in enumerate(parts) if (fault := _fault(index, part))]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _no_json(error)
    return InvalidBatch(faults[:_FAULTS_TOLD], faulty=len(faults), total=len(parts))


def _fault(index: int, part: msgspec.Raw) -> ItemFault | None:
    try:
        _ONE.decode(part)
    except InvalidInput as error:
        problem = error.problem.removeprefix(f"{error.field}: ")
        return ItemFault(index=index, field=error.field, problem=problem, remedy=error.remedy)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at ")
        cited = _FIELD_CITED.search(problem)
        field = cited[1] if cited else place.strip("`").removeprefix("$").removeprefix(".")
        return ItemFault(
            index=index, field=field or None, problem=f"{problem}.", remedy="See NewInvocation in the API reference."
        )
    return None


def _no_json(error: Exception) -> BadBody:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return BadBody(f"The body is no JSON: {reason}.", remedy="Send one invocation or an array of them.")
