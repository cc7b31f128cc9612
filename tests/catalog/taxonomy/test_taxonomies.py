from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.catalog.taxonomy.taxonomies import read_csv, read_taxonomy
from session_buddy.catalog.taxonomy.yaml_taxonomies import read_yaml
from session_buddy.errors import InvalidInput

NO_COLUMNS = "line 1: The first line must name the columns, each once, and 'category' among them."
YAML = b"""
scheme: team
categories:
  - Odds and ends
  - name: Quality
    domain: Code
    description: What keeps code good
    skills:
      - ruff-check
      - name: our-review
        description: Reviews a change
    categories:
      - name: Linting
        skills: [pylint]
      - {name: Types, domain: testing}
  - name: Prose
    parent: Odds and ends
    domain: documentation
"""


def faults_of(data: bytes, *, as_yaml: bool = False) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        (read_yaml if as_yaml else read_csv)(data, scheme="team")
    assert caught.value.remedy == "Mend that; nothing of the file was taken."
    return caught.value.problem.removeprefix("taxonomy: ").splitlines()


def test_a_tree_in_yaml() -> None:
    told = read_yaml(YAML, scheme="other")
    assert [(one.scheme, one.name, one.parent, one.domain, one.line) for one in told.categories] == [
        ("team", "Odds and ends", None, None, 4),
        ("team", "Quality", None, "code", 5),
        ("team", "Linting", "Quality", None, 13),
        ("team", "Types", "Quality", "testing", 15),
        ("team", "Prose", "Odds and ends", "documentation", 16),
    ]
    assert [(one.category, one.skill, one.description) for one in told.skills] == [
        ("Quality", "ruff-check", None),
        ("Quality", "our-review", "Reviews a change"),
        ("Linting", "pylint", None),
    ]


def test_categories_in_csv() -> None:
    told = read_csv(
        b"Category,Parent,Domain,Description,owner\r\n"
        b'Linting,Quality,,,me\r\nQuality,,code,"Good,\r\nbetter",\r\n\r\nLinting,,Code,Finds faults,\r\n',
        scheme="team",
    )
    assert [(one.name, one.parent, one.domain, one.description) for one in told.categories] == [
        ("Linting", "Quality", "code", "Finds faults"),
        ("Quality", None, "code", "Good,\r\nbetter"),
    ]
    assert told.unread == ["owner"] and told.skills == []


def test_skills_in_csv() -> None:
    told = read_csv(
        b"\xef\xbb\xbfscheme,category,name,description\n"
        b"shop,Till,pay,Takes money\nshop,Till,pay,Takes money\nshop,Desk,pay,\n,Desk,wrap,\n",
        scheme="team",
    )
    assert [(one.scheme, one.category, one.skill, one.description) for one in told.skills] == [
        ("shop", "Till", "pay", "Takes money"),
        ("shop", "Desk", "pay", None),
        ("team", "Desk", "wrap", None),
    ]
    assert [(one.scheme, one.name, one.description) for one in told.categories] == [
        ("shop", "Till", None), ("shop", "Desk", None), ("team", "Desk", None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", [NO_COLUMNS]),
        (b"category,category\n", [NO_COLUMNS]),
        (b"category\n", ["line 1: There is no category in it."]),
        (b"category,domain\na,code\nb\nc,prose\n,code\n", [
            "line 3: There are 1 fields, and 2 columns.",
            "line 4: No domain is called 'prose': give one of code, documentation, testing, deployment.",
            "line 5: The category has no name.",
        ]),
        (b"category,domain\na,code\na,testing\n", ["line 3: 'a' has another domain in line 2: 'code'."]),
        (b"category,parent\na,b\nb,c\nc,a\n", [
            "line 4: Categories go round in a circle: 'a' below 'b' below 'c' below 'a'."
        ]),
        (b"category,parent\na,a\n", ["line 2: Categories go round in a circle: 'a' below 'a'."]),
        (b"category,skill\na,\x1b[2J\n", [
            "line 2: '\ufffd[2J' is no name of a skill: give up to 200 printable letters in one line."
        ]),
        (b"category\n\"a\n", ["line 2: This is no CSV: unexpected end of data."]),
        (b"category\na\n\xff\n", ["line 3: Byte 11 is no UTF-8."]),
    ],
)  # fmt: skip
def test_faults_of_csv_are_told_by_line(data: bytes, told: list[str]) -> None:
    assert faults_of(data) == told


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", ["line 1: It must be a mapping with 'categories', and perhaps 'scheme'."]),
        (b"- a\n", ["line 1: It must be a mapping with 'categories', and perhaps 'scheme'."]),
        (b"scheme: a\n", ["line 1: There are no 'categories'."]),
        (b"categories: a\n", ["line 1: There must be a list here."]),
        (b"categories:\n  - domain: code\n", ["line 2: A category must have a name."]),
        (b"categories:\n  - name: a\n    colour: red\n    name: b\n", [
            "line 3: 'colour' means nothing here: give categories, description, domain, name, parent, skills.",
            "line 4: 'name' stands twice.",
        ]),
        (b"categories:\n  - name: [a]\n", [
            "line 2: A category must have a name.", "line 2: There must be a text here."
        ]),
        (b"categories:\n  - name: a\n    skills:\n      - {description: x}\n", ["line 4: The skill has no name."]),
        (b"categories:\n  - name: a\n    categories:\n      - {name: b, parent: c}\n", [
            "line 4: 'b' stands below 'a', and names 'c' as its parent."
        ]),
        (b"categories:\n  - name: a\n    categories:\n      - name: b\n        categories: [a]\n", [
            "line 5: Categories go round in a circle: 'a' below 'b' below 'a'."
        ]),
        (b"categories: [a\n", ["line 2: This is no YAML: did not find expected ',' or ']'."]),
        (b"a: &x [a]\ncategories: *x\n", ["line 2: An alias is not followed: write out what it stands for."]),
        (b"[" * 300_000, ["line 1: It is nested deeper than anybody writes."]),
    ],
)  # fmt: skip
def test_faults_of_yaml_are_told_by_line(data: bytes, told: list[str]) -> None:
    assert faults_of(data, as_yaml=True) == told


def test_of_many_faults_the_first_are_told() -> None:
    told = faults_of(b"category,domain\n" + b"a,b\n" * 50)
    assert len(told) == 21 and told[-1] == "and 30 more faults"


def test_the_ending_tells_what_a_file_is_written_in() -> None:
    assert read_taxonomy("shop.CSV", b"category\na\n").categories[0].scheme == "shop"
    assert read_taxonomy("some/team.yml", b"categories: [a]").categories[0].scheme == "team"
    assert read_taxonomy("some/team.yml", b"categories: [a]", scheme="mine").categories[0].scheme == "mine"
    with pytest.raises(InvalidInput, match=r"neither \.csv nor \.yaml"):
        read_taxonomy("shop.txt", b"")


_NAMES = st.text(st.characters(categories=["L", "N"], include_characters=" ,\"'-"), min_size=1, max_size=9).map(
    str.strip
)


@given(st.lists(st.tuples(_NAMES.filter(bool), _NAMES.filter(bool)), min_size=1, max_size=20))
def test_what_was_written_as_csv_is_read(pairs: list[tuple[str, str]]) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["category", "skill"])
    writer.writerows(pairs)
    told = read_csv(file.getvalue().encode(), scheme="s")
    assert {(one.category, one.skill) for one in told.skills} == set(pairs)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (read_csv, read_yaml):
        try:
            read(data, scheme="s")
        except InvalidInput as error:
            assert error.problem.startswith("taxonomy: line ")
