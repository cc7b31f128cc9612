"""What people may set of the watch for anomalies, as text in the table ``store_settings``; read and checked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.model import Kind
from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.panel import DEFAULT_DETECTOR, DETECTORS, Panel, new_detector
from session_buddy.monitoring.series import zone_named

__all__ = ["DETECTOR", "KINDS", "THRESHOLD", "ZONE", "WatchSettings", "watch_settings"]

DETECTOR, THRESHOLD, KINDS, ZONE = "anomaly_detector", "anomaly_threshold", "anomaly_kinds", "anomaly_time_zone"
"""Names of settings."""

_PEOPLES_KINDS = tuple(kind for kind in Kind if kind is not Kind.TOOL)


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How skills are watched; checked when made."""

    detector: str = DEFAULT_DETECTOR
    threshold: float | None = None
    """``None``: the detector's own."""
    kinds: tuple[Kind, ...] = _PEOPLES_KINDS
    """Whose skills are watched: all but an agent's built-in tools unless set."""
    zone: str = "UTC"
    """By whose clock it is day and night."""

    def __post_init__(self) -> None:
        new_detector(self.detector, Metric.VOLUME, zone=self.zone, threshold=self.threshold)
        zone_named(self.zone)

    def panel(self) -> Panel:
        """Return what watches one skill, new."""
        return Panel(self.detector, zone=self.zone, threshold=self.threshold)


def watch_settings(texts: Mapping[str, str]) -> WatchSettings:
    """Return the settings that *texts* say by name; what they leave out, or leave empty, is the default.

    Raises :class:`InvalidInput`, which names the setting, for a text that says nothing sensible.
    """
    given: dict[str, Any] = {
        field: told
        for field, (name, read) in _READ.items()
        if (told := _read(name, texts.get(name, ""), read)) is not None
    }
    try:
        return WatchSettings(**given)
    except InvalidInput as error:
        name = _READ.get(error.field, (error.field,))[0]
        raise InvalidInput(name, error.problem.removeprefix(f"{error.field}: "), remedy=error.remedy) from error


def _read(name: str, text: str, read: Callable[[str], object]) -> object:
    if not text.strip():
        return None
    try:
        return read(text.strip())
    except ValueError as error:
        raise InvalidInput(name, f"{text!r} is none.", remedy=_REMEDIES[name]) from error


def _kinds(text: str) -> tuple[Kind, ...]:
    return tuple(Kind(word) for word in text.replace(",", " ").split())


_READ: dict[str, tuple[str, Callable[[str], object]]] = {
    "detector": (DETECTOR, str),
    "threshold": (THRESHOLD, float),
    "kinds": (KINDS, _kinds),
    "zone": (ZONE, str),
}
_REMEDIES = {
    DETECTOR: f"Choose one of: {', '.join(DETECTORS)}.",
    THRESHOLD: "Give a number above 0.",
    KINDS: f"Give some of: {', '.join(Kind)}.",
    ZONE: "Give a name such as 'Europe/Berlin'.",
}
