"""Between which rates a skill would have been calm: a detector's own band over hours, days and weeks. Pure.

Each hour is judged by a detector that began where the watch, at the end of that hour, would have begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from session_buddy.monitoring.detector import AnomalyType, Metric, Outlook, Reading
from session_buddy.monitoring.panel import new_detector
from session_buddy.monitoring.series import Bucket, Counts
from session_buddy.monitoring.settings import WatchSettings

__all__ = ["Verdict", "calm_range", "verdicts"]

_HOUR = timedelta(hours=1)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the detector made of the completion rate of one bucket."""

    limits: tuple[float, float] | None = None
    """Outside of them it called the bucket an anomaly; see :func:`calm_range`. 0 and 1 are no limits."""
    anomalous: bool = False
    """Whether it called any hour of the bucket one."""


class _Judged(msgspec.Struct, frozen=True):
    hour: Bucket
    reading: Reading
    outlook: Outlook | None


def verdicts(
    buckets: Sequence[Bucket],
    hours: Sequence[Bucket],
    settings: WatchSettings,
    *,
    begins: Callable[[datetime], datetime],
) -> list[Verdict]:
    """Return the verdict on each of *buckets*, which follow one another, from gap-filled *hours* that have ended.

    *begins* tells from which hour on the watch has looked when it stands at a moment; *hours* reach back so far.
    A rate outside of a verdict's limits always is an anomaly. Of a bucket of one hour the reverse holds, too, except
    where a change has lasted for days or no rate would have ended what went before; a longer one may lie within
    its limits though some of its hours were anomalies.
    """
    if not (buckets and hours):
        return [Verdict()] * len(buckets)
    judged = _judged(hours, buckets[0].start, settings, begins)
    one = next(judged, None)
    found = []
    for bucket in buckets:
        inside = []
        while one and one.hour.start < bucket.end:
            inside.append(one)
            one = next(judged, None)
        anomalous = any(_is_anomaly(each.reading) for each in inside)
        outlooks = [each.outlook for each in inside if each.outlook]
        found.append(Verdict(limits=calm_range(outlooks, bucket.counts), anomalous=anomalous))
    return found


def calm_range(outlooks: Sequence[Outlook], counts: Counts) -> tuple[float, float] | None:
    """Return the rates of *counts* between which *outlooks*, of the hours in it, bring a detector to no alarm.

    The hours keep their differences: all are imagined better, or worse, by as much; what was not judged stays as it
    is. ``None`` where any rate would be calm; where none would, since evidence from before is too much for so few
    outcomes; and where several hours do not add up for the detector.
    """
    judged, rate = sum(one.exposure for one in outlooks), counts.completion_rate
    if not judged or rate is None or (len(outlooks) > 1 and not all(one.adds_up for one in outlooks)):
        return None
    share = judged / counts.outcomes
    worse = _distance(outlooks[0].drop, [(one.rate, *one.drop_gains) for one in outlooks], else_=-1.0)
    better = _distance(outlooks[0].spike, [(one.rate, *one.spike_gains) for one in outlooks], else_=1.0)
    low, high = max(0.0, rate + share * worse), min(1.0, rate + share * better)
    return (low, high) if low < high and (low > 0 or high < 1) else None


def _is_anomaly(reading: Reading) -> bool:
    """Tell whether *reading* is one of its own hour: an hour without outcomes says nothing new of what goes on."""
    shifted = reading.anomaly_type is AnomalyType.PATTERN_SHIFT
    return shifted or (reading.anomaly_type is not None and reading.observed is not None)


def _distance(level: float, gains: Sequence[tuple[float, float, float]], *, else_: float) -> float:
    """Return by how much rates must differ for *level* and the gains to add up to 1; *else_* if nothing does it."""
    slope = sum(whole - none for _, none, whole in gains)
    gained = sum(none + (whole - none) * rate for rate, none, whole in gains)
    return (1 - level - gained) / slope if slope else else_


def _judged(
    hours: Sequence[Bucket], since: datetime, settings: WatchSettings, begins: Callable[[datetime], datetime]
) -> Iterator[_Judged]:
    def place(moment: datetime) -> int:
        """Return the number of the first hour that begins at *moment* or after it."""
        return max(0, -((hours[0].start - moment) // _HOUR))

    wanted = hours[place(since) :]
    for start, group in groupby(wanted, key=lambda hour: begins(hour.end)):
        watched = [hour for hour in group if hour.start >= start]
        if not watched:
            continue
        detector = new_detector(
            settings.detector, Metric.COMPLETION_RATE, zone=settings.zone, threshold=settings.threshold
        )
        for hour in hours[place(start) : place(watched[0].start)]:
            detector.observe_briefly(hour)
        for hour in watched:
            yield _Judged(hour, *detector.observe_with_outlook(hour))
