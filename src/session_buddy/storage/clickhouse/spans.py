"""First and last times where an invocation turned out to be of another skill than it had seemed.

Counts are sums and let themselves be subtracted from; a maximum does not. So the rows of the skill that an
invocation left, and of that skill in its session, are counted again: of the skill only where the one that
left was its first or last, and then only from the hours at its ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from session_buddy.storage.clickhouse.literals import literal

__all__ = ["recount_spans"]

_NO_DEDUPLICATION = {"insert_deduplicate": 0}
"""A row that is put in again after it was deleted is no repetition."""
_SESSION_SKILL = """
INSERT INTO roll_session_skill_span
SELECT i.session_id, i.skill_name, min(i.invoked_at), max(i.invoked_at),
    argMinState(toString(i.user_id), i.first_version),
       argMaxStateIf(assumeNotNull(i.rating), (i.invoked_at, i.first_version, i.version), i.rating IS NOT NULL),
       argMaxStateIf(assumeNotNull(i.alternatives_considered), (i.invoked_at, i.first_version, i.version),
           i.alternatives_considered IS NOT NULL)
FROM invocation_log AS i FINAL
WHERE i.session_id = {session} AND i.skill_name = {skill}
    AND i.invoked_at >= (SELECT min(r.first_invoked_at) FROM roll_session AS r WHERE r.session_id = {session})
    AND i.invoked_at <= (SELECT max(r.last_invoked_at) FROM roll_session AS r WHERE r.session_id = {session})
GROUP BY i.session_id, i.skill_name
"""
_IS_AT_AN_END = """
SELECT toUnixTimestamp64Milli(min(r.first_invoked_at)), toUnixTimestamp64Milli(max(r.last_invoked_at)),
       argMinMerge(r.kind), argMinMerge(r.plugin), toUnixTimestamp64Milli(max(r.written_at))
FROM roll_skill_span AS r WHERE r.skill_name = {skill} HAVING count() > 0
"""
_END_HOURS = """
SELECT toUnixTimestamp(min(h.hour)), toUnixTimestamp(max(h.hour)) FROM (
    SELECT r.hour AS hour FROM roll_hour AS r WHERE r.skill_name = {skill}
    GROUP BY r.hour HAVING sum(r.invocation_count) > 0
) AS h HAVING count() > 0
"""
_SKILL = """
INSERT INTO roll_skill_span
SELECT i.skill_name, min(i.invoked_at), max(i.invoked_at), max(fromUnixTimestamp64Milli(toInt64({written}), 'UTC')),
       argMinState(if({kind} = '', toString(i.kind), {kind}), i.first_version),
       argMinStateIf(if({plugin} = '', ifNull(toString(i.plugin), ''), {plugin}), i.first_version,
           {plugin} <> '' OR i.plugin IS NOT NULL)
FROM invocation_log AS i FINAL
WHERE i.skill_name = {skill} AND (
    i.invoked_at >= fromUnixTimestamp64Milli(toInt64({first}), 'UTC')
        AND i.invoked_at < fromUnixTimestamp64Milli(toInt64({first}) + 3600000, 'UTC')
    OR i.invoked_at >= fromUnixTimestamp64Milli(toInt64({last}), 'UTC')
        AND i.invoked_at < fromUnixTimestamp64Milli(toInt64({last}) + 3600000, 'UTC'))
GROUP BY i.skill_name
"""


def recount_spans(client: Any, left: Iterable[tuple[str, str, int]]) -> None:
    """Count the first and last times again that invocations *left*: session, skill and time (ms) of each.

    Repeatable. A telling that another process adds to the same skill between deletion and recount is kept:
    it is in the log by then, or adds its own row.
    """
    ends: dict[str, list[int]] = {}
    for session, skill in dict.fromkeys((session, skill) for session, skill, _ in left):
        names = {"session": literal(session), "skill": literal(skill)}
        client.command(
            "DELETE FROM roll_session_skill_span WHERE session_id = {session} AND skill_name = {skill}".format(**names)
        )
        client.command(_SESSION_SKILL.format(**names), settings=_NO_DEDUPLICATION)
    for _, skill, moment in left:
        ends.setdefault(skill, []).append(moment)
    for skill, moments in ends.items():
        _recount_skill(client, skill, moments)


def _recount_skill(client: Any, skill: str, moments: list[int]) -> None:
    name = literal(skill)
    spans = client.query(_IS_AT_AN_END.format(skill=name)).result_rows
    first, last, kind, plugin, written = spans[0] if spans else (None, None, "", "", 0)
    if spans and first not in moments and last not in moments:
        return
    hours = client.query(_END_HOURS.format(skill=name)).result_rows
    client.command(f"DELETE FROM roll_skill_span WHERE skill_name = {name}")
    if hours:
        begin, end = hours[0]
        client.command(
            _SKILL.format(
                skill=name,
                kind=literal(kind),
                plugin=literal(plugin),
                written=written,
                first=begin * 1000,
                last=end * 1000,
            ),
            settings=_NO_DEDUPLICATION,
        )
