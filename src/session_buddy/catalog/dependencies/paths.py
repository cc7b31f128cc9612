"""What is used one right after another again and again. Pure.

A path is two to five skills, each used right after the one before in the same session; a skill that is repeated counts
once. Libraries for sequences (prefixspan) look for skills in order with anything in between, in plain Python, and
tell no times; those for baskets (mlxtend) know no order. What stands side by side is found by counting, longer paths
only where both their shorter parts are frequent (R. Agrawal, R. Srikant, "Mining Sequential Patterns", ICDE 1995).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from session_buddy.catalog.dependencies.uses import stable_order

__all__ = ["LONGEST", "MOST", "SkillPath", "frequent_paths"]

LONGEST = 5
MOST = 500
"""Paths of one length that are told at most: those in most sessions."""

_SLOTS, _SPREAD = 2**22, 0x9E3779B1

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class SkillPath(NamedTuple):
    """A path, and how frequent it is."""

    skills: tuple[int, ...]
    sessions: int
    """Those that have it."""
    occurrences: int
    """In all of them; two may share skills: a b a b a has a b a twice."""
    median_seconds: float
    """From the first use of its first skill to the first use of its last one."""


class _Steps(NamedTuple):
    sessions: Ints
    skills: Ints
    moments: Ints


class _Found(NamedTuple):
    """The paths of one length; their numbers are their places here."""

    skills: Ints
    """One row a path."""
    sessions: Ints
    occurrences: Ints
    at: Ints
    """Of the path that begins at each step; -1 for none that is frequent."""
    parts: Ints
    """The numbers of the two paths, shorter by one, that each consists of; empty for the shortest."""


def frequent_paths(
    sessions: Ints, skills: Ints, moments: Ints, *, fewest_sessions: int, most: int = MOST, longest: int = LONGEST
) -> list[SkillPath]:
    """Return paths that are in *fewest_sessions* or more, those in most sessions first.

    Uses are given session by session, in the order of time within each; *moments* are milliseconds. A path is left
    out where a longer one tells the same: whenever it is used, that one is. At most *most* of each length are told, and
    of those level at the end none, unless all are.
    """
    steps = _collapsed(_Steps(sessions, skills, moments))
    found: list[SkillPath] = []
    lengths = list(_lengths(steps, fewest_sessions, longest))
    for place, one in enumerate(lengths):
        longer = lengths[place + 1] if place + 1 < len(lengths) else None
        found += _told(steps, one, _is_open(one, longer), most)
    return sorted(found, key=lambda path: (-path.sessions, -path.occurrences, -len(path.skills), path.skills))


def _collapsed(steps: _Steps) -> _Steps:
    """Return the first of uses of the same skill that follow one another."""
    is_new = np.ones(len(steps.skills), dtype=bool)
    is_new[1:] = (steps.skills[1:] != steps.skills[:-1]) | (steps.sessions[1:] != steps.sessions[:-1])
    return _Steps(*(column[is_new] for column in steps))


def _lengths(steps: _Steps, fewest: int, longest: int) -> Iterator[_Found]:
    if not len(steps.skills):
        return
    kinds = int(steps.skills.max()) + 1
    # One skill alone is a path that is always frequent.
    before = _Found(np.arange(kinds)[:, None], *(np.zeros(0, dtype=np.int64),) * 2, steps.skills, np.zeros((0, 2), int))
    for length in range(2, longest + 1):
        before = _longer(steps, before, kinds, length, fewest)
        if not len(before.skills):
            return
        yield before


def _longer(steps: _Steps, before: _Found, kinds: int, length: int, fewest: int) -> _Found:
    """Return the frequent paths of *length*, of those one shorter."""
    size = len(steps.skills)
    starts = np.flatnonzero((before.at[: max(0, size - 1)] >= 0) & (before.at[1:] >= 0))
    starts = starts[starts + length <= size]
    starts = starts[steps.sessions[starts] == steps.sessions[starts + length - 1]]
    codes = before.at[starts] * kinds + steps.skills[starts + length - 1]
    may_be = _may_be_frequent(codes, fewest)
    starts, codes = starts[may_be], codes[may_be]
    order = stable_order(codes)
    starts, codes = starts[order], codes[order]
    # Steps are in the order of sessions, so within a path its sessions are too.
    firsts = np.flatnonzero(_differs(codes))
    occurrences = np.diff(np.append(firsts, len(codes)))
    is_first_in_session = _differs(codes) | _differs(steps.sessions[starts])
    sessions = np.add.reduceat(is_first_in_session, firsts, dtype=np.int64) if len(firsts) else occurrences
    frequent = sessions >= fewest
    numbers = np.where(frequent, np.cumsum(frequent) - 1, -1)
    at = np.full(size, -1, dtype=np.int64)
    at[starts] = np.repeat(numbers, occurrences)
    examples = starts[firsts[frequent]]
    rows = steps.skills[examples[:, None] + np.arange(length)]
    parts = np.stack([before.at[examples], before.at[examples + 1]], axis=1)
    return _Found(rows, sessions[frequent], occurrences[frequent], at, parts)


def _may_be_frequent(codes: Ints, fewest: int) -> Flags:
    """Tell of each of *codes* whether it may be there *fewest* times: rare ones need not be sorted.

    They are counted in slots, of which several may share one (J. Park and others, "An effective hash-based algorithm
    for mining association rules", SIGMOD 1995).
    """
    slots = (codes * _SPREAD) & (_SLOTS - 1)
    found: Flags = np.bincount(slots, minlength=1)[slots] >= fewest
    return found


def _differs(values: Ints) -> Flags:
    """Tell of each value whether it differs from the one before."""
    found = np.ones(len(values), dtype=bool)
    found[1:] = values[1:] != values[:-1]
    return found


def _is_open(one: _Found, longer: _Found | None) -> Flags:
    """Tell of each path whether it is used without any of the *longer* ones too."""
    found = np.ones(len(one.skills), dtype=bool)
    if longer is not None:
        for part in longer.parts.T:
            found[part[one.occurrences[part] == longer.occurrences]] = False
    return found


def _told(steps: _Steps, one: _Found, wanted: Flags, most: int) -> Iterator[SkillPath]:
    order = np.lexsort((*one.skills.T[::-1], -one.occurrences, -one.sessions))
    numbers = order[wanted[order]]
    if len(numbers) > most:
        # Not a part of those that are level: who is told would change with every session.
        above = numbers[one.sessions[numbers] > one.sessions[numbers[most]]]
        numbers = above if len(above) else numbers[:most]
    medians = _medians(steps, one, numbers)
    for number in numbers.tolist():
        skills = tuple(one.skills[number].tolist())
        yield SkillPath(skills, int(one.sessions[number]), int(one.occurrences[number]), medians[number])


def _medians(steps: _Steps, one: _Found, numbers: Ints) -> dict[int, float]:
    is_told = np.zeros(len(one.skills) + 1, dtype=bool)
    is_told[numbers] = True
    # -1 is the place behind the last one.
    starts = np.flatnonzero(is_told[one.at])
    seconds = (steps.moments[starts + one.skills.shape[1] - 1] - steps.moments[starts]) / 1_000
    order = np.lexsort((seconds, one.at[starts]))
    numbered, seconds = one.at[starts][order], seconds[order]
    firsts = np.flatnonzero(_differs(numbered))
    sizes = np.diff(np.append(firsts, len(numbered)))
    middles = (seconds[firsts + (sizes - 1) // 2] + seconds[firsts + sizes // 2]) / 2
    return dict(zip(numbered[firsts].tolist(), middles.tolist(), strict=True))
