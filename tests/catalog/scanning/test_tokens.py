"""Estimates of tokens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from session_buddy.catalog.scanning.tokens import estimated_tokens


def test_is_the_weighted_sum_of_letters_words_digits_and_signs() -> None:
    # 7 letters in 2 words, 3 digits, 2 other signs.
    assert estimated_tokens("abcd 123, efg!") == round(7 * 0.233 + 2 * 0.652 + 3 * 0.833 + 2 * 0.870)
    assert estimated_tokens("") == 0 and estimated_tokens(" \n\t") == 0


def test_prose_has_three_to_five_letters_a_token() -> None:
    text = "This skill reviews what was changed and says which of it may be wrong. " * 20
    assert 3 < len(text) / estimated_tokens(text) < 5


@given(st.text(), st.text())
def test_two_texts_are_what_each_of_them_is(one: str, other: str) -> None:
    # A blank in between: else two words would become one.
    assert abs(estimated_tokens(f"{one} {other}") - estimated_tokens(one) - estimated_tokens(other)) <= 1.5


def test_signs_of_other_scripts_count_by_character() -> None:
    assert estimated_tokens("漢字漢字") == round(4 * 0.870)
    assert estimated_tokens("\ud800") == 1
