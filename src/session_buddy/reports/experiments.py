"""Experiments: which there are, and everything about one of them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from session_buddy.errors import SessionBuddyError
from session_buddy.experiments.analysis import (
    Analysis,
    CoursePoint,
    Segment,
    analyse,
    analyse_course,
    analyse_segments,
)
from session_buddy.experiments.assignment import Assignment, assign
from session_buddy.experiments.design import Experiment, Status
from session_buddy.experiments.enrolling import read_groups, standing_of
from session_buddy.experiments.records import Experiments, UnreadableExperiment
from session_buddy.experiments.rows import ExperimentEvent
from session_buddy.experiments.verdict import Decision
from session_buddy.storage import Store

__all__ = [
    "ExperimentDetails",
    "ExperimentFigures",
    "ExperimentHistory",
    "ExperimentIndex",
    "ExperimentReport",
    "ExperimentView",
    "read_assignment",
    "read_experiment",
    "read_experiment_details",
    "read_experiment_history",
    "read_experiment_index",
    "read_experiment_report",
]


class ExperimentFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One experiment of a list."""

    test_id: int
    test_name: str
    description: str | None
    status: Status
    """What has passed its end counts as stopped."""
    control_strategy: str
    treatment_strategy: str
    primary_metric: str
    users: int
    """Assigned, of both variants."""
    start_date: str
    """When it began; of a draft, when it was created."""
    end_date: str | None
    decision: Decision | None
    """``null`` for a draft, and where its row names what there is not."""
    sentence: str
    """The verdict, or why there is none."""


class ExperimentIndex(msgspec.Struct, frozen=True, kw_only=True):
    """Which experiments there are, the newest first."""

    experiments: list[ExperimentFigures]
    total: int
    """How many there are of those asked for."""
    archived: int
    """How many are archived; these are left out unless asked for."""
    unreadable: list[UnreadableExperiment]
    """Rows of other programs that are no experiments."""


class ExperimentView(msgspec.Struct, frozen=True, kw_only=True):
    """One experiment, and what it says by now."""

    experiment: Experiment
    analysis: Analysis


class ExperimentDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What of one experiment is made of all its outcomes, which takes seconds where there are millions."""

    course: list[CoursePoint]
    """The primary metric as it stood at the end of each day."""
    segments: list[Segment]
    """The primary metric by skill: exploratory, to get ideas from and not to decide by."""


class ExperimentHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to an experiment, the first first."""

    events: list[ExperimentEvent]


class ExperimentReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one experiment."""

    experiment: Experiment
    analysis: Analysis
    course: list[CoursePoint]
    """The primary metric as it stood at the end of each day."""
    segments: list[Segment]
    """The primary metric by skill: exploratory, to get ideas from and not to decide by."""
    history: list[ExperimentEvent]
    """What was done to it, the first first."""


def read_experiment_index(
    store: Store, *, now: str, limit: int, status: Status | None = None, archived: bool = False
) -> ExperimentIndex:
    """Return the *limit* newest experiments, of one *status* or of all; *archived*: those that are archived as well.

    Each is analysed, which takes up to seconds where it has a million users.
    """
    found = _experiments(store, now).list()
    put_away = sum(one.status is Status.ARCHIVED for one in found.experiments)
    wanted = [
        one
        for one in found.experiments
        if (one.status is status if status else archived or one.status is not Status.ARCHIVED)
    ]
    return ExperimentIndex(
        experiments=[_figures(store, one, now) for one in wanted[:limit]],
        total=len(wanted),
        archived=put_away,
        unreadable=found.unreadable,
    )


def read_experiment(store: Store, name: str, *, now: str) -> ExperimentView:
    """Return the experiment called *name* as it stands at the moment *now*.

    Raises :class:`~session_buddy.errors.UnknownExperiment`, with suggestions, where there is none.
    """
    experiment = _experiments(store, now).get(name)
    return ExperimentView(experiment=experiment, analysis=analyse(store, experiment, now=now))


def read_experiment_details(store: Store, experiment: Experiment) -> ExperimentDetails:
    """Return what of *experiment* is made of all its outcomes."""
    return ExperimentDetails(course=analyse_course(store, experiment), segments=analyse_segments(store, experiment))


def read_experiment_history(store: Store, name: str, *, now: str) -> ExperimentHistory:
    """Return what was done to the experiment called *name*; raises as :func:`read_experiment` does."""
    return ExperimentHistory(events=list(_experiments(store, now).history(name)))


def read_assignment(store: Store, name: str, user_id: str, *, now: str) -> Assignment:
    """Return what a user gets of the experiment called *name*, or would get, and record nothing.

    Raises as :func:`read_experiment` does, and :class:`~session_buddy.errors.InvalidInput` for what is no id.
    """
    experiment = _experiments(store, now).get(name)
    by_rule = assign(experiment.rule, user_id)
    recorded = read_groups(store, experiment.test_id, [user_id]).get(user_id)
    return standing_of(by_rule, recorded, experiment.status)


def read_experiment_report(
    store: Store,
    name: str,
    *,
    now: str,
    details: Callable[[Store, Experiment], ExperimentDetails] = read_experiment_details,
) -> ExperimentReport:
    """Return everything about the experiment called *name*; raises as :func:`read_experiment` does.

    *details* may remember what it has read before.
    """
    view = read_experiment(store, name, now=now)
    read = details(store, view.experiment)
    return ExperimentReport(
        experiment=view.experiment,
        analysis=view.analysis,
        course=read.course,
        segments=read.segments,
        history=read_experiment_history(store, name, now=now).events,
    )


def _experiments(store: Store, now: str) -> Experiments:
    return Experiments(store, clock=lambda: now)


def _figures(store: Store, experiment: Experiment, now: str) -> ExperimentFigures:
    decision, users = None, 0
    if experiment.status is Status.DRAFT:
        sentence = "A draft: nobody takes part yet."
    else:
        try:
            analysis = analyse(store, experiment, now=now)
        except SessionBuddyError as error:
            # One row that another program wrote amiss must not hide all others.
            sentence = f"It cannot be told: {error.problem}"
        else:
            decision, sentence = analysis.verdict.decision, analysis.verdict.sentence
            users = sum(head.assigned for head in analysis.health.heads.values())
    return ExperimentFigures(
        test_id=experiment.test_id,
        test_name=experiment.test_name,
        description=experiment.description,
        status=experiment.status,
        control_strategy=experiment.control_strategy,
        treatment_strategy=experiment.treatment_strategy,
        primary_metric=experiment.primary_metric,
        users=users,
        start_date=experiment.start_date,
        end_date=experiment.end_date,
        decision=decision,
        sentence=sentence,
    )
