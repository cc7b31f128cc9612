"""Looking at places: which skills are written down there, now.

Paths are texts here, since making an object of each takes longer than asking the system about it. A file whose size
and time are those it had is not opened. Links are followed, each folder once, so a loop ends. What
cannot be read is a fault of its place, and stops nothing.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePath

import msgspec

from session_buddy.catalog.scanning.faults import Fault, FaultKind
from session_buddy.catalog.scanning.nested import PASSED_OVER
from session_buddy.catalog.scanning.places import Places
from session_buddy.catalog.scanning.reading import (
    LARGEST_LISTING,
    LARGEST_SKILL,
    called,
    faulty,
    faulty_whole,
    source_of_file,
    sources_of_listing,
)
from session_buddy.catalog.scanning.sources import WHOLE, Look, Origin, Place, Source

__all__ = ["Scan", "scan_places"]


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    read: list[Source]
    """New ones, and those whose file is not as it was."""
    unchanged: set[str]
    """Paths of sources whose file is as it was."""
    gone: set[str]
    """Paths of sources that were known, and are not there any more."""
    files: int
    """How many files were opened."""


def scan_places(places: Places, known: Mapping[str, Source]) -> Scan:
    """Look at *places*; *known* are the sources of earlier scans, by path."""
    return _Scanner(known).scan(places)


class _Scanner:
    def __init__(self, known: Mapping[str, Source]) -> None:
        self._known = known
        self._entries: dict[str, list[str]] | None = None
        self._read: dict[str, Source] = {}
        self._unchanged: set[str] = set()
        self._searched: list[str] = []
        self._unlisted: list[str] = []
        self._visited: set[tuple[int, int]] = set()
        self._files = 0

    def scan(self, places: Places) -> Scan:
        for place in places.places:
            self._searched.append(place.called or _text(place.path))
            if place.look is Look.LISTING or place.look is Look.RULES:
                self._look_at_listing(place)
            else:
                self._visited.clear()
                for path, look in self._files_of(place):
                    self._look_at_file(path, look, place)
        return Scan(
            read=list(self._read.values()),
            unchanged=self._unchanged,
            gone={path for path in self._known if self._is_gone(path, places)},
            files=self._files,
        )

    def _is_gone(self, path: str, places: Places) -> bool:
        if path in self._read or path in self._unchanged:
            return False
        if any(path.startswith(folder) for folder in self._unlisted):
            # A folder that may not be looked into today need not be empty.
            return False
        if any(path.startswith(folder) for folder in places.whole):
            return True
        if self._known[path].origin is Origin.PROJECT and any(path.startswith(root) for root in places.projects):
            # The search has bounds, and may not have come as far as where it was found before.
            return _is_missing(path)
        return any(path == place or path.startswith((place + os.sep, place + WHOLE)) for place in self._searched)

    # -- folders

    def _files_of(self, place: Place) -> Iterator[tuple[str, Look]]:
        path = place.path
        if path.endswith(".md") and not os.path.isdir(path):
            yield path, place.look
        elif place.look is Look.SKILLS:
            # What a manifest names may be a folder of skills, or the folder of one.
            if os.path.basename(path) != Look.SKILLS:
                yield f"{path}{os.sep}SKILL.md", Look.SKILLS
            for entry in self._listed(path, place):
                if entry.is_symlink() or _is_folder(entry):
                    yield f"{entry.path}{os.sep}SKILL.md", Look.SKILLS
        else:
            yield from self._below(path, place, None if place.look is Look.TREE else place.look)

    def _below(self, folder: str, place: Place, look: Look | None) -> Iterator[tuple[str, Look]]:
        """Yield the files of a tree; Markdown files are of *look*, ``None`` where only those of some folders count."""
        pending = [(folder, look)]
        while pending:
            path, look = pending.pop()
            if not self._is_new(path):
                continue
            folders = []
            for entry in self._listed(path, place):
                if entry.name == "SKILL.md":
                    yield entry.path, Look.SKILLS
                elif entry.name.endswith(".md") and look is not None:
                    yield entry.path, look
                elif entry.name not in PASSED_OVER and _is_folder(entry):
                    folders.append((entry.path, look or _look_below(path, entry.name)))
            pending.extend(reversed(folders))

    def _is_new(self, folder: str) -> bool:
        try:
            found = os.stat(folder)
        except OSError:
            return True
        key = (found.st_dev, found.st_ino)
        if key in self._visited:
            return False
        self._visited.add(key)
        return True

    def _listed(self, folder: str, place: Place) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            path = _text(folder)
            self._unlisted.append(path + os.sep)
            fault = Fault(FaultKind.UNREADABLE, f"{error.strerror or error}. Give yourself leave to read the folder.")
            self._add(faulty(path + WHOLE, PurePath(path).name or path, place, fault=fault))
            return []

    # -- files with one skill

    def _look_at_file(self, path: str, look: Look, place: Place) -> None:
        text = _text(path)
        if text in self._read or text in self._unchanged:
            return
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            if not os.path.islink(path):
                return
            found = os.lstat(path)
        except OSError as error:
            self._add(self._unreadable(text, look, place, error))
            return
        before = self._known.get(text)
        if before is not None and _is_same(before, found, place):
            self._unchanged.add(text)
            return
        try:
            data = self._data(path, found, LARGEST_SKILL)
        except OSError as error:
            self._add(self._unreadable(text, look, place, error, found))
            return
        self._add(source_of_file(text, look, place, found, data))

    def _unreadable(
        self, path: str, look: Look, place: Place, error: OSError, found: os.stat_result | None = None
    ) -> Source:
        fault = Fault(FaultKind.UNREADABLE, f"{error.strerror or error}. Make the file readable, or remove it.")
        return faulty(path, called(path, look, None, place), place, found, fault=fault)

    def _data(self, path: str, found: os.stat_result, most: int) -> bytes:
        """Return the first bytes of a file, one more than *most* at most; raises :class:`OSError` for what is none."""
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "It is no file, or a link that leads nowhere")
        self._files += 1
        with open(path, "rb", buffering=0) as file:
            parts = []
            while most >= 0 and (part := file.read(most + 1)):
                parts.append(part)
                most -= len(part)
            return b"".join(parts)

    # -- files with several

    def _look_at_listing(self, place: Place) -> None:
        text = place.called or _text(place.path)
        try:
            found = os.stat(place.path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._unlisted.append(text + WHOLE)
            self._add(faulty_whole(text, place, None, Fault(FaultKind.UNREADABLE, f"{error.strerror or error}.")))
            return
        before = self._entries_of(text)
        if before and all(_is_same(self._known[path], found, place) for path in before):
            self._unchanged.update(before)
            return
        try:
            data = self._data(place.path, found, LARGEST_LISTING)
        except OSError as error:
            fault = Fault(FaultKind.UNREADABLE, f"{error.strerror or error}. Make the file readable.")
            self._unlisted.append(text + WHOLE)
            self._add(faulty_whole(text, place, found, fault))
            return
        for source in sources_of_listing(text, place, found, data):
            self._add(source)

    def _entries_of(self, path: str) -> list[str]:
        """Return the known sources that are entries of the file *path*."""
        if self._entries is None:
            self._entries = defaultdict(list)
            for known in self._known:
                at = known.find(WHOLE)
                while at > 0:
                    # A name may hold the sign as well.
                    self._entries[known[:at]].append(known)
                    at = known.find(WHOLE, at + 1)
        return self._entries.get(path, [])

    def _add(self, source: Source) -> None:
        self._read.setdefault(source.path, source)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself.
        return False


def _is_missing(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _text(path: str) -> str:
    """Return *path* as text that can be stored: names of files need not be UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") if not path.isascii() else path


def _look_below(folder: str, name: str) -> Look | None:
    """Return what Markdown files are in the folder *name* of *folder*, which is somewhere in a tree."""
    if name not in (Look.COMMANDS, Look.AGENTS):
        return None
    is_of_agents = PurePath(folder).name == ".claude" or os.path.isdir(f"{folder}{os.sep}.claude-plugin")
    return Look(name) if is_of_agents else None


def _is_same(before: Source, found: os.stat_result, place: Place) -> bool:
    return (
        (before.size, before.modified_ns) == (found.st_size, found.st_mtime_ns)
        and before.origin is place.origin
        and before.plugin == place.plugin
        and (place.version is None or before.version == place.version)
        # Leave to read a file changes neither.
        and FaultKind.UNREADABLE not in (before.problem or "")
    )
