from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.learning.words import spoken_name, stem, stems_of, words_of


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("commit-push-pr", ["commit", "push", "pr"]),
        ("snake_case_name", ["snak", "case", "name"]),
        ("parseHTMLPage", ["parsehtmlpag", "pars", "html", "page"]),
        ("molecules.pdf", ["molecul", "pdf"]),
        ("Use this to run it", ["run"]),
        ("単体テスト", ["単体", "体テ", "テス", "スト"]),
        ("naïve café", ["naïv", "café"]),
        ("a b c !? …", []),
        ("", []),
    ],
)
def test_texts_are_taken_apart(text: str, stems: list[str]) -> None:
    assert stems_of(text) == stems


@pytest.mark.parametrize(
    "words",
    [
        ("test", "tests", "testing", "tested"),
        ("run", "runs", "running"),
        ("query", "queries"),
        ("deploy", "deploying", "deployment"),
        ("patch", "patches"),
        ("databases", "database"),
    ],
)
def test_forms_of_a_word_have_one_stem(words: tuple[str, ...]) -> None:
    assert len({stem(word) for word in words}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("process", "processor"), ("test", "text"), ("analysis", "analyst"), ("red", "rest")]
)
def test_other_words_have_another(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("mcp__github__create_issue", "github create issue"),
        ("agent:Explore", "Explore"),
        ("/clear", "clear"),
        ("commitCommands:commit-push", "commit Commands commit push"),
        ("…", "…"),
    ],
)
def test_names_are_spoken(name: str, spoken: str) -> None:
    assert spoken_name(name) == spoken


@given(st.text())
def test_any_text_has_words_and_each_has_a_stem_of_its_own(text: str) -> None:
    for word, ending in words_of(text):
        assert word
        assert ending
        assert word.casefold().startswith(ending[:3])


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("JavaScript and TypeScript", ["javascript", "typescript"]),
        ("C#, C++ or F#", ["csharp", "cpp", "fsharp"]),
        ("an Objective-C app on .NET", ["objectivec", "app", "dotnet"]),
        ("asp.net", ["asp", "net"]),
        ("c-format", ["format"]),
    ],
)
def test_languages_are_one_word(text: str, stems: list[str]) -> None:
    assert stems_of(text) == stems
