"""One use under an experiment, around code that must not notice."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from session_buddy.errors import InvalidInput, StoreAway, UnknownExperiment, UnknownStrategy
from session_buddy.experiments.assignment import Standing, Variant
from session_buddy.experiments.records import Experiments
from session_buddy.experiments.trial import Trial, experiment, under_experiment
from session_buddy.storage import Store
from tests.experiments.kit import Kit, kit, place

__all__ = ["kit", "place"]


def ticking(*steps: float) -> Callable[[], float]:
    """Return a clock that tells *steps*, one after the other."""
    return iter(steps).__next__


def stored(kit: Kit) -> list[tuple[Any, ...]]:
    return kit.rows("ab_test_outcomes", "user_id, skill_name, completed, duration_seconds, user_rating")


def use(kit: Kit, user_id: str = "u", **options: Any) -> Any:
    return experiment(kit.experiments, kit.name, user_id=user_id, skill="find", **options)


def test_a_use_is_assigned_met_timed_and_recorded(kit: Kit) -> None:
    kit.running()
    with use(kit, monotonic=ticking(100.0, 101.5)) as trial:
        assert stored(kit) == []
        assert [row[0] for row in kit.rows("ab_test_exposures", "user_id")] == ["u"]
        trial.rate(4)
    variant = kit.experiments.assign(kit.name, "u").variant
    assert (trial.variant, trial.assignment.standing) == (variant, Standing.ASSIGNED)
    assert trial.strategy == kit.experiments.get(kit.name).strategy_of(variant)
    assert stored(kit) == [("u", "find", 1, 1.5, 4.0)]


def test_both_variants_name_their_strategies(kit: Kit) -> None:
    kit.running()
    seen = set()
    for number in range(20):
        with use(kit, f"user {number}") as trial:
            seen.add((trial.variant, trial.strategy))
    assert seen == {(Variant.CONTROL, "semantic_search"), (Variant.TREATMENT, "workflow_aware_search")}


def test_an_exception_is_a_failure_and_goes_on_its_way(kit: Kit) -> None:
    kit.running()
    fault = ValueError("of the code")
    with pytest.raises(ValueError) as raised, use(kit, monotonic=ticking(0.0, 0.25)):
        raise fault
    assert raised.value is fault
    assert stored(kit) == [("u", "find", 0, 0.25, None)]


def test_the_code_may_say_that_it_failed(kit: Kit) -> None:
    kit.running()
    with use(kit, monotonic=ticking(0.0, 1.0)) as trial:
        trial.fail()
        trial.rate(1)
    assert stored(kit) == [("u", "find", 0, 1.0, 1.0)]


@pytest.mark.parametrize("rating", [0, 0.99, 5.01, -1, float("nan"), float("inf")])
def test_a_rating_that_is_none_is_told_at_once(kit: Kit, rating: float) -> None:
    kit.running()
    with use(kit) as trial, pytest.raises(InvalidInput, match="rating: "):
        trial.rate(rating)
    assert [row[4] for row in stored(kit)] == [None]


@pytest.mark.parametrize(
    "kind", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, concurrent.futures.CancelledError]
)
def test_what_is_broken_off_has_no_outcome(kit: Kit, kind: type[BaseException]) -> None:
    kit.running()
    with pytest.raises(kind), use(kit):
        raise kind
    assert stored(kit) == []
    assert len(kit.rows("ab_test_exposures")) == 1


def test_a_clock_that_goes_backwards_is_no_negative_time(kit: Kit) -> None:
    kit.running()
    with use(kit, monotonic=ticking(5.0, 4.0)):
        pass
    assert stored(kit) == [("u", "find", 1, 0.0, None)]


@pytest.mark.parametrize(
    ("settings", "begins", "standing"),
    [
        ({}, False, Standing.NOT_RUNNING),
        ({"enrolment": 1e-6}, True, Standing.NOT_ENROLLED),
        ({"overrides": {"u": "none"}}, True, Standing.OVERRIDDEN),
        ({"namespace": "trials", "namespace_end": 1e-6}, True, Standing.OUTSIDE_NAMESPACE),
    ],
)
def test_who_takes_no_part_gets_control_and_leaves_no_trace(
    kit: Kit, settings: dict[str, Any], begins: bool, standing: Standing, caplog: pytest.LogCaptureFixture
) -> None:
    kit.draft(**settings)
    if begins:
        kit.experiments.start(kit.name, actor="ann")
    with use(kit) as trial:
        trial.rate(5)
    with pytest.raises(ZeroDivisionError), use(kit):
        _ = 1 / 0
    assert (trial.variant, trial.strategy, trial.assignment.standing) == (Variant.CONTROL, "semantic_search", standing)
    for table in ("ab_test_assignments", "ab_test_exposures", "ab_test_outcomes"):
        assert kit.rows(table) == []
    assert not caplog.records
    if begins:
        kit.experiments.stop(kit.name, actor="ann")


def test_who_is_overridden_gets_that_and_leaves_no_trace(kit: Kit) -> None:
    kit.running(overrides={"u": "treatment"})
    with use(kit) as trial:
        assert (trial.variant, trial.strategy) == (Variant.TREATMENT, "workflow_aware_search")
    assert stored(kit) == kit.rows("ab_test_assignments") == []


class Failing:
    """A store that is away from one call on."""

    def __init__(self, store: Store) -> None:
        self.store, self.is_away = store, False

    def __getattr__(self, name: str) -> Any:
        if self.is_away:
            raise StoreAway("The server is away.", remedy="Try again.")
        return getattr(self.store, name)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}
    return [record.getMessage() for record in caplog.records]


def test_a_store_that_is_away_breaks_nothing_and_is_told_of(
    kit: Kit, place: Store, caplog: pytest.LogCaptureFixture
) -> None:
    kit.running()
    store = Failing(place)
    experiments = Experiments(store, clock=kit.clock)  # type: ignore[arg-type]
    store.is_away = True
    with experiment(experiments, kit.name, user_id="u", skill="find", fallback="plain") as trial:
        assert (trial.variant, trial.strategy, trial.assignment.takes_part) == (Variant.CONTROL, "plain", False)
    with experiment(experiments, kit.name, user_id="u", skill="find") as trial:
        assert trial.strategy is None
    with pytest.raises(ZeroDivisionError), experiment(experiments, kit.name, user_id="u", skill="find"):
        _ = 1 / 0
    assert [f"'{kit.name}' is not followed" in text and "server is away" in text for text in warnings(caplog)] == [
        True
    ] * 3
    store.is_away = False
    assert stored(kit) == []


def test_a_store_that_goes_away_meanwhile_costs_an_outcome_and_is_told_of(
    kit: Kit, place: Store, caplog: pytest.LogCaptureFixture
) -> None:
    kit.running()
    store = Failing(place)
    experiments = Experiments(store, clock=kit.clock)  # type: ignore[arg-type]
    with experiment(experiments, kit.name, user_id="u", skill="find") as trial:
        store.is_away = True
    assert trial.assignment.takes_part
    store.is_away = False
    with pytest.raises(ZeroDivisionError), experiment(experiments, kit.name, user_id="u", skill="find"):
        store.is_away = True
        _ = 1 / 0
    assert [text.partition(":")[0] for text in warnings(caplog)] == [f"An outcome of '{kit.name}' is lost"] * 2


def test_what_ends_or_is_overridden_meanwhile_is_told_of(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    kit.running()
    with use(kit):
        kit.experiments.change(kit.name, actor="ann", overrides={"u": "control"})
    kit.experiments.change(kit.name, actor="ann", overrides={})
    with use(kit):
        kit.experiments.stop(kit.name, actor="ann")
        kit.clock.advance(seconds=1)
    first, second = warnings(caplog)
    assert "its user is overridden by now" in first
    assert "is lost" in second and "ended at" in second
    assert stored(kit) == []


def test_what_the_caller_got_wrong_is_raised(kit: Kit) -> None:
    kit.running()
    with pytest.raises(UnknownExperiment, match="Did you mean"):
        experiment(kit.experiments, kit.name + "?", user_id="u", skill="find").__enter__()
    for user, skill, field in (("", "find", "user_id"), ("u", " ", "skill"), ("u", "half\ud800", "skill")):
        with pytest.raises(InvalidInput) as refused:
            experiment(kit.experiments, kit.name, user_id=user, skill=skill).__enter__()
        assert refused.value.field == field
    with pytest.raises(UnknownStrategy, match="'semantic_search' that nobody"):
        use(kit, strategies=["workflow_aware_search"]).__enter__()
    assert kit.rows("ab_test_assignments") == kit.rows("ab_test_exposures") == []


def test_each_use_is_entered_once(kit: Kit) -> None:
    kit.running()
    once = use(kit)
    with once:
        pass
    with pytest.raises(InvalidInput, match="Call experiment\\(\\) for each use"), once:
        pass
    assert len(stored(kit)) == 1


def test_a_row_that_makes_no_sense_breaks_nothing(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    kit.execute(
        "INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date, metrics)"
        f" VALUES ('{kit.name}', 'a', 'b', '2026-06-01', '[\"m\", \"m\"]')"
    )
    with use(kit, fallback="plain") as trial:
        assert (trial.variant, trial.strategy) == (Variant.CONTROL, "plain")
    assert "makes no sense" in warnings(caplog)[0]
    kit.execute(f"DELETE FROM ab_test_configs WHERE test_name = '{kit.name}'")


def decorated(kit: Kit, **options: Any) -> Any:
    return under_experiment(kit.experiments, kit.name, user_id=lambda question, *, user: user, skill="find", **options)


def test_a_decorated_function_is_a_use_each_time_it_is_called(kit: Kit) -> None:
    kit.running()

    @decorated(kit, monotonic=ticking(0.0, 1.0, 10.0, 12.0))
    def find(question: str, *, user: str, trial: Trial) -> str:
        """Find it."""
        if question == "?":
            raise LookupError
        trial.rate(5)
        return f"{question} by {trial.strategy}"

    assert (find.__name__, find.__doc__) == ("find", "Find it.")
    strategy = kit.experiments.get(kit.name).strategy_of(kit.experiments.assign(kit.name, "u").variant)
    assert find("where", user="u") == f"where by {strategy}"
    with pytest.raises(LookupError):
        find("?", user="v")
    assert stored(kit) == [("u", "find", 1, 1.0, 5.0), ("v", "find", 0, 2.0, None)]


def test_a_decorated_coroutine_function(kit: Kit) -> None:
    kit.running()

    @decorated(kit, monotonic=ticking(0.0, 1.0, 3.0, 10.0, 11.0, 15.0))
    async def find(question: str, *, user: str, trial: Trial) -> str:
        await asyncio.sleep(0)
        if question == "?":
            raise LookupError
        return f"{question} by {trial.strategy}"

    assert inspect.iscoroutinefunction(find)
    assert asyncio.run(find("where", user="u")).startswith("where by ")
    with pytest.raises(LookupError):
        asyncio.run(find("?", user="v"))
    # The time that entering took, in a thread, does not count.
    assert stored(kit) == [("u", "find", 1, 2.0, None), ("v", "find", 0, 4.0, None)]


def test_a_cancelled_task_has_no_outcome(kit: Kit) -> None:
    kit.running()

    async def cancelled() -> None:
        begun = asyncio.Event()

        async def work() -> None:
            async with use(kit):
                begun.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert stored(kit) == []
    assert len(kit.rows("ab_test_exposures")) == 1


def test_a_loop_goes_on_while_the_store_is_slow(kit: Kit, place: Store) -> None:
    kit.running()

    async def ticks_meanwhile() -> tuple[int, int]:
        ticks = 0
        slow = asyncio.Event()
        loop = asyncio.get_running_loop()

        class Slow:
            def __getattr__(self, name: str) -> Any:
                if name in ("put_rows", "query"):
                    asyncio.run_coroutine_threadsafe(slow.wait(), loop).result(30)
                return getattr(place, name)

        async def tick() -> None:
            nonlocal ticks
            while ticks < 5:
                ticks += 1
                await asyncio.sleep(0)
            slow.set()

        ticking_on = asyncio.create_task(tick())
        experiments = Experiments(Slow(), clock=kit.clock)  # type: ignore[arg-type]
        async with experiment(experiments, kit.name, user_id="u", skill="find"):
            before = ticks
            slow.clear()
            ticks = 0
            again = asyncio.create_task(tick())
        await asyncio.gather(ticking_on, again)
        return before, ticks

    assert asyncio.run(ticks_meanwhile()) == (5, 5)
    assert len(stored(kit)) == 1


def test_generators_and_functions_without_a_trial_are_refused(kit: Kit) -> None:
    def lines(question: str, *, user: str, trial: Trial) -> Iterator[str]:
        yield question

    async def later(question: str, *, user: str, trial: Trial) -> Any:
        yield question

    def blind(question: str, *, user: str) -> str:
        return question

    for function, problem in ((lines, "is a generator"), (later, "is a generator"), (blind, "takes no 'trial'")):
        with pytest.raises(InvalidInput, match=problem):
            decorated(kit)(function)
    assert callable(decorated(kit)(lambda **options: options))
