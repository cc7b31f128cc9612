"""Recounting roll-ups from the event log, and telling whether any of them differs from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from session_buddy.storage import migrations
from session_buddy.storage.clickhouse.scratch import scratch_database
from session_buddy.storage.migrations.scripts import load
from session_buddy.storage.migrations.statements import split

__all__ = ["ROLL_UPS", "SCRIPTS", "drifted_roll_ups", "rebuild_roll_ups"]

SCRIPTS = Path(migrations.__file__).parent / "clickhouse"
"""The folder of this engine's migration scripts."""

ROLL_UPS = {
    "skill_metrics": "skill_name, invocation_count, completed_count, failed_count, abandoned_count,"
    " duration_ms_sum, duration_count, session_count, first_invoked_at, last_invoked_at",
    "session_summary": "session_id, invocation_count, completed_count, failed_count, abandoned_count,"
    " first_invoked_at, last_invoked_at",
    "session_skills": "*",
    "skill_error_counts": "*",
    "skill_follow_up_counts": "*",
    "skill_trait_counts": "*",
    "skill_phase_counts": "*",
    "store_counts": "*",
    "user_skill_metrics": "*",
    "skill_time_series": "*",
    "skill_day_buckets": "*",
    "skill_duration_counts": "*",
    "skill_user_interactions": "*",
    "skill_dependencies": "skill_a, skill_b, co_occurrence_count",
    "skill_community_baselines": "skill_name, total_users, total_invocations, global_completion_rate,"
    " global_avg_duration_seconds, most_common_workflow_phase",
    "skill_metrics_cache": "skill_name, last_invocation_at",
}
"""Every view over roll-ups and the columns of it that follow exactly from the event log.

Left out is what describes a group (kind, plugin, user, source, project): it comes from whichever event told it first.
"""


def rebuild_roll_ups(client: Any) -> None:
    """Count every roll-up of the client's database again from its event log."""
    for script in load(SCRIPTS):
        for statement in split(script.backfill) if script.backfill else ():
            client.command(statement.sql)


def drifted_roll_ups(client: Any, open_database: Any, database: str) -> list[str]:
    """Return the views that differ from a recount, which takes place in a database of its own beside *database*.

    *open_database* opens a client on a database by name. The event log is lent to the recount part by part,
    without being copied.
    """
    with scratch_database(client, open_database, database) as (_, recount):
        for script in load(SCRIPTS):
            for statement in split(script.up):
                recount.command(statement.sql)
        # Asked of the rows, not of the parts: those a node knows only of itself.
        partitions = "SELECT DISTINCT toString(toYYYYMM(i.invoked_at)) FROM invocation_log AS i"
        for (partition,) in client.query(partitions).result_rows:
            recount.command(
                f"ALTER TABLE invocation_log ATTACH PARTITION ID '{partition}' FROM `{database}`.invocation_log"
            )
        rebuild_roll_ups(recount)
        return [view for view in ROLL_UPS if _digest(client, view) != _digest(recount, view)]


def _digest(client: Any, view: str) -> tuple[int, int]:
    """Return the number of rows and the sum of their hashes; equal rows give equal digests, in whatever order."""
    rows = client.query(
        f"SELECT count(), sum(cityHash64(toString(tuple(r.*)))) FROM (SELECT {ROLL_UPS[view]} FROM {view}) AS r"
    ).result_rows
    count, total = rows[0]
    return int(count), int(total)
