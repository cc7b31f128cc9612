"""Every metric that is exported: name, type, labels, meaning. What is not listed here cannot be exported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from prometheus_client import Metric
from prometheus_client.samples import Sample

__all__ = [
    "ANOMALIES_OPEN",
    "BUILD",
    "CATALOGUE",
    "COMPLETION_RATIO",
    "DURATION",
    "IMPORT_FILES",
    "IMPORT_LAG",
    "IMPORT_LAST",
    "IMPORT_UNREAD",
    "INVOCATIONS",
    "LAST_INVOCATION",
    "LIVE_CLIENTS",
    "QUARANTINED",
    "SCRAPE_DURATION",
    "SESSIONS",
    "SKILLS",
    "SKILL_ANOMALIES_OPEN",
    "SPOOL_LIMIT",
    "SPOOL_SIZE",
    "STARTED",
    "STORE_UP",
    "TROUBLES",
    "USERS",
    "WRITER_DELIVERING",
    "WRITER_EVENTS",
    "WRITER_REFUSED",
    "WRITER_WAITING",
    "Described",
    "exported_names",
]

_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
_UNITS = ("seconds", "bytes", "ratio")


class Described(msgspec.Struct, frozen=True):
    """A metric as the catalogue describes it."""

    name: str
    """Without the suffixes that its type adds: ``_total``, ``_bucket``, ``_info`` …"""
    type: Literal["counter", "gauge", "histogram", "info"]
    help: str
    labels: tuple[str, ...] = ()
    where: Literal["always", "store", "server"] = "store"
    """``store``: only while the store answers; ``server``: only by a server that takes invocations in."""

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The names under which Prometheus knows its samples."""
        return tuple(self.name + suffix for suffix in _SUFFIXES[self.type])

    @property
    def unit(self) -> str:
        """The base unit in which its values are, as its name says; empty for mere counts."""
        unit = self.name.rpartition("_")[2]
        return unit if unit in _UNITS else ""

    def family(self, series: Iterable[tuple[tuple[str, ...], float]] = ()) -> Metric:
        """Return the metric with *series*: the values of its labels, and a number; of a histogram there are none."""
        metric = Metric(self.name, self.help, self.type, self.unit)
        name = self.sample_names[0]
        metric.samples = [
            Sample(name, dict(zip(self.labels, values, strict=True)), number) for values, number in series
        ]
        return metric

    def single(self, number: float) -> Metric:
        """Return the metric, which has no labels, with the one value *number*."""
        return self.family([((), number)])


_SKILL = ("skill", "kind")

BUILD = Described(
    "session_buddy_build", "info", "The version that answers; always 1.", labels=("version",), where="always"
)
STORE_UP = Described(
    "session_buddy_store_up", "gauge", "1 if the store answered this scrape, 0 if it did not.", where="always"
)
SCRAPE_DURATION = Described(
    "session_buddy_scrape_duration_seconds", "gauge", "How long this scrape took to read the store.", where="always"
)
STARTED = Described(
    "session_buddy_invocations_started",
    "counter",
    "Invocations of a skill, whatever became of them: also those still running and those whose outcome nobody knows.",
    labels=_SKILL,
)
INVOCATIONS = Described(
    "session_buddy_invocations",
    "counter",
    "Invocations of a skill that ended: completed, failed or abandoned (rejected, interrupted, cancelled).",
    labels=(*_SKILL, "outcome"),
)
DURATION = Described(
    "session_buddy_invocation_duration_seconds",
    "histogram",
    "How long invocations of a skill took, as far as durations are known.",
    labels=_SKILL,
)
COMPLETION_RATIO = Described(
    "session_buddy_completion_ratio",
    "gauge",
    "Completed / (completed + failed) over the whole life of a skill; absent where neither happened.",
    labels=_SKILL,
)
LAST_INVOCATION = Described(
    "session_buddy_last_invocation_timestamp_seconds",
    "gauge",
    "When a skill was last invoked, as Unix time.",
    labels=_SKILL,
)
SKILLS = Described("session_buddy_skills", "gauge", "Skills that were ever invoked.")
SESSIONS = Described("session_buddy_sessions", "counter", "Sessions in which a skill was invoked.")
USERS = Described("session_buddy_users", "gauge", "Users who invoked a skill.")
ANOMALIES_OPEN = Described(
    "session_buddy_anomalies_open",
    "gauge",
    "Anomalies that are not resolved.",
    labels=("anomaly_type", "severity"),
)
SKILL_ANOMALIES_OPEN = Described(
    "session_buddy_skill_anomalies_open",
    "gauge",
    "Anomalies of a skill that are not resolved, by the metric they were seen in; absent where there are none.",
    labels=("skill", "metric", "anomaly_type", "severity"),
)
IMPORT_FILES = Described("session_buddy_import_files", "gauge", "Files that were imported, still there or not.")
IMPORT_LAST = Described(
    "session_buddy_import_last_timestamp_seconds", "gauge", "When a file was last imported, as Unix time."
)
IMPORT_UNREAD = Described(
    "session_buddy_import_unread_bytes",
    "gauge",
    "What imported files have grown by since they were read, on the machine that answers.",
)
IMPORT_LAG = Described(
    "session_buddy_import_lag_seconds",
    "gauge",
    "How long the oldest change of an imported file has been waiting to be read; 0 where none waits.",
)
QUARANTINED = Described(
    "session_buddy_quarantined_lines", "gauge", "Lines of imported files that were not understood and kept aside."
)
WRITER_EVENTS = Described(
    "session_buddy_writer_events",
    "counter",
    "Invocations that were delivered to the store: added, completed (there before, now telling more), unchanged.",
    labels=("result",),
    where="server",
)
WRITER_REFUSED = Described(
    "session_buddy_writer_refused_batches",
    "counter",
    "Batches of the spool that no store can take; they are in its folder 'refused'.",
    where="server",
)
WRITER_WAITING = Described(
    "session_buddy_writer_waiting_events", "gauge", "Invocations in memory, not delivered yet.", where="server"
)
WRITER_DELIVERING = Described(
    "session_buddy_writer_delivering",
    "gauge",
    "1 if the last delivery to the store succeeded or none was needed yet, 0 if it failed.",
    where="server",
)
SPOOL_SIZE = Described(
    "session_buddy_spool_size_bytes",
    "gauge",
    "Invocations that wait on disk because the store did not take them.",
    where="server",
)
SPOOL_LIMIT = Described(
    "session_buddy_spool_limit_bytes",
    "gauge",
    "The most that may wait there; beyond it nothing is taken in.",
    where="server",
)
TROUBLES = Described(
    "session_buddy_background_troubles",
    "gauge",
    "What the server fails at in the background: following transcripts, and rows that other processes write.",
    where="server",
)
LIVE_CLIENTS = Described(
    "session_buddy_live_clients", "gauge", "Clients that are connected to the live feed.", where="server"
)

CATALOGUE = (
    BUILD,
    STORE_UP,
    SCRAPE_DURATION,
    STARTED,
    INVOCATIONS,
    DURATION,
    COMPLETION_RATIO,
    LAST_INVOCATION,
    SKILLS,
    SESSIONS,
    USERS,
    ANOMALIES_OPEN,
    SKILL_ANOMALIES_OPEN,
    IMPORT_FILES,
    IMPORT_LAST,
    IMPORT_UNREAD,
    IMPORT_LAG,
    QUARANTINED,
    WRITER_EVENTS,
    WRITER_REFUSED,
    WRITER_WAITING,
    WRITER_DELIVERING,
    SPOOL_SIZE,
    SPOOL_LIMIT,
    TROUBLES,
    LIVE_CLIENTS,
)


def exported_names() -> dict[str, Described]:
    """Return every sample name that may be exported, with what it belongs to."""
    return {name: described for described in CATALOGUE for name in described.sample_names}
