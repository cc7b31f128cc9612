"""What is known before a use follows from what ended before it, and from nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest

from session_buddy.prediction.course import course_of, scaled_log
from session_buddy.prediction.features import CATEGORIES, FEATURES, RATES, features_of
from session_buddy.prediction.history import FACTS, History, facts_of, history_of
from session_buddy.prediction.records import RECENT_USES
from session_buddy.prediction.uses import COMPLETED, FAILED, NEVER, PHASES, UNTOLD, Use, phase_code, uses_of
from tests.prediction.making import MINUTE, START, any_uses, use


def fact(history: History, name: str, row: int = -1) -> float:
    return float(history.facts[row, FACTS.index(name)])


def changed(one: Use, rnd: random.Random) -> Use:
    """Return the same beginning with quite another end."""
    took = rnd.randrange(500_000)
    return one._replace(outcome=FAILED if one.outcome != FAILED else COMPLETED, ended=one.at + took, milliseconds=took)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_later_and_not_its_own_end_changes_what_is_known_before_a_use(seed: int) -> None:
    rnd = random.Random(seed)
    uses = any_uses(150, seed=seed)
    row = {place: number for number, place in enumerate(p for p, one in enumerate(uses) if one.outcome != UNTOLD)}
    before = history_of(uses).facts
    for place in rnd.sample(sorted(row), 25):
        # The use itself and all that begin after it end otherwise, and half of those are of something else.
        others = [changed(one, rnd) for one in uses[place:]]
        others[1:] = [one._replace(skill=rnd.choice(["new", one.skill]), phase=1) for one in others[1:]]
        told = uses[:place] + others
        np.testing.assert_array_equal(history_of(told).facts[row[place]], before[row[place]])
        np.testing.assert_array_equal(history_of(told[: place + 1]).facts[-1], before[row[place]])


@pytest.mark.parametrize("seed", range(6))
def test_how_what_still_runs_will_end_is_not_known(seed: int) -> None:
    rnd = random.Random(seed)
    uses = any_uses(150, seed=seed)
    asked = [place for place, one in enumerate(uses) if one.outcome != UNTOLD]
    for row, place in enumerate(asked):
        at = uses[place].at
        running = [
            one._replace(outcome=rnd.choice([COMPLETED, FAILED]), ended=at + rnd.randrange(9), milliseconds=1)
            if one.ended == NEVER or one.ended >= at
            else one
            for one in uses[:place]
        ]
        if row % 10 == 0:
            told = history_of([*running, uses[place]]).facts[-1]
            np.testing.assert_array_equal(told, history_of(uses).facts[row])


def test_what_ended_before_is_known() -> None:
    uses = [use(0, FAILED), use(1, FAILED, session="s2"), use(2, UNTOLD), use(3, user="u2", session="s3"), use(4)]
    history = history_of(uses)
    assert len(history) == 4
    assert (fact(history, "skill_completed"), fact(history, "skill_failed")) == (1, 2)
    assert (fact(history, "user_skill_completed"), fact(history, "user_skill_failed")) == (0, 2)
    assert (fact(history, "session_completed"), fact(history, "session_failed")) == (0, 1)
    assert (fact(history, "here_last"), fact(history, "here_failures_in_a_row"), fact(history, "last_outcome")) == (
        1, 1, 2,
    )  # fmt: skip
    assert (fact(history, "session_seconds"), fact(history, "previous_seconds_ago")) == (240, 120)
    assert fact(history, "user_uses") == 3
    assert (fact(history, "hour"), fact(history, "weekday")) == (15, 6)  # 15 June 2025, a Sunday, 15:10 UTC


def test_a_call_beside_it_is_not_known_to_have_failed() -> None:
    slow = use(0, FAILED, ended=START + 5 * MINUTE, milliseconds=5 * MINUTE)
    assert fact(history_of([slow, use(4)]), "session_failed") == 0
    assert fact(history_of([slow, use(4)]), "session_uses") == 1
    assert fact(history_of([slow, use(5)]), "session_failed") == 0, "what ends at the same moment is not known"
    assert fact(history_of([slow, use(6)]), "session_failed") == 1


def test_commands_of_one_line_know_nothing_of_each_other() -> None:
    """A line says of each command how it went only where that is certain: to have a neighbour tells the outcome."""
    line = [use(5, outcome, skill=skill) for skill, outcome in (("make", COMPLETED), ("pytest-run", FAILED))]
    alone = history_of([use(1), line[1]]).facts[-1]
    for told in (line, line[::-1]):
        history = history_of([use(1), *told])
        (row,) = [number for number, skill in enumerate(history.skill) if skill == "pytest-run" and number]
        np.testing.assert_array_equal(history.facts[row], alone)


def test_recent_uses_are_the_newest_twenty() -> None:
    outcomes = [COMPLETED] * 30 + [FAILED] * 5
    history = history_of([use(at, outcome, session=f"s{at}") for at, outcome in enumerate([*outcomes, COMPLETED])])
    assert (fact(history, "recent_completed"), fact(history, "recent_failed")) == (RECENT_USES - 5, 5)
    assert (fact(history, "skill_completed"), fact(history, "skill_failed")) == (30, 5)


def test_what_ends_when_it_is_none_of_the_newest_twenty_is_none_of_them() -> None:
    # It began first, and ran while as many began as are looked at: how it went is known in all, not of late.
    slow = use(0, FAILED, session="slow", ended=START + 40 * MINUTE, milliseconds=40 * MINUTE)
    quick = [use(at, session=f"s{at}") for at in range(1, RECENT_USES + 2)]
    history = history_of([slow, *quick, use(50, session="asked")])
    recent = {name: fact(history, f"recent_{name}") for name in ("completed", "failed", "timed", "log_durations")}
    assert recent == {
        "completed": RECENT_USES, "failed": 0, "timed": RECENT_USES, "log_durations": RECENT_USES * scaled_log(1_000),
    }  # fmt: skip
    assert fact(history, "skill_failed") == 1


def test_only_the_newest_rows_and_the_same_facts() -> None:
    uses = any_uses(300, seed=3)
    whole, newest = history_of(uses), history_of(uses, most=40)
    assert len(newest) == 40
    np.testing.assert_array_equal(newest.facts, whole.facts[-40:])
    assert newest.skill == whole.skill[-40:]


@pytest.mark.parametrize("seed", range(4))
def test_a_session_alone_is_seen_as_among_all(seed: int) -> None:
    uses = any_uses(200, seed=seed)
    (row,) = np.nonzero([one.outcome != UNTOLD for one in uses])
    whole = history_of(uses)
    for number in range(0, len(row), 7):
        asked = uses[row[number]]
        course = course_of([one for one in uses[: row[number]] if one.session == asked.session], asked.at)
        start = FACTS.index("session_completed")
        told = course.facts(asked.skill, asked.kind, asked.at)
        np.testing.assert_array_equal(whole.facts[number, start : start + len(told)], told)


def test_features_are_finite_and_rates_are_rates() -> None:
    features = features_of(history_of(any_uses(500, seed=1)).facts)
    assert features.shape[1] == len(FEATURES) + 1
    assert np.isfinite(features).all()
    assert len(set(FEATURES)) == len(FEATURES)
    for name in RATES:
        column = features[:, FEATURES.index(name)]
        assert ((column > 0) & (column < 1)).all()
    for name, codes in CATEGORIES.items():
        assert set(features[:, FEATURES.index(name)]) <= set(codes), name


def test_a_missing_phase_is_not_the_first_one() -> None:
    assert phase_code(None) not in [phase_code(phase) for phase in PHASES if phase]
    uses = [use(at, FAILED, phase=phase_code("setup"), session=f"s{at}") for at in range(9)]
    with_phase, without = (
        features_of(history_of([*uses, use(20, session="new", phase=phase_code(phase))]).facts[-1:])
        for phase in ("setup", None)
    )
    differing = {FEATURES[column] for column in np.flatnonzero(with_phase[0] != without[0])}
    assert differing == {"phase", "phase_rate"}


def test_uses_of_rows() -> None:
    rows = [
        ("s", "u", "x", "shell", None, "completed"),
        ("s", "u", "x", "skill", "cleanup", "failed"),
        ("s", "u", "x", "tool", "setup", "abandoned"),
        ("s", "u", "x", "tool", "setup", None),
        ("s", "u", "x", "tool", "setup", None),
    ]
    told = uses_of(rows, [10, 20, 30, 40, 50], [5, None, None, None, 7])
    assert [one.outcome for one in told] == [COMPLETED, FAILED, UNTOLD, UNTOLD, UNTOLD]
    assert [one.ended for one in told] == [15, 20, 30, NEVER, 57]
    assert [one.milliseconds for one in told] == [5, NEVER, NEVER, NEVER, 7]


def test_facts_look_at_nothing_of_the_end_of_a_use() -> None:
    from session_buddy.prediction.course import SessionCourse
    from session_buddy.prediction.records import Records

    good, bad = use(0), use(0, FAILED, milliseconds=9, ended=START + 9)
    assert facts_of(good, Records(), SessionCourse()) == facts_of(bad, Records(), SessionCourse())


def counted(uses: list[Use], place: int) -> dict[str, float]:
    """Return facts of one use, counted anew from a list: slow, and of no state."""
    asked = uses[place]
    # What began at the same moment is not known, whatever stands first.
    uses = [one for one in uses if one.at < asked.at]
    begun = [one for one in uses if one.session == asked.session]
    ended = sorted(
        (one.ended, number, one) for number, one in enumerate(uses) if one.ended != NEVER and one.ended < asked.at
    )
    everything = [one for _, _, one in ended if one.outcome != UNTOLD]
    session = [one for one in everything if one.session == asked.session]
    here = [one for one in session if one.skill == asked.skill]
    begun_here = [number for number, one in enumerate(begun) if one.skill == asked.skill]
    failing = 0.0
    for one in session:
        failing = failing * 0.7 + (0.3 if one.outcome == FAILED else 0)

    def in_a_row(told: list[Use]) -> int:
        return next((number for number, one in enumerate(reversed(told)) if one.outcome == COMPLETED), len(told))

    def both(name: str, told: list[Use]) -> dict[str, float]:
        good = sum(one.outcome == COMPLETED for one in told)
        return {f"{name}_completed": good, f"{name}_failed": len(told) - good}

    newest = [one for one in uses if one.skill == asked.skill][-RECENT_USES:]
    failures = [one.ended for one in session if one.outcome == FAILED]
    return {
        **both("all", everything),
        **both("kind", [one for one in everything if one.kind == asked.kind]),
        **both("skill", [one for one in everything if one.skill == asked.skill]),
        **both("user_skill", [one for one in everything if (one.skill, one.user) == (asked.skill, asked.user)]),
        **both(
            "phase",
            [one for one in everything if (one.skill, one.phase) == (asked.skill, asked.phase)] if asked.phase else [],
        ),
        **both("recent", [one for one in newest if any(one is other for other in everything)]),
        **both("session", session),
        **both("session_recent", session[-10:]),
        **both("kind_here", [one for one in session if one.kind == asked.kind][-10:]),
        **both("here", here),
        "user_uses": sum(one.user == asked.user for one in uses),
        "session_failures_in_a_row": in_a_row(session),
        "here_failures_in_a_row": in_a_row(here),
        "session_failing": failing,
        "session_uses": len(begun),
        "steps_since_failure": sum(one.at > failures[-1] for one in begun) if failures else -1,
        "here_steps_ago": len(begun) - 1 - begun_here[-1] if begun_here else -1,
        "here_seconds_ago": (asked.at - begun[begun_here[-1]].at) / 1000 if begun_here else -1,
        "here_changes_since": sum(one.phase == 2 and one.kind == 5 for one in begun[begun_here[-1] + 1 :])
        if begun_here
        else -1,
        "here_last": {COMPLETED: 2, FAILED: 1}[here[-1].outcome] if here else 0,
        "previous_kind": begun[-1].kind if begun else -1,
        "previous_is_same": float(begun[-1].skill == asked.skill) if begun else 0,
        "previous_seconds_ago": (asked.at - begun[-1].at) / 1000 if begun else -1,
    }


@pytest.mark.parametrize("seed", range(4))
def test_facts_are_those_of_a_count_from_the_start(seed: int) -> None:
    uses = any_uses(250, seed=100 + seed)
    history = history_of(uses)
    rows = [place for place, one in enumerate(uses) if one.outcome != UNTOLD]
    for row, place in enumerate(rows):
        for name, value in counted(uses, place).items():
            assert fact(history, name, row) == pytest.approx(value), (name, place)
