"""The catalogue as reports tell it, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from session_buddy.catalog.keeping import scan_into
from session_buddy.catalog.scanning.findings import FindingKind
from session_buddy.catalog.scanning.sources import Origin
from session_buddy.catalog.taxonomy.keeping import import_taxonomy
from session_buddy.catalog.taxonomy.taxonomies import read_csv
from session_buddy.errors import InvalidInput, NotFound
from session_buddy.model import Kind, Outcome
from session_buddy.ordering import CatalogueOrder
from session_buddy.reports.catalog import compare_skills, read_catalogue
from session_buddy.reports.catalog_figures import Catalogue, CatalogueFilter
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table
from tests.catalog.scanning.making import Disk, skill_text
from tests.catalogues import fill_catalogue
from tests.contract.conftest import OpenStore
from tests.making import NOW, FakeClock, invocation


@pytest.fixture(scope="module")
def disk_and_store(open_for_all: OpenStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Disk, Store]]:
    store = open_for_all("catalogue", clock=FakeClock())
    yield fill_catalogue(store, tmp_path_factory.mktemp("disk")), store


@pytest.fixture(scope="module")
def filled(disk_and_store: tuple[Disk, Store]) -> Store:
    return disk_and_store[1]


def read(store: Store, order: CatalogueOrder = CatalogueOrder.USES, limit: int = 100, **wanted: Any) -> Catalogue:
    return read_catalogue(store, CatalogueFilter(**wanted), order, limit)


def names(found: Catalogue) -> list[str]:
    return [skill.skill for skill in found.skills]


WRITTEN = {"review", "outline", "broken", "odd", "pack", "mcp__db", "<b>bold"}
PREDEFINED = {
    *("ruff-check", "mypy", "pylint", "coverage-report", "hypothesis-test", "sphinx-build", "docstring-check"),
    *("api-docs", "docker-build", "k8s-deploy", "terraform-apply", "pytest-run"),
}


def test_all_that_is_known_is_there_used_or_not(filled: Store) -> None:
    found = read(filled)
    assert set(names(found)) == WRITTEN | PREDEFINED | {"mcp__db__find"}
    assert found.total == found.known == len(found.skills)
    assert names(found)[:4] == ["review", "pytest-run", "mcp__db", "mcp__db__find"]
    assert "Read" in names(read(filled, tools=True))
    assert names(read(filled, limit=2)) == ["review", "pytest-run"] and read(filled, limit=2).total == found.total


def test_each_with_kind_figures_and_cost(filled: Store) -> None:
    skills = {skill.skill: skill for skill in read(filled).skills}
    review, pack, server = skills["review"], skills["pack"], skills["mcp__db"]
    assert (review.kind, review.invocations, review.success_rate, review.places) == (Kind.SKILL, 10, 0.9, 2)
    assert review.description == "Reviews what was changed." and review.origin is Origin.USER
    assert review.listing_tokens is not None and 5 < review.listing_tokens < 20
    assert review.body_tokens is not None and review.body_tokens > 200
    assert (pack.origin, pack.plugin, pack.invocations) == (Origin.PLUGIN, "acme", 1)
    # What its tools cost is not written in a configuration.
    assert (server.kind, server.invocations, server.listing_tokens, server.body_tokens) == (Kind.MCP, 2, None, None)
    assert skills["mypy"].modality == "code" and skills["mypy"].category == "Code Quality"
    assert skills["outline"].kind is Kind.SKILL and skills["k8s-deploy"].kind is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"problem": FindingKind.BROKEN}, {"broken"}),
        ({"problem": FindingKind.SHADOWED}, {"review"}),
        ({"problem": FindingKind.IRREGULAR}, {"odd", "<b>bold"}),
        ({"problem": FindingKind.NEVER_USED}, {"outline", "odd", "<b>bold"}),
        ({"origin": Origin.PROJECT}, {"review"}),
        ({"origin": Origin.PLUGIN}, {"pack"}),
        ({"origin": Origin.MCP}, {"mcp__db"}),
        ({"kind": Kind.MCP}, {"mcp__db", "mcp__db__find"}),
        ({"modality": "documentation"}, {"sphinx-build", "docstring-check", "api-docs"}),
        ({"domain": "deployment"}, {"docker-build", "k8s-deploy", "terraform-apply"}),
        ({"category": "code quality"}, {"ruff-check", "mypy", "pylint"}),
        ({"min_success": 0.9}, {"review", "pack", "mcp__db__find"}),
        ({"min_success": 0.0}, {"review", "pack", "mcp__db__find", "pytest-run"}),
        ({"max_cost": 0}, {"broken"}),
        ({"kind": Kind.SKILL, "max_cost": 50}, {"review", "pack", "broken", "odd", "<b>bold"}),
    ],
)
def test_filters(filled: Store, wanted: dict[str, Any], expected: set[str]) -> None:
    found = read(filled, **wanted)
    assert set(names(found)) == expected and found.total == len(expected)
    # Words to filter by are counted over all: else there would be no way back.
    assert found.known == read(filled).known and found.origins == read(filled).origins


def test_what_a_session_pays_is_that_of_one_machine(store: Store, tmp_path: Path) -> None:
    disk = fill_catalogue(store, tmp_path)
    alone = read(store)
    disk.skill("more")
    scan_into(store, disk.places(), machine="laptop", now=NOW)
    both = read(store)
    more = next(skill for skill in both.skills if skill.skill == "more")
    assert (more.machines, next(skill for skill in both.skills if skill.skill == "review").machines) == (1, 2)
    assert both.listing_tokens == alone.listing_tokens + (more.listing_tokens or 0)
    assert both.unused_listing_tokens == alone.unused_listing_tokens + (more.listing_tokens or 0)


def test_orders(filled: Store) -> None:
    assert names(read(filled, CatalogueOrder.SUCCESS))[:4] == ["review", "mcp__db__find", "pack", "pytest-run"]
    cost = [skill.listing_tokens for skill in read(filled, CatalogueOrder.COST).skills]
    known = [tokens for tokens in cost if tokens is not None]
    assert names(read(filled, CatalogueOrder.COST))[0] == "outline" and known == sorted(known, reverse=True)
    assert cost[len(known) :] == [None] * (len(cost) - len(known))
    assert names(read(filled, CatalogueOrder.RECENT))[0] == "mcp__db__find"
    by_name = names(read(filled, CatalogueOrder.NAME))
    assert by_name == sorted(by_name, key=str.casefold)


def test_words_to_filter_by_are_counted(filled: Store) -> None:
    found = read(filled)
    problems = {one.value: one.skills for one in found.problems}
    assert problems == {"never-used": 3, "irregular": 2, "broken": 1, "shadowed": 1}
    assert {one.value: one.skills for one in found.origins} == {"user": 5, "project": 1, "plugin": 1, "mcp": 1}
    assert {one.value for one in found.categories} == {"Code Quality", "Testing", "Documentation", "Deployment"}


def test_what_every_session_pays_is_what_is_in_force_everywhere(filled: Store) -> None:
    found = read(filled)
    skills = {skill.skill: skill.listing_tokens or 0 for skill in found.skills}
    unused = skills["outline"] + skills["odd"] + skills["<b>bold"]
    assert found.unused_listing_tokens == unused
    assert found.listing_tokens == unused + skills["review"] + skills["pack"]


def test_what_is_hidden_in_one_project_is_paid_for_in_all_others(store: Store, tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.write(disk.claude / "agents" / "r.md", skill_text("rev", "Looks at changes at length, everywhere."))
    project = disk.project() / ".claude" / "agents" / "r.md"
    disk.write(project, skill_text("rev", "Looks."))
    scan_into(store, disk.places(), machine="desk", now=NOW)
    found = read(store)
    (told,) = compare_skills(store, ["agent:rev"]).skills
    mine = next(one for one in told.sources if one.origin is Origin.USER)
    assert [one.scope for one in mine.problems if one.problem is FindingKind.SHADOWED] == [str(project.parents[2])]
    assert mine.in_force and found.listing_tokens == mine.listing_tokens > 0


def test_rules_of_the_program_are_shown_where_they_are_asked_for(store: Store, tmp_path: Path) -> None:
    from session_buddy.catalog.scanning.places import Places, rule_places

    scan_into(store, Places(rule_places(tmp_path / "none.toml"), []), machine="desk", now=NOW)
    store.record([invocation(skill_name="cargo-test")])
    shown = names(read(store))
    assert "cargo-test" in shown and "cargo-build" not in shown
    assert "cargo-build" in names(read(store, origin=Origin.SHELL))
    # Nor do they come up in searches before they are used.
    assert not store.query("SELECT 1 FROM skill_description FINAL WHERE skill_name = 'cargo-build'").rows


def test_skills_side_by_side_are_told_whole(disk_and_store: tuple[Disk, Store]) -> None:
    disk, store = disk_and_store
    store.put_rows(plain_table("skill_modalities"), [("review", "code", "py", "md", 1, NOW, "person", "person")])
    review, broken = compare_skills(store, ["REVIEW", "broken"]).skills
    assert (review.modality, review.input_format, review.output_format, review.requires_human_review) == (
        *("code", "py", "md", True),
    )
    first, second = review.sources
    assert first.in_force and first.path == str(disk.claude / "skills" / "review" / "SKILL.md")
    assert not second.in_force and [one.problem for one in second.problems] == [FindingKind.SHADOWED]
    (source,) = broken.sources
    assert not source.in_force and "line 3" in source.problems[0].reason
    assert "hunter2" not in repr(compare_skills(store, ["mcp__db"]))
    store.drop_rows(plain_table("skill_modalities"), [("review",)])


def test_names_and_categories_that_there_are_not_are_refused(filled: Store) -> None:
    with pytest.raises(NotFound) as told:
        compare_skills(filled, ["reviw"])
    assert told.value.suggestions == ["review"]
    with pytest.raises(NotFound) as told:
        read(filled, category="Cooking")
    assert "Testing" in told.value.suggestions
    for names in ([], ["review"] * 9):
        with pytest.raises(InvalidInput):
            compare_skills(filled, names)


def test_an_empty_store_has_the_predefined_ones(store: Store) -> None:
    found = read(store)
    assert set(names(found)) == PREDEFINED
    assert (found.listing_tokens, found.scanned_at, found.problems) == (0, None, [])


def test_one_that_always_failed_has_a_rate(store: Store) -> None:
    store.record(
        [invocation(skill_name="hopeless", outcome=Outcome.FAILED), invocation("2", skill_name="endless", outcome=None)]
    )
    assert names(read(store, min_success=0.0)) == ["hopeless"]


def test_a_category_that_is_called_exactly_so_comes_before_others(store: Store) -> None:
    import_taxonomy(store, read_csv(b"category,skill\nTESTING,loud\nTesting,mine\n", scheme="team"), now=NOW)
    assert names(read(store, category="TESTING")) == ["loud"]
    assert "loud" not in names(read(store, category="Testing")) and read(store, category="Testing").total > 0
