"""``recommend``: what to use next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.model import Invocation, Outcome, SkillFacts
from session_buddy.reports.asker import Question
from session_buddy.reports.recommendations import Learned, read_learned, recommendations
from session_buddy.reports.similar import read_similar
from session_buddy.storage import Store, open_store
from tests.cli.conftest import Run
from tests.making import NOW, FakeClock, invocation, shifted


def history(users: int = 1) -> Iterator[Invocation]:
    """Sessions that test, lint and deploy; others whose build mostly fails; the latest has but tested."""
    for number in range(24):
        skills = {"pytest-run", "ruff-check", "deploy"} if number % 2 else {"pytest-run", "docker-build", "publish"}
        for skill in sorted(skills if number else {"pytest-run"}):
            yield invocation(
                f"{number}-{skill}",
                session_id=f"session-{number:02}",
                user_id=f"user-{number % users}",
                skill_name=skill,
                invoked_at=shifted(NOW, days=-number),
                outcome=Outcome.FAILED if skill == "docker-build" and number % 10 else Outcome.COMPLETED,
            )


@pytest.fixture
def filled(url: str) -> None:
    with open_store(url, clock=FakeClock()) as store:
        store.record(history())


@pytest.mark.usefixtures("filled")
def test_it_answers_for_the_latest_session_with_reasons_and_without_what_fails(run: Run) -> None:
    answer = run("recommend", "--json").json
    assert answer["asked_by"] == "the latest session, session-"
    assert answer["known"] == ["pytest-run"]
    assert {one["skill"] for one in answer["skills"]} == {"ruff-check", "deploy", "publish"}
    (linter,) = (one for one in answer["skills"] if one["skill"] == "ruff-check")
    assert linter["goes_with"] == ["pytest-run"]
    assert linter["why"].startswith("goes with pytest-run; used by ")
    assert linter["why"].endswith("of 20 similar sessions; completed 100 % of 12")
    assert (linter["completed"], linter["failed"], linter["success_rate"]) == (12, 0, 1.0)
    assert answer["left_out"] == [{"skill": "docker-build", "completed": 2, "failed": 9}]


@pytest.mark.usefixtures("filled")
def test_where_nothing_has_a_chance_no_column_is_there_for_it(run: Run) -> None:
    assert all(one["chance"] is None for one in run("recommend", "--json").json["skills"])
    assert "here" not in run("recommend").out


@pytest.mark.usefixtures("filled")
def test_it_answers_for_a_session_or_for_skills(run: Run) -> None:
    for_session = run("recommend", "--session", "session-01", "--json").json
    assert (for_session["asked_by"], len(for_session["known"])) == ("session session-", 3)
    assert [one["skill"] for one in for_session["skills"]] == ["publish"]
    for_skills = run("recommend", "--with", "deploy", "--with", "ruff-check", "--limit", "1", "--json").json
    assert for_skills["asked_by"] == "whoever uses deploy and ruff-check"
    assert [one["skill"] for one in for_skills["skills"]] == ["pytest-run"]


@pytest.mark.usefixtures("filled")
def test_what_is_not_known_is_named(run: Run) -> None:
    for arguments, problem in (
        (("--with", "nope"), "'nope' is not known here"),
        (("--session", "nope"), "No session begins with 'nope'"),
        (("--limit", "0"), "0 is not in the range"),
        (("--phase", "nope"), "'nope'"),
    ):
        told = run("recommend", *arguments)
        assert told.code
        assert problem in told.err


@pytest.mark.usefixtures("filled")
def test_the_screen_shows_it_and_how_good_it_is(run: Run) -> None:
    shown = run("recommend").out
    assert "ruff-check" in shown
    assert "left out: docker-build, which completed 2 of 11" in shown
    assert "for the latest session, session-, from 1 known skill; by " in shown
    assert "nDCG@10" in run("recommend", "evaluate").out
    evaluation = run("recommend", "evaluate", "--json").json
    assert (evaluation["compared"], evaluation["asked"], evaluation["skills"]) == ("session", 23, 5)
    ranked = [one["ndcg"] for one in evaluation["candidates"]]
    assert ranked == sorted(ranked, reverse=True)
    assert {"popularity", "specification", "item-kNN", "EASE"} <= {one["algorithm"] for one in evaluation["candidates"]}


@pytest.mark.usefixtures("filled")
def test_it_is_learned_anew_once_there_is_more_to_learn_from(run: Run, url: str) -> None:
    assert run("recommend", "--json").json["version"] == 1
    assert run("recommend", "--json").json["version"] == 1
    with open_store(url, clock=FakeClock()) as store:
        store.record([invocation("later", skill_name="mypy", invoked_at=shifted(NOW, minutes=1))])
    assert run("recommend", "--json").json["version"] == 2


def record_work_in(folder: Path, store: Store) -> None:
    """Record sessions that test, and half of them lint Go, half Rust; the latest only tests, in *folder*."""
    (folder / "src").mkdir(parents=True)
    for number in range(3):
        (folder / "src" / f"{number}.rs").touch()
    store.describe(
        SkillFacts(skill_name=name, category="code", modality="code", description=f"Lints {language} sources.")
        for name, language in (("lint-a", "Go"), ("lint-b", "Rust"))
    )
    store.record(
        invocation(
            f"{number}-{skill}", session_id=f"session-{number:02}", user_id="bob" if number else "ann",
            skill_name=skill,
            invoked_at=shifted(NOW, days=-number), outcome=Outcome.COMPLETED, project=str(folder),
        )
        for number in range(12)
        for skill in (("test", "lint-a" if number % 2 else "lint-b") if number else ("test",))
    )  # fmt: skip


def test_the_language_of_the_folder_counts(run: Run, url: str, tmp_path: Path) -> None:
    with open_store(url, clock=FakeClock()) as store:
        record_work_in(tmp_path / "project", store)

    def first(*arguments: str) -> tuple[str, list[str]]:
        answer = run("recommend", "--json", *arguments).json
        return answer["skills"][0]["skill"], answer["languages"]

    assert first() == first("--user-id", "ann") == first("--session", "session-00") == ("lint-b", ["Rust"])
    assert first("--language", "Go") == ("lint-a", ["Go"])
    assert first("--with", "test")[1] == []
    assert "from 1 known skill, in Rust; by " in run("recommend").out


class TestInAnExperiment:
    """The strategy of a user's variant answers."""

    @pytest.fixture(autouse=True)
    def begun(self, run: Run, url: str, tmp_path: Path) -> None:
        with open_store(url, clock=FakeClock()) as store:
            record_work_in(tmp_path / "project", store)
        for name, control, treatment in (
            ("advice", "recommended_by_popularity", "recommended_by_content"),
            ("finding", "semantic_search", "workflow_aware_search"),
            ("other", "semantic_search", "nobody_registered_this"),
        ):
            assert run("experiment", "create", name, "--control", control, "--treatment", treatment).code == 0
            assert run("experiment", "start", name).code == 0

    def test_recommendations_are_those_of_the_variant_and_an_exposure_is_recorded(self, run: Run, url: str) -> None:
        by = {"control": "popularity", "treatment": "content"}
        met = {}
        for number in range(12):
            tried = run("recommend", "--experiment", "advice", "--user-id", f"user {number}", "--json").json
            assert tried["answer"]["algorithm"] == by[tried["variant"]]
            assert (tried["experiment"], tried["standing"]) == ("advice", "assigned")
            met[f"user {number}"] = tried["variant"]
        assert set(met.values()) == {"control", "treatment"}
        with open_store(url, clock=FakeClock()) as store:
            rows = store.query("SELECT user_id, count(*) FROM ab_test_exposures GROUP BY user_id").rows
        assert dict(rows) == dict.fromkeys(met, 1)

    def test_a_search_is_that_of_the_variant(self, run: Run) -> None:
        by = {"control": "semantic_search", "treatment": "workflow_aware_search"}
        seen = set()
        for number in range(12):
            tried = run("search", "lint", "--experiment", "finding", "--user-id", f"user {number}", "--json").json
            assert tried["answer"]["strategy"] == tried["strategy"] == by[tried["variant"]]
            seen.add(tried["variant"])
        assert seen == set(by)

    def test_who_asks_without_a_name_is_the_user_of_the_latest_session(self, run: Run) -> None:
        assert run("recommend", "--experiment", "advice", "--json").json["user_id"] == "ann"
        assert run("search", "lint", "--experiment", "finding", "--json").json["user_id"] == "ann"
        assert " of user ann" in run("recommend", "--experiment", "advice").out
        assert "experiment finding: " in run("search", "lint", "--experiment", "finding").out

    @pytest.mark.parametrize("command", [("recommend",), ("search", "lint")])
    def test_what_cannot_be_is_named(self, run: Run, command: tuple[str, ...]) -> None:
        for name, problem in (("none", "no experiment 'none'"), ("other", "'other' names a strategy")):
            told = run(*command, "--experiment", name)
            assert told.code
            assert problem in told.err


@pytest.mark.usefixtures("filled")
def test_who_is_alike(run: Run) -> None:
    found = run("recommend", "similar", "--session", "session-01", "--limit", "3", "--json").json
    assert (found["compared"], found["known"]) == ("session", ["deploy", "pytest-run", "ruff-check"])
    assert [one["similarity"] for one in found["similar"]] == [1.0, 1.0, 1.0]
    assert "session-01" not in {one["id"] for one in found["similar"]}
    shown = run("recommend", "similar", "--with", "publish").out
    assert "0.33" in shown
    assert "to whoever uses publish, by 1 known skill" in shown
    for command in (("recommend", "similar"), ("recommend",)):
        unknown = run(*command, "--user-id", "nobody")
        assert unknown.code
        assert "No user of this store begins with 'nobody'" in unknown.err
        assert run(*command, "--user-id", "us", "--json").json["asked_by"] == "user user-0"


@pytest.mark.usefixtures("filled")
def test_other_strategies_recommend_by_other_means(run: Run) -> None:
    by = {
        strategy: run("recommend", "--with", "deploy", "--strategy", f"recommended_by_{strategy}", "--json").json
        for strategy in ("popularity", "clusters")
    }
    assert {strategy: answer["algorithm"] for strategy, answer in by.items()} == {
        "popularity": "popularity",
        "clusters": "clusters",
    }
    assert run("recommend", "--strategy", "nope").code


def test_an_empty_store_has_nothing_to_recommend(run: Run, url: str) -> None:
    with open_store(url):
        pass
    assert run("recommend", "--json").json["skills"] == []
    assert "Nothing to recommend" in run("recommend").out
    assert "Not enough data" in run("recommend", "evaluate").out


class TestUsers:
    """With ten users or more, users are compared, and of few nothing is told."""

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        with open_store(url, clock=FakeClock()) as store:
            store.record(history(users=12))
            yield store

    @pytest.fixture
    def learned(self, store: Store) -> Learned:
        return read_learned(store, now=NOW)

    def test_a_user_is_recommended_what_similar_users_use(self, store: Store, learned: Learned) -> None:
        answer = recommendations(store, learned, Question(user_id="user-1"))
        assert (answer.compared, answer.asked_by) == ("user", "user user-1")
        assert answer.known == ["deploy", "pytest-run", "ruff-check"]
        assert [one.skill for one in answer.skills] == ["publish"]

    def test_in_a_session_nothing_is_recommended_that_its_user_uses_elsewhere(self, store: Store) -> None:
        store.record(
            [
                invocation(
                    "new", user_id="user-1", session_id="new", skill_name="deploy", invoked_at=shifted(NOW, hours=1)
                )
            ]
        )
        learned = read_learned(store, now=shifted(NOW, hours=2))
        answer = recommendations(store, learned, Question(session="new"))
        assert answer.known == ["deploy"]
        assert [one.skill for one in answer.skills] == ["publish"]

    @pytest.mark.parametrize(
        "question",
        [
            Question(user_id="user-1"),
            Question(user_id="user-1", skills=("deploy",)),
            Question(session="session-01"),
        ],
    )
    def test_whoever_asks_is_not_like_themselves(self, store: Store, learned: Learned, question: Question) -> None:
        # Five others use the same, and six share one skill.
        assert recommendations(store, learned, question).alike == 11
        similar = read_similar(store, learned, question).similar
        assert "user-1" not in {one.id for one in similar}
        assert [(one.similarity, one.in_common, one.skills) for one in similar[:5]] == [(1.0, 3, 3)] * 5

    def test_fewer_users_than_the_minimum_are_not_counted_out(self, store: Store, learned: Learned) -> None:
        store.record(
            [
                invocation(
                    "rare", user_id="user-3", session_id="rare", skill_name="rare", invoked_at=shifted(NOW, minutes=1)
                )
            ]
        )
        answer = recommendations(store, read_learned(store, learned, now=shifted(NOW, hours=1), is_fresh=True),
                                 Question(user_id="user-1"))  # fmt: skip
        (rare,) = (one for one in answer.skills if one.skill == "rare")
        assert "used by fewer than 5 of 11 similar users" in rare.why

    def test_what_was_learned_is_read_once(self, store: Store, learned: Learned) -> None:
        assert read_learned(store, learned, now=NOW) is learned
