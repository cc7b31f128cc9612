"""Categories of a store: seeded, imported, said by people, inferred; on every engine."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

import msgspec
import pytest

from session_buddy.catalog.taxonomy import remembering
from session_buddy.catalog.taxonomy.hierarchy import Category
from session_buddy.catalog.taxonomy.inferring import infer_categories, read_category_models
from session_buddy.catalog.taxonomy.keeping import (
    Taken,
    assign,
    find_category,
    import_taxonomy,
    read_assignments,
    read_categories,
    reject,
    unassign,
)
from session_buddy.catalog.taxonomy.lessons import PERSON_WEIGHT, KnownSkill, labelled, read_texts_of_skills
from session_buddy.catalog.taxonomy.remembering import MeaningOf, Means
from session_buddy.catalog.taxonomy.taxonomies import read_csv
from session_buddy.catalog.taxonomy.texts import SkillText
from session_buddy.errors import InvalidInput, NotFound
from session_buddy.model import Kind
from session_buddy.reports.categories import reject_category, unassign_skill
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table
from tests.catalog.taxonomy.making import SUBJECTS, WORDING, meaning_of, skill
from tests.making import NOW, invocation, shifted

MEANS = Means(WORDING, None, 0.8)
LATER = shifted(NOW, hours=1)
PREDEFINED = {
    "Code Quality": ("code", ["ruff-check", "mypy", "pylint"]),
    "Testing": ("testing", ["pytest-run", "coverage-report", "hypothesis-test"]),
    "Documentation": ("documentation", ["sphinx-build", "docstring-check", "api-docs"]),
    "Deployment": ("deployment", ["docker-build", "k8s-deploy", "terraform-apply"]),
}


def describe(store: Store, texts: Sequence[SkillText]) -> None:
    rows = [(one.name, one.description, hashlib.sha256(one.description.encode()).hexdigest(), NOW) for one in texts]
    store.put_rows(plain_table("skill_description"), rows)


def teach_subjects(store: Store, each: int = 25, *, seed: int = 0) -> dict[str, str]:
    """Import so many skills of each subject in the scheme ``hobby``; return their subjects by name."""
    lines = ["category,skill,description"]
    told = {}
    for subject, number in itertools.product(SUBJECTS, range(each)):
        one = skill(subject, number, seed)
        told[one.name] = subject
        lines.append(f"{subject},{one.name},{one.description}")
    import_taxonomy(store, read_csv("\n".join(lines).encode(), scheme="hobby"), now=NOW)
    return told


def inferred(store: Store) -> dict[str, str]:
    names = {one.category_id: one.category_name for one in read_categories(store)}
    return {one.skill_name: names[one.category_id] for one in read_assignments(store) if one.assigned_by == "inference"}


def new_skills(each: int = 6, *, seed: int = 9) -> list[SkillText]:
    return [skill(subject, number, seed) for subject in SUBJECTS for number in range(each)]


def test_what_the_specification_predefines_is_there_exactly(store: Store) -> None:
    categories = read_categories(store)
    assert {one.category_name: (one.domain, one.scheme, one.parent_category_id) for one in categories} == {
        name: (domain, "session-buddy", None) for name, (domain, _) in PREDEFINED.items()
    }
    names = {one.category_id: one.category_name for one in categories}
    told = {(one.skill_name, names[one.category_id]): one for one in read_assignments(store)}
    assert set(told) == {(skill, name) for name, (_, skills) in PREDEFINED.items() for skill in skills}
    assert {(one.confidence_score, one.assigned_by) for one in told.values()} == {(1.0, "predefined")}
    rows = store.query("SELECT skill_name, modality_type, assigned_by FROM skill_modalities FINAL").rows
    assert sorted(rows) == sorted(
        (skill, domain, "predefined") for domain, skills in PREDEFINED.values() for skill in skills
    )


def test_a_taxonomy_is_imported_once(store: Store) -> None:
    data = (
        b"category,parent,domain,description,skill\nLinting,Quality,,,\nQuality,,code,Keeps code good,\n"
        b"Linting,,,Finds faults,our-lint\nTesting,,testing,,\n"
    )
    told = read_csv(data, scheme="team")
    assert import_taxonomy(store, told, now=NOW) == Taken(added=3, changed=0, assigned=1, kept=0)
    found = {one.category_name: one for one in read_categories(store) if one.scheme == "team"}
    # The name that is taken has its scheme before it.
    assert set(found) == {"Linting", "Quality", "team/Testing"}
    assert found["Linting"].parent_category_id == found["Quality"].category_id
    # The view reads the domain of the row.
    assert found["Linting"].domain == "code" and found["Quality"].description == "Keeps code good"
    (mine,) = read_assignments(store, "our-lint")
    assert (mine.category_id, mine.assigned_by, mine.confidence_score) == (found["Linting"].category_id, "rules", 1.0)
    assert store.query("SELECT description FROM skill_description FINAL WHERE skill_name = 'our-lint'").rows == [
        ("Finds faults",)
    ]
    assert import_taxonomy(store, told, now=LATER) == Taken(added=0, changed=0, assigned=0, kept=0)
    (row,) = store.query(
        "SELECT category_name, domain FROM v_multimodal_skill_catalog WHERE skill_name = 'our-lint'"
    ).rows
    assert row == ("Linting", "code")


def test_a_later_file_changes_and_takes_nothing_away(store: Store) -> None:
    import_taxonomy(store, read_csv(b"category,domain,skill\na,code,x\nb,,y\n", scheme="team"), now=NOW)
    told = read_csv(b"category,description,skill\na,,\na,Now with words,\nc,,x\n", scheme="team")
    assert import_taxonomy(store, told, now=LATER) == Taken(added=1, changed=1, assigned=1, kept=0)
    names = {one.category_id: one.category_name for one in read_categories(store)}
    assert [names[one.category_id] for one in read_assignments(store, "x")] == ["c"]
    assert [names[one.category_id] for one in read_assignments(store, "y")] == ["b"]
    categories = read_categories(store)
    a = find_category(categories, "a")
    assert (a.domain, a.description) == ("code", "Now with words")
    # What a person said stands against any file.
    assign(store, "y", a, now=LATER)
    assert import_taxonomy(store, read_csv(b"category,skill\nc,y\n", scheme="team"), now=LATER).kept == 1
    assert [names[one.category_id] for one in read_assignments(store, "y") if one.assigned_by != "rules"] == ["a"]
    assert [one.assigned_by for one in read_assignments(store, "y")] == ["person", "rules"]


def test_a_person_counts_more_than_a_file(store: Store) -> None:
    import_taxonomy(store, read_csv(b"category,description,skill\na,,x\nb,,x\nb,,y\n", scheme="team"), now=NOW)
    categories = [one for one in read_categories(store) if one.scheme == "team"]
    assign(store, "x", find_category(categories, "b"), now=LATER)
    told = labelled(categories, read_assignments(store), {})
    assert [(one.text.name, one.category, one.weight, one.is_skill) for one in told] == [
        ("x", "b", PERSON_WEIGHT, True), ("y", "b", 1.0, True), ("a", "a", 1.0, False), ("b", "b", 1.0, False)
    ]  # fmt: skip


def test_a_circle_with_what_is_there_is_refused(store: Store) -> None:
    import_taxonomy(store, read_csv(b"category,parent\na,b\nb,c\n", scheme="team"), now=NOW)
    before = read_categories(store)
    with pytest.raises(InvalidInput, match="in a circle: 'a' below 'b' below 'c' below 'a'"):
        import_taxonomy(store, read_csv(b"category,parent\nc,a\nd,\n", scheme="team"), now=LATER)
    assert read_categories(store) == before


def test_two_schemes_of_one_file_with_one_name(store: Store) -> None:
    told = read_csv(b"scheme,category,skill\none,Same,x\ntwo,Same,x\n", scheme="s")
    assert import_taxonomy(store, told, now=NOW) == Taken(added=2, changed=0, assigned=2, kept=0)
    found = {one.category_name: one.scheme for one in read_categories(store) if one.scheme != "session-buddy"}
    assert found == {"Same": "one", "two/Same": "two"} and len(read_assignments(store, "x")) == 2


def test_a_category_is_found_by_what_it_is_called(store: Store) -> None:
    import_taxonomy(store, read_csv(b"category\nTesting\nOnly\n", scheme="team"), now=NOW)
    import_taxonomy(store, read_csv(b"category\nOnly\n", scheme="crew"), now=NOW)
    categories = read_categories(store)

    def found(name: str, scheme: str | None = None) -> str:
        return find_category(categories, name, scheme).category_name

    assert found("testing") == "Testing" and found("Team/testing") == "team/Testing"
    assert found("Testing", "TEAM") == "team/Testing" and found("only", "crew") == "crew/Only"
    assert found("Only") == "Only"
    with pytest.raises(NotFound, match="No category is called 'Tasting'") as missing:
        found("Tasting")
    assert "Testing" in missing.value.suggestions
    with pytest.raises(NotFound, match="No scheme is called 'x'"):
        found("Only", "x")
    # One that is called exactly so comes first, also before ours.
    import_taxonomy(store, read_csv(b"category\nTESTING\nonly\nteam/TESTING\n", scheme="loud"), now=NOW)
    categories = read_categories(store)
    assert [found(name) for name in ("TESTING", "Testing", "tESTING")] == ["TESTING", "Testing", "Testing"]
    assert [found(name) for name in ("only", "Only", "only")] == ["only", "Only", "only"]
    assert [found(name) for name in ("team/TESTING", "team/Testing")] == ["team/TESTING", "team/Testing"]
    with pytest.raises(NotFound, match="'ONLY' can mean team/Only, loud/only"):
        found("ONLY")
    twins = [Category(category_id=at, category_name=f"{scheme}/X", scheme=scheme) for at, scheme in enumerate("ab")]
    with pytest.raises(NotFound, match="can mean a/X, b/X"):
        find_category(twins, "x")


def test_a_person_overrules_and_takes_back(store: Store) -> None:
    categories = read_categories(store)
    testing, docs = (find_category(categories, name) for name in ("Testing", "Documentation"))
    assign(store, "pytest-run", docs, now=NOW)
    told = {(one.category_id, one.assigned_by) for one in read_assignments(store, "pytest-run")}
    assert told == {(testing.category_id, "predefined"), (docs.category_id, "person")}
    shown = "SELECT category_name FROM v_multimodal_skill_catalog WHERE skill_name = 'pytest-run'"
    assert store.query(shown).rows == [("Documentation",)]
    assign(store, "pytest-run", find_category(categories, "Deployment"), now=LATER)
    assert store.query(shown).rows == [("Deployment",)]
    with pytest.raises(NotFound, match="it is not in it"):
        unassign(store, "pytest-run", docs)
    with pytest.raises(NotFound, match="it is there by predefined"):
        unassign(store, "pytest-run", testing)
    unassign(store, "pytest-run", find_category(categories, "Deployment"))
    assert store.query(shown).rows == [("Testing",)]


def test_a_word_that_is_taken_back_leaves_what_it_overruled(store: Store) -> None:
    import_taxonomy(store, read_csv(b"category,skill\nAlpha,foo-skill\n", scheme="mine"), now=NOW)
    categories = read_categories(store)
    before = {(one.skill_name, one.category_id): one.assigned_by for one in read_assignments(store)}
    for one_of, name in (("pytest-run", "Testing"), ("mypy", "Code Quality"), ("foo-skill", "Alpha")):
        category = find_category(categories, name)
        for words in ([assign], [reject], [assign, reject], [reject, assign], [reject, reject]):
            for word in words:
                word(store, one_of, category, now=NOW)
            unassign(store, one_of, category)
            after = {(one.skill_name, one.category_id): one.assigned_by for one in read_assignments(store)}
            assert after == before
    # One that goes to another category of a person's takes its own word back with it.
    testing, docs = find_category(categories, "Testing"), find_category(categories, "Documentation")
    assign(store, "pytest-run", testing, now=NOW)
    assign(store, "pytest-run", docs, now=NOW)
    unassign(store, "pytest-run", docs)
    assert {(one.skill_name, one.category_id): one.assigned_by for one in read_assignments(store)} == before


def test_a_skill_that_a_word_alone_knows_is_found_when_it_is_taken_back(store: Store) -> None:
    import_taxonomy(store, read_csv(b"category,skill\nAlpha,foo-skill\n", scheme="mine"), now=NOW)
    assert reject_category(store, "Foo-Skill", "Alpha", now=NOW).rejected == ["Alpha"]
    told = unassign_skill(store, "Foo-Skill", "Alpha")
    assert [(one.category, one.assigned_by) for one in told.categories] == [("Alpha", "rules")]


def test_what_nobody_sorted_is_sorted(store: Store) -> None:
    teach_subjects(store)
    fresh, foreign = new_skills(), SkillText("zx-quux", "Frobnicates widgets via xyzzy.")
    describe(store, [*fresh, foreign])
    assert infer_categories(store, MEANS, now=NOW) == len(fresh)
    assert inferred(store) == {one.name: list(SUBJECTS)[place // 6] for place, one in enumerate(fresh)}
    rows = [one for one in read_assignments(store) if one.assigned_by == "inference"]
    assert all(one.confidence_score and 0.8 <= one.confidence_score <= 1 for one in rows)
    (model,) = (one for one in read_category_models(store) if one.scheme == "hobby")
    assert (model.taught, model.categories, model.asked, model.told) == (75, 3, 19, 18)
    assert model.accuracy > 0.9 and model.covered > 0.8 and model.meaning is None and model.precision == 0.8


def test_where_nothing_changed_nothing_is_learned_or_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    teach_subjects(store)
    describe(store, new_skills())
    infer_categories(store, MEANS, now=NOW)
    versions = "SELECT model_name, version, fitted_at FROM learned_models FINAL ORDER BY 1"
    before = store.query(versions).rows
    monkeypatch.setattr(remembering, "teach", None)
    assert infer_categories(store, MEANS, now=LATER) == 0
    assert store.query(versions).rows == before
    # One more skill is judged by what is known.
    describe(store, [skill("Sailing", 7, 9)])
    assert infer_categories(store, MEANS, now=LATER) == 1
    assert inferred(store)[skill("Sailing", 7, 9).name] == "Sailing"
    # What somebody deleted comes again.
    row = next(one for one in read_assignments(store) if one.assigned_by == "inference")
    store.drop_rows(plain_table("skill_category_mapping"), [(row.skill_name, row.category_id)])
    assert infer_categories(store, MEANS, now=LATER) == 1 and row.skill_name in inferred(store)


def test_a_correction_stays_and_teaches(store: Store) -> None:
    teach_subjects(store)
    words = "spots a satellite over the harbour at low tide"
    odd = [SkillText(f"spotter-{number}", f"{words} {number}") for number in range(8)]
    describe(store, [*new_skills(), *odd])
    infer_categories(store, MEANS, now=NOW)
    before = inferred(store)
    assert {before.get(one.name) for one in odd} <= {"Sailing", None}
    astronomy = find_category(read_categories(store), "Astronomy")
    for one in odd[:3]:
        assign(store, one.name, astronomy, now=NOW)
    infer_categories(store, MEANS, now=LATER)
    after = inferred(store)
    assert {after.get(one.name) for one in odd[3:]} == {"Astronomy"}
    for one in odd[:3]:
        (said,) = read_assignments(store, one.name)
        assert (said.category_id, said.assigned_by, said.assigned_at) == (astronomy.category_id, "person", NOW)
    assert {name: after[name] for name in before if not name.startswith("spotter")} == {
        name: told for name, told in before.items() if not name.startswith("spotter")
    }


def test_a_guess_that_is_rejected_stays_away_and_teaches_nothing(store: Store) -> None:
    teach_subjects(store)
    fresh = new_skills()
    describe(store, fresh)
    infer_categories(store, MEANS, now=NOW)
    before = inferred(store)
    wrong = fresh[0].name
    category = find_category(read_categories(store), before[wrong])
    reject(store, wrong, category, now=NOW)
    shown = f"SELECT category_name FROM v_multimodal_skill_catalog WHERE skill_name = '{wrong}'"
    assert store.query(shown).rows == [(None,)]
    infer_categories(store, MEANS, now=LATER)
    assert inferred(store) == {name: told for name, told in before.items() if name != wrong}
    assert read_assignments(store, wrong) == []
    assert [one.confidence_score for one in read_assignments(store, wrong, rejected_too=True)] == [0.0]
    # A file does not bring it back, and what a person assigns does.
    file = f"skill,category\n{wrong},{category.category_name}\n".encode()
    assert import_taxonomy(store, read_csv(file, scheme=category.scheme), now=LATER).kept == 1
    assert read_assignments(store, wrong) == []
    unassign(store, wrong, category)
    infer_categories(store, MEANS, now=LATER)
    assert inferred(store) == before
    reject(store, wrong, category, now=LATER)
    assign(store, wrong, category, now=LATER)
    assert store.query(shown).rows == [(category.category_name,)]


def test_what_does_not_hold_any_more_is_taken_back(store: Store) -> None:
    teach_subjects(store)
    fresh = new_skills()
    describe(store, fresh)
    infer_categories(store, MEANS, now=NOW)
    changed = SkillText(fresh[0].name, "Frobnicates widgets via xyzzy, quincunx and zymurgy, entirely unlike before.")
    describe(store, [changed])
    assert infer_categories(store, MEANS, now=LATER) >= 1
    assert changed.name not in inferred(store) and len(inferred(store)) == len(fresh) - 1
    # Nobody is sorted any more: there is nothing to go by.
    gone = [(one.skill_name, one.category_id) for one in read_assignments(store) if one.assigned_by == "rules"]
    store.drop_rows(plain_table("skill_category_mapping"), gone)
    infer_categories(store, MEANS, now=LATER)
    assert inferred(store) == {} and [one.scheme for one in read_category_models(store)] == ["session-buddy"]


def test_few_labels_say_nothing(store: Store) -> None:
    describe(store, [SkillText("unit-tests", "Runs the unit tests of a project")])
    assert infer_categories(store, MEANS, now=NOW) == 0
    assert inferred(store) == {}
    (model,) = read_category_models(store)
    assert (model.scheme, model.taught, model.threshold) == ("session-buddy", 12, None)


def test_rules_teach_and_their_categories_are_made(store: Store) -> None:
    rules = [KnownSkill(skill(subject, number), subject, "code") for number in range(25) for subject in SUBJECTS]
    fresh = new_skills()
    describe(store, fresh)
    infer_categories(store, MEANS._replace(rules=rules), now=NOW)
    # Only what is much like a rule is judged by them.
    subject_of = {one.name: list(SUBJECTS)[place // 6] for place, one in enumerate(fresh)}
    assert len(inferred(store)) >= len(fresh) / 2 and set(inferred(store).values()) == set(SUBJECTS)
    assert all(subject_of[name] == told for name, told in inferred(store).items())
    made = {one.category_name: (one.scheme, one.domain) for one in read_categories(store)}
    assert {made[subject] for subject in SUBJECTS} == {("session-buddy", "code")}
    # That they are made is no new lesson.
    assert infer_categories(store, MEANS._replace(rules=rules), now=LATER) == 0
    # Rules themselves are nobody's skills until they are used.
    assert not set(inferred(store)) & {rule.text.name for rule in rules}


def test_tools_and_rules_that_nobody_used_are_not_sorted(store: Store) -> None:
    used = [
        invocation("a", skill_name="Read", kind=Kind.TOOL),
        invocation("b", skill_name="cargo-test", kind=Kind.SHELL),
        invocation("c", skill_name="review", kind=Kind.SKILL),
    ]
    store.record(used)
    table = plain_table("skill_sources")

    def source(path: str, name: str, origin: str) -> tuple[object, ...]:
        row = dict.fromkeys(table.columns, None) | {
            "machine": "desk", "path": path, "skill_name": name, "origin": origin, "content_hash": "0" * 64,
            "listing_tokens": 1, "body_tokens": 1, "size": 1, "modified_ns": 1, "changed_at": NOW, "seen_at": NOW,
        }  # fmt: skip
        return tuple(row[column] for column in table.columns)

    store.put_rows(
        table,
        [
            source("built-in rules#cargo-test", "cargo-test", "shell"),
            source("built-in rules#cargo-doc", "cargo-doc", "shell"),
            source("/home/me/.claude/skills/plan/SKILL.md", "plan", "user"),
            source("/home/me/.mcp.json#", ".mcp.json", "mcp"),
        ],
    )
    describe(store, [SkillText("cargo-doc", "Builds documentation"), SkillText("plan", "Plans the work")])
    found = read_texts_of_skills(store)
    assert set(found) == {"cargo-test", "review", "plan"} and found["plan"].description == "Plans the work"


def test_vectors_of_meaning_are_kept_apart_by_model(store: Store) -> None:
    teach_subjects(store)
    fresh = new_skills()
    describe(store, fresh)
    asked: list[int] = []

    def embed(texts: Sequence[SkillText]):  # type: ignore[no-untyped-def]
        asked.append(len(texts))
        return meaning_of(list(texts))

    means = MEANS._replace(meaning=MeaningOf("one", embed))
    infer_categories(store, means, now=NOW)
    models = {one.scheme: one for one in read_category_models(store)}
    assert {one.meaning for one in models.values()} == {"one"} and len(inferred(store)) == len(fresh)
    assert 75 + 3 in asked
    asked.clear()
    assert infer_categories(store, means, now=LATER) == 0 and asked == []
    # Vectors of another model are compared with nothing: it is learned again.
    infer_categories(store, means._replace(meaning=MeaningOf("two", embed)), now=LATER)
    assert 75 + 3 in asked and {one.meaning for one in read_category_models(store)} == {"two"}


def test_a_model_of_another_version_of_the_program_is_learned_again(store: Store) -> None:
    teach_subjects(store)
    describe(store, new_skills())
    infer_categories(store, MEANS, now=NOW)
    before = inferred(store)
    table = plain_table("learned_models")
    (row,) = store.query(f"SELECT {table.selected} FROM {table.source} WHERE model_name = 'categories hobby'").rows
    told = list(table.row(row))
    told[table.columns.index("details")] = msgspec.json.encode({"format": 0}).decode()
    told[table.columns.index("data")] = b"\x80\x04."
    store.put_rows(table, [tuple(told)])
    infer_categories(store, MEANS, now=LATER)
    assert inferred(store) == before and len(read_category_models(store)) == 2


def test_a_person_who_speaks_while_it_is_learned_is_heard(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    teach_subjects(store)
    fresh = new_skills()
    describe(store, fresh)
    learn, heard = remembering.teach, list[bool]()

    def slowly(*given, **more):  # type: ignore[no-untyped-def]
        # The second scheme is learned after what was found of the first is written.
        if not heard:
            heard.append(True)
            assign(store, fresh[0].name, find_category(read_categories(store), "Baking"), now=LATER)
        return learn(*given, **more)

    monkeypatch.setattr(remembering, "teach", slowly)
    infer_categories(store, MEANS, now=LATER)
    (said,) = read_assignments(store, fresh[0].name)
    assert (said.assigned_by, said.confidence_score) == ("person", 1.0)
