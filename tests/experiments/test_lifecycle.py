"""Which step leads where, and what may change when."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from session_buddy.errors import InvalidInput, NamespaceTaken, WrongState
from session_buddy.experiments.design import Design, Experiment, Guardrail, Status
from session_buddy.experiments.lifecycle import CHANGEABLE, Action, changed, moved, require_free, require_metrics
from session_buddy.experiments.settings import SETTING_NAMES, setting, with_settings
from tests.experiments.test_design import experiment
from tests.making import NOW, shifted

LATER = shifted(NOW, days=1)
STEPS = {
    (Status.DRAFT, Action.START): Status.RUNNING,
    (Status.DRAFT, Action.ARCHIVE): Status.ARCHIVED,
    (Status.RUNNING, Action.PAUSE): Status.PAUSED,
    (Status.RUNNING, Action.STOP): Status.STOPPED,
    (Status.PAUSED, Action.RESUME): Status.RUNNING,
    (Status.PAUSED, Action.STOP): Status.STOPPED,
    (Status.STOPPED, Action.CONCLUDE): Status.CONCLUDED,
    (Status.STOPPED, Action.ARCHIVE): Status.ARCHIVED,
    (Status.CONCLUDED, Action.ARCHIVE): Status.ARCHIVED,
}


@pytest.mark.parametrize(
    ("status", "action"),
    [pair for pair in product(Status, Action) if pair[1] not in (Action.CREATE, Action.CHANGE)],
)
def test_every_step_from_everywhere(status: Status, action: Action) -> None:
    before = experiment(status=status)
    if (status, action) in STEPS:
        assert moved(before, action, now=LATER).status is STEPS[status, action]
        return
    with pytest.raises(WrongState, match=f"nothing to {action}") as refused:
        moved(before, action, now=LATER)
    assert refused.value.status == status
    possible = [step for (one, step) in STEPS if one is status]
    assert all(step in refused.value.remedy for step in possible)
    assert refused.value.remedy.startswith("You can" if possible else "Create another")


def test_a_start_is_when_it_begins() -> None:
    assert moved(experiment(), Action.START, now=LATER).start_date == LATER
    assert moved(experiment(), Action.START, now=LATER).end_date is None
    with pytest.raises(InvalidInput, match="end_date: ") as refused:
        moved(experiment(end_date=LATER), Action.START, now=LATER)
    assert refused.value.field == "end_date"


def test_a_stop_is_when_it_ends() -> None:
    running = experiment(status=Status.RUNNING, end_date=shifted(NOW, days=9))
    assert moved(running, Action.STOP, now=LATER).end_date == LATER
    assert moved(experiment(status=Status.RUNNING), Action.STOP, now=NOW).end_date == shifted(NOW, milliseconds=1)


def test_what_has_passed_its_end_is_stopped_already() -> None:
    over = experiment(status=Status.RUNNING, end_date=LATER)
    for action in (Action.PAUSE, Action.STOP):
        with pytest.raises(WrongState, match=f"is stopped since {LATER}"):
            moved(over, action, now=LATER)
    assert moved(over, Action.CONCLUDE, now=LATER).status is Status.CONCLUDED
    with pytest.raises(WrongState, match="nothing of it changes any more"):
        changed(over, {"end_date": shifted(LATER, days=1)}, now=LATER)


OTHERWISE: dict[str, Any] = {
    "description": "Now with a description.",
    "control_strategy": "other",
    "treatment_strategy": "other",
    "end_date": shifted(NOW, days=30),
    "min_sample_size": 7,
    "metrics": ["duration_seconds", "completion_rate"],
    "assignment_ratio": 0.25,
    "hypothesis": "It helps.",
    "guardrails": [{"metric": "duration_seconds", "margin": 0.1}],
    "margin": 0.02,
    "alpha": 0.01,
    "method": "fixed",
    "adjusted": True,
    "unit": "session",
    "enrolment": 0.75,
    "namespace": "search",
    "namespace_start": 0.25,
    "namespace_end": 0.75,
    "overrides": {"ann": "none"},
    "covariate_days": 14,
}
"""Every setting, other than the default."""


def test_every_setting_is_known() -> None:
    assert OTHERWISE.keys() == set(SETTING_NAMES)


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_what_may_change_when(name: str) -> None:
    design = Design(enrolment=0.5, namespace="n")
    draft = experiment(design=design)
    settings = {name: OTHERWISE[name]}
    after, differing = changed(draft, settings, now=LATER)
    assert differing == {name: (setting(draft, name), setting(after, name))}
    assert setting(after, name) == setting(with_settings(draft, settings), name) != setting(draft, name)
    assert after.ratio_since is None
    for status in (Status.RUNNING, Status.PAUSED):
        live = experiment(design=design, status=status)
        if name in CHANGEABLE:
            after, differing = changed(live, settings, now=LATER)
            assert differing.keys() == {name}
            assert after.ratio_since == (LATER if name == "assignment_ratio" else None)
        else:
            with pytest.raises(WrongState, match=f"^{name} of 'search' cannot change"):
                changed(live, settings, now=LATER)
    for status in (Status.STOPPED, Status.CONCLUDED, Status.ARCHIVED):
        with pytest.raises(WrongState, match="nothing of it changes"):
            changed(experiment(design=design, status=status), settings, now=LATER)


def test_what_is_fixed_is_what_shapes_the_answer() -> None:
    assert set(SETTING_NAMES) - CHANGEABLE >= {
        "hypothesis", "control_strategy", "treatment_strategy", "metrics", "guardrails", "margin", "alpha", "method",
        "adjusted", "unit", "min_sample_size", "covariate_days", "namespace", "namespace_start", "namespace_end",
    }  # fmt: skip


def test_the_same_again_is_no_change() -> None:
    running = experiment(status=Status.RUNNING, design=Design(overrides={"a": "none"}))
    same = {"metrics": ["completion_rate"], "assignment_ratio": 0.5, "overrides": {"a": "none"}, "end_date": None}
    assert changed(running, same, now=LATER) == (running, {})


def test_enrolment_only_grows_once_it_runs() -> None:
    draft = experiment(design=Design(enrolment=0.5))
    assert changed(draft, {"enrolment": 0.25}, now=LATER)[0].design.enrolment == 0.25
    running = experiment(design=Design(enrolment=0.5), status=Status.RUNNING)
    assert changed(running, {"enrolment": 1.0}, now=LATER)[0].design.enrolment == 1.0
    with pytest.raises(InvalidInput, match=r"enrolment: 0\.49 is less than 0\.5"):
        changed(running, {"enrolment": 0.49}, now=LATER)


def test_an_end_lies_ahead() -> None:
    running = experiment(status=Status.RUNNING, end_date=shifted(NOW, days=9))
    for past in (LATER, NOW, "2026-06-16T14:34:56.789+02:00"):
        with pytest.raises(InvalidInput, match="end_date: "):
            changed(running, {"end_date": past}, now=LATER)
    assert changed(running, {"end_date": None}, now=LATER)[0].end_date is None
    offset = changed(running, {"end_date": "2026-07-01T02:00:00+02:00"}, now=LATER)[0]
    assert offset.end_date == "2026-07-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"margin": "x"}, "margin"),
        ({"overrides": {"a": "b"}}, "overrides[...]"),
        ({"guardrails": [{"metric": 5}]}, "guardrails[0].metric"),
        ({"guardrails": [{"metric": "completion_rate", "m": 1}]}, "guardrails[0]"),
        ({"metrics": "completion_rate"}, "metrics"),
        ({"metrics": ["completion_rate", 5]}, "metrics[1]"),
        ({"metrics": ["luck"]}, "metrics"),
        ({"metrics": ["user_rating", "user_satisfaction"]}, "metrics"),
        ({"guardrails": [{"metric": "luck"}]}, "guardrails"),
        ({"enrolment": True}, "enrolment"),
        ({"enrolement": 0.5}, "enrolement"),
        ({"test_id": 5}, "test_id"),
        ({"status": "running"}, "status"),
        ({"end_date": "soon"}, "end_date"),
        ({"end_date": "2026-07-01T02:00:00"}, "end_date"),
        ({"end_date": 5}, "end_date"),
        ({"assignment_ratio": 7.0}, "assignment_ratio"),
        ({"assignment_ratio": float("nan")}, "assignment_ratio"),
        ({"alpha": object()}, "settings"),
        ({"method": "peeking"}, "method"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        changed(experiment(), settings, now=LATER)
    assert refused.value.field == field
    assert refused.value.remedy


def test_a_setting_that_is_none_brings_one_to_mind() -> None:
    with pytest.raises(InvalidInput, match="Did you mean 'enrolment'"):
        with_settings(experiment(), {"enrolement": 0.5})
    with pytest.raises(InvalidInput, match="There are: description, "):
        with_settings(experiment(), {"zzz": 0.5})


def test_metrics_written_by_others_are_looked_at_before_a_start() -> None:
    foreign = experiment(metrics=("luck",), status=Status.RUNNING)
    assert changed(foreign, {"description": "d"}, now=LATER)[0].description == "d"
    with pytest.raises(InvalidInput, match="There is no metric 'luck'"):
        require_metrics(foreign)
    require_metrics(experiment(design=Design(guardrails=(Guardrail(metric="completion_rate"),))))


def of_namespace(number: int, start: float, end: float, *, name: str | None = "n", **fields: Any) -> Experiment:
    design = Design(namespace=name, namespace_start=start, namespace_end=end)
    return experiment(**({"test_id": number, "test_name": f"e{number}", "design": design} | fields))


@pytest.mark.parametrize(
    ("other", "is_free"),
    [
        (of_namespace(2, 0.0, 0.25, status=Status.RUNNING), True),
        (of_namespace(2, 0.5, 1.0, status=Status.RUNNING), True),
        (of_namespace(2, 0.0, 0.3, status=Status.RUNNING), False),
        (of_namespace(2, 0.4, 0.5, status=Status.PAUSED), False),
        (of_namespace(2, 0.0, 1.0, status=Status.RUNNING), False),
        (of_namespace(2, 0.3, 0.4, status=Status.RUNNING), False),
        (of_namespace(2, 0.0, 1.0), True),
        (of_namespace(2, 0.0, 1.0, status=Status.STOPPED), True),
        (of_namespace(2, 0.0, 1.0, status=Status.RUNNING, end_date=LATER), True),
        (of_namespace(2, 0.0, 1.0, status=Status.RUNNING, end_date=shifted(LATER, days=1)), False),
        (of_namespace(2, 0.0, 1.0, status=Status.RUNNING, name="other"), True),
        (of_namespace(2, 0.0, 1.0, status=Status.RUNNING, name=None), True),
        (of_namespace(1, 0.0, 1.0, status=Status.RUNNING), True),
    ],
)
def test_running_experiments_of_a_namespace_share_no_users(other: Experiment, is_free: bool) -> None:
    wanted = of_namespace(1, 0.25, 0.5)
    if is_free:
        require_free(wanted, [other], now=LATER)
        return
    with pytest.raises(NamespaceTaken, match=r"belongs to 'e2', which is \w+\. Take another part") as refused:
        require_free(wanted, [of_namespace(3, 0.0, 0.25, status=Status.RUNNING), other], now=LATER)
    assert refused.value.other == "e2"


def test_without_a_namespace_everything_is_free() -> None:
    require_free(experiment(), [of_namespace(2, 0.0, 1.0, name=None, status=Status.RUNNING)], now=LATER)
