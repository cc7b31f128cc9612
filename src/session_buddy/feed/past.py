"""Deltas that were published, kept for a while, so that a subscriber who was away can be told what it missed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import msgspec

from session_buddy.feed.messages import AnomalyRow, InvocationRow, Position, SkillRow
from session_buddy.feed.topics import ALL, Topics, topics_of

__all__ = ["Message", "Past", "PastDelta"]

_encode = msgspec.json.Encoder().encode
_SECTIONS = ("skills", "invocations", "anomalies")
_BYTES_PER_ROW = 400
"""What the index of a kept delta costs in memory for each row, roughly."""


class Message:
    """A message as JSON. Its forms for a wire are made once, however many subscribers it goes to."""

    __slots__ = ("_forms", "position", "text")

    def __init__(self, text: bytes, position: Position | None = None) -> None:
        self.text = text
        self.position = position
        """How far the feed has been told to whoever has this message; None where it tells nothing of it."""
        self._forms: dict[Callable[[Message], bytes], bytes] = {}

    def form(self, framing: Callable[[Message], bytes]) -> bytes:
        """Return *framing* of this message, a pure function, called once."""
        made = self._forms.get(framing)
        if made is None:
            made = self._forms[framing] = framing(self)
        return made


class PastDelta:
    """A delta that was published: the message for those who hear everything, and where in it each row stands.

    The message for other topics is cut from it, so no row is encoded twice.
    """

    __slots__ = ("_head", "_places", "_position", "_rows", "whole")

    def __init__(
        self,
        position: Position,
        skills: Sequence[SkillRow],
        invocations: Sequence[InvocationRow],
        anomalies: Sequence[AnomalyRow],
        category_of: Callable[[str], str | None],
    ) -> None:
        self._position = position
        self._head = b'{"type":"delta","epoch":%b,"offset":%d' % (_encode(position.epoch), position.offset)
        self._rows: list[tuple[int, int, int]] = []
        """Section, start and end in the whole message."""
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        """By topic, the numbers of the rows it takes in, ascending."""
        pieces: list[bytes] = []
        length = len(self._head)
        everything: tuple[Sequence[SkillRow | InvocationRow | AnomalyRow], ...] = (skills, invocations, anomalies)
        for section, rows in enumerate(everything):
            pieces.append(b',"%b":[' % _SECTIONS[section].encode())
            length += len(pieces[-1])
            for row in rows:
                encoded = _encode(row)
                for topic in topics_of(row.skill_name, category_of(row.skill_name)):
                    self._places[topic].append(len(self._rows))
                self._rows.append((section, length, length + len(encoded)))
                pieces += (encoded, b",")
                length += len(encoded) + 1
            if rows:
                pieces.pop()
                length -= 1
            pieces.append(b"]")
            length += 1
        self.whole = Message(b"".join((self._head, *pieces, b"}")), position)

    @property
    def offset(self) -> int:
        """Its number in the feed."""
        return self._position.offset

    @property
    def topics(self) -> Iterator[str]:
        """The topics of which this delta tells something."""
        yield ALL
        yield from self._places

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes: its text, the form of it for a wire, the index."""
        return 2 * len(self.whole.text) + _BYTES_PER_ROW * len(self._rows)

    def message(self, topics: Topics) -> Message | None:
        """Return what it tells of *topics*; None where that is nothing."""
        if ALL in topics:
            return self.whole
        numbers = sorted({number for topic in topics for number in self._places.get(topic, ())})
        if not numbers:
            return None
        sections: tuple[list[bytes], ...] = ([], [], [])
        for number in numbers:
            section, start, end = self._rows[number]
            sections[section].append(self.whole.text[start:end])
        lists = (
            b',"%b":[%b]' % (name.encode(), b",".join(rows)) for name, rows in zip(_SECTIONS, sections, strict=True)
        )
        return Message(b"".join((self._head, *lists, b"}")), self._position)


class Past:
    """The latest deltas, at most *kept_deltas* of them and about *kept_bytes* in memory."""

    def __init__(self, *, kept_deltas: int, kept_bytes: int) -> None:
        self._kept_deltas, self._kept_bytes = kept_deltas, kept_bytes
        self._deltas: dict[int, PastDelta] = {}
        self._size = 0
        self._forgotten = 0
        """The offset of the last delta that is not kept any more."""

    @property
    def size_bytes(self) -> int:
        """About how much memory the deltas take."""
        return self._size

    def __len__(self) -> int:
        return len(self._deltas)

    def add(self, delta: PastDelta) -> None:
        """Keep *delta*, whose offset follows that of the last one; forget the oldest where it is too much."""
        self._deltas[delta.offset] = delta
        self._size += delta.size_bytes
        while len(self._deltas) > self._kept_deltas or (self._size > self._kept_bytes and len(self._deltas) > 1):
            oldest = self._deltas.pop(self._forgotten + 1)
            self._size -= oldest.size_bytes
            self._forgotten = oldest.offset

    def forget(self, up_to: int) -> None:
        """Forget everything: nothing up to the offset *up_to* can be told again."""
        self._deltas.clear()
        self._size, self._forgotten = 0, up_to

    def reaches_back_to(self, offset: int) -> bool:
        """Tell whether every delta after *offset* is there."""
        return offset >= self._forgotten

    def after(self, offset: int) -> Iterator[PastDelta]:
        """Yield the deltas after *offset*, oldest first."""
        number = offset + 1
        while (delta := self._deltas.get(number)) is not None:
            yield delta
            number += 1
