"""What skills are for, in a store: from categories, words and uses, and from people; on every engine."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from session_buddy.catalog import touching
from session_buddy.catalog.modality_keeping import (
    Modality,
    forget_modality,
    infer_modalities,
    read_modalities,
    set_modality,
)
from session_buddy.catalog.taxonomy.keeping import assign, find_category, import_taxonomy, read_categories, unassign
from session_buddy.catalog.taxonomy.lessons import KnownSkill
from session_buddy.catalog.taxonomy.remembering import Means
from session_buddy.catalog.taxonomy.taxonomies import read_csv
from session_buddy.catalog.taxonomy.texts import SkillText
from session_buddy.errors import InvalidInput, NotFound
from session_buddy.model import Kind, SkillFacts
from session_buddy.storage import Store
from tests.catalog.taxonomy.making import SUBJECTS, WORDING, skill
from tests.contract.test_categories import describe
from tests.making import NOW, invocation, shifted

MEANS = Means(WORDING, None, 0.8)
LATER = shifted(NOW, hours=1)


def use(store: Store, name: str, times: int, *traits: str, kind: Kind = Kind.SKILL) -> None:
    store.record(
        [
            invocation(f"{name}{traits}{at}", skill_name=name, kind=kind, traits=traits)
            for at in range(times)
        ]
    )  # fmt: skip


def of(store: Store, name: str) -> tuple[object, ...] | None:
    row = read_modalities(store, name).get(name)
    return row and (row.modality_type, row.input_format, row.output_format, row.requires_human_review, row.assigned_by)


def test_the_domain_of_its_category_says_what_a_skill_is_for(store: Store) -> None:
    use(store, "release", 1)
    use(store, "stray", 1)
    assign(store, "release", find_category(read_categories(store), "Deployment"), now=NOW)
    assert infer_modalities(store, MEANS, now=NOW) == 1
    assert of(store, "release") == ("deployment", None, None, 0, "inference") and of(store, "stray") is None
    (row,) = store.query(
        "SELECT modality_type, domain FROM v_multimodal_skill_catalog WHERE skill_name = 'release'"
    ).rows
    assert row == ("deployment", "deployment")
    # A category is moved: what follows from it moves along.
    assign(store, "release", find_category(read_categories(store), "Testing"), now=LATER)
    assert infer_modalities(store, MEANS, now=LATER) == 1
    assert read_modalities(store)["release"] == Modality(skill_name="release", modality_type="testing", created_at=NOW)
    assert infer_modalities(store, MEANS, now=LATER) == 0


def test_the_domain_of_a_scheme_above_counts(store: Store) -> None:
    import_taxonomy(
        store, read_csv(b"category,parent,domain,skill\nShip,,deployment,\nPack,Ship,,pack\n", scheme="team"), now=NOW
    )
    use(store, "pack", 1)
    infer_modalities(store, MEANS, now=NOW)
    assert of(store, "pack") == ("deployment", None, None, 0, "inference")


def test_words_say_it_where_no_category_does(store: Store) -> None:
    modality_of = dict(zip(SUBJECTS, ("code", "testing", "documentation"), strict=True))
    rules = [KnownSkill(skill(one, at), "x", modality_of[one]) for at in range(25) for one in SUBJECTS]
    means = MEANS._replace(rules=rules)
    fresh = {skill(one, at, 9): modality_of[one] for at in range(4) for one in SUBJECTS}
    describe(store, [*fresh, SkillText("zx-quux", "Frobnicates widgets via xyzzy.")])
    infer_modalities(store, means, now=NOW)
    told = _inferred(store, fresh)
    # Only what is much like a rule is judged by them.
    assert len(told) >= len(fresh) / 2 and all(row.modality_type == fresh[text] for text, row in told)
    assert of(store, "zx-quux") is None
    versions = "SELECT version FROM learned_models FINAL WHERE model_name = 'modalities'"
    assert store.query(versions).rows == [(1,)]
    assert infer_modalities(store, means, now=LATER) == 0 and store.query(versions).rows == [(1,)]
    first = told[0][0].name
    describe(store, [SkillText(first, "Frobnicates widgets via xyzzy, quincunx and zymurgy.")])
    assert infer_modalities(store, means, now=LATER) == 1 and of(store, first) is None


def _inferred(store: Store, texts: dict[SkillText, str]) -> list[tuple[SkillText, Modality]]:
    rows = read_modalities(store)
    return [(text, rows[text.name]) for text in texts if text.name in rows]


def test_files_say_it_last_and_give_the_formats(store: Store) -> None:
    use(store, "tidy", 6, "reads:py", "writes:py")
    use(store, "tell", 6, "reads:py", "writes:md")
    use(store, "move", 6, "reads:json", "writes:yaml")
    use(store, "pytest-run", 6, "reads:py", kind=Kind.SHELL)
    infer_modalities(store, MEANS, now=NOW)
    assert of(store, "tidy") == ("code", "Python", "Python", 0, "inference")
    assert of(store, "tell") == ("documentation", "Python", "Markdown", 0, "inference")
    # Formats are told where nothing tells the type.
    assert of(store, "move") == (None, "JSON", "YAML", 0, "inference")
    # What is predefined does not tell of formats.
    assert of(store, "pytest-run") == ("testing", "Python", None, 0, "predefined")
    (row,) = store.query(
        "SELECT input_format, output_format FROM v_multimodal_skill_catalog WHERE skill_name = 'tell'"
    ).rows
    assert row == ("Python", "Markdown")


def test_a_use_counts_once_for_a_format(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    use(store, "once", 1, *(f"writes:{ending}" for ending in ("go", "py", "rb", "rs", "ts")))
    use(store, "shells", 1, "writes:fish", "writes:sh", "writes:zsh")
    use(store, "shells", 3, "writes:md")
    use(store, "shells", 2, "writes:go", "writes:json")
    infer_modalities(store, MEANS, now=NOW)
    # Of six uses that write files, three write Markdown and one Shell.
    assert of(store, "once") is None and of(store, "shells") == (None, None, "Markdown, Go, JSON", 0, "inference")
    counted: list[Sequence[str]] = []
    counting = touching._counted
    monkeypatch.setattr(touching, "_counted", lambda of_it, names: counted.append(names) or counting(of_it, names))
    use(store, "once", 4, "rejected")
    assert infer_modalities(store, MEANS, now=LATER) == 0 and counted == []
    use(store, "once", 4, "writes:go", "writes:py")
    assert infer_modalities(store, MEANS, now=LATER) == 1 and counted == [["once"]]
    assert of(store, "once") == ("code", None, "Go, Python", 0, "inference")


def test_what_is_refused_wants_a_look(store: Store) -> None:
    use(store, "tidy", 18, "writes:py")
    infer_modalities(store, MEANS, now=NOW)
    assert of(store, "tidy") == ("code", None, "Python", 0, "inference")
    use(store, "tidy", 5, "rejected", "writes:py")
    assert infer_modalities(store, MEANS, now=NOW) == 1
    assert of(store, "tidy") == ("code", None, "Python", 1, "inference")
    use(store, "tidy", 200, "writes:py")
    use(store, "tidy", 200, "writes:pyi")
    infer_modalities(store, MEANS, now=NOW)
    assert of(store, "tidy") == ("code", None, "Python", 0, "inference")


def test_what_a_person_says_stays(store: Store) -> None:
    use(store, "tidy", 18, "writes:py")
    infer_modalities(store, MEANS, now=NOW)
    set_modality(store, "tidy", review=True, now=LATER)
    infer_modalities(store, MEANS, now=LATER)
    assert of(store, "tidy") == ("code", None, "Python", 1, "inference")
    set_modality(store, "tidy", modality="documentation", output_format="", input_format=" PDF ", now=LATER)
    use(store, "tidy", 50, "reads:py", "writes:py")
    infer_modalities(store, MEANS, now=LATER)
    assert of(store, "tidy") == ("documentation", "PDF", None, 1, "person")
    set_modality(store, "tidy", review=False, now=LATER)
    use(store, "tidy", 90, "rejected")
    infer_modalities(store, MEANS, now=LATER)
    assert of(store, "tidy") == ("documentation", "PDF", None, 0, "person")
    forget_modality(store, "tidy")
    infer_modalities(store, MEANS, now=LATER)
    assert of(store, "tidy") == ("code", "Python", "Python", 1, "inference")
    with pytest.raises(NotFound, match="Nobody said"):
        forget_modality(store, "tidy")


def test_a_person_s_category_says_what_a_predefined_skill_is_for_until_it_is_taken_back(store: Store) -> None:
    use(store, "mypy", 1)
    use(store, "npm-test", 1, kind=Kind.SHELL)
    fact = SkillFacts(skill_name="npm-test", category="Testing", modality="testing", description="Runs tests.")
    store.describe([fact])
    rules = [KnownSkill(SkillText("npm-test", "Runs tests."), "Testing", "testing")]
    means = MEANS._replace(rules=rules)
    docs = find_category(read_categories(store), "Documentation")
    for name, kind, by in (("mypy", "code", "predefined"), ("npm-test", "testing", "rules")):
        infer_modalities(store, means, now=NOW)
        assert of(store, name) == (kind, None, None, 0, by)
        assign(store, name, docs, now=NOW)
        infer_modalities(store, means, now=NOW)
        assert of(store, name) == ("documentation", None, None, 0, "inference")
        assert infer_modalities(store, means, now=LATER) == 0
        set_modality(store, name, modality="deployment", output_format="PDF", review=True, now=NOW)
        infer_modalities(store, means, now=NOW)
        assert of(store, name) == ("deployment", None, "PDF", 1, "person")
        forget_modality(store, name)
        assert of(store, name) == (kind, None, None, 0, by), "what stood there is there at once"
        unassign(store, name, docs)
        infer_modalities(store, means, now=NOW)
        assert of(store, name) == (kind, None, None, 0, by)


def test_a_review_that_a_person_wants_keeps_the_row(store: Store) -> None:
    set_modality(store, "odd", modality="code", now=NOW)
    forget_modality(store, "odd")
    set_modality(store, "odd", review=True, now=NOW)
    infer_modalities(store, MEANS, now=LATER)
    assert of(store, "odd") == (None, None, None, 1, "inference")


def test_a_skill_of_no_known_type_wants_a_look_all_the_same(store: Store) -> None:
    shown = "SELECT modality_type, requires_human_review FROM v_multimodal_skill_catalog WHERE skill_name = 'odd'"
    use(store, "odd", 20, "rejected")
    assert infer_modalities(store, MEANS, now=NOW) == 1 and infer_modalities(store, MEANS, now=LATER) == 0
    assert of(store, "odd") == (None, None, None, 1, "inference") and store.query(shown).rows == [(None, 1)]
    # A person's word of it is heard without a type, too, and when it is taken back nothing is left of it.
    set_modality(store, "odd", review=False, output_format="PDF", now=LATER)
    infer_modalities(store, MEANS, now=LATER)
    assert of(store, "odd") == (None, None, "PDF", 0, "person") and store.query(shown).rows == [(None, 0)]
    forget_modality(store, "odd")
    use(store, "odd", 900)
    infer_modalities(store, MEANS, now=LATER)
    assert of(store, "odd") is None


def test_a_rule_gives_a_type_to_what_was_inferred_without_one(store: Store) -> None:
    for name in ("odd", "said"):
        use(store, name, 20, "rejected", "writes:csv", kind=Kind.SHELL)
    infer_modalities(store, MEANS, now=NOW)
    set_modality(store, "said", output_format="PDF", now=NOW)
    told = SkillFacts(skill_name="odd", category="Tools", modality="testing", description="Tries it.")
    store.describe([told, msgspec.structs.replace(told, skill_name="said")])
    assert read_modalities(store, "odd")["odd"] == Modality(
        skill_name="odd",
        modality_type="testing",
        output_format="CSV",
        requires_human_review=1,
        created_at=NOW,
        assigned_by="rules",
    )
    assert of(store, "said") == (None, None, "PDF", 1, "person")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, "nothing is said of it"),
        ({"modality": "prose"}, "'prose' is none"),
        ({"modality": "code", "output_format": "x" * 201}, "output_format: is no name of a format"),
        ({"modality": "code", "input_format": "a\nb"}, "input_format: is no name of a format"),
        ({"review": True, "input_format": "a\0b"}, "input_format: is no name"),
        ({"output_format": "a\x1b[31m"}, "output_format: is no name"),
    ],
)
def test_what_cannot_be_said(store: Store, said: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        set_modality(store, "odd", now=NOW, **said)  # type: ignore[arg-type]
    assert "odd" not in read_modalities(store)
