"""What a store holds to learn chances from, and what it knows of the moment that is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from session_buddy.model import Phase
from session_buddy.prediction.course import SessionCourse, course_of
from session_buddy.prediction.records import RECENT_USES, Records, SkillTally
from session_buddy.prediction.uses import KINDS, NEVER, NO_PHASE, UNTOLD, Use, phase_code, uses_of
from session_buddy.storage import Store

__all__ = ["Moment", "Seen", "Situation", "milliseconds_of", "read_moment", "read_seen", "read_uses"]

_ROWS_AT_ONCE = 50_000
_SKILLS_AT_ONCE = 100
"""SQLite joins no more than 500 queries."""
_COLUMNS = "session_id, user_id, skill_name, kind, workflow_phase, outcome, invoked_at, duration_ms"
_USES = f"SELECT {_COLUMNS} FROM skill_invocation ORDER BY invoked_at, event_id"
# Of one session; who it is, is known.
_OF_SESSION = f"""
SELECT '' AS of_session, '' AS of_user, {_COLUMNS.partition("user_id, ")[2]} FROM skill_invocation
WHERE session_id = ? ORDER BY invoked_at, event_id
"""
_RECENT = f"""
SELECT * FROM (
    SELECT skill_name, outcome, duration_ms, invoked_at FROM skill_invocation WHERE skill_name = ?
    ORDER BY invoked_at DESC, event_id DESC LIMIT {RECENT_USES}
) AS newest
"""
# Two in one: where engines take long to begin, an answer is as quick as there are few queries. No skill has no name.
_SKILLS = """
SELECT '' AS skill_name, kind, sum(completed_count) AS completed, sum(failed_count) AS failed, 0 AS milliseconds,
       0 AS timed
FROM skill_metrics GROUP BY kind
UNION ALL
SELECT skill_name, kind, completed_count, failed_count, duration_ms_sum, duration_count FROM skill_metrics
WHERE skill_name IN ({names})
"""
_PHASES = """
SELECT skill_name, workflow_phase, invocation_count, completed_count, failed_count FROM skill_phase_counts
WHERE skill_name IN ({names})
"""
_OF_USER = """
SELECT '' AS skill_name, coalesce(sum(invocation_count), 0) AS completed, 0 AS failed FROM user_skill_metrics
WHERE user_id = ?
UNION ALL
SELECT skill_name, completed_count, failed_count FROM user_skill_metrics WHERE user_id = ? AND skill_name IN ({names})
"""
_SEEN = """
SELECT coalesce(sum(invocation_count), 0), coalesce(sum(completed_count), 0), coalesce(sum(failed_count), 0),
       coalesce(max(last_invoked_at), '') FROM skill_metrics
"""


class Seen(NamedTuple):
    """What changes with every use that is recorded or completed."""

    uses: int
    completed: int
    failed: int
    last: str


class Situation(NamedTuple):
    """Who is about to use something."""

    user: str
    session: str | None
    """``None``: one that has not begun."""
    phase: Phase | None
    """``None``: of each skill the one that it was in most often."""


class Moment(NamedTuple):
    """What the store knows at one moment, of the skills asked about."""

    uses: dict[str, Use]
    """What would begin now, by skill."""
    records: Records
    course: SessionCourse


def read_seen(store: Store) -> Seen:
    """Return what there is by now."""
    ((uses, completed, failed, last),) = store.query(_SEEN).rows
    return Seen(int(uses), int(completed), int(failed), str(last))


def read_uses(store: Store, *, now: str) -> list[Use]:
    """Return every use up to *now*, in the order in which they began.

    Memory grows with their number, some 300 bytes each.
    """
    found: list[Use] = []
    rows = store.stream(_USES)
    next(rows)
    while portion := [row for row, _ in zip(rows, range(_ROWS_AT_ONCE), strict=False)]:
        found += _uses(portion)
    latest = milliseconds_of([now])[0]
    return [use for use in found if use.at <= latest]


def read_moment(store: Store, situation: Situation, skills: Sequence[str], *, now: str) -> Moment:
    """Return what is known *now* of *skills*, which must have been used, in this situation.

    From roll-ups, the twenty newest uses of each skill, and the uses of the session: it takes no longer for many uses
    of a skill. Uses that lie in the future are part of roll-ups, and of nothing else.
    """
    at = milliseconds_of([now])[0]
    course = SessionCourse()
    if situation.session is not None:
        course = course_of(_uses(store.query(_OF_SESSION, [situation.session]).rows), at)
    records = Records()
    kinds = _read_skills(store, records, [*skills, *([course.previous.skill] if course.previous else [])])
    known = [skill for skill in dict.fromkeys(skills) if skill in kinds]
    _read_recent(store, records, known)
    usual = _read_phases(store, records, known)
    told = phase_code(situation.phase.value) if situation.phase else None
    for skill, completed, failed in _of_skills(store, _OF_USER, known, situation.user, situation.user):
        if skill:
            records.pairs[situation.user, skill] = [completed, failed]
        else:
            records.users[situation.user] = completed
    asked = {
        skill: Use(
            situation.session or "",
            situation.user,
            skill,
            kinds[skill],
            usual.get(skill, NO_PHASE) if told is None else told,
            at,
            NEVER,
            UNTOLD,
            NEVER,
        )
        for skill in known
    }
    return Moment(asked, records, course)


def milliseconds_of(moments: Sequence[str]) -> list[int]:
    """Return canonical times as milliseconds since 1970."""
    times = np.array([moment[:-1] for moment in moments], dtype="datetime64[ms]")
    whole: list[int] = times.astype(np.int64).tolist()
    return whole


def _read_skills(store: Store, records: Records, skills: Sequence[str]) -> dict[str, int]:
    """Put the roll-up of skills into *records*; return the kind of each skill that was used."""
    kinds = {}
    for skill, kind, completed, failed, milliseconds, timed in _of_skills(store, _SKILLS, skills):
        if not skill:
            records.kinds[KINDS.index(kind)] = [completed, failed]
            continue
        kinds[skill] = KINDS.index(kind)
        tally = records.skills[skill] = SkillTally()
        tally.outcomes, tally.milliseconds, tally.timed = [completed, failed], milliseconds, timed
    records.all = [sum(tally[side] for tally in records.kinds.values()) for side in (0, 1)]
    return kinds


def _of_skills(store: Store, sql: str, skills: Sequence[str], *before: str) -> list[tuple[Any, ...]]:
    """Return the rows of *sql* for these skills; *before* are the parameters before their names."""
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(skills), _SKILLS_AT_ONCE):
        some = skills[start : start + _SKILLS_AT_ONCE]
        rows += store.query(sql.format(names=", ".join("?" * len(some))), [*before, *some]).rows
    return rows


def _read_phases(store: Store, records: Records, skills: Sequence[str]) -> dict[str, int]:
    """Put how skills went in each phase into *records*; return the phase that each was in most often."""
    most: dict[str, tuple[int, int]] = {}
    for skill, phase, uses, completed, failed in _of_skills(store, _PHASES, skills):
        code = phase_code(phase)
        records.skills[skill].phases[code] = [completed, failed]
        # Of equals the first, so that the same uses always give the same answer.
        most[skill] = max(most.get(skill, (0, 0)), (uses, -code))
    return {skill: -code for skill, (_, code) in most.items()}


def _read_recent(store: Store, records: Records, skills: Sequence[str]) -> None:
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(skills), _SKILLS_AT_ONCE):
        some = list(skills[start : start + _SKILLS_AT_ONCE])
        rows += store.query(" UNION ALL ".join([_RECENT] * len(some)), some).rows
    rows.sort(key=lambda row: str(row[3]))
    for use in _uses([("", "", skill, KINDS[0], None, outcome, at, took) for skill, outcome, took, at in rows]):
        tally = records.skills[use.skill]
        tally.last_at = use.at
        begun = tally.recent.begin()
        if use.ended != NEVER:
            tally.recent.end(begun, use.outcome, use.milliseconds)


def _uses(rows: Sequence[tuple[Any, ...]]) -> list[Use]:
    times = milliseconds_of([row[6] for row in rows])
    return uses_of([row[:6] for row in rows], times, [row[7] for row in rows])
