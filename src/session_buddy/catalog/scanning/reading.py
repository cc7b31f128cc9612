"""From the bytes of a file to what the catalogue says of it. Pure.

A skill is called after its folder and a command after its file, as Claude Code does; a subagent after its own word.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import PurePath

from session_buddy.catalog.scanning.faults import Fault, FaultKind, told
from session_buddy.catalog.scanning.frontmatter import Form, Head, read_head
from session_buddy.catalog.scanning.listings import Entry, read_listing, read_rule_file
from session_buddy.catalog.scanning.sources import WHOLE, Look, Place, Source
from session_buddy.catalog.scanning.tokens import estimated_tokens

__all__ = [
    "LARGEST_LISTING",
    "LARGEST_SKILL",
    "called",
    "faulty",
    "faulty_whole",
    "source_of_file",
    "sources_of_listing",
]

LARGEST_SKILL = 1 << 20
"""Bytes; a larger SKILL.md would be half of what a model can hold, and is not read."""
LARGEST_LISTING = 64 << 20
_LONGEST_LISTED = 1_536
"""So many characters of a description Claude Code tells its model, from 2.1.105 on."""
_FORMS = {Look.SKILLS: Form.SKILL, Look.COMMANDS: Form.COMMAND, Look.AGENTS: Form.AGENT}


def called(path: str, look: Look, given: str | None, place: Place) -> str:
    """Return how transcripts name the skill in *path*: a skill after its folder, a command after its file."""
    pure = PurePath(path)
    if look is Look.AGENTS:
        return f"agent:{given or pure.stem}"
    if look is Look.COMMANDS:
        return pure.stem.strip() or path
    if place.plugin is not None and place.path == path:
        # The plugin is one skill: its folder may be named after a version.
        return given or place.plugin
    return pure.parent.name.strip() or path


def source_of_file(path: str, look: Look, place: Place, found: os.stat_result, data: bytes) -> Source:
    """Return what *data*, the first bytes of the file *path*, say of one skill."""
    digest = hashlib.sha256(data).hexdigest()
    if len(data) > LARGEST_SKILL:
        fault = Fault(
            FaultKind.TOO_LARGE, f"{found.st_size:,} bytes are more than the {LARGEST_SKILL:,} that are read."
        )
        return faulty(path, called(path, look, None, place), place, found, digest=digest, fault=fault)
    folder = called(path, look, None, place)
    head = read_head(data, _FORMS[look], folder)
    name = called(path, look, head.name, place)
    if name != folder and look is Look.SKILLS:
        # The plugin is the skill, and its own name counts.
        head = read_head(data, _FORMS[look], name)
    return Source(
        path=path,
        skill_name=name,
        origin=place.origin,
        plugin=place.plugin,
        version=place.version or head.version,
        content_hash=digest,
        listing_tokens=_listing_tokens(name, place.plugin, head),
        body_tokens=estimated_tokens(head.body),
        problem=told(head.faults),
        size=found.st_size,
        modified_ns=found.st_mtime_ns,
        description=head.description,
    )


def _listing_tokens(name: str, plugin: str | None, head: Head) -> int:
    if not head.listed or head.description is None or any(fault.kind.breaks for fault in head.faults):
        return 0
    bare = name.removeprefix("agent:")
    whole = f"{plugin}:{bare}" if plugin else bare
    return estimated_tokens(f"- {whole}: {head.description[:_LONGEST_LISTED]}\n")


def sources_of_listing(path: str, place: Place, found: os.stat_result, data: bytes) -> Iterator[Source]:
    """Yield what *data*, the file *path*, say of each of its entries; where they cannot be read, that."""
    if len(data) > LARGEST_LISTING:
        entries: list[Entry] | Fault = Fault(FaultKind.TOO_LARGE, f"{found.st_size:,} bytes are not read.")
    elif place.look is Look.RULES:
        entries = read_rule_file(data.decode("utf-8", "replace"), path)
    else:
        entries = read_listing(data, PurePath(path).stem, place.plugin)
    if isinstance(entries, Fault):
        yield faulty_whole(path, place, found, entries)
        return
    for entry in entries:
        yield Source(
            path=f"{path}{WHOLE}{entry.key}",
            skill_name=entry.skill_name,
            origin=place.origin,
            plugin=place.plugin,
            version=place.version,
            content_hash=entry.content_hash,
            listing_tokens=entry.listing_tokens,
            size=found.st_size,
            modified_ns=found.st_mtime_ns,
            description=entry.description,
        )


def faulty_whole(path: str, place: Place, found: os.stat_result | None, fault: Fault) -> Source:
    """Return what stands for the file *path*, whose entries cannot be read for this *fault*."""
    return faulty(path + WHOLE, PurePath(path).name, place, found, fault=fault)


def faulty(
    path: str,
    name: str,
    place: Place,
    found: os.stat_result | None = None,
    *,
    digest: str | None = None,
    fault: Fault,
) -> Source:
    """Return a source of which nothing is known but its *fault*."""
    return Source(
        path=path,
        skill_name=name,
        origin=place.origin,
        plugin=place.plugin,
        version=place.version,
        content_hash=digest or hashlib.sha256(b"").hexdigest(),
        problem=told([fault]),
        size=found.st_size if found else 0,
        modified_ns=found.st_mtime_ns if found else 0,
    )
