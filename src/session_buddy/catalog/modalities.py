"""What a skill is for, which formats it takes and gives, and whether people want to look at what it does. Pure.

Everything here follows from how often its uses touched files of a type, or were refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from session_buddy.intervals import wilson_interval
from session_buddy.languages import LANGUAGES, language_of

__all__ = [
    "LEAST_USES",
    "MOST_REJECTED",
    "Formats",
    "format_of",
    "formats_of",
    "modality_of_files",
    "needs_review",
]

LEAST_USES = 10
"""With fewer uses nobody is said to want to look."""
MOST_REJECTED = 0.05
"""So large a part of uses may be refused before a skill wants a look."""
_LEAST_FILES = 5
"""Uses that touched files; of fewer no format follows."""
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


def format_of(ending: str) -> str | None:
    """Return the name of the format of files that end in *ending*; ``None`` for endings that nobody knows.

    >>> format_of("py"), format_of("yml"), format_of("xyzzy")
    ('Python', 'YAML', None)
    """
    return _BY_ENDING.get(ending.lower()) or language_of(f".{ending}")


def formats_of(traits: Mapping[str, int]) -> Formats:
    """Return the formats that follow from *traits*: how many uses had each.

    Three at most, each touched by a quarter of the uses that touch files in that way or more; of fewer than five such
    uses nothing follows.
    """
    return Formats(_named(_counts(traits, _READS)), _named(_counts(traits, _WRITES)))


def modality_of_files(traits: Mapping[str, int]) -> str | None:
    """Return what a skill is for by the files that it writes, or else reads: ``code`` or ``documentation``.

    At least half of what it touches must say so, in five uses or more; else ``None``. Endings of files do not tell of
    tests and deployments: these are left to words.
    """
    counts = _counts(traits, _WRITES) or _counts(traits, _READS)
    total = counts.total()
    if total < _LEAST_FILES:
        return None
    prose = sum(count for name, count in counts.items() if name in _PROSE)
    source = sum(count for name, count in counts.items() if name in LANGUAGES)
    if prose >= _MAIN_SHARE * total and prose > source:
        return "documentation"
    return "code" if source >= _MAIN_SHARE * total and source > prose else None


def needs_review(traits: Mapping[str, int], uses: int) -> bool:
    """Return whether people want to look at what a skill does: too large a part of its *uses* was refused.

    Of ten uses or more, the lower end of the 95 % interval (Wilson) of the part that was refused must lie above 5 %: so
    two of ten are enough, and one of ten is not. Refused is what the user rejected, or was asked about and did not run;
    where sources tell both of one use, the larger count is taken.
    """
    refused = min(max(traits.get("rejected", 0), traits.get("permission_asked", 0)), uses)
    interval = wilson_interval(refused, uses)
    return uses >= LEAST_USES and interval is not None and interval[0] > MOST_REJECTED


def _counts(traits: Mapping[str, int], way: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for trait, count in traits.items():
        if trait.startswith(way) and (name := format_of(trait.removeprefix(way))):
            counts[name] += count
    return counts


def _named(counts: Counter[str]) -> str | None:
    total = counts.total()
    if total < _LEAST_FILES:
        return None
    frequent = sorted(
        (name for name in counts if counts[name] >= _SHARE * total), key=lambda name: (-counts[name], name)
    )
    return ", ".join(frequent[:_MOST_FORMATS]) or None
