"""The values that travel through every room: frozen, validated, free of I/O.

Time is UTC text in ISO-8601 with milliseconds and ``Z`` (``2026-01-31T09:30:00.000Z``),
so that text order is time order. Durations are whole milliseconds: sums of them are
exact, whatever the order of addition.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from session_buddy.errors import InvalidInput, InvalidInvocation

__all__ = [
    "VAGUE_NAMES",
    "YEARS",
    "BadLine",
    "DurationSource",
    "ErrorType",
    "Invocation",
    "Kind",
    "Outcome",
    "Phase",
    "SkillFacts",
    "Trigger",
    "parse_time",
]


class Kind(StrEnum):
    """What sort of capability a skill is."""

    SKILL = "skill"
    """A Claude skill or custom slash command (the agents treat them as one)."""
    COMMAND = "command"
    """A slash command built into the agent; its name keeps the slash: ``/clear``."""
    MCP = "mcp"
    """A tool of an MCP server: ``mcp__server__tool``."""
    SUBAGENT = "subagent"
    """An agent started by an agent; its name is prefixed: ``agent:Explore``."""
    SHELL = "shell"
    """A developer tool recognised in a shell call: ``pytest-run``."""
    TOOL = "tool"
    """A tool built into the agent: ``Read``, ``Edit``, an unrecognised ``Bash`` call."""


class Outcome(StrEnum):
    """How an invocation ended. ``None`` in its place means: not known, or still running."""

    COMPLETED = "completed"
    """A result came back and was no error."""
    FAILED = "failed"
    """A result came back and was an error; an :class:`ErrorType` says of which sort."""
    ABANDONED = "abandoned"
    """No result, rejected or interrupted by the user, or a cancelled sibling: no failure of the skill."""


class ErrorType(StrEnum):
    """Why an invocation failed."""

    EXIT_CODE = "exit_code"
    VALIDATION = "validation"
    TIMEOUT = "timeout"
    NOT_FOUND = "not_found"
    API = "api"
    OTHER = "other"


class DurationSource(StrEnum):
    """Where a duration comes from: ``elapsed`` includes the wait for permission."""

    ELAPSED = "elapsed"
    """Result minus call."""
    SPAN = "span"
    """From a launch to the end: of a skill, the last line attributed to it; of work in the background, its notice."""
    REPORTED = "reported"
    """Told by the source itself."""


class Phase(StrEnum):
    """Where in a piece of work an invocation stands."""

    SETUP = "setup"
    EXECUTION = "execution"
    VERIFICATION = "verification"
    CLEANUP = "cleanup"


class Trigger(StrEnum):
    """Who asked for an invocation."""

    USER = "user"
    MODEL = "model"
    NESTED = "nested"
    """Asked for inside another skill or by a subagent."""


_CANONICAL = re.compile(
    r"(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII
)
_LONGEST_MS = 100 * 366 * 86_400_000
"""A hundred years: sums of such durations still are exact 64-bit numbers."""


VAGUE_NAMES = frozenset(
    {
        "Bash", "PowerShell", "run_terminal_command", "exec_command", "shell", "shell_command", "local_shell",
        "run_shell_command", "mcp_tool", "custom_skill",
    }
)  # fmt: skip
"""Names that stand for whatever was run: a shell of which the command is not known, a name that a source keeps back."""
YEARS = ("1970", "2105")
"""The first and the last year that every engine can keep; SQLite keeps any."""


def parse_time(text: str, *, field: str = "time") -> str:
    """Return *text*, an ISO-8601 time with a zone, in the canonical form.

    Raises :class:`InvalidInput`, naming *field*, for anything that is no time and for
    naive times: without a zone an order of events cannot be told.

    >>> parse_time("2026-01-31T10:30:00+01:00")
    '2026-01-31T09:30:00.000Z'
    """
    if _CANONICAL.fullmatch(text) and int(text[8:10]) <= 28:
        return text
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise InvalidInput(
                field,
                f"{text!r} has no time zone.",
                remedy="Give UTC ('2026-01-31T09:30:00.000Z') or an offset ('+01:00').",
            )
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            field,
            f"{text!r} is not an ISO-8601 time.",
            remedy="Write it as '2026-01-31T09:30:00.000Z'.",
        ) from error
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Invocation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One use of a skill.

    Guarantees, checked on construction: names and ids are not empty, ``invoked_at`` is
    canonical UTC, ``duration_ms`` is not negative and has a source, ``error_type`` stands
    with ``failed`` and only there, ``rating`` is within 1-5.
    Raises :class:`InvalidInvocation`, which names the field.
    """

    event_id: str
    """The source's own id of the call; two invocations with the same id are one."""
    session_id: str
    skill_name: str
    kind: Kind
    invoked_at: str
    source: str
    """Which importer or interface told of it: ``claude_code``, ``hook``, ``otlp`` …"""
    user_id: str = "local"
    """A keyed hash, never a name."""
    outcome: Outcome | None = None
    error_type: ErrorType | None = None
    duration_ms: int | None = None
    duration_source: DurationSource | None = None
    trigger: Trigger = Trigger.MODEL
    plugin: str | None = None
    parent_event_id: str | None = None
    """The invocation inside which this one ran: a subagent's call, a skill's span."""
    project: str | None = None
    """The folder the agent worked in."""
    agent_version: str | None = None
    model: str | None = None
    workflow_phase: Phase | None = None
    workflow_step_id: str | None = None
    """The user prompt that this invocation serves."""
    alternatives_considered: tuple[str, ...] = ()
    """The other skills on offer when this one was chosen."""
    follow_up_actions: tuple[str, ...] = ()
    """The skills invoked next by the same agent, in order."""
    traits: tuple[str, ...] = ()
    """What else was seen of it, in short words: ``reads:py``, ``rejected``. Never a path, never the name of a file."""
    rating: float | None = None

    def __post_init__(self) -> None:
        if not (self.event_id and self.session_id and self.skill_name and self.source and self.user_id):
            for field in ("event_id", "session_id", "skill_name", "source", "user_id"):
                if not getattr(self, field):
                    raise InvalidInvocation(field, "is empty.", remedy="Every invocation needs one.")
        if not _CANONICAL.fullmatch(self.invoked_at) or int(self.invoked_at[8:10]) > 28:
            self._check_time()
        if self.skill_name.isspace():
            raise InvalidInvocation("skill_name", "is blank.", remedy="Every invocation needs one.")
        if self.duration_ms is not None:
            if not 0 <= self.duration_ms < _LONGEST_MS:
                raise InvalidInvocation(
                    "duration_ms",
                    f"{self.duration_ms} is negative or beyond a century.",
                    remedy="Leave it out if it is not known.",
                )
            if self.duration_source is None:
                raise InvalidInvocation(
                    "duration_source", "is missing beside duration_ms.", remedy="Say where the duration comes from."
                )
        if (self.error_type is not None) != (self.outcome is Outcome.FAILED):
            raise InvalidInvocation(
                "error_type",
                f"{self.error_type} does not go with outcome {self.outcome}.",
                remedy="A failed invocation has an error type ('other' if unknown), no other has.",
            )
        if self.rating is not None and not 1 <= self.rating <= 5:
            raise InvalidInvocation("rating", f"{self.rating} is outside 1-5.", remedy="Rate from 1 to 5.")

    def _check_time(self) -> None:
        try:
            canonical = parse_time(self.invoked_at, field="invoked_at")
        except InvalidInput as error:
            raise InvalidInvocation(
                "invoked_at", error.problem.removeprefix("invoked_at: "), remedy=error.remedy
            ) from error
        if canonical != self.invoked_at:
            raise InvalidInvocation(
                "invoked_at", f"{self.invoked_at!r} is not canonical.", remedy=f"Write it as {canonical!r}."
            )


class SkillFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a skill without having seen it used."""

    skill_name: str
    category: str
    modality: str
    """One of ``code``, ``documentation``, ``testing``, ``deployment``; the category's domain too."""
    description: str


class BadLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A piece of input that could not be understood, kept aside instead of stopping the rest.

    Its content is not kept: the file still has it.
    """

    path: str
    line: int
    """Counted from 1."""
    offset: int
    """Byte offset of the line's first byte."""
    length: int
    """Length of the line in bytes."""
    reason: str
