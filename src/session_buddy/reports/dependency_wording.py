"""What is said of pairs and paths, in the same words everywhere. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from session_buddy.formats import count, duration, shown_name
from session_buddy.reports.dependency_figures import NetworkPair, RelatedSkill, Usually
from session_buddy.reports.dependency_pairs import SURE

__all__ = ["chance_words", "lift_words", "order_of_pair", "order_words", "path_words", "times_words", "took_words"]


def lift_words(lift: float) -> str:
    """Return a lift as a factor.

    >>> lift_words(1.849), lift_words(23.4), lift_words(1234.5)
    ('1.8 ×', '23 ×', '1,234 ×')
    """
    return f"{lift:.1f} ×" if lift < 9.95 else f"{count(round(lift))} ×"


def chance_words(q_value: float | None) -> str:
    """Return whether it may be chance.

    >>> chance_words(0.2), chance_words(0.0123), chance_words(1e-9), chance_words(None)
    ('may be chance', 'q 0.012', 'q < 0.001', 'not tested')
    """
    if q_value is None:
        return "not tested"
    if q_value > SURE:
        return "may be chance"
    return "q < 0.001" if q_value < 0.001 else f"q {q_value:.2g}"


def order_words(one: RelatedSkill) -> str:
    """Return when a related skill comes: before or after the one that was asked about."""
    if one.usually is None:
        return "in either order" if one.after and one.before else "no clear order"
    times = one.after if one.usually is Usually.AFTER else one.before
    return f"{one.usually.value} it in {times_words(times, one.after + one.before)}, {_gap(one.gap_seconds)}"


def order_of_pair(pair: NetworkPair) -> str:
    """Return which of a pair comes first."""
    if pair.usually_first is None:
        return "in either order" if pair.a_first and pair.b_first else "no clear order"
    times = pair.a_first if pair.usually_first == pair.skill_a else pair.b_first
    told = times_words(times, pair.a_first + pair.b_first)
    return f"{shown_name(pair.usually_first)} first in {told}, {_gap(pair.gap_seconds)}"


def times_words(times: int, of: int) -> str:
    """Return so many of how many sessions.

    >>> times_words(3, 3), times_words(9, 10)
    ('all of 3', '9 of 10')
    """
    return f"all of {count(of)}" if times == of else f"{count(times)} of {count(of)}"


def path_words(skills: Sequence[str]) -> str:
    """Return a path in one line.

    >>> path_words(["git-add", "git-commit"])
    'git-add → git-commit'
    """
    return " → ".join(shown_name(skill) for skill in skills)


def _gap(seconds: float | None) -> str:
    return f"median {duration(seconds)}"


def took_words(seconds: float | None) -> str:
    """Return how long a path takes; the commands of one call begin at once.

    >>> took_words(0.0), took_words(12.68)
    ('at once', '12.7 s')
    """
    return "at once" if seconds == 0 else duration(seconds)
