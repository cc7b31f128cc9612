"""What logs and spans have in common on their way to invocations."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.shell import ShellRules
from session_buddy.importers.traits import PERMISSION_ASKED, REJECTED
from session_buddy.model import YEARS, DurationSource, ErrorType, Invocation, Kind, Outcome

__all__ = [
    "SOURCE",
    "Ended",
    "Read",
    "Telling",
    "identity",
    "milliseconds",
    "moment",
    "sort_of_error",
    "truth",
    "words",
]

SOURCE = "otlp"
_LONGEST = 500


class Read(msgspec.Struct):
    """What came of a request."""

    invocations: list[Invocation] = msgspec.field(default_factory=list)
    rejected: int = 0
    """Records of calls that could not be understood; those of other things are none."""
    reasons: dict[str, int] = msgspec.field(default_factory=dict)

    def reject(self, reason: str) -> None:
        """Note that a record cannot be understood, and why."""
        self.rejected += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended; outcome None: it is over, or only launched, and more is not known."""

    outcome: Outcome | None
    error_type: ErrorType | None = None
    traits: tuple[str, ...] = ()


class Telling(msgspec.Struct, kw_only=True):
    """A call as one record tells it, before its command is named."""

    event_id: str
    session_id: str
    name: str
    kind: Kind
    ended_at: datetime
    ended: Ended
    duration_ms: int | None = None
    plugin: str | None = None
    command: str | None = None
    project: str | None = None
    agent_version: str | None = None
    model: str | None = None
    step: str | None = None

    def invocation(self, *, user_id: str, rules: ShellRules) -> Invocation:
        """Return the call, named after the command that its exit code is of, where that is certain.

        Which parts of longer commands ran is in what they printed, and that is not told here: it is left to
        transcripts and hooks. Raises :class:`InvalidInput` for what no invocation can be.
        """
        name, kind, ended = self.name, self.kind, self.ended
        if self.command is not None:
            succeeded = {Outcome.COMPLETED: True, Outcome.FAILED: False}.get(ended.outcome) if ended.outcome else None
            used = rules.interpret(self.command, succeeded=succeeded).main
            if used is not None and (used.outcome is not None or succeeded is None):
                name, kind = used.skill_name, Kind.SHELL
                if used.outcome is not None:
                    sort = (ended.error_type or ErrorType.EXIT_CODE) if used.outcome is Outcome.FAILED else None
                    ended = Ended(outcome=used.outcome, error_type=sort, traits=ended.traits)
        return self._one(name, kind, ended, user_id)

    def _one(self, name: str, kind: Kind, ended: Ended, user_id: str) -> Invocation:
        lasted = self.duration_ms if ended.outcome is not Outcome.ABANDONED else None
        began_at = self.ended_at - timedelta(milliseconds=self.duration_ms or 0)
        return Invocation(
            event_id=self.event_id,
            session_id=self.session_id,
            skill_name=name,
            kind=kind,
            invoked_at=canonical(began_at),
            source=SOURCE,
            user_id=user_id,
            outcome=ended.outcome,
            error_type=ended.error_type,
            duration_ms=lasted,
            duration_source=DurationSource.REPORTED if lasted is not None else None,
            plugin=self.plugin,
            project=self.project,
            agent_version=self.agent_version,
            model=self.model,
            workflow_step_id=self.step,
            traits=ended.traits,
        )


def canonical(at: datetime) -> str:
    """Return *at* as times are stored; raises :class:`InvalidInput` for a year that not every engine keeps."""
    if not YEARS[0] <= f"{at.year:04}" <= YEARS[1]:
        raise InvalidInput("time", f"is outside {YEARS[0]}-{YEARS[1]}.", remedy="Set the clock that it comes from.")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(time_ns: int) -> datetime:
    """Return the moment *time_ns* after 1970; raises :class:`InvalidInput` for none, and for one after 2105."""
    if not 0 < time_ns < 4_300_000_000 * 10**9:
        raise InvalidInput("time", "is missing or beyond the year 2105.", remedy="Set the clock that it comes from.")
    return datetime.fromtimestamp(time_ns // 10**9, UTC) + timedelta(microseconds=time_ns % 10**9 // 1000)


def words(value: Any) -> str | None:
    """Return *value* if it is a name that can be one."""
    return (
        value.strip() if isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST and "\0" not in value else None
    )


def truth(value: Any) -> bool | None:
    """Return *value* as true or false, also where it is written in words."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def milliseconds(value: Any) -> int | None:
    """Return *value* as whole milliseconds, also where it is written as a text; None for what is none."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return round(number) if 0 <= number < 1e12 else None


def identity(*parts: object) -> str:
    """Return an id of what has none of its own: the same for the same *parts*."""
    return f"otlp:{hashlib.blake2b(chr(0).join(map(str, parts)).encode(), digest_size=12).hexdigest()}"


_SORTS: tuple[tuple[Callable[[str], bool], ErrorType], ...] = (
    (lambda text: "timeout" in text or "timed out" in text, ErrorType.TIMEOUT),
    (lambda text: "enoent" in text or "not_found" in text or "not found" in text, ErrorType.NOT_FOUND),
    (lambda text: "validation" in text or "invalid" in text, ErrorType.VALIDATION),
    (lambda text: "shellerror" in text or "exit" in text, ErrorType.EXIT_CODE),
    (
        lambda text: "api" in text or "econn" in text or "fetch" in text or text[:3] in ("429", "500", "502", "503"),
        ErrorType.API,
    ),
)


def sort_of_error(told: Any, *, of_shell: bool) -> ErrorType:
    """Return of which sort an error is that calls itself *told*; a shell's that says nothing is its exit code."""
    text = told.lower() if isinstance(told, str) else ""
    found = next((sort for fits, sort in _SORTS if fits(text)), None)
    return found or (ErrorType.EXIT_CODE if of_shell else ErrorType.OTHER)


def of_decision(source: Any) -> tuple[str, ...]:
    """Return as traits what a decision on a permission tells of the user's part in it."""
    if source in ("user_reject", "user_abort"):
        return (PERMISSION_ASKED, REJECTED)
    return (PERMISSION_ASKED,) if source in ("user_temporary", "user_permanent") else ()
