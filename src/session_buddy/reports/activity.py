"""Uses of each skill day by day: what small charts beside names show."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from session_buddy.reports.ranking import first_day
from session_buddy.storage import Store

__all__ = ["DailyUses", "read_daily_uses"]

_DAILY = """
SELECT m.skill_name, b.day, b.invocation_count, b.failed_count
FROM skill_metrics m CROSS JOIN skill_day_buckets b
WHERE b.skill_name = m.skill_name AND m.last_invoked_at >= :since AND b.day >= :since AND b.day <= :until
"""


class DailyUses(msgspec.Struct, frozen=True, kw_only=True):
    """One skill's uses, one number for each day, days without any included."""

    invocations: list[int]
    failed: list[int]


def read_daily_uses(store: Store, *, until: str, days: int) -> dict[str, DailyUses]:
    """Return the uses of the *days* UTC days that end with *until*, by skill; skills without any are left out."""
    since = first_day(until, days)
    first = date.fromisoformat(since[:10])
    places = {str(first + timedelta(days=place)): place for place in range(days)}
    uses: dict[str, DailyUses] = {}
    for skill, day, invocations, failed in store.query(_DAILY, {"since": since, "until": until}).rows:
        daily = uses.setdefault(skill, DailyUses(invocations=[0] * days, failed=[0] * days))
        daily.invocations[places[day[:10]]] = invocations
        daily.failed[places[day[:10]]] = failed
    return uses
