"""What becomes of an experiment, and when: which step leads where, and what may still change. Pure.

::

    draft ──start──> running ──stop──> stopped ──conclude──> concluded
      │               │   ^               │                     │
      │            pause resume           │                     │
      │               v   │               │                     │
      │              paused ──stop──>     │                     │
      └───────────────archive─────────────┴──────────> archived <┘

What passes its ``end_date`` is stopped without anybody's step. Whatever would let people shape the answer while they
look at it is fixed from the start on: hypothesis, strategies, metrics, margins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput, NamespaceTaken, NotFound, UnknownStrategy, WrongState
from session_buddy.experiments.design import Experiment, Status
from session_buddy.experiments.metrics import metric_named
from session_buddy.experiments.settings import SETTING_NAMES, setting, with_settings
from session_buddy.model import parse_time

__all__ = [
    "CHANGEABLE",
    "Action",
    "changed",
    "moved",
    "overlapping",
    "require_free",
    "require_metrics",
    "require_strategies",
]


class Action(StrEnum):
    """What people do to an experiment; each is an event of its history."""

    CREATE = "create"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CONCLUDE = "conclude"
    ARCHIVE = "archive"
    CHANGE = "change"


CHANGEABLE = frozenset({"description", "end_date", "assignment_ratio", "enrolment", "overrides"})
"""The settings that may change after the start."""

_STEPS: dict[Action, tuple[frozenset[Status], Status]] = {
    Action.START: (frozenset({Status.DRAFT}), Status.RUNNING),
    Action.PAUSE: (frozenset({Status.RUNNING}), Status.PAUSED),
    Action.RESUME: (frozenset({Status.PAUSED}), Status.RUNNING),
    Action.STOP: (frozenset({Status.RUNNING, Status.PAUSED}), Status.STOPPED),
    Action.CONCLUDE: (frozenset({Status.STOPPED}), Status.CONCLUDED),
    Action.ARCHIVE: (frozenset({Status.DRAFT, Status.STOPPED, Status.CONCLUDED}), Status.ARCHIVED),
}
_LIVE = (Status.RUNNING, Status.PAUSED)
_AT_LEAST = timedelta(milliseconds=1)


def moved(experiment: Experiment, action: Action, *, now: str) -> Experiment:
    """Return *experiment* after *action* at the moment *now*.

    Raises :class:`WrongState` where it does not lead on from where the experiment is, and
    :class:`InvalidInput` for a start after ``end_date``.
    """
    froms, to = _STEPS[action]
    status = experiment.status_at(now)
    if status not in froms:
        raise WrongState(
            f"{experiment.test_name!r} is {_standing(experiment, status)}: there is nothing to {action.value}.",
            remedy=_what_next(status),
            status=status.value,
        )
    if action is Action.START:
        return msgspec.structs.replace(experiment, status=to, start_date=now)
    if action is Action.STOP:
        # A row that began within this millisecond ends after it, as the schema has it.
        ended = max(now, _shifted(experiment.start_date, _AT_LEAST))
        return msgspec.structs.replace(experiment, status=to, end_date=ended)
    return msgspec.structs.replace(experiment, status=to)


def changed(
    experiment: Experiment, settings: Mapping[str, Any], *, now: str
) -> tuple[Experiment, dict[str, tuple[Any, Any]]]:
    """Return *experiment* with *settings*, and for each that differs what it was and what it is.

    Raises :class:`WrongState` after the end, and for what is fixed since the start; :class:`InvalidInput`, which names
    the setting, for what makes no sense.
    """
    status = experiment.status_at(now)
    if status is not Status.DRAFT and status not in _LIVE:
        raise WrongState(
            f"{experiment.test_name!r} is {_standing(experiment, status)}: nothing of it changes any more.",
            remedy=_what_next(status),
            status=status.value,
        )
    wanted = with_settings(experiment, settings)
    pairs = {name: (setting(experiment, name), setting(wanted, name)) for name in SETTING_NAMES}
    differing = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if status in _LIVE:
        _refuse_fixed(experiment, differing)
    if "end_date" in differing and wanted.end_date is not None and wanted.end_date <= now:
        raise InvalidInput("end_date", f"{wanted.end_date} has passed.", remedy="To end it now, stop it.")
    if "assignment_ratio" in differing and status in _LIVE:
        wanted = msgspec.structs.replace(wanted, ratio_since=now)
    if differing.keys() & {"metrics", "guardrails"}:
        require_metrics(wanted)
    return wanted, differing


def require_metrics(experiment: Experiment) -> None:
    """Raise :class:`InvalidInput` where *experiment* names a metric that there is not, or one of them twice."""
    guarded = [guardrail.metric for guardrail in experiment.design.guardrails]
    for field, names in (("metrics", experiment.metrics), ("guardrails", guarded)):
        seen: set[str] = set()
        for name in names:
            try:
                known = metric_named(name).name
            except NotFound as error:
                raise InvalidInput(field, error.problem, remedy=error.remedy) from error
            if known in seen:
                raise InvalidInput(field, f"{known} stands there twice.", remedy="Name each metric once.")
            seen.add(known)


def require_strategies(experiment: Experiment, known: Collection[str] | None) -> None:
    """Raise :class:`UnknownStrategy` where *experiment* names one that is not among those *known*; ``None``: any."""
    for name in (experiment.control_strategy, experiment.treatment_strategy):
        if known is not None and name not in known:
            raise UnknownStrategy(
                f"{experiment.test_name!r} names a strategy {name!r} that nobody registered.",
                remedy=f"Register it, or name one of: {', '.join(sorted(known)) or 'none is registered'}.",
                suggestions=get_close_matches(name, known),
            )


def overlapping(experiment: Experiment, others: Iterable[Experiment], *, now: str) -> Experiment | None:
    """Return the one of *others* that is running or paused and has users of the namespace that *experiment* wants."""
    design = experiment.design
    return next(
        (
            other
            for other in others
            if design.namespace is not None
            and other.test_id != experiment.test_id
            and other.status_at(now) in _LIVE
            and other.design.namespace == design.namespace
            and other.design.namespace_start < design.namespace_end
            and design.namespace_start < other.design.namespace_end
        ),
        None,
    )


def require_free(experiment: Experiment, others: Iterable[Experiment], *, now: str) -> None:
    """Raise :class:`NamespaceTaken` where one of *others* has users of the namespace that *experiment* wants."""
    other = overlapping(experiment, others, now=now)
    if other is not None:
        raise NamespaceTaken(
            f"Of the namespace {other.design.namespace!r}, {other.design.namespace_start:g} to"
            f" {other.design.namespace_end:g} belongs to {other.test_name!r}, which is {other.status.value}.",
            remedy=f"Take another part of it (namespace_start, namespace_end), or stop {other.test_name!r}.",
            other=other.test_name,
        )


def _refuse_fixed(experiment: Experiment, differing: Mapping[str, tuple[Any, Any]]) -> None:
    fixed = sorted(differing.keys() - CHANGEABLE)
    if fixed:
        raise WrongState(
            f"{', '.join(fixed)} of {experiment.test_name!r} cannot change since its start: whoever has seen figures"
            " could choose what they say.",
            remedy="Stop it, and create another one under a new name.",
            status=experiment.status.value,
        )
    before, after = differing.get("enrolment", (0.0, 0.0))
    if after < before:
        raise InvalidInput(
            "enrolment",
            f"{after:g} is less than {before:g}: users who take part would be sent away.",
            remedy="Raise it, or pause the experiment, which adds nobody.",
        )


def _standing(experiment: Experiment, status: Status) -> str:
    since = f" since {experiment.end_date}" if status is Status.STOPPED and experiment.end_date else ""
    return ("a " if status is Status.DRAFT else "") + status.value + since


def _what_next(status: Status) -> str:
    steps = [action.value for action, (froms, _) in _STEPS.items() if status in froms]
    return f"You can {' or '.join(steps)} it." if steps else "Create another one under a new name."


def _shifted(moment: str, span: timedelta) -> str:
    return parse_time((datetime.fromisoformat(moment) + span).isoformat())
