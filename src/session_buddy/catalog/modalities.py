"""What a skill is for, which formats it takes and gives, and whether people want to look at what it does. Pure.

Everything here follows from how often its uses touched files of a type, or were refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set

import msgspec

from session_buddy.intervals import wilson_interval
from session_buddy.languages import LANGUAGES, language_of

__all__ = [
    "LEAST_USES",
    "MOST_REJECTED",
    "Files",
    "Formats",
    "Touched",
    "are_counted_singly",
    "file_traits",
    "format_of",
    "formats_of",
    "modality_of_files",
    "needs_review",
    "touched",
]

LEAST_USES = 10
"""With fewer uses nobody is said to want to look."""
MOST_REJECTED = 0.05
"""So large a part of uses may be refused before a skill wants a look."""
_LEAST_FILES = 5
"""Uses that touched files; of fewer nothing follows."""
_SHARE = 0.25
"""A format counts if so large a part of the uses that touch files touch it."""
_MOST_FORMATS = 3
_MAIN_SHARE = 0.5
_READS, _WRITES = "reads:", "writes:"
_OTHERS = {
    "Archive": "7z bz2 gz jar rar tar tgz whl xz zip zst",
    "Audio": "flac m4a mp3 ogg opus wav",
    "AsciiDoc": "adoc asciidoc",
    "CSV": "csv tsv",
    "Diff": "diff patch",
    "Env": "env",
    "EPUB": "epub",
    "Excel": "ods xls xlsx",
    "Font": "otf ttf woff woff2",
    "GraphQL": "gql graphql",
    "Image": "avif bmp gif heic ico jpeg jpg png tif tiff webp",
    "INI": "cfg conf ini properties",
    "JSON": "har json json5 jsonc jsonl map ndjson sarif",
    "LaTeX": "bib latex tex",
    "Log": "log out",
    "Markdown": "markdown md mdc mdx",
    "Parquet": "arrow parquet",
    "PDF": "pdf",
    "PowerPoint": "odp ppt pptx",
    "Protobuf": "proto",
    "reStructuredText": "rst",
    "SQLite": "db sqlite sqlite3",
    "SVG": "svg",
    "Template": "ejs erb hbs j2 jinja jinja2 liquid mustache njk tmpl tpl",
    "Text": "text txt",
    "TOML": "lock toml",
    "Video": "avi m4v mkv mov mp4 webm",
    "Word": "doc docx odt rtf",
    "XML": "plist wsdl xhtml xml xsd xsl xslt",
    "YAML": "yaml yml",
}
_BY_ENDING = {ending: name for name, endings in _OTHERS.items() for ending in endings.split()}
_PROSE = frozenset({"AsciiDoc", "EPUB", "LaTeX", "Markdown", "PDF", "reStructuredText", "Text", "Word"})


class Formats(msgspec.Struct, frozen=True):
    """What a skill takes and gives, as names with commas between, the most frequent first; ``None`` where unknown."""

    input_format: str | None = None
    output_format: str | None = None


class Files(msgspec.Struct, frozen=True):
    """How many uses touched files of known formats in one way."""

    uses: int
    formats: dict[str, int]
    """How many of them touched each format."""
    prose: int
    """How many of them touched prose."""
    source: int
    """How many of them touched source code."""


class Touched(msgspec.Struct, frozen=True):
    """What the uses of a skill read and wrote."""

    reads: Files
    writes: Files


def format_of(ending: str) -> str | None:
    """Return the name of the format of files that end in *ending*; ``None`` for endings that nobody knows.

    >>> format_of("py"), format_of("yml"), format_of("xyzzy")
    ('Python', 'YAML', None)
    """
    return _BY_ENDING.get(ending.lower()) or language_of(f".{ending}")


def touched(uses: Iterable[tuple[Iterable[str], int]]) -> Touched:
    """Return which files *uses* touched: the traits of a use, and how many uses have just these.

    A use counts once for a format, however many endings of it are among its traits.
    """
    reads, writes = _Counts(), _Counts()
    for traits, count in uses:
        told = list(traits)
        for counts, way in ((reads, _READS), (writes, _WRITES)):
            counts.add({name for trait in told if (name := _format_in(trait, way))}, count)
    return Touched(reads.files(), writes.files())


def are_counted_singly(traits: Iterable[str]) -> bool:
    """Return whether no use of a skill with these *traits* can have touched two files of known formats in one way.

    How many uses have each trait tells all that there is to tell then.
    """
    ways = [way for trait in traits for way in (_READS, _WRITES) if _format_in(trait, way)]
    return len(ways) == len(set(ways))


def file_traits(traits: Iterable[str]) -> list[str]:
    """Return those of *traits* that tell of files of known formats, in their order."""
    return [trait for trait in traits if _format_in(trait, _READS) or _format_in(trait, _WRITES)]


def formats_of(files: Touched) -> Formats:
    """Return the formats that follow from the *files* that uses touched.

    Three at most, each touched by a quarter of the uses that touch files in that way or more; of fewer than five such
    uses nothing follows.
    """
    return Formats(_named(files.reads), _named(files.writes))


def modality_of_files(files: Touched) -> str | None:
    """Return what a skill is for by the files that it writes, or else reads: ``code`` or ``documentation``.

    At least half of the uses that touch files must say so, of five or more; else ``None``. Endings of files do not tell
    of tests and deployments: these are left to words.
    """
    told = files.writes if files.writes.uses else files.reads
    if told.uses < _LEAST_FILES:
        return None
    if told.prose >= _MAIN_SHARE * told.uses and told.prose > told.source:
        return "documentation"
    return "code" if told.source >= _MAIN_SHARE * told.uses and told.source > told.prose else None


def needs_review(traits: Mapping[str, int], uses: int) -> bool:
    """Return whether people want to look at what a skill does: too large a part of its *uses* was refused.

    Of ten uses or more, the lower end of the 95 % interval (Wilson) of the part that was refused must lie above 5 %: so
    two of ten are enough, and one of ten is not. Refused is what the user rejected, or was asked about and did not run;
    where sources tell both of one use, the larger count is taken.
    """
    refused = min(max(traits.get("rejected", 0), traits.get("permission_asked", 0)), uses)
    interval = wilson_interval(refused, uses)
    return uses >= LEAST_USES and interval is not None and interval[0] > MOST_REJECTED


class _Counts:
    def __init__(self) -> None:
        self._formats: Counter[str] = Counter()
        self._uses = self._prose = self._source = 0

    def add(self, formats: Set[str], count: int) -> None:
        if not formats:
            return
        self._uses += count
        self._prose += count if not formats.isdisjoint(_PROSE) else 0
        self._source += count if not formats.isdisjoint(LANGUAGES) else 0
        for name in formats:
            self._formats[name] += count

    def files(self) -> Files:
        return Files(self._uses, dict(self._formats), self._prose, self._source)


def _format_in(trait: str, way: str) -> str | None:
    return format_of(trait.removeprefix(way)) if trait.startswith(way) else None


def _named(files: Files) -> str | None:
    if files.uses < _LEAST_FILES:
        return None
    frequent = [name for name, count in files.formats.items() if count >= _SHARE * files.uses]
    return ", ".join(sorted(frequent, key=lambda name: (-files.formats[name], name))[:_MOST_FORMATS]) or None
