"""``predict``: how likely a skill is to complete, on the command line."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from session_buddy.model import Invocation, Outcome, Phase
from session_buddy.prediction import boosting, duration
from session_buddy.reports.asker import Question
from session_buddy.reports.prediction import Context, chances_of, predict, read_predictor
from session_buddy.reports.recommendations import read_learned, recommendations
from session_buddy.storage import open_store
from tests.cli.conftest import Run
from tests.making import NOW, FakeClock, invocation, shifted

SKILLS = ("pytest-run", "ruff-check", "deploy", "publish")


def history(n: int = 80) -> Iterator[Invocation]:
    """Sessions that go on as they began: good in even ones, bad in odd ones; the latest is a bad one."""
    for session in range(n):
        for step in range(12):
            skill = SKILLS[(session + step) % (3 if session == n - 1 else 4)]
            is_bad = session % 2 and (session + step) % 7
            yield invocation(
                f"{session}-{step}",
                session_id=f"session-{session:02}",
                user_id=f"user-{session % 4}",
                skill_name=skill,
                invoked_at=shifted(NOW, hours=session - n + 1, minutes=step - 12),
                outcome=Outcome.FAILED if is_bad else Outcome.COMPLETED,
                duration_ms=1_000 + 10 * step,
                workflow_phase=[None, *Phase][step % 5],
            )


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here does not depend on how well it is learned."""
    monkeypatch.setattr(boosting, "_ROUNDS", 30)
    monkeypatch.setattr(duration, "_ROUNDS", 10)


@pytest.fixture
def filled(url: str) -> None:
    with open_store(url, clock=FakeClock()) as store:
        store.record(history())


@pytest.mark.usefixtures("filled")
def test_a_chance_here_and_elsewhere(run: Run) -> None:
    here = run("predict", "pytest-run", "--json").json
    assert here["asked_by"] == "the latest session, session-"
    assert (here["session"], here["user_id"], here["version"]) == ("session-79", "user-3", 1)
    assert not here["is_fallback"], here["reason"]
    good = run("predict", "--session", "session-78", "Pytest-Run", "--json").json
    assert good["skill"] == "pytest-run"
    assert run("predict", "skill", "pytest-run", "--session", "session-78", "--json").json == good
    assert here["chance"] < good["chance"] - 0.25
    assert good["completed"] + good["failed"] == 12 * 80 // 4 + 1
    assert good["low_seconds"] <= good["median_seconds"] <= good["high_seconds"]
    points = [abs(one["log_odds"]) for one in good["factors"]]
    assert points == sorted(points, reverse=True)
    new = run("predict", "pytest-run", "--user-id", "user-1", "--phase", "verification", "--json").json
    assert (new["session"], new["phase"], new["asked_by"]) == (None, "verification", "a new session of user user-1")
    for unknown in ("somebody", "user-"):
        refused = run("predict", "pytest-run", "--user-id", unknown)
        assert refused.code
        assert unknown in refused.err


@pytest.mark.usefixtures("filled")
@pytest.mark.long
def test_what_is_shown(run: Run) -> None:
    shown = run("predict", "pytest-run").out
    assert "pytest-run completes with a chance of" in shown
    assert "likely to take" in shown
    assert "how the session goes" in shown
    assert "for the latest session, session-" in shown
    card = run("predict", "card").out
    for words in ("log loss", "rate of the user with the skill", "what chances depend on", "Do not judge people by it"):
        assert words in card
    told = run("predict", "evaluate", "--json").json
    assert told["version"] == 2
    assert told["data"]["outcomes"] == 960
    assert {one["name"] for one in told["candidates"] if one["is_baseline"]} == {
        "rate of all", "rate of the skill", "rate of the user with the skill", "logistic regression",
    }  # fmt: skip
    assert run("predict", "card", "--json").json == told


@pytest.mark.usefixtures("filled")
def test_what_is_not_there(run: Run) -> None:
    nothing = run("predict", "nope", "--json")
    assert (nothing.code, nothing.error["type"]) == (1, "NotFound")
    assert "No session begins with" in run("predict", "deploy", "--session", "nope").err
    wrong = run("predict", "--session", "x")
    assert wrong.code == 2
    assert "NAME" in wrong.err
    assert "evaluate" in run("predict", "--help").out


def test_few_outcomes_are_told_by_rates_and_that_is_said(url: str, run: Run) -> None:
    with open_store(url, clock=FakeClock()) as store:
        store.record(invocation(f"e{n}", invoked_at=shifted(NOW, hours=-n)) for n in range(20))
    shown = run("predict", "pytest-run").out
    assert "by rate of the user with the skill" in shown
    assert "Not enough data to learn from: 20 outcomes." in shown


def test_recommendations_lean_on_chances(url: str) -> None:
    with open_store(url, clock=FakeClock()) as store:
        store.record(history())
        kept = read_predictor(store, now=NOW, is_learning=True)
        learned, question = read_learned(store, now=NOW), Question(session="session-79", limit=5)
        chances = chances_of(store, kept, now=NOW)
        assert chances is not None
        plain = recommendations(store, learned, question)
        leaning = recommendations(store, learned, question, chances=chances)
        (rated,), (told,) = plain.skills, leaning.skills
        asked = predict(store, kept, "publish", Context(session="session-79"), now=NOW)
        card = msgspec.structs.replace(kept.card, algorithm="logistic regression", is_fallback=True)
        assert chances_of(store, msgspec.structs.replace(kept, card=card), now=NOW) is not None
        assert rated.skill == told.skill == "publish"
        assert rated.chance is None
        assert told.chance == pytest.approx(asked.chance)
        # In place of its rate, drawn towards that of all by ten uses.
        every = sum(one.outcome is Outcome.COMPLETED for one in history()) / 960
        rate = (rated.completed + 10 * every) / (rated.completed + rated.failed + 10)
        assert told.score == pytest.approx(rated.score * told.chance / rate, rel=1e-3)


def test_without_anything_learned_recommendations_have_no_chances(url: str) -> None:
    with open_store(url, clock=FakeClock()) as store:
        store.record(history(4))
        assert chances_of(store, read_predictor(store, now=NOW), now=NOW) is None
        assert chances_of(store, read_predictor(store, now=NOW, is_learning=True), now=NOW) is None
