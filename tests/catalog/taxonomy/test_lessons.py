"""What there is to learn categories from."""

from __future__ import annotations

from session_buddy.catalog.taxonomy.hierarchy import OWN_SCHEME, Category
from session_buddy.catalog.taxonomy.keeping import Assignment
from session_buddy.catalog.taxonomy.lessons import KnownSkill, labelled
from session_buddy.catalog.taxonomy.texts import SkillText
from tests.making import NOW

TESTING, DOCUMENTATION = (
    Category(category_id=number, category_name=name, scheme=OWN_SCHEME, created_at=NOW)
    for number, name in ((1, "Testing"), (2, "Documentation"))
)
RULES = [KnownSkill(SkillText("go-test", "Runs Go tests."), "Testing", "testing")]


def taught(*said: tuple[int, float, str]) -> dict[str, str]:
    assignments = [
        Assignment(skill_name="go-test", category_id=number, confidence_score=sure, assigned_at=NOW, assigned_by=by)
        for number, sure, by in said
    ]
    lesson = labelled([TESTING, DOCUMENTATION], assignments, {}, RULES)
    return {one.text.name: one.category for one in lesson if one.is_skill}


def test_a_rule_teaches_until_a_person_rejects_it() -> None:
    assert taught() == {"go-test": "Testing"}
    assert taught((1, 0.0, "person")) == {}
    assert taught((2, 0.0, "person")) == {"go-test": "Testing"}, "that it is not in another says nothing of this one"
    assert taught((1, 0.0, "person"), (2, 1.0, "person")) == {"go-test": "Documentation"}
    assert taught((2, 0.9, "inference")) == {"go-test": "Testing"}, "what was inferred teaches nothing"
