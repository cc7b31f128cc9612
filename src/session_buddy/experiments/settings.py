"""What people say of an experiment when they create or change it: plain values by name, checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypedDict

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.experiments.design import Design, Experiment
from session_buddy.model import parse_time

__all__ = ["SETTING_NAMES", "Settings", "setting", "with_settings"]


class Settings(TypedDict, total=False):
    """All that can be said of an experiment but its name: columns of its row, and fields of its design."""

    description: str | None
    control_strategy: str
    treatment_strategy: str
    end_date: str | None
    min_sample_size: int
    metrics: list[str] | tuple[str, ...]
    assignment_ratio: float
    hypothesis: str
    guardrails: list[dict[str, Any]]
    margin: float | None
    alpha: float
    method: str
    adjusted: bool
    unit: str
    enrolment: float
    namespace: str | None
    namespace_start: float
    namespace_end: float
    overrides: dict[str, str]
    covariate_days: int


_OF_DESIGN = Design.__struct_fields__
_OF_ROW = tuple(name for name in Settings.__annotations__ if name not in _OF_DESIGN)
SETTING_NAMES = (*_OF_ROW, *_OF_DESIGN)
"""All of them."""


def setting(experiment: Experiment, name: str) -> Any:
    """Return the value of the setting *name*."""
    return getattr(experiment.design if name in _OF_DESIGN else experiment, name)


def with_settings(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    """Return *experiment* with *settings*, which may be plain values as JSON has them.

    Raises :class:`InvalidInput`, which names the setting, for one that there is not, of the wrong type, or out of
    range.
    """
    for name in settings:
        if name not in SETTING_NAMES:
            near = get_close_matches(name, SETTING_NAMES, n=1)
            raise InvalidInput(
                name,
                "is no setting of an experiment.",
                remedy=f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(SETTING_NAMES)}.",
            )
    design = {**msgspec.structs.asdict(experiment.design), **{n: v for n, v in settings.items() if n in _OF_DESIGN}}
    row = {n: v for n, v in settings.items() if n in _OF_ROW}
    if isinstance(end := row.get("end_date"), str):
        row["end_date"] = parse_time(end, field="end_date")
    return _converted({**msgspec.structs.asdict(experiment), **row, "design": design})


def _converted(fields: dict[str, Any]) -> Experiment:
    try:
        return msgspec.convert(msgspec.to_builtins(fields), Experiment)
    except (msgspec.ValidationError, TypeError) as error:
        problem, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`").removeprefix("design.")
        raise InvalidInput(
            field or "settings", f"{problem}.", remedy="See the settings of an experiment for what it takes."
        ) from error
