"""``top`` and ``skill``."""

from __future__ import annotations

import pytest

from session_buddy.cli.choices import RankingOrder
from session_buddy.cli.reports.ranking import SkillFigures, rank
from session_buddy.model import Invocation, Kind, Outcome
from tests.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("filled")


def test_top_leads_with_skills_and_leaves_built_in_tools_out(run: Run) -> None:
    shown = run("top", "--json").json
    assert [row["skill"] for row in shown["skills"]] == [
        "pytest-run",
        "agent:Explore",
        "mcp__web__fetch",
        "/clear",
        "Explain",
    ]
    assert shown["total"] == 5
    assert "Read" in [row["skill"] for row in run("top", "--json", "--all").json["skills"]]
    assert [row["skill"] for row in run("top", "--json", "--kind", "tool").json["skills"]] == ["Read"]


def test_every_figure_of_top_equals_a_count_of_the_history(run: Run, filled: list[Invocation]) -> None:
    for row in run("top", "--json", "--all", "--limit", "99").json["skills"]:
        mine = [i for i in filled if i.skill_name == row["skill"]]
        ends = {outcome: sum(i.outcome is outcome for i in mine) for outcome in Outcome}
        settled = ends[Outcome.COMPLETED] + ends[Outcome.FAILED]
        durations = [i.duration_ms for i in mine if i.duration_ms is not None]
        assert row["invocations"] == len(mine)
        assert (row["completed"], row["failed"], row["abandoned"]) == tuple(ends.values())
        assert row["success_rate"] == (ends[Outcome.COMPLETED] / settled if settled else None)
        assert row["avg_duration_seconds"] == (sum(durations) / 1000 / len(durations) if durations else None)
        assert row["last_invoked_at"] == max(i.invoked_at for i in mine)
        assert row["kind"] in set(Kind)


def test_top_counts_the_last_24_hours(run: Run) -> None:
    counts = {row["skill"]: row["invocation_count_24h"] for row in run("top", "--json").json["skills"]}
    assert counts == {"pytest-run": 5, "agent:Explore": 2, "mcp__web__fetch": 2, "/clear": 0, "Explain": 0}


@pytest.mark.parametrize(
    ("by", "first"),
    [
        ("uses", "pytest-run"),
        ("failures", "pytest-run"),
        ("success", "agent:Explore"),
        ("duration", "pytest-run"),
        ("recent", "pytest-run"),
    ],
)
def test_top_by(run: Run, by: str, first: str) -> None:
    assert run("top", "--json", "--by", by, "--limit", "1").json["skills"][0]["skill"] == first


def test_success_puts_many_successes_before_one(run: Run) -> None:
    order = [row["skill"] for row in run("top", "--json", "--by", "success").json["skills"]]
    # 2 of 2, then 1 of 1 by name, 2 of 4, none of 2.
    assert order == ["agent:Explore", "/clear", "Explain", "pytest-run", "mcp__web__fetch"]


def test_days_counts_whole_days_and_nothing_before(run: Run) -> None:
    today = {row["skill"]: row for row in run("top", "--json", "--days", "1").json["skills"]}
    assert set(today) == {"pytest-run", "agent:Explore", "mcp__web__fetch"}
    assert (today["pytest-run"]["invocations"], today["pytest-run"]["failed"]) == (5, 1)
    assert today["pytest-run"]["abandoned"] is None
    assert today["pytest-run"]["success_rate"] == pytest.approx(2 / 3)
    three = {row["skill"] for row in run("top", "--json", "--days", "3").json["skills"]}
    four = {row["skill"] for row in run("top", "--json", "--days", "4").json["skills"]}
    assert four - three == {"/clear"}
    assert run("top", "--json", "--days", "3").json["since"] == "2026-06-13T00:00:00.000Z"


def test_top_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run("top").out.splitlines()
    assert lines[0].split() == [
        "skill",
        "kind",
        "uses",
        "success",
        "failed",
        "abandoned",
        "avg",
        "24",
        "h",
        "last",
        "used",
    ]
    assert lines[1].split() == ["pytest-run", "shell", "6", "50", "%", "2", "1", "2.0", "s", "5", "56", "min", "ago"]
    monkeypatch.setenv("COLUMNS", "60")
    narrow = run("top").out.splitlines()
    assert max(len(line.rstrip()) for line in narrow) <= 60
    assert "abandoned" not in narrow[0]


def test_a_limit_says_what_it_leaves_out(run: Run) -> None:
    assert "2 of 5 skills" in run("top", "--limit", "2").out


def test_skill_says_everything(run: Run) -> None:
    told = run("skill", "pytest-run", "--json").json
    assert (told["invocations"], told["completed"], told["failed"], told["abandoned"]) == (6, 2, 2, 1)
    assert told["success_rate"] == 0.5
    assert told["success_interval"] == pytest.approx([0.15004, 0.84996], abs=1e-5)
    assert told["errors"] == {"exit_code": 1, "timeout": 1}
    assert told["phases"] == [{"phase": "verification", "invocations": 5, "completed": 2, "failed": 1}]
    assert (told["sessions"], told["invocation_count_24h"]) == (2, 5)
    assert [session["session_id"] for session in told["last_sessions"]] == ["s1", "s2"]
    assert [(day["day"][:10], day["invocations"]) for day in told["daily"]] == [("2026-06-12", 1), ("2026-06-15", 5)]
    assert (told["hourly"][11], told["hourly"][12], sum(told["hourly"])) == (5, 1, 6)


def test_what_comes_next_leaves_tools_out_unless_asked(run: Run) -> None:
    assert [n["skill"] for n in run("skill", "explore", "--json").json["next"]] == ["pytest-run"]
    assert [n["skill"] for n in run("skill", "explore", "--json", "--all").json["next"]] == ["Read", "pytest-run"]


def test_skill_on_a_terminal(run: Run) -> None:
    shown = run("skill", "pytest-run").out
    assert "50 %  2 of 4 completed + failed  (95 % interval 15 % to 85 %)" in shown
    assert "6 in 2 sessions  (2 failed, 1 abandoned, 1 end not known)" in shown
    assert "exit_code ×1, timeout ×1" in shown
    assert "56 min ago" in shown


def test_an_old_skill_shows_the_days_it_was_used_on(run: Run) -> None:
    told = run("skill", "explain", "--json").json
    assert told["daily_until"] == "2025-05-11T00:00:00.000Z"
    assert [day["day"] for day in told["daily"]] == ["2025-05-11T00:00:00.000Z"]


def test_an_unknown_name_gives_suggestions_and_exit_code_1(run: Run) -> None:
    told = run("skill", "pytestrun")
    assert (told.code, told.out) == (1, "")
    assert told.err == "No skill is called 'pytestrun'.\nDid you mean pytest-run?\n"
    error = run("skill", "expl", "--json").error
    assert (error["type"], error["exit_code"]) == ("AnswerIsNo", 1)
    assert set(error["suggestions"]) == {"agent:Explore", "Explain"}


@pytest.mark.parametrize(("typed", "offered"), [("py", ["pytest-run"]), ("E", ["Explain"]), ("nothing", [])])
def test_the_shell_completes_names_of_skills(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch, typed: str, offered: list[str]
) -> None:
    monkeypatch.setenv("_SESSION_BUDDY_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"session-buddy --store {url} skill {typed}")
    monkeypatch.setenv("COMP_CWORD", "4")
    assert run().out.split() == offered


def test_many_successes_count_for_more_than_one() -> None:
    def skill(name: str, completed: int, failed: int) -> SkillFigures:
        return SkillFigures(
            skill=name, kind=Kind.SKILL, invocations=completed + failed, completed=completed, failed=failed,
            abandoned=0, success_rate=completed / (completed + failed), avg_duration_seconds=None,
            last_invoked_at="", invocation_count_24h=0, trend=None, trend_slope=None,
        )  # fmt: skip

    ranked = rank([skill("once", 1, 0), skill("often", 99, 1), skill("never", 0, 5)], RankingOrder.SUCCESS)
    assert [row.skill for row in ranked] == ["often", "once", "never"]
