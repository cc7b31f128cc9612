"""Frequent paths beside a plain count."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.catalog.dependencies.paths import SkillPath, frequent_paths

Sessions = list[list[tuple[int, int]]]
"""Of each session its uses: skill and milliseconds since the last one."""

sessions_of_uses = st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5_000)), max_size=12), max_size=9)


def columns(sessions: Sessions) -> list[np.ndarray]:
    rows = []
    for number, uses in enumerate(sessions):
        moment = 10_000 * number
        for skill, later in uses:
            moment += later
            rows.append((number, skill, moment))
    return list(np.array(rows, dtype=np.int64).reshape(-1, 3).T)


def found(sessions: Sessions, **settings: int) -> list[SkillPath]:
    return frequent_paths(*columns(sessions), **{"fewest_sessions": 2} | settings)


def counted(sessions: Sessions, fewest: int) -> dict[tuple[int, ...], SkillPath]:
    """Return the frequent paths by looking at each place of each session."""
    seen: defaultdict[tuple[int, ...], list[tuple[int, float]]] = defaultdict(list)
    rows = list(zip(*columns(sessions), strict=True))
    for number, uses in groupby(rows, key=lambda row: row[0]):
        steps = [next(same) for _, same in groupby(uses, key=lambda row: row[1])]
        for length in range(2, 6):
            for begin in range(len(steps) - length + 1):
                path = steps[begin : begin + length]
                seen[tuple(int(row[1]) for row in path)].append((int(number), (path[-1][2] - path[0][2]) / 1_000))
    return {
        path: SkillPath(path, len({number for number, _ in places}), len(places), median(took for _, took in places))
        for path, places in seen.items()
        if len({number for number, _ in places}) >= fewest
    }


def is_part(short: tuple[int, ...], long: tuple[int, ...]) -> bool:
    return any(long[begin : begin + len(short)] == short for begin in range(len(long) - len(short) + 1))


@given(sessions_of_uses, st.integers(1, 3))
def test_they_are_those_that_a_plain_count_finds(sessions: Sessions, fewest: int) -> None:
    expected = counted(sessions, fewest)
    told = {path.skills: path for path in found(sessions, fewest_sessions=fewest)}
    for skills, path in told.items():
        assert path[:3] == expected[skills][:3] and path.median_seconds == pytest.approx(expected[skills][3])
    for skills in expected.keys() - told.keys():
        longer = [other for other in expected.values() if len(other.skills) == len(skills) + 1]
        assert any(
            is_part(skills, other.skills) and other.occurrences == expected[skills].occurrences for other in longer
        ), "left out only where a longer one tells the same"


def test_repeats_count_once_and_a_path_does_not_cross_sessions() -> None:
    one = [(0, 0), (0, 1_000), (1, 1_000), (1, 500), (2, 1_000)]
    (path,) = found([one, one, [(2, 5)], [(0, 5)]])
    assert path == SkillPath((0, 1, 2), 2, 2, 3.5)


def test_paths_that_overlap_count_each() -> None:
    weave = [(0, 10), (1, 10), (0, 10), (1, 10), (0, 10)]
    told = {path.skills: path for path in found([weave, weave])}
    assert told[0, 1, 0][1:3] == (2, 4)
    assert told[0, 1, 0, 1, 0][1:3] == (2, 2)


def test_the_most_frequent_of_each_length_are_told_first() -> None:
    sessions = [[(0, 1), (1, 1)]] * 5 + [[(2, 1), (3, 1)]] * 7 + [[(4, 1), (5, 1), (6, 1)]] * 3
    assert [path.skills for path in found(sessions)] == [(2, 3), (0, 1), (4, 5, 6)]
    assert [path.skills for path in found(sessions, most=1)] == [(2, 3), (4, 5, 6)]
    level = [*sessions, *[[(7, 1), (8, 1)]] * 5]
    assert [path.skills for path in found(level, longest=2, most=2)] == [(2, 3)], "nobody knows which of the others"
    assert [path.skills for path in found(level, longest=2, most=3)] == [(2, 3), (0, 1), (7, 8)]
    assert len(found([[(0, 1), (1, 1), (2, 1), (0, 1)]] * 2, longest=2, most=1)) == 1, "all are level"
    assert [path.skills for path in found(sessions, longest=2, fewest_sessions=6)] == [(2, 3)]


def test_nothing_has_no_paths() -> None:
    assert found([]) == [] and found([[(0, 1)]]) == []
