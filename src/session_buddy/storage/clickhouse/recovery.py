"""After a server died within an insert: what it may have left, and putting it right.

A batch that is sent again under its token counts once, in every roll-up, as long as the server lives. When it
dies, what it remembers of tokens and what it stored may differ, in tables without replicas: a token is noted
before its rows are moved into place, so that a server killed in between takes for stored what is not; and the
note is not flushed, so that after a power cut rows may be there whose token is forgotten. Replicated tables
commit both in one step. Of any table, only the newest tokens are remembered.

So every batch that is not finished then is entered into the event log once more, where repetition is harmless, and
the roll-ups are compared with a recount. Other processes must not count meanwhile: a row in ``unfinished_batch``
keeps them waiting. It stays until the recount is whole, so that one that was killed is done again. Of several
that would recount, one does (:mod:`~session_buddy.storage.clickhouse.recount_lock`).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec

from session_buddy.errors import StoreAway
from session_buddy.storage.clickhouse import event_log, lookup
from session_buddy.storage.clickhouse.changes import Edge
from session_buddy.storage.clickhouse.cluster_client import ClusterClient
from session_buddy.storage.clickhouse.columns import CHANGE_TYPES
from session_buddy.storage.clickhouse.literals import literal
from session_buddy.storage.clickhouse.recount_lock import (
    BeingRecounted,
    Guarded,
    exclusive,
    is_held,
    require,
    signs_of_life,
)
from session_buddy.storage.clickhouse.spans import recount_spans

__all__ = [
    "Begun",
    "BeingRecounted",
    "Standing",
    "forget_old",
    "found_unfinished",
    "is_left_behind",
    "may_have_forgotten",
    "outlast_stragglers",
    "recounting",
    "standing",
    "take_in",
    "was_told_otherwise",
]

_SLACK_SECONDS = 2
"""Clocks of whole seconds on both sides of a comparison."""
_BATCHES_REMEMBERED = 40
"""Tables know a thousand tokens, in each of a batch's months; this is far below."""
_GRACE_SECONDS = 1.0
"""No writer takes so long between asking whether somebody recounts and the insert that follows; and a server that
hung has done what it was sent before."""
_INSERTS_SECONDS = 600.0
"""How long inserts that run already are waited for."""
_KEPT_SECONDS = 7 * 86_400
_STRAGGLER_SECONDS = 86_400
"""What was begun may be begun once more, by a server that hung, so much later at most."""
_RECOUNT = "recount-"
"""Begins the tokens of recounts, and of nothing else: tokens of batches are hexadecimal."""
_ONLY_FOR_ROLL_UPS = {"sign", *Edge.__struct_fields__}
_KNOWN_AGAIN = """
INSERT INTO invocation_known SELECT DISTINCT toDate(i.invoked_at), cityHash64(i.event_id), i.invoked_at
FROM invocation_log AS i
WHERE i.version BETWEEN {first} AND {last} AND toDate(i.invoked_at) BETWEEN toDate({day}) AND toDate({last_day})
"""


class Begun(msgspec.Struct):
    """A batch that is to be written whole before all else."""

    contents: event_log.Contents
    moment: float
    """When it was begun, on the monotonic clock of this process."""
    packed: bytes = b""
    is_put_down: bool = False
    """Whether the server is known to have put it down: nothing of it may be sent before."""
    was_tried: bool = False
    """Whether it was to be written before, and failed: others may have written since it was planned."""
    was_sent: bool = False
    """Whether a part of it may have arrived already."""
    recounts: int = 0
    """Those known when it was planned: see :class:`Standing`."""
    is_stale: bool = False
    """Whether it was dropped unsent, as roll-ups were recounted since it was planned."""


class Standing(msgspec.Struct, frozen=True):
    """What the store says, in one answer, of a batch and of recounts."""

    is_recounted: bool
    """Whether roll-ups are being recounted, or were and never to the end."""
    is_done: bool
    """Whether the batch is finished: by its sender, by another that found it, or by a recount."""
    recounts: int
    """Another number after each beginning of a recount: what was looked up before it is worth nothing after it."""


def standing(client: Any, token: str = "") -> Standing:
    """Return how the batch *token* stands, and whether the roll-ups do."""
    rows = client.query(
        f"SELECT countIf(startsWith(u.token, '{_RECOUNT}') AND u.done = 0) > 0,"
        f" countIf(u.token = {literal(token)} AND u.done = 1) > 0,"
        f" groupBitXorIf(cityHash64(u.token), startsWith(u.token, '{_RECOUNT}'))"
        " FROM unfinished_batch AS u FINAL"
        f" WHERE startsWith(u.token, '{_RECOUNT}') OR u.token = {literal(token)}"
    ).result_rows
    is_recounted, is_done, recounts = rows[0]
    return Standing(bool(is_recounted), bool(is_done), recounts)


def found_unfinished(client: Any) -> list[Begun]:
    """Return what another process began and did not end, oldest first."""
    now = time.monotonic()
    return [
        Begun(contents, now - age_seconds, is_put_down=True, was_tried=True, was_sent=True)
        for contents, age_seconds in event_log.unfinished(client)
    ]


def may_have_forgotten(client: Any, begun: Begun) -> bool:
    """Tell whether the server may not know any more what it has of *begun*.

    That is so if it may have died since, and has no replicas, or if so much was inserted since that it forgot.
    """
    age_seconds = int(time.monotonic() - begun.moment) + _SLACK_SECONDS
    if age_seconds > _KEPT_SECONDS:
        return True  # of what came since, not all is known any more
    ((uptime_seconds, replicated, batches),) = client.query(
        "SELECT toInt64(uptime()), (SELECT count() FROM system.tables WHERE database = currentDatabase()"
        " AND engine LIKE 'Replicated%'), (SELECT uniqExact(u.token) FROM unfinished_batch AS u"
        f" WHERE u.begun_at >= now() - {age_seconds})"
    ).result_rows
    return batches > _BATCHES_REMEMBERED or (not replicated and uptime_seconds <= age_seconds)


def was_told_otherwise(client: Any, contents: event_log.Contents) -> bool:
    """Tell whether events that *contents* count as new were told by somebody else meanwhile.

    Then they are counted already, and *contents*, which may have arrived in part, would count them again.
    """
    columns = contents.columns
    return len(_first_told_here(client, columns)) < len(_came(columns))


def take_in(client: Any) -> None:
    """Finish all batches that anybody began, past the roll-ups, which the caller recounts.

    Tables that were counted again have forgotten tokens, so nobody may send any of them once more.
    """
    for contents, _ in event_log.unfinished(client):
        _enter_again(client, contents)
        event_log.deliver_rest(client, contents)
        event_log.end(client, contents.token)


def forget_old(client: Any, *, contents_seconds: int = _KEPT_SECONDS) -> None:
    """Delete what finished batches held, where they began that long ago, and later that they were.

    In this order, each on all replicas: a token that lost only the row that says it is done would be sent again.
    """
    tokens_seconds = _KEPT_SECONDS + _STRAGGLER_SECONDS
    ((now, old_contents, old_tokens),) = client.query(
        f"SELECT toInt64(now()), countIf(u.done = 0 AND u.begun_at <= now() - {contents_seconds}),"
        f" countIf(u.done = 1 AND u.begun_at <= now() - {tokens_seconds}) FROM unfinished_batch AS u"
    ).result_rows
    if old_contents:
        unfinished = "SELECT u.token FROM unfinished_batch AS u FINAL WHERE u.done = 0"
        kept = ", ".join(["''", *(literal(token) for (token,) in client.query(unfinished).result_rows)])
        _delete(client, f"done = 0 AND begun_at <= toDateTime({now - contents_seconds}) AND token NOT IN ({kept})")
    if old_tokens:
        _delete(client, f"done = 1 AND begun_at <= toDateTime({now - tokens_seconds})")


def _delete(client: Any, condition: str) -> None:
    client.command(f"ALTER TABLE unfinished_batch DELETE WHERE {condition}", settings={"mutations_sync": 2})


def _enter_again(client: Any, contents: event_log.Contents) -> None:
    """Enter the events of *contents* into the event log, past the roll-ups: a state that is there stays one state.

    What others told of meanwhile stays as they told it.
    """
    columns = contents.columns
    came = _first_told_here(client, columns)
    if not came:
        return
    names = [name for name in columns if name not in _ONLY_FOR_ROLL_UPS]
    client.insert(
        "invocation_log",
        [[columns[name][place] for place in came] for name in names],
        column_names=names,
        column_type_names=[CHANGE_TYPES[name] for name in names],
        column_oriented=True,
        settings=_never_sent_before(),
    )
    versions, moments = columns["version"], columns["invoked_at"]
    client.command(
        _KNOWN_AGAIN.format(
            first=min(versions), last=max(versions), day=min(moments) // 1000, last_day=max(moments) // 1000
        ),
        settings=_never_sent_before(),
    )


def _came(columns: dict[str, list[Any]]) -> list[int]:
    """Return the places of the rows that brought a state."""
    return [place for place, sign in enumerate(columns.get("sign", ())) if sign > 0]


def _first_told_here(client: Any, columns: dict[str, list[Any]]) -> list[int]:
    """Return those of them whose event is unknown, or known since the telling that the row says."""
    came = _came(columns)
    identifiers, versions = columns.get("event_id", []), columns.get("first_version", [])
    known = lookup.first_versions(client, [identifiers[place] for place in came], columns.get("invoked_at", ()))
    return [place for place in came if known.get(identifiers[place], versions[place]) == versions[place]]


def outlast_stragglers(client: Any, contents: event_log.Contents) -> None:
    """Recount the spans once more, after what a server that hung did late of the first sending.

    Everything else of a batch bears repetition in any order; these are deleted and inserted.
    """
    if contents.renamed:
        time.sleep(_GRACE_SECONDS)
        recount_spans(client, contents.renamed)


def is_left_behind(client: Any, *, alone: bool) -> bool:
    """Tell whether a recount was begun that nobody ends any more; *alone*: no other process can be at it."""
    return (alone or not is_held(client)) and bool(_recounts(client))


@contextmanager
def recounting(client: Any, *, alone: bool, open_client: Callable[[], Any]) -> Iterator[Any]:
    """Keep other processes from counting for the length of the block; if it fails, until another one succeeds.

    Yields the client to recount with. Raises :class:`BeingRecounted` where another process recounts.
    """
    token = f"{_RECOUNT}{uuid.uuid4().hex}"
    with ExitStack() as held:
        if not alone:
            held.enter_context(exclusive(client, token))
        event_log.begin(client, token, b"")
        if not alone:
            held.enter_context(signs_of_life(open_client, token))
            _wait_for_others(client)
            require(client, token)
        if isinstance(client, ClusterClient):
            client.catch_up("unfinished_batch")  # with what was begun over other nodes
        yield client if alone else Guarded(client, token)
        if not alone:
            require(client, token)
        # Who recounts has the lock: those of others have no one any more, and are done herewith.
        for found in _recounts(client):
            event_log.end(client, found)


def _recounts(client: Any) -> list[str]:
    """Return the tokens of the recounts that are not ended."""
    rows = client.query(
        f"SELECT u.token FROM unfinished_batch AS u FINAL WHERE u.done = 0 AND startsWith(u.token, '{_RECOUNT}')"
    ).result_rows
    return [token for (token,) in rows]


def _wait_for_others(client: Any) -> None:
    """Return when the inserts are through that began before the recount was known."""
    deadline = time.monotonic() + _INSERTS_SECONDS
    time.sleep(_GRACE_SECONDS)
    running = (
        "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND current_database = currentDatabase()"
    )
    while client.query(running).result_rows != [(0,)]:
        if time.monotonic() > deadline:
            raise StoreAway("An insert into this store does not end.", remedy="See the server's list of processes.")
        time.sleep(_GRACE_SECONDS)


def _never_sent_before() -> dict[str, str]:
    return {"insert_deduplication_token": uuid.uuid4().hex}
