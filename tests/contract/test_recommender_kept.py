"""What recommendations are learned from is the same on every engine, and what was learned is kept."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from session_buddy.learning.advising import Situation
from session_buddy.learning.keeping import advisor_of, is_stale, learn, read_kept, read_version
from session_buddy.learning.reading import Unit, read_learnable, read_profile_of_session, read_profile_of_user
from session_buddy.model import Invocation, Kind, Outcome, Phase, SkillFacts
from session_buddy.storage import Store
from session_buddy.storage.learned import StoredModel, read_model, read_model_details, write_model
from tests.making import NOW, invocation, shifted

KINDS = frozenset(Kind) - {Kind.TOOL}


def recorded(store: Store, users: int) -> None:
    """Record sessions in which users of each parity use skills of their own, and one that all use."""
    store.record(
        invocation(
            event_id=f"{user}-{skill}-{time}",
            session_id=f"session-{user}",
            user_id=f"user-{user}",
            skill_name=name,
            kind=Kind.TOOL if name == "Read" else Kind.SHELL,
            invoked_at=shifted(NOW, days=-skill),
            outcome=Outcome.COMPLETED if time else None,
            workflow_phase=Phase.VERIFICATION,
        )
        for user in range(users)
        for skill, name in enumerate(("all", "Read", *(f"{'even' if user % 2 == 0 else 'odd'}-{n}" for n in range(3))))
        for time in range(2)
        if not name.endswith(str(user % 5))
    )


def test_with_few_users_sessions_are_compared_and_with_ten_users(store: Store) -> None:
    recorded(store, 9)
    assert read_learnable(store, KINDS, now=NOW).unit is Unit.SESSION
    recorded(store, 10)
    learned = read_learnable(store, KINDS, now=NOW)
    assert (learned.unit, learned.units) == (Unit.USER, tuple(f"user-{n}" for n in range(10)))


def test_what_is_read(store: Store) -> None:
    recorded(store, 4)
    store.describe(
        SkillFacts(skill_name=name, category="testing", modality="testing", description=text)
        for name, text in (("even-1", "of even users"), ("described", "never used"))
    )
    learned = read_learnable(store, KINDS, now=NOW)
    data = learned.data
    assert data.skills == ("all", "described", "even-0", "even-1", "even-2", "odd-0", "odd-1", "odd-2")
    assert data.texts[3] == "even-1 of even users"
    of_first = {
        data.skills[place]: round(age, 6) for place, age in zip(data.used[[0]].indices, data.ages, strict=False)
    }
    assert of_first == {"all": 0.0, "even-1": 3.0, "even-2": 4.0}
    assert learned.facts[0].completed == 4
    assert learned.facts[0].phases == {"verification": 8}
    assert learned.facts[1].completed == 0
    assert data.rates.tolist() == [1.0] * 8
    assert read_profile_of_user(store, "user-1") == {"all", "Read", "odd-0", "odd-2"}
    assert read_profile_of_session(store, "session-1") == {"all", "Read", "odd-0", "odd-2"}
    assert read_profile_of_session(store, "no such") == frozenset()


def test_what_was_learned_is_kept_and_answers_as_before(store: Store) -> None:
    recorded(store, 24)
    assert (read_kept(store), read_version(store)) == (None, 0)
    learned = learn(store, KINDS, now=NOW)
    kept = read_kept(store)
    assert kept is not None
    assert (kept.version, kept.fitted_at, kept.chosen) == (1, NOW, learned.chosen)
    assert kept.candidates == learned.candidates
    assert kept.candidates[0].settings == kept.chosen
    question = Situation(frozenset(["all", "odd-1"]))
    answer = advisor_of(kept).advise(question, 2)
    assert answer == advisor_of(learned).advise(question, 2)
    assert {one.skill for one in answer.advice} == {"odd-0", "odd-2"}
    assert learn(store, KINDS, now=NOW).version == read_version(store) == 2


def test_an_empty_store_is_no_error(store: Store) -> None:
    learned = learn(store, KINDS, now=NOW)
    assert learned.candidates == []
    assert advisor_of(learned).advise(Situation(frozenset(["x"])), 5).advice == []
    assert read_kept(store) is not None


@pytest.mark.parametrize("details", ["{}", '{"format": 99}'])
def test_what_another_version_of_this_program_learned_counts_as_nothing(store: Store, details: str) -> None:
    learn(store, KINDS, now=NOW)
    write_model(store, StoredModel("recommender", 7, "later", NOW, details, b"\x00"))
    assert (read_kept(store), read_version(store)) == (None, 7)
    assert learn(store, KINDS, now=NOW).version == 8


def test_models_are_kept_side_by_side_each_under_its_name(store: Store) -> None:
    first = StoredModel("another", 3, "x", NOW, '{"a":1}', bytes(range(256)))
    second = StoredModel("mine", 1, "y", NOW, "{}", b"")
    for model in (first, second):
        write_model(store, model)
    assert (read_model(store, "another"), read_model(store, "mine"), read_model(store, "none")) == (first, second, None)
    details = read_model_details(store, "another")
    assert details is not None
    assert (details.version, details.details, details.data) == (3, '{"a":1}', b"")
    write_model(store, StoredModel("mine", 2, "y", NOW, "{}", b"z"))
    assert read_model(store, "mine") == StoredModel("mine", 2, "y", NOW, "{}", b"z")


def used(name: str, *, user: int, days: float) -> Invocation:
    """Return one use of *name*, *days* after the rest."""
    return invocation(
        event_id=f"{name}-{user}-{days}",
        session_id=f"session-{user}",
        user_id=f"user-{user}",
        skill_name=name,
        kind=Kind.SHELL,
        invoked_at=shifted(NOW, days=days),
        outcome=Outcome.COMPLETED,
    )


NEWS = {
    "more": [used("all", user=3, days=1), used("odd-0", user=4, days=1)],
    "a user": [used("all", user=99, days=1)],
    "a skill": [used("a new one", user=1, days=1)],
    "an old transcript": [used("even-0", user=77, days=-300), used("older", user=2, days=-9)],
    "both": [used("odd-0", user=2, days=1.5), used("even-0", user=78, days=-300)],
    "the future": [used("all", user=5, days=700)],
    "nothing": [],
}


@pytest.mark.long
@pytest.mark.parametrize("users", [4, 24])
@pytest.mark.parametrize("news", NEWS)
def test_reading_on_finds_what_reading_all_again_finds(store: Store, users: int, news: str) -> None:
    recorded(store, users)
    earlier = read_learnable(store, KINDS, now=NOW)
    store.record(NEWS[news])
    for now in (shifted(NOW, days=2), shifted(NOW, days=3)):
        on, whole = read_learnable(store, KINDS, now=now, earlier=earlier), read_learnable(store, KINDS, now=now)
        assert (on.unit, on.units, on.facts, on.mark) == (whole.unit, whole.units, whole.facts, whole.mark)
        assert (on.data.skills, on.data.texts) == (whole.data.skills, whole.data.texts)
        assert np.array_equal(on.data.used.toarray(), whole.data.used.toarray())
        assert on.data.ages.tolist() == pytest.approx(whole.data.ages.tolist(), abs=1e-6)
        assert on.data.since.tolist() == pytest.approx(whole.data.since.tolist(), abs=1e-6)
        assert on.data.rates.tolist() == whole.data.rates.tolist()
        earlier = on


def test_what_was_deleted_is_forgotten(store: Store) -> None:
    recorded(store, 24)
    store.record([used("gone", user=3, days=-70), used("all", user=40, days=-70)])
    earlier = read_learnable(store, KINDS, now=NOW)
    while store.prune(shifted(NOW, days=-35)):
        pass
    later = read_learnable(store, KINDS, now=NOW, earlier=earlier)
    assert set(earlier.data.skills) - set(later.data.skills) == {"gone"}
    assert set(earlier.units) - set(later.units) == {"user-40"}


def test_only_newer_uses_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(store, 24)
    earlier = read_learnable(store, KINDS, now=NOW)
    store.record(NEWS["more"])
    read: list[int] = []
    stream = store.stream

    def counted(sql: str, parameters: Any = ()) -> Generator[tuple[Any, ...], None, None]:
        rows = list(stream(sql, parameters))
        read.append(len(rows) - 1)
        yield from rows

    monkeypatch.setattr(store, "stream", counted)
    read_learnable(store, KINDS, now=shifted(NOW, days=2), earlier=earlier)
    (rows,) = read
    # Of the hour that was read last, and since.
    assert rows <= 24 + len(NEWS["more"])
    assert rows < earlier.data.used.nnz / 2


LATER_TOLD = {
    "a use": {},
    "an outcome": {"outcome": Outcome.COMPLETED},
    "a duration": {"duration_ms": 250},
    "a phase": {"workflow_phase": Phase.EXECUTION},
}


@pytest.mark.parametrize("told", LATER_TOLD)
def test_what_was_learned_is_stale_once_more_is_known(store: Store, told: str) -> None:
    known = invocation("known", skill_name="all", invoked_at=NOW, outcome=None)
    store.record([known])
    assert is_stale(store)
    learn(store, KINDS, now=NOW)
    assert not is_stale(store)
    more = invocation(
        "new" if told == "a use" else "known", skill_name="all", invoked_at=NOW, **{"outcome": None, **LATER_TOLD[told]}
    )
    store.record([more])
    assert is_stale(store)


def test_a_description_makes_it_stale(store: Store) -> None:
    learn(store, KINDS, now=NOW)
    store.describe([SkillFacts(skill_name="x", category="testing", modality="testing", description="y")])
    assert is_stale(store)


def test_the_recommender_is_chosen_again_only_where_there_is_much_more_to_choose_by(store: Store) -> None:
    recorded(store, 24)
    first = learn(store, KINDS, now=NOW)
    later = [shifted(NOW, days=days) for days in (1, 2, 3)]
    store.record([used("a new one", user=1, days=0.5)])
    second = learn(store, KINDS, now=later[0])
    assert (second.version, second.fitted_at, second.chosen_at) == (2, later[0], NOW)
    assert "a new one" in second.learned.data.skills
    kept = read_kept(store)
    assert kept is not None
    assert (kept.chosen_at, kept.chosen_from) == (NOW, first.learned.data.used.nnz)
    assert learn(store, KINDS, now=later[1], is_choosing=True).chosen_at == later[1]
    store.record(used(f"new {number}", user=number, days=2.5) for number in range(24))
    assert learn(store, KINDS, now=later[2]).chosen_at == later[2]
