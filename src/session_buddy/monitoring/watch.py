"""The watch over all skills: hours come from the store, anomalies go into it.

What the watch remembers follows from the data: it is started from the hours of the last 28 to 35 days and needs no
state of its own, and any number of servers over one store come to the same rows.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from math import inf

import msgspec

from session_buddy.feed.messages import AnomalyRow
from session_buddy.model import Kind
from session_buddy.monitoring.anomalies import moment, reconciled
from session_buddy.monitoring.course import KEPT, Course, minus
from session_buddy.monitoring.panel import DETECTORS
from session_buddy.monitoring.series import Bucket, Counts
from session_buddy.monitoring.settings import WatchSettings, watch_settings
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = [
    "GRACE",
    "LOOKS_BACK",
    "AnomalyWatch",
    "SkillLife",
    "read_lives",
    "read_settings",
    "read_texts",
    "rows_changed_since",
    "start_of",
]

_HOUR, _WEEK = timedelta(hours=1), timedelta(days=7)
_BACK = timedelta(days=28)
LOOKS_BACK = _BACK + _WEEK
"""So far back hours matter at most."""
GRACE = timedelta(minutes=5)
"""An hour is looked at so long after its end: what happened last in it has been told by then, mostly."""
_NAMES_AT_ONCE = 10
_HOURS_KEPT = KEPT // _HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ANOMALIES = plain_table("skill_anomalies")
_COLUMNS = ", ".join(ANOMALIES.columns)
_FIGURES = ("invocation_count", "completed_count", "failed_count", "duration_ms_sum", "duration_count")
_NUMBER = len(_FIGURES)

_SETTINGS = "SELECT name, value FROM store_settings FINAL"
# In one statement, so that both are of one moment. From the skills, since the index of hours begins with them.
_LIVES = f"""
SELECT m.skill_name, m.kind, m.first_invoked_at, m.last_invoked_at, {", ".join(f"m.{name}" for name in _FIGURES)},
       t.timestamp, {", ".join(f"t.{name}" for name in _FIGURES)}
FROM skill_metrics m LEFT JOIN (
    SELECT skill_name, timestamp, {", ".join(_FIGURES)} FROM skill_time_series WHERE timestamp >= ?
) t ON t.skill_name = m.skill_name
"""
_ROWS = f"SELECT {_COLUMNS} FROM {ANOMALIES.source} WHERE (detected_at >= ? OR resolved_at IS NULL)"
_OPEN = f"SELECT {_COLUMNS} FROM {ANOMALIES.source} WHERE resolved_at IS NULL"
_CHANGED = f"SELECT {_COLUMNS} FROM {ANOMALIES.source} WHERE resolved_at IS NULL OR resolved_at >= ?"


class SkillLife(msgspec.Struct, frozen=True):
    """What a skill did since ever, and hour by hour since some moment: both as of one moment."""

    skill: str
    kind: Kind
    first: datetime
    """The hour of its first invocation."""
    last: datetime
    """The hour of its last one."""
    counts: Counts
    hours: dict[datetime, Counts]
    """Hours without use are left out."""


class AnomalyWatch:
    """Watches the skills of *store*; to be used from one thread at a time."""

    def __init__(self, store: Store, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._monotonic = store, monotonic
        self._settings: WatchSettings | None = None
        self._courses: dict[str, Course] = {}
        self._moved: set[str] = set()
        """Skills of which incidents may have changed since anomalies were stored."""
        self._waiting: list[str] = []
        self._tidied: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the last step got to every skill."""
        return not self._waiting

    def step(self, now: str, *, seconds: float = inf) -> list[AnomalyRow]:
        """Take in the hours that have ended by *now*, and those that changed; return the anomalies that changed.

        They are stored by then. Costs little where nothing happened; the weeks before a skill is first looked at
        take a while, and when some skills took longer than *seconds* together, the others wait for the next step.
        Raises :class:`~session_buddy.errors.StoreError`, and :class:`~session_buddy.errors.InvalidInput` for a
        setting that makes no sense; whatever it raises, the next step makes up for it.
        """
        settings = read_settings(self._store)
        if settings != self._settings:
            self._settings, self._courses, self._tidied = settings, {}, None
        until = _hour(datetime.fromisoformat(now) - GRACE)
        self._follow(settings, until, self._monotonic() + seconds)
        changed = self._changes(settings, until)
        if changed:
            columns = ANOMALIES.columns
            self._store.put_rows(ANOMALIES, [tuple(getattr(row, column) for column in columns) for row in changed])
        self._moved.clear()
        self._tidied = until
        return changed

    def _follow(self, settings: WatchSettings, until: datetime, deadline: float) -> None:
        """Lead every skill up to *until*, and note those of which incidents changed."""
        lives = {
            life.skill: life
            for life in read_lives(self._store, settings.kinds, until - KEPT)
            if life.last >= start_of(life.skill, until)
        }
        for skill in self._courses.keys() - lives.keys():
            del self._courses[skill]
            self._moved.add(skill)
        anew = [skill for skill, life in lives.items() if not self._went_on(life, until)]
        self._waiting = sorted(anew, key=lambda skill: lives[skill].last)
        while self._waiting and self._monotonic() <= deadline:
            some, self._waiting = self._waiting[-_NAMES_AT_ONCE:], self._waiting[:-_NAMES_AT_ONCE]
            for life in read_lives(self._store, settings.kinds, until - LOOKS_BACK, skills=some):
                self._courses[life.skill] = _begun(life, settings, until)
                self._moved.add(life.skill)

    def _went_on(self, life: SkillLife, until: datetime) -> bool:
        """Lead a skill on from where it was; return whether that was possible."""
        course = self._courses.get(life.skill)
        if course is None or course.start < start_of(life.skill, until):
            return False
        rewound = course.rewound(life.counts, life.hours)
        if rewound is None:
            return False
        if course.observe(_filled(life.hours, course.until, until)) or rewound:
            self._moved.add(life.skill)
        course.save()
        return True

    def _changes(self, settings: WatchSettings, until: datetime) -> list[AnomalyRow]:
        """Return the rows to be written for skills that moved, and for what is not watched any more."""
        if not self._moved and self._tidied == until:
            return []
        stored: dict[str, list[AnomalyRow]] = {}
        changed = []
        for row in _rows(self._store, *((_ROWS, moment(until - LOOKS_BACK)) if self._moved else (_OPEN,))):
            if row.detector == settings.detector:
                stored.setdefault(row.skill_name, []).append(row)
            elif row.detector in DETECTORS and row.resolved_at is None:
                changed.append(msgspec.structs.replace(row, resolved_at=max(moment(until), row.detected_at)))
        for skill in sorted((self._moved | (stored.keys() - self._courses.keys())) - set(self._waiting)):
            course = self._courses.get(skill)
            found, told = course.found if course else (), stored.get(skill, ())
            changed += reconciled(skill, settings.detector, found, told, until=until, since=until - _WEEK)
        return changed


def start_of(skill: str, until: datetime) -> datetime:
    """Return the hour from which on *skill* is watched at *until*: four to five weeks earlier.

    It stays for a week and then moves by a week, at an hour that the name decides: whoever watches, since whenever,
    has seen the same hours, and not all skills begin again at once.
    """
    digest = hashlib.blake2b(skill.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    phase = int.from_bytes(digest, "big") % (_WEEK // _HOUR) * _HOUR
    return until - _BACK - (until - _EPOCH - phase) % _WEEK


def read_settings(store: Store) -> WatchSettings:
    """Return what is set of the watch; raises :class:`InvalidInput` for what makes no sense."""
    return watch_settings(read_texts(store))


def read_texts(store: Store) -> dict[str, str]:
    """Return the texts of all settings in *store*, by name."""
    return dict(store.query(_SETTINGS).rows)


def read_lives(
    store: Store, kinds: Collection[Kind], since: datetime, *, skills: Collection[str] | None = None
) -> list[SkillLife]:
    """Return what the skills of *kinds* (some, or all) did since ever, and in each hour from *since* on."""
    sql, parameters = _LIVES, [moment(since)]
    if skills is not None:
        sql += f" WHERE m.skill_name IN ({', '.join('?' * len(skills))})"
        parameters += skills
    lives: dict[str, SkillLife] = {}
    for skill, kind, first, last, *figures in store.query(sql, parameters).rows:
        life = lives.get(skill)
        if life is None:
            if kind not in kinds:
                continue
            ever = Counts(*figures[:_NUMBER])
            life = lives[skill] = SkillLife(skill, Kind(kind), _hour_named(first), _hour_named(last), ever, {})
        timestamp, *counts = figures[_NUMBER:]
        if timestamp is not None:
            life.hours[datetime.fromisoformat(timestamp)] = Counts(*counts)
    return list(lives.values())


def rows_changed_since(store: Store, since: str) -> list[AnomalyRow]:
    """Return the anomalies that are open, and those resolved at *since* or later."""
    return _rows(store, _CHANGED, since)


def _begun(life: SkillLife, settings: WatchSettings, until: datetime) -> Course:
    """Return the course of a skill from its beginning to *until*."""
    start = max(start_of(life.skill, until), life.first)
    since = sum((counts for hour, counts in life.hours.items() if hour >= start), Counts())
    course = Course(settings.panel(), start, minus(life.counts, since))
    hours = _filled(life.hours, start, until)
    course.observe(hours[:-_HOURS_KEPT])
    course.save()
    course.observe(hours[-_HOURS_KEPT:])
    course.save()
    return course


def _filled(hours: Mapping[datetime, Counts], start: datetime, until: datetime) -> list[Bucket]:
    """Return every hour from *start* to *until*; those without use, too: silence is a fact."""
    filled = []
    while start < until:
        filled.append(Bucket(start, start + _HOUR, hours.get(start, Counts())))
        start += _HOUR
    return filled


def _rows(store: Store, sql: str, *parameters: str) -> list[AnomalyRow]:
    return msgspec.convert(list(store.query(sql, parameters)), list[AnomalyRow])


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _hour_named(text: str) -> datetime:
    return _hour(datetime.fromisoformat(text))
