"""Looking for skills where agents keep them, or where somebody says; done by ``up``, a server, and ``catalog scan``."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from platformdirs import user_config_path

from session_buddy.catalog.keeping import forget_machine, read_sources, scan_into, session_folders
from session_buddy.catalog.scanning.faults import faults_in
from session_buddy.catalog.scanning.places import Places, default_places, named_places, rule_places
from session_buddy.errors import InvalidInput, NotFound
from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.learning.jobs import Job
from session_buddy.storage import Store

__all__ = [
    "MACHINE_VARIABLE",
    "SCANNING",
    "FaultyFile",
    "ForgottenMachine",
    "ScanSummary",
    "faulty_files",
    "forget",
    "scan_catalogue",
    "this_machine",
]

MACHINE_VARIABLE = "SESSION_BUDDY_MACHINE"
"""A variable of the environment: how this machine is called in the catalogue, where its host name will not do."""


class FaultyFile(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a skill is written down, and what is wrong there."""

    path: str
    skill: str
    broken: bool
    """Whether no agent can use it; else it is against the published rules only."""
    reasons: list[str]
    """Each fault with its line, the worst first."""


class ScanSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan found."""

    machine: str
    """The name of this one; what is kept of others is left alone."""
    searched: list[str]
    """What was named, or the default places that are there."""
    sources: int
    """Places where skills are written down."""
    added: int
    changed: int
    gone: int
    """Those that were there before, and are not any more."""
    opened: int
    """Files that were read; the others are as they were."""
    faults: list[FaultyFile]
    """Of what was looked at, the broken ones first."""


class ForgottenMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine whose skills are not kept any more."""

    machine: str
    sources: int
    """Places there where skills were written down."""


def this_machine(environ: Mapping[str, str] = os.environ) -> str:
    """Return how this machine is called in the catalogue: as *environ* says, or by its host name."""
    return environ.get(MACHINE_VARIABLE, "").strip() or socket.gethostname() or "localhost"


def scan_catalogue(
    store: Store, paths: Sequence[Path] = (), *, machine: str, now: str, here: Path | None = None
) -> ScanSummary:
    """Look for skills in *paths*, or in all the usual places of *machine*, this one, and keep what is found.

    The usual places are the user's own folder, those of sessions, and *here*. Raises :class:`InvalidInput` for a name
    of the machine that nobody could read.
    """
    if not machine.isprintable():
        raise InvalidInput(
            "machine", f"{machine!r} holds signs that cannot be seen.", remedy="Give letters, digits and spaces."
        )
    usual = _usual(store, here)
    places = named_places([path.absolute() for path in paths], usual) if paths else usual
    done = scan_into(store, places, machine=machine, now=now)
    looked = [place.called or place.path for place in places.places]
    searched = [str(path.absolute()) for path in paths] or [
        place.called or place.path
        for place in places.places
        if os.path.exists(place.path)  # noqa: PTH110
    ]
    return ScanSummary(
        machine=machine,
        searched=searched,
        sources=done.sources,
        added=done.added,
        changed=done.changed,
        gone=done.gone,
        opened=done.opened,
        faults=[file for file in faulty_files(store, machine) if not paths or _is_below(file.path, looked)],
    )


def forget(store: Store, machine: str) -> ForgottenMachine:
    """Drop what is kept of *machine*; raises :class:`NotFound` where nothing is."""
    gone = forget_machine(store, machine)
    if not gone:
        names = sorted({source.machine for source in read_sources(store)})
        remedy = f"There are: {', '.join(names)}." if names else "No machine was looked through yet."
        raise NotFound(f"No machine is called {machine!r}.", remedy=remedy, suggestions=names)
    return ForgottenMachine(machine=machine, sources=gone)


def faulty_files(store: Store, machine: str) -> list[FaultyFile]:
    """Return every place of *machine* with a fault, the broken ones first."""
    found = []
    for source in read_sources(store):
        faults = faults_in(source.problem) if source.machine == machine else []
        if faults:
            broken = any(fault.kind.breaks for fault in faults)
            reasons = [str(fault) for fault in faults]
            found.append(FaultyFile(path=source.path, skill=source.skill_name, broken=broken, reasons=reasons))
    return sorted(found, key=lambda file: (not file.broken, file.path))


def _usual(store: Store, here: Path | None) -> Places:
    home = Path.home()
    # Transcripts lie beside what is wanted.
    folders = [root.parent for root in ClaudeCode(None).roots(os.environ, home)]
    projects = [path for path in map(Path, session_folders(store)) if path.is_absolute()]
    own_rules = user_config_path("session-buddy", appauthor=False) / "shell-rules.toml"
    return default_places(
        folders,
        home,
        [here, *projects] if here else projects,
        rule_places(own_rules),
        platform=sys.platform,
    )


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(path == one or path.startswith((one.rstrip(os.sep) + os.sep, one + "#")) for one in folders)


def _scan(store: Store, now: str) -> int:
    done = scan_into(store, _usual(store, None), machine=this_machine(), now=now)
    return done.added + done.changed + done.gone


SCANNING = Job("catalog", "Looking for skills on this machine", 300.0, _scan)
