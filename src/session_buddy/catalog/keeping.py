"""Sources of skills in a store: written after a scan, read with what there is to say of them.

The part of the catalogue's scanning that talks to the store.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from session_buddy.catalog.scanning.findings import Finding, Use, chief_of, findings_of, is_broken
from session_buddy.catalog.scanning.places import Places
from session_buddy.catalog.scanning.scan import Scan, scan_places
from session_buddy.catalog.scanning.sources import BUILT_IN, KeptSource, Origin, Source, is_whole
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = ["Scanned", "Standing", "forget_machine", "read_sources", "read_standing", "scan_into", "session_folders"]

_SOURCES = plain_table("skill_sources")
_DESCRIPTIONS = plain_table("skill_description")
_FOLDERS = """
SELECT project FROM session_summary WHERE project IS NOT NULL AND project <> ''
GROUP BY project ORDER BY max(last_invoked_at) DESC, project LIMIT ?
"""
_USES = "SELECT skill_name, invocation_count FROM skill_metrics"
_TEXTS = f"SELECT skill_name, text_hash FROM {_DESCRIPTIONS.source}"
_LAST_DAYS = "SELECT skill_name, max(day) FROM skill_day_buckets WHERE completed_count > 0 GROUP BY skill_name"
_LAST = """
SELECT max(invoked_at) FROM skill_invocation WHERE skill_name = ? AND outcome = 'completed' AND invoked_at >= ?
"""
_INFERRED = {
    "skill_category_mapping": "SELECT skill_name, category_id FROM skill_category_mapping FINAL"
    " WHERE assigned_by = 'inference'",
    "skill_modalities": "SELECT skill_name FROM skill_modalities FINAL WHERE assigned_by = 'inference'",
}


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan changed in a store."""

    sources: int
    """Places where skills are written down, of those that were looked at."""
    added: int
    changed: int
    """Those whose content is another than before."""
    gone: int
    opened: int
    """Files that were read, since they are not as they were."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The sources of a store, and what there is to say of them."""

    sources: list[KeptSource]
    """By skill, the one in force first."""
    findings: dict[tuple[str, str], list[Finding]]
    """By the key of a source."""
    uses: dict[str, int]
    """Of every skill that was used; of a server, those of all its tools."""


def scan_into(store: Store, places: Places, *, machine: str, now: str) -> Scanned:
    """Look at *places*, and bring what *store* keeps of them up to date; where nothing changed, nothing is written.

    Sources that were below these places and are not there any more are dropped; others are left alone, and all of
    other machines than *machine*, the name of this one.
    """
    everywhere = read_sources(store)
    known = {source.path: source for source in everywhere if source.machine == machine}
    scan = scan_places(places, known)
    rows = _dated(scan, known, machine, now)
    _describe(store, scan, rows, known, now)
    if rows:
        store.put_rows(_SOURCES, [_row(source) for source in rows])
    if scan.gone:
        left = [one for one in everywhere if one.machine != machine or one.path not in scan.gone]
        _drop(store, [known[path] for path in sorted(scan.gone)], {source.skill_name for source in (*left, *rows)})
    fresh = [source for source in rows if source.path not in known]
    changed = [one for one in rows if one.path in known and known[one.path].content_hash != one.content_hash]
    return Scanned(
        sources=len(scan.unchanged) + len(scan.read),
        added=len(fresh),
        changed=len(changed),
        gone=len(scan.gone),
        opened=scan.files,
    )


def forget_machine(store: Store, machine: str) -> int:
    """Drop all sources of *machine*, which is there no longer, or has another name; return how many there were."""
    gone: list[KeptSource] = []
    left: set[str] = set()
    for source in read_sources(store):
        if source.machine == machine:
            gone.append(source)
        else:
            left.add(source.skill_name)
    if gone:
        _drop(store, gone, left)
    return len(gone)


def read_sources(store: Store) -> list[KeptSource]:
    """Return every source that *store* keeps."""
    rows = store.query(f"SELECT {_SOURCES.selected} FROM {_SOURCES.source} ORDER BY machine, path").rows
    # 3,750 of them are read at each scan: not by way of mappings.
    return [
        KeptSource(
            machine=machine,
            path=path,
            skill_name=name,
            origin=Origin(origin),
            plugin=plugin,
            version=version,
            content_hash=digest,
            listing_tokens=listing,
            body_tokens=body,
            problem=problem,
            size=size,
            modified_ns=modified,
            changed_at=changed,
            seen_at=seen,
        )
        for machine, path, name, origin, plugin, version, digest, *others in rows
        for listing, body, problem, size, modified, changed, seen in [others]
    ]


def read_standing(store: Store) -> Standing:
    """Return what *store* keeps of sources, with what there is to say of them; reads roll-ups."""
    sources = read_sources(store)
    by_name: dict[str, list[KeptSource]] = defaultdict(list)
    for source in sources:
        by_name[source.skill_name].append(source)
    counts = {str(name): int(count) for name, count in store.query(_USES).rows}
    _add_servers(counts, by_name)
    worked = _last_completed(store, by_name)
    uses = {name: Use(counts.get(name, 0), worked.get(name)) for name in by_name}
    texts = {str(name): str(digest) for name, digest in store.query(_TEXTS).rows}
    ordered = []
    for name in sorted(by_name):
        chief = chief_of(by_name[name])
        ordered += sorted(by_name[name], key=lambda source, chief=chief: (source is not chief, *source.key))  # type: ignore[misc]
    return Standing(sources=ordered, findings=findings_of(sources, uses, texts), uses=counts)


def session_folders(store: Store, *, limit: int = 500) -> list[str]:
    """Return the folders in which sessions worked, the latest first."""
    return [str(row[0]) for row in store.query(_FOLDERS, [limit]).rows]


def _dated(scan: Scan, known: Mapping[str, KeptSource], machine: str, now: str) -> list[KeptSource]:
    """Return what was read with the moments since when it is known, and as it is now."""
    moved = {(known[path].skill_name, known[path].content_hash): known[path] for path in sorted(scan.gone)}
    dated = []
    for source in scan.read:
        before = known.get(source.path)
        twin = moved.get((source.skill_name, source.content_hash))
        if before is None and twin is not None:
            # A plugin's new version lies in a new folder; what is in it need not be new.
            before = twin
        if before is None:
            changed = now if source.origin in (Origin.MCP, Origin.SHELL) else min(_moment(source.modified_ns), now)
            seen = now
        else:
            changed = before.changed_at if before.content_hash == source.content_hash else now
            seen = before.seen_at
        fields = {name: getattr(source, name) for name in Source.__struct_fields__}
        dated.append(KeptSource(**fields, machine=machine, changed_at=changed, seen_at=seen))
    return dated


def _row(source: KeptSource) -> tuple[object, ...]:
    return tuple(getattr(source, column) for column in _SOURCES.columns)


def _describe(store: Store, scan: Scan, rows: Sequence[KeptSource], known: Mapping[str, KeptSource], now: str) -> None:
    """Keep descriptions: where there is none yet, and where the one in force changed."""
    # Of the tools that the program has rules for, those that are used are described when they are imported.
    read = {
        source.path: source
        for source in rows
        if source.description and not is_whole(source.path) and not source.path.startswith(BUILT_IN)
    }
    if not read:
        return
    names = {source.skill_name for source in read.values()}
    of: dict[str, list[KeptSource]] = defaultdict(list)
    before: set[str] = set()
    for source in known.values():
        if source.skill_name in names:
            before.add(source.skill_name)
            if source.path in scan.unchanged:
                of[source.skill_name].append(source)
    for source in rows:
        if source.skill_name in names:
            of[source.skill_name].append(source)
    there = dict(store.query(_TEXTS).rows)
    new = []
    for name, sources in of.items():
        chief = read.get(chief_of(sources).path)
        if chief is None or not chief.description or is_broken(chief):
            continue
        digest = hashlib.sha256(chief.description.encode()).hexdigest()
        # What stands there of a skill that nothing was known to be written of came from elsewhere, and stays.
        if name not in there or (name in before and there[name] != digest):
            new.append((name, chief.description, digest, now))
    if new:
        store.put_rows(_DESCRIPTIONS, new)


def _drop(store: Store, gone: Sequence[KeptSource], left: set[str]) -> None:
    """Drop the sources *gone*, and what is known of skills that were never used and are written down nowhere.

    *left* are the skills that are written down elsewhere, on any machine.
    """
    store.drop_rows(_SOURCES, [source.key for source in gone])
    used = {row[0] for row in store.query(_USES).rows}
    lost = {source.skill_name for source in gone} - left - used
    if not lost:
        return
    described = {row[0] for row in store.query(_TEXTS).rows}
    if lost & described:
        store.drop_rows(_DESCRIPTIONS, [(name,) for name in sorted(lost & described)])
    for table, inferred in _INFERRED.items():
        keys = [tuple(row) for row in store.query(inferred).rows if row[0] in lost]
        if keys:
            store.drop_rows(plain_table(table), keys)


def _add_servers(counts: dict[str, int], by_name: Mapping[str, list[KeptSource]]) -> None:
    """Add the uses of servers: those of their tools."""
    servers = {name for name, sources in by_name.items() if sources[0].origin is Origin.MCP}
    for name, count in list(counts.items()):
        for server in servers.intersection(_prefixes(name)):
            counts[server] = counts.get(server, 0) + count


def _prefixes(name: str) -> Iterator[str]:
    """Yield what may be the server of a tool called *name*: names of either may hold the sign between them."""
    at = name.find("__", len("mcp__"))
    while at > 0 and name.startswith("mcp__"):
        yield name[:at]
        at = name.find("__", at + 1)


def _last_completed(store: Store, by_name: Mapping[str, list[KeptSource]]) -> dict[str, str]:
    """Return when each skill last completed: the end of that day, or the moment, where that makes a difference."""
    worked: dict[str, str] = {}
    for name, day in store.query(_LAST_DAYS).rows:
        changes = [source.changed_at for source in by_name.get(name, ())]
        if not changes:
            continue
        end = _moment_after(day)
        if any(day <= change < end for change in changes):
            ((moment,),) = store.query(_LAST, [name, day]).rows
            worked[name] = moment or day
        else:
            worked[name] = day
    return worked


def _moment_after(day: str) -> str:
    return (datetime.fromisoformat(day) + timedelta(days=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(modified_ns: int) -> str:
    """Return the time of a file in the canonical form; files may claim times that there are not."""
    try:
        moment = datetime.fromtimestamp(modified_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return "9999"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
