"""One skill under watch: its panel, led through the hours; rewound where hours changed afterwards. Pure.

Outcomes come late: an invocation of ten to eleven may be told at noon. Instead of keeping every hour, a course keeps
the *sum* of the hours it has seen. Whoever knows what the skill did in its whole life, and in the hours since, knows
what it did before: where that is no longer what was seen, some hour changed, and the course goes back to
a state from before that change, or begins again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from session_buddy.monitoring.anomalies import Found
from session_buddy.monitoring.incidents import Incident
from session_buddy.monitoring.panel import Panel, Seen
from session_buddy.monitoring.series import Bucket, Counts

__all__ = ["KEPT", "Course", "minus"]

_HOUR = timedelta(hours=1)
_APART = timedelta(hours=8)
KEPT = 2 * _APART
"""How far back a course can be rewound, at most."""


class _Saved(msgspec.Struct, frozen=True):
    """A state to go back to."""

    at: datetime
    before: Counts
    panel: bytes
    found: tuple[Found, ...]


class Course:
    """The course of one skill from *start* on; *panel* has seen nothing yet.

    *before* is what the skill did before *start*.
    """

    def __init__(self, panel: Panel, start: datetime, before: Counts) -> None:
        self.start = self.until = start
        """From which hour on it was watched, and up to which."""
        self._panel = panel
        self._before = before
        self._found: dict[tuple[str, datetime], Found] = {}
        self._saved: list[_Saved] = []

    @property
    def found(self) -> list[Found]:
        """The incidents since the start, in the order in which they opened; the latest may be open."""
        return sorted(self._found.values(), key=lambda one: (one.incident.opened_at, one.incident.metric))

    def observe(self, hours: Iterable[Bucket]) -> bool:
        """Lead the panel through *hours*, which follow those seen; return whether any incident changed."""
        changed = False
        for bucket in hours:
            seen = self._panel.observe(bucket, briefly=True)
            self.until = bucket.end
            self._before += bucket.counts
            for incident in seen.incidents:
                self._take(incident, seen)
                changed = True
        return changed

    def save(self) -> None:
        """Keep the present state to go back to, unless one is kept that is fresh enough."""
        if self._saved and self.until - self._saved[-1].at < _APART:
            return
        packed = msgspec.msgpack.encode(self._panel.state())
        kept = _Saved(self.until, self._before, packed, tuple(self._found.values()))
        self._saved = [*self._saved[-1:], kept]

    def rewound(self, life: Counts, recent: Mapping[datetime, Counts]) -> bool | None:
        """Go back to where all hours before still are what was seen of them.

        *life* is what the skill did in all, *recent* what it did in each hour of the last :data:`KEPT` at least.
        Returns whether there was anything to go back from; ``None`` where only beginning again helps.
        """
        if _life_before(self.until, life, recent) == self._before:
            return False
        for saved in reversed(self._saved):
            if _life_before(saved.at, life, recent) == saved.before:
                self._panel = Panel.restored(msgspec.msgpack.decode(saved.panel))
                self.until, self._before = saved.at, saved.before
                self._found = {_key(one.incident): one for one in saved.found}
                self._saved = [one for one in self._saved if one.at <= saved.at]
                return True
        return None

    def _take(self, incident: Incident, seen: Seen) -> None:
        """Note *incident* with the band of the hour in which it got so bad."""
        known = self._found.get(_key(incident))
        if known and incident.resolved_at:
            band = known.low, known.high
        else:
            band = next((each.low, each.high) for each in seen.readings if each.metric is incident.metric)
        self._found[_key(incident)] = Found(incident, *band)


def minus(one: Counts, other: Counts) -> Counts:
    """Return what *one* holds beyond *other*."""
    return Counts(*(getattr(one, field) - getattr(other, field) for field in Counts.__struct_fields__))


def _life_before(at: datetime, life: Counts, recent: Mapping[datetime, Counts]) -> Counts:
    return minus(life, sum((counts for hour, counts in recent.items() if hour >= at), Counts()))


def _key(incident: Incident) -> tuple[str, datetime]:
    return f"{incident.metric} {incident.anomaly_type}", incident.opened_at
