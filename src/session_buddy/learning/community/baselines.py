"""What a store knows of its own users: each skill over all of them, and over one. Reads roll-ups only."""

from __future__ import annotations

import msgspec

from session_buddy.learning.community.counts import Baseline, Counts
from session_buddy.model import Kind
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = ["least_users", "read_baselines", "read_own"]

_SETTINGS = plain_table("store_settings")
_DEFAULT_USERS = 5
_BASELINES = """
SELECT b.skill_name, m.kind, b.total_users, m.invocation_count, m.completed_count, m.failed_count,
       m.duration_ms_sum, m.duration_count, b.most_common_workflow_phase
FROM skill_community_baselines b JOIN skill_metrics m ON m.skill_name = b.skill_name
"""
_OWN = """
SELECT u.skill_name, m.kind, 1, u.invocation_count, u.completed_count, u.failed_count, u.duration_ms_sum,
       u.duration_count, NULL
FROM user_skill_metrics u JOIN skill_metrics m ON m.skill_name = u.skill_name
WHERE u.user_id = ?
"""


def least_users(store: Store) -> int:
    """Return ``community_min_users`` of *store*: of fewer users nothing is shown."""
    rows = store.query(f"SELECT value FROM {_SETTINGS.source} WHERE name = 'community_min_users'").rows
    return int(rows[0][0]) if rows and str(rows[0][0]).isdecimal() else _DEFAULT_USERS


def read_baselines(store: Store) -> list[Baseline]:
    """Return every skill over all users of *store*, however few they are."""
    return [_baseline(row) for row in store.query(_BASELINES).rows]


def read_own(store: Store, user_id: str) -> list[Baseline]:
    """Return every skill that the user with *user_id* has, over that user alone."""
    return [_baseline(row) for row in store.query(_OWN, [user_id]).rows]


def _baseline(row: tuple[object, ...]) -> Baseline:
    skill, kind, users, invocations, completed, failed, milliseconds, timed, phase = msgspec.convert(
        row, tuple[str, Kind, int, int, int, int, int, int, str | None]
    )
    counts = Counts(
        users=users,
        invocations=invocations,
        completed=completed,
        failed=failed,
        duration_seconds=milliseconds / 1000,
        timed=timed,
    )
    return Baseline(skill=skill, kind=kind, counts=counts, phase=phase)
