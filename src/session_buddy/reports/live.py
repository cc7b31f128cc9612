"""What the live feed tells of a store: rows of skills as they stand, and the snapshot that a subscriber starts from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from session_buddy.feed.messages import AnomalyRow, InvocationRow, Position, SkillRow, Snapshot
from session_buddy.feed.topics import ALL, Topics
from session_buddy.model import Kind
from session_buddy.storage import Store

__all__ = ["LATEST", "read_skill_rows", "read_snapshot"]

LATEST = 50
"""How many invocations a snapshot has at most."""
_NAMES_AT_ONCE = 500

_ROWS = """
SELECT d.*, c.category_name AS category
FROM v_realtime_skill_dashboard d LEFT JOIN v_multimodal_skill_catalog c ON c.skill_name = d.skill_name
"""
_OF_CATEGORIES = "SELECT skill_name FROM v_multimodal_skill_catalog WHERE category_name IN ({})"
_OPEN = "SELECT * FROM skill_anomalies FINAL WHERE resolved_at IS NULL ORDER BY detected_at DESC, id DESC"
# By skill, since the event log has an index that begins with it and none by time alone.
_LATEST_OF = f"""
SELECT event_id, session_id, skill_name, kind, invoked_at, outcome, error_type, duration_ms, user_id, project, source
FROM skill_invocation WHERE skill_name = ? ORDER BY invoked_at DESC, event_id LIMIT {LATEST}
"""


def read_skill_rows(store: Store, names: Collection[str] | None = None) -> list[SkillRow]:
    """Return the rows of the skills *names*, those that were ever used; of all without it. Latest use first."""
    if names is None:
        return _sorted_rows(store.query(_ROWS))
    wanted = sorted(names)
    found: list[SkillRow] = []
    for start in range(0, len(wanted), _NAMES_AT_ONCE):
        some = wanted[start : start + _NAMES_AT_ONCE]
        found += _sorted_rows(store.query(f"{_ROWS} WHERE d.skill_name IN ({_places(some)})", some))
    return sorted(found, key=_latest_first, reverse=True)


def read_snapshot(store: Store, topics: Topics, at: Position) -> Snapshot:
    """Return what there is to know of *topics*. *at* is where the feed was before this was called.

    An agent's built-in tools are among the latest invocations only where a topic names them: they would fill the list.
    """
    everything = ALL in topics
    rows = read_skill_rows(store, None if everything else _names(store, topics))
    shown = {row.skill_name for row in rows}
    named = {topic.removeprefix("skill:") for topic in topics}
    return Snapshot(
        epoch=at.epoch,
        offset=at.offset,
        skills=rows,
        invocations=_latest(store, [row for row in rows if row.kind != Kind.TOOL or row.skill_name in named]),
        anomalies=[
            anomaly
            for anomaly in msgspec.convert(list(store.query(_OPEN)), list[AnomalyRow])
            if everything or anomaly.skill_name in shown
        ],
    )


def _names(store: Store, topics: Topics) -> set[str]:
    """Return the skills that *topics* take in."""
    categories = sorted(topic.removeprefix("category:") for topic in topics if topic.startswith("category:"))
    names = {topic.removeprefix("skill:") for topic in topics if topic.startswith("skill:")}
    if categories:
        names |= {name for (name,) in store.query(_OF_CATEGORIES.format(_places(categories)), categories).rows}
    return names


def _latest(store: Store, rows: Sequence[SkillRow]) -> list[InvocationRow]:
    """Return the latest invocations of the skills *rows*, which come latest use first."""
    found: list[InvocationRow] = []
    for row in rows:
        # No skill from here on was used later than the last of those found.
        if len(found) == LATEST and row.last_invocation_at < found[-1].invoked_at:
            break
        told = ({**one, "category": row.category} for one in store.query(_LATEST_OF, [row.skill_name]))
        found += msgspec.convert(list(told), list[InvocationRow])
        found = sorted(found, key=lambda one: one.invoked_at, reverse=True)[:LATEST]
    return found


def _sorted_rows(rows: Iterable[dict[str, object]]) -> list[SkillRow]:
    found = msgspec.convert([{**row, "is_anomalous": bool(row["is_anomalous"])} for row in rows], list[SkillRow])
    return sorted(found, key=_latest_first, reverse=True)


def _latest_first(row: SkillRow) -> tuple[str, str]:
    return row.last_invocation_at, row.skill_name


def _places(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))
