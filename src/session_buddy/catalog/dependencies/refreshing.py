"""What is known of pairs of skills and of paths in a store, brought up to date."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.catalog.dependencies.order import order_chance
from session_buddy.catalog.dependencies.paths import frequent_paths
from session_buddy.catalog.dependencies.reading import Read, read_days, read_uses
from session_buddy.catalog.dependencies.significance import FEWEST_SESSIONS, adjusted, chance, possible_pairs
from session_buddy.model import Kind
from session_buddy.storage import Store
from session_buddy.storage.learned import StoredModel, read_contents, write_model
from session_buddy.storage.tables import PlainTable, plain_table

__all__ = ["DependencyFigures", "read_figures", "refresh_dependencies"]

_MODEL, _FORMAT = "dependencies", 2
_DETAILS = plain_table("skill_dependency_details")
_PATHS = plain_table("skill_paths")
_DIGITS_OF_CHANCE, _DIGITS_OF_GAPS = 2, 4
"""What differs by less is the same, and not written again: each new session changes every chance a little."""
_SMALLEST = 1e-300

# Pairs first: what comes in between makes skills and sessions more, never fewer than what they share.
_PAIRS = "SELECT skill_a, skill_b, co_occurrence_count FROM skill_dependencies WHERE co_occurrence_count >= ?"
_SKILLS = "SELECT skill_name, kind, session_count, last_invoked_at FROM skill_metrics"
_SESSIONS = "SELECT coalesce(max(value), 0) FROM store_counts WHERE name = 'sessions'"

Floats = NDArray[np.float64]


class DependencyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How a refresh went."""

    refreshed_at: str
    sessions: int
    """All of the store."""
    tested: int
    """Pairs of skills that could have been in enough sessions; so many tests were made."""
    pairs: int
    """Those that were."""
    paths: int
    paths_since: str
    """The day from which on paths were looked for; empty for all."""
    seen: str
    """What there was; where it is the same still, there is nothing to do."""


def read_figures(store: Store) -> DependencyFigures | None:
    """Return how the last refresh went; ``None`` before the first one of this version of the program."""
    return read_contents(store, _MODEL, _figures)


def _figures(model: StoredModel) -> DependencyFigures | None:
    return msgspec.json.decode(model.details, type=DependencyFigures) if model.version == _FORMAT else None


def _keep(store: Store, figures: DependencyFigures) -> None:
    details = msgspec.json.encode(figures).decode()
    write_model(store, StoredModel(_MODEL, _FORMAT, "Fisher, sign test", figures.refreshed_at, details))


class _Pairs(NamedTuple):
    a: list[str]
    b: list[str]
    both: NDArray[np.int64]


def refresh_dependencies(store: Store, kinds: Collection[Kind], *, now: str) -> int:
    """Bring chance, order and paths of skills of these *kinds* up to date; return how many rows that changed.

    Rows that say the same are left alone, those that hold no longer are dropped, and where no use came, went or got
    another name since the last time nothing is looked at. Killed on the way, what is told is partly of now and partly
    of before, and the next time mends it.
    """
    ((sessions,),) = store.query(_SESSIONS).rows
    days = read_days(store, kinds)
    before, told = read_figures(store), f"{sessions} {days.kinds} {days.digest()}"
    if before is not None and before.seen == told:
        _keep(store, msgspec.structs.replace(before, refreshed_at=now))
        return 0
    known = store.query(_PAIRS, [FEWEST_SESSIONS]).rows
    used = store.query(_SKILLS).rows
    skills = {name: int(sessions) for name, kind, sessions, _ in used if kind in kinds}
    pairs = _of_skills(known, skills)
    read = read_uses(store, days, skills, last=max((row[3] for row in used), default=""), now=now)
    tested = possible_pairs(list(skills.values()))
    details = _details(pairs, skills, int(sessions), tested, read)
    paths = _paths(read)
    figures = DependencyFigures(
        refreshed_at=now,
        sessions=int(sessions),
        tested=tested,
        pairs=len(details),
        paths=len(paths),
        paths_since=read.since,
        seen=told,
    )
    written = _bring_up(store, _DETAILS, details, now) + _bring_up(store, _PATHS, paths, now)
    _keep(store, figures)
    return written + 1


def _of_skills(known: Sequence[tuple[Any, ...]], skills: Mapping[str, int]) -> _Pairs:
    wanted = [row for row in known if row[0] in skills and row[1] in skills]
    both = np.array([row[2] for row in wanted], dtype=np.int64)
    return _Pairs([row[0] for row in wanted], [row[1] for row in wanted], both)


def _details(pairs: _Pairs, skills: Mapping[str, int], sessions: int, tested: int, read: Read) -> list[tuple[Any, ...]]:
    first, second = (
        # A deletion in between may leave fewer sessions with one skill than were counted with both.
        np.maximum(np.array([skills[name] for name in side], dtype=np.int64), pairs.both)
        for side in (pairs.a, pairs.b)
    )
    p_values = chance(pairs.both, first, second, int(max(sessions, (first + second - pairs.both).max(initial=0))))
    numbers = read.names.numbers
    unknown = len(numbers)
    order = read.orders.of_pairs(*([numbers.get(name, unknown) for name in side] for side in (pairs.a, pairs.b)))
    columns = [
        _rounded(p_values, _DIGITS_OF_CHANCE),
        _rounded(adjusted(p_values, tested), _DIGITS_OF_CHANCE),
        order.a_first.tolist(),
        order.b_first.tolist(),
        _rounded(order.a_to_b_seconds, _DIGITS_OF_GAPS),
        _rounded(order.b_to_a_seconds, _DIGITS_OF_GAPS),
        _rounded(adjusted(order_chance(order.a_first, order.b_first)), _DIGITS_OF_CHANCE),
    ]
    return list(zip(pairs.a, pairs.b, *columns, strict=True))


def _rounded(values: Floats, digits: int) -> list[float | None]:
    """Return *values* to so many *digits*; what is not a number is not known."""
    size = np.floor(np.log10(np.where(values > _SMALLEST, values, 1.0)))
    # By whole powers of ten, which are exact: 59.8 is not to be told as 59.800000000000004.
    up, down = (10.0 ** np.maximum(sign * (digits - 1 - size), 0) for sign in (1, -1))
    found = np.where(values > _SMALLEST, np.round(values * up / down) * down / up, 0.0)
    told: list[float | None] = found.tolist()
    for place in np.flatnonzero(np.isnan(values)).tolist():
        told[place] = None
    return told


def _paths(read: Read) -> list[tuple[Any, ...]]:
    # By their places in the alphabet, so that what is level is told in the same order whoever came first.
    names, uses = sorted(read.names.texts), read.uses
    skills = read.names.places[uses.skills]
    found = frequent_paths(uses.sessions, skills, uses.moments, fewest_sessions=FEWEST_SESSIONS)
    return [
        (
            json.dumps([names[place] for place in path.skills]),
            len(path.skills),
            path.sessions,
            path.occurrences,
            path.median_seconds,
        )
        for path in found
    ]


def _bring_up(store: Store, table: PlainTable, rows: Sequence[tuple[Any, ...]], now: str) -> int:
    """Write those of *rows* that are not in *table* so, drop what is over; return how many rows that were."""
    keys = len(table.key)
    told = ", ".join(table.columns[:-1])
    key_of = itemgetter(*range(keys))
    there = {key_of(row): row for row in store.query(f"SELECT {told} FROM {table.source}").rows}
    new = [(*row, now) for row in rows if there.pop(key_of(row), None) != row]
    over = [row[:keys] for row in there.values()]
    if new:
        store.put_rows(table, new)
    if over:
        store.drop_rows(table, over)
    return len(new) + len(over)
