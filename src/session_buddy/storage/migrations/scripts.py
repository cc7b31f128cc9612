"""Migration scripts as files: ``V4__phase4_extensions__up.sql`` beside ``V4__phase4_extensions__down.sql``.

A folder holds one pair for each version, counted from 1 without gaps, and beside a pair, where the version keeps
what can be counted from older rows, ``V4__phase4_extensions__backfill.sql``: it runs right after the up script and
may be run again at any time. Other files may lie beside them; only what ends like a migration script and is not
named like one is refused, since it would silently not run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from session_buddy.errors import MigrationError, ScriptMissing

__all__ = ["Direction", "Script", "Source", "head_version", "load", "source"]

_NAME = re.compile(r"V([1-9]\d*)__(\w+?)__(up|down)\.sql", re.ASCII)
_LIKENESS = re.compile(r".*(up|down|backfill)\.sql", re.IGNORECASE)
_RESTORE = "Restore the scripts, for instance by installing the package again."


class Direction(StrEnum):
    """Which half of a version a script is."""

    UP = "up"
    DOWN = "down"


class Source(msgspec.Struct, frozen=True):
    """One script: its file name, its text with Unix line ends, and the SHA-256 of that text."""

    name: str
    sql: str
    sha256: str


class Script(msgspec.Struct, frozen=True):
    """One version: what brings it in and what takes it out."""

    version: int
    description: str
    up: Source
    down: Source
    backfill: Source | None = None
    """What fills the version's tables from the rows that are already there."""


def source(name: str, sql: str) -> Source:
    """Return *sql* with its digest. Line ends are unified first: a checkout on Windows is no edit."""
    unified = sql.replace("\r\n", "\n").replace("\r", "\n")
    return Source(name, unified, hashlib.sha256(unified.encode()).hexdigest())


def head_version(folder: Path) -> int:
    """Return the newest version *folder* has a script for; reads the listing only, so it is cheap.

    Raises :class:`ScriptMissing` where there is none: a wrong folder must not read as "nothing to do".
    """
    return max(version for version, _, _, _ in _listing(folder))


def load(folder: Path) -> tuple[Script, ...]:
    """Return all versions of *folder* in order, whole and without gaps.

    Raises :class:`ScriptMissing`, naming the file, for a gap or a missing half, and
    :class:`MigrationError` for two scripts of one version or a file that is not UTF-8.
    """
    found: dict[tuple[int, Direction], tuple[str, Path]] = {}
    for version, description, direction, path in _listing(folder):
        other = found.setdefault((version, direction), (description, path))[1]
        if other != path:
            raise MigrationError(
                f"{other.name} and {path.name} are both the {direction} script of version {version}.",
                remedy=f"Keep one of them in {folder}.",
            )
    head = max(version for version, _ in found)
    return tuple(_pair(found, version, folder) for version in range(1, head + 1))


def _listing(folder: Path) -> Iterator[tuple[int, str, Direction, Path]]:
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise ScriptMissing(f"The migration scripts in {folder} cannot be listed: {error}.", remedy=_RESTORE) from error
    matches = [(match, path) for path in paths if (match := _NAME.fullmatch(path.name))]
    pairs = {f"V{match[1]}__{match[2]}__" for match, _ in matches}
    strays = [
        path.name
        for path in paths
        if _LIKENESS.fullmatch(path.name)
        and not _NAME.fullmatch(path.name)
        and path.name.removesuffix("backfill.sql") not in pairs
    ]
    if strays:
        raise MigrationError(
            f"{strays[0]} in {folder} is not a name of a migration script.",
            remedy="Name it like V4__phase4_extensions__up.sql.",
        )
    if not matches:
        raise ScriptMissing(f"There are no migration scripts in {folder}.", remedy=_RESTORE)
    for match, path in matches:
        yield int(match[1]), match[2], Direction(match[3]), path


def _pair(found: dict[tuple[int, Direction], tuple[str, Path]], version: int, folder: Path) -> Script:
    halves: dict[Direction, tuple[str, Path]] = {}
    for direction in Direction:
        half = found.get((version, direction))
        if half is None:
            known = next((d for (v, _), (d, _) in found.items() if v == version), "*")
            raise ScriptMissing(f"V{version}__{known}__{direction}.sql is not in {folder}.", remedy=_RESTORE)
        halves[direction] = half
    (description, up), (other, down) = halves[Direction.UP], halves[Direction.DOWN]
    if description != other:
        raise ScriptMissing(
            f"{up.name} and {down.name} do not belong together, so V{version}__{description}__down.sql is missing.",
            remedy="Give both halves of a version the same description.",
        )
    beside = folder / f"V{version}__{description}__backfill.sql"
    up_source, backfill = _read(up), _read(beside) if beside.exists() else None
    if backfill:
        # One digest for what goes up: an edited backfill is an edited migration.
        both = hashlib.sha256(f"{up_source.sql}\0{backfill.sql}".encode()).hexdigest()
        up_source = Source(up_source.name, up_source.sql, both)
    return Script(version, description.replace("_", " "), up_source, _read(down), backfill)


def _read(path: Path) -> Source:
    try:
        return source(path.name, path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ScriptMissing(f"{path.name} cannot be read: {error}.", remedy=_RESTORE) from error
    except UnicodeDecodeError as error:
        raise MigrationError(f"{path.name} is not UTF-8: {error}.", remedy=_RESTORE) from error
