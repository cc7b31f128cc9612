"""What is learned answers where it is better than plain rates, and only there."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from session_buddy.model import Kind
from session_buddy.prediction import duration
from session_buddy.prediction.calibration import SAME, chance_of
from session_buddy.prediction.card import ModelCard, Span, card_of
from session_buddy.prediction.choosing import BASELINES, CANDIDATES, PLAIN_RATES, Choice, choose, fitted, foretell
from session_buddy.prediction.duration import SkillQuantiles, fit_durations, quantiles_of
from session_buddy.prediction.explaining import factors_of
from session_buddy.prediction.features import FEATURES, RATES, features_of
from session_buddy.prediction.history import FACTS, History, history_of
from session_buddy.prediction.scoring import Estimate
from session_buddy.prediction.uses import COMPLETED, FAILED, KINDS
from tests.making import NOW
from tests.prediction.making import MINUTE, SHELL, START, played, use

RATE = {f"skill-{number}": rate for number, rate in enumerate((0.92, 0.5, 0.7, 0.85, 0.6, 0.95, 0.8, 0.75))}


def of_skill(skill: str, _: list[bool], __: random.Random) -> float:
    return RATE[skill]


def sticky(skill: str, before: list[bool], _: random.Random) -> float:
    """A session that begins to fail goes on failing, until it completes something by luck."""
    return 0.15 if before and not before[-1] else RATE[skill]


@pytest.fixture(scope="module")
def plain() -> History:
    return history_of(played(3_000, of_skill, seed=5))


@pytest.fixture(scope="module")
def chosen_sticky() -> tuple[History, Choice]:
    history = history_of(played(3_000, sticky, seed=6))
    return history, choose(history, seed=1)


@pytest.mark.long
def test_coin_flips_teach_nothing_and_that_is_said() -> None:
    history = history_of(played(2_500, lambda *_: 0.5, seed=7))
    choice = choose(history, seed=1)
    assert choice.is_fallback
    assert choice.name in BASELINES
    assert "does not certainly beat" in choice.reason
    for one in choice.candidates:
        assert one.scores.auc is not None
        assert abs(one.scores.auc.value - 0.5) < 0.05, one.name


@pytest.mark.long
def test_what_depends_on_the_session_is_learned(chosen_sticky: tuple[History, Choice]) -> None:
    history, choice = chosen_sticky
    assert {one.name for one in choice.candidates} == {*BASELINES, *CANDIDATES}
    losses = {one.name: one.scores.log_loss.value for one in choice.candidates}
    # The rates so far know nothing of it, and what was learned does.
    assert min(losses[name] for name in CANDIDATES) < losses[BASELINES[2]] - 0.1
    assert choice.importances[0].group in ("session", "previous")
    assert list(losses.values()) == sorted(losses.values())
    assert choice.held_out == len(history) - int(len(history) * 0.4)


def test_it_is_better_than_the_best_baseline_or_the_baseline_answers(chosen_sticky: tuple[History, Choice]) -> None:
    _, choice = chosen_sticky
    by_name = {one.name: one for one in choice.candidates}
    best = min((by_name[name] for name in BASELINES), key=lambda one: one.scores.log_loss.value)
    if choice.is_fallback:
        assert choice.name == best.name
    else:
        assert by_name[choice.name].gain.is_above_zero
        assert by_name[choice.name].scores.log_loss.value < best.scores.log_loss.value


def card(choice: Choice) -> ModelCard:
    nobody = Span(first_at=None, last_at=None, outcomes=0, completed=0, failed=0, sessions=0, skills=0)
    return card_of(choice, None, version=1, fitted_at=NOW, chosen_at=NOW, span=nobody)


def test_a_baseline_that_is_no_plain_rate_may_be_certainly_better_than_all_of_these(
    chosen_sticky: tuple[History, Choice],
) -> None:
    _, choice = chosen_sticky
    logistic = next(one for one in choice.candidates if one.name == BASELINES[3])
    assert logistic.gain.value == 0, "it is the best baseline"
    answering = choice._replace(name=BASELINES[3], is_fallback=True)
    assert card(answering).beats_plain_rates
    unsure = [one._replace(gain=Estimate(-0.01, -0.02, 0.001)) for one in choice.candidates]
    unknown = [one._replace(gain=Estimate(-0.01)) for one in choice.candidates]
    for candidates in (unsure, unknown):
        assert not card(answering._replace(candidates=tuple(candidates))).beats_plain_rates
    assert card(choice._replace(is_fallback=False, name=CANDIDATES[1], candidates=tuple(unsure))).beats_plain_rates
    for rate in PLAIN_RATES:
        assert not card(answering._replace(name=rate)).beats_plain_rates


@pytest.mark.long
def test_a_mix_of_signs_is_left_to_what_can_tell_it() -> None:
    # A second use in a row of the same skill fails where a first completes, and after a failure the other way round:
    # a weighted sum of features cannot say so.
    def crossed(skill: str, before: list[bool], _: random.Random) -> float:
        is_even, is_after_failure = int(skill[-1]) % 2 == 0, bool(before) and not before[-1]
        return 0.9 if is_even != is_after_failure else 0.3

    choice = choose(history_of(played(4_000, crossed, seed=8)), seed=1)
    assert not choice.is_fallback
    assert choice.name in CANDIDATES
    assert "less than that of the best baseline" in choice.reason


@pytest.mark.long
def test_a_skill_of_92_percent_is_told_as_that_in_a_new_session_of_a_new_user(plain: History) -> None:
    choice = choose(plain, seed=1)
    new = use(3_100, session="new", skill="skill-0", user="nobody")
    features = features_of(history_of([*played(3_000, of_skill, seed=5), new]).facts)
    # What looks at many things is further off, and is not what answers here.
    for name, off in {
        **dict.fromkeys((*CANDIDATES, BASELINES[3]), 0.1),
        **dict.fromkeys((choice.name, *BASELINES[1:3]), 0.02),
    }.items():
        way = fitted(name, features_of(plain.facts), plain.completed, seed=1)
        (told,) = chance_of(way.odds(features[-1:]))
        assert told == pytest.approx(0.92, abs=off), name


@pytest.mark.parametrize("outcome", [COMPLETED, FAILED])
def test_one_outcome_alone_fails_nothing(outcome: int) -> None:
    history = history_of([use(at, outcome, session=f"s{at // 10}") for at in range(400)])
    choice = choose(history, seed=1)
    assert (choice.is_fallback, choice.name, choice.candidates) == (True, BASELINES[2], ())
    assert "Not enough data" in choice.reason
    way = fitted(choice.name, features_of(history.facts), history.completed, seed=1)
    (told,) = chance_of(way.odds(features_of(history.facts)[-1:]))
    assert (told > 0.9) == (outcome == COMPLETED)


def test_nothing_and_little() -> None:
    assert choose(history_of([]), seed=1).is_fallback
    choice = choose(history_of(played(199, lambda *_: 0.5, seed=1)), seed=1)
    assert choice.reason.startswith("Not enough data to learn from: 199 outcomes.")


def test_failures_that_come_late_can_not_be_judged_early() -> None:
    late = history_of(played(2_000, lambda *_: 1.0, seed=1)[:1_900] + played(2_000, lambda *_: 0.5, seed=1)[1_900:])
    choice = choose(late, seed=1)
    assert choice.is_fallback
    assert "Too few failures" in choice.reason


@pytest.mark.long
def test_few_sessions_tell_nothing() -> None:
    choice = choose(history_of(played(1_000, sticky, seed=2, each=150)), seed=1)
    assert choice.is_fallback
    assert "Too few sessions" in choice.reason


@pytest.mark.long
def test_no_row_is_told_by_what_had_not_ended(monkeypatch: pytest.MonkeyPatch, plain: History) -> None:
    """Everything is fitted to uses that had ended before the first of those that are foretold."""
    from session_buddy.prediction import choosing

    seen: list[np.ndarray] = []
    real = choosing._ways

    def watched(features: np.ndarray, completed: np.ndarray, *, seed: int) -> object:
        seen.append(features)
        return real(features, completed, seed=seed)

    slow = replace(plain, ended=plain.at + 300 * MINUTE)
    monkeypatch.setattr(choosing, "_ways", watched)
    foretell(slow, seed=1)
    borders = [int(len(plain) * cut) for cut in (0.4, 0.55, 0.7, 0.85)]
    assert [len(one) for one in seen] == [border - 300 for border in borders]


@pytest.mark.parametrize("name", [*BASELINES, *CANDIDATES[:2]])
def test_factors_make_the_chance(name: str, plain: History) -> None:
    features = features_of(plain.facts)
    way = fitted(name, features, plain.completed, seed=1)
    told = way.contributions(features[-50:])
    np.testing.assert_allclose(told.base + told.amounts.sum(axis=1), way.odds(features[-50:]), rtol=0, atol=1e-9)
    chance, factors = factors_of(told, SAME, 7)
    assert chance == pytest.approx(float(chance_of(way.odds(features[-50:]))[7]))
    assert [abs(one.log_odds) for one in factors] == sorted((abs(one.log_odds) for one in factors), reverse=True)
    assert all((one.points > 0) == (one.log_odds > 0) for one in factors)


def test_a_higher_rate_is_never_told_as_a_lower_chance(plain: History) -> None:
    features = features_of(plain.facts)
    way = fitted(CANDIDATES[0], features, plain.completed, seed=1)
    for name in RATES:
        higher = features[::50].copy()
        higher[:, FEATURES.index(name)] += 0.05
        assert (way.odds(higher) >= way.odds(features[::50]) - 1e-9).all(), name


def test_durations_of_a_skill() -> None:
    history = history_of(played(3_000, of_skill, seed=9))
    durations = fit_durations(history, seed=1)
    assert durations is not None and durations.figures is not None
    told = quantiles_of(durations, history.facts[-2:], features_of(history.facts[-2:]), ["skill-0", "skill-7"])
    assert (np.diff(told, axis=1) > 0).all()
    # Between half and twice the middle, evenly.
    assert told[:, 1] == pytest.approx([1.25, 10.0], rel=0.15) or history.skill[-2:] != ("skill-0", "skill-7")
    assert durations.figures.within == pytest.approx(0.8, abs=0.06)


def test_a_rare_slow_tool_beside_many_quick_uses_keeps_its_own_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    # Few rounds: where what is learned begins is not so soon forgotten.
    monkeypatch.setattr(duration, "_ROUNDS", 10)
    rnd = np.random.default_rng(3)
    made = []
    for number in range(6_000):
        # One of twelve is a build of some minute, the others are looks at files; sessions are slow or quick.
        is_build, session = number % 12 == 0, number // 60
        slower = 1.5 * np.sin(session * 7)
        took = int(np.exp(slower + (rnd.normal(11.0, 0.4) if is_build else rnd.normal(4.0, 0.7))))
        made.append(
            use(
                number * 5, session=f"s{session}", skill="build" if is_build else "Read",
                kind=SHELL if is_build else KINDS.index("tool"), milliseconds=took,
                ended=START + number * 5 * MINUTE + took,
            )
        )  # fmt: skip
    history = history_of(made)
    durations = fit_durations(history.part(np.arange(5_000)), seed=1)
    assert durations is not None and durations.forests and durations.figures is not None
    builds = np.array([place for place, skill in enumerate(history.skill) if skill == "build" and place >= 5_000])
    told = quantiles_of(durations, history.facts[builds], features_of(history.facts[builds]), ["build"] * len(builds))
    took = history.milliseconds[builds] / 1000
    assert 0.02 <= (took < told[:, 0]).mean() <= 0.3
    assert 0.02 <= (took > told[:, 2]).mean() <= 0.3
    assert durations.figures.within_kinds.keys() == {Kind.SHELL, Kind.TOOL}
    # No session began with a build: what is told of one that would is still a build.
    asked = history.facts[builds[-1:]].copy()
    asked[:, FACTS.index("session_uses")] = 0
    ((low, middle, high),) = quantiles_of(durations, asked, features_of(asked), ["build"])
    assert middle == pytest.approx(
        float(np.exp(asked[0, FACTS.index("recent_log_durations")] / 1000 / 20)) / 1000, rel=0.01
    )
    assert middle / 12 < low < middle < high < middle * 12


def test_own_quantiles_answer_where_nothing_can_be_learned() -> None:
    history = history_of(played(3_000, of_skill, seed=10))
    random_durations = np.random.default_rng(1).integers(1_000, 2_000, len(history))
    durations = fit_durations(replace(history, milliseconds=random_durations), seed=1)
    assert durations is not None and durations.figures is not None
    assert not durations.forests
    assert "skill's own answer" in durations.reason
    (told,) = quantiles_of(durations, history.facts[:1], features_of(history.facts[:1]), ["skill-3"])
    assert told == pytest.approx([1.1, 1.5, 1.9], abs=0.08)


def test_no_duration_is_known() -> None:
    history = history_of([use(at, milliseconds=-1, ended=START + at * MINUTE) for at in range(9)])
    assert fit_durations(history, seed=1) is None
    few = fit_durations(history_of([use(at) for at in range(30)]), seed=1)
    assert few is not None and few.figures is None
    assert quantiles_of(few, history.facts[:1], features_of(history.facts[:1]), ["never seen"])[0] == pytest.approx(
        [1, 1, 1], abs=0.01
    )


def test_quantiles_never_cross() -> None:
    history = history_of(played(1_000, of_skill, seed=11))
    durations = fit_durations(history, seed=1)
    assert durations is not None
    crossed = msgspec.structs.replace(
        durations, forests=[], own=SkillQuantiles(skills={"x": [9.0, 8.0, -1.0]}, every=[7.0, 7.0, 7.0])
    )
    told = quantiles_of(crossed, history.facts[:2], features_of(history.facts[:2]), ["x", "y"])
    assert told[0].tolist() == sorted(told[0].tolist())
    assert told[0][0] == 0, "no duration is less than nothing"
    assert told[1] == pytest.approx([np.expm1(7) / 1000] * 3)
