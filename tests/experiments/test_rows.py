"""Rows and the values they stand for, also of rows that other programs wrote."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from session_buddy.errors import ExperimentUnreadable
from session_buddy.experiments.assignment import Override
from session_buddy.experiments.design import Design, Guardrail, Status
from session_buddy.experiments.rows import (
    CONFIGS,
    ExperimentEvent,
    config_row,
    event_of,
    event_row,
    experiment_of,
    number_of,
)
from tests.experiments.test_design import experiment
from tests.making import NOW, shifted

PRINTED: dict[str, Any] = {
    "test_id": 1,
    "test_name": "semantic_vs_workflow_aware",
    "control_strategy": "semantic_search",
    "treatment_strategy": "workflow_aware_search",
    "start_date": "2026-06-15 12:34:56",
    "metrics": '["completion_rate", "user_satisfaction"]',
    "min_sample_size": 100,
    "assignment_ratio": 0.5,
    "status": "running",
}


def row(**fields: Any) -> tuple[Any, ...]:
    return tuple((PRINTED | fields).get(column) for column in CONFIGS.columns)


def test_a_row_comes_back_as_it_went() -> None:
    whole = experiment(
        description="d", end_date=shifted(NOW, days=7), min_sample_size=7, metrics=("user_rating", "completion_rate"),
        assignment_ratio=0.3, status=Status.PAUSED, ratio_since=NOW,
        design=Design(
            guardrails=(Guardrail(metric="duration_seconds", margin=0.1),), overrides={"ünï": Override.NONE},
            namespace="n", margin=0.02,
        ),
    )  # fmt: skip
    assert experiment_of(config_row(whole)) == whole
    assert experiment_of(config_row(experiment())) == experiment()


def test_the_specification_s_own_row_has_the_defaults() -> None:
    found = experiment_of(row())
    assert found.metrics == ("completion_rate", "user_satisfaction")
    assert (found.start_date, found.end_date) == ("2026-06-15T12:34:56.000Z", None)
    assert (found.status, found.design) == (Status.RUNNING, Design())
    for empty in (None, "[]"):
        assert experiment_of(row(metrics=empty)).metrics == ("completion_rate",)


def test_what_is_null_is_the_default() -> None:
    found = experiment_of(row(min_sample_size=None, assignment_ratio=None, status=None, metrics=None))
    assert (found.min_sample_size, found.assignment_ratio, found.status) == (100, 0.5, Status.RUNNING)


@pytest.mark.parametrize(
    "text",
    ["2026-06-15", "2026-06-15T02:00:00+02:00", "2026-06-15 00:00:00", "2026-06-15T00:00:00Z"],
)
def test_times_are_read_as_other_programs_write_them(text: str) -> None:
    assert experiment_of(row(start_date=text)).start_date == "2026-06-15T00:00:00.000Z"


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"design": "{"}, "design"),
        ({"design": "[]"}, "design"),
        ({"design": '{"seasons": 4}'}, "design"),
        ({"design": '{"alpha": 7}'}, "alpha"),
        ({"metrics": "completion_rate"}, "metrics"),
        ({"metrics": "[5]"}, "metrics"),
        ({"metrics": '["a", "a"]'}, "metrics"),
        ({"start_date": "1 Jan 2026"}, "start_date"),
        ({"end_date": "soon"}, "end_date"),
        ({"end_date": "2026-06-15 12:34:55"}, "end_date"),
        ({"ratio_since": "?"}, "ratio_since"),
        ({"status": "forgotten"}, "status"),
        ({"assignment_ratio": 7.0}, "assignment_ratio"),
        ({"test_name": "  "}, "test_name"),
    ],
)
def test_rows_that_make_no_sense_name_the_column(fields: dict[str, Any], column: str) -> None:
    with pytest.raises(ExperimentUnreadable) as refused:
        experiment_of(row(**fields))
    assert refused.value.field == column
    assert repr((PRINTED | fields)["test_name"]) in refused.value.problem
    assert "ab_test_configs" in refused.value.remedy


def test_events_come_back_as_they_went() -> None:
    event = ExperimentEvent(
        event_id=5, test_id=1, happened_at=NOW, actor="ann", action="change", details={"enrolment": [0.5, 1.0]}
    )
    assert event_of(event_row(event)) == event
    bare = msgspec.structs.replace(event, details=None)
    assert event_of(event_row(bare)) == bare
    assert event_of((*event_row(bare)[:-1], '"in words"')).details == {"details": "in words"}


def test_numbers_tell_parts_apart() -> None:
    assert number_of("a", "bc") != number_of("ab", "c")
    assert number_of(1, "ü") == number_of(1, "ü")
    assert all(0 <= number_of(n) < 2**63 for n in range(1_000))
    assert max(number_of(n) for n in range(1_000)) > 2**62
    assert all(0 <= number_of(n, bits=48) < 2**48 for n in range(1_000))
