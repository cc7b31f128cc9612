"""What is to be said of skills as they are written down: never used, twice there, hidden, broken, changed. Pure.

Which of several of one name an agent takes is as Claude Code's documentation has it: an organisation's skill before a
user's before a project's, a skill before a command; of subagents the organisation's before the project's before the
user's before a plugin's; of servers those of one user in one project before the project's before the user's. Skills of
plugins are called with the plugin's name, so they hide nothing and are not hidden. What another agent reads is not in
the way of any of these.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import PurePath

import msgspec

from session_buddy.catalog.scanning.agents import camp_of
from session_buddy.catalog.scanning.faults import faults_in
from session_buddy.catalog.scanning.sources import BUILT_IN, WHOLE, KeptSource, Origin, Source, is_whole
from session_buddy.formats import date

__all__ = ["Finding", "FindingKind", "Use", "chief_of", "findings_of", "is_broken", "is_in_force"]

_ORIGINS = tuple(Origin)


class FindingKind(StrEnum):
    """What can be found."""

    BROKEN = "broken"
    """An agent cannot use it."""
    IRREGULAR = "irregular"
    """It breaks a published rule; Claude Code takes it all the same."""
    SHADOWED = "shadowed"
    """Another one of its name is used in its place."""
    DUPLICATED = "duplicated"
    """The same content, or the same description under another name, stands elsewhere as well."""
    NEVER_USED = "never-used"
    CHANGED = "changed"
    """It was changed after the last use that completed."""


class Finding(msgspec.Struct, frozen=True):
    """One of these of one source."""

    problem: FindingKind
    reason: str
    """In a sentence."""
    scope: str | None = None
    """The folder in which it is so; ``None`` for everywhere."""


class Use(msgspec.Struct, frozen=True):
    """How a skill was used."""

    invocations: int = 0
    last_completed_at: str | None = None
    """``None`` where it never completed."""


class _Rank(msgspec.Struct, frozen=True):
    """Who wins: the lower order, where both scopes meet."""

    group: str
    order: int
    scope: str | None
    """The folder in which it is in force; ``None`` for all."""


def findings_of(
    sources: Sequence[KeptSource], uses: Mapping[str, Use], texts: Mapping[str, str]
) -> dict[tuple[str, str], list[Finding]]:
    """Return what there is to say of each of *sources*, by its key; *texts* are hashes of descriptions by skill.

    Machines have nothing to do with each other, nor have agents that read other folders: what one has hides nothing of
    another, and is no double of it.
    """
    found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for source in sources:
        found[source.key] += _faults(source)
    for key, finding in [*_shadows(sources), *_doubles(sources, texts)]:
        found[key].append(finding)
    for source in sources:
        found[source.key] += _of_use(source, uses.get(source.skill_name, Use()))
    return {key: told for key, told in found.items() if told}


def chief_of(sources: Sequence[Source]) -> Source:
    """Return the one of several sources of one skill that is in force, if any is: the one to speak of."""

    def merit(source: Source) -> tuple[bool, bool, int, int, str]:
        rank = _rank(source)
        order = rank.order if rank else 0
        return (is_broken(source), not is_in_force(source), order, _ORIGINS.index(source.origin), source.path)

    return sources[0] if len(sources) == 1 else min(sources, key=merit)


def is_in_force(source: Source) -> bool:
    """Return whether some agent takes *source* as it is; one that another hides counts."""
    is_somewhere = source.origin not in (Origin.MARKETPLACE, Origin.FOLDER)
    return is_somewhere and not is_whole(source.path) and not is_broken(source)


def is_broken(source: Source) -> bool:
    """Return whether no agent can use *source*."""
    return source.problem is not None and any(fault.kind.breaks for fault in faults_in(source.problem))


def _faults(source: Source) -> Iterator[Finding]:
    for fault in faults_in(source.problem):
        yield Finding(FindingKind.BROKEN if fault.kind.breaks else FindingKind.IRREGULAR, str(fault))


def _of_use(source: KeptSource, use: Use) -> Iterator[Finding]:
    if source.origin is Origin.MARKETPLACE or is_whole(source.path) or is_broken(source):
        return
    if not use.invocations and not source.path.startswith(BUILT_IN):
        yield Finding(FindingKind.NEVER_USED, f"Not one use is known. It is known since {date(source.seen_at)}.")
    # Of an entry among others it is only known when it was seen to change.
    was_changed = source.origin not in (Origin.MCP, Origin.SHELL) or source.changed_at > source.seen_at
    worked = use.last_completed_at
    if worked and was_changed and source.changed_at > worked:
        reason = f"Changed on {date(source.changed_at)}; the last use that completed was on {date(worked)}."
        yield Finding(FindingKind.CHANGED, reason)


def _shadows(sources: Sequence[KeptSource]) -> Iterator[tuple[tuple[str, str], Finding]]:
    groups: dict[tuple[str, str, str], list[tuple[_Rank, KeptSource]]] = defaultdict(list)
    named = Counter((source.machine, source.skill_name) for source in sources)
    for source in sources:
        # Most have a name of their own, and nothing to do with the rest of this.
        rank = _rank(source) if named[source.machine, source.skill_name] > 1 and is_in_force(source) else None
        if rank:
            groups[source.machine, rank.group + camp_of(source.path), source.skill_name].append((rank, source))
    for group in groups.values():
        for rank, source in group:
            above = [(other, one) for other, one in group if other.order < rank.order and _meet(other, rank)]
            if not above:
                continue
            # One that hides it wherever it is in force says more than one that does so in a folder.
            everywhere = [pair for pair in above if pair[0].scope is None or _is_within(rank.scope, pair[0].scope)]
            other, winner = min(everywhere or above, key=lambda pair: (pair[0].order, pair[1].path))
            scope = None if everywhere else other.scope
            where = "" if scope is None else f" in {scope}"
            yield source.key, Finding(FindingKind.SHADOWED, f"{winner.path} is used in its place{where}.", scope)


def _doubles(sources: Sequence[KeptSource], texts: Mapping[str, str]) -> Iterator[tuple[tuple[str, str], Finding]]:
    files = [
        source
        for source in sources
        if source.origin in (Origin.USER, Origin.MANAGED, Origin.PROJECT, Origin.PLUGIN, Origin.FOLDER)
        and not is_broken(source)
    ]
    contents: dict[tuple[str, str, str], list[KeptSource]] = defaultdict(list)
    described: dict[tuple[str, str, str], dict[str, KeptSource]] = defaultdict(dict)
    side = {source.key: (source.machine, camp_of(source.path)) for source in files}
    for source in files:
        contents[*side[source.key], source.content_hash].append(source)
        if source.skill_name in texts:
            described[*side[source.key], texts[source.skill_name]].setdefault(source.skill_name, source)
    for source in files:
        same = [one.path for one in contents[*side[source.key], source.content_hash] if one is not source]
        if same:
            yield source.key, Finding(FindingKind.DUPLICATED, f"The same file is at {_some(same)}.")
        others = described[*side[source.key], texts.get(source.skill_name, "")]
        names = [name for name in others if name != source.skill_name]
        if names:
            yield source.key, Finding(FindingKind.DUPLICATED, f"{_some(names)} has the same description.")


def _some(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _rank(source: Source) -> _Rank | None:
    """Return where *source* stands among others of its name; ``None`` for one that no other can hide."""
    match source.origin:
        case Origin.SHELL:
            return _Rank("shell", int(source.path.startswith(BUILT_IN)), None)
        case Origin.MCP:
            return _rank_of_server(source)
        case Origin.MANAGED | Origin.USER | Origin.PROJECT | Origin.PLUGIN if source.skill_name.startswith("agent:"):
            order = (Origin.MANAGED, Origin.PROJECT, Origin.USER, Origin.PLUGIN).index(source.origin)
            return _Rank("agent", order, _project_of(source))
        case Origin.MANAGED | Origin.USER | Origin.PROJECT:
            is_command = PurePath(source.path).name != "SKILL.md"
            level = (Origin.MANAGED, Origin.USER, Origin.PROJECT).index(source.origin)
            return _Rank("skill", 2 * level + is_command, _project_of(source))
        case _:
            return None


def _rank_of_server(source: Source) -> _Rank | None:
    file, _, key = source.path.partition(f".json{WHOLE}")
    if source.plugin is not None or not key:
        return None
    if PurePath(file).name == ".mcp":
        return _Rank("server", 1, str(PurePath(file).parent))
    if PurePath(file).name != ".claude":
        # A listing of tools hides no server.
        return None
    scope = key.rpartition("/")[0]
    return _Rank("server", 2, None) if scope in ("", "user") else _Rank("server", 0, scope)


def _project_of(source: Source) -> str | None:
    if source.origin is not Origin.PROJECT:
        return None
    return source.path.rpartition(f"{os.sep}.claude{os.sep}")[0] or None


def _meet(one: _Rank, other: _Rank) -> bool:
    """Return whether a session may load both: one is in force everywhere, or both in one folder or one above."""
    if one.scope is None or other.scope is None:
        return True
    return _is_within(one.scope, other.scope) or _is_within(other.scope, one.scope)


def _is_within(scope: str | None, other: str) -> bool:
    return scope is not None and (scope == other or scope.startswith(other + os.sep))
