"""The recommender of a store: learned now and then, kept with its version, at hand without reading all uses again."""

from __future__ import annotations

import zlib
from collections.abc import Collection

import msgspec
import numpy as np

from session_buddy.learning.advising import Advisor, SkillRecord
from session_buddy.learning.choosing import DEFAULT, Candidate, Settings, choose, recommender_of
from session_buddy.learning.interactions import Interactions, Matrix
from session_buddy.learning.reading import Learnable, Mark, Unit, read_learnable
from session_buddy.learning.recommenders.contract import Recommender
from session_buddy.model import Kind
from session_buddy.storage import Store
from session_buddy.storage.learned import StoredModel, read_contents, read_model_version, write_model

__all__ = ["Kept", "advisor_of", "is_stale", "learn", "read_kept", "read_version"]

_NAME = "recommender"
_FORMAT = 3
_GROWTH = 1.1
"""With so many times the pairs that a choice was made from, it is made again."""
_USES = """
SELECT coalesce(sum(invocation_count), 0), coalesce(sum(completed_count), 0), coalesce(sum(failed_count), 0),
       coalesce(sum(duration_ms_sum), 0), coalesce(max(last_invoked_at), '') FROM skill_metrics
"""
_PHASES = "SELECT coalesce(sum(invocation_count), 0) FROM skill_phase_counts"
_DESCRIBED = "SELECT count(*), coalesce(max(updated_at), '') FROM skill_description FINAL"


_Seen = tuple[tuple[int, ...], str, str]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned at one time; enough to answer from."""

    version: int
    """Grows by one with each fit."""
    fitted_at: str
    chosen: Settings
    chosen_at: str
    chosen_from: int
    """How many pairs of user and skill there were by then."""
    candidates: list[Candidate]
    """What it was chosen from, the best first; empty where nothing could be held out."""
    learned: Learnable


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    seen: _Seen
    """What :func:`_seen` said just before."""
    read_at: str
    mark: Mark
    unit: Unit
    units: int
    skills: int
    pairs: int
    chosen: Settings
    chosen_at: str
    chosen_from: int
    candidates: list[Candidate]


class _Packed(msgspec.Struct, frozen=True, kw_only=True):
    """Arrays as little-endian bytes."""

    units: tuple[str, ...]
    skills: tuple[str, ...]
    texts: tuple[str, ...]
    facts: tuple[SkillRecord, ...]
    rates: bytes
    ends: bytes
    columns: bytes
    ages: bytes
    since: bytes


def learn(store: Store, kinds: Collection[Kind], *, now: str, is_choosing: bool = False) -> Kept:
    """Read what was used since the last time, fit the recommender to all of it, keep it, and return what is kept now.

    Which recommender foretells best what is taken up next is found out where there was no choice yet, or from fewer
    data by a tenth, and with *is_choosing* anyway: that takes many fits. The version before is replaced at once or not
    at all.
    """
    seen, before = _seen(store), read_kept(store)
    learned = read_learnable(store, kinds, now=now, earlier=before.learned if before else None)
    version, pairs = read_version(store) + 1, int(learned.data.used.nnz)
    if before is None or is_choosing or not _is_good_enough(before, learned):
        candidates = choose(learned.data)
        chosen = candidates[0].settings if candidates else DEFAULT
        kept = Kept(
            version=version, fitted_at=now, chosen=chosen, chosen_at=now, chosen_from=pairs, candidates=candidates,
            learned=learned,
        )  # fmt: skip
    else:
        kept = msgspec.structs.replace(before, version=version, fitted_at=now, learned=learned)
    units, skills = learned.data.used.shape
    details = _Details(
        format=_FORMAT,
        seen=seen,
        read_at=learned.read_at,
        mark=learned.mark,
        unit=learned.unit,
        units=int(units),
        skills=int(skills),
        pairs=pairs,
        chosen=kept.chosen,
        chosen_at=kept.chosen_at,
        chosen_from=kept.chosen_from,
        candidates=kept.candidates,
    )
    written = msgspec.json.encode(details).decode()
    write_model(store, StoredModel(_NAME, kept.version, kept.chosen.name, now, written, _packed(learned)))
    return kept


def _is_good_enough(before: Kept, learned: Learnable) -> bool:
    """Tell whether what was chosen *before* may stay."""
    is_grown = learned.data.used.nnz > before.chosen_from * _GROWTH
    return bool(before.candidates) and learned.unit is before.learned.unit and not is_grown


def read_version(store: Store) -> int:
    """Return the version that is kept, 0 where nothing was learned yet."""
    return read_model_version(store, _NAME)


def is_stale(store: Store) -> bool:
    """Tell whether nothing is kept that answers, or the store holds other uses than it was learned from."""
    found = read_contents(store, _NAME, _contents)
    return found is None or found[1] != _seen(store)


def read_kept(store: Store) -> Kept | None:
    """Return what was learned last.

    ``None`` where nothing was, another version of this program learned it, or it is damaged.
    """
    found = read_contents(store, _NAME, _contents)
    return found[0] if found else None


def advisor_of(kept: Kept, recommender: Recommender | None = None) -> Advisor:
    """Return what answers from *kept*, by the recommender chosen or another one.

    Fitting takes milliseconds for hundreds of skills, seconds for thousands.
    """
    learned = kept.learned
    return Advisor(learned.data, learned.facts, (recommender or recommender_of(kept.chosen)).fit(learned.data))


def _contents(model: StoredModel) -> tuple[Kept, _Seen] | None:
    """Return what *model* holds, and what there was; ``None`` where another version of this program wrote it."""
    details = _details(model.details)
    if details is None:
        return None
    kept = Kept(
        version=model.version,
        fitted_at=model.fitted_at,
        chosen=details.chosen,
        chosen_at=details.chosen_at,
        chosen_from=details.chosen_from,
        candidates=details.candidates,
        learned=_unpacked(details, model.data),
    )
    return kept, details.seen


def _details(text: str) -> _Details | None:
    """Return what is written of a model, ``None`` where another version of this program wrote it."""
    try:
        details = msgspec.json.decode(text, type=_Details)
    except msgspec.ValidationError:
        return None
    return details if details.format == _FORMAT else None


def _seen(store: Store) -> _Seen:
    """Return what changes with every use that is recorded, or says more of itself later, and every description."""
    ((uses, completed, failed, milliseconds, last),) = store.query(_USES).rows
    ((described, told),) = store.query(_DESCRIBED).rows
    ((phases,),) = store.query(_PHASES).rows
    return tuple(map(int, (uses, completed, failed, milliseconds, phases, described))), str(last), str(told)


def _packed(learned: Learnable) -> bytes:
    data = learned.data
    packed = _Packed(
        units=learned.units,
        skills=data.skills,
        texts=data.texts,
        facts=learned.facts,
        rates=data.rates.astype("<f8").tobytes(),
        ends=data.used.indptr.astype("<i8").tobytes(),
        columns=data.used.indices.astype("<i4").tobytes(),
        ages=data.ages.astype("<f8").tobytes(),
        since=data.since.astype("<f8").tobytes(),
    )
    return zlib.compress(msgspec.msgpack.encode(packed), 1)


def _unpacked(details: _Details, data: bytes) -> Learnable:
    packed = msgspec.msgpack.decode(zlib.decompress(data), type=_Packed)
    columns = np.frombuffer(packed.columns, "<i4")
    used = Matrix(
        (np.ones(len(columns), dtype=np.float32), columns, np.frombuffer(packed.ends, "<i8")),
        shape=(len(packed.units), len(packed.skills)),
    )
    ages, since, rates = (np.frombuffer(one, "<f8") for one in (packed.ages, packed.since, packed.rates))
    interactions = Interactions(packed.skills, used, ages, since, rates, packed.texts)
    return Learnable(details.unit, packed.units, interactions, packed.facts, details.read_at, details.mark)
