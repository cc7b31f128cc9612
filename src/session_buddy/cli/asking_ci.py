"""What ``ci tests`` and ``ci gate`` ask: the store, or a running server in its place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from session_buddy.cli.settings import Settings
from session_buddy.reports.gate import Gate, GateRules, read_gate, since_when
from session_buddy.reports.tried_tests import TriedTests, read_tests

if TYPE_CHECKING:
    from session_buddy.client import Client

__all__ = ["asked_gate", "asked_tests"]

_PATIENCE_SECONDS = 20.0
"""A server that starts again is back within this."""


def asked_tests(settings: Settings, server: str | None, *, since: str, limit: int, only_flaky: bool) -> TriedTests:
    """Return the tests that *server*, or, without one, the store of *settings* knows of.

    Raises :class:`~session_buddy.errors.InvalidInput` for a *since* that is neither span nor time, or what a server
    refuses with; :class:`~session_buddy.client.ServerAway` where it cannot be reached.
    """
    if server:
        with _client(server) as client:
            return client.ci_tests(since=since, flaky=only_flaky, limit=limit)
    start = since_when(since, now=settings.now())
    with settings.open_existing() as store:
        return read_tests(store, since=start, limit=limit, only_flaky=only_flaky)


def asked_gate(settings: Settings, server: str | None, rules: GateRules, *, since: str, skills: Sequence[str]) -> Gate:
    """Return what *server*, or, without one, the store of *settings* says to *rules*; raises the same.

    In the store it is looked for anomalies before, where *rules* forbid new ones; a server looks by itself.
    """
    if server:
        with _client(server) as client:
            return client.ci_gate(
                min_completion=rules.min_completion,
                no_new_anomaly=rules.no_new_anomaly,
                skills=skills,
                since=since,
                min_uses=rules.min_uses,
            )
    now = settings.now()
    start = since_when(since, now=now)
    with settings.open_existing() as store:
        if rules.no_new_anomaly:
            from session_buddy.monitoring.watch import AnomalyWatch

            AnomalyWatch(store).step(now)
        return read_gate(store, rules, since=start, skills=skills)


def _client(server: str) -> Client:
    from session_buddy.client import Client

    return Client(server, token=os.environ.get("SESSION_BUDDY_TOKEN"), patience_seconds=_PATIENCE_SECONDS)
