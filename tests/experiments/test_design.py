"""What an experiment may be, and what is no experiment."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from session_buddy.errors import InvalidInput
from session_buddy.experiments.assignment import AssignmentRule, Override
from session_buddy.experiments.design import Design, Experiment, Guardrail, Method, Status, Unit, Variant
from tests.making import NOW, shifted

NAN = float("nan")


def experiment(**fields: Any) -> Experiment:
    given = {
        "test_id": 5,
        "test_name": "search",
        "control_strategy": "semantic_search",
        "treatment_strategy": "workflow_aware_search",
        "start_date": NOW,
    }
    return Experiment(**(given | fields))


def test_the_defaults_are_those_of_the_columns() -> None:
    found = experiment()
    assert (found.min_sample_size, found.metrics, found.assignment_ratio) == (100, ("completion_rate",), 0.5)
    assert found.status is Status.DRAFT
    assert found.design == msgspec.json.decode(b"{}", type=Design)
    assert found.design.method is Method.SEQUENTIAL
    assert (found.design.alpha, found.design.enrolment, found.design.covariate_days) == (0.05, 1.0, 28)


def test_a_design_travels_as_json() -> None:
    design = Design(
        hypothesis="Fewer failures.", guardrails=(Guardrail(metric="duration_seconds", margin=0.1),), margin=0.02,
        alpha=0.01, method=Method.FIXED, adjusted=True, unit=Unit.USER, enrolment=0.25, namespace="search",
        namespace_start=0.5, namespace_end=0.75, overrides={"ann": Override.TREATMENT}, covariate_days=14,
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(design), type=Design) == design


def test_the_rule_holds_all_that_decides() -> None:
    design = Design(
        enrolment=0.25, namespace="n", namespace_start=0.5, namespace_end=0.75, overrides={"a": Override.NONE}
    )
    assert experiment(design=design, assignment_ratio=0.3).rule == AssignmentRule(
        test_id=5, ratio=0.3, enrolment=0.25, namespace="n", namespace_start=0.5, namespace_end=0.75,
        overrides={"a": Override.NONE},
    )  # fmt: skip


def test_each_variant_stands_for_its_strategy() -> None:
    assert experiment().strategy_of(Variant.CONTROL) == "semantic_search"
    assert experiment().strategy_of(Variant.TREATMENT) == "workflow_aware_search"
    assert experiment(metrics=("user_rating", "completion_rate")).primary_metric == "user_rating"


END = shifted(NOW, days=7)


@pytest.mark.parametrize(
    ("stored", "before", "after"),
    [
        (Status.DRAFT, Status.DRAFT, Status.DRAFT),
        (Status.RUNNING, Status.RUNNING, Status.STOPPED),
        (Status.PAUSED, Status.PAUSED, Status.STOPPED),
        (Status.STOPPED, Status.STOPPED, Status.STOPPED),
        (Status.CONCLUDED, Status.CONCLUDED, Status.CONCLUDED),
        (Status.ARCHIVED, Status.ARCHIVED, Status.ARCHIVED),
    ],
)
def test_what_has_passed_its_end_is_stopped(stored: Status, before: Status, after: Status) -> None:
    found = experiment(status=stored, end_date=END)
    assert found.status_at(shifted(END, seconds=-1)) is before
    assert found.status_at(END) is after
    assert found.status_at(shifted(END, days=400)) is after
    assert experiment(status=stored).status_at(shifted(END, days=400)) is stored


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 0.51}, "alpha"),
        ({"alpha": NAN}, "alpha"),
        ({"margin": 0.0}, "margin"),
        ({"margin": -0.1}, "margin"),
        ({"margin": NAN}, "margin"),
        ({"margin": float("inf")}, "margin"),
        ({"enrolment": 0.0}, "enrolment"),
        ({"enrolment": 1.1}, "enrolment"),
        ({"enrolment": NAN}, "enrolment"),
        ({"namespace": ""}, "namespace"),
        ({"namespace_start": 0.5}, "namespace"),
        ({"namespace_end": 0.5}, "namespace"),
        ({"namespace": "n", "namespace_start": 0.5, "namespace_end": 0.5}, "namespace_start"),
        ({"namespace": "n", "namespace_start": -0.1}, "namespace_start"),
        ({"namespace": "n", "namespace_end": 1.1}, "namespace_start"),
        ({"namespace": "n", "namespace_end": NAN}, "namespace_start"),
        ({"overrides": {"": Override.CONTROL}}, "overrides"),
        ({"covariate_days": -1}, "covariate_days"),
        ({"covariate_days": 366}, "covariate_days"),
        ({"adjusted": True, "covariate_days": 0}, "adjusted"),
        ({"adjusted": True, "unit": Unit.SESSION}, "adjusted"),
    ],
)
def test_designs_that_make_no_sense_name_the_field(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Design(**fields)
    assert refused.value.field == named
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"test_name": " "}, "test_name"),
        ({"control_strategy": ""}, "control_strategy"),
        ({"treatment_strategy": "\t"}, "treatment_strategy"),
        ({"assignment_ratio": 0.0}, "assignment_ratio"),
        ({"assignment_ratio": 1.0}, "assignment_ratio"),
        ({"assignment_ratio": 7.0}, "assignment_ratio"),
        ({"assignment_ratio": NAN}, "assignment_ratio"),
        ({"min_sample_size": 0}, "min_sample_size"),
        ({"min_sample_size": 10**30}, "min_sample_size"),
        ({"metrics": ()}, "metrics"),
        ({"metrics": ("completion_rate", "")}, "metrics"),
        ({"metrics": ("completion_rate", "user_rating", "completion_rate")}, "metrics"),
        ({"end_date": NOW}, "end_date"),
        ({"end_date": shifted(NOW, days=-1)}, "end_date"),
    ],
)
def test_experiments_that_make_no_sense_name_the_field(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        experiment(**fields)
    assert refused.value.field == named
    assert refused.value.remedy


@pytest.mark.parametrize("fields", [{"metric": " "}, {"metric": "m", "margin": -0.01}, {"metric": "m", "margin": NAN}])
def test_a_guardrail_is_a_metric_and_a_margin(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="guardrails: "):
        Guardrail(**fields)


def test_a_design_of_a_newer_program_is_not_half_understood() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `seasons`"):
        msgspec.json.decode(b'{"seasons": 4}', type=Design)
