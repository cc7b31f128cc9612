"""Uses for tests of prediction: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable

from session_buddy.prediction.uses import COMPLETED, FAILED, KINDS, NEVER, PHASES, UNTOLD, Use

START = 1_750_000_000_000
MINUTE = 60_000
SHELL = KINDS.index("shell")


def use(minute: int, outcome: int = COMPLETED, /, **fields: object) -> Use:
    """Return a use that begins *minute* minutes after the start, and takes one second."""
    begins = START + minute * MINUTE
    given: dict[str, object] = {
        "session": "s1",
        "user": "u1",
        "skill": "pytest-run",
        "kind": SHELL,
        "phase": 0,
        "at": begins,
        "ended": begins + 1_000,
        "outcome": outcome,
        "milliseconds": 1_000,
    }
    return Use(**(given | fields))  # type: ignore[arg-type]


def any_uses(n: int, *, seed: int) -> list[Use]:
    """Return uses of all sorts in the order of time, many side by side, some without end."""
    rnd = random.Random(seed)
    at, made = 0, []
    for _ in range(n):
        at += rnd.choice([0, 0, 1, 2_000, 90_000, 3_600_000])
        took = rnd.choice([NEVER, 0, rnd.randrange(200_000)])
        outcome = rnd.choice([COMPLETED, COMPLETED, FAILED, UNTOLD])
        session = rnd.randrange(4)
        made.append(
            use(
                0,
                outcome,
                session=f"s{session}",
                user=f"u{session % 2}",
                skill=f"skill-{rnd.randrange(5)}",
                kind=rnd.randrange(len(KINDS)),
                phase=rnd.randrange(len(PHASES)),
                at=START + at,
                ended=NEVER if took == NEVER and outcome == UNTOLD else START + at + max(took, 0),
                milliseconds=took,
            )
        )
    return made


def played(
    n: int,
    chance: Callable[[str, list[bool], random.Random], float],
    *,
    seed: int,
    skills: int = 8,
    each: int = 25,
) -> list[Use]:
    """Return uses one after the other; each completes with the *chance* for its skill after the session's outcomes."""
    rnd = random.Random(seed)
    made, before = [], []
    for number in range(n):
        if number % each == 0:
            before = []
        skill = f"skill-{rnd.randrange(skills)}"
        is_good = rnd.random() < chance(skill, before, rnd)
        before.append(is_good)
        took = int(1_000 * (1 + int(skill[-1])) * rnd.uniform(0.5, 2))
        made.append(
            use(
                0,
                COMPLETED if is_good else FAILED,
                session=f"s{number // each}",
                user=f"u{number // each % 5}",
                skill=skill,
                phase=rnd.randrange(len(PHASES)),
                at=START + number * MINUTE,
                ended=START + number * MINUTE + took,
                milliseconds=took,
            )
        )
    return made
