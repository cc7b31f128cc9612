"""Interactions to learn from, made by hand or by lot."""

from __future__ import annotations

import numpy as np

from session_buddy.learning.interactions import Interactions


def interactions(*rows: str, ages: list[float] | None = None, texts: tuple[str, ...] = ()) -> Interactions:
    """Return one user a row; a row is the skills used, one letter each. Skills are all letters, in order."""
    names = sorted(set("".join(rows)))
    pairs = [(user, names.index(letter)) for user, row in enumerate(rows) for letter in row]
    users, skills = zip(*pairs, strict=True) if pairs else ((), ())
    return Interactions.of_pairs(
        np.array(users, dtype=np.int64),
        np.array(skills, dtype=np.int64),
        shape=(len(rows), len(names)),
        names=names,
        ages=None if ages is None else np.array(ages),
        texts=texts,
    )


def drawn(users: int, skills: int, *, seed: int, part: float = 0.3) -> Interactions:
    """Return random interactions; every user and skill may be without any."""
    chosen = np.random.default_rng(seed).random((users, skills)) < part
    rows, columns = np.nonzero(chosen)
    ages = np.random.default_rng(seed + 1).integers(0, 100, len(rows)).astype(float)
    return Interactions.of_pairs(rows, columns, shape=(users, skills), ages=ages)


def checkerboard(users: int = 20, skills: int = 16) -> Interactions:
    """Return users who use every skill of their own parity but one: what is missing has one right answer."""
    pairs = [
        (user, skill)
        for user in range(users)
        for skill in range(skills)
        if skill % 2 == user % 2 and skill // 2 != (user // 2) % (skills // 2)
    ]
    rows, columns = np.array(pairs).T
    names = [("even" if skill % 2 == 0 else "odd") + f" {skill}" for skill in range(skills)]
    return Interactions.of_pairs(rows, columns, shape=(users, skills), names=names)
