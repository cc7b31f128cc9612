"""Experiments for tests, run as people would: through their interface, day by day, the same for the same seed."""

from __future__ import annotations

import random
from typing import Any

from session_buddy.experiments.assignment import Variant
from session_buddy.experiments.design import Experiment
from session_buddy.experiments.enrolling import expose_users
from session_buddy.experiments.records import Experiments
from session_buddy.storage import Store
from tests.making import NOW, FakeClock, shifted

NAME = "semantic or workflow-aware"
SKILLS = ("pytest-run", "ruff-check", "commit")
SETTINGS: dict[str, Any] = {
    "control_strategy": "semantic_search",
    "treatment_strategy": "workflow_aware_search",
    "hypothesis": "Whoever sees what fits the phase of the work picks skills that succeed more often.",
    "metrics": ["completion_rate", "user_satisfaction", "duration_p50"],
    "guardrails": [{"metric": "duration_seconds", "margin": 0.1}],
    "margin": 0.02,
    "min_sample_size": 50,
}


def run_trial(
    store: Store,
    name: str = NAME,
    *,
    users: int = 600,
    effect: float = 0.12,
    slower: float = 1.0,
    lost: float = 0.0,
    days: int = 12,
    now: str = NOW,
    seed: int = 1,
    skills: tuple[str, ...] = SKILLS,
    **settings: Any,
) -> Experiment:
    """Run an experiment for *days* that end at *now*, and leave it running.

    *effect* is added to the success of treatment, its durations are *slower* times as long, and the outcomes of the
    share *lost* of its users never come.
    """
    rnd = random.Random(seed)
    clock = FakeClock(shifted(now, days=-days - 1))
    experiments = Experiments(store, clock=clock, random_bits=rnd.getrandbits)
    experiments.create(name, actor="anna", **{**SETTINGS, **settings})
    clock.now = shifted(now, days=-days)
    found = experiments.start(name, actor="anna")
    rates = {f"user-{number:04}": rnd.betavariate(3, 2) for number in range(users)}
    for day in range(days):
        clock.now = shifted(now, days=day - days, hours=3)
        arrived = [user for number, user in enumerate(rates) if number % days == day]
        assignments = experiments.assign_many(name, arrived)
        expose_users(store, found, assignments, now=clock.now)
        variants = {one.user_id: one.variant for one in assignments}
        is_lost = {user: variants[user] is Variant.TREATMENT and rnd.random() < lost for user in arrived}
        told = [
            outcome
            for user in arrived
            if not is_lost[user]
            for outcome in _outcomes(rnd, user, variants[user], rates[user], clock.now, (effect, slower), skills)
        ]
        if told:
            experiments.record_outcomes(name, told)
    return found


def _outcomes(
    rnd: random.Random,
    user: str,
    variant: Variant,
    rate: float,
    now: str,
    changes: tuple[float, float],
    skills: tuple[str, ...],
) -> list[dict[str, Any]]:
    effect, slower = changes if variant is Variant.TREATMENT else (0.0, 1.0)
    return [
        {
            "user_id": user,
            "skill_name": skills[rnd.randrange(len(skills))],
            "completed": rnd.random() < min(0.98, rate + effect),
            "duration_seconds": round(rnd.gammavariate(2, 3) * slower, 3) if rnd.random() < 0.9 else None,
            "user_rating": float(rnd.randint(1, 5)) if rnd.random() < 0.4 else None,
            "recorded_at": shifted(now, minutes=-number),
            "key": str(number),
        }
        for number in range(1 + rnd.randrange(6))
    ]
