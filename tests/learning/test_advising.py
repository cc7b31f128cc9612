"""From scores to advice: what works, what fits the moment, and why."""

from __future__ import annotations

import numpy as np
import pytest

from session_buddy.learning.advising import Advisor, Alike, Basis, Situation, SkillRecord
from session_buddy.learning.interactions import Interactions
from session_buddy.learning.recommenders.linear import Ease
from session_buddy.learning.recommenders.popularity import Popularity
from tests.learning.making import interactions

WORKS = SkillRecord(completed=18, failed=2)


def advisor(data: Interactions, **facts: SkillRecord) -> Advisor:
    return Advisor(data, [facts.get(name, WORKS) for name in data.skills], Ease(1.0).fit(data))


def names(found: Advisor, situation: Situation, count: int = 10) -> list[str]:
    return [one.skill for one in found.advise(situation, count).advice]


ROWS = ("abc", "abc", "abcd", "ab", "de", "de", "def", "g")


def test_what_goes_with_the_profile_comes_first_and_says_with_what() -> None:
    answer = advisor(interactions(*ROWS)).advise(Situation(frozenset("ab")), 3)
    first = answer.advice[0]
    assert (first.skill, first.relevance, first.because_of) == ("c", 1.0, ("a", "b"))
    assert first.basis is Basis.USES
    # Of those who share a skill: three of the four have c, too.
    assert (first.users_alike, answer.neighbours) == (3, 4)


def test_whoever_asks_is_not_counted_among_the_neighbours() -> None:
    answer = advisor(interactions(*ROWS)).advise(Situation(frozenset("abc"), user=0), 3)
    assert answer.neighbours == 3  # abc, abcd, ab
    assert advisor(interactions("ab", "cd")).advise(Situation(frozenset("ab"), user=0), 3).neighbours == 0


def test_what_is_used_already_is_not_recommended() -> None:
    found = advisor(interactions(*ROWS))
    assert set(names(found, Situation(frozenset("ad")))) == set("bcefg")


def test_a_worse_one_gives_way_and_a_failing_one_is_left_out_and_told() -> None:
    data = interactions("abc", "abc", "abc", "abc")
    assert names(advisor(data, b=SkillRecord(60, 40), c=SkillRecord(95, 5)), Situation(frozenset("a"))) == ["c", "b"]
    answer = advisor(data, b=SkillRecord(2, 18)).advise(Situation(frozenset("a")), 5)
    assert [one.skill for one in answer.advice] == ["c"]
    assert answer.left_out == [("b", 2, 18)]


def test_few_failures_prove_nothing() -> None:
    data = interactions("abc", "abc", "abc", "abc")
    half_or_less = advisor(data, b=SkillRecord(4, 6)).advise(Situation(frozenset("a")), 5)
    assert half_or_less.left_out == []
    answer = advisor(data, b=SkillRecord(0, 3)).advise(Situation(frozenset("a")), 5)
    assert (sorted(one.skill for one in answer.advice), answer.left_out) == (["b", "c"], [])


def test_the_quicker_of_two_alike_comes_first() -> None:
    data = interactions("abc", "abc", "abc", "abc")
    slow, quick = SkillRecord(18, 2, seconds=300.0), SkillRecord(18, 2, seconds=2.0)
    assert names(advisor(data, a=slow, b=slow, c=quick), Situation(frozenset("a"))) == ["c", "b"]


def test_the_phase_lifts_what_is_used_there() -> None:
    data = interactions("abc", "abc", "abc", "abc")
    facts = {
        "a": SkillRecord(20, 0, phases={"execution": 20}),
        "b": SkillRecord(18, 2, phases={"execution": 60}),
        "c": SkillRecord(18, 2, phases={"verification": 60, "execution": 5}),
    }
    answer = advisor(data, **facts).advise(Situation(frozenset("a"), phase="verification"), 2)
    assert [(one.skill, one.phase) for one in answer.advice] == [("c", "verification"), ("b", None)]
    assert names(advisor(data, **facts), Situation(frozenset("a"), phase="cleanup")) == ["b", "c"]


def test_words_of_the_work_lift_what_is_about_it() -> None:
    data = interactions("abc", "abc", "abc", texts=("a", "format rust code", "format python code"))
    assert names(advisor(data), Situation(frozenset("a"), words="a python repository"))[0] == "c"
    assert names(advisor(data), Situation(frozenset("a"), words="rust"))[0] == "b"


def test_without_a_profile_the_popular_is_recommended_and_said_to_be_that() -> None:
    answer = advisor(interactions(*ROWS)).advise(Situation(frozenset(["never heard of"])), 3)
    assert [one.skill for one in answer.advice] == ["a", "b", "d"]
    assert all(one.basis is Basis.POPULARITY and one.because_of == () for one in answer.advice)
    assert answer.neighbours == 0


@pytest.fixture
def partly_used() -> Advisor:
    """Two skills in use, and two that were described and never used."""
    texts = ("build pictures", "paint pictures", "terraform plan: show changes of clouds", "bake bread")
    data = Interactions.of_pairs(
        np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), shape=(2, 4), names=tuple("abcd"), texts=texts
    )
    return Advisor(data, [WORKS, WORKS, SkillRecord(), SkillRecord()], Ease(1.0).fit(data))


def test_a_skill_that_nobody_used_is_found_by_words(partly_used: Advisor) -> None:
    asked = Situation(frozenset("a"), words="terraform plan: show changes of clouds")
    answer = partly_used.advise(asked, 10).advice
    assert ("c", Basis.WORDS) in [(one.skill, one.basis) for one in answer]
    newcomer = partly_used.advise(asked._replace(skills=frozenset()), 1).advice
    assert [(one.skill, one.basis) for one in newcomer] == [("c", Basis.WORDS)]


def test_the_language_alone_brings_up_nothing_that_nobody_used(partly_used: Advisor) -> None:
    assert names(partly_used, Situation(frozenset("a"), languages="terraform")) == ["b"]


def test_what_reads_like_the_skills_in_use_fills_a_list(partly_used: Advisor) -> None:
    data = partly_used.data
    facts = [WORKS, SkillRecord(), SkillRecord(), SkillRecord()]
    one_used = data.with_used(data.used.indices == 0)
    advisor = Advisor(one_used, facts, Ease(1.0).fit(one_used))
    answer = advisor.advise(Situation(frozenset("a")), 10).advice
    assert [(one.skill, one.basis) for one in answer] == [("b", Basis.READING)]


def test_what_is_known_besides_is_not_recommended_and_nothing_follows_from_it() -> None:
    found = advisor(interactions(*ROWS))
    plain, known = (
        found.advise(Situation(frozenset("ab"), known=known), 10) for known in (frozenset[str](), frozenset("cg"))
    )
    assert [one.skill for one in known.advice] == [one.skill for one in plain.advice if one.skill not in "cg"]
    assert (
        known.advice[0].because_of == next(one for one in plain.advice if one.skill == known.advice[0].skill).because_of
    )


def test_where_all_fail_they_are_named() -> None:
    data = interactions("abc", "abc", "abc")
    fails = SkillRecord(0, 30)
    answer = advisor(data, a=fails, b=fails, c=fails).advise(Situation(frozenset("a")), 5)
    assert (answer.advice, {one.skill for one in answer.left_out}) == ([], {"b", "c"})


def test_who_is_alike_and_how_much() -> None:
    found = advisor(interactions("abc", "ab", "abcd", "xy"))
    assert found.alike(Situation(frozenset("abc"), user=0), 5) == [Alike(2, 0.75, 3, 4), Alike(1, 2 / 3, 2, 2)]
    assert found.alike(Situation(frozenset("q")), 5) == []


def test_popularity_parts_what_is_level_and_overtakes_nothing() -> None:
    # b and c go with a alike, and c has more users; d goes with a a little less, and has the most.
    rows = ["abc"] * 10 + ["abd"] * 9 + ["c"] * 12 + ["d"] * 80
    data = interactions(*rows)
    relevance = {one.skill: one.relevance for one in advisor(data).advise(Situation(frozenset("a")), 5).advice}
    assert relevance["b"] > relevance["c"] > 0
    assert names(advisor(data), Situation(frozenset("a")))[0] == "b"
    level = interactions("abc", "abc", "c")
    alike = Advisor(level, [WORKS] * 3, Popularity().fit(interactions("abc", "abc")))
    assert names(alike, Situation(frozenset("a"))) == ["c", "b"]


def test_a_phase_counts_no_more_than_double_and_no_less_than_half() -> None:
    data = interactions("abc", "abc", "abc", "abc")
    facts = {
        "a": SkillRecord(18, 2, phases={"execution": 10_000}),
        "b": SkillRecord(18, 2, phases={"execution": 500}),
        "c": SkillRecord(18, 2, phases={"verification": 500}),
    }
    without, within = (
        {
            one.skill: one.score
            for one in advisor(data, **facts).advise(Situation(frozenset("a"), phase=phase), 5).advice
        }
        for phase in (None, "verification")
    )
    assert within["c"] / without["c"] == pytest.approx(2)
    assert within["b"] / without["b"] == pytest.approx(0.5)


@pytest.mark.parametrize("count", [1, 3, 50])
def test_no_more_than_asked_for_in_order_of_score(count: int) -> None:
    advice = advisor(interactions(*ROWS)).advise(Situation(frozenset("a")), count).advice
    assert len(advice) == min(count, 6)
    assert [one.score for one in advice] == sorted((one.score for one in advice), reverse=True)
