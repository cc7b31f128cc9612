"""The client for programs that wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, TypeVar

import httpx
from websockets.sync.client import connect

from session_buddy.client import calls
from session_buddy.client.calls import Call, Recording
from session_buddy.client.connecting import PASSING, Retrying, address_of, lost, wait_after
from session_buddy.client.listening import SILENCE_SECONDS, Listening, Update
from session_buddy.feed.messages import Position
from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.ordering import RankingOrder
from session_buddy.reports.gate import FEWEST_USES, Gate
from session_buddy.reports.paging import AnomalyPage, InvocationPage, SessionPage, SkillPage
from session_buddy.reports.profile import SkillProfile
from session_buddy.reports.series import Series
from session_buddy.reports.sessions import Timeline
from session_buddy.reports.tried_tests import TriedTests

__all__ = ["Client"]

T = TypeVar("T")


class Client:
    """A server's API and live feed; safe to use from several threads.

    Calls that fail for a reason that passes (no connection, no answer, no room) are sent again for up to
    *patience_seconds*, with growing pauses; then :class:`~session_buddy.client.ServerAway` is raised. That is
    harmless for recording too, which is idempotent. Other refusals are raised at once.

    >>> with Client("http://127.0.0.1:8765") as client:  # doctest: +SKIP
    ...     client.record(invocation)
    ...     client.skill("pytest-run").success_rate
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8765",
        *,
        token: str | None = None,
        timeout_seconds: float = 30.0,
        patience_seconds: float | None = 60.0,
        retrying: Retrying | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = address_of(url, token)
        self._http = httpx.Client(
            base_url=self._address.url, headers=dict(self._address.headers), timeout=timeout_seconds
        )
        self._retrying = retrying or Retrying(patience_seconds=patience_seconds)
        self._sleep = sleep

    def record(self, invocations: Invocation | Iterable[Invocation]) -> Recording:
        """Record one invocation or any number of them; returns when they are durable.

        Many are sent in several batches; each is stored whole or not at all. After an error, record them again.
        """
        recorded = Recording()
        for call in calls.recordings(invocations, compress=not self._address.is_near):
            recorded += self._send(call)
        return recorded

    def invocations(
        self,
        *,
        skill: str | None = None,
        session_id: str | None = None,
        kind: Kind | str | None = None,
        outcome: Outcome | str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> InvocationPage:
        """Return a page of invocations, the newest first; its ``next`` is the *cursor* of the page after."""
        return self._send(
            calls.invocations(
                skill=skill,
                session_id=session_id,
                kind=kind,
                outcome=outcome,
                since=since,
                until=until,
                limit=limit,
                cursor=cursor,
            )
        )

    def skills(
        self,
        *,
        order: RankingOrder | str = RankingOrder.USES,
        kinds: Sequence[Kind | str] = (),
        days: int | None = None,
        tools: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> SkillPage:
        """Return a page of skills with their figures."""
        return self._send(calls.skills(order=order, kinds=kinds, days=days, tools=tools, limit=limit, cursor=cursor))

    def skill(self, name: str, *, tools: bool = False) -> SkillProfile:
        """Return everything about one skill; raises :class:`~session_buddy.errors.NotFound` with suggestions."""
        return self._send(calls.skill(name, tools=tools))

    def series(
        self, name: str, *, bucket: str = "day", since: str | None = None, until: str | None = None, tz: str = "UTC"
    ) -> Series:
        """Return one skill over time, by ``hour``, ``day`` or ``week``."""
        return self._send(calls.series(name, bucket=bucket, since=since, until=until, tz=tz))

    def sessions(self, *, limit: int = 100, cursor: str | None = None) -> SessionPage:
        """Return a page of sessions, the one begun last first."""
        return self._send(calls.sessions(limit=limit, cursor=cursor))

    def session(self, session_id: str, *, tools: bool = False) -> Timeline:
        """Return one session step by step."""
        return self._send(calls.session(session_id, tools=tools))

    def anomalies(
        self, *, skill: str | None = None, is_open: bool | None = None, limit: int = 100, cursor: str | None = None
    ) -> AnomalyPage:
        """Return a page of anomalies, the one detected last first."""
        return self._send(calls.anomalies(skill=skill, is_open=is_open, limit=limit, cursor=cursor))

    def ci_tests(self, *, since: str = "30d", flaky: bool = False, limit: int = 20) -> TriedTests:
        """Return tests one by one, flaky ones first; *since* is a span back from now, a day or a time."""
        return self._send(calls.ci_tests(since=since, flaky=flaky, limit=limit))

    def ci_gate(
        self,
        *,
        min_completion: float | None = None,
        no_new_anomaly: bool = False,
        skills: Sequence[str] = (),
        since: str = "7d",
        min_uses: int = FEWEST_USES,
    ) -> Gate:
        """Return whether skills work well enough to go on, and if not, why; ``passed`` is whether they do.

        Anomalies are those that the server found when it last looked.
        """
        return self._send(
            calls.ci_gate(
                min_completion=min_completion,
                no_new_anomaly=no_new_anomaly,
                skills=skills,
                since=since,
                min_uses=min_uses,
            )
        )

    def health(self) -> dict[str, Any]:
        """Return what comes from where, what could not be read, and how recording stands."""
        return self._send(calls.health())

    def live(
        self,
        topics: Iterable[str] = ("all",),
        *,
        since: Position | None = None,
        patience_seconds: float | None = None,
    ) -> Iterator[Update]:
        """Yield what the server tells of *topics*: a snapshot, then deltas, for ever.

        A lost connection is made again, and what was missed is told: as deltas and then ``Recovered``, or, where
        that is too much, as a new ``Snapshot``. Raises :class:`~session_buddy.client.ServerAway` after
        *patience_seconds* without a connection; without it, it goes on trying.
        """
        listening = Listening(topics, since)
        attempts = Retrying(
            patience_seconds=patience_seconds, backoff=self._retrying.backoff, now=self._retrying.now
        ).attempts()
        while True:
            try:
                with connect(self._address.live_url, **self._address.options()) as connection:
                    connection.send(listening.greeting())
                    while True:
                        update = listening.heard(connection.recv(timeout=SILENCE_SECONDS))
                        attempts.succeeded()
                        if update:
                            yield update
            except PASSING as error:
                self._sleep(lost(attempts, error))

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, call: Call[T]) -> T:
        attempts = self._retrying.attempts()
        while True:
            try:
                response: httpx.Response | httpx.TransportError = self._http.request(
                    call.method, call.path, params=call.parameters, content=call.content, headers=call.headers
                )
            except httpx.TransportError as error:
                response = error
            wait = wait_after(attempts, response)
            if wait is None:
                assert isinstance(response, httpx.Response)
                return call.read(response.status_code, response.content)
            self._sleep(wait)
