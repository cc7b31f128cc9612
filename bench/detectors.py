"""Detectors on skills whose truth is known: false alerts where all is well, and how soon a drop is found.

Skills are made up: 2-50 uses an hour by day, hardly any at night, few on weekends, a completion rate of 70-98 %,
durations that scatter by factors. An alert is an incident that opened, over all three metrics together.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.measuring import show
from session_buddy.monitoring.backtest import backtest
from session_buddy.monitoring.detector import AnomalyType, Metric
from session_buddy.monitoring.panel import DETECTORS, Panel
from session_buddy.monitoring.series import Bucket, Counts

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
RATES = (0.7, 0.8, 0.9, 0.95, 0.98)
DROP = 0.3
WEEKS_BEFORE = 3
DROP_AT = WEEKS_BEFORE * 168 + 10
"""On a Monday at ten, when everybody works."""


def hours_of_skill(
    seed: int, days: int, *, peak: float | None = None, rate: float | None = None, drop_at: int | None = None
) -> list[Bucket]:
    """Return the hours of a made-up skill; from hour *drop_at* on its completion rate is 30 points lower."""
    random = np.random.default_rng(seed)
    peak = random.uniform(2, 50) if peak is None else peak
    rate = random.uniform(0.7, 0.98) if rate is None else rate
    typical_ms, spread = random.uniform(200, 20_000), random.uniform(0.4, 1.0)
    hours = []
    for number in range(24 * days):
        start = MONDAY + timedelta(hours=number)
        uses = int(random.poisson(peak * _share(start)))
        completed = int(random.binomial(uses, rate - DROP if drop_at is not None and number >= drop_at else rate))
        took = int(random.lognormal(np.log(typical_ms), spread, uses).sum())
        hours.append(Bucket(start, start + timedelta(hours=1), Counts(uses, completed, uses - completed, took, uses)))
    return hours


def _share(at: datetime) -> float:
    """Return how busy an hour is, as a part of the peak."""
    by_day = 1.0 if 9 <= at.hour < 18 else 0.3 if at.hour in (8, 18, 19, 20) else 0.02
    return by_day if at.weekday() < 5 else 0.15 * by_day


def hours_until_found(detector: str, seed: int, rate: float, *, patience: int = 6) -> int | None:
    """Return after how many hours a drop from *rate* at 20 uses an hour opens an incident, ``None`` if not in time.

    The answer is known when an hour is over: 1 means at the end of the first hour. An incident that was open
    before the drop does not count, so what alerts all the time finds little.
    """
    panel = Panel(detector, metrics=(Metric.COMPLETION_RATE,))
    hours = hours_of_skill(seed, 7 * WEEKS_BEFORE + 1, peak=20, rate=rate, drop_at=DROP_AT)
    for bucket in hours[:DROP_AT]:
        panel.observe(bucket)
    for after, bucket in enumerate(hours[DROP_AT : DROP_AT + patience], start=1):
        panel.observe(bucket)
        if any(
            each.anomaly_type is AnomalyType.DROP and each.opened_at > bucket.start - timedelta(hours=after - 1)
            for each in panel.open
        ):
            return after
    return None


def run(skills: int = 60, days: int = 90, seeds: int = 200) -> None:
    """Print false alerts of clean skills, and the hours until a drop is found, for every detector."""
    clean = {f"skill-{seed}": hours_of_skill(seed, days) for seed in range(skills)}
    rows = []
    for name in DETECTORS:
        found = backtest(clean, detector=name)
        by_metric = Counter(incident.metric for skill in found.skills for incident in skill.incidents)
        rows.append(
            (
                name,
                f"{found.incidents_per_skill_month or 0:.2f}",
                *(f"{by_metric[metric] / found.skill_months:.2f}" for metric in Metric),
                f"{found.share_flagged or 0:.2%}",
            )
        )
    columns = ("detector", "all", *(metric.value for metric in Metric), "time flagged")
    show(f"False alerts per skill-month: {skills} clean skills, {days} days", columns, rows)
    _show_drops(seeds)


def _show_drops(seeds: int) -> None:
    rows = []
    for name in DETECTORS:
        for rate in RATES:
            took = [hours_until_found(name, 1_000_000 + seed, rate) for seed in range(seeds)]
            within = [sum(hours is not None and hours <= limit for hours in took) / seeds for limit in (1, 2, 3, 6)]
            rows.append((name, f"{rate:.0%} to {rate - DROP:.0%}", *(f"{share:.0%}" for share in within)))
    columns = ("detector", "completion rate", "within 1 h", "2 h", "3 h", "6 h")
    show(f"A drop of 30 points at 20 uses an hour, found: {seeds} seeds each", columns, rows)
