"""What leaves this machine: sums of at least so many users, under names that give nothing away, signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import groupby
from random import Random, SystemRandom
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.learning.community.baselines import least_users, read_baselines
from session_buddy.learning.community.bundle import Bundle, Cell, Noise, signed_bytes
from session_buddy.learning.community.checking import LEAST_USERS, is_name
from session_buddy.learning.community.counts import Baseline
from session_buddy.learning.community.keys import SigningKey
from session_buddy.learning.community.noise import (
    SKILLS_PER_USER,
    USES_PER_SKILL,
    Ends,
    NoisedCounts,
    noised_counts,
    require_epsilon,
)
from session_buddy.model import Kind, Phase
from session_buddy.storage import Store

__all__ = ["Choice", "Gathered", "gather", "signed"]

_USES = """
SELECT user_id, skill_name, invocation_count, completed_count, failed_count FROM user_skill_metrics ORDER BY user_id
"""
_MILLISECONDS = 3


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is published."""

    min_users: int | None = None
    """No skill of fewer users; ``None`` for the minimum of the store."""
    epsilon: float | None = None
    """With noise for this ε; ``None`` for exact sums."""
    only: Sequence[str] = ()
    """Only skills with names like one of these, as a shell matches files; all where there are none."""
    without: Sequence[str] = ()
    """No skills with names like one of these."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What would be published, and what would not."""

    cells: list[Cell]
    noise: Noise | None
    min_users: int
    too_few_users: int
    """So many skills have too few users."""
    not_fit: list[str]
    """Names that look like a path, an address or no name; they stay here."""


def gather(store: Store, choice: Choice, *, generator: Random | None = None) -> Gathered:
    """Return what the users of *store* did with each skill, an agent's built-in tools apart.

    In it are no rows, and no ids of users, sessions or projects. *generator* is what noise is drawn from: the
    system's secure one, unless a test gives another. Raises :class:`InvalidInput` for a minimum below that of the
    store, or below three: whatever a store is set to, one of two knows the other.
    """
    least = _least(store, choice.min_users)
    if choice.epsilon is not None:
        require_epsilon(choice.epsilon)
    wanted = [one for one in read_baselines(store) if one.kind is not Kind.TOOL and _is_wanted(one.skill, choice)]
    fit = [one for one in wanted if _is_fit(one.skill)]
    many = sorted((one for one in fit if one.counts.users >= least), key=lambda one: one.skill)
    noise, cells = None, [_cell(one) for one in many]
    if choice.epsilon is not None:
        noise = Noise(epsilon=choice.epsilon, skills_per_user=SKILLS_PER_USER, uses_per_skill=USES_PER_SKILL)
        cells = _noised_cells(store, many, choice.epsilon, least, generator or SystemRandom())
    return Gathered(
        cells=cells,
        noise=noise,
        min_users=least,
        too_few_users=len(fit) - len(many),
        not_fit=sorted(one.skill for one in wanted if not _is_fit(one.skill)),
    )


def signed(gathered: Gathered, key: SigningKey, *, now: str) -> Bundle:
    """Return the bundle that tells of what was *gathered*, signed with *key*, under a number of its own."""
    milliseconds = int(datetime.fromisoformat(now).timestamp() * 1000)
    bundle = Bundle(
        publisher=key.fingerprint,
        public_key=key.public_key.hex(),
        sequence=key.next_sequence(milliseconds),
        published_at=now,
        min_users=gathered.min_users,
        noise=gathered.noise,
        cells=gathered.cells,
        signature="",
    )
    return msgspec.structs.replace(bundle, signature=key.sign(signed_bytes(bundle)).hex())


def _least(store: Store, asked: int | None) -> int:
    least = max(least_users(store), LEAST_USERS)
    if asked is not None and asked < least:
        raise InvalidInput(
            "min_users",
            f"{asked} is below {least}.",
            remedy=f"Give {least} or more. The minimum of the store is its setting community_min_users; of fewer than"
            f" {LEAST_USERS} nothing leaves the machine.",
        )
    return asked or least


def _is_wanted(name: str, choice: Choice) -> bool:
    is_named = not choice.only or any(fnmatchcase(name, pattern) for pattern in choice.only)
    return is_named and not any(fnmatchcase(name, pattern) for pattern in choice.without)


def _is_fit(name: str) -> bool:
    """Tell whether a name looks like one, and not like a path or an address; a command may begin with a slash."""
    return is_name(name) and not any(sign in name[1:] for sign in "/\\@~")


def _cell(one: Baseline) -> Cell:
    seconds = one.counts.avg_duration_seconds
    return Cell(
        skill_name=one.skill,
        users=one.counts.users,
        invocations=one.counts.invocations,
        completed=one.counts.completed,
        failed=one.counts.failed,
        avg_duration_seconds=None if seconds is None else round(seconds, _MILLISECONDS),
        workflow_phase=Phase(one.phase) if one.phase else None,
    )


def _noised_cells(store: Store, many: Sequence[Baseline], epsilon: float, least: int, generator: Random) -> list[Cell]:
    names = [one.skill for one in many]
    counts = noised_counts(_by_user(store, set(names)), names, epsilon, generator, least_users=least)
    return [_noised_cell(name, counts[name]) for name in names]


def _noised_cell(name: str, counts: NoisedCounts) -> Cell:
    return Cell(
        skill_name=name,
        users=counts.users,
        invocations=counts.invocations,
        completed=counts.completed,
        failed=counts.failed,
        # Noise for these as well would leave less of what the others say.
        avg_duration_seconds=None,
        workflow_phase=None,
    )


def _by_user(store: Store, names: set[str]) -> Iterator[Mapping[str, Ends]]:
    """Yield what each user did with the skills of *names*, one user at a time."""
    rows = store.stream(_USES)
    next(rows)
    for _, group in groupby(rows, key=lambda row: row[0]):
        did = {row[1]: _ends(row) for row in group if row[1] in names}
        if did:
            yield did


def _ends(row: tuple[Any, ...]) -> Ends:
    _, _, invocations, completed, failed = row
    return Ends(completed, failed, invocations - completed - failed)
