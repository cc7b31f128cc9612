"""What can be wrong with a place where a skill is written down. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Fault", "FaultKind", "faults_in", "told"]


class FaultKind(StrEnum):
    """A kind of fault; its text stands in front of every fault that is kept."""

    NO_FRONTMATTER = "no frontmatter"
    NOT_CLOSED = "frontmatter not closed"
    BAD_YAML = "bad YAML"
    TOO_DEEP = "YAML out of bounds"
    """Aliases, or nested deeper than anybody writes by hand: what would blow up a reader less careful."""
    NO_DESCRIPTION = "no description"
    NO_NAME = "no name"
    BAD_NAME = "name against the rules"
    OTHER_NAME = "name differs from folder"
    LONG_DESCRIPTION = "description too long"
    NOT_UTF8 = "not UTF-8"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too large"
    BAD_JSON = "bad JSON"
    BAD_RULES = "bad shell rules"

    @property
    def breaks(self) -> bool:
        """Whether it keeps an agent from using the skill; others are against the published rules only."""
        return self not in _LIVABLE


_LIVABLE = frozenset({FaultKind.NO_NAME, FaultKind.BAD_NAME, FaultKind.OTHER_NAME, FaultKind.LONG_DESCRIPTION})


class Fault(msgspec.Struct, frozen=True):
    """One fault, and where it is."""

    kind: FaultKind
    reason: str
    """A sentence that says what is wrong, and what would be right."""
    line: int | None = None
    """Counted from 1; ``None`` for what has no line."""

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.kind}{where}: {' '.join(self.reason.split())}"


def told(faults: list[Fault]) -> str | None:
    r"""Return *faults* as they are kept, a line each, the worst first; ``None`` where there are none.

    >>> told([Fault(FaultKind.NO_NAME, "Give one."), Fault(FaultKind.BAD_YAML, "Quote it.", 2)])
    'bad YAML (line 2): Quote it.\nno name: Give one.'
    """
    ordered = sorted(faults, key=lambda fault: (not fault.kind.breaks, fault.line or 0))
    return "\n".join(map(str, ordered)) or None


def faults_in(problem: str | None) -> list[Fault]:
    """Return the faults that *problem* tells of, as :func:`told` wrote it; what another program wrote is unreadable."""
    return [_fault(line) for line in (problem or "").splitlines() if line.strip()]


def _fault(line: str) -> Fault:
    head, separator, reason = line.partition(": ")
    kind, _, place = head.partition(" (line ")
    try:
        return Fault(FaultKind(kind), reason, int(place.removesuffix(")")) if place else None)
    except ValueError:
        return Fault(FaultKind.UNREADABLE, line if separator else line.strip())
