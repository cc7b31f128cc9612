"""Tests one by one and the gate, as API and pages alike answer what they are asked."""

from __future__ import annotations

from collections.abc import Sequence

from session_buddy.reports.gate import FEWEST_USES, Gate, gate_rules, read_gate, since_when
from session_buddy.reports.tried_tests import TriedTests, read_tests
from session_buddy.server.kept import Kept
from session_buddy.server.site import Stored

__all__ = ["gate_now", "remembered_tests"]


def remembered_tests(kept: Kept, site: Stored, *, since: str, limit: int, only_flaky: bool = False) -> TriedTests:
    """Return at most *limit* tests that were run *since* then, or what that was a moment ago where it takes long.

    *since* is a span back from now, a day or a time; raises :class:`~session_buddy.errors.InvalidInput` for anything
    else.
    """
    start = since_when(since, now=site.clock())
    # By what was asked, not by the moment that it means now: that is another one every time.
    key = (site.store.url, "tests", since, limit, only_flaky)
    return kept.read(key, lambda: read_tests(site.store, since=start, limit=limit, only_flaky=only_flaky))


def gate_now(
    site: Stored,
    *,
    min_completion: float | None = None,
    no_new_anomaly: bool = False,
    min_uses: int = FEWEST_USES,
    since: str,
    skills: Sequence[str] = (),
) -> Gate:
    """Return what the gate says of what was recorded *since* then; only reads.

    Anomalies are those of the last time that somebody looked for them, as a server does every few seconds. Raises
    :class:`~session_buddy.errors.InvalidInput` where nothing is asked for or a value means nothing, and
    :class:`~session_buddy.errors.NotFound` for a skill that nothing or several things are called.
    """
    rules = gate_rules(min_completion=min_completion, no_new_anomaly=no_new_anomaly, min_uses=min_uses)
    start = since_when(since, now=site.clock())
    return read_gate(site.store, rules, since=start, skills=skills)
