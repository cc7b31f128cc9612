"""``top`` and ``skill``."""

from __future__ import annotations

import re

import pytest

from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.ordering import RankingOrder
from session_buddy.reports.ranking import SkillFigures, rank
from session_buddy.storage import open_store
from tests.cli.conftest import Run
from tests.making import NOW, FakeClock, invocation, shifted

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
        assert row["unknown"] == sum(i.outcome is None for i in mine)
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
    assert (today["pytest-run"]["abandoned"], today["pytest-run"]["unknown"]) == (None, None)
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
        "not",
        "known",
        "avg",
        "24",
        "h",
        "last",
        "used",
    ]
    assert lines[1].split() == [
        "pytest-run",
        "shell",
        "6",
        "50",
        "%",
        "2",
        "1",
        "1",
        "2.0",
        "s",
        "5",
        "56",
        "min",
        "ago",
    ]
    monkeypatch.setenv("COLUMNS", "60")
    narrow = run("top").out.splitlines()
    assert max(len(line.rstrip()) for line in narrow) <= 60
    assert "avg" not in narrow[0]


def test_how_uses_ended_stays_before_how_long_and_when(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "64")
    titles = run("top").out.splitlines()[0].split()
    assert titles == ["skill", "uses", "success", "failed", "abandoned", "not", "known"]


@pytest.mark.parametrize(
    ("by", "title", "width"), [("duration", "avg", 40), ("recent", "last used", 40), ("failures", "failed", 34)]
)
def test_what_skills_are_ordered_by_is_shown_at_any_width(
    run: Run, monkeypatch: pytest.MonkeyPatch, by: str, title: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert title not in run("top").out.splitlines()[0]
    assert title in run("top", "--by", by).out.splitlines()[0]


def test_an_average_says_what_it_is_of(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "avg: from call to result, your waits included, unless the tool reports its own"
    assert said in run("top").out
    assert said in run("top", "--by", "duration").out
    assert said in run("up", "--once").out
    assert (
        "(from call to result, your waits included, unless the tool reports its own)" in run("skill", "pytest-run").out
    )
    assert "your waits" not in run("skill", "explore").out
    monkeypatch.setenv("COLUMNS", "60")
    assert "avg" not in run("top").out


def test_days_do_not_tell_abandoned_from_not_known_and_say_so(run: Run) -> None:
    shown = run("top", "--days", "1").out
    assert shown.splitlines()[0].split()[:6] == ["skill", "kind", "uses", "success", "failed", "neither"]
    assert shown.splitlines()[1].split()[:7] == ["pytest-run", "shell", "5", "67", "%", "1", "2"]
    assert "neither = abandoned, or nothing tells" in shown


def test_days_without_uses_say_when_the_last_one_was(run: Run) -> None:
    later = shifted(NOW, days=30)
    assert "The last use was on 15 Jun 2026." in run("top", "--days", "7", now=later).out
    assert "The last use was on 12 Jun 2026." in run("top", "--days", "1", "--kind", "command").out
    told = run("top", "--days", "7", "--json", now=later).json
    assert (told["skills"], told["last_invoked_at"]) == ([], run("top", "--json").json["last_invoked_at"])
    assert "last use was" not in run("top", "--kind", "command", "--days", "7").out


def test_tools_of_mcp_servers_are_shown_shorter_and_found_as_shown(run: Run) -> None:
    assert "  web: fetch " in run("top").out
    assert run("skill", "web: fetch", "--json").json["skill"] == "mcp__web__fetch"


@pytest.mark.parametrize("command", [("up", "--once"), ("top",), ("skill", "pytest-run"), ("sessions",), ("status",)])
@pytest.mark.parametrize("width", [40, 80])
def test_nothing_breaks_inside_bars_or_figures(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = [line.rstrip() for line in run(*command).out.splitlines()]
    assert all(len(line) <= width for line in lines)
    assert all(line.count("▕") == line.count("▏") for line in lines)
    assert not [line for line in lines if re.match(r"\s*%", line) or re.search(r"\d ?…|…[\s\d]*\d %", line)]
    headings = [line for line in lines if re.match(r"  (skill|source|session) ", line)]
    assert not [line for line in headings if "…" in line]
    if command in {("up", "--once"), ("skill", "pytest-run")}:
        assert any("▕" in line for line in lines)


@pytest.mark.parametrize("command", [("up", "--once"), ("top",), ("sessions",)])
def test_no_color_means_none(run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    def colours() -> list[str]:
        codes = [code.split(";") for code in re.findall(r"\x1b\[([\d;]*)m", run(*command).out)]
        return [part for code in codes for part in code if re.fullmatch(r"[349]\d|10\d", part)]

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colours() != []
    monkeypatch.setenv("NO_COLOR", "1")
    assert colours() == []


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


def test_what_comes_next_says_how_far_it_looks(run: Run) -> None:
    assert "What usually comes next  within the next three uses\n  pytest-run ×2\n" in run("skill", "explore").out


def test_used_together_are_those_met_most_of_those_met_more_often_than_by_chance(run: Run, url: str) -> None:
    def session(number: int, *skills: str) -> list[Invocation]:
        return [
            invocation(f"{number}-{skill}", session_id=f"together-{number}", skill_name=skill, kind=Kind.SKILL)
            for skill in skills
        ]

    history = [
        *(i for number in range(10) for i in session(number, "mine", "often", "everywhere")),
        *(i for number in range(10, 14) for i in session(number, "mine", "seldom")),
        *(i for number in range(14, 60) for i in session(number, "everywhere")),
        *session(60, "often"),
        *session(61, "mine", "once"),
    ]
    with open_store(url, clock=FakeClock()) as store:
        store.record(history)
        store.refresh()
    together = run("skill", "mine", "--json").json["together"]
    # "seldom" has the greater lift; "everywhere" comes with anything, and once is no habit.
    assert [(c["skill"], c["sessions"]) for c in together] == [("often", 10), ("seldom", 4)]
    assert together[0]["lift"] < together[1]["lift"]
    assert "in 3 sessions or more, and more often than by chance" in run("skill", "mine").out


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
    assert (error["type"], error["exit_code"]) == ("NotFound", 1)
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
            abandoned=0, unknown=0, success_rate=completed / (completed + failed), avg_duration_seconds=None,
            last_invoked_at="", invocation_count_24h=0, trend=None, trend_slope=None,
        )  # fmt: skip

    ranked = rank([skill("once", 1, 0), skill("often", 99, 1), skill("never", 0, 5)], RankingOrder.SUCCESS)
    assert [row.skill for row in ranked] == ["often", "once", "never"]
