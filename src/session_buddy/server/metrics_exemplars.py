"""Exemplars: for a bucket of durations, one invocation to look at, the newest that failed or was slow. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime

from prometheus_client.samples import Exemplar

from session_buddy.reports.metrics import Recent

__all__ = ["Exemplars", "is_slow"]

_SLOWEST_SHARE = 0.1
_MOST_CHARACTERS = 128
"""OpenMetrics allows no more for the names and values of an exemplar's labels together."""


class Exemplars:
    """Remembers, for each skill and bucket, the newest invocation that failed and the newest of all.

    *bounds_ms* are the buckets' upper bounds. What is remembered grows with the names given to :meth:`remember`,
    which the caller bounds, not with the number of invocations.
    """

    def __init__(self, bounds_ms: Sequence[int]) -> None:
        self._bounds_ms = bounds_ms
        self._newest: dict[tuple[str, str], dict[tuple[int, bool], Recent]] = {}

    def remember(self, name: str, invocation: Recent) -> None:
        """Take note of *invocation*, which is shown under *name*."""
        newest = self._newest.setdefault((name, invocation.kind), {})
        key = (bisect_left(self._bounds_ms, invocation.duration_ms), bool(invocation.failed))
        before = newest.get(key)
        if before is None or before.invoked_at <= invocation.invoked_at:
            newest[key] = invocation

    def of(self, name: str, kind: str, cumulative: Sequence[float], *, now: str) -> list[Exemplar | None]:
        """Return for each bucket, counted up in *cumulative*, a failed invocation, else a slow one, else nothing."""
        found: list[Exemplar | None] = [None] * len(cumulative)
        newest = self._newest.get((name, kind), {})
        for bucket, failed in sorted(newest):  # of one bucket, the failed one comes last and stays
            one = newest[bucket, failed]
            if one.invoked_at <= now and (failed or is_slow(cumulative, bucket)):
                found[bucket] = _exemplar(one) or found[bucket]
        return found


def is_slow(cumulative: Sequence[float], bucket: int) -> bool:
    """Tell whether those in *bucket* are among the slowest tenth.

    >>> is_slow([80, 95, 100], 1), is_slow([90, 95, 100], 1), is_slow([100, 100], 1)
    (False, True, True)
    """
    above = cumulative[-1] - (cumulative[bucket - 1] if bucket else 0)
    return above <= _SLOWEST_SHARE * cumulative[-1]


def _exemplar(invocation: Recent) -> Exemplar | None:
    for label, value in (("event_id", invocation.event_id), ("session_id", invocation.session_id)):
        if len(label) + len(value) <= _MOST_CHARACTERS:
            seconds = invocation.duration_ms / 1000
            return Exemplar({label: value}, seconds, datetime.fromisoformat(invocation.invoked_at).timestamp())
    return None
