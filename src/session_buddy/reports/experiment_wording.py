"""Figures of experiments in words, the same on pages, screens and in reports. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from session_buddy.experiments.analysis import margins_of
from session_buddy.experiments.comparing import Comparison, Role
from session_buddy.experiments.lifecycle import Action
from session_buddy.experiments.rows import ExperimentEvent
from session_buddy.formats import NOTHING, percent, plural, printable

__all__ = [
    "Leaning",
    "chance",
    "concluded_as",
    "days_ahead",
    "event_words",
    "leaning",
    "margins_of",
    "metric_words",
    "quoted",
    "share",
    "told_p",
]

_LEAST_SHOWN_P = 0.0001
_MOST_DAYS = 3_650
_NEVER = 1e-9
_LONGEST = 300


class Leaning(StrEnum):
    """What an interval says of treatment."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "open"
    """It may be either, or is not known."""


def leaning(comparison: Comparison, margins: Mapping[str, float] | None = None) -> Leaning:
    """Return whether the interval of *comparison* has treatment better or worse.

    *margins*: by metric the harm that is borne, as a share.
    """
    borne = (margins or {}).get(comparison.metric, 0.0)
    # As verdicts have it: a margin is a share of control's value; whether anything differs, the difference tells.
    found = comparison.lift if borne else comparison.difference
    if found is None:
        return Leaning.OPEN
    low, high = (found.low, found.high) if comparison.is_higher_better else (-found.high, -found.low)
    return Leaning.BETTER if low > 0 else Leaning.WORSE if high < -borne else Leaning.OPEN


def metric_words(comparison: Comparison) -> str:
    """Return how the metric of *comparison* is called, what it is for, and which way is good where that is not plain.

    >>> from session_buddy.experiments.comparing import Arm
    >>> from session_buddy.experiments.metrics import Unit
    >>> duration = {"metric": "duration_seconds", "title": "duration", "unit": Unit.SECONDS, "role": Role.GUARDRAIL}
    >>> metric_words(Comparison(**duration, is_higher_better=False, control=Arm(), treatment=Arm()))
    'duration (less is better), guardrail'
    """
    way = "" if comparison.is_higher_better else " (less is better)"
    role = "" if comparison.role is Role.SECONDARY else f", {comparison.role}"
    return f"{comparison.title}{way}{role}"


def told_p(p_value: float | None) -> str:
    """Return a p-value as people read it.

    >>> told_p(0.0321), told_p(1e-9), told_p(1.0)
    ('0.032', '<0.0001', '1')
    """
    if p_value is None:
        return NOTHING
    return f"<{_LEAST_SHOWN_P}" if p_value < _LEAST_SHOWN_P else f"{p_value:.2g}"


def share(value: float | None) -> str:
    """Return a fraction in percent as exactly as it was given, or to three digits.

    >>> share(0.5), share(0.025), share(0.0734567)
    ('50 %', '2.5 %', '7.35 %')
    """
    return NOTHING if value is None else f"{100 * value:.3g} %"


def chance(value: float | None) -> str:
    """Return a probability in percent, which is never certain.

    >>> chance(0.83), chance(1.0), chance(0.0)
    ('83 %', '>99 %', '<1 %')
    """
    return percent(value if value is None else min(max(value, _NEVER), 1 - _NEVER))


def days_ahead(days: float) -> str:
    """Return how many days something is away; beyond ten years that is all that is said.

    >>> days_ahead(0.4), days_ahead(12.2), days_ahead(1e6)
    ('1 day', '13 days', 'over 10 years')
    """
    if days > _MOST_DAYS:
        return "over 10 years"
    return plural(int(-(-days // 1)), "day")


def quoted(text: str) -> str:
    """Return *text* as one word of a command line."""
    return shlex.quote(printable(text))


def concluded_as(history: Sequence[ExperimentEvent]) -> str | None:
    """Return what was decided, where it was."""
    told = [event for event in history if event.action == Action.CONCLUDE and event.details]
    return str(told[-1].details.get("decision", "")) or None if told and told[-1].details else None


def event_words(event: ExperimentEvent) -> str:
    """Return what more there is to say of *event*."""
    details = event.details or {}
    if event.action == Action.CREATE:
        return ""
    if event.action == Action.CONCLUDE:
        return _short(details.get("decision", ""))
    if event.action == Action.START and set(details) == {"users_before"}:
        return f"{plural(int(details['users_before']), 'user')} known from before"
    return _short(", ".join(f"{name} {_changed(value)}" for name, value in details.items()))


def _changed(value: Any) -> str:
    if isinstance(value, list) and len(value) == 2:
        return f"{_plain(value[0])} → {_plain(value[1])}"
    return _plain(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _short(text: object) -> str:
    told = printable(str(text))
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"
