from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.detector import AnomalyType, Metric, Reading, Severity
from session_buddy.monitoring.incidents import Incident, IncidentTracker, Rules
from tests.monitoring.making import MONDAY

DROP, SPIKE, SHIFT = AnomalyType.DROP, AnomalyType.SPIKE, AnomalyType.PATTERN_SHIFT


def reading(hour: int, level: float, kind: AnomalyType | None = None, *, data: bool = True) -> Reading:
    if kind is None and level >= 1:
        kind = DROP
    return Reading(
        metric=Metric.COMPLETION_RATE,
        at=MONDAY + timedelta(hours=hour),
        observed=0.5 if data else None,
        score=-3 * level,
        level=level,
        anomaly_type=kind,
        severity=Severity.WARNING if kind else None,
        hours_observed=0.5,
        hours_expected=0.9,
        reason=f"Level {level}.",
    )


def followed(levels: list[float], rules: Rules | None = None) -> list[Incident]:
    tracker = IncidentTracker(rules)
    return [incident for hour, level in enumerate(levels) for incident in tracker.follow(reading(hour, level))]


def test_it_opens_once_and_resolves_once() -> None:
    opened, resolved = followed([0, 1.2, 1.1, 0.9, 0.3, 0.2, 0.0, 0.0])
    assert opened.opened_at == MONDAY + timedelta(hours=1) and opened.resolved_at is None
    assert resolved.opened_at == opened.opened_at
    assert resolved.resolved_at == MONDAY + timedelta(hours=5)
    assert resolved.resolution == "Back to what is usual."


def test_levels_between_the_thresholds_change_nothing() -> None:
    assert len(followed([1.1, *[0.99, 0.5, 1.05, 0.41] * 20])) == 1
    assert followed([0.99, 0.5] * 20) == []


def test_one_calm_hour_is_not_the_end_of_it() -> None:
    assert len(followed([1.1, 0.1, 1.05, 0.1, 1.0, 0.1, 0.9])) == 1


def test_it_keeps_its_worst_reading() -> None:
    opened, resolved = followed([1.1, 1.4, 1.2, 0, 0])
    assert (opened.score, resolved.score) == pytest.approx((-3.3, -4.2))
    assert resolved.opened_at == opened.opened_at and resolved.reason == "Level 1.4."
    assert (resolved.baseline, resolved.observed) == (0.9, 0.5)


def test_it_tells_when_its_severity_rises() -> None:
    tracker = IncidentTracker()
    tracker.follow(reading(0, 1.1))
    (worse,) = tracker.follow(msgspec.structs.replace(reading(1, 1.3), severity=Severity.CRITICAL))
    assert worse.severity is Severity.CRITICAL and worse.resolved_at is None
    assert tracker.follow(msgspec.structs.replace(reading(2, 1.4), severity=Severity.CRITICAL)) == []


def test_minimum_durations_are_rules() -> None:
    patient = Rules(open_after=3, close_after=4)
    assert followed([1.1, 1.1, 0.5, 1.1, 1.1], patient) == []
    opened, resolved = followed([1.1, 1.1, 1.1, 0, 0, 0, 0], patient)
    assert opened.opened_at == MONDAY + timedelta(hours=2)
    assert resolved.resolved_at == MONDAY + timedelta(hours=6)


def test_the_other_direction_is_another_incident() -> None:
    tracker = IncidentTracker()
    tracker.follow(reading(0, 1.1, DROP))
    resolved, opened = tracker.follow(reading(1, 1.1, SPIKE))
    assert resolved.anomaly_type is DROP and resolved.resolved_at == opened.opened_at
    assert opened.anomaly_type is SPIKE


def test_a_pattern_shift_explains_the_drop_and_is_over_when_all_is_calm() -> None:
    tracker = IncidentTracker()
    tracker.follow(reading(0, 1.1))
    resolved, opened = tracker.follow(reading(1, 1.0, SHIFT))
    assert resolved.resolution == "The new level has lasted; it is the baseline now."
    assert opened.anomaly_type is SHIFT and tracker.open == opened
    assert tracker.follow(reading(2, 0.0)) == []
    (over,) = tracker.follow(reading(3, 0.0))
    assert over.anomaly_type is SHIFT and tracker.open is None


def test_hours_without_data_neither_calm_nor_alarm() -> None:
    tracker = IncidentTracker()
    tracker.follow(reading(0, 1.1))
    for hour in range(1, 100):
        assert tracker.follow(reading(hour, 0.0, data=False)) == []
    assert tracker.open is not None


def test_after_a_week_of_silence_it_is_resolved() -> None:
    tracker = IncidentTracker()
    tracker.follow(reading(0, 1.1))
    assert tracker.follow(reading(7 * 24 - 1, 0.0, data=False)) == []
    (resolved,) = tracker.follow(reading(7 * 24, 0.0, data=False))
    assert resolved.resolution == "Nothing could be judged since."


@pytest.mark.parametrize("wrong", [{"close_level": 1.0}, {"close_level": -0.1}, {"open_after": 0}, {"close_after": 0}])
def test_rules_that_would_flap_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        Rules(**wrong)  # type: ignore[arg-type]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from([DROP, SPIKE, SHIFT]), st.booleans()), max_size=60),
    st.integers(0, 59),
)
def test_incidents_are_a_chain_and_state_survives_json(steps: list[tuple[float, AnomalyType, bool]], cut: int) -> None:
    tracker, restored = IncidentTracker(), IncidentTracker()
    open_: Incident | None = None
    for hour, (level, kind, data) in enumerate(steps):
        given_ = reading(hour, level, kind if level >= 1 else None, data=data)
        if hour == cut:
            restored = IncidentTracker.restored(json.loads(json.dumps(tracker.state())))
        changes = tracker.follow(given_)
        if hour >= cut:
            assert restored.follow(given_) == changes
        worst = max(abs(given_.score or 0.0), abs(open_.score) if open_ else 0.0)
        for change in changes:
            assert abs(change.score) <= worst + 1e-9
            if open_ is None:
                assert change.resolved_at is None
                open_ = change
            else:
                assert change.opened_at == open_.opened_at and change.anomaly_type is open_.anomaly_type
                assert abs(change.score) >= abs(open_.score)
                open_ = None if change.resolved_at else change
        assert (tracker.open is None) == (open_ is None)
        if tracker.open and open_:
            assert tracker.open.opened_at == open_.opened_at and tracker.open.resolved_at is None
        open_ = tracker.open
