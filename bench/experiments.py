"""Experiments: how often verdicts are wrong, how fast users are assigned, how long an analysis takes.

``python -m bench experiments [USERS [OUTCOMES_OF_EACH]]``; a million users with ten outcomes each take minutes to fill.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from bench import simulations
from bench.measuring import show, timed
from session_buddy.experiments.analysis import analyse
from session_buddy.experiments.assignment import AssignmentRule, assign, assign_all
from session_buddy.experiments.design import Design, Experiment, Guardrail, Status
from session_buddy.storage import Store, open_store
from session_buddy.storage.tables import PLAIN_TABLES

RUNS = 2_000
USERS, OUTCOMES = 100_000, 10
BATCH = 100_000
START, NOW = "2026-01-01T00:00:00.000Z", "2026-01-20T00:00:00.000Z"


def run(users: int = USERS, outcomes: int = OUTCOMES) -> None:
    """Print all of it; stores with *users* users and *outcomes* outcomes of each."""
    simulate()
    assign_many()
    analyse_many(users, outcomes)


def simulate(runs: int = RUNS) -> None:
    """Print how often experiments whose truth is known are misjudged."""
    rows = [(f"no effect, one look: {test}", f"{share:.1%}") for test, share in simulations.no_effect(runs).items()]
    looked = simulations.peeking(runs)
    rows += [
        ("no effect, looked at 96 times: t-test each time", f"{looked.plain:.1%}"),
        ("no effect, looked at 96 times: always-valid", f"{looked.sequential:.1%}"),
    ]
    rows += [
        (f"95 % interval of the {what} holds the truth", f"{s:.1%}") for what, s in simulations.coverage(runs).items()
    ]
    kept, expected = simulations.adjusting(runs)
    rows.append(("variance left by adjusting (1 - rho^2 = " + f"{expected:.2f})", f"{kept:.2f}"))
    show(f"Verdicts over {runs:,} simulated experiments", ("what", "share"), rows)


def assign_many(users: int = 1_000_000) -> None:
    """Print how many users are assigned in a second."""
    names = [f"user-{number:09}" for number in range(users)]
    rule = AssignmentRule(test_id=17)
    (batch,) = timed(lambda: assign_all(rule, names), 1)
    ramped = AssignmentRule(test_id=17, enrolment=0.5, namespace="search", namespace_end=0.5)
    (with_both,) = timed(lambda: assign_all(ramped, names), 1)
    (single,) = timed(lambda: [assign(rule, name) for name in names[:100_000]], 1)
    show(
        "Assignment",
        ("how", "users/s"),
        [
            ("in a batch", f"{users / batch:,.0f}"),
            ("in a batch, with enrolment and namespace", f"{users / with_both:,.0f}"),
            ("one by one", f"{100_000 / single:,.0f}"),
        ],
    )


def analyse_many(users: int, outcomes: int) -> None:
    """Print how long an analysis takes on each engine."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as folder:
        for engine, url in (
            ("SQLite", f"sqlite:///{Path(folder) / 'store.db'}"),
            ("chdb", f"chdb:///{folder}/chdb?database=bench"),
        ):
            with open_store(url) as store:
                began = time.perf_counter()
                _fill(store, users, outcomes)
                filled = time.perf_counter() - began
                for name, experiment in _experiments().items():
                    taken = timed(partial(analyse, store, experiment, now=NOW), 5)
                    rows.append(
                        (engine, name, f"{taken[0]:.2f}", f"{taken[2]:.2f}", f"{users * outcomes / filled:,.0f}")
                    )
    show(
        f"Analysis of {users:,} users with {outcomes} outcomes each",
        ("engine", "what", "shortest of 5, s", "median, s", "filled with, outcomes/s"),
        rows,
    )


def _experiments() -> dict[str, Experiment]:
    def made(**changes: Any) -> Experiment:
        return Experiment(
            test_id=1, test_name="bench", control_strategy="a", treatment_strategy="b", start_date=START,
            status=Status.RUNNING, **changes,
        )  # fmt: skip

    guarded = Design(guardrails=(Guardrail(metric="duration_seconds"),))
    return {
        "success": made(),
        "success, rating, users' mean; duration as guardrail": made(
            metrics=("completion_rate", "user_satisfaction", "user_completion_rate"), design=guarded
        ),
    }


def _fill(store: Store, users: int, outcomes: int) -> None:
    tables = {table.name: table for table in PLAIN_TABLES}
    config = {
        "test_id": 1, "test_name": "bench", "control_strategy": "a", "treatment_strategy": "b", "start_date": START,
        "min_sample_size": 100, "assignment_ratio": 0.5, "status": "running",
    }  # fmt: skip
    variants = assign_all(AssignmentRule(test_id=1), (f"user-{n:07}" for n in range(users)))
    assigned: Iterator[dict[str, object]] = (
        {"assignment_id": n + 1, "test_id": 1, "user_id": f"user-{n:07}", "group_name": variant, "assigned_at": START}
        for n, variant in enumerate(variants)
    )
    told: Iterator[dict[str, object]] = (
        {
            "outcome_id": n + 1,
            "test_id": 1,
            "user_id": f"user-{n // outcomes:07}",
            "skill_name": f"skill-{n % 20}",
            "completed": int((n * 2_654_435_761 >> 7) % 100 < 60),
            "duration_seconds": (n % 97) / 7,
            "user_rating": None if n % 3 else 1.0 + n % 5,
            "recorded_at": START,
        }
        for n in range(users * outcomes)
    )
    for name, rows in (
        ("ab_test_configs", iter([config])),
        ("ab_test_assignments", assigned),
        ("ab_test_outcomes", told),
    ):
        columns = tables[name].columns
        while batch := [tuple(row.get(column) for column in columns) for row in islice(rows, BATCH)]:
            store.put_rows(tables[name], batch)
