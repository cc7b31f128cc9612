"""What tools write: outcomes, ratings, and who meets which variant of an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from session_buddy.errors import InvalidInput, NotFound
from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome
from session_buddy.server.fit_to_keep import canonical_moment, require_visible
from session_buddy.server.mcp.answers import Listed

if TYPE_CHECKING:
    from session_buddy.reports.paging import InvocationRow
    from session_buddy.server.mcp import arguments as asked
    from session_buddy.server.mcp.ground import Ground

__all__ = ["outcome", "rate", "variant"]

_SOURCE = "mcp"
_OPEN = ("running", "paused")


def outcome(ground: Ground, wanted: asked.OutcomeArguments, _: int) -> dict[str, Any]:
    """Record one use and how it ended; told again, it is the same one, and only what was not known of it is added."""
    from session_buddy.reports.uses import known_kind, read_use

    now = ground.clock()
    user_id = wanted.user_id or ground.user_id
    if wanted.experiment is not None and wanted.outcome is Outcome.ABANDONED:
        raise InvalidInput("outcome", "is 'abandoned', which no experiment counts.", remedy="Leave the experiment out.")
    failed = wanted.outcome is Outcome.FAILED
    for field in ("event_id", "skill", "session_id", "user_id"):
        require_visible(field, getattr(wanted, field))
    for alternative in wanted.alternatives:
        require_visible("alternatives", alternative)
    if wanted.experiment is not None:
        _require_experiment(ground, wanted.experiment)
    known = read_use(ground.store, wanted.event_id)
    skill = _meant(ground, wanted)
    if known is not None:
        _require_same_use(known, skill, user_id, wanted.outcome)
    invoked_at = canonical_moment(wanted.invoked_at) if wanted.invoked_at else now
    use = Invocation(
        event_id=wanted.event_id,
        session_id=wanted.session_id or f"{_SOURCE}:{user_id}:{invoked_at[:10]}",
        skill_name=skill,
        kind=wanted.kind or known_kind(ground.store, skill) or Kind.SKILL,
        invoked_at=invoked_at,
        source=_SOURCE,
        user_id=user_id,
        outcome=wanted.outcome,
        error_type=(wanted.error_type or ErrorType.OTHER) if failed else wanted.error_type,
        duration_ms=wanted.duration_ms,
        duration_source=DurationSource.REPORTED if wanted.duration_ms is not None else None,
        workflow_phase=wanted.phase,
        alternatives_considered=wanted.alternatives,
        rating=wanted.rating,
    )
    if known is not None:
        use = _more_of(known, use)
    answer: dict[str, Any] = {"receipt": ground.record([use]), "event_id": use.event_id, "session_id": use.session_id}
    return answer | (_told_to_experiment(ground, wanted, use) if wanted.experiment is not None else {})


def rate(ground: Ground, wanted: asked.RateArguments, _: int) -> dict[str, Any]:
    """Keep a rating of one use: the one named, or the user's latest of a skill."""
    from session_buddy.reports.profile import find_skill
    from session_buddy.reports.uses import read_latest_use, read_use

    user_id = wanted.user_id or ground.user_id
    if wanted.event_id is not None:
        row = read_use(ground.store, wanted.event_id)
        if row is not None and wanted.skill is not None and find_skill(ground.store, wanted.skill) != row.skill_name:
            raise InvalidInput(
                "skill", f"{wanted.skill!r} is not what {row.event_id!r} used.", remedy="Leave one of them out."
            )
        missing = f"There is no use with the id {wanted.event_id!r}."
    elif wanted.skill is not None:
        skill = find_skill(ground.store, wanted.skill)
        row = read_latest_use(ground.store, skill, user_id)
        missing = f"This user has not used {skill!r}."
    else:
        raise InvalidInput("event_id", "is missing, and so is skill.", remedy="Say what is rated by one of them.")
    if row is None:
        raise NotFound(missing, remedy="Record the use with record_outcome, and give the rating there.")
    use = Invocation(
        event_id=row.event_id,
        session_id=row.session_id,
        skill_name=row.skill_name,
        kind=row.kind,
        invoked_at=row.invoked_at,
        source=row.source,
        user_id=row.user_id,
        rating=wanted.rating,
    )
    return {"receipt": ground.record([use]), "event_id": row.event_id, "skill": row.skill_name, "rating": wanted.rating}


def variant(ground: Ground, wanted: asked.VariantArguments, _: int) -> Listed | dict[str, Any]:
    """Return what a user gets in an experiment, or which experiments there are."""
    from session_buddy.experiments.records import Experiments
    from session_buddy.reports.experiments import read_assignment

    experiments = Experiments(ground.store, clock=ground.clock)
    if wanted.experiment is None:
        rows = [
            {
                "experiment": one.test_name,
                "status": one.status,
                "control": one.control_strategy,
                "treatment": one.treatment_strategy,
            }
            for one in experiments.list().experiments
            if one.status in _OPEN
        ]
        return Listed({}, "experiments", rows)
    user_id = wanted.user_id or ground.user_id
    if wanted.exposed:
        given = experiments.expose(wanted.experiment, user_id)
    else:
        given = read_assignment(ground.store, wanted.experiment, user_id, now=ground.clock())
    found = experiments.get(wanted.experiment)
    met: dict[str, Any] = msgspec.to_builtins(given)
    return {"experiment": found.test_name, "strategy": found.strategy_of(given.variant)} | met


def _meant(ground: Ground, wanted: asked.OutcomeArguments) -> str:
    """Return the one skill that is meant, as other tools take it, where there is one; else it is a new one."""
    from session_buddy.reports.profile import find_skill

    if wanted.kind is not None:
        return wanted.skill
    try:
        return find_skill(ground.store, wanted.skill)
    except NotFound:
        return wanted.skill


def _require_experiment(ground: Ground, name: str) -> None:
    from session_buddy.experiments.records import Experiments

    Experiments(ground.store, clock=ground.clock).get(name)


def _require_same_use(known: InvocationRow, skill: str, user_id: str, outcome: Outcome) -> None:
    """Raise :class:`InvalidInput` where *known* is a use of something or somebody else: models make ids up."""
    if known.skill_name != skill:
        raise InvalidInput(
            "event_id",
            f"{known.event_id!r} is a use of {known.skill_name!r}.",
            remedy="Give this use an id of its own, a UUID, or name that skill.",
        )
    if known.user_id != user_id:
        raise InvalidInput(
            "event_id",
            f"{known.event_id!r} is a use of another user.",
            remedy="Give this use an id of its own, a UUID.",
        )
    if known.outcome is not None and known.outcome is not outcome:
        raise InvalidInput(
            "outcome",
            f"of {known.event_id!r} is known: it {known.outcome.value}, and that stays.",
            remedy="If this is another use, give it an id of its own, a UUID.",
        )


def _more_of(known: InvocationRow, use: Invocation) -> Invocation:
    """Return *use* as a later telling of *known*: where, when and, if known, how long it was stays."""
    changes: dict[str, Any] = {"session_id": known.session_id, "kind": known.kind, "invoked_at": known.invoked_at}
    if known.duration_ms is not None:
        changes |= {"duration_ms": None, "duration_source": None}
    return msgspec.structs.replace(use, **changes)


def _told_to_experiment(ground: Ground, wanted: asked.OutcomeArguments, use: Invocation) -> dict[str, Any]:
    from session_buddy.experiments.outcomes import TrialOutcome
    from session_buddy.experiments.records import Experiments

    told = TrialOutcome(
        user_id=use.user_id,
        skill_name=use.skill_name,
        completed=use.outcome is Outcome.COMPLETED,
        duration_seconds=None if use.duration_ms is None else use.duration_ms / 1000,
        user_rating=use.rating,
        recorded_at=use.invoked_at,
        key=use.event_id,
    )
    assert wanted.experiment is not None
    recorded = Experiments(ground.store, clock=ground.clock).record_outcomes(wanted.experiment, [told])
    return {"experiment": wanted.experiment, "experiment_outcomes": msgspec.to_builtins(recorded)}
