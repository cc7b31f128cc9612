"""Which files the uses of skills touched: counted use by use where roll-ups cannot tell, and again where they changed.

``skill_trait_counts`` has how many uses have each trait. Of a skill that reads Python and Markdown it does not tell how
many uses did either, so its uses are counted; of a million that takes seconds, so it is remembered.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from session_buddy.catalog.modalities import Touched, are_counted_singly, file_traits, touched
from session_buddy.storage import Store
from session_buddy.storage.learned import StoredModel, read_model_details, write_model

__all__ = ["read_touched"]

_MODEL = "formats"
_AT_ONCE = 500
_USES = """
SELECT skill_name, traits, count(*) FROM skill_invocation
WHERE traits IS NOT NULL AND skill_name IN ({names}) GROUP BY skill_name, traits
"""


class _Counted(msgspec.Struct, frozen=True):
    state: str
    """A digest of how many uses had each trait when the uses were counted."""
    files: Touched


def read_touched(store: Store, traits: Mapping[str, Mapping[str, int]], *, now: str) -> dict[str, Touched]:
    """Return which files each skill touched, by its name.

    *traits*: how many uses of each skill have each trait, as of before. Skills of which these are the same as the last
    time are not counted again.
    """
    found: dict[str, Touched] = {}
    states: dict[str, str] = {}
    for skill, counts in traits.items():
        if are_counted_singly(counts):
            found[skill] = touched(((trait,), count) for trait, count in counts.items())
        else:
            states[skill] = _state(counts)
    version, kept = _read_kept(store)
    counted = {skill: one for skill, one in kept.items() if states.get(skill) == one.state}
    changed = sorted(states.keys() - counted.keys())
    for start in range(0, len(changed), _AT_ONCE):
        names = changed[start : start + _AT_ONCE]
        files = _counted(store, names)
        counted |= {skill: _Counted(states[skill], files.get(skill, touched(()))) for skill in names}
    if counted != kept:
        details = msgspec.json.encode(dict(sorted(counted.items()))).decode()
        write_model(store, StoredModel(_MODEL, version + 1, "counts", now, details))
    return found | {skill: one.files for skill, one in counted.items()}


def _counted(store: Store, skills: Sequence[str]) -> dict[str, Touched]:
    uses: dict[str, list[tuple[list[str], int]]] = defaultdict(list)
    for skill, traits, count in store.query(_USES.format(names=", ".join("?" * len(skills))), skills).rows:
        # Whoever writes SQL may have put anything into the array.
        told = [trait for trait in msgspec.json.decode(traits) if isinstance(trait, str)]
        uses[skill].append((told, int(count)))
    return {skill: touched(of_it) for skill, of_it in uses.items()}


def _state(counts: Mapping[str, int]) -> str:
    told = [(trait, counts[trait]) for trait in sorted(file_traits(counts))]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16]


def _read_kept(store: Store) -> tuple[int, dict[str, _Counted]]:
    """Return the version of what is remembered, and that; nothing where another version of the program wrote it."""
    row = read_model_details(store, _MODEL)
    if row is None:
        return 0, {}
    try:
        return row.version, msgspec.json.decode(row.details, type=dict[str, _Counted])
    except msgspec.DecodeError:
        return row.version, {}
