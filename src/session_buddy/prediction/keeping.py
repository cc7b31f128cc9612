"""What tells chances in a store: learned now and then, kept with its version and its card."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.prediction.calibration import SAME, Calibration
from session_buddy.prediction.card import ModelCard, Span, card_of
from session_buddy.prediction.choosing import BASELINES, CANDIDATES, choose, fitted
from session_buddy.prediction.duration import Durations, fit_durations, quantiles_of
from session_buddy.prediction.explaining import Factor, factors_of
from session_buddy.prediction.features import FEATURES, features_of
from session_buddy.prediction.history import History, facts_of, history_of
from session_buddy.prediction.predictors import Predictor, UserSkillRate
from session_buddy.prediction.reading import Moment, Seen, read_seen, read_uses
from session_buddy.storage import Store
from session_buddy.storage.learned import (
    StoredModel,
    read_contents,
    read_model_details,
    read_model_version,
    write_model,
)

__all__ = ["Kept", "Told", "is_stale", "learn", "read_card", "read_kept", "read_version", "told", "unlearned"]

NAME = "success"
"""Of the row in ``learned_models``."""
MOST_LEARNED = 100_000
"""The newest so many outcomes are learned from; what was known before each follows from all uses."""
_FORMAT = 2
_GROWTH = 1.1
"""With so many times the outcomes that a choice was made from, it is made again."""

Numbers = NDArray[np.float64]


class _Packed(msgspec.Struct, frozen=True, kw_only=True):
    features: tuple[str, ...]
    """Those it was fitted to: with others it says nothing."""
    predictor: Predictor
    calibration: Calibration
    durations: Durations | None


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    seen: Seen
    chosen_from: int
    card: ModelCard


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned at one time; enough to answer from."""

    card: ModelCard
    predictor: Predictor
    calibration: Calibration
    durations: Durations | None
    chosen_from: int
    """How many outcomes there were when it was chosen."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one use that may come."""

    chance: float
    """Of completing, among completing and failing, 0-1."""
    factors: list[Factor]
    """What the chance comes from, the strongest first."""
    seconds: list[float] | None
    """The quantiles .1, .5 and .9 of how long it is likely to take; ``None`` where no duration is known."""


def learn(store: Store, *, now: str, seed: int, is_choosing: bool = False) -> Kept:
    """Fit to everything up to *now*, keep it, and return it.

    Which way answers is found out where there was no choice yet, or from fewer outcomes by a tenth, and with
    *is_choosing* anyway. The version before is replaced at once or not at all.
    """
    seen, before = read_seen(store), read_kept(store)
    history = history_of(read_uses(store, now=now), most=MOST_LEARNED)
    version = read_version(store) + 1
    durations = fit_durations(history, seed=seed)
    outcomes = seen.completed + seen.failed
    if before is None or is_choosing or not before.card.held_out or outcomes > before.chosen_from * _GROWTH:
        choice = choose(history, seed=seed)
        card = card_of(choice, durations, version=version, fitted_at=now, chosen_at=now, span=_span(history, seen))
        calibration, chosen_from = choice.calibration, outcomes
    else:
        card = msgspec.structs.replace(
            before.card,
            version=version,
            fitted_at=now,
            data=_span(history, seen),
            durations=durations.figures if durations else None,
            durations_reason=durations.reason if durations else before.card.durations_reason,
        )
        calibration, chosen_from = before.calibration, before.chosen_from
    predictor = fitted(card.algorithm, features_of(history.facts), history.completed, seed=seed)
    kept = Kept(card=card, predictor=predictor, calibration=calibration, durations=durations, chosen_from=chosen_from)
    details = _Details(format=_FORMAT, seen=seen, chosen_from=chosen_from, card=card)
    packed = _Packed(features=FEATURES, predictor=predictor, calibration=calibration, durations=durations)
    written = msgspec.json.encode(details).decode()
    write_model(store, StoredModel(NAME, version, card.algorithm, now, written, msgspec.msgpack.encode(packed)))
    return kept


def read_version(store: Store) -> int:
    """Return the version that is kept, 0 where nothing was learned yet."""
    return read_model_version(store, NAME)


def read_card(store: Store) -> ModelCard | None:
    """Return the card of what was learned last; ``None`` where nothing was."""
    model = read_model_details(store, NAME)
    details = _details(model.details) if model else None
    return details.card if details else None


def is_stale(store: Store) -> bool:
    """Tell whether nothing is kept that answers, or the store holds other uses than it was learned from."""
    found = read_contents(store, NAME, _contents)
    return found is None or found[0].seen != read_seen(store)


def read_kept(store: Store) -> Kept | None:
    """Return what was learned last.

    ``None`` where nothing was, another version of this program learned it, or it is damaged. Nothing that is read is
    run: trees are numbers, and are checked to be whole.
    """
    found = read_contents(store, NAME, _contents)
    if found is None:
        return None
    details, packed = found
    return Kept(
        card=details.card,
        predictor=packed.predictor,
        calibration=packed.calibration,
        durations=packed.durations,
        chosen_from=details.chosen_from,
    )


def unlearned(now: str) -> Kept:
    """Return what answers where nothing was learned yet: rates so far."""
    name = BASELINES[2]
    nobody = Span(first_at=None, last_at=None, outcomes=0, completed=0, failed=0, sessions=0, skills=0)
    return Kept(
        card=ModelCard(
            version=0,
            fitted_at=now,
            algorithm=name,
            is_fallback=True,
            reason=f"Nothing was learned yet: the {name} answers.",
            chosen_at=now,
            held_out=0,
            held_out_sessions=0,
            candidates=[],
            importances=[],
            data=nobody,
            durations=None,
            durations_reason="Nothing was learned yet.",
            limits=[],
        ),
        predictor=UserSkillRate(),
        calibration=SAME,
        durations=None,
        chosen_from=0,
    )


def told(kept: Kept, moment: Moment, skills: Sequence[str]) -> dict[str, Told]:
    """Return what is to be told of *skills*, of which those are there that the store knows."""
    known = [skill for skill in skills if skill in moment.uses]
    if not known:
        return {}
    facts = np.array([facts_of(moment.uses[skill], moment.records, moment.course) for skill in known], dtype=float)
    features = features_of(facts)
    seconds = quantiles_of(kept.durations, facts, features, known) if kept.durations else None
    parts, calibration = kept.predictor.contributions(features), _calibrated(kept)
    answers = {}
    for row, skill in enumerate(known):
        chance, factors = factors_of(parts, calibration, row)
        answers[skill] = Told(
            chance=chance, factors=factors, seconds=seconds[row].tolist() if seconds is not None else None
        )
    return answers


def _calibrated(kept: Kept) -> Calibration:
    return kept.calibration if kept.card.algorithm == CANDIDATES[2] else SAME


def _contents(model: StoredModel) -> tuple[_Details, _Packed] | None:
    """Return what *model* holds; ``None`` where another version of this program wrote it."""
    details = _details(model.details)
    packed = msgspec.msgpack.decode(model.data, type=_Packed) if details else None
    return (details, packed) if details and packed and packed.features == FEATURES else None


def _details(text: str) -> _Details | None:
    """Return what is written of a model, ``None`` where another version of this program wrote it."""
    try:
        details = msgspec.json.decode(text, type=_Details)
    except msgspec.ValidationError:
        return None
    return details if details.format == _FORMAT else None


def _span(history: History, seen: Seen) -> Span:
    return Span(
        first_at=_moment(history.at[0]) if len(history) else None,
        last_at=_moment(history.at[-1]) if len(history) else None,
        outcomes=len(history),
        completed=int(history.completed.sum()),
        failed=int((~history.completed).sum()),
        sessions=len(np.unique(history.session)),
        skills=len(set(history.skill)),
    )


def _moment(milliseconds: np.int64) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(milliseconds))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
