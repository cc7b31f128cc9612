"""Whether a bundle is what it says it is, and whether what it says can be. Pure.

Every refusal names the field. What is refused is refused whole: nothing of it is stored.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from session_buddy.errors import InvalidInput
from session_buddy.formats import date, plural, printable
from session_buddy.learning.community.bundle import Bundle, Cell, signed_bytes
from session_buddy.learning.community.noise import SKILLS_PER_USER, USES_PER_SKILL, require_epsilon
from session_buddy.model import parse_time

__all__ = [
    "LEAST_USERS",
    "LONGEST_NAME",
    "Verify",
    "check_bundle",
    "check_known",
    "check_publisher",
    "fingerprint_of",
    "is_name",
]

LEAST_USERS = 3
"""Of fewer nothing is shared, whatever a store is set to: one of two knows the other."""
LONGEST_NAME = 200
_MOST_CELLS = 20_000
_MOST_USERS = 1_000_000
_MOST_USES_OF_A_USER = 100_000
_LONGEST_SECONDS = 30 * 86_400.0
_MOST_SEQUENCE = 2**53
"""Beyond it some readers of JSON lose digits."""
_AHEAD = timedelta(minutes=5)
"""So much clocks may differ."""
_HEX_32 = re.compile(r"[0-9a-f]{64}")
_HEX_64 = re.compile(r"[0-9a-f]{128}")
_REFUSED = "Nothing of it was stored. Ask the publisher for another."
Verify = Callable[[bytes, bytes, bytes], bool]
"""Given a public key, a signature and what was signed: whether they go together."""


def fingerprint_of(public_key: bytes) -> str:
    """Return by what a publisher is known: the SHA-256 of its public key, in hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()


def is_name(text: str) -> bool:
    """Tell whether *text* can be the name of a skill in a bundle: one line, printable, of one spelling, not too long.

    >>> is_name("pytest-run"), is_name(" a"), is_name("")
    (True, False, False)
    """
    return (
        0 < len(text) <= LONGEST_NAME
        and text == text.strip()
        and text.isprintable()
        and unicodedata.is_normalized("NFC", text)
    )


def check_bundle(bundle: Bundle, *, now: str, verify: Verify) -> None:
    """Raise :class:`InvalidInput` unless *bundle* is signed by its publisher, and every figure of it is possible."""
    _check_signature(bundle, verify)
    _check_head(bundle, now)
    names: set[str] = set()
    for place, cell in enumerate(bundle.cells):
        _check_cell(f"cells[{place}]", cell, bundle)
        if cell.skill_name in names:
            raise _refusal(f"cells[{place}].skill_name", f"{cell.skill_name!r} is there twice.")
        names.add(cell.skill_name)


def check_publisher(bundle: Bundle, *, last_sequence: int | None, trusted: str | None, own: str | None) -> None:
    """Raise :class:`InvalidInput` unless the publisher of *bundle* is trusted and this is its newest bundle.

    *last_sequence* is that of the last bundle taken from it, ``None`` for a publisher of whom there is none: then
    *trusted*, which a person gave, must be its fingerprint. *own* is the fingerprint of this installation.
    """
    if bundle.publisher == own:
        raise InvalidInput(
            "publisher",
            "this is a bundle of your own, whose users are counted already.",
            remedy="Import those of others.",
        )
    if trusted is not None and trusted != bundle.publisher:
        raise InvalidInput(
            "publisher",
            f"{bundle.publisher} signed it, not {printable(trusted[:80])}.",
            remedy="Ask the publisher what 'session-buddy community key' shows there.",
        )
    if last_sequence is None and trusted is None:
        raise InvalidInput(
            "publisher",
            f"nothing was imported yet from {bundle.publisher}.",
            remedy="If that is what 'session-buddy community key' shows at the publisher's, import it with"
            f" --trust {bundle.publisher}",
        )
    if last_sequence is not None and bundle.sequence <= last_sequence:
        raise InvalidInput(
            "sequence",
            f"{bundle.sequence} is not above {last_sequence}, of the bundle that is there already.",
            remedy="Ask the publisher for a new one.",
        )


def check_known(bundle: Bundle, known: Collection[str]) -> None:
    """Raise :class:`InvalidInput` where *bundle* tells of skills that are not among the *known* ones."""
    unknown = [(place, cell.skill_name) for place, cell in enumerate(bundle.cells) if cell.skill_name not in known]
    if unknown:
        shown = ", ".join(printable(name[:40]) for _, name in unknown[:5])
        raise InvalidInput(
            f"cells[{unknown[0][0]}].skill_name",
            f"{plural(len(unknown), 'skill')} of it are in no list here: {shown}{' …' if len(unknown) > 5 else ''}"
            if len(unknown) > 1
            else f"{shown} is in no list here.",
            remedy="Nothing of it was stored. To take such names as well, import it with --unknown-skills.",
        )


def _check_signature(bundle: Bundle, verify: Verify) -> None:
    if not _HEX_32.fullmatch(bundle.public_key):
        raise _refusal("public_key", "is no Ed25519 key in hexadecimal.")
    key = bytes.fromhex(bundle.public_key)
    if bundle.publisher != fingerprint_of(key):
        raise _refusal("publisher", "is not the fingerprint of the public key.")
    if not _HEX_64.fullmatch(bundle.signature):
        raise _refusal("signature", "is no Ed25519 signature in hexadecimal.")
    if not verify(key, bytes.fromhex(bundle.signature), signed_bytes(bundle)):
        raise _refusal("signature", "does not fit: the bundle was changed, or signed with another key.")


def _check_head(bundle: Bundle, now: str) -> None:
    if not 1 <= bundle.sequence <= _MOST_SEQUENCE:
        raise _refusal("sequence", f"{bundle.sequence} is not from 1 to 2^53.")
    if parse_time(bundle.published_at, field="published_at") != bundle.published_at:
        raise _refusal("published_at", "is not written as '2026-01-31T09:30:00.000Z'.")
    if datetime.fromisoformat(bundle.published_at) > datetime.fromisoformat(now) + _AHEAD:
        raise _refusal("published_at", f"{date(bundle.published_at)} is in the future.")
    if not LEAST_USERS <= bundle.min_users <= _MOST_USERS:
        raise _refusal("min_users", f"{bundle.min_users} is not {LEAST_USERS} or more.")
    if len(bundle.cells) > _MOST_CELLS:
        raise _refusal("cells", f"are more than {_MOST_CELLS:,}.")
    if bundle.noise is not None:
        require_epsilon(bundle.noise.epsilon)
        if (bundle.noise.skills_per_user, bundle.noise.uses_per_skill) != (SKILLS_PER_USER, USES_PER_SKILL):
            raise _refusal("noise", "is of other bounds than this version puts to a user.")


def _check_cell(place: str, cell: Cell, bundle: Bundle) -> None:
    if not is_name(cell.skill_name):
        raise _refusal(f"{place}.skill_name", f"is no name: one line of at most {LONGEST_NAME} characters.")
    if not bundle.min_users <= cell.users <= _MOST_USERS:
        raise _refusal(f"{place}.users", f"{cell.users} is not from {bundle.min_users} to {_MOST_USERS:,}.")
    if not cell.users <= cell.invocations <= cell.users * _MOST_USES_OF_A_USER:
        raise _refusal(
            f"{place}.invocations",
            f"{cell.invocations} is not from 1 to {_MOST_USES_OF_A_USER:,} for each of {cell.users} users.",
        )
    for field, count in (("completed", cell.completed), ("failed", cell.failed)):
        if not 0 <= count <= cell.invocations:
            raise _refusal(f"{place}.{field}", f"{count} is not from 0 to {cell.invocations}, the invocations.")
    if cell.completed + cell.failed > cell.invocations:
        raise _refusal(f"{place}.failed", "is more, with completed, than there are invocations.")
    # Said so that what is no number is refused as well.
    seconds = cell.avg_duration_seconds
    if seconds is not None and not 0 <= seconds <= _LONGEST_SECONDS:
        raise _refusal(f"{place}.avg_duration_seconds", f"{seconds} is not from 0 to {_LONGEST_SECONDS:.0f}.")
    if bundle.noise is not None and not (seconds is None and cell.workflow_phase is None):
        raise _refusal(place, "has a duration or a phase, which bundles with noise have not.")


def _refusal(field: str, problem: str) -> InvalidInput:
    return InvalidInput(field, problem, remedy=_REFUSED)
