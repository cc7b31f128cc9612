"""Strategies by name, and an experiment between two real ones from end to end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from session_buddy.errors import InvalidInput, NotFound, StoreAway, UnknownStrategy, WrongState
from session_buddy.experiments.analysis import analyse
from session_buddy.experiments.assignment import Variant
from session_buddy.experiments.records import Experiments
from session_buddy.experiments.strategies import Strategies
from session_buddy.experiments.verdict import Decision
from session_buddy.model import Kind, Outcome
from session_buddy.reports.strategies import MOST_RELIABLE, MOST_USED, SkillQuestion, skill_strategies
from session_buddy.storage import Store
from tests.experiments.kit import Kit, kit, place
from tests.making import NOW, invocation, shifted

__all__ = ["kit", "place"]


def shouting() -> Strategies[str, str]:
    strategies = Strategies[str, str]()
    strategies.register("semantic_search")(lambda question: f"control: {question}")

    @strategies.register("workflow_aware_search")
    def search(question: str) -> str:
        if question == "?":
            raise LookupError
        return f"treatment: {question}"

    return strategies


def test_a_registry_is_a_collection_of_names() -> None:
    strategies = shouting()
    assert sorted(strategies) == ["semantic_search", "workflow_aware_search"]
    assert len(strategies) == 2
    assert "semantic_search" in strategies and "other" not in strategies and 5 not in strategies
    assert strategies["semantic_search"]("a") == "control: a"


def test_each_name_is_one_strategy() -> None:
    strategies = shouting()
    for name, problem in (("semantic_search", "is taken"), ("", "is empty"), ("  ", "is empty")):
        with pytest.raises(InvalidInput, match=problem):
            strategies.register(name)
    with pytest.raises(UnknownStrategy, match="name one of: semantic_search, workflow_aware_search") as refused:
        strategies["semantic_serach"]
    assert isinstance(refused.value, NotFound)
    assert refused.value.suggestions == ["semantic_search"]


@pytest.mark.long
def test_the_user_s_variant_is_what_runs(kit: Kit) -> None:
    kit.running()
    strategies = shouting()
    options = {"skill": "find", "fallback": "semantic_search"}
    said = {
        user: strategies.run(kit.experiments, kit.name, "where", user_id=user, **options)
        for user in map(str, range(20))
    }
    assert {said.partition(":")[0] for said in said.values()} == {"control", "treatment"}
    assert {user: text.partition(":")[0] for user, text in said.items()} == dict(
        kit.rows("ab_test_assignments", "user_id, group_name")
    )
    assert len(kit.rows("ab_test_outcomes")) == 20
    treated = next(user for user, text in said.items() if text.startswith("treatment"))
    with pytest.raises(LookupError):
        strategies.run(kit.experiments, kit.name, "?", user_id=treated, **options)
    assert sum(completed for (completed,) in kit.rows("ab_test_outcomes", "completed")) == 20
    assert len(kit.rows("ab_test_outcomes")) == 21


def test_what_is_to_be_awaited_is(kit: Kit) -> None:
    kit.running()
    strategies = Strategies[str, str]()
    strategies.register("semantic_search")(lambda question: f"control: {question}")

    @strategies.register("workflow_aware_search")
    async def search(question: str) -> str:
        await asyncio.sleep(0)
        return f"treatment: {question}"

    options: dict[str, Any] = {"skill": "find", "fallback": "semantic_search"}

    async def everybody() -> list[str]:
        return [
            await strategies.run_async(kit.experiments, kit.name, "where", user_id=str(user), **options)
            for user in range(12)
        ]

    said = asyncio.run(everybody())
    groups = dict(kit.rows("ab_test_assignments", "user_id, group_name"))
    assert said == [f"{groups[str(user)]}: where" for user in range(12)]
    assert {"control: where", "treatment: where"} == set(said)
    with pytest.raises(InvalidInput, match=r"'workflow_aware_search' is to be awaited\. Call run_async"):
        strategies.run(kit.experiments, kit.name, "where", user_id="new", **options)
    assert len(kit.rows("ab_test_assignments")) == 12


def test_what_is_not_registered_runs_nothing_and_records_nothing(kit: Kit) -> None:
    kit.draft(treatment_strategy="elsewhere")
    kit.experiments.start(kit.name, actor="ann")
    strategies, options = shouting(), {"user_id": "u", "skill": "find"}
    with pytest.raises(UnknownStrategy, match="'elsewhere' that nobody registered"):
        strategies.run(kit.experiments, kit.name, "where", fallback="semantic_search", **options)
    with pytest.raises(UnknownStrategy, match="no strategy 'gone'"):
        strategies.run(kit.experiments, kit.name, "where", fallback="gone", **options)
    assert kit.rows("ab_test_assignments") == kit.rows("ab_test_exposures") == []


def test_without_a_store_the_fallback_runs(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            raise StoreAway("The server is away.", remedy="Try again.")

    experiments = Experiments(Away(), clock=kit.clock)  # type: ignore[arg-type]
    said = shouting().run(experiments, "any", "where", user_id="u", skill="find", fallback="workflow_aware_search")
    assert said == "treatment: where"
    assert "server is away" in caplog.text


QUESTION = SkillQuestion(limit=1, kinds=frozenset({Kind.SKILL}))


def used(skill: str, uses: int, failures: int) -> list[Any]:
    return [
        invocation(
            f"{skill} {number}", skill_name=skill, kind=Kind.SKILL, invoked_at=shifted(NOW, days=-1),
            outcome=Outcome.FAILED if number < failures else Outcome.COMPLETED,
        )
        for number in range(uses)
    ]  # fmt: skip


@pytest.mark.long
def test_an_experiment_between_two_real_strategies(kit: Kit, place: Store) -> None:
    """The most used skill fails four times in ten, the most reliable hardly ever: users who follow that do better."""
    place.record([*used("popular", 300, 120), *used("sure", 100, 1)])
    strategies = skill_strategies(place)
    experiments = Experiments(place, clock=kit.clock, strategies=strategies)
    draft = {"control_strategy": MOST_USED, "treatment_strategy": "most_liked", "min_sample_size": 20}
    experiments.create(kit.name, actor="ann", **draft)
    with pytest.raises(UnknownStrategy, match="name one of: most_reliable, most_used"):
        experiments.start(kit.name, actor="ann")
    experiments.change(kit.name, actor="ann", treatment_strategy=MOST_RELIABLE)
    experiments.start(kit.name, actor="ann")
    kit.clock.advance(hours=1)
    options: dict[str, Any] = {"skill": "choose", "fallback": MOST_USED}
    chosen = {
        user: strategies.run(experiments, kit.name, QUESTION, user_id=user, **options)[0].skill
        for user in (f"user {number}" for number in range(80))
    }
    ends = [
        {"user_id": user, "skill_name": skill, "completed": (number + 3 * use) % 7 > {"popular": 3, "sure": 0}[skill]}
        for number, (user, skill) in enumerate(chosen.items())
        for use in range(5)
    ]
    assert experiments.record_outcomes(kit.name, ends).added == 400
    groups = {one.user_id: one.variant for one in experiments.assign_many(kit.name, chosen)}
    assert {(groups[user], skill) for user, skill in chosen.items()} == {
        (Variant.CONTROL, "popular"),
        (Variant.TREATMENT, "sure"),
    }
    kit.clock.advance(hours=1)
    experiments.stop(kit.name, actor="ann")
    kit.clock.advance(seconds=1)
    with pytest.raises(WrongState):
        experiments.record_outcomes(kit.name, [{"user_id": "u", "skill_name": "s", "completed": True}])
    found = analyse(place, experiments.get(kit.name), now=kit.clock.now)
    assert found.verdict.decision is Decision.TREATMENT
    assert {name: head.exposed for name, head in found.health.heads.items()} == {
        variant.value: sum(group is variant for group in groups.values()) for variant in Variant
    }
    experiments.conclude(kit.name, actor="ann", decision=found.verdict.sentence)
    assert [event.action for event in experiments.history(kit.name)] == [
        "create", "change", "start", "stop", "conclude",
    ]  # fmt: skip
