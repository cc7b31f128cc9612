"""What a scrape shows: the standing of every skill, read from roll-ups only.

The cost grows with the number of skills, not with that of invocations. What costs more, because it looks at
every imported file or every user, is :func:`read_surroundings`: ask for it less often.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from session_buddy.monitoring.retention import EVENTS_DELETED
from session_buddy.storage import Store
from session_buddy.storage.durations import BOUNDS_MS

__all__ = [
    "MAX_SKILLS",
    "OpenAnomalies",
    "Recent",
    "SkillStanding",
    "StoreStanding",
    "Surroundings",
    "read_recent",
    "read_standing",
    "read_surroundings",
]

_SKILLS = """
SELECT skill_name, kind, invocation_count, completed_count, failed_count, abandoned_count, duration_ms_sum,
       last_invoked_at
FROM skill_metrics
"""
_DURATIONS = "SELECT skill_name, le_ms, invocation_count FROM skill_duration_counts"
_SESSIONS = "SELECT value FROM store_counts WHERE name = 'sessions'"
# Rows that others wrote may lack the columns that the specification does not have.
_ANOMALIES = """
SELECT skill_name, coalesce(metric, 'unknown') AS seen_in, anomaly_type, coalesce(severity, 'unknown') AS how_bad,
       count(*) AS number
FROM skill_anomalies FINAL WHERE resolved_at IS NULL GROUP BY skill_name, seen_in, anomaly_type, how_bad
ORDER BY skill_name, seen_in, anomaly_type, how_bad
"""
# The newest rows by the order of arrival, which is that of the ids: no more than a thousand are looked at.
_RECENT = """
SELECT event_id, session_id, skill_name, kind, invoked_at, outcome = 'failed', duration_ms
FROM skill_invocation
WHERE id > (SELECT max(id) - 1000 FROM skill_invocation) AND duration_ms IS NOT NULL ORDER BY id DESC LIMIT 200
"""
_WITH_ORDER_OF_ARRIVAL = "sqlite:"
_DELETED = f"SELECT value FROM store_settings FINAL WHERE name = '{EVENTS_DELETED}'"
_USERS = "SELECT count(DISTINCT user_id) FROM user_skill_metrics"
_BAD_LINES = "SELECT count(*) FROM import_quarantine"
_FILES = "SELECT path, size, modified_ns, imported_at FROM import_checkpoint"


MAX_SKILLS = 200
"""So many skills are shown by name, unless somebody says otherwise: each has about twenty series."""


class SkillStanding(msgspec.Struct, frozen=True, gc=False):
    """What is known of one skill; counts run over its whole life."""

    durations: tuple[int, ...]
    """Invocations by duration: as many within each of the bounds asked for and above the one before it, the last
    entry those beyond all of them."""
    skill: str
    kind: str
    invocations: int
    completed: int
    failed: int
    abandoned: int
    duration_ms_sum: int
    last_invoked_at: str


class OpenAnomalies(msgspec.Struct, frozen=True):
    """Anomalies of one skill and sort that are not resolved."""

    skill: str
    metric: str
    anomaly_type: str
    severity: str
    number: int


class Recent(msgspec.Struct, frozen=True, gc=False):
    """One of the invocations that were recorded last."""

    event_id: str
    session_id: str
    skill: str
    kind: str
    invoked_at: str
    failed: bool | None
    duration_ms: int


class StoreStanding(msgspec.Struct, frozen=True):
    """What the store says of skills, sessions and anomalies."""

    skills: list[SkillStanding]
    sessions: int
    anomalies: list[OpenAnomalies]
    events_deleted: int
    """Since ever, because they were old: so much less is counted of skills."""


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the store says of users and of imported files."""

    users: int
    files: int
    last_import_at: str | None
    bad_lines: int
    unread_bytes: int
    """What files have grown by since they were read; files that are not on this machine count as read."""
    unread_since_ns: int | None
    """When the oldest change that was not read yet was made, as Unix time; ``None`` where there is none."""


def read_standing(store: Store, bounds_ms: tuple[int, ...]) -> StoreStanding:
    """Return the standing of every skill, with durations counted within *bounds_ms*, a part of ``BOUNDS_MS``."""
    # Before the counts: what is deleted in between is then made up for at the next scrape, and not missed.
    deleted = sum(int(value) for (value,) in store.query(_DELETED).rows)
    durations = _durations(store, bounds_ms)
    none = (0,) * (len(bounds_ms) + 1)
    (sessions,) = store.query(_SESSIONS).rows[0]
    return StoreStanding(
        skills=[SkillStanding(tuple(durations.get(row[0], none)), *row) for row in store.query(_SKILLS).rows],
        sessions=sessions,
        anomalies=[OpenAnomalies(*row) for row in store.query(_ANOMALIES).rows],
        events_deleted=deleted,
    )


def read_recent(store: Store) -> list[Recent]:
    """Return some of the invocations that were recorded last and took a known time, the latest first.

    None on engines whose event log knows no order of arrival: finding them there would mean reading it.
    """
    if not store.url.startswith(_WITH_ORDER_OF_ARRIVAL):
        return []
    return [Recent(*row) for row in store.query(_RECENT).rows]


def read_surroundings(store: Store) -> Surroundings:
    """Return what costs time in proportion to users, imported files and bad lines."""
    files = store.query(_FILES).rows
    changed = [change for path, size, modified_ns, _ in files if (change := _unread(path, size, modified_ns))]
    return Surroundings(
        users=store.query(_USERS).rows[0][0],
        files=len(files),
        last_import_at=max((imported_at for *_, imported_at in files), default=None),
        bad_lines=store.query(_BAD_LINES).rows[0][0],
        unread_bytes=sum(size for size, _ in changed),
        unread_since_ns=min((modified_ns for _, modified_ns in changed), default=None),
    )


def _durations(store: Store, bounds_ms: tuple[int, ...]) -> dict[str, list[int]]:
    """Return the counts of each skill that has any, the finer bounds of the store gathered into *bounds_ms*."""
    place = {le: sum(bound < le for bound in bounds_ms) for le in BOUNDS_MS}
    counts: dict[str, list[int]] = {}
    for skill, le_ms, number in store.query(_DURATIONS).rows:
        found = counts.get(skill)
        if found is None:
            found = counts[skill] = [0] * (len(bounds_ms) + 1)
        found[place[le_ms]] += number
    return counts


def _unread(path: str, size: int, modified_ns: int) -> tuple[int, int] | None:
    """Return by how much the file has grown since it had *size*, and since when; ``None`` if it is as it was."""
    try:
        now = Path(path).stat()
    except OSError:
        return None
    if (now.st_size, now.st_mtime_ns) == (size, modified_ns):
        return None
    return max(0, now.st_size - size), now.st_mtime_ns
