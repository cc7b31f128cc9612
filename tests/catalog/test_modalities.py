from __future__ import annotations

import pytest

from session_buddy.catalog import modalities
from session_buddy.catalog.modalities import (
    Formats,
    Touched,
    are_counted_singly,
    format_of,
    formats_of,
    modality_of_files,
    needs_review,
    touched,
)
from session_buddy.languages import LANGUAGES


def touched_by(uses: dict[str, int]) -> Touched:
    return touched((traits.split(), count) for traits, count in uses.items())


@pytest.mark.parametrize(
    ("ending", "name"),
    [("py", "Python"), ("MD", "Markdown"), ("json", "JSON"), ("tsx", "TypeScript"), ("ipynb", "Python"), ("zz", None)],
)
def test_formats_have_names(ending: str, name: str | None) -> None:
    assert format_of(ending) == name


def test_no_ending_means_two_formats() -> None:
    endings = [ending for table in (modalities._OTHERS, LANGUAGES) for one in table.values() for ending in one.split()]
    assert len(endings) == len(set(endings))


@pytest.mark.parametrize(
    ("uses", "formats"),
    [
        ({}, Formats()),
        ({"reads:py": 4}, Formats()),
        ({"reads:py": 5, "writes:md": 5}, Formats("Python", "Markdown")),
        ({"reads:py writes:md": 5}, Formats("Python", "Markdown")),
        ({"reads:py": 3, "reads:pyi": 2}, Formats("Python")),
        ({"reads:py": 5, "reads:md": 5, "reads:json": 20, "reads:toml": 1}, Formats("JSON")),
        ({"reads:py": 5, "reads:md": 9}, Formats("Markdown, Python")),
        ({"reads:a1": 50, "writes:zz": 50}, Formats()),
        ({"reads:py": 5, "reads:md": 5, "reads:json": 5, "reads:yml": 5}, Formats("JSON, Markdown, Python")),
        ({"rejected": 50, "reads": 9}, Formats()),
        # A use counts once, however many endings it has; five endings are not five uses.
        ({"writes:go writes:ts writes:py writes:rs writes:rb": 1}, Formats()),
        (
            {"writes:fish writes:sh writes:zsh": 1, "writes:md": 3, "writes:go": 2, "writes:a1": 9},
            Formats(None, "Markdown, Go"),
        ),
        ({"reads:ts reads:tsx": 6, "reads:md reads:go": 4, "reads:json": 5}, Formats("TypeScript, JSON, Go")),
    ],
)
def test_formats_follow_from_the_files_that_uses_touch(uses: dict[str, int], formats: Formats) -> None:
    assert formats_of(touched_by(uses)) == formats


@pytest.mark.parametrize(
    ("uses", "modality"),
    [
        ({"writes:py": 5}, "code"),
        ({"writes:py": 4}, None),
        ({"writes:md": 6, "writes:py": 4, "reads:py": 90}, "documentation"),
        ({"reads:py": 9}, "code"),
        ({"writes:json": 9, "writes:py": 2}, None),
        ({"writes:md": 5, "writes:py": 5}, None),
        ({}, None),
        ({"writes:go writes:ts writes:py writes:rs writes:rb": 1}, None),
        ({"writes:md writes:rst": 3, "writes:py": 4, "reads:py": 9}, "code"),
        ({"writes:md writes:py": 5}, None),
        ({"writes:md writes:py": 5, "writes:py": 1}, "code"),
    ],
)
def test_files_tell_of_code_and_documentation(uses: dict[str, int], modality: str | None) -> None:
    assert modality_of_files(touched_by(uses)) == modality


@pytest.mark.parametrize(
    ("traits", "singly"),
    [
        ("", True),
        ("reads:py writes:py rejected reads:a1 reads:b2", True),
        ("reads:py reads:md", False),
        ("writes:ts rejected writes:tsx", False),
    ],
)
def test_counts_of_traits_tell_all_of_one_ending(traits: str, singly: bool) -> None:
    assert are_counted_singly(traits.split()) is singly


@pytest.mark.parametrize(
    ("traits", "uses", "wanted"),
    [
        ({"rejected": 9}, 9, False),
        ({"rejected": 1}, 10, False),
        ({"rejected": 2}, 10, True),
        ({"permission_asked": 2}, 10, True),
        ({"rejected": 1, "permission_asked": 1}, 10, False),
        ({"rejected": 60}, 1_000, False),
        ({"rejected": 80}, 1_000, True),
        ({"interrupted": 10}, 10, False),
        ({"rejected": 20}, 10, True),
        ({}, 0, False),
    ],
)
def test_what_is_refused_too_often_wants_a_look(traits: dict[str, int], uses: int, wanted: bool) -> None:
    assert needs_review(traits, uses) is wanted
