"""What was seen of a call, in short words; above all the types of the files it touched, by their endings. Pure.

Nothing of a path or a name is kept. A file that a tool is given in a field of its own may end as it likes. Elsewhere
(words of a shell command, patterns, what may be a folder) only endings that files commonly have tell of a file, since
``example.com`` and ``v1.2.rc`` end in something as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from session_buddy.languages import LANGUAGES

__all__ = [
    "INTERRUPTED",
    "PERMISSION_ASKED",
    "READS",
    "REJECTED",
    "WRITES",
    "file_type",
    "joined",
    "of_files",
    "quoted_file",
    "types_in",
    "words_touch",
]

INTERRUPTED = "interrupted"
"""The user stopped it, or stopped the agent while it ran."""
PERMISSION_ASKED = "permission_asked"
"""The user was asked whether it may run. Sources tell so only of calls that did not."""
REJECTED = "rejected"
"""The user refused it."""
READS, WRITES = "reads", "writes"

_MOST_TYPES = 17
"""With the three words above no call has more than 20 traits."""
_LONGEST = 4096
_OTHERS = """
adoc ai astro avif bat bib bmp bz2 cfg cmd conf crt csr csv cue dat db diff doc docx drawio ejs env eot epub erb
excalidraw gif glb graphql gql gz hbs ico ics ini j2 jar jpeg jpg json json5 jsonc jsonl liquid lock log m4a md mdx
mjml mod mov mp3 mp4 mustache ndjson odt ogg orig otf parquet patch pdf pem plist png po pot ppt pptx prisma
properties proto psd pug rst rtf sarif snap sqlite sqlite3 srt sum svg tar tex tgz tif tiff tmpl toml tpl tsv ttf txt
vtt wasm wav webm webp woff woff2 xhtml xls xlsx xml xsd xsl yaml yml zip zst
"""
_COMMON = frozenset(_OTHERS.split()).union(*(endings.split() for endings in LANGUAGES.values()))
_ENDING = re.compile(r"[^/\\.:]\.([A-Za-z0-9]{1,16})\Z")
_BRACES = re.compile(r"\.\{([A-Za-z0-9]{1,16}(?:,[A-Za-z0-9]{1,16})*)\}\Z")
_NO_TYPE = re.compile(r"\d+|.*\d.*\D.*\d.*")
"""Numbers, and what is more like a digest than like a type."""
_WORD_OF_FILE = r"([\w@+,./\\~*?\[\]{}$%#-]+\.[A-Za-z0-9]{1,16})"
_WORD = re.compile(rf"{_WORD_OF_FILE}(?:::?[^/\\'\"]*)?", re.ASCII)
"""A bare word that ends like a file, and perhaps a place in it: ``test_x.py::test_y``, ``main.go:12``."""
_QUOTED = re.compile(rf"""(["'])(?!\.[^./]*\.[^/]*\Z){_WORD_OF_FILE}\1""", re.ASCII)
"""The same in quotes, but not ``'.author.name'``, which asks for a field."""
_OUTPUT = re.compile(r"-o|--out(?:put|file|-file|put-file)?")
_TEXTS = frozenset(
    {"-m", "-k", "-e", "-t", "-q", "--message", "--grep", "--author", "--title", "--body", "--name", "--jq"}
)
"""Options whose value is no file, whatever it ends in."""
_IN_PLACE = frozenset({"--write", "--fix", "--in-place"})
_SHORTLY_IN_PLACE = frozenset({"gofmt", "gofumpt", "goimports", "shfmt"})
"""Of these ``-w`` says the same."""
_WORK_TREE = frozenset({"checkout", "restore"})


def file_type(path: object, *, common: bool = False) -> str | None:
    """Return the type of the file at *path*, a path or a URL; with *common*, only one that files commonly have.

    >>> file_type("/home/me/src/App.TSX"), file_type("Makefile"), file_type(".gitignore")
    ('tsx', None, None)
    """
    if not isinstance(path, str) or len(path) > _LONGEST:
        return None
    if "://" in path:
        path = _path_of(path)
    found = _ENDING.search(path)
    ending = found[1].lower() if found else ""
    if not ending or _NO_TYPE.fullmatch(ending) or (common and ending not in _COMMON):
        return None
    return ending


def of_files(way: str, paths: Iterable[object]) -> tuple[str, ...]:
    """Return as traits the types of the files at *paths*; *way* is :data:`READS` or :data:`WRITES`."""
    return joined((), [f"{way}:{ending}" for ending in map(file_type, paths) if ending is not None])


def types_in(pattern: object) -> list[str]:
    """Return the types of files that a glob *pattern* finds, where it names them.

    >>> types_in("src/**/*.{ts,tsx}"), types_in("**/*test*")
    (['ts', 'tsx'], [])
    """
    braces = _BRACES.search(pattern) if isinstance(pattern, str) and len(pattern) <= _LONGEST else None
    if braces is not None:
        return [ending for ending in braces[1].lower().split(",") if ending in _COMMON]
    ending = file_type(pattern, common=True)
    return [] if ending is None else [ending]


def words_touch(words: Sequence[str]) -> tuple[str, ...]:
    """Return as traits the types of files that the arguments in *words*, a command with its quotes, plainly name.

    What may be secret in a command is not kept while it has no result; what is told does not depend on that. So values
    behind ``=`` are passed over, and a quoted word tells of a file only where it is all of one, which
    :func:`quoted_file` leaves to be seen.

    >>> words_touch(["pandoc", "notes.md", "-o", "notes.pdf"]), words_touch(["pip", "install", "ruff==0.9.1"])
    (('reads:md', 'writes:pdf'), ())
    """
    told: set[str] = set()
    before = ""
    for word in words[1:]:
        if "." in word and word[0] not in "-+" and (ending := _type_of_word(word)) and not _is_other(before, ending):
            told.add(f"{WRITES}:{ending}" if _OUTPUT.fullmatch(before) else f"{READS}:{ending}")
        before = word
    if told and _changes_files(words):
        told |= {trait.replace(READS, WRITES) for trait in told}
    return joined((), told)


def quoted_file(word: str) -> str | None:
    """Return *word*, in quotes, with ``x`` for the name of the file that it plainly names; None if it names none.

    >>> quoted_file("'docs/secret plan.md'"), quoted_file("'docs/plan.md'")
    (None, "'x.md'")
    """
    ending = _type_of_word(word)
    return None if ending is None else f"{word[0]}x.{ending}{word[0]}"


def joined(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    """Return the traits *known* and *more* of them, sorted; types beyond the first 17 are left out."""
    found = set(known)
    types = sum(":" in trait for trait in found)
    for trait in sorted(found.symmetric_difference(more) - found):
        types += ":" in trait
        if types <= _MOST_TYPES or ":" not in trait:
            found.add(trait)
    return tuple(sorted(found))


def _type_of_word(word: str) -> str | None:
    found = _WORD.fullmatch(word)
    path = found[1] if found else (quoted[2] if (quoted := _QUOTED.fullmatch(word)) else None)
    return file_type(path, common=True)


def _changes_files(words: Sequence[str]) -> bool:
    name = words[0].rpartition("/")[2]
    if name == "git":
        return not _WORK_TREE.isdisjoint(words[1:4])
    return not _IN_PLACE.isdisjoint(words) or (name in _SHORTLY_IN_PLACE and "-w" in words)


def _is_other(option: str, ending: str) -> bool:
    """Tell whether *option* takes a text, or names a report that is written: ``--junit-xml out.xml``."""
    return option in _TEXTS or (option[:2] == "--" and any(word in option for word in (ending, "report", "log")))


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
