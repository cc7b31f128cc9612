"""The two text formats of metrics, as the official client writes them byte for byte, but several times as fast.

The client looks at every character of every name at every scrape. Names here are ours and known to be plain;
values of labels may be any text and are escaped, each once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

__all__ = ["OPENMETRICS_TYPE", "PLAIN_TYPE", "TextFormats", "number_text", "prefers_openmetrics"]

PLAIN_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_PLAIN_NAMES = {"counter": ("_total", "counter"), "info": ("_info", "gauge"), "unknown": ("", "untyped")}
_TO_ESCAPE = re.compile(r'[\\\n"]')
_EXACT_BELOW = 1_000_000
"""From here on the client writes whole numbers with an exponent."""


def prefers_openmetrics(accept: str) -> bool:
    """Tell whether a client that sends *accept* would have OpenMetrics rather than the plain format.

    >>> prefers_openmetrics("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"), prefers_openmetrics("*/*")
    (True, False)
    """
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((_quality(piece[2:]) for piece in parameters if piece.startswith("q=")), 1.0)
        wanted[kind] = max(quality, wanted.get(kind, 0.0))
    openmetrics = wanted.get("application/openmetrics-text", 0.0)
    return openmetrics > 0 and openmetrics >= wanted.get("text/plain", 0.0)


class TextFormats:
    """Writes families as text, and remembers how the labels of a series are written from one scrape to the next.

    Not to be used from several threads at once.
    """

    def __init__(self, *, most_remembered: int = 100_000) -> None:
        self._most_remembered = most_remembered
        self._written: dict[tuple[str, ...], str] = {}

    def plain(self, families: Iterable[Metric]) -> bytes:
        """Return *families* in Prometheus' own text format, version 0.0.4; exemplars have no place in it."""
        lines: list[str] = []
        for family in families:
            suffix, kind = _PLAIN_NAMES.get(family.type, ("", family.type))
            text = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
            lines.append(f"# HELP {family.name}{suffix} {text}\n# TYPE {family.name}{suffix} {kind}\n")
            lines += [f"{name}{labels} {value}\n" for name, labels, value, _ in self._parts(family)]
        return "".join(lines).encode()

    def openmetrics(self, families: Iterable[Metric]) -> bytes:
        """Return *families* in OpenMetrics 1.0, with exemplars."""
        lines: list[str] = []
        for family in families:
            name, help_text = family.name, _escaped(family.documentation)
            lines.append(f"# HELP {name} {help_text}\n# TYPE {name} {family.type}\n")
            if family.unit:
                lines.append(f"# UNIT {name} {family.unit}\n")
            for name, labels, value, exemplar in self._parts(family):
                lines.append(f"{name}{labels} {value}{_exemplar(exemplar) if exemplar else ''}\n")
        lines.append("# EOF\n")
        return "".join(lines).encode()

    def _parts(self, family: Metric) -> Iterator[tuple[str, str, str, Exemplar | None]]:
        written = self._written
        if len(written) > self._most_remembered:
            written.clear()
        for name, labels, value, _, exemplar, _ in family.samples:
            # Samples of one name have the same labels, so their values alone tell them apart.
            key = (name, *labels.values())
            yield name, written.get(key) or self._write(key, labels), number_text(value), exemplar

    def _write(self, key: tuple[str, ...], labels: dict[str, str]) -> str:
        pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
        self._written[key] = f"{{{pairs}}}" if pairs else ""
        return self._written[key]


def _exemplar(exemplar: Exemplar) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(exemplar.labels.items()))
    moment = "" if exemplar.timestamp is None else f" {exemplar.timestamp}"
    return f" # {{{labels}}} {number_text(exemplar.value)}{moment}"


def _escaped(text: str) -> str:
    if not _TO_ESCAPE.search(text):
        return text
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def number_text(value: float) -> str:
    """Return *value* as Go writes it, the language in which the formats grew up.

    >>> number_text(3), number_text(0.25), number_text(2_000_000), number_text(float("inf"))
    ('3.0', '0.25', '2e+06', '+Inf')
    """
    if type(value) is int and -_EXACT_BELOW < value < _EXACT_BELOW:
        return f"{value}.0"
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
