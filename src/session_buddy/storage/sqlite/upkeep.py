"""What is not kept row by row: figures that depend on all rows, recounts, and their check."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from session_buddy.storage import migrations
from session_buddy.storage.migrations.scripts import load
from session_buddy.storage.migrations.statements import split

__all__ = ["ROLL_UPS", "digest_roll_ups", "rebuild_roll_ups", "refresh_figures"]

ROLL_UPS: dict[str, str] = {
    "skill_metrics": "skill_name, invocation_count, completed_count, failed_count, abandoned_count,"
    " duration_ms_sum, duration_count, session_count, first_invoked_at, last_invoked_at",
    "session_summary": "session_id, invocation_count, completed_count, failed_count, abandoned_count,"
    " first_invoked_at, last_invoked_at",
    "session_skills": "session_id, skill_name, invocation_count, completed_count, failed_count, abandoned_count,"
    " duration_ms_sum, duration_count, first_invoked_at, last_invoked_at, rating, alternatives_considered",
    "skill_error_counts": "*",
    "skill_follow_up_counts": "*",
    "skill_trait_counts": "*",
    "skill_phase_counts": "*",
    "store_counts": "*",
    "user_skill_metrics": "*",
    "skill_time_series": "skill_name, timestamp, invocation_count, completion_rate, avg_duration_seconds,"
    " unique_sessions, completed_count, failed_count, duration_ms_sum, duration_count",
    "skill_day_buckets": "*",
    "skill_duration_counts": "*",
    "skill_user_interactions": "session_id, skill_name, invoked_at, completed, rating, alternatives_considered",
    "skill_dependencies": "skill_a, skill_b, co_occurrence_count",
    "skill_community_baselines": "skill_name, total_users, total_invocations, global_completion_rate,"
    " global_avg_duration_seconds, most_common_workflow_phase",
    "skill_metrics_cache": "skill_name, last_invocation_at",
    "ab_test_user_sums": "test_id, user_id, group_name, assigned_at, outcome_count, completed_count,"
    " round(duration_sum, 3), duration_count, round(rating_sum, 3), rating_count",
    "ab_test_group_counts": "test_id, group_name, user_count, outcome_count, completed_count, duration_count,"
    " rating_count",
}
"""Every roll-up table and the columns of it that follow exactly from the event log.

Left out is what describes a group (kind, plugin, user, source, project): that comes from the
row that was told first, which a recount need not find the same.

Sums of fractions depend on the order in which they were added, in the last of their digits: those of a user are
compared to a thousandth, those of a group not at all.
"""

_REFRESH = (
    # Lift of every pair; only rows that change are written.
    """
    UPDATE skill_dependencies SET lift_score = x.lift, last_updated = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    FROM (
        SELECT d.skill_a, d.skill_b,
               1.0 * d.co_occurrence_count * n.value / (a.session_count * b.session_count) AS lift
        FROM skill_dependencies d JOIN skill_metrics a ON a.skill_name = d.skill_a
            JOIN skill_metrics b ON b.skill_name = d.skill_b JOIN store_counts n ON n.name = 'sessions'
    ) x
    WHERE skill_dependencies.skill_a = x.skill_a AND skill_dependencies.skill_b = x.skill_b
        AND skill_dependencies.lift_score IS NOT x.lift
    """,
    # The mean percentile rank: skills below, and half of those level with it, of all skills that have a rate.
    """
    UPDATE skill_community_baselines SET effectiveness_percentile = x.percentile
    FROM (
        SELECT skill_name,
               100.0 * (rank() OVER (ORDER BY global_completion_rate) - 1
                   + 0.5 * count(*) OVER (PARTITION BY global_completion_rate)) / count(*) OVER () AS percentile
        FROM skill_community_baselines WHERE global_completion_rate IS NOT NULL
    ) x
    WHERE skill_community_baselines.skill_name = x.skill_name
        AND skill_community_baselines.effectiveness_percentile IS NOT x.percentile
    """,
    # The windows of skills that fell silent since they were last written.
    """
    UPDATE skill_metrics_cache SET
        invocation_count_1h = x.n_1h, invocation_count_24h = x.n_24h, avg_completion_rate_24h = x.rate,
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    FROM (
        SELECT skill_name, invocation_count_1h AS n_1h, invocation_count_24h AS n_24h, avg_completion_rate_24h AS rate
        FROM v_realtime_skill_dashboard
    ) x
    WHERE skill_metrics_cache.skill_name = x.skill_name
        AND (skill_metrics_cache.invocation_count_1h, skill_metrics_cache.invocation_count_24h,
             skill_metrics_cache.avg_completion_rate_24h) IS NOT (x.n_1h, x.n_24h, x.rate)
    """,
)


def refresh_figures(connection: sqlite3.Connection) -> None:
    """Bring lifts, percentiles and cached windows up to date, inside the caller's transaction."""
    for statement in _REFRESH:
        connection.execute(statement)


def rebuild_roll_ups(connection: sqlite3.Connection) -> None:
    """Count every roll-up again from the event log, inside the caller's transaction."""
    for script in load(Path(migrations.__file__).parent / "sqlite"):
        for statement in split(script.backfill) if script.backfill else ():
            connection.execute(statement.sql)
    refresh_figures(connection)


def digest_roll_ups(connection: sqlite3.Connection) -> dict[str, str]:
    """Return a digest of each roll-up's rows; equal rows give equal digests, whatever their order on disk."""
    return {table: _digest(connection, table, columns) for table, columns in ROLL_UPS.items()}


def _digest(connection: sqlite3.Connection, table: str, columns: str) -> str:
    digest = hashlib.sha256()
    width = len(connection.execute(f"SELECT {columns} FROM {table} LIMIT 0").description)
    order = ", ".join(str(position + 1) for position in range(width))
    for row in connection.execute(f"SELECT {columns} FROM {table} ORDER BY {order}"):
        digest.update(repr(row).encode())
    return digest.hexdigest()
