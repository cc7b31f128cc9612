"""Cut a command line into words and operators, the way a POSIX shell does.

What is quoted, substituted, commented out or in a here-document never becomes a word of
its own: ``echo "a && b"`` is two words. Redirections are left out: they name files, not
commands. Nothing is expanded. The time taken grows linearly with the text.
"""

from __future__ import annotations

import re

__all__ = ["Token", "Unreadable", "plain", "tokenise"]

Token = tuple[bool, str]
"""Whether it is a word, and its text; a word keeps its quotes (see :func:`plain`)."""


class Unreadable(Exception):
    """The text is no complete command in a shell language we read.

    Private to this package: an unreadable command is one in which nothing is recognised.
    """


# Possessive quantifiers (``++``) and atomic groups (``(?>``) forbid backtracking, which keeps hostile input linear.
# Groups are atomic, never possessive: before Python 3.11.5 a possessive one keeps what its last, failed turn took.
_WORD = r"""(?>(?:
    [^\s"'`$\\;&|()<>]++                        # plain characters
  | '[^']*+'
  | "(?>(?:[^"\\$`]++|\\.|\$(?![({]))*)"       # without substitutions; with them: _after_quoted
  | \$'(?>(?:[^'\\]++|\\.)*)'
  | \$(?![({'])
  | \\.
)+)"""
_BLANK = r"(?>(?:[^\S\n]++|[\\`]\r?\n)*)"  # backtick and line end continue a line in PowerShell
_FLAGS = re.VERBOSE | re.DOTALL
_PIECES = re.compile(_WORD, _FLAGS)
_SPACE = re.compile(_BLANK)
_TOKEN = re.compile(
    rf"""{_BLANK}(?:
      (?P<comment>\#[^\n]*+)
    | (?P<newline>\n)
    | (?P<heredoc>\d*+<<-?+(?!<))
    | (?P<substitution>[<>]\()
    | (?P<redirect>\d*+(?:>>|>\||<<<|[<>]&|<>|[<>])|&>>?+)
    | (?P<operator>&&|\|\||;;&?+|;&?+|\|&?+|&|\(|\))
    | (?P<word>{_WORD})(?P<unfinished>(?=["'`$\\(]))?
    | (?P<end>\Z)
    )""",
    _FLAGS,
)
_WORDS = frozenset({"word", "unfinished", "substitution"})
_DELIMITER = re.compile(r"""[ \t]*+(?:'(?P<single>[^'\n]*+)'|"(?P<double>[^"\n]*+)"|\\?+(?P<bare>[^\s;&|()<>'"`]++))""")
_BACKTICKS = re.compile(r"`(?>(?:[^`\\]++|\\.)*)`", re.DOTALL)
_ANSI_QUOTED = re.compile(r"\$'(?>(?:[^'\\]++|\\.)*)'", re.DOTALL)
_ARITHMETIC = re.compile(r"\$\(\([^()]*+(?>(?:\([^()]*+\)[^()]*+)*)\)\)")
_ARRAY_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")

# What matters next, by what we are inside of: a double quote, $( … ) or ( … ), ${ … }.
_NEXT = {
    '"': re.compile(r'["`\\]|\$[({]'),
    "(": re.compile(r"""[()"'`\\\n]|\$[({']|<<<|<<-?|(?<![^\s;&|(])\#"""),
    "{": re.compile(r"""[}"'`\\]|\$[({]"""),
}
_CLOSES = {'"': '"', "(": ")", "{": "}"}
_OPENS = {'"': '"', "(": "(", "$(": "(", "<(": "(", ">(": "(", "${": "{"}

_ESCAPED_IN_DOUBLE_QUOTES = re.compile(r'\\(["\\$`\n])')
_PART = re.compile(r"""'([^']*+)'|"((?>(?:[^"\\]++|\\.)*))"|\\(.)|([^'"\\]++)|(.)""", re.DOTALL)


def tokenise(text: str) -> list[Token]:
    r"""Return the words and operators of *text* in order; a line end is the operator ``"\n"``.

    Raises :class:`Unreadable` where a quote, a substitution or a here-document's name is
    not complete.

    >>> [word for _, word in tokenise("cd web && npm test 2>&1 | tail -5  # quick")]
    ['cd', 'web', '&&', 'npm', 'test', '|', 'tail', '-5']
    """
    tokens: list[Token] = []
    heredocs: list[str] = []
    position, end = 0, len(text)
    is_target = False  # the next word is where a redirection leads
    match = _TOKEN.match
    while position < end:
        found = match(text, position)
        kind = found.lastgroup if found else None
        if found is None or kind in _WORDS:
            if found and kind == "word":
                position, word = found.end(), found["word"]
            else:
                position, word = _long_word(text, position, found)
            if not is_target:
                tokens.append((True, word))
            is_target = False
            continue
        position = found.end()
        if kind == "redirect":
            is_target = True
        elif kind == "heredoc":
            position = _note_heredoc(text, position, heredocs)
        elif kind == "operator" or kind == "newline":
            is_target = False
            tokens.append((False, found[kind]))
            if kind == "newline" and heredocs:
                position = _after_heredocs(text, position, heredocs)
    return tokens


def plain(word: str) -> str:
    """Return *word* without its quotes and escapes; what a shell would expand stays as written."""
    if "'" not in word and '"' not in word and "\\" not in word:
        return word
    parts = []
    for single, double, escaped, bare, stray in _PART.findall(word):
        if double:
            parts.append(_ESCAPED_IN_DOUBLE_QUOTES.sub(_unescape, double))
        elif escaped != "\n":
            parts.append(single or escaped or bare or stray)
    return "".join(parts)


def _unescape(match: re.Match[str]) -> str:
    return "" if match[1] == "\n" else match[1]


def _long_word(text: str, position: int, found: re.Match[str] | None) -> tuple[int, str]:
    """Return where a word with substitutions in it ends, and the word; what it begins with may be *found*."""
    if found and found.lastgroup == "unfinished":
        start, position = found.span("word")
    else:
        blank = _SPACE.match(text, position)
        start = position = blank.end() if blank else position
    end = len(text)
    while position < end:
        if not _goes_on(text, start, position):
            break
        position = _after_quoted(text, position)
        if more := _PIECES.match(text, position):
            position = more.end()
    return position, text[start:position]


def _goes_on(text: str, start: int, position: int) -> bool:
    """Tell whether what stands at *position* belongs to the word that began at *start*."""
    opener = text[position]
    if opener == "(":
        return position > start and _ARRAY_ASSIGNMENT.fullmatch(text, start, position) is not None
    return opener in "\"'`$\\" or (opener in "<>" and position == start)


def _after_quoted(text: str, position: int) -> int:
    """Return where the quote or substitution that opens at *position* ends."""
    inside: list[str] = []
    heredocs: list[str] = []
    opener = text[position : position + (2 if text[position] in "$<>" else 1)]
    while True:
        if inside:
            found = _NEXT[inside[-1]].search(text, position)
            if not found:
                raise Unreadable(f"nothing closes {inside[-1]}")
            position, opener = found.start(), found[0]
        if inside and opener == _CLOSES[inside[-1]]:
            inside.pop()
            position += 1
        elif opener in _OPENS:
            arithmetic = _ARITHMETIC.match(text, position) if opener == "$(" else None
            if arithmetic:
                position = arithmetic.end()
            else:
                inside.append(_OPENS[opener])
                position += len(opener)
        elif opener == "\n":
            position = _after_heredocs(text, position + 1, heredocs)
        elif opener == "<<" or opener == "<<-":
            position = _note_heredoc(text, position + len(opener), heredocs)
        else:
            position = _after_atom(text, position, opener)
        if not inside:
            return position


def _after_atom(text: str, position: int, opener: str) -> int:
    """Return where an opener ends that nothing nests in: a quote, an escape, a comment."""
    if opener == "'":
        after = text.find("'", position + 1) + 1
    elif opener == "#":
        newline = text.find("\n", position)
        after = newline if newline >= 0 else len(text)
    elif opener == "\\":
        after = position + 2 if position + 2 <= len(text) else 0
    elif opener == "`" or opener == "$'":
        atom = (_BACKTICKS if opener == "`" else _ANSI_QUOTED).match(text, position)
        after = atom.end() if atom else 0
    else:  # a lone dollar, a here-string, a closing parenthesis inside ${ … }
        after = position + len(opener)
    if not after:
        raise Unreadable(f"nothing closes {opener}")
    return after


def _note_heredoc(text: str, position: int, heredocs: list[str]) -> int:
    """Add the name that ends the here-document to *heredocs*; return where the name ends."""
    found = _DELIMITER.match(text, position)
    if not found:
        raise Unreadable("a here-document without a name")
    heredocs.append(found["single"] or found["double"] or found["bare"] or "")
    return found.end()


def _after_heredocs(text: str, position: int, heredocs: list[str]) -> int:
    """Return where the line begins that follows the bodies of *heredocs*; empties the list.

    Where the ending name never comes, the rest of the text is the body, as in a shell.
    """
    for name in heredocs:
        line = None
        while position < len(text) and line != name:
            newline = text.find("\n", position)
            end = newline if newline >= 0 else len(text)
            line = text[position:end].strip("\t\r")
            position = end + 1
    heredocs.clear()
    return min(position, len(text))
