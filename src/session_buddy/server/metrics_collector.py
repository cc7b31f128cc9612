"""Collects metrics for Prometheus: read from roll-ups at each scrape, nothing is counted in between."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import accumulate, product
from math import inf
from threading import Lock

import msgspec
from prometheus_client import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

import session_buddy
from session_buddy.errors import StoreError
from session_buddy.monitoring.detector import AnomalyType, Severity
from session_buddy.reports.metrics import (
    MAX_SKILLS,
    OpenAnomalies,
    Recent,
    SkillStanding,
    StoreStanding,
    Surroundings,
    read_recent,
    read_standing,
    read_surroundings,
)
from session_buddy.server import metrics_catalogue as catalogue
from session_buddy.server.metrics_counting import HighWater, ShownSkills, gathered
from session_buddy.server.metrics_exemplars import Exemplars
from session_buddy.server.metrics_text import number_text
from session_buddy.storage import Clock, Store
from session_buddy.storage.outbox import Standing

__all__ = ["BOUNDS_MS", "ServerStanding", "StoreCollector"]

BOUNDS_MS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
"""Two buckets a decade from 10 ms to 50 minutes, of the six that the store keeps: a series costs Prometheus memory."""

_LE = [number_text(bound / 1000) for bound in (*BOUNDS_MS, inf)]
_OUTCOMES = ("completed", "failed", "abandoned")
_SURROUNDINGS_SECONDS = 60.0

_Series = tuple[tuple[str, ...], float]

_log = logging.getLogger(__name__)


class ServerStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How a server stands that takes invocations in."""

    writer: Standing
    spool_limit_bytes: int
    troubles: int
    """What its background work fails at: following transcripts, and rows of other processes."""
    live_clients: int
    """Subscribers of its feed."""


class StoreCollector(Collector):
    """Collects the families of :mod:`session_buddy.server.metrics_catalogue` from *store*.

    Guarantees:

    * The cost of a scrape grows with the number of skills, not with that of invocations. Users, imported files and
      bad lines, whose reading grows with their number, are read once a minute at most.
    * Counters never fall while the process runs: what a later telling corrects downwards stands still, and what loses
      old invocations goes on from where it stood.
    * *max_skills* skills are shown on their own, chosen once; the others are summed under ``other``.
    * A store that does not answer is told by ``session_buddy_store_up 0``, and figures of it are left out.

    *server* tells how the server stands, where there is one. Safe to use from several threads: scrapes take turns.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        server: Callable[[], ServerStanding] | None = None,
        max_skills: int = MAX_SKILLS,
        seconds: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._store, self._clock, self._seconds = store, clock, seconds
        self._server = server
        self._shown, self._marks, self._exemplars = ShownSkills(max_skills), HighWater(), Exemplars(BOUNDS_MS)
        self._surroundings: tuple[float, Surroundings] | None = None
        self._deleted: int | None = None
        self._scraping = Lock()

    def describe(self) -> Iterator[Metric]:
        """Yield every family without samples, so that a registry need not read the store to know their names."""
        return (described.family() for described in catalogue.CATALOGUE)

    def collect(self) -> list[Metric]:
        """Return the families as the store stands now."""
        with self._scraping:
            began = self._seconds()
            families = [catalogue.BUILD.family([((session_buddy.__version__,), 1)])]
            try:
                standing, surroundings = read_standing(self._store, BOUNDS_MS), self._read_surroundings()
                recent = read_recent(self._store)
            except StoreError as error:
                _log.warning("The store did not answer a scrape: %s", error)
                families.append(catalogue.STORE_UP.single(0))
            else:
                families.append(catalogue.STORE_UP.single(1))
                if self._deleted is not None and standing.events_deleted != self._deleted:
                    self._marks.go_on()
                self._deleted = standing.events_deleted
                families += self._of_skills(standing, recent)
                families += self._of_store(standing, surroundings)
            if self._server:
                families += _of_server(self._server())
            families.append(catalogue.SCRAPE_DURATION.single(self._seconds() - began))
            return families

    def _read_surroundings(self) -> Surroundings:
        now = self._seconds()
        if self._surroundings is None or now - self._surroundings[0] >= _SURROUNDINGS_SECONDS:
            self._surroundings = now, read_surroundings(self._store)
        return self._surroundings[1]

    def _of_skills(self, standing: StoreStanding, recent: Iterable[Recent]) -> list[Metric]:
        self._shown.meet(standing.skills)
        for invocation in recent:
            self._exemplars.remember(self._shown.name(invocation.skill), invocation)
        started: list[_Series] = []
        ended: list[_Series] = []
        ratio: list[_Series] = []
        last: list[_Series] = []
        durations = catalogue.DURATION.family()
        now = self._clock()
        for one in gathered(standing.skills, self._shown.name):
            labels = (one.skill, one.kind)
            counts = self._counts(one)
            started.append((labels, counts[0]))
            ended += [((*labels, outcome), count) for outcome, count in zip(_OUTCOMES, counts[1:4], strict=True)]
            cumulative = counts[5:]
            exemplars = self._exemplars.of(*labels, cumulative, now=now)
            durations.samples += _histogram(*labels, cumulative, exemplars, counts[4] / 1000)
            if one.completed + one.failed:
                ratio.append((labels, one.completed / (one.completed + one.failed)))
            last.append((labels, _unix(one.last_invoked_at)))
        return [
            catalogue.STARTED.family(started),
            catalogue.INVOCATIONS.family(ended),
            durations,
            catalogue.COMPLETION_RATIO.family(ratio),
            catalogue.LAST_INVOCATION.family(last),
        ]

    def _counts(self, one: SkillStanding) -> Sequence[float]:
        """Return what is exported of *one* as counters: invocations, three outcomes, milliseconds, buckets."""
        counts = (one.invocations, one.completed, one.failed, one.abandoned, one.duration_ms_sum)
        return self._marks.at_least((one.skill, one.kind), (*counts, *accumulate(one.durations)))

    def _of_store(self, standing: StoreStanding, surroundings: Surroundings) -> list[Metric]:
        (sessions,) = self._marks.at_least(("", "sessions"), (standing.sessions,))
        return [
            catalogue.SKILLS.single(len(standing.skills)),
            catalogue.SESSIONS.single(sessions),
            *_of_anomalies(standing.anomalies, self._shown.name),
            *_of_surroundings(surroundings, self._clock()),
        ]


def _histogram(
    skill: str, kind: str, cumulative: Sequence[float], exemplars: Sequence[Exemplar | None], seconds: float
) -> list[Sample]:
    bucket, total, count = catalogue.DURATION.sample_names
    labels = {"skill": skill, "kind": kind}
    samples = [
        Sample(bucket, {"skill": skill, "kind": kind, "le": le}, number, None, exemplar)
        for le, number, exemplar in zip(_LE, cumulative, exemplars, strict=True)
    ]
    return [*samples, Sample(count, labels, cumulative[-1]), Sample(total, labels, seconds)]


def _of_anomalies(anomalies: Iterable[OpenAnomalies], name: Callable[[str], str]) -> list[Metric]:
    sorts: Counter[tuple[str, ...]] = Counter(dict.fromkeys(product(_values(AnomalyType), _values(Severity)), 0))
    of_skills: Counter[tuple[str, ...]] = Counter()
    for one in anomalies:
        sorts[one.anomaly_type, one.severity] += one.number
        of_skills[name(one.skill), one.metric, one.anomaly_type, one.severity] += one.number
    return [
        catalogue.ANOMALIES_OPEN.family(sorts.items()),
        catalogue.SKILL_ANOMALIES_OPEN.family(of_skills.items()),
    ]


def _of_surroundings(surroundings: Surroundings, now: str) -> Iterator[Metric]:
    yield catalogue.USERS.single(surroundings.users)
    yield catalogue.IMPORT_FILES.single(surroundings.files)
    if surroundings.last_import_at:
        yield catalogue.IMPORT_LAST.single(_unix(surroundings.last_import_at))
    since_ns = surroundings.unread_since_ns
    yield catalogue.IMPORT_UNREAD.single(surroundings.unread_bytes)
    yield catalogue.IMPORT_LAG.single(0 if since_ns is None else max(0.0, _unix(now) - since_ns / 1e9))
    yield catalogue.QUARANTINED.single(surroundings.bad_lines)


def _of_server(server: ServerStanding) -> Iterator[Metric]:
    standing, recorded = server.writer, server.writer.recorded
    yield catalogue.WRITER_EVENTS.family(
        [(("added",), recorded.added), (("completed",), recorded.completed), (("unchanged",), recorded.unchanged)]
    )
    yield catalogue.WRITER_REFUSED.single(standing.refused)
    yield catalogue.WRITER_WAITING.single(standing.waiting_events)
    yield catalogue.WRITER_DELIVERING.single(int(standing.problem is None))
    yield catalogue.SPOOL_SIZE.single(standing.spooled_bytes)
    yield catalogue.SPOOL_LIMIT.single(server.spool_limit_bytes)
    yield catalogue.TROUBLES.single(server.troubles)
    yield catalogue.LIVE_CLIENTS.single(server.live_clients)


def _values(words: type[StrEnum]) -> list[str]:
    return [word.value for word in words]


def _unix(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
