"""How many tokens a text is, roughly. Pure.

No tokenizer of the models in question is public, so this is an estimate: a weight for each letter, word, digit and
other sign. The weights were fitted to what 519 results of tools added to the input that the API reported, in
transcripts of Claude Code with models from 2025 and 2026. On the half that was held out, half of the estimates were
within 9 % and nine of ten within 19 %; on the few that were prose, half were within 20 %. Models differ by up to 14 %
either way.
"""

from __future__ import annotations

import string

__all__ = ["MEDIAN_ERROR", "estimated_tokens"]

MEDIAN_ERROR = 0.09
"""Half of the estimates were nearer than this part of the truth."""

_LETTER, _WORD, _DIGIT, _OTHER = 0.233, 0.652, 0.833, 0.870
_LETTERS = string.ascii_letters.encode()
_DIGITS = string.digits.encode()
_SPACES = string.whitespace.encode()
_WORDS = bytes(code if code in _LETTERS else 32 for code in range(256))


def estimated_tokens(text: str) -> int:
    """Return about how many tokens *text* is; 0 for none.

    >>> estimated_tokens(""), estimated_tokens("Runs the tests, and tells which failed.")
    (0, 14)
    """
    data = text.encode("utf-8", "replace")
    letters = len(data) - len(data.translate(None, _LETTERS))
    digits = len(data) - len(data.translate(None, _DIGITS))
    spaces = len(data) - len(data.translate(None, _SPACES))
    words = len(data.translate(_WORDS).split())
    others = len(text) - letters - digits - spaces
    return round(_LETTER * letters + _WORD * words + _DIGIT * digits + _OTHER * others)
