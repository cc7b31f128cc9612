"""Experiments between two ways to recommend, and two ways to search, from end to end."""

from __future__ import annotations

import pytest

from session_buddy.experiments.analysis import analyse
from session_buddy.experiments.assignment import Variant
from session_buddy.experiments.records import Experiments
from session_buddy.experiments.verdict import Decision
from session_buddy.learning.search.embedding import LetterEmbedder, ModelChoice
from session_buddy.learning.search.keeping import KeptIndex
from session_buddy.model import Kind, Outcome, SkillFacts
from session_buddy.ordering import RecommendStrategy
from session_buddy.reports.asker import Question
from session_buddy.reports.recommendations import Learned, read_learned
from session_buddy.reports.search import answer_search, ask
from session_buddy.reports.strategies import (
    recommendation_strategies,
    search_strategies,
)
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table
from tests.experiments.kit import Kit, kit, place
from tests.making import NOW, invocation, shifted

__all__ = ["kit", "place"]

CRAFTS = ("python", "rust", "go")


def record_crafts(store: Store) -> None:
    """Record users of three crafts, who use the skills of their own craft and one that everybody uses."""
    store.record(
        invocation(
            f"{user} {skill}", skill_name=skill, kind=Kind.SKILL, user_id=f"user-{user}", session_id=f"session-{user}",
            invoked_at=shifted(NOW, days=-1), outcome=Outcome.COMPLETED,
        )
        for user in range(60)
        for skill in ("everybody's", *(f"{CRAFTS[user % 3]}-{n}" for n in range(6) if n != user // 3 % 6))
    )  # fmt: skip


@pytest.mark.long
def test_recommending_by_what_is_used_beats_popularity(kit: Kit, place: Store) -> None:
    record_crafts(place)
    read = [read_learned(place, now=NOW)]
    strategies = recommendation_strategies(place, lambda: read[0])
    assert set(strategies) == set(RecommendStrategy)
    experiments = Experiments(place, clock=kit.clock, strategies=strategies)
    experiments.create(
        kit.name, actor="ann", control_strategy="recommended_by_popularity", treatment_strategy="recommended",
        min_sample_size=20,
    )  # fmt: skip
    experiments.start(kit.name, actor="ann")
    kit.clock.advance(hours=1)
    outcomes = []
    for number in range(60):
        user = f"user-{number}"
        answer = strategies.run(
            experiments, kit.name, Question(user_id=user, limit=1), user_id=user, skill="recommend",
            fallback=RecommendStrategy.RECOMMENDED,
        )  # fmt: skip
        missing = f"{CRAFTS[number % 3]}-{number // 3 % 6}"
        outcomes += [
            {"user_id": user, "skill_name": "recommend", "completed": answer.skills[0].skill == missing}
            for _ in range(5)
        ]
    experiments.record_outcomes(kit.name, outcomes)
    groups = {
        one.user_id: one.variant for one in experiments.assign_many(kit.name, {one["user_id"] for one in outcomes})
    }
    hits = {
        variant: {bool(one["completed"]) for one in outcomes if groups[str(one["user_id"])] is variant}
        for variant in Variant
    }
    assert hits[Variant.TREATMENT] == {True}
    assert False in hits[Variant.CONTROL]
    kit.clock.advance(hours=1)
    experiments.stop(kit.name, actor="ann")
    assert analyse(place, experiments.get(kit.name), now=kit.clock.now).verdict.decision is Decision.TREATMENT


def test_another_recommender_follows_what_was_learned_last(place: Store) -> None:
    record_crafts(place)
    read: list[Learned] = [read_learned(place, now=NOW)]
    strategies = recommendation_strategies(place, lambda: read[0])
    question = Question(user_id="user-0", limit=1)
    others = set(RecommendStrategy) - {RecommendStrategy.RECOMMENDED}
    answers = {name: strategies[name](question) for name in others}
    assert {answer.algorithm for answer in answers.values()} == {
        "popularity", "specification", "item-kNN", "EASE", "content", "clusters"
    }  # fmt: skip
    assert {answer.version for answer in answers.values()} == {1}
    place.record([invocation("later", skill_name="later", invoked_at=NOW)])
    read[0] = read_learned(place, read[0], now=shifted(NOW, hours=1), is_fresh=True)
    assert {strategies[name](question).version for name in strategies} == {2}


def test_searching_by_meaning_and_by_what_works_set_against_each_other(kit: Kit, place: Store) -> None:
    """Two skills that read alike, of which one hardly ever works: leaning towards what works finds the other."""
    place.record(
        invocation(f"{skill} {number}", skill_name=skill, kind=Kind.SKILL, invoked_at=shifted(NOW, days=-1),
                   outcome=Outcome.FAILED if skill == "deploy-app" and number % 10 else Outcome.COMPLETED)
        for skill in ("deploy-app", "deploy-sure")
        for number in range(50)
    )  # fmt: skip
    place.describe(
        SkillFacts(
            skill_name=name, category="deployment", modality="deployment", description="Deploy an app to servers."
        )
        for name in ("deploy-app", "deploy-sure")
    )
    kept = KeptIndex(place, LetterEmbedder(), clock=lambda: kit.clock.now)
    choice = ModelChoice(LetterEmbedder(), None)
    strategies = search_strategies(lambda search: answer_search(search, kept.read(), choice, now=kit.clock.now))
    experiments = Experiments(place, clock=kit.clock, strategies=strategies)
    experiments.create(
        kit.name, actor="ann", control_strategy="semantic_search", treatment_strategy="workflow_aware_search"
    )
    experiments.start(kit.name, actor="ann")
    first: dict[str, set[str]] = {"semantic_search": set(), "workflow_aware_search": set()}
    for number in range(20):
        answer = strategies.run(
            experiments,
            kit.name,
            ask("put it on servers"),
            user_id=f"user {number}",
            skill="search",
            fallback="semantic_search",
        )
        first[answer.strategy].add(answer.skills[0].skill)
    assert first == {"semantic_search": {"deploy-app"}, "workflow_aware_search": {"deploy-sure"}}


def test_the_clusters_of_the_store_recommend(place: Store) -> None:
    record_crafts(place)
    place.put_rows(
        plain_table("skill_clusters"),
        [(number, f"{craft} work", None, None, NOW) for number, craft in enumerate(CRAFTS, 1)],
    )
    place.put_rows(
        plain_table("skill_cluster_membership"),
        [(f"{craft}-{n}", number, 0.5 + n / 20) for number, craft in enumerate(CRAFTS, 1) for n in range(6)],
    )
    learned = read_learned(place, now=NOW)
    strategy = recommendation_strategies(place, lambda: learned)[RecommendStrategy.CLUSTERS]
    answer = strategy(Question(skills=("rust-0", "rust-1"), limit=4))
    # The surest of the same cluster first.
    assert [one.skill for one in answer.skills] == ["rust-5", "rust-4", "rust-3", "rust-2"]
    assert set(answer.skills[0].goes_with) == {"rust-0", "rust-1"}
