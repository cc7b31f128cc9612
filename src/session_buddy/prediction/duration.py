"""How long a use is likely to take: three quantiles, and whether learned ones are better than a skill's own. Pure.

Learned quantiles are of how much longer a use takes than its skill did lately, in logarithms, by gradient boosting:
begun from durations as they are, boosting that most uses of quick tools steer never comes to the ends of slow ones.
They are used where their loss on what came later is less than that of the skill's own quantiles, by a margin whose 95 %
interval (over sessions) is above 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.model import Kind
from session_buddy.prediction.features import features_of
from session_buddy.prediction.forest import Forest, exported
from session_buddy.prediction.history import FACTS, History
from session_buddy.prediction.scoring import Sessions, pinball_losses
from session_buddy.prediction.uses import KINDS

__all__ = ["LEVELS", "DurationFigures", "Durations", "SkillQuantiles", "fit_durations", "quantiles_of"]

Numbers = NDArray[np.float64]
LEVELS = (0.1, 0.5, 0.9)
FEWEST = 200
"""With fewer durations nothing is learned."""
_MOST = 30_000
"""The newest so many are learned from."""
_CUT = 0.7
_DRAW = 10
"""So many durations of all skills count beside a skill's own."""
_KEPT = 200
_ROUNDS = 100
_CHECKED = 500
_FEWEST_OF_KIND = 50


class SkillQuantiles(msgspec.Struct, frozen=True):
    """The quantiles of each skill's own durations, as log(1 + ms); of all for a skill that is not there."""

    skills: dict[str, list[float]]
    every: list[float]


class DurationFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How learned quantiles fared on the newest 30 %."""

    held_out: int
    sessions: int
    learned_loss: float
    """Mean pinball loss of log(1 + ms) over the three levels; the less, the better."""
    baseline_loss: float
    """That of each skill's own quantiles."""
    gain: float
    gain_low: float | None
    gain_high: float | None
    within: float
    """The part of uses between the lowest and the highest quantile that was used: 0.8 where they are right."""
    within_kinds: dict[Kind, float]
    """The same of each kind with enough uses to say so."""


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """What quantiles are told from."""

    own: SkillQuantiles
    forests: list[Forest]
    """One for each level, of log(1 + ms) beyond what the skill took lately; none where its own quantiles are used."""
    reason: str
    figures: DurationFigures | None


def fit_durations(history: History, *, seed: int) -> Durations | None:
    """Return what tells how long a use takes; ``None`` where no duration is known."""
    known = history.part(np.flatnonzero(history.milliseconds >= 0)[-_MOST:])
    if not len(known):
        return None
    logs = np.log1p(known.milliseconds.astype(np.float64))
    own = _own(known.skill, logs)
    if len(known) < FEWEST:
        return Durations(
            own=own, forests=[], reason=f"Not enough data to learn from: {len(known)} durations.", figures=None
        )
    features = _features(known.facts, features_of(known.facts))
    first = int(len(known) * _CUT)
    before = np.flatnonzero(known.ended[:first] < known.at[first])
    figures = _judged(known, logs, features, before, first, seed=seed)
    if figures.gain_low is not None and figures.gain_low > 0:
        reason = "Learned quantiles are closer than the skill's own."
        beyond = logs - _lately(known.facts, own)
        return Durations(own=own, forests=_fitted(features, beyond, seed=seed), reason=reason, figures=figures)
    reason = "Learned quantiles are not certainly closer: the skill's own answer."
    return Durations(own=own, forests=[], reason=reason, figures=figures)


def quantiles_of(durations: Durations, facts: Numbers, features: Numbers, skills: Sequence[str]) -> Numbers:
    """Return the quantiles at :data:`LEVELS` in seconds, one row for each of *skills*; they never cross.

    *features* are those of *facts*.
    """
    if durations.forests:
        logs = _told(durations.forests, _features(facts, features), facts, durations.own, skills)
    else:
        logs = _of_skills(durations.own, skills)
    seconds: Numbers = np.expm1(np.sort(np.maximum(logs, 0.0), axis=1)) / 1000
    return seconds


def _judged(
    known: History, logs: Numbers, features: Numbers, before: NDArray[np.int64], first: int, *, seed: int
) -> DurationFigures:
    truth, asked = logs[first:], known.skill[first:]
    own = _own([known.skill[place] for place in before.tolist()], logs[before])
    plain = _of_skills(own, asked)
    forests = _fitted(features[before], (logs - _lately(known.facts, own))[before], seed=seed)
    learned = np.sort(_told(forests, features[first:], known.facts[first:], own, asked), axis=1)

    def losses(told: Numbers) -> Numbers:
        each: Numbers = np.mean(
            [pinball_losses(truth, told[:, column], level) for column, level in enumerate(LEVELS)], axis=0
        )
        return each

    sessions = Sessions(known.session[first:], seed=seed)
    gain = sessions.mean(losses(plain) - losses(learned))
    used = learned if gain.is_above_zero else plain
    within = (truth >= used[:, 0]) & (truth <= used[:, -1])
    kinds = known.facts[first:, FACTS.index("kind")]
    return DurationFigures(
        held_out=len(truth),
        sessions=sessions.count,
        learned_loss=float(losses(learned).mean()),
        baseline_loss=float(losses(plain).mean()),
        gain=gain.value,
        gain_low=gain.low,
        gain_high=gain.high,
        within=float(within.mean()),
        within_kinds={
            Kind(name): float(within[kinds == code].mean())
            for code, name in enumerate(KINDS)
            if np.count_nonzero(kinds == code) >= _FEWEST_OF_KIND
        },
    )


def _told(
    forests: Sequence[Forest], features: Numbers, facts: Numbers, own: SkillQuantiles, skills: Sequence[str]
) -> Numbers:
    """Return the quantiles, one column each, of log(1 + ms).

    At the beginning of a session they are the skill's own about what it took lately: few sessions begin with most
    skills, and trees would tell of those that do.
    """
    lately = _lately(facts, own)[:, np.newaxis]
    logs: Numbers = np.column_stack([forest.values(features) for forest in forests]) + lately
    begins = _fact(facts, "session_uses") == 0
    usual = _of_skills(own, skills)
    logs[begins] = (lately + usual - usual[:, [LEVELS.index(0.5)]])[begins]
    return logs


def _of_skills(own: SkillQuantiles, skills: Sequence[str]) -> Numbers:
    return np.array([own.skills.get(skill, own.every) for skill in skills])


def _lately(facts: Numbers, own: SkillQuantiles) -> Numbers:
    """Return log(1 + ms) of what each skill took lately: in the mean of its last uses, else of all, else as any."""
    lately, ever = _mean_lately(facts), _mean_ever(facts)
    return np.where(lately >= 0, lately, np.where(ever >= 0, ever, own.every[LEVELS.index(0.5)]))


def _fitted(features: Numbers, logs: Numbers, *, seed: int) -> list[Forest]:
    from sklearn.ensemble import HistGradientBoostingRegressor  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    forests = []
    for level in LEVELS:
        model = HistGradientBoostingRegressor(
            loss="quantile",
            quantile=level,
            max_iter=_ROUNDS,
            learning_rate=0.08,
            max_leaf_nodes=12,
            min_samples_leaf=20,
            early_stopping=False,
            random_state=seed,
        )
        with threadpool_limits(limits=1):
            model.fit(features, logs)
            forests.append(exported(model, features[:_CHECKED]))
    return forests


def _features(facts: Numbers, features: Numbers) -> Numbers:
    """Return the *features* of chances, and how long this skill took before.

    That is in all, lately and the last time in this session; and the first and the last of these beyond lately, as what
    is learned is.
    """
    ever, lately, here = _mean_ever(facts), _mean_lately(facts), _fact(facts, "here_log_duration") / 1000
    return np.column_stack(
        [
            features[:, :-1],
            ever,
            lately,
            np.where(here >= 0, here, -1.0),
            np.where((here >= 0) & (lately >= 0), here - lately, 0.0),
            np.where(lately >= 0, ever - lately, 0.0),
        ]
    )


def _mean_ever(facts: Numbers) -> Numbers:
    """Return log(1 + ms) of the mean duration of all uses; -1 where none is known."""
    timed = _fact(facts, "skill_timed")
    return np.where(timed > 0, np.log1p(_fact(facts, "skill_milliseconds") / np.maximum(timed, 1)), -1.0)


def _mean_lately(facts: Numbers) -> Numbers:
    """Return the mean log(1 + ms) of the last uses; -1 where none is known."""
    timed = _fact(facts, "recent_timed")
    return np.where(timed > 0, _fact(facts, "recent_log_durations") / np.maximum(timed, 1) / 1000, -1.0)


def _fact(facts: Numbers, name: str) -> Numbers:
    column: Numbers = facts[:, FACTS.index(name)]
    return column


def _own(skills: Sequence[str], logs: Numbers) -> SkillQuantiles:
    """Return quantiles of each skill's newest durations, beside which ten quantiles of all count."""
    of_skill: defaultdict[str, list[float]] = defaultdict(list)
    for skill, log in zip(skills, logs.tolist(), strict=True):
        of_skill[skill].append(log)
    every = np.quantile(logs, (np.arange(_DRAW) + 0.5) / _DRAW)
    return SkillQuantiles(
        {
            skill: np.quantile(np.concatenate([own[-_KEPT:], every if len(own) < _DRAW else []]), LEVELS).tolist()
            for skill, own in of_skill.items()
        },
        np.quantile(logs, LEVELS).tolist(),
    )
