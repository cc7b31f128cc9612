"""Rows of the tables of experiments, and the values they stand for. Pure.

Rows may have been written by other programs, in SQL: times without a zone are UTC, what is left out is the default.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from session_buddy.errors import ExperimentUnreadable, InvalidInput
from session_buddy.experiments.design import DEFAULT_METRICS, Design, Experiment, Status
from session_buddy.model import parse_time
from session_buddy.storage.tables import PLAIN_TABLES

__all__ = [
    "ASSIGNMENTS",
    "CONFIGS",
    "COVARIATES",
    "EVENTS",
    "EXPOSURES",
    "OUTCOMES",
    "ExperimentEvent",
    "config_row",
    "event_of",
    "event_row",
    "experiment_of",
    "number_of",
]

_TABLES = {table.name: table for table in PLAIN_TABLES}
CONFIGS, ASSIGNMENTS, OUTCOMES = (_TABLES[f"ab_test_{name}"] for name in ("configs", "assignments", "outcomes"))
EXPOSURES, EVENTS, COVARIATES = (_TABLES[f"ab_test_{name}"] for name in ("exposures", "events", "covariates"))

_TIMES = ("start_date", "end_date", "ratio_since")


class ExperimentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done to an experiment."""

    event_id: int
    """Grows with time."""
    test_id: int
    happened_at: str
    actor: str
    """Who did it, in their own words."""
    action: str
    details: dict[str, Any] | None = None
    """Of a change, by setting, what it was and what it is; of a conclusion, the decision."""


def experiment_of(row: Sequence[Any]) -> Experiment:
    """Return the experiment that *row*, in the order of the columns, stands for.

    Raises :class:`ExperimentUnreadable`, which names the column, for what makes no sense.
    """
    given = dict(zip(CONFIGS.columns, row, strict=True))
    column = "design"
    try:
        fields = {name: value for name, value in given.items() if value is not None}
        fields["design"] = msgspec.json.decode(given["design"] or "{}", type=Design)
        column = "metrics"
        fields["metrics"] = msgspec.json.decode(given["metrics"] or "[]", type=tuple[str, ...]) or DEFAULT_METRICS
        for column in _TIMES:
            if column in fields:
                fields[column] = _moment(fields[column])
        column = "status"
        fields["status"] = Status(fields.get("status", Status.RUNNING))
        return Experiment(**fields)
    except InvalidInput as error:
        raise _unreadable(given, error.field, error.problem) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise _unreadable(given, column, f"{column}: {error}.") from error


def config_row(experiment: Experiment) -> tuple[Any, ...]:
    """Return the row of *experiment*, in the order of the columns."""
    fields = msgspec.structs.asdict(experiment) | {
        "status": experiment.status.value,
        "metrics": _json(experiment.metrics),
        "design": _json(experiment.design),
    }
    return tuple(fields[column] for column in CONFIGS.columns)


def event_of(row: Sequence[Any]) -> ExperimentEvent:
    """Return the event that *row*, in the order of the columns, stands for."""
    fields = dict(zip(EVENTS.columns, row, strict=True))
    details = msgspec.json.decode(fields["details"]) if fields["details"] else None
    fields["details"] = details if details is None or isinstance(details, dict) else {"details": details}
    return ExperimentEvent(**fields)


def event_row(event: ExperimentEvent) -> tuple[Any, ...]:
    """Return the row of *event*, in the order of the columns."""
    fields = msgspec.structs.asdict(event) | {"details": _json(event.details) if event.details else None}
    return tuple(fields[column] for column in EVENTS.columns)


def number_of(*parts: object, bits: int = 63) -> int:
    """Return a number for *parts*: the same for the same ones, wherever and whenever it is asked for."""
    told = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest()) >> (64 - bits)


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return parse_time((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat())


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _unreadable(given: dict[str, Any], column: str, problem: str) -> ExperimentUnreadable:
    return ExperimentUnreadable(
        column,
        f"The row of {given['test_name']!r} makes no sense: {problem}",
        remedy="Correct it in ab_test_configs; where a newer program wrote it, upgrade this one.",
    )
