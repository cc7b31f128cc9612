from __future__ import annotations

from session_buddy.catalog.taxonomy.hierarchy import Category, cycle_in, domains_of, in_order, plain_name


def category(number: int, name: str, parent: int | None = None, **more: str) -> Category:
    return Category(category_id=number, category_name=name, parent_category_id=parent, **more)


def test_domains_come_from_above() -> None:
    tree = [
        category(1, "Quality", domain="code"),
        category(2, "Linting", 1),
        category(3, "Spelling", 2, domain="documentation"),
        category(4, "Prose", 3),
        category(5, "Else"),
        category(6, "Orphan", 99),
    ]
    assert domains_of(tree) == {1: "code", 2: "code", 3: "documentation", 4: "documentation", 5: None, 6: None}


def test_circles_that_others_wrote_end() -> None:
    ring = [category(1, "a", 2), category(2, "b", 1), category(3, "c", 2)]
    assert domains_of(ring) == {1: None, 2: None, 3: None}
    assert sorted(one.category_id for _, one in in_order(ring)) == [1, 2, 3]


def test_a_circle_is_told_by_its_names() -> None:
    assert cycle_in({"a": "b", "b": "c", "c": None}) == []
    assert cycle_in({"x": "a", "a": "b", "b": "a"}) == ["a", "b", "a"]
    assert cycle_in({"a": "a"}) == ["a", "a"]
    assert cycle_in({"a": "elsewhere"}) == []


def test_categories_stand_below_their_parents_and_ours_come_first() -> None:
    told = in_order(
        [
            category(7, "another/Zoo", scheme="another"),
            category(3, "Testing"),
            category(5, "Unit", 3),
            category(4, "Build"),
            category(6, "Fuzz", 3),
            category(8, "Fast unit", 5),
        ]
    )
    assert [(depth, one.category_name) for depth, one in told] == [
        (0, "Build"), (0, "Testing"), (1, "Fuzz"), (1, "Unit"), (2, "Fast unit"), (0, "another/Zoo")
    ]  # fmt: skip


def test_the_name_within_a_scheme() -> None:
    assert plain_name(category(1, "team/Testing", scheme="team")) == "Testing"
    assert plain_name(category(1, "Testing", scheme="team")) == "Testing"
    assert plain_name(category(1, "other/Testing", scheme="team")) == "other/Testing"
