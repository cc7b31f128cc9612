"""``ci gate``: whether skills work well enough to go on, and why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.formats import percent, plural, shown_name
from session_buddy.importers.ci import UNNAMED
from session_buddy.model import Kind, parse_time
from session_buddy.reports.anomalies import AnomalyFigures
from session_buddy.reports.profile import find_skill
from session_buddy.reports.ranking import without_tools
from session_buddy.storage import Store

__all__ = ["FEWEST_USES", "Gate", "GateRules", "GateSkill", "Reason", "gate_rules", "read_gate", "since_when"]

FEWEST_USES = 5
"""With fewer that completed or failed, the success of a skill is not judged unless that is asked for."""

_SPAN = re.compile(r"(\d{1,5})\s*([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_COUNTS = """
SELECT t.skill_name AS skill, m.kind, sum(t.invocation_count) AS invocations, sum(t.completed_count) AS completed,
       sum(t.failed_count) AS failed
FROM skill_time_series t JOIN skill_metrics m ON m.skill_name = t.skill_name
WHERE t.timestamp >= ? GROUP BY t.skill_name, m.kind ORDER BY t.skill_name
"""
# FINAL: where an engine keeps old states of a row, only the last is wanted; to others it is a name for the table.
_ANOMALIES = """
SELECT * FROM skill_anomalies FINAL WHERE resolved_at IS NULL AND detected_at >= ? ORDER BY detected_at DESC, id DESC
"""
_FOR_THE_BETTER = frozenset({("completion_rate", "spike"), ("duration", "drop")})
_NOT_TOLD = "info"


class GateRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    min_completion: float | None = None
    """The least success, 0-1, of every skill."""
    no_new_anomaly: bool = False
    min_uses: int = FEWEST_USES
    """Skills with fewer uses that completed or failed are not judged by their success."""


class GateSkill(msgspec.Struct, frozen=True, kw_only=True):
    """One skill at the gate."""

    skill: str
    kind: Kind
    invocations: int
    completed: int
    failed: int
    success_rate: float | None
    """Completed of completed and failed, 0-1; ``null`` where nothing has either end."""
    judged: bool
    """Whether there are enough uses to judge it by its success."""
    passed: bool


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why the gate is shut."""

    rule: str
    """``min-completion``, ``no-new-anomaly`` or ``skill``: one that was named and was not used."""
    skill: str
    text: str


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says."""

    passed: bool
    since: str
    """What is older does not count; uses are counted in whole hours."""
    rules: GateRules
    reasons: list[Reason]
    skills: list[GateSkill]
    anomalies: list[AnomalyFigures]
    """Those that are new, and not for the better."""


def gate_rules(
    *, min_completion: float | None = None, no_new_anomaly: bool = False, min_uses: int = FEWEST_USES
) -> GateRules:
    """Return what is asked for; raises :class:`InvalidInput` where that is nothing, or means nothing.

    >>> gate_rules(min_completion=0.9).min_uses
    5
    """
    if min_completion is None and not no_new_anomaly:
        raise InvalidInput(
            "min_completion",
            "nothing is asked for.",
            remedy="Say the least success (min-completion, 0-1), that no anomaly may be new (no-new-anomaly), or both.",
        )
    if min_completion is not None and not 0 <= min_completion <= 1:
        raise InvalidInput("min_completion", f"{min_completion:g} is no rate.", remedy="Give a fraction from 0 to 1.")
    if min_uses < 1:
        raise InvalidInput("min_uses", f"{min_uses} is too few.", remedy="Give a number from 1 on.")
    return GateRules(min_completion=min_completion, no_new_anomaly=no_new_anomaly, min_uses=min_uses)


def since_when(text: str, *, now: str) -> str:
    """Return the moment that *text* names: a span before *now* (``24h``, ``7d``, ``2w``), a day or a time.

    Raises :class:`InvalidInput` for anything else.

    >>> since_when("24h", now="2026-05-02T09:30:00.000Z")
    '2026-05-01T09:30:00.000Z'
    """
    span = _SPAN.fullmatch(text.strip())
    try:
        if span:
            back = datetime.fromisoformat(now) - timedelta(hours=int(span[1]) * _HOURS[span[2]])
            return parse_time(back.isoformat())
        return parse_time(f"{text}T00:00:00Z" if len(text) == 10 else text, field="since")
    except (InvalidInput, OverflowError) as error:
        raise InvalidInput(
            "since", f"{text[:40]!r} is no span and no time.", remedy="Write it as 24h, 7d, 2w or 2026-01-31."
        ) from error


def read_gate(store: Store, rules: GateRules, *, since: str, skills: Sequence[str] = ()) -> Gate:
    """Return whether *skills* pass *rules*, by what was recorded *since* then.

    By default that is all that people call skills, and the commands that somebody ran by ``ci run`` and no rule knows.

    *skills* are names as people give them, each of them once however often it is given. One that was not used does not
    pass: who asks for it means it to be there. Reads roll-ups and the anomalies that were found until now, and looks
    for none. Raises :class:`~session_buddy.errors.NotFound`, with suggestions, for a name of nothing or of several.
    """
    names = list(dict.fromkeys(find_skill(store, name) for name in skills))
    rows = msgspec.convert(list(store.query(_COUNTS, [f"{since[:13]}:00:00.000Z"])), list[_Counts])
    wanted = [row for row in rows if (row.skill in names if names else _is_peoples(row))]
    judged = [_judged(row, rules) for row in wanted]
    reasons = [
        Reason(rule="skill", skill=name, text=f"{shown_name(name)} was not used since {since}.")
        for name in names
        if name not in {row.skill for row in wanted}
    ]
    reasons += [_too_low(one, rules) for one in judged if not one.passed]
    anomalies: list[AnomalyFigures] = []
    if rules.no_new_anomaly:
        found = msgspec.convert(list(store.query(_ANOMALIES, [since])), list[AnomalyFigures])
        anomalies = [one for one in found if _counts(one) and (not names or one.skill_name in names)]
        reasons += [_out_of_the_ordinary(one) for one in anomalies]
    return Gate(passed=not reasons, since=since, rules=rules, reasons=reasons, skills=judged, anomalies=anomalies)


class _Counts(msgspec.Struct):
    skill: str
    kind: Kind
    invocations: int
    completed: int
    failed: int


def _is_peoples(row: _Counts) -> bool:
    return row.kind in without_tools() or row.skill == UNNAMED


def _judged(row: _Counts, rules: GateRules) -> GateSkill:
    ended = row.completed + row.failed
    rate = row.completed / ended if ended else None
    judged = ended >= max(1, rules.min_uses)
    passed = not judged or rules.min_completion is None or rate is None or rate >= rules.min_completion
    return GateSkill(
        skill=row.skill,
        kind=row.kind,
        invocations=row.invocations,
        completed=row.completed,
        failed=row.failed,
        success_rate=rate,
        judged=judged,
        passed=passed,
    )


def _too_low(one: GateSkill, rules: GateRules) -> Reason:
    ended = one.completed + one.failed
    text = (
        f"{shown_name(one.skill)} completed {one.completed} of {plural(ended, 'use')} ({percent(one.success_rate)}),"
        f" less than {percent(rules.min_completion)}."
    )
    return Reason(rule="min-completion", skill=one.skill, text=text)


def _counts(one: AnomalyFigures) -> bool:
    return one.severity != _NOT_TOLD and (one.metric, one.anomaly_type) not in _FOR_THE_BETTER


def _out_of_the_ordinary(one: AnomalyFigures) -> Reason:
    what = one.reason or f"{one.metric or 'something'}: {one.anomaly_type}"
    return Reason(
        rule="no-new-anomaly", skill=one.skill_name, text=f"{shown_name(one.skill_name)} is out of the ordinary: {what}"
    )
