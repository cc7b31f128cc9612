"""Experiments in a store: from draft to archive, who takes part, how it went, and who did what when."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias, Unpack

import msgspec

from session_buddy.errors import (
    ExperimentExists,
    InvalidInput,
    NamespaceTaken,
    StoreBusy,
)
from session_buddy.experiments import enrolling, recording
from session_buddy.experiments.assignment import Assignment
from session_buddy.experiments.covariates import freeze_covariates
from session_buddy.experiments.design import Experiment, Status
from session_buddy.experiments.lifecycle import (
    Action,
    changed,
    moved,
    require_free,
    require_metrics,
    require_strategies,
)
from session_buddy.experiments.outcomes import OutcomesRecorded, TrialOutcome
from session_buddy.experiments.reading import (
    ExperimentList,
    UnreadableExperiment,
    as_of,
    read_all,
    read_names,
    read_row,
)
from session_buddy.experiments.rows import (
    CONFIGS,
    EVENTS,
    ExperimentEvent,
    config_row,
    event_of,
    event_row,
    experiment_of,
    number_of,
)
from session_buddy.experiments.settings import Settings
from session_buddy.storage.store import Clock, Store

__all__ = ["ExperimentList", "Experiments", "UnreadableExperiment"]

_EVENTS = f"SELECT {', '.join(EVENTS.columns)} FROM {EVENTS.source} WHERE test_id = ? ORDER BY event_id"
_NEWEST_EVENT = f"SELECT max(event_id) FROM {EVENTS.source}"
_TEST_BITS, _OUTCOME_BITS, _TIE_BITS = 48, 63, 12
_ATTEMPTS = 20

# Inside the class, list is a method.
_Events: TypeAlias = list[ExperimentEvent]
_Assignments: TypeAlias = list[Assignment]


class Experiments:
    """The experiments of *store*. Safe to use from several threads, and by several processes at once.

    Experiments are asked for by name, or by number. Arguments and answers are plain values, so that whatever can send
    JSON can call it. *clock* tells the time; *strategies* are the names that a start allows, any if left out;
    *random_bits* makes ids. Every change is one row of :meth:`history` with its *actor*, stored together with it.

    Methods raise :class:`UnknownExperiment` where there is none of that name, and :class:`ExperimentUnreadable` where
    its row makes no sense; besides that what is said with each, and :class:`~session_buddy.errors.StoreError`.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock | None = None,
        strategies: Collection[str] | None = None,
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._store, self._strategies, self._random_bits = store, strategies, random_bits
        self._clock = clock or _utc_now

    def create(self, test_name: str, *, actor: str, **settings: Unpack[Settings]) -> Experiment:
        """Return a new draft; see :class:`~session_buddy.experiments.settings.Settings` for what can be said of it.

        Both strategies must be named. Raises :class:`ExperimentExists` and :class:`InvalidInput`.
        """
        _require_text("test_name", test_name)
        _require_text("actor", actor)
        now = self._clock()
        bare = Experiment(
            test_id=number_of("experiment", test_name, bits=_TEST_BITS),
            test_name=test_name,
            control_strategy=_named(settings, "control_strategy"),
            treatment_strategy=_named(settings, "treatment_strategy"),
            start_date=now,
        )
        draft, _ = changed(bare, settings, now=now)
        names = read_names(self._store)
        if test_name not in names and draft.test_id not in names.values():
            event = self._event(draft, Action.CREATE, actor, msgspec.to_builtins(dict(settings)), now)
            if self._store.swap_row(CONFIGS, None, config_row(draft), beside=[(EVENTS, [event_row(event)])]):
                return draft
        raise ExperimentExists(
            f"There is an experiment {test_name!r} already.",
            remedy="Choose another name: users are shared out by it, so none is used twice.",
        )

    def start(self, experiment: str | int, *, actor: str) -> Experiment:
        """Let users in from now on; what they did before is kept as it is known now.

        Raises :class:`WrongState` for what is no draft, :class:`NamespaceTaken`, :class:`UnknownStrategy`, and
        :class:`InvalidInput` for metrics that there are not and an end that has passed.
        """

        def begin(draft: Experiment, now: str) -> tuple[Experiment, dict[str, Any]]:
            begun = moved(draft, Action.START, now=now)
            require_metrics(begun)
            require_strategies(begun, self._strategies)
            require_free(begun, self.list().experiments, now=now)
            return begun, {"users_before": freeze_covariates(self._store, begun, start=now)}

        begun = self._change(experiment, Action.START, actor, begin)
        self._step_back_where_taken(begun, actor)
        return begun

    def pause(self, experiment: str | int, *, actor: str) -> Experiment:
        """Add nobody from now on; who takes part goes on. Raises :class:`WrongState`."""
        return self._move(experiment, Action.PAUSE, actor)

    def resume(self, experiment: str | int, *, actor: str) -> Experiment:
        """Let users in again. Raises :class:`WrongState`."""
        return self._move(experiment, Action.RESUME, actor)

    def stop(self, experiment: str | int, *, actor: str) -> Experiment:
        """End it now; outcomes from before may still be told. Raises :class:`WrongState`."""

        def end(running: Experiment, now: str) -> tuple[Experiment, dict[str, Any]]:
            planned = {"planned_end_date": running.end_date} if running.end_date else {}
            return moved(running, Action.STOP, now=now), planned

        return self._change(experiment, Action.STOP, actor, end)

    def conclude(self, experiment: str | int, *, actor: str, decision: str) -> Experiment:
        """Say what was decided; from now on no outcome is taken in. Raises :class:`WrongState`."""
        _require_text("decision", decision)
        return self._move(experiment, Action.CONCLUDE, actor, decision=decision)

    def archive(self, experiment: str | int, *, actor: str) -> Experiment:
        """Put it away. Raises :class:`WrongState` while it runs."""
        return self._move(experiment, Action.ARCHIVE, actor)

    def change(self, experiment: str | int, *, actor: str, **settings: Unpack[Settings]) -> Experiment:
        """Change settings: all of a draft; later description, end, ratio, overrides, and enrolment to more.

        Who was assigned before a change of the ratio keeps the variant, and is left out of the analysis. Raises
        :class:`WrongState` for what is fixed, :class:`InvalidInput` for what makes no sense.
        """

        def alter(before: Experiment, now: str) -> tuple[Experiment, dict[str, Any]]:
            return changed(before, settings, now=now)

        return self._change(experiment, Action.CHANGE, actor, alter)

    def get(self, experiment: str | int) -> Experiment:
        """Return an experiment; past its ``end_date`` it is stopped."""
        return as_of(experiment_of(read_row(self._store, experiment)), self._clock())

    def list(self, *, status: Status | str | None = None) -> ExperimentList:
        """Return all experiments, or those with *status*, the newest first, and the rows that make no sense."""
        found, wanted = read_all(self._store, now=self._clock()), _status(status)
        experiments = [one for one in found.experiments if wanted in (None, one.status)]
        return ExperimentList(experiments=experiments, unreadable=found.unreadable)

    def history(self, experiment: str | int) -> _Events:
        """Return all that was done to an experiment, oldest first."""
        return [event_of(row) for row in self._store.query(_EVENTS, [read_row(self._store, experiment)[0]]).rows]

    def assign(self, experiment: str | int, user_id: str) -> Assignment:
        """Return what a user gets, and record it where the user takes part; it stays so.

        Raises :class:`InvalidInput` for what is no id.
        """
        return self.assign_many(experiment, [user_id])[0]

    def assign_many(self, experiment: str | int, user_ids: Iterable[str]) -> _Assignments:
        """Return the same for many users, in their order."""
        now = self._clock()  # first: who gets a rule that is about to change must not seem to come after the change
        return enrolling.assign_users(self._store, self.get(experiment), user_ids, now=now)

    def expose(self, experiment: str | int, user_id: str) -> Assignment:
        """Return what a user gets, and note that the user meets it now: not everybody who is assigned ever does."""
        now, found = self._clock(), self.get(experiment)
        assignments = enrolling.assign_users(self._store, found, [user_id], now=now)
        enrolling.expose_users(self._store, found, assignments, now=now)
        return assignments[0]

    def record_outcomes(
        self, experiment: str | int, outcomes: Iterable[TrialOutcome | Mapping[str, Any]]
    ) -> OutcomesRecorded:
        """Record how uses ended, all or none of them; fields are those of :class:`TrialOutcome`.

        With a key, an outcome may be told again and counts once. Outcomes of users who take no part are left out, and
        said to be. Raises :class:`InvalidInput`, which names index and field, :class:`WrongState` for a draft, and
        after the end, and :class:`DuplicateOutcome` for a key with something else behind it.
        """
        return recording.record_outcomes(
            self._store,
            self.get(experiment),
            outcomes,
            now=self._clock(),
            new_id=lambda: self._random_bits(_OUTCOME_BITS),
        )

    def _step_back_where_taken(self, begun: Experiment, actor: str) -> None:
        """Make a draft again of what another experiment's start, at the same moment, leaves no users for.

        Two who start at once see each other only when both have: whoever does steps back, so that never both run.
        """

        def step_back(found: Experiment, _: str) -> tuple[Experiment, dict[str, Any]]:
            return msgspec.structs.replace(found, status=Status.DRAFT), {"status": (found.status, Status.DRAFT)}

        try:
            require_free(begun, self.list().experiments, now=self._clock())
        except NamespaceTaken:
            self._change(begun.test_id, Action.CHANGE, actor, step_back)
            raise

    def _move(self, experiment: str | int, action: Action, actor: str, **details: Any) -> Experiment:
        return self._change(experiment, action, actor, lambda found, now: (moved(found, action, now=now), details))

    def _change(
        self,
        experiment: str | int,
        action: Action,
        actor: str,
        alter: Callable[[Experiment, str], tuple[Experiment, dict[str, Any]]],
    ) -> Experiment:
        """Write what *alter* makes of an experiment and what it says of that; again, where somebody was faster."""
        _require_text("actor", actor)
        for _ in range(_ATTEMPTS):
            row, now = read_row(self._store, experiment), self._clock()
            before = as_of(experiment_of(row), now)
            after, details = alter(before, now)
            if after == before:
                return before
            event = self._event(after, action, actor, details, now)
            if self._store.swap_row(CONFIGS, row, config_row(after), beside=[(EVENTS, [event_row(event)])]):
                return after
        raise StoreBusy(f"{experiment!r} is changed by others all the time.", remedy="Try again.")

    def _event(
        self, experiment: Experiment, action: Action, actor: str, details: Mapping[str, Any], now: str
    ) -> ExperimentEvent:
        ((newest,),) = self._store.query(_NEWEST_EVENT).rows
        # In the order of time, and after all there is, so that nothing of it is written over.
        by_time = int(datetime.fromisoformat(now).timestamp() * 1000) << _TIE_BITS
        return ExperimentEvent(
            # Two who write at once, behind a clock that was ahead, must not come to the same number.
            event_id=max(by_time, (newest or 0) + 1) + self._random_bits(_TIE_BITS),
            test_id=experiment.test_id,
            happened_at=now,
            actor=actor,
            action=action.value,
            details=dict(details) or None,
        )


def _status(status: Status | str | None) -> Status | None:
    try:
        return None if status is None else Status(status)
    except ValueError as error:
        raise InvalidInput("status", f"{status!r} is none.", remedy=f"There are: {', '.join(Status)}.") from error


def _named(settings: Mapping[str, Any], name: str) -> str:
    _require_text(name, settings.get(name))
    return str(settings[name])


def _require_text(field: str, text: object) -> None:
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput(field, "is missing.", remedy="Say it in words.")


def _utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
