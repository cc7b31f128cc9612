"""First and last times where an invocation turned out to be of another skill than it had seemed.

Counts are sums and let themselves be subtracted from; a maximum does not. So the rows of the skill that an
invocation left, and of that skill in its session, are counted again: of the skill only where the one that
left was its first or last, and then only from the hours at its ends. Many at once: each statement takes its time,
however few rows it concerns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from session_buddy.storage.clickhouse.literals import literal

__all__ = ["recount_spans"]

_AT_ONCE = 1_000
_SIGNS_AT_ONCE = 100_000
"""So long may what stands in one statement be: nodes of a cluster read no longer ones than 256 KiB."""
_NO_DEDUPLICATION = {"insert_deduplicate": 0}
"""A row that is put in again after it was deleted is no repetition."""
_SESSION_SKILLS = """
INSERT INTO roll_session_skill_span
SELECT i.session_id, i.skill_name, min(i.invoked_at), max(i.invoked_at),
    argMinState(toString(i.user_id), i.first_version),
       argMaxStateIf(assumeNotNull(i.rating), (i.invoked_at, i.first_version, i.version), i.rating IS NOT NULL),
       argMaxStateIf(assumeNotNull(i.alternatives_considered), (i.invoked_at, i.first_version, i.version),
           i.alternatives_considered IS NOT NULL)
FROM invocation_log AS i FINAL
WHERE (i.session_id, i.skill_name) IN ({pairs}) AND i.session_id IN ({sessions})
    AND toDate(i.invoked_at) IN (
        SELECT arrayJoin(arrayMap(day -> toDate(day), range(toUInt32(toDate(min(r.first_invoked_at))),
            toUInt32(toDate(max(r.last_invoked_at))) + 1)))
        FROM roll_session AS r WHERE r.session_id IN ({sessions}) GROUP BY r.session_id)
GROUP BY i.session_id, i.skill_name
"""
"""The days are those of the sessions, by which the log is in order."""
_SPANS = """
SELECT toString(r.skill_name), toUnixTimestamp64Milli(min(r.first_invoked_at)),
       toUnixTimestamp64Milli(max(r.last_invoked_at)), argMinMerge(r.kind), argMinMerge(r.plugin),
       toUnixTimestamp64Milli(max(r.written_at))
FROM roll_skill_span AS r WHERE r.skill_name IN ({skills}) GROUP BY r.skill_name
"""
_END_HOURS = """
SELECT toString(h.skill_name), toUnixTimestamp(min(h.hour)), toUnixTimestamp(max(h.hour)) FROM (
    SELECT r.skill_name AS skill_name, r.hour AS hour FROM roll_hour AS r WHERE r.skill_name IN ({skills})
    GROUP BY r.skill_name, r.hour HAVING sum(r.invocation_count) > 0
) AS h GROUP BY h.skill_name
"""
_SKILLS = """
INSERT INTO roll_skill_span
SELECT i.skill_name, min(i.invoked_at), max(i.invoked_at),
       max(fromUnixTimestamp64Milli(transform(toString(i.skill_name), [{names}], [{written}], toInt64(0)), 'UTC')),
       argMinState(ifNull(nullIf(transform(toString(i.skill_name), [{names}], [{kinds}], ''), ''), toString(i.kind)),
           i.first_version),
       argMinStateIf(ifNull(nullIf(transform(toString(i.skill_name), [{names}], [{plugins}], ''), ''),
           ifNull(toString(i.plugin), '')), i.first_version,
           transform(toString(i.skill_name), [{names}], [{plugins}], '') <> '' OR i.plugin IS NOT NULL)
FROM invocation_log AS i FINAL
WHERE i.skill_name IN ({names}) AND toStartOfHour(i.invoked_at) IN ({hours})
    AND (toString(i.skill_name), toUnixTimestamp(toStartOfHour(i.invoked_at))) IN ({ends})
GROUP BY i.skill_name
"""

_Key = TypeVar("_Key")


class _Span(NamedTuple):
    """What stands of a skill before it is counted again; times are milliseconds since 1970."""

    first: int
    last: int
    kind: str
    plugin: str
    written: int


def recount_spans(client: Any, left: Iterable[tuple[str, str, int]]) -> None:
    """Count the first and last times again that invocations *left*: session, skill and time (ms) of each.

    Repeatable. A telling that another process adds to the same skill between deletion and recount is kept:
    it is in the log by then, or adds its own row.
    """
    # In the order of time, so that those that are recounted together are near each other in the log.
    in_order = sorted(left, key=lambda one: one[2])
    pairs = list(dict.fromkeys((session, skill) for session, skill, _ in in_order))
    for some in _portions(pairs, [f"({literal(session)}, {literal(skill)})" for session, skill in pairs]):
        wanted = ", ".join(some.values())
        sessions = ", ".join(dict.fromkeys(literal(session) for session, _ in some))
        client.command(f"DELETE FROM roll_session_skill_span WHERE (session_id, skill_name) IN ({wanted})")
        client.command(_SESSION_SKILLS.format(pairs=wanted, sessions=sessions), settings=_NO_DEDUPLICATION)
    moments: dict[str, set[int]] = {}
    for _, skill, moment in in_order:
        moments.setdefault(skill, set()).add(moment)
    for named in _portions(list(moments), [literal(skill) for skill in moments]):
        _recount_skills(client, {skill: moments[skill] for skill in named})


def _recount_skills(client: Any, moments: dict[str, set[int]]) -> None:
    """Count those of the skills again of which one of *moments* was the first or the last."""
    names = ", ".join(map(literal, moments))
    spans = {skill: _Span(*rest) for skill, *rest in client.query(_SPANS.format(skills=names)).result_rows}
    # A skill without a row is one whose recount was stopped after the deletion.
    stale = [
        skill
        for skill, left in moments.items()
        if skill not in spans or spans[skill].first in left or spans[skill].last in left
    ]
    if not stale:
        return
    names = ", ".join(map(literal, stale))
    hours = {skill: (first, last) for skill, first, last in client.query(_END_HOURS.format(skills=names)).result_rows}
    client.command(f"DELETE FROM roll_skill_span WHERE skill_name IN ({names})")
    if there := [skill for skill in stale if skill in hours]:
        kept = [spans.get(skill, _Span(0, 0, "", "", 0)) for skill in there]
        client.command(
            _SKILLS.format(
                names=", ".join(map(literal, there)),
                kinds=", ".join(literal(span.kind) for span in kept),
                plugins=", ".join(literal(span.plugin) for span in kept),
                written=", ".join(f"toInt64({span.written})" for span in kept),
                hours=", ".join(
                    f"toDateTime({hour}, 'UTC')" for hour in {at for skill in there for at in hours[skill]}
                ),
                ends=", ".join(f"({literal(skill)}, {hour})" for skill in there for hour in sorted(set(hours[skill]))),
            ),
            settings=_NO_DEDUPLICATION,
        )


def _portions(keys: Sequence[_Key], texts: Sequence[str]) -> Iterator[dict[_Key, str]]:
    """Yield *keys* with their *texts*, as many at once as go into one statement."""
    some: dict[_Key, str] = {}
    signs = 0
    for key, text in zip(keys, texts, strict=True):
        if some and (len(some) == _AT_ONCE or signs + len(text) > _SIGNS_AT_ONCE):
            yield some
            some, signs = {}, 0
        some[key] = text
        signs += len(text)
    if some:
        yield some
