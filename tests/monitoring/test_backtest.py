from __future__ import annotations

import json
from datetime import timedelta

import pytest
from bench.detectors import hours_of_skill

from session_buddy.monitoring.backtest import backtest, backtest_skill
from session_buddy.monitoring.detector import AnomalyType, Metric
from session_buddy.monitoring.incidents import Rules
from session_buddy.monitoring.panel import DETECTORS, Panel
from session_buddy.monitoring.series import Counts
from tests.monitoring.making import MONDAY, hours, outcomes

BROKEN = [*[outcomes(18, 2)] * 48, *[outcomes(4, 16)] * 5, *[outcomes(18, 2)] * 24]


def test_a_fault_in_history_is_one_incident_with_its_limits() -> None:
    found = backtest_skill("pytest-run", hours(BROKEN))
    (incident,) = found.incidents
    assert incident.anomaly_type is AnomalyType.DROP and incident.metric is Metric.COMPLETION_RATE
    assert incident.opened_at == MONDAY + timedelta(hours=49)
    assert incident.resolved_at is not None
    assert MONDAY + timedelta(hours=54) <= incident.resolved_at <= MONDAY + timedelta(hours=60)
    assert found.hours == 77
    assert 5 <= found.hours_flagged <= 11
    assert found.hours_judged[Metric.VOLUME] == 0 < found.hours_judged[Metric.COMPLETION_RATE]


def test_a_history_of_nothing_has_no_incident_and_no_rate() -> None:
    nothing = backtest({})
    assert nothing.incidents_per_skill_month is None and nothing.share_flagged is None
    silent = backtest({"ruff-check": hours([Counts()] * 24 * 30)})
    assert silent.incidents_per_skill_month == 0 and silent.skill_months == 1


def test_figures_add_over_skills() -> None:
    found = backtest({"a": hours(BROKEN), "b": hours([outcomes(18, 2)] * len(BROKEN))})
    assert [len(skill.incidents) for skill in found.skills] == [1, 0]
    assert found.incidents_per_skill_month == pytest.approx(1 / (2 * 77 / 720))
    assert found.share_flagged == found.skills[0].hours_flagged / (2 * 77)


def test_detector_threshold_metrics_and_rules_are_choices() -> None:
    choose = {"metrics": (Metric.COMPLETION_RATE,)}
    assert backtest_skill("a", hours(BROKEN), detector="zscore", **choose).incidents  # type: ignore[arg-type]
    deaf = backtest_skill("a", hours(BROKEN), detector="zscore", threshold=1e6, **choose)  # type: ignore[arg-type]
    assert not deaf.incidents and set(deaf.hours_judged) == {Metric.COMPLETION_RATE}
    patient = backtest_skill("a", hours(BROKEN), rules=Rules(open_after=50), metrics=(Metric.COMPLETION_RATE,))
    assert not patient.incidents


@pytest.mark.parametrize("name", list(DETECTORS))
def test_a_panel_goes_on_from_its_state_and_says_what_a_backtest_says(name: str) -> None:
    history = hours_of_skill(11, 26, peak=30, rate=0.9, drop_at=24 * 22 + 9)
    panel, said = Panel(name), []
    for number, bucket in enumerate(history):
        if number % 100 == 99:
            panel = Panel.restored(json.loads(json.dumps(panel.state())))
        said += panel.observe(bucket).incidents
    found = backtest_skill("a", history, detector=name).incidents
    assert {(i.metric, i.opened_at) for i in said} == {(i.metric, i.opened_at) for i in found}
    assert panel.open == [incident for incident in found if incident.resolved_at is None]
