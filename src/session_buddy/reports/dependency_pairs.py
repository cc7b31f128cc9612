"""What a store knows of pairs of skills: chance, order, and how sure their lift is."""

from __future__ import annotations

from typing import NamedTuple

from session_buddy.catalog.dependencies.significance import lift_bounds
from session_buddy.storage import Store

__all__ = ["SURE", "PairDetails", "bounds_of", "count_sessions", "read_details"]

SURE = 0.05
"""The q value up to which a lift, or an order, is told as one and not as possible chance."""
_DETAILS = """
SELECT skill_a, skill_b, p_value, q_value, a_first_count, b_first_count, a_to_b_seconds, b_to_a_seconds, order_q_value
FROM skill_dependency_details FINAL
"""
_SESSIONS = "SELECT coalesce(max(value), 0) FROM store_counts WHERE name = 'sessions'"


class PairDetails(NamedTuple):
    """What a refresh found out of two skills, ``a`` the first of them by name."""

    p_value: float
    q_value: float
    a_first: int
    b_first: int
    a_to_b_seconds: float | None
    b_to_a_seconds: float | None
    order_q_value: float

    @property
    def a_is_first(self) -> bool | None:
        """Whether a usually comes first; ``None`` for no clear order."""
        return self.a_first > self.b_first if self.order_q_value <= SURE else None

    @property
    def gap(self) -> float | None:
        """The median seconds from the one to the other in that order; ``None`` for no clear order."""
        ahead = self.a_is_first
        return None if ahead is None else self.a_to_b_seconds if ahead else self.b_to_a_seconds


def count_sessions(store: Store) -> int:
    """Return how many sessions *store* has."""
    ((sessions,),) = store.query(_SESSIONS).rows
    return int(sessions)


def bounds_of(counts: list[tuple[int, int, int]], sessions: int) -> tuple[list[float], list[float]]:
    """Return between what the lift of pairs lies, given their sessions with both, with the one, and with the other."""
    both, first, second = zip(*counts, strict=True) if counts else ((), (), ())
    low, high = lift_bounds(both, first, second, max(sessions, 1))
    return low.tolist(), high.tolist()


def read_details(store: Store, skill: str | None = None) -> dict[tuple[str, str], PairDetails]:
    """Return what is known of every pair that was looked at, or of those with *skill* alone."""
    where, given = ("WHERE skill_a = ? OR skill_b = ?", [skill, skill]) if skill is not None else ("", [])
    return {(a, b): PairDetails(*rest) for a, b, *rest in store.query(f"{_DETAILS} {where}", given).rows}
