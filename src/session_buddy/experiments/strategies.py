"""Strategies by name, and running the one that a user's variant names.

A strategy is a function of one argument, the context, whatever that is; an experiment knows strategies only by name,
so that it can be entered, read and judged where none of them runs.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from difflib import get_close_matches
from inspect import isawaitable, iscoroutinefunction
from typing import Generic, TypeVar, cast

from session_buddy.errors import InvalidInput, UnknownStrategy
from session_buddy.experiments.records import Experiments
from session_buddy.experiments.trial import Use, experiment

__all__ = ["Strategies"]

C = TypeVar("C")
R = TypeVar("R")
S = TypeVar("S", bound=Callable[..., object])


class Strategies(Collection[str], Generic[C, R]):
    """Strategies from a context to a result, by name; as a collection, their names.

    >>> searches = Strategies[str, list[str]]()
    >>> @searches.register("shout")
    ... def shout(question: str) -> list[str]:
    ...     return [question.upper()]
    >>> searches["shout"]("where?"), "shout" in searches, list(searches)
    (['WHERE?'], True, ['shout'])
    """

    def __init__(self) -> None:
        self._by_name: dict[str, Callable[[C], R | Awaitable[R]]] = {}

    def register(self, name: str) -> Callable[[S], S]:
        """Return a decorator that registers a function, or coroutine function, under *name* and leaves it as it is.

        Raises :class:`InvalidInput` for a name that is empty or taken.
        """
        if not name.strip() or name in self._by_name:
            problem = f"{name!r} is taken." if name in self._by_name else "is empty."
            raise InvalidInput("strategy", problem, remedy="Give each strategy a name of its own.")

        def registered(strategy: S) -> S:
            self._by_name[name] = cast("Callable[[C], R | Awaitable[R]]", strategy)
            return strategy

        return registered

    def __getitem__(self, name: str) -> Callable[[C], R | Awaitable[R]]:
        """Return the strategy called *name*; raises :class:`UnknownStrategy`."""
        if name not in self._by_name:
            raise UnknownStrategy(
                f"There is no strategy {name!r}.",
                remedy=f"Register it, or name one of: {', '.join(sorted(self)) or 'none is registered'}.",
                suggestions=get_close_matches(name, self._by_name),
            )
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def run(
        self,
        experiments: Experiments,
        name: str | int,
        context: C,
        *,
        user_id: str,
        skill: str,
        fallback: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> R:
        """Return what the strategy that the user's variant in the experiment *name* names makes of *context*.

        This is one use, recorded as :func:`~session_buddy.experiments.trial.experiment` says; *fallback* is the
        strategy where the experiment cannot be read. Raises what that raises, :class:`UnknownStrategy` and
        :class:`InvalidInput` (a strategy here is to be awaited) before anything is recorded, and whatever the strategy
        raises.
        """
        awaited = next((one for one, strategy in self._by_name.items() if iscoroutinefunction(strategy)), None)
        if awaited is not None:
            raise InvalidInput("strategy", f"{awaited!r} is to be awaited.", remedy="Call run_async() instead.")
        with self._use(experiments, name, user_id, skill, fallback, monotonic) as trial:
            return cast("R", self[trial.strategy or fallback](context))

    async def run_async(
        self,
        experiments: Experiments,
        name: str | int,
        context: C,
        *,
        user_id: str,
        skill: str,
        fallback: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> R:
        """Do as :meth:`run` does, and await the strategy where it is a coroutine function."""
        async with self._use(experiments, name, user_id, skill, fallback, monotonic) as trial:
            result = self[trial.strategy or fallback](context)
            return cast("R", await result if isawaitable(result) else result)

    def _use(
        self,
        experiments: Experiments,
        name: str | int,
        user_id: str,
        skill: str,
        fallback: str,
        monotonic: Callable[[], float],
    ) -> Use:
        _ = self[fallback]
        return experiment(
            experiments,
            name,
            user_id=user_id,
            skill=skill,
            fallback=fallback,
            strategies=self,
            monotonic=monotonic,
        )
