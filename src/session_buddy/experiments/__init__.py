"""Experiments: two strategies, users shared out between them, and what the difference is worth.

>>> from session_buddy.experiments import Experiments, analyse, experiment
>>> experiments = Experiments(store)                                                       # doctest: +SKIP
>>> with experiment(experiments, "search", user_id="ann", skill="find") as trial:          # doctest: +SKIP
...     found = SEARCHES[trial.strategy](question)

The names below are loaded when they are first used: to assign users takes neither a store nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from session_buddy.experiments.analysis import Analysis, analyse
    from session_buddy.experiments.assignment import Assignment, AssignmentRule, Variant, assign, assign_all
    from session_buddy.experiments.design import Design, Experiment, Guardrail, Status
    from session_buddy.experiments.outcomes import OutcomesRecorded, TrialOutcome
    from session_buddy.experiments.records import Experiments
    from session_buddy.experiments.rows import ExperimentEvent
    from session_buddy.experiments.strategies import Strategies
    from session_buddy.experiments.trial import Trial, experiment, under_experiment

__all__ = [
    "Analysis",
    "Assignment",
    "AssignmentRule",
    "Design",
    "Experiment",
    "ExperimentEvent",
    "Experiments",
    "Guardrail",
    "OutcomesRecorded",
    "Status",
    "Strategies",
    "Trial",
    "TrialOutcome",
    "Variant",
    "analyse",
    "assign",
    "assign_all",
    "experiment",
    "under_experiment",
]

_HOMES = {
    "analysis": ("Analysis", "analyse"),
    "assignment": ("Assignment", "AssignmentRule", "Variant", "assign", "assign_all"),
    "design": ("Design", "Experiment", "Guardrail", "Status"),
    "outcomes": ("OutcomesRecorded", "TrialOutcome"),
    "records": ("Experiments",),
    "rows": ("ExperimentEvent",),
    "strategies": ("Strategies",),
    "trial": ("Trial", "experiment", "under_experiment"),
}


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
