"""Which way of telling chances is the best on what came later, and whether it is better than plain ones. Pure.

Uses stand in the order of time. Four times (once where there are many) each way is fitted to what was known by then,
and foretells the uses up to the next time; nothing is ever foretold from what came after it. What is learned must beat
the best baseline by a margin whose 95 % interval (over sessions) is above 0. Else the baseline answers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from session_buddy.prediction.boosting import fit_boosting
from session_buddy.prediction.calibration import SAME, Calibration, chance_of, fit_calibration
from session_buddy.prediction.explaining import Importance, importances
from session_buddy.prediction.features import features_of
from session_buddy.prediction.history import History
from session_buddy.prediction.predictors import Blend, GlobalRate, Logistic, Predictor, SkillRate, UserSkillRate
from session_buddy.prediction.predictors import fit_logistic as logistic_fitted
from session_buddy.prediction.scoring import Estimate, Scores, Sessions, log_losses, scored

__all__ = ["BASELINES", "CANDIDATES", "PLAIN_RATES", "Candidate", "Choice", "Foretold", "choose", "fitted", "foretell"]

Numbers = NDArray[np.float64]
BASELINES = ("rate of all", "rate of the skill", "rate of the user with the skill", "logistic regression")
"""The simplest first."""
PLAIN_RATES = BASELINES[:3]
"""Those that look at nothing but how often something completed."""
CANDIDATES = ("boosting", "boosting and logistic regression", "boosting and logistic regression, calibrated")
_CUTS = (0.4, 0.55, 0.7, 0.85)
_CUTS_OF_MANY = (0.8,)
_MANY = 30_000
"""With so many uses one cut tells as much as four of few."""
FEWEST = 200
"""With fewer outcomes nothing is held out, and nothing fitted."""
FEWEST_OF_EACH = 20
"""So many completions and failures there must be to fit anything."""


class Candidate(NamedTuple):
    """One way, and how it fared on what was held out."""

    name: str
    is_baseline: bool
    scores: Scores
    gain: Estimate
    """By how much its log loss is less than that of the best baseline."""


class Choice(NamedTuple):
    """Which way answers from now on, and why."""

    name: str
    is_fallback: bool
    """Whether a baseline answers."""
    reason: str
    calibration: Calibration
    candidates: tuple[Candidate, ...]
    """The best first; none where nothing could be held out."""
    held_out: int
    """How many uses were foretold."""
    sessions: int
    """In how many sessions."""
    importances: tuple[Importance, ...]
    """What chances depend on, on the last of the uses held out; the most first."""


class Foretold(NamedTuple):
    """Chances that were told before what they are about came true."""

    completed: NDArray[np.bool_]
    session: NDArray[np.int64]
    chances: dict[str, Numbers]
    """By the name of the way; those that could be fitted at every time."""
    odds: Numbers | None
    """What a calibration is fitted to: log-odds of boosting and logistic regression."""
    ways: dict[str, Predictor]
    """As they were fitted at the last cut."""
    since: int
    """The row of the last cut."""


def choose(history: History, *, seed: int) -> Choice:
    """Return which way to use, from how each fared four times over."""
    too_few = _too_few(history.completed)
    if len(history) < FEWEST or too_few:
        simplest = BASELINES[2]
        seen = f"{len(history)} outcomes" if len(history) < FEWEST else too_few
        reason = f"Not enough data to learn from: {seen}. The {simplest} answers."
        return Choice(simplest, True, reason, SAME, (), 0, 0, ())
    foretold = foretell(history, seed=seed)
    sessions = Sessions(foretold.session, seed=seed)
    losses = {name: log_losses(foretold.completed, chances) for name, chances in foretold.chances.items()}
    means = {name: float(loss.mean()) for name, loss in losses.items()}
    baseline = min((name for name in BASELINES if name in means), key=lambda name: means[name])
    candidates = tuple(
        Candidate(
            name,
            name in BASELINES,
            scored(foretold.completed, foretold.chances[name], sessions),
            sessions.mean(losses[baseline] - losses[name]),
        )
        for name in sorted(means, key=lambda name: means[name])
    )
    chosen, reason = _decided(candidates, baseline)
    calibration = SAME
    if chosen == CANDIDATES[2] and foretold.odds is not None:
        calibration = fit_calibration(foretold.completed, foretold.odds)
    last = history.part(np.arange(foretold.since, len(history)))
    way = foretold.ways[CANDIDATES[1] if chosen == CANDIDATES[2] else chosen]
    return Choice(
        chosen,
        chosen in BASELINES,
        reason,
        calibration,
        candidates,
        len(foretold.completed),
        sessions.count,
        tuple(importances(way, features_of(last.facts), last.completed, seed=seed)),
    )


def foretell(history: History, *, seed: int) -> Foretold:
    """Return what each way says of the uses after the first cut, fitted at each cut to what was known by then.

    A calibration is fitted to what was foretold at the cuts before; at the first there is none.
    """
    features = features_of(history.facts)
    cuts = _CUTS if len(history) < _MANY else _CUTS_OF_MANY
    borders = [int(len(history) * cut) for cut in (*cuts, 1.0)]
    told: dict[str, list[Numbers]] = {}
    seen_odds: list[Numbers] = []
    ways: dict[str, Predictor] = {}
    for first, last in pairwise(borders):
        known = np.flatnonzero(history.ended[:first] < history.at[first])
        rows = features[first:last]
        ways = _ways(features[known], history.completed[known], seed=seed)
        for name, way in ways.items():
            told.setdefault(name, []).append(chance_of(way.odds(rows)))
        if CANDIDATES[1] in ways:
            odds = ways[CANDIDATES[1]].odds(rows)
            calibration = SAME
            if seen_odds:
                came = history.ended[first - sum(map(len, seen_odds)) : first] < history.at[first]
                seen = np.concatenate(seen_odds)
                calibration = fit_calibration(history.completed[first - len(seen) : first][came], seen[came])
            told.setdefault(CANDIDATES[2], []).append(chance_of(calibration.applied(odds)))
            seen_odds.append(odds)
    held_out = len(history) - borders[0]
    chances = {name: np.concatenate(parts) for name, parts in told.items()}
    whole = {name: parts for name, parts in chances.items() if len(parts) == held_out}
    odds_of_all = np.concatenate(seen_odds) if CANDIDATES[2] in whole else None
    return Foretold(
        history.completed[borders[0] :], history.session[borders[0] :], whole, odds_of_all, ways, borders[-2]
    )


def fitted(name: str, features: Numbers, completed: NDArray[np.bool_], *, seed: int) -> Predictor:
    """Return the way called *name*, fitted to all of these; a calibration is not part of it."""
    plain: dict[str, Callable[[], Predictor]] = {
        BASELINES[0]: GlobalRate,
        BASELINES[1]: SkillRate,
        BASELINES[2]: UserSkillRate,
        BASELINES[3]: lambda: logistic_fitted(features, completed),
        CANDIDATES[0]: lambda: Blend(fit_boosting(features, completed, seed=seed)),
    }
    if name in plain:
        return plain[name]()
    return Blend(fit_boosting(features, completed, seed=seed), logistic_fitted(features, completed))


def _ways(features: Numbers, completed: NDArray[np.bool_], *, seed: int) -> dict[str, Predictor]:
    """Return every way that can be fitted; each part of several is fitted once."""
    ways: dict[str, Predictor] = {name: fitted(name, features, completed, seed=seed) for name in PLAIN_RATES}
    if _too_few(completed):
        return ways
    logistic: Logistic = logistic_fitted(features, completed)
    forest = fit_boosting(features, completed, seed=seed)
    return ways | {
        BASELINES[3]: logistic,
        CANDIDATES[0]: Blend(forest),
        CANDIDATES[1]: Blend(forest, logistic),
    }


def _too_few(completed: NDArray[np.bool_]) -> str | None:
    """Return what there is too little of to fit anything, ``None`` where there is enough."""
    good = int(completed.sum())
    bad = len(completed) - good
    if min(good, bad) >= FEWEST_OF_EACH:
        return None
    return f"{good} completed and {bad} failed"


def _decided(candidates: tuple[Candidate, ...], baseline: str) -> tuple[str, str]:
    """Return the name of the way to use, and why."""
    best = next((one for one in candidates if not one.is_baseline), None)
    if best is None:
        return baseline, f"Too few failures or completions to learn from at first. The {baseline} answers."
    gain = best.gain
    if gain.low is None or gain.high is None:
        return baseline, f"Too few sessions to tell whether {best.name} is better. The {baseline} answers."
    interval = f"(95 % interval {gain.low:.4f} to {gain.high:.4f})"
    if gain.is_above_zero:
        less = f"{gain.value:.4f} {interval}"
        return best.name, f"Its log loss is less than that of the best baseline, {baseline}, by {less}."
    return baseline, (
        f"What was learned does not certainly beat the {baseline}, which answers: the gain of {best.name} is"
        f" {gain.value:.4f} {interval}."
    )
