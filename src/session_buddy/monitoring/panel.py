"""All that watches one skill: a detector and an incident tracker for each metric, as one value to keep and restore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.detector import Detector, Metric, Reading
from session_buddy.monitoring.evidence import EvidenceDetector
from session_buddy.monitoring.incidents import Incident, IncidentTracker, Rules
from session_buddy.monitoring.novelty import NoveltyDetector
from session_buddy.monitoring.series import Bucket
from session_buddy.monitoring.zscore import ZScoreDetector

__all__ = ["DEFAULT_DETECTOR", "DETECTORS", "Panel", "Seen", "new_detector"]

DETECTORS: dict[str, type[Detector]] = {
    detector.name: detector for detector in (EvidenceDetector, ZScoreDetector, NoveltyDetector)
}
"""By the names people choose them by."""
DEFAULT_DETECTOR = EvidenceDetector.name


def new_detector(name: str, metric: Metric, *, zone: str = "UTC", threshold: float | None = None) -> Detector:
    """Return a detector by *name*, one of :data:`DETECTORS`.

    *zone* matters to those that know hours of the week; *threshold* is for ``zscore`` (standard deviations, 2.0) and
    ``novelty`` (times the largest deviation so far, 1.75). Raises :class:`InvalidInput` for an unknown name or a
    threshold that is not above 0, or that the detector does not have.
    """
    given = {} if threshold is None else {"threshold": threshold}
    if threshold is not None and (threshold <= 0 or name == EvidenceDetector.name):
        raise InvalidInput(
            "threshold",
            f"{threshold} is none for the detector {name!r}.",
            remedy="Give one above 0 to 'zscore' or 'novelty'; 'evidence' has its own for each metric.",
        )
    if name == EvidenceDetector.name:
        return EvidenceDetector(metric, zone)
    if name == ZScoreDetector.name:
        return ZScoreDetector(metric, **given)
    if name == NoveltyDetector.name:
        return NoveltyDetector(metric, zone, **given)
    raise InvalidInput("detector", f"{name!r} is none.", remedy=f"Choose one of: {', '.join(DETECTORS)}.")


class Seen(msgspec.Struct, frozen=True):
    """What one hour of a skill meant."""

    readings: tuple[Reading, ...]
    """One for each metric."""
    incidents: tuple[Incident, ...]
    """Those that opened, grew in severity or were resolved in this hour."""


class Panel:
    """Watches one skill over all *metrics*, hour by hour; a pure state machine."""

    def __init__(
        self,
        detector: str = DEFAULT_DETECTOR,
        *,
        zone: str = "UTC",
        threshold: float | None = None,
        rules: Rules | None = None,
        metrics: Sequence[Metric] = tuple(Metric),
    ) -> None:
        self._name = detector
        self._watched = [
            (new_detector(detector, metric, zone=zone, threshold=threshold), IncidentTracker(rules))
            for metric in metrics
        ]

    @property
    def open(self) -> list[Incident]:
        """The incidents that are open now, at most one for each metric."""
        return [tracker.open for _, tracker in self._watched if tracker.open]

    def observe(self, bucket: Bucket, *, briefly: bool = False) -> Seen:
        """Judge one more hour; hours come in order, without gaps.

        *briefly*: incidents are the same, readings as :meth:`Detector.observe_briefly` gives them.
        """
        readings, incidents = [], []
        for detector, tracker in self._watched:
            reading = detector.observe_briefly(bucket) if briefly else detector.observe(bucket)
            readings.append(reading)
            incidents.extend(tracker.follow(reading))
        return Seen(tuple(readings), tuple(incidents))

    def state(self) -> dict[str, Any]:
        """Return all that is remembered, as values JSON can hold."""
        watched = [{"detector": one.state(), "tracker": tracker.state()} for one, tracker in self._watched]
        return {"name": self._name, "watched": watched}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Return a panel that goes on where *state* was taken."""
        panel = cls(state["name"], metrics=())
        kind = DETECTORS[state["name"]]
        panel._watched = [
            (kind.restored(each["detector"]), IncidentTracker.restored(each["tracker"])) for each in state["watched"]
        ]
        return panel
