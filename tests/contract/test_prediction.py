"""What chances are told from is the same on every engine, and what was learned is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from session_buddy.errors import NotFound
from session_buddy.model import Invocation, Kind, Outcome, Phase
from session_buddy.prediction import boosting, duration
from session_buddy.prediction.card import LIMITS
from session_buddy.prediction.choosing import BASELINES
from session_buddy.prediction.history import FACTS, facts_of, history_of
from session_buddy.prediction.keeping import (
    NAME,
    is_stale,
    learn,
    read_card,
    read_kept,
    read_version,
    told,
    unlearned,
)
from session_buddy.prediction.reading import Moment, Situation, milliseconds_of, read_moment, read_seen, read_uses
from session_buddy.prediction.uses import NEVER, PHASES, UNTOLD, Use, phase_code
from session_buddy.reports.asker import Question, with_known_user
from session_buddy.reports.prediction import Context, predict
from session_buddy.storage import Rows, Store
from session_buddy.storage.learned import StoredModel, read_model, write_model
from tests.making import NOW, invocation, many, shifted

LATER = shifted(NOW, days=1)


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here does not depend on how well it is learned."""
    monkeypatch.setattr(boosting, "_ROUNDS", 30)
    monkeypatch.setattr(duration, "_ROUNDS", 10)


def first_told(store: Store, n: int) -> list[Invocation]:
    """Record *n* uses of one kind each, all before now."""
    made = [one for one in many(n, seed=3, users=3) if one.invoked_at <= NOW]
    store.record(made)
    return made


def test_a_moment_is_seen_as_it_would_be_learned_from(store: Store) -> None:
    usual = usual_phases(first_told(store, 400))
    uses = read_uses(store, now=LATER)
    at = milliseconds_of([LATER])[0]
    for session, user, phase in (("session-3", "user-0", Phase.SETUP), (None, "user-2", None), ("new", "nobody", None)):
        skills = [f"skill-{number}" for number in range(6)]
        moment = read_moment(store, Situation(user, session, phase), [*skills, "never used"], now=LATER)
        assert list(moment.uses) == skills
        for skill in skills:
            code = phase_code(phase.value if phase else usual[skill])
            asked = Use(session or "", user, skill, 0, code, at, NEVER, 1, NEVER)
            told_of = facts_of(moment.uses[skill], moment.records, moment.course)
            learned = history_of([*uses, asked]).facts[-1]
            differing = [FACTS[place] for place in np.flatnonzero(np.array(told_of) != learned)]
            assert not differing, (skill, session)


def usual_phases(made: list[Invocation]) -> dict[str, str | None]:
    """Return the phase that each skill was in most often, of equals the first."""
    found: dict[str, str | None] = {}
    for skill in {one.skill_name for one in made}:
        seen = Counter(one.workflow_phase for one in made if one.skill_name == skill and one.workflow_phase)
        found[skill] = max(seen, key=lambda phase: (seen[phase], -phase_code(phase.value))) if seen else None
    return found


def test_where_no_phase_is_named_it_is_the_usual_one_of_each_skill(store: Store) -> None:
    phases = {
        "even": [Phase.CLEANUP, Phase.VERIFICATION], "mostly": [Phase.SETUP, Phase.CLEANUP, Phase.CLEANUP],
        "unknown": [None], "not yet known": [Phase.EXECUTION, None, None],
    }  # fmt: skip
    store.record(
        invocation(
            f"{skill}-{number}", skill_name=skill, workflow_phase=phase, invoked_at=shifted(NOW, hours=-number - 1)
        )
        for skill, seen in phases.items()
        for number, phase in enumerate(seen)
    )
    moment = read_moment(store, Situation("u", None, None), [*phases], now=NOW)
    assert {skill: PHASES[use.phase] for skill, use in moment.uses.items()} == {
        "even": "verification", "mostly": "cleanup", "unknown": None, "not yet known": "execution",
    }  # fmt: skip
    named = read_moment(store, Situation("u", None, Phase.CLEANUP), ["mostly"], now=NOW)
    unnamed = read_moment(store, Situation("u", None, None), ["mostly"], now=NOW)
    assert facts_of(named.uses["mostly"], named.records, named.course) == facts_of(
        unnamed.uses["mostly"], unnamed.records, unnamed.course
    )


def test_a_user_may_be_named_by_the_beginning_of_the_hash(store: Store) -> None:
    users = ("15526787aa", "15526787aabb", "9f2c01", "local")
    store.record(invocation(user, user_id=user, invoked_at=shifted(NOW, hours=-9)) for user in users)
    named = {
        "9f": "9f2c01",
        "9f2c01": "9f2c01",
        "15526787aa": "15526787aa",
        "15526787aab": "15526787aabb",
        "l": "local",
    }
    for beginning, whole in named.items():
        told_of = predict(store, unlearned(NOW), "pytest-run", Context(user_id=beginning), now=NOW)
        assert (told_of.user_id, told_of.asked_by) == (whole, f"a new session of user {whole[:8]}")
        assert with_known_user(store, Question(user_id=beginning)).user_id == whole
    for unknown in ("1552", "9f3", "LOCAL", "9f2c01x"):
        with pytest.raises(NotFound) as refused:
            predict(store, unlearned(NOW), "pytest-run", Context(user_id=unknown), now=NOW)
        assert unknown in refused.value.problem
        assert "keyed hash" in str(refused.value.remedy)


def test_an_answer_takes_few_queries(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # Engines take milliseconds to begin with each.
    first_told(store, 50)
    asked: list[str] = []
    query = store.query

    def counting(sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Rows:
        asked.append(sql)
        return query(sql, parameters)

    monkeypatch.setattr(store, "query", counting)
    for context, most in ((Context(), 7), (Context(session="session-1"), 8)):
        asked.clear()
        predict(store, unlearned(NOW), "skill-1", context, now=NOW)
        assert len(asked) <= most, context


def test_uses_are_read_in_order_and_up_to_now(store: Store) -> None:
    made = first_told(store, 300)
    uses = read_uses(store, now=shifted(NOW, hours=-5))
    expected = sorted((one for one in made if one.invoked_at <= shifted(NOW, hours=-5)), key=order)
    assert [(one.session, one.skill, one.outcome != UNTOLD) for one in uses] == [
        (one.session_id, one.skill_name, one.outcome in (Outcome.COMPLETED, Outcome.FAILED)) for one in expected
    ]


def order(one: Invocation) -> tuple[str, str]:
    return one.invoked_at, one.event_id


def test_what_is_not_yet_known_of_a_session_that_lies_ahead(store: Store) -> None:
    store.record(
        [invocation("a", invoked_at=shifted(NOW, hours=2)), invocation("b", invoked_at=shifted(NOW, hours=-2))]
    )
    moment = read_moment(store, Situation("local", "s1", None), ["pytest-run"], now=NOW)
    assert moment.course.uses == 1


def sessions(n: int, *, start: int = 0) -> list[Invocation]:
    """Return sessions in which everything goes on as it began: good in even ones, bad in odd ones."""
    return [
        invocation(
            f"{session}-{step}",
            session_id=f"session-{session}",
            user_id=f"user-{session % 4}",
            skill_name=f"skill-{(session + step) % 5}",
            kind=Kind.SHELL,
            invoked_at=shifted(NOW, days=-200, hours=session, minutes=step),
            outcome=Outcome.FAILED if session % 2 and (session + step) % 7 else Outcome.COMPLETED,
            duration_ms=1_000 + 100 * step,
        )
        for session in range(start, n)
        for step in range(12)
    ]


def moment_in(store: Store, session: int, skills: list[str]) -> Moment:
    """Return what is known just after the last use of a session."""
    now = shifted(NOW, days=-200, hours=session, minutes=12)
    return read_moment(store, Situation(f"user-{session % 4}", f"session-{session}", None), skills, now=now)


def test_learned_kept_and_told(store: Store) -> None:
    store.record(sessions(80))
    assert (is_stale(store), read_version(store), read_kept(store), read_card(store)) == (True, 0, None, None)
    learned = learn(store, now=NOW, seed=1)
    assert not is_stale(store)
    kept = read_kept(store)
    assert kept is not None
    assert (kept.card, kept.card.version, read_version(store)) == (learned.card, 1, 1)
    assert read_card(store) == kept.card
    card = kept.card
    assert not card.is_fallback, card.reason
    assert (card.data.outcomes, card.data.sessions, card.data.skills) == (960, 80, 5)
    assert (card.data.first_at, card.limits) == (shifted(NOW, days=-200), list(LIMITS))
    skills = ["skill-1", "skill-2", "never used"]
    good, bad = (told(kept, moment_in(store, session, skills), skills) for session in (78, 79))
    assert set(good) == {"skill-1", "skill-2"}
    assert good["skill-1"].chance > 0.9 > 0.5 > bad["skill-1"].chance
    assert good["skill-1"].factors[0].points > 0 > bad["skill-1"].factors[0].points
    assert good["skill-1"].seconds is not None
    low, middle, high = good["skill-1"].seconds
    assert 0.9 < low <= middle <= high < 2.5
    moment = moment_in(store, 78, skills)
    assert told(learned, moment, skills) == told(kept, moment, skills)


@pytest.mark.long
def test_a_choice_stays_until_there_is_a_tenth_more(store: Store) -> None:
    store.record(sessions(60))
    first = learn(store, now=NOW, seed=1)
    store.record(sessions(62, start=60))
    assert is_stale(store)
    second = learn(store, now=LATER, seed=1)
    assert (second.card.version, second.card.chosen_at, second.card.fitted_at) == (2, NOW, LATER)
    assert second.card.candidates == first.card.candidates
    assert second.card.data.outcomes == 62 * 12
    store.record(sessions(70, start=62))
    assert learn(store, now=LATER, seed=1).card.chosen_at == LATER
    assert learn(store, now=NOW, seed=1, is_choosing=True).card.chosen_at == NOW


def test_one_outcome_alone_and_nothing_at_all(store: Store) -> None:
    assert learn(store, now=NOW, seed=1).card.is_fallback
    store.record(invocation(f"e{n}", invoked_at=shifted(NOW, days=-3, minutes=n)) for n in range(300))
    kept = learn(store, now=NOW, seed=1)
    assert (kept.card.is_fallback, kept.card.algorithm) == (True, BASELINES[2])
    moment = read_moment(store, Situation("local", None, None), ["pytest-run"], now=NOW)
    assert told(kept, moment, ["pytest-run"])["pytest-run"].chance > 0.95


def test_where_nothing_was_learned_rates_answer(store: Store) -> None:
    store.record(sessions(40))
    moment = read_moment(store, Situation("user-1", None, None), ["skill-1"], now=NOW)
    answer = told(unlearned(NOW), moment, ["skill-1"])["skill-1"]
    assert 0.1 < answer.chance < 0.5, "the sessions of this user are the bad ones"
    assert answer.seconds is None
    assert told(unlearned(NOW), moment, ["never used"]) == {}


def test_what_another_version_learned_is_nothing(store: Store) -> None:
    store.record(sessions(40))
    learn(store, now=NOW, seed=1)
    model = read_model(store, NAME)
    assert model is not None
    packed = msgspec.msgpack.decode(model.data)
    for changed in (
        {"details": '{"format": 99}'},
        {"data": msgspec.msgpack.encode(packed | {"features": ["other"]})},
        {"data": msgspec.msgpack.encode(packed | {"predictor": {"type": "unheard of"}})},
    ):
        write_model(store, msgspec.structs.replace(model, version=model.version + 1, **changed))
        assert read_kept(store) is None
        assert read_version(store) == model.version + 1
    assert learn(store, now=LATER, seed=1).card.version == model.version + 2


def test_a_damaged_forest_counts_as_none_and_nothing_is_run(store: Store) -> None:
    store.record(sessions(80))
    learn(store, now=NOW, seed=1)
    model = read_model(store, NAME)
    assert model is not None
    assert b"sklearn" not in model.data and b"\x80\x04\x95" not in model.data
    packed = msgspec.msgpack.decode(model.data)
    packed["predictor"]["forest"]["lefts"] = b"\xff\xff\xff\x7f" * (len(packed["predictor"]["forest"]["lefts"]) // 4)
    write_model(store, StoredModel(NAME, 9, "x", NOW, model.details, msgspec.msgpack.encode(packed)))
    assert read_kept(store) is None


def test_seen_changes_with_what_is_recorded(store: Store) -> None:
    store.record([invocation("a", outcome=None)])
    before = read_seen(store)
    store.record([invocation("a", outcome=Outcome.COMPLETED)])
    assert read_seen(store) != before
