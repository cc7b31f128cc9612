"""Uses as columns: which session used what when; as bytes and back. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.catalog.dependencies.order import OrderCounts

__all__ = ["Names", "Uses", "milliseconds", "packed", "part_of_call", "stable_order", "unpacked"]

_LAST_PART = 2**15 - 1

Ints = NDArray[np.int64]


class Names:
    """Texts by number: whoever comes first gets the lowest."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.numbers: dict[str, int] = {}
        self.of(texts)

    def of(self, texts: Iterable[str]) -> Ints:
        """Return the numbers of *texts*; new ones get one."""
        numbers = self.numbers
        return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)

    @property
    def places(self) -> Ints:
        """The place of each text in the alphabet."""
        texts = self.texts
        found = np.empty(len(texts), dtype=np.int64)
        found[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
        return found

    @property
    def texts(self) -> list[str]:
        """All texts, in the order of their numbers."""
        return list(self.numbers)


class Uses(NamedTuple):
    """Uses of skills, session by session and in the order of time within each, by numbers of sessions and skills."""

    sessions: Ints
    skills: Ints
    moments: Ints
    """Milliseconds."""

    @classmethod
    def of(cls, sessions: Ints, skills: Ints, moments: Ints, parts: Ints, *, places: Ints) -> Uses:
        """Return uses, given in any order.

        Of those at one moment, *parts* of one call come as they are numbered, all else by the *places* of skills in
        the alphabet: nobody knows, but it is the same whenever and wherever it is asked.
        """
        order = np.lexsort((places[skills], parts, moments, sessions))
        return cls(sessions[order], skills[order], moments[order])

    @classmethod
    def none(cls) -> Uses:
        """Return no uses."""
        return cls(*(np.zeros(0, dtype=np.int64) for _ in range(3)))

    def followed_by(self, later: Uses) -> Uses:
        """Return these uses and *later* ones, all of which came after."""
        if not len(self.sessions):
            return later
        # Each behind those of its session: a few among many need no sorting of all.
        places = np.searchsorted(self.sessions, later.sessions, side="right")
        return Uses(*(np.insert(column, places, more) for column, more in zip(self, later, strict=True)))

    def since(self, moment: int) -> Uses:
        """Return those at *moment* or after."""
        wanted = self.moments >= moment
        return self if wanted.all() else Uses(*(column[wanted] for column in self))

    def before(self, moment: int) -> Uses:
        """Return those before *moment*."""
        wanted = self.moments < moment
        return self if wanted.all() else Uses(*(column[wanted] for column in self))


class _Packed(msgspec.Struct, frozen=True, kw_only=True):
    """Columns as little-endian bytes, times as differences."""

    skill_names: list[str]
    session_ids: list[str]
    sessions: bytes
    skills: bytes
    moments: bytes
    keys: bytes
    counts: bytes


def stable_order(values: Ints) -> Ints:
    """Return the places of *values*, whole numbers from 0 on, in their order; level ones in the order of places.

    As ``argsort`` does it, several times as fast: value and place are sorted as one number.
    """
    bits = len(values).bit_length()
    if int(values.max(initial=0)).bit_length() + bits > 63:
        return np.argsort(values, kind="stable")
    found: Ints = np.sort((values << bits) + np.arange(len(values))) & ((1 << bits) - 1)
    return found


def milliseconds(moments: Sequence[str]) -> Ints:
    """Return times in the canonical form of :mod:`session_buddy.model` as milliseconds.

    >>> milliseconds(["1970-01-01T00:00:01.500Z"]).tolist()
    [1500]
    """
    return np.array([moment[:-1] for moment in moments], dtype="datetime64[ms]").astype(np.int64)


def part_of_call(event_id: str | None) -> int:
    """Return which of the commands of one call *event_id* is; the last of them has the id of the call itself.

    >>> part_of_call("toolu_1#2"), part_of_call("toolu_1#3") < part_of_call("toolu_1"), part_of_call(None)
    (2, True, 32767)
    """
    number = (event_id or "").rpartition("#")[2]
    is_numbered = event_id is not None and "#" in event_id and number.isascii() and number.isdigit()
    return min(int(number[:6]), _LAST_PART) if is_numbered else _LAST_PART


def packed(skill_names: list[str], session_ids: list[str], uses: Uses, orders: OrderCounts) -> bytes:
    """Return all of it as bytes; sessions without uses are left out."""
    there, numbers = np.unique(uses.sessions, return_inverse=True)
    kept = _Packed(
        skill_names=skill_names,
        session_ids=[session_ids[number] for number in there.tolist()],
        sessions=numbers.astype("<i4").tobytes(),
        skills=uses.skills.astype("<i4").tobytes(),
        moments=np.diff(uses.moments, prepend=0).astype("<i8").tobytes(),
        keys=np.diff(orders.keys, prepend=0).astype("<i8").tobytes(),
        counts=orders.counts.astype("<i8").tobytes(),
    )
    return zlib.compress(msgspec.msgpack.encode(kept), 1)


def unpacked(data: bytes) -> tuple[Names, Names, Uses, OrderCounts]:
    """Return what :func:`packed` was given: names of skills, ids of sessions, uses and orders."""
    kept = msgspec.msgpack.decode(zlib.decompress(data), type=_Packed)
    sessions, skills = (np.frombuffer(column, "<i4").astype(np.int64) for column in (kept.sessions, kept.skills))
    moments, keys = (np.cumsum(np.frombuffer(column, "<i8")) for column in (kept.moments, kept.keys))
    orders = OrderCounts(keys, np.frombuffer(kept.counts, "<i8").astype(np.int64))
    return Names(kept.skill_names), Names(kept.session_ids), Uses(sessions, skills, moments), orders
