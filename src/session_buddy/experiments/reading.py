"""Finding experiments in a store, whoever entered them there."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import msgspec

from session_buddy.errors import ExperimentUnreadable, UnknownExperiment
from session_buddy.experiments.design import Experiment
from session_buddy.experiments.outcomes import is_text
from session_buddy.experiments.rows import CONFIGS, experiment_of
from session_buddy.storage.store import Store

__all__ = ["ExperimentList", "UnreadableExperiment", "as_of", "read_all", "read_names", "read_row"]

_CONFIGS = f"SELECT {', '.join(CONFIGS.columns)} FROM {CONFIGS.source}"


class UnreadableExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """A row that another program, or a newer one, wrote, and that makes no sense here."""

    test_id: int
    test_name: str
    problem: str


class ExperimentList(msgspec.Struct, frozen=True, kw_only=True):
    """Experiments, the newest first, and the rows that are none."""

    experiments: list[Experiment]
    unreadable: list[UnreadableExperiment]


def read_row(store: Store, experiment: str | int) -> tuple[Any, ...]:
    """Return the row of the experiment with this name, or this number.

    Raises :class:`UnknownExperiment`, with suggestions, where there is none.
    """
    asked = str(experiment)
    if isinstance(experiment, str) and is_text(asked):
        rows = store.query(f"{_CONFIGS} WHERE test_name = ? ORDER BY test_id", [asked]).rows
        if rows:
            return rows[0]
    if asked.isdecimal() and int(asked) < 2**63:
        rows = store.query(f"{_CONFIGS} WHERE test_id = ?", [int(asked)]).rows
        if rows:
            return rows[0]
    near = get_close_matches(asked, read_names(store), n=5)
    raise UnknownExperiment(
        f"There is no experiment {experiment!r}.",
        remedy=f"Did you mean {near[0]!r}?" if near else "See the list of experiments.",
        suggestions=near,
    )


def read_all(store: Store, *, now: str) -> ExperimentList:
    """Return all experiments as they are at the moment *now*."""
    found = ExperimentList(experiments=[], unreadable=[])
    for row in store.query(f"{_CONFIGS} ORDER BY test_name").rows:
        try:
            found.experiments.append(as_of(experiment_of(row), now))
        except ExperimentUnreadable as error:
            found.unreadable.append(UnreadableExperiment(test_id=row[0], test_name=row[1], problem=error.problem))
    # By the times as they are meant: other programs may have written them otherwise.
    found.experiments.sort(key=lambda one: one.start_date, reverse=True)
    return found


def read_names(store: Store) -> dict[str, int]:
    """Return the numbers of all experiments by their names."""
    return dict(store.query(f"SELECT test_name, test_id FROM {CONFIGS.source}").rows)


def as_of(experiment: Experiment, now: str) -> Experiment:
    """Return *experiment* with the status that it has at the moment *now*."""
    return msgspec.structs.replace(experiment, status=experiment.status_at(now))
