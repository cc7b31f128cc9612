"""Calls of the API as values: what to send, how to read the answer. Nothing here sends."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from session_buddy.client.errors import ServerRefused, refusal
from session_buddy.errors import SessionBuddyError
from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.ordering import RankingOrder
from session_buddy.reports.anomalies import AnomalyFigures
from session_buddy.reports.gate import Gate
from session_buddy.reports.paging import AnomalyPage, InvocationPage, InvocationRow, SessionPage, SkillPage
from session_buddy.reports.profile import SkillProfile
from session_buddy.reports.ranking import SkillFigures
from session_buddy.reports.series import Series
from session_buddy.reports.sessions import SessionFigures, Timeline
from session_buddy.reports.tried_tests import TriedTests

__all__ = [
    "AnomalyFigures",
    "Call",
    "InvocationRow",
    "Recording",
    "SessionFigures",
    "SkillFigures",
    "anomalies",
    "ci_gate",
    "ci_tests",
    "health",
    "invocations",
    "is_worth_retrying",
    "recordings",
    "series",
    "session",
    "sessions",
    "skill",
    "skills",
]

T = TypeVar("T")

_EVENTS_AT_ONCE = 5_000
_BYTES_AT_ONCE = 8 << 20
_WORTH_COMPRESSING = 16 << 10
_encode = msgspec.json.Encoder().encode


class Recording(msgspec.Struct, frozen=True):
    """What became of what was recorded; it is durable. The values add."""

    receipt: str = "stored"
    """``stored``: in the store; ``spooled``: on the server's disk until its store answers again."""
    received: int = 0
    """Invocations sent."""
    distinct: int = 0
    """Different event ids among them, counted for each batch."""

    def __add__(self, other: Recording) -> Recording:
        receipt = "stored" if self.receipt == other.receipt == "stored" else "spooled"
        return Recording(receipt, self.received + other.received, self.distinct + other.distinct)


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One request, which may be sent any number of times, and the type of its answer."""

    answer: Any
    path: str
    method: str = "GET"
    parameters: Mapping[str, Any] = {}
    content: bytes | None = None
    headers: Mapping[str, str] = {}

    def read(self, status: int, body: bytes) -> T:
        """Return the answer; raises what it refuses with."""
        if status >= 400:
            raise refusal(status, body)
        try:
            read: T = msgspec.json.decode(body, type=self.answer)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ServerRefused(
                f"The answer is not understood: {error}.",
                remedy="Do the server and this client have the same version?",
                status=status,
            ) from error
        return read


def is_worth_retrying(status: int) -> bool:
    """Tell whether an answer with *status* may be another one in a moment."""
    return status in (408, 425, 429, 502, 503, 504)


def recordings(invocations: Invocation | Iterable[Invocation], *, compress: bool) -> Iterator[Call[Recording]]:
    """Yield the calls that record *invocations*, in order, so large that the server takes each."""
    if isinstance(invocations, Invocation):
        yield _recording([_encode(invocations)], compress)
        return
    batch: list[bytes] = []
    size = 0
    for invocation in invocations:
        encoded = _encode(invocation)
        if batch and (len(batch) == _EVENTS_AT_ONCE or size + len(encoded) > _BYTES_AT_ONCE):
            yield _recording(batch, compress)
            batch, size = [], 0
        batch.append(encoded)
        size += len(encoded) + 1
    if batch:
        yield _recording(batch, compress)


def invocations(
    *,
    skill: str | None,
    session_id: str | None,
    kind: Kind | str | None,
    outcome: Outcome | str | None,
    since: str | None,
    until: str | None,
    limit: int,
    cursor: str | None,
) -> Call[InvocationPage]:
    """Return the call that lists invocations."""
    return _get(
        InvocationPage,
        "invocations",
        skill=skill,
        session_id=session_id,
        kind=kind,
        outcome=outcome,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
    )


def skills(
    *,
    order: RankingOrder | str,
    kinds: Sequence[Kind | str],
    days: int | None,
    tools: bool,
    limit: int,
    cursor: str | None,
) -> Call[SkillPage]:
    """Return the call that lists skills."""
    return _get(SkillPage, "skills", order=order, kind=list(kinds), days=days, tools=tools, limit=limit, cursor=cursor)


def skill(name: str, *, tools: bool) -> Call[SkillProfile]:
    """Return the call for one skill."""
    return _get(SkillProfile, f"skills/{_quoted(name)}", tools=tools)


def series(name: str, *, bucket: str, since: str | None, until: str | None, tz: str) -> Call[Series]:
    """Return the call for one skill over time."""
    return _get(Series, f"skills/{_quoted(name)}/series", bucket=bucket, since=since, until=until, tz=tz)


def sessions(*, limit: int, cursor: str | None) -> Call[SessionPage]:
    """Return the call that lists sessions."""
    return _get(SessionPage, "sessions", limit=limit, cursor=cursor)


def session(session_id: str, *, tools: bool) -> Call[Timeline]:
    """Return the call for one session."""
    return _get(Timeline, f"sessions/{_quoted(session_id)}", tools=tools)


def anomalies(*, skill: str | None, is_open: bool | None, limit: int, cursor: str | None) -> Call[AnomalyPage]:
    """Return the call that lists anomalies."""
    return _get(AnomalyPage, "anomalies", skill=skill, open=is_open, limit=limit, cursor=cursor)


def ci_tests(*, since: str, flaky: bool, limit: int) -> Call[TriedTests]:
    """Return the call that lists tests one by one."""
    return _get(TriedTests, "ci/tests", since=since, flaky=flaky, limit=limit)


def ci_gate(
    *, min_completion: float | None, no_new_anomaly: bool, skills: Sequence[str], since: str, min_uses: int
) -> Call[Gate]:
    """Return the call that asks whether skills work well enough to go on."""
    return _get(
        Gate,
        "ci/gate",
        min_completion=min_completion,
        no_new_anomaly=no_new_anomaly,
        skill=list(skills),
        since=since,
        min_uses=min_uses,
    )


def health() -> Call[dict[str, Any]]:
    """Return the call for the health of the data and of the server."""
    return _get(dict[str, Any], "health")


def _recording(batch: list[bytes], compress: bool) -> Call[Recording]:
    content = batch[0] if len(batch) == 1 else b"[%b]" % b",".join(batch)
    headers = {"Content-Type": "application/json"}
    if compress and len(content) > _WORTH_COMPRESSING:
        content = gzip.compress(content, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return Call(answer=Recording, method="POST", path="/api/v1/invocations", content=content, headers=headers)


def _get(answer: Any, path: str, **parameters: Any) -> Call[Any]:
    given = {name: _written(value) for name, value in parameters.items() if value is not None}
    return Call(answer=answer, path=f"/api/v1/{path}", parameters=given)


def _written(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def _quoted(name: str) -> str:
    if name in ("", ".", ".."):
        raise _no_name(name)
    return quote(name, safe="")


def _no_name(name: str) -> SessionBuddyError:
    return ServerRefused(f"{name!r} is no name.", remedy="Give the name of a skill or the id of a session.")
