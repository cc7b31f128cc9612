"""What others told this store: taken in whole or not at all, read, forgotten.

Rows of ``community_shares`` belong to ``<publisher>:<sequence>``, and count if ``community_publishers`` names that
sequence. So a new bundle is written beside the old one, becomes the one that counts by one row, and only then is the
old one deleted: killed anywhere between, the store shows one of the two, whole. What was left behind is never seen,
and goes with the next bundle.
"""

from __future__ import annotations

from typing import Any

import msgspec

from session_buddy.errors import NotFound
from session_buddy.learning.community.bundle import Bundle, decoded
from session_buddy.learning.community.checking import Verify, check_bundle, check_known, check_publisher
from session_buddy.learning.community.counts import Counts
from session_buddy.learning.community.noise import count_variance
from session_buddy.learning.community.pooling import Share
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = ["BundleTaken", "Publisher", "find_publisher", "forget", "read_publishers", "read_shares", "take"]

_PUBLISHERS, _SHARES = plain_table("community_publishers"), plain_table("community_shares")
_KNOWN = "SELECT DISTINCT skill_name FROM v_multimodal_skill_catalog"
_LAST = f"SELECT {_PUBLISHERS.selected} FROM {_PUBLISHERS.source} WHERE publisher = ?"
_KEYS = f"SELECT publisher, skill_name FROM {_SHARES.source} WHERE publisher >= ? AND publisher < ?"
_COUNTING = f"""
SELECT p.publisher, p.sequence, p.published_at, p.imported_at, p.min_users, p.epsilon, s.skill_name, s.total_users,
       s.total_invocations, s.completed_count, s.failed_count, s.avg_duration_seconds, s.most_common_workflow_phase
FROM (SELECT {", ".join(_PUBLISHERS.columns)} FROM {_PUBLISHERS.source}) p
JOIN (SELECT {", ".join(_SHARES.columns)} FROM {_SHARES.source}) s
    ON s.publisher = p.publisher || ':' || CAST(p.sequence AS TEXT)
ORDER BY p.publisher, s.skill_name
"""


class Publisher(msgspec.Struct, frozen=True, kw_only=True):
    """One whose bundles are taken in."""

    publisher: str
    """Its fingerprint."""
    sequence: int
    """Of the bundle that counts."""
    published_at: str
    imported_at: str
    min_users: int
    """No figure of it is of fewer."""
    epsilon: float | None
    """Of the noise in its counts; ``null`` without."""


class BundleTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an import."""

    publisher: str
    sequence: int
    skills: int
    new_publisher: bool


def take(
    store: Store,
    content: bytes,
    *,
    now: str,
    verify: Verify,
    trusted: str | None = None,
    own: str | None = None,
    unknown_skills: bool = False,
) -> BundleTaken:
    """Check the bundle in *content* and put it in the place of what its publisher told before.

    *trusted* is the fingerprint of a publisher whom a person trusts; it is needed the first time. *own* is that of
    this installation. Skills that are in no list here are refused unless *unknown_skills*. Raises
    :class:`InvalidInput`, which names the field, and then has stored nothing. Of several processes that take bundles
    of one publisher the newest counts in the end.
    """
    bundle = decoded(content)
    check_bundle(bundle, now=now, verify=verify)
    if not unknown_skills:
        check_known(bundle, {name for (name,) in store.query(_KNOWN).rows})
    while True:
        before = next(iter(store.query(_LAST, [bundle.publisher]).rows), None)
        check_publisher(bundle, last_sequence=before[1] if before else None, trusted=trusted, own=own)
        _put_cells(store, bundle)
        if store.swap_row(_PUBLISHERS, before, _row(bundle, now)):
            break
    _clean(store, bundle.publisher, bundle.sequence)
    return BundleTaken(
        publisher=bundle.publisher,
        sequence=bundle.sequence,
        skills=len(bundle.cells),
        new_publisher=before is None,
    )


def read_publishers(store: Store) -> list[Publisher]:
    """Return those whose bundles count, in the order of their fingerprints."""
    rows = store.query(f"SELECT {', '.join(_PUBLISHERS.columns)} FROM {_PUBLISHERS.source} ORDER BY publisher")
    return msgspec.convert(list(rows), list[Publisher])


def read_shares(store: Store) -> list[Share]:
    """Return what all publishers told, each as of its last bundle."""
    return [_share(row) for row in store.query(_COUNTING)]


def find_publisher(store: Store, text: str) -> Publisher:
    """Return the publisher whose fingerprint is *text*, or alone begins so; raises :class:`NotFound`."""
    known = read_publishers(store)
    found = [one for one in known if text and one.publisher.startswith(text)]
    if len(found) != 1:
        raise NotFound(
            f"{'Several publishers begin' if found else 'No publisher begins'} with {text!r}.",
            remedy="See 'session-buddy community publishers'.",
            suggestions=[one.publisher for one in found or known],
        )
    return found[0]


def forget(store: Store, publisher: str) -> None:
    """Delete all that *publisher* told, and that it was trusted."""
    # First what makes the rest count: killed in between, nothing of it is seen any more.
    store.drop_rows(_PUBLISHERS, [(publisher,)])
    _clean(store, publisher, None)


def _put_cells(store: Store, bundle: Bundle) -> None:
    label = _label(bundle)
    names = {cell.skill_name for cell in bundle.cells}
    # Of another bundle with the same number, which never came to count.
    left = [key for key in _keys(store, bundle.publisher) if key[0] == label and key[1] not in names]
    store.drop_rows(_SHARES, left)
    store.put_rows(
        _SHARES,
        [
            (
                label,
                cell.skill_name,
                cell.users,
                cell.invocations,
                cell.completed,
                cell.failed,
                cell.avg_duration_seconds,
                cell.workflow_phase.value if cell.workflow_phase else None,
            )
            for cell in bundle.cells
        ],
    )


def _clean(store: Store, publisher: str, counting: int | None) -> None:
    """Delete the cells of *publisher* from before the bundle that counts, or all; a newer one may be on its way."""
    old = [key for key in _keys(store, publisher) if counting is None or int(key[0].rpartition(":")[2]) < counting]
    store.drop_rows(_SHARES, old)


def _keys(store: Store, publisher: str) -> list[tuple[Any, ...]]:
    # The sign that follows the colon: between the two lies all that begins with the fingerprint and a colon.
    return store.query(_KEYS, [f"{publisher}:", f"{publisher};"]).rows


def _label(bundle: Bundle) -> str:
    return f"{bundle.publisher}:{bundle.sequence}"


def _row(bundle: Bundle, now: str) -> tuple[Any, ...]:
    epsilon = bundle.noise.epsilon if bundle.noise else None
    return (bundle.publisher, bundle.sequence, bundle.published_at, now, bundle.min_users, epsilon)


def _share(row: dict[str, Any]) -> Share:
    seconds, invocations, epsilon = row["avg_duration_seconds"], row["total_invocations"], row["epsilon"]
    counts = Counts(
        users=row["total_users"],
        invocations=invocations,
        completed=row["completed_count"],
        failed=row["failed_count"],
        # How many uses the mean is of was not told: as if it were all.
        duration_seconds=0.0 if seconds is None else seconds * invocations,
        timed=0 if seconds is None else invocations,
        noise_variance=0.0 if epsilon is None else count_variance(epsilon),
    )
    return Share(
        publisher=row["publisher"],
        skill=row["skill_name"],
        counts=counts,
        phase=row["most_common_workflow_phase"],
    )
