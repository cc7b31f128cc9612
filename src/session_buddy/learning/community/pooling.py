"""What this store knows and what others told it, put together so that no figure of few users can be made out. Pure.

What is shown is shown beside what one user did, and whoever knows a part of a sum knows the rest. So:

* The part of this store in a skill counts only where, without any one of its users, still the minimum are left. Then
  what a user finds by taking out the own uses, which is done here for all, is never of fewer than the minimum.
* A part of too few users joins no sum: beside the other parts, each of which is shown, the sum would tell it.
* Shares of others count from the minimum of this store on, whatever minimum theirs had. Nobody here is among their
  users, as far as can be known.
* A share with noise that would blur the sum more than its uses sharpen it is shown, and not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from session_buddy.learning.community.comparing import estimate
from session_buddy.learning.community.counts import NOBODY, Baseline, Counts
from session_buddy.model import Kind

__all__ = ["HERE", "Part", "Pool", "Share", "is_shown", "percentiles", "pool"]

HERE = ""
"""Stands for this store where publishers are named; no publisher has that name."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one publisher told of one skill."""

    publisher: str
    skill: str
    counts: Counts
    phase: str | None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one source adds to a figure."""

    source: str
    """A publisher's fingerprint, or :data:`HERE`."""
    counts: Counts
    counted: bool = True
    """Whether it is in the sum; noise may be too much for that."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """One skill, as far as it may be shown."""

    skill: str
    kind: Kind | None
    """``None`` where nobody here has used it."""
    parts: list[Part]
    """What the community's figures are the sum of, and what is not counted; empty where all have too few users."""
    phase: str | None
    """The most common one where most of these uses were."""
    own: Counts | None
    """What the user asked for did, in this store; ``None`` for nothing."""
    others: Counts | None
    """The community without that user; ``None`` where it has too few users."""

    @property
    def community(self) -> Counts | None:
        """All parts that count together; ``None`` for none."""
        return sum((part.counts for part in self.parts if part.counted), NOBODY) if self.parts else None


def is_shown(users: int, least_users: int) -> bool:
    """Tell whether a figure of *users* of this store may be shown: whoever is one of them can take one out."""
    return users > least_users or users == least_users == 1


def pool(
    baselines: Iterable[Baseline], shares: Iterable[Share], own: Mapping[str, Counts], *, least_users: int
) -> list[Pool]:
    """Return every skill that there is anything to show of, the most used first."""
    here = {one.skill: one for one in baselines}
    told: dict[str, list[Share]] = {}
    for share in shares:
        if share.counts.users >= least_users:
            told.setdefault(share.skill, []).append(share)
    names = {name for name, one in here.items() if is_shown(one.counts.users, least_users)} | told.keys() | own.keys()
    found = [_pooled(name, here.get(name), told.get(name, []), own.get(name), least_users) for name in names]
    return sorted(found, key=lambda one: (-(one.community or NOBODY).invocations, one.skill))


def percentiles(rates: Sequence[float | None]) -> list[float | None]:
    """Return for each of *rates* how many of them are below, and half of those level with it, in percent.

    The mean percentile rank, 0-100, as ``effectiveness_percentile`` has it over all skills of a store.
    """
    known = sorted(rate for rate in rates if rate is not None)
    first: dict[float, int] = {}
    count: dict[float, int] = {}
    for place, rate in enumerate(known):
        first.setdefault(rate, place)
        count[rate] = count.get(rate, 0) + 1
    return [None if rate is None else 100 * (first[rate] + count[rate] / 2) / len(known) for rate in rates]


def _pooled(skill: str, here: Baseline | None, told: Sequence[Share], own: Counts | None, least_users: int) -> Pool:
    shown = here if here is not None and is_shown(here.counts.users, least_users) else None
    exact = shown.counts if shown else NOBODY
    parts = [Part(source=HERE, counts=shown.counts)] if shown else []
    parts += _counted(exact, told)
    counted = {part.source: part.counts for part in parts if part.counted}
    phases = [(shown.counts.invocations, shown.phase)] if shown else []
    phases += [(share.counts.invocations, share.phase) for share in told if share.publisher in counted]
    return Pool(
        skill=skill,
        kind=here.kind if here else None,
        parts=parts,
        phase=max(phases, key=lambda one: (one[1] is not None, one[0]))[1] if phases else None,
        own=own,
        others=sum(counted.values(), NOBODY).without(own if own and shown else NOBODY) if parts else None,
    )


def _counted(exact: Counts, told: Sequence[Share]) -> list[Part]:
    """Return *told* as parts that are to be added to *exact* counts, those with the least noise first."""
    parts, so_far = [], exact
    for share in sorted(told, key=lambda one: (one.counts.noise_variance, one.publisher)):
        counted = share.counts.noise_variance == 0 or _width(so_far + share.counts) < _width(so_far)
        # Of nothing but noise at least one is told.
        counted = counted or so_far == NOBODY
        parts.append(Part(source=share.publisher, counts=share.counts, counted=counted))
        so_far += share.counts if counted else NOBODY
    return parts


def _width(counts: Counts) -> float:
    found = estimate(counts)
    return found.high - found.low if found else 1.0
