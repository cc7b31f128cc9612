"""A store in which every example of the documentation finds something."""

from __future__ import annotations

import sqlite3

from session_buddy.model import BadLine, ErrorType, Invocation, Kind, Outcome
from session_buddy.reports.dependencies import refresh_related
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table
from tests.landscapes import draw_landscape
from tests.making import NOW, invocation, shifted

USERS = 6
SKILLS = ("pytest-run", "ruff-check", "git-commit", "agent:Explore")


def fill(store: Store) -> None:
    """Record a week of six users in *store*, that ends at :data:`NOW`, and a line that could not be read."""
    bad = BadLine(path="project/session.jsonl", line=3, offset=120, length=40, reason="is no transcript line.")
    store.record([*_week(), *_alone()], bad_lines=[bad])
    store.refresh()
    draw_landscape(store, used=False)
    refresh_related(store, NOW)
    problem = "no frontmatter (line 1): The first line is not ---."
    path, stamps = "/home/me/.claude/skills/notes/SKILL.md", (1, 0, NOW, NOW)
    row = ("desk", path, "notes", "user", None, None, "0" * 64, 0, 0, problem, *stamps)
    store.put_rows(plain_table("skill_sources"), [row])


def run_experiment(connection: sqlite3.Connection, test_name: str) -> None:
    """Put one user with an outcome into either group of the experiment *test_name*."""
    (test_id,) = connection.execute("SELECT test_id FROM ab_test_configs WHERE test_name = ?", (test_name,)).fetchone()
    for user, group in (("user-0", "control"), ("user-1", "treatment")):
        connection.execute(
            "INSERT INTO ab_test_assignments (test_id, user_id, group_name, assigned_at) VALUES (?, ?, ?, ?)",
            (test_id, user, group, NOW),
        )
        connection.execute(
            "INSERT INTO ab_test_outcomes (test_id, user_id, skill_name, completed, recorded_at)"
            " VALUES (?, ?, ?, 1, ?)",
            (test_id, user, SKILLS[0], NOW),
        )


def _week() -> list[Invocation]:
    """Every user uses every skill each day; ``pytest-run`` fails more from day to day."""
    made = []
    for day in range(7):
        for user in range(USERS):
            for number, skill in enumerate(SKILLS):
                failed = number == 0 and user < day
                made.append(
                    invocation(
                        f"{day}-{user}-{skill}",
                        session_id=f"session-{day}-{user}",
                        user_id=f"user-{user}",
                        skill_name=skill,
                        kind=Kind.SUBAGENT if skill.startswith("agent:") else Kind.SHELL,
                        invoked_at=shifted(NOW, days=day - 6, minutes=number - 10),
                        outcome=Outcome.FAILED if failed else Outcome.COMPLETED,
                        error_type=ErrorType.EXIT_CODE if failed else None,
                        duration_ms=1000 * (user + 1),
                        follow_up_actions=SKILLS[number + 1 :],
                        traits=() if number % 2 else ("reads:py",),
                        project="shop",
                    )
                )
    return made


def _alone() -> list[Invocation]:
    """Sessions without any of the skills above, so that these are found together more often than by chance."""
    return [
        invocation(f"alone-{number}", session_id=f"alone-{number}", skill_name="Read", kind=Kind.TOOL)
        for number in range(60)
    ]
