"""Adding the counts of a batch to the roll-up tables, set-wise.

Each statement is the set-wise twin of one in the triggers of ``V1``, ``V3`` and ``V4``;
what follows from ``session_skills``, ``skill_metrics`` or ``skill_time_series`` (pairs,
interactions, baselines, days) is left to the triggers on those tables, which fire here too.
"""

from __future__ import annotations

import json
import sqlite3

from session_buddy.storage.sqlite.deltas import Counts, Deltas

__all__ = ["add_deltas", "minutes_since"]

_COUNTS = "invocation_count, completed_count, failed_count, abandoned_count"
_ADD_COUNTS = ", ".join(f"{column} = {column} + excluded.{column}" for column in _COUNTS.split(", "))
_ADD_DURATIONS = ", ".join(f"{c} = {c} + excluded.{c}" for c in ("duration_ms_sum", "duration_count"))
_WIDEN = (
    "first_invoked_at = min(first_invoked_at, excluded.first_invoked_at), "
    "last_invoked_at = max(last_invoked_at, excluded.last_invoked_at)"
)

_SKILLS = f"""
INSERT INTO skill_metrics (skill_name, kind, plugin, {_COUNTS}, duration_ms_sum, duration_count,
    first_invoked_at, last_invoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (skill_name) DO UPDATE SET plugin = ifnull(plugin, excluded.plugin),
    {_ADD_COUNTS}, {_ADD_DURATIONS}, {_WIDEN}
"""
_SESSIONS = f"""
INSERT INTO session_summary (session_id, user_id, source, project, {_COUNTS}, first_invoked_at, last_invoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (session_id) DO UPDATE SET project = ifnull(project, excluded.project), {_ADD_COUNTS}, {_WIDEN}
"""
_SESSION_SKILLS = f"""
INSERT INTO session_skills (session_id, skill_name, user_id, {_COUNTS}, duration_ms_sum, duration_count,
    first_invoked_at, last_invoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (session_id, skill_name) DO UPDATE SET {_ADD_COUNTS}, {_ADD_DURATIONS}, {_WIDEN}
"""
_DETAILS = """
UPDATE session_skills SET
    rating = (SELECT i.rating FROM skill_invocation i
        WHERE i.session_id = ?1 AND i.skill_name = ?2 AND i.rating IS NOT NULL
        ORDER BY i.invoked_at DESC, i.id DESC LIMIT 1),
    alternatives_considered = (SELECT i.alternatives_considered FROM skill_invocation i
        WHERE i.session_id = ?1 AND i.skill_name = ?2 AND i.alternatives_considered IS NOT NULL
        ORDER BY i.invoked_at DESC, i.id DESC LIMIT 1)
WHERE session_id = ?1 AND skill_name = ?2
"""
_ERRORS = """
INSERT INTO skill_error_counts (skill_name, error_type, failure_count) VALUES (?, ?, ?)
ON CONFLICT (skill_name, error_type) DO UPDATE SET failure_count = failure_count + excluded.failure_count
"""
_FOLLOW_UPS = """
INSERT INTO skill_follow_up_counts (skill_name, follow_up, follow_up_count) VALUES (?, ?, ?)
ON CONFLICT (skill_name, follow_up) DO UPDATE SET follow_up_count = follow_up_count + excluded.follow_up_count
"""
_TRAITS = """
INSERT INTO skill_trait_counts (skill_name, trait, invocation_count) VALUES (?, ?, ?)
ON CONFLICT (skill_name, trait) DO UPDATE SET invocation_count = invocation_count + excluded.invocation_count
"""
_THREE_COUNTS = (
    "invocation_count = invocation_count + excluded.invocation_count, "
    "completed_count = completed_count + excluded.completed_count, "
    "failed_count = failed_count + excluded.failed_count"
)
_PHASES = f"""
INSERT INTO skill_phase_counts (skill_name, workflow_phase, invocation_count, completed_count, failed_count)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (skill_name, workflow_phase) DO UPDATE SET {_THREE_COUNTS}
"""
_USERS = f"""
INSERT INTO user_skill_metrics (user_id, skill_name, invocation_count, completed_count, failed_count,
    duration_ms_sum, duration_count) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (user_id, skill_name) DO UPDATE SET {_THREE_COUNTS}, {_ADD_DURATIONS}
"""
_HOURS = f"""
INSERT INTO skill_time_series (skill_name, timestamp, invocation_count, completed_count, failed_count,
    duration_ms_sum, duration_count, unique_sessions, completion_rate, avg_duration_seconds)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, CASE WHEN ?4 + ?5 > 0 THEN 1.0 * ?4 / (?4 + ?5) END,
    CASE WHEN ?7 > 0 THEN ?6 / 1000.0 / ?7 END)
ON CONFLICT (skill_name, timestamp) DO UPDATE SET {_THREE_COUNTS}, {_ADD_DURATIONS},
    unique_sessions = unique_sessions + excluded.unique_sessions,
    completion_rate = CASE WHEN completed_count + excluded.completed_count + failed_count + excluded.failed_count > 0
        THEN 1.0 * (completed_count + excluded.completed_count)
            / (completed_count + excluded.completed_count + failed_count + excluded.failed_count) END,
    avg_duration_seconds = CASE WHEN duration_count + excluded.duration_count > 0
        THEN (duration_ms_sum + excluded.duration_ms_sum) / 1000.0 / (duration_count + excluded.duration_count) END
"""
_LENGTHS = """
INSERT INTO skill_duration_counts (skill_name, le_ms, invocation_count) VALUES (?, ?, ?)
ON CONFLICT (skill_name, le_ms) DO UPDATE SET invocation_count = invocation_count + excluded.invocation_count
"""
_MINUTES = "INSERT INTO minute_change VALUES (?, ?, ?, ?, ?)"
_CACHE = """
INSERT INTO skill_metrics_cache (skill_name, last_invocation_at, updated_at)
VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT (skill_name) DO UPDATE SET last_invocation_at = max(last_invocation_at, excluded.last_invocation_at)
"""
_CACHE_WINDOWS = """
UPDATE skill_metrics_cache SET
    (invocation_count_1h, invocation_count_24h, avg_completion_rate_24h) = (
        SELECT ifnull(sum(w.invocation_count_1h), 0), ifnull(sum(w.invocation_count_24h), 0),
            CASE WHEN sum(w.completed_count_24h + w.failed_count_24h) > 0
                THEN 1.0 * sum(w.completed_count_24h) / sum(w.completed_count_24h + w.failed_count_24h) END
        FROM skill_window_counts w WHERE w.skill_name = ?1),
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE skill_name = ?1
"""


def minutes_since(connection: sqlite3.Connection) -> str:
    """Return the minute from which on minute buckets are kept: two days ago."""
    (moment,) = connection.execute("SELECT strftime('%Y-%m-%dT%H:%M:00.000Z', 'now', '-48 hours')").fetchone()
    return str(moment)


def add_deltas(connection: sqlite3.Connection, deltas: Deltas, *, last_id_before: int) -> None:
    """Add *deltas*, the counts of the rows after *last_id_before*, inside the caller's transaction."""
    run = connection.executemany
    new_sessions = _new_hour_sessions(connection, deltas, last_id_before)
    run(
        _SKILLS,
        ((s, *deltas.skill_origin[s], *_four(c), *_durations(c), c.first, c.last) for s, c in deltas.skills.items()),
    )
    run(_SESSIONS, ((s, *deltas.session_origin[s], *_four(c), c.first, c.last) for s, c in deltas.sessions.items()))
    run(
        _SESSION_SKILLS,
        (
            (session, skill, deltas.session_skill_users[session, skill], *_four(c), *_durations(c), c.first, c.last)
            for (session, skill), c in deltas.session_skills.items()
        ),
    )
    run(_DETAILS, deltas.detailed)
    run(_ERRORS, ((*key, n) for key, n in deltas.errors.items()))
    run(_FOLLOW_UPS, ((*key, n) for key, n in deltas.follow_ups.items()))
    run(_TRAITS, ((*key, n) for key, n in deltas.traits.items()))
    run(_PHASES, ((*key, *_three(c)) for key, c in deltas.phases.items()))
    run(_USERS, ((*key, *_three(c), *_durations(c)) for key, c in deltas.users.items()))
    run(
        _HOURS,
        (
            (skill, f"{hour}:00:00.000Z", *_three(c), *_durations(c), new_sessions[skill, hour])
            for (skill, hour), c in deltas.hours.items()
        ),
    )
    run(_LENGTHS, ((*key, n) for key, n in deltas.durations.items()))
    # In the order of time, so that each minute is the last of its skill and moves no other.
    run(_MINUTES, ((skill, f"{minute}:00.000Z", *_three(c)) for (skill, minute), c in sorted(deltas.minutes.items())))
    run(_CACHE, ((skill, c.last) for skill, c in deltas.skills.items()))
    run(_CACHE_WINDOWS, ((skill,) for skill in deltas.skills))


def _three(counts: Counts) -> tuple[int, int, int]:
    return counts.n, counts.completed, counts.failed


def _four(counts: Counts) -> tuple[int, int, int, int]:
    return counts.n, counts.completed, counts.failed, counts.abandoned


def _durations(counts: Counts) -> tuple[int, int]:
    return counts.duration_ms, counts.duration_count


def _new_hour_sessions(
    connection: sqlite3.Connection, deltas: Deltas, last_id_before: int
) -> dict[tuple[str, str], int]:
    """Return, for each skill and hour, how many of the batch's sessions are new to that hour.

    Only sessions that used the skill before, at a time span that touches the hour, are
    looked up in the event log.
    """
    spans = {
        (session, skill): (first[:13], last[:13])
        for session, skill, first, last in connection.execute(
            "SELECT session_id, skill_name, first_invoked_at, last_invoked_at FROM session_skills"
            " WHERE session_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(deltas.sessions)),),
        )
    }

    def known(session: str, skill: str, hour: str) -> bool:
        first, last = spans.get((session, skill), ("~", ""))
        return first <= hour <= last and bool(
            connection.execute(
                "SELECT EXISTS (SELECT 1 FROM skill_invocation WHERE session_id = ? AND skill_name = ?"
                " AND invoked_at >= ? AND invoked_at <= ? AND id <= ?)",
                (session, skill, f"{hour}:00:00.000Z", f"{hour}:59:59.999Z", last_id_before),
            ).fetchone()[0]
        )

    return {
        (skill, hour): sum(not known(session, skill, hour) for session in sessions) if spans else len(sessions)
        for (skill, hour), sessions in deltas.hour_sessions.items()
    }
