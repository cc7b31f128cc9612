from __future__ import annotations

import numpy as np
import pytest

from session_buddy.catalog.taxonomy import categoriser
from session_buddy.catalog.taxonomy.categoriser import (
    Example,
    alike_groups,
    judged_unseen,
    teach,
    threshold_for,
)
from session_buddy.catalog.taxonomy.evaluation import calibration_error, folds_of, quality_of
from session_buddy.catalog.taxonomy.packing import packed, unpacked
from session_buddy.catalog.taxonomy.texts import SkillText, Weighing, counted
from tests.catalog.taxonomy.making import SUBJECTS, WORDING, examples, meaning_of, skill


def groups_of(texts: list[SkillText]) -> np.ndarray:
    counts = counted(texts, WORDING)
    return alike_groups(texts, Weighing.of(counts).weighed(counts))


@pytest.mark.parametrize("with_meaning", [False, True])
def test_what_was_taught_is_told_of_others(with_meaning: bool) -> None:
    shown = examples(20)
    model, _ = teach(shown, WORDING, meaning_of([one.text for one in shown]) if with_meaning else None, precision=0.8)
    new = [skill(subject, number, seed=9) for subject in SUBJECTS for number in range(10)]
    told = model.judge(new, WORDING, meaning_of(new) if with_meaning else None)
    assert [one.category for one in told] == [subject for subject in SUBJECTS for _ in range(10)]
    assert all(one.is_sure and one.confidence > 0.8 and one.second != one.category for one in told)
    assert model.taught == 60 and model.categories == tuple(sorted(SUBJECTS))


def test_what_does_not_reach_the_threshold_is_not_sure() -> None:
    model, taught = teach(examples(100, muddle=0.35), WORDING, precision=0.8)
    assert model.threshold is not None
    told = [one for one in taught.judgements if one.is_sure]
    assert told and min(one.confidence for one in told) >= model.threshold
    assert max(one.confidence for one in taught.judgements) > model.threshold > 0.8
    assert 0.1 < len(told) / len(taught.judgements) < 0.9


def test_what_is_like_nothing_is_left_alone() -> None:
    model, _ = teach(examples(20), WORDING, precision=0.8)
    foreign = [
        SkillText("zx-quux", "Frobnicates widgets via xyzzy."),
        SkillText("pdf", "Fill in a PDF form, merge and split pages."),
        SkillText("…", ""),
    ]
    assert not any(one.is_sure for one in model.judge(foreign, WORDING))


def test_labels_by_lot_teach_nothing_and_it_never_is_sure() -> None:
    random = np.random.default_rng(3)
    shown = [one._replace(category=str(random.choice(list(SUBJECTS)))) for one in examples(30)]
    model, taught = teach(shown, WORDING, precision=0.8)
    assert model.threshold is None
    right = np.mean([one.category == truth for truth, one in zip(taught.truth, taught.judgements, strict=True)])
    told = model.judge([skill("Baking", number, seed=9) for number in range(20)], WORDING)
    assert right < 0.5 and not any(one.is_sure for one in told)
    assert np.mean([one.confidence for one in told]) < 0.6


def test_few_labels_are_not_enough_to_be_sure() -> None:
    model, _ = teach(examples(3), WORDING, precision=0.8)
    assert model.threshold is None


def test_the_words_of_categories_help_where_there_are_few_skills() -> None:
    few = examples(1)
    new = [skill(subject, number, seed=9) for subject in SUBJECTS for number in range(20)]
    truth = [subject for subject in SUBJECTS for _ in range(20)]

    def right(shown: list[Example]) -> float:
        told = teach(shown, WORDING, precision=0.8)[0].judge(new, WORDING)
        return float(np.mean([one.category == wanted for one, wanted in zip(told, truth, strict=True)]))

    described = [Example(SkillText(name, words), name, is_skill=False) for name, words in SUBJECTS.items()]
    assert right([*few, *described]) > right(few) + 0.1


def test_what_a_person_said_counts_more() -> None:
    text = SkillText("loaf-plans", "plans the dough and the crust of a bagel")
    shown = examples(8)
    split = [text._replace(name=f"{text.name}-{number}") for number in range(2)]

    def told(weight: float) -> str:
        model, _ = teach(
            [*shown, Example(split[0], "Sailing", weight), Example(split[1], "Astronomy")], WORDING, precision=0.8
        )
        return model.judge([text], WORDING)[0].category

    assert told(0.1) == "Astronomy" and told(3.0) == "Sailing"


def test_a_skill_is_judged_by_what_is_taught_without_its_like() -> None:
    random = np.random.default_rng(1)
    points = random.standard_normal((30, 4))
    alike = points @ points.T + 1
    targets = np.eye(3)[random.integers(0, 3, 30)]
    ridge = np.diag(random.uniform(0.5, 2, 30))
    groups = np.repeat(np.arange(12), [1, 2, 3] * 4)[random.permutation(24).tolist() + list(range(6))]
    inverse = np.linalg.inv(alike + ridge)
    found = categoriser._left_out(inverse, inverse @ targets, targets, groups)
    for group in range(12):
        inside, outside = np.flatnonzero(groups == group), np.flatnonzero(groups != group)
        pull = np.linalg.solve((alike + ridge)[np.ix_(outside, outside)], targets[outside])
        assert found[inside] == pytest.approx(alike[np.ix_(inside, outside)] @ pull, abs=1e-8)


def test_what_is_nearly_the_same_is_one_group() -> None:
    texts = [
        SkillText("bake-bread", "Bakes bread of wheat flour in an oven"),
        SkillText("Bake-Bread", "Something else altogether"),
        SkillText("other", "bakes bread of wheat flour in an oven"),
        SkillText("bake-bread-2", "Bakes bread of wheat flour in an oven."),
        SkillText("sail", "Sails a boat"),
        SkillText("row", ""),
        SkillText("swim", ""),
    ]
    groups = groups_of(texts)
    assert len(set(groups[:4])) == 1 and len(set(groups)) == 4


def test_confidence_is_how_often_it_is_right() -> None:
    shown = examples(150, muddle=0.35)
    _, taught = teach(shown, WORDING, precision=0.8)
    right = np.array([one.category == truth for truth, one in zip(taught.truth, taught.judgements, strict=True)])
    assert 0.4 < right.mean() < 0.9
    assert calibration_error(np.array([one.confidence for one in taught.judgements]), right) < 0.05
    new = [skill(subject, number, seed=5, muddle=0.35) for subject in SUBJECTS for number in range(100)]
    told = teach(shown, WORDING, precision=0.8)[0].judge(new, WORDING)
    hits = np.array([one.category == wanted for one, wanted in zip(told, np.repeat(list(SUBJECTS), 100), strict=True)])
    assert calibration_error(np.array([one.confidence for one in told]), hits) < 0.08


def test_the_threshold_keeps_what_it_promises() -> None:
    confidence = np.linspace(1, 0.6, 200)
    right = np.arange(200) < 80
    found = threshold_for(confidence, right, 0.8)
    assert found is not None
    reached = confidence >= found
    assert right[reached].mean() > 0.8 and 80 < reached.sum() < 100
    # What is less sure than that is not said, however well the others do.
    assert threshold_for(confidence, np.ones(200, dtype=bool), 0.8) == confidence[confidence >= 0.8][-1]
    assert threshold_for(confidence[:19], np.ones(19, dtype=bool), 0.8) is None
    assert threshold_for(confidence[:20], np.ones(20, dtype=bool), 0.8) == confidence[19]
    assert threshold_for(confidence, np.zeros(200, dtype=bool), 0.8) is None
    # Those of one confidence are taken together, or not at all.
    assert threshold_for(np.full(40, 0.9), np.arange(40) < 20, 0.8) is None


def test_equal_examples_teach_equal_things() -> None:
    shown = examples(15, muddle=0.3)
    first, second = (packed(teach(shown, WORDING, precision=0.8)[0]) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("with_meaning", [False, True])
def test_a_categoriser_travels_as_bytes(with_meaning: bool) -> None:
    shown = examples(15, muddle=0.3)
    model, _ = teach(shown, WORDING, meaning_of([one.text for one in shown]) if with_meaning else None, precision=0.7)
    new = [skill(subject, number, seed=4) for subject in SUBJECTS for number in range(5)]
    meaning = meaning_of(new) if with_meaning else None
    assert unpacked(packed(model)).judge(new, WORDING, meaning) == model.judge(new, WORDING, meaning)
    assert model.judge([], WORDING) == []


def test_one_category_is_no_choice() -> None:
    with pytest.raises(ValueError, match="two categories"):
        teach(examples(3)[::3], WORDING, precision=0.8)


def test_copies_are_not_taught_with_and_judged() -> None:
    """Labels by lot, but every skill has a copy of its own label: only who lets copies vouch is right."""
    random = np.random.default_rng(7)
    shown = []
    for one in examples(20):
        label = str(random.choice(list(SUBJECTS)))
        shown += [Example(one.text, label), Example(SkillText(f"{one.text.name}-copy", one.text.description), label)]
    groups = groups_of([one.text for one in shown])
    folds = folds_of([one.category for one in shown], groups)
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
    told = judged_unseen(shown, folds, WORDING, precision=0.8)
    quality = quality_of([one.category for one in shown], told, groups)
    assert quality.accuracy.value < 0.5
    _, taught = teach(shown, WORDING, precision=0.8)
    assert quality_of(taught.truth, taught.judgements, groups).accuracy.value < 0.5
