"""One use under an experiment: which variant it gets, and how it ended, around the code that does the work.

::

    with experiment(experiments, "search", user_id="ann", skill="find") as trial:
        found = SEARCHES[trial.strategy](question)
        trial.rate(4)

Measuring must not break what is measured: where the store cannot be used, the code gets control, or keeps what it got,
goes on, and a warning is logged (logger ``session_buddy.experiments.trial``). What the caller got wrong is raised: a
name that there is not, an empty user. Whoever takes no part gets control, and nothing is recorded of it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from session_buddy.errors import InvalidInput, NotFound, SessionBuddyError
from session_buddy.experiments.assignment import Assignment, Standing, Variant
from session_buddy.experiments.lifecycle import require_strategies
from session_buddy.experiments.outcomes import TrialOutcome, is_text
from session_buddy.experiments.records import Experiments

__all__ = ["Trial", "Use", "experiment", "under_experiment"]

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)


class Trial:
    """What the code under an experiment sees of it."""

    def __init__(self, assignment: Assignment, strategy: str | None) -> None:
        self.assignment = assignment
        self.strategy = strategy
        """The name of the strategy to use; ``None`` where the experiment could not be read and none was given."""
        self.rating: float | None = None
        self.has_failed = False

    @property
    def variant(self) -> Variant:
        """What the user gets."""
        return self.assignment.variant

    def rate(self, rating: float) -> None:
        """Say how the user liked it, from 1 to 5; raises :class:`InvalidInput` for anything else."""
        if not 1 <= rating <= 5:
            raise InvalidInput("rating", f"{rating} is outside 1-5.", remedy="Rate from 1 to 5.")
        self.rating = float(rating)

    def fail(self) -> None:
        """Say that it did not succeed, though no exception says so."""
        self.has_failed = True


class Use(AbstractContextManager[Trial]):
    """See :func:`experiment`. To be entered once."""

    def __init__(
        self,
        experiments: Experiments,
        name: str | int,
        user_id: str,
        skill: str,
        fallback: str | None,
        strategies: Collection[str] | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._experiments, self._name, self._user_id, self._skill = experiments, name, user_id, skill
        self._fallback, self._strategies, self._monotonic = fallback, strategies, monotonic
        self._trial: Trial | None = None
        self._begun = 0.0

    def __enter__(self) -> Trial:
        if self._trial is not None:
            raise InvalidInput("experiment", "was entered before.", remedy="Call experiment() for each use.")
        self._trial = self._assigned()
        self._begun = self._monotonic()
        return self._trial

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        outcome = self._outcome(error)
        if outcome is not None:
            self._record(outcome)

    async def __aenter__(self) -> Trial:
        trial = await asyncio.to_thread(self.__enter__)
        self._begun = self._monotonic()
        return trial

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        outcome = self._outcome(error)
        if outcome is not None:
            await asyncio.to_thread(self._record, outcome)

    def _assigned(self) -> Trial:
        if not (self._skill.strip() and is_text(self._skill)):
            raise InvalidInput("skill", f"{self._skill!r} is no name.", remedy="Name what is used.")
        try:
            found = self._experiments.get(self._name)
            require_strategies(found, self._strategies)
            assignment = self._experiments.expose(found.test_id, self._user_id)
        except (NotFound, InvalidInput):
            raise
        except SessionBuddyError as error:
            _log.warning("%r is not followed for this use, which gets control: %s", self._name, error)
            return Trial(Assignment(self._user_id, Variant.CONTROL, Standing.NOT_RUNNING), self._fallback)
        return Trial(assignment, found.strategy_of(assignment.variant))

    def _outcome(self, error: BaseException | None) -> TrialOutcome | None:
        """Return how it ended; ``None`` where nothing is recorded: of who takes no part, and of what was broken off."""
        seconds, trial = self._monotonic() - self._begun, self._trial
        is_broken_off = error is not None and (not isinstance(error, Exception) or isinstance(error, CancelledError))
        if trial is None or not trial.assignment.takes_part or is_broken_off:
            return None
        return TrialOutcome(
            user_id=self._user_id,
            skill_name=self._skill,
            completed=error is None and not trial.has_failed,
            duration_seconds=max(0.0, seconds),
            user_rating=trial.rating,
        )

    def _record(self, outcome: TrialOutcome) -> None:
        try:
            left_out = self._experiments.record_outcomes(self._name, [outcome]).left_out
        except SessionBuddyError as error:
            _log.warning("An outcome of %r is lost: %s", self._name, error)
        else:
            for one in left_out:
                _log.warning("An outcome of %r is not recorded: its user is %s by now.", self._name, one.standing)


def experiment(
    experiments: Experiments,
    name: str | int,
    *,
    user_id: str,
    skill: str,
    fallback: str | None = None,
    strategies: Collection[str] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Use:
    """Return what to put around one use of *skill* by a user, ``with`` or ``async with``; it gives a :class:`Trial`.

    On entry the user is assigned and the exposure noted. On leaving the outcome is recorded: completed, unless an
    exception passes through, which goes on its way, or :meth:`Trial.fail` was called; with the time in between by the
    clock *monotonic*, in seconds, without what the store took. Being broken off (``KeyboardInterrupt``, the end of the
    program, the cancellation of a task, also by a timeout around this) is no outcome. *fallback* is the strategy where
    the experiment cannot be read, *strategies* are those that the code knows.

    Raises :class:`UnknownExperiment`, :class:`UnknownStrategy` before anything is recorded, and :class:`InvalidInput`
    for a user or skill that is none.
    """
    return Use(experiments, name, user_id, skill, fallback, strategies, monotonic)


def under_experiment(
    experiments: Experiments,
    name: str | int,
    *,
    user_id: Callable[P, str],
    skill: str,
    fallback: str | None = None,
    strategies: Collection[str] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Callable[[Callable[..., T]], Callable[P, T]]:
    """Return a decorator: each call of the function, plain or ``async``, is one use, as with :func:`experiment`.

    *user_id* is given the arguments of a call and returns whose it is; the function is given a :class:`Trial` as
    ``trial`` besides::

        @under_experiment(experiments, "search", user_id=lambda question, user: user, skill="find")
        def find(question, user, *, trial): ...

    Raises :class:`InvalidInput` for a generator, whose work begins after the call has returned, and for a function that
    takes no trial.
    """

    def decorated(function: Callable[..., T]) -> Callable[P, T]:
        _require_decorable(function)

        def use(*arguments: P.args, **options: P.kwargs) -> Use:
            user = user_id(*arguments, **options)
            return Use(experiments, name, user, skill, fallback, strategies, monotonic)

        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*arguments: P.args, **options: P.kwargs) -> Any:
                async with use(*arguments, **options) as trial:
                    return await function(*arguments, **options, trial=trial)

            return cast("Callable[P, T]", awaited)

        @wraps(function)
        def called(*arguments: P.args, **options: P.kwargs) -> T:
            with use(*arguments, **options) as trial:
                return function(*arguments, **options, trial=trial)

        return called

    return decorated


def _require_decorable(function: Callable[..., Any]) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidInput(
            "function",
            f"{function.__qualname__} is a generator: its work begins after the call.",
            remedy="Use 'with experiment(…)' inside of it.",
        )
    parameters = inspect.signature(function).parameters
    if "trial" not in parameters and not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        raise InvalidInput(
            "function", f"{function.__qualname__} takes no 'trial'.", remedy="Give it a parameter of this name."
        )
