"""What the store holds already of events that are told: the events themselves, their sessions and their users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from operator import attrgetter, itemgetter
from tempfile import NamedTemporaryFile
from typing import Any

import msgspec

from session_buddy.model import Invocation
from session_buddy.storage.clickhouse.changes import Present
from session_buddy.storage.clickhouse.columns import event_columns, from_row, state_columns
from session_buddy.storage.clickhouse.literals import dates, literal, set_of_moments, set_of_texts

__all__ = ["first_versions", "present"]

_DAY = itemgetter(slice(10))
"""Takes the day out of a time."""


def present(client: Any, batch: Sequence[Invocation]) -> Present:
    """Look up what the store holds of *batch*: its events (by id, a day around theirs), sessions and users.

    While the engine looks, the batch is taken apart into columns.
    """
    found = Present()
    if not batch:
        return found
    with ThreadPoolExecutor(1) as pool:
        looked_up = pool.submit(_enter_events, client, batch, found)
        found.columns = state_columns(batch)
        looked_up.result()
    sessions = set(found.columns["session_id"].values)
    sessions |= {state.session_id for state in found.events.values()}
    for session, skill, count in client.query(
        "SELECT r.session_id, toString(r.skill_name), sum(r.invocation_count) AS n FROM roll_session_skill AS r"
        f" WHERE r.session_id IN {set_of_texts(sessions)} GROUP BY r.session_id, r.skill_name HAVING n > 0"
        " ORDER BY r.session_id, r.skill_name"
    ).result_rows:
        found.sessions.setdefault(session, {})[skill] = count
    users = set(found.columns["user_id"].values) | {state.user_id for state in found.events.values()}
    for user, skill, count in client.query(
        "SELECT r.user_id, toString(r.skill_name), sum(r.invocation_count) AS n FROM roll_user_skill AS r"
        f" WHERE r.user_id IN {set_of_texts(users)} GROUP BY r.user_id, r.skill_name HAVING n > 0"
    ).result_rows:
        found.users.setdefault(user, {})[skill] = count
    return found


def first_versions(client: Any, identifiers: Sequence[str], moments: Iterable[int]) -> dict[str, int]:
    """Return the version of the first telling of each known event, by id, looked for around *moments* (ms)."""
    days = {str(datetime.fromtimestamp(day * 86_400, UTC).date()) for day in {at // 86_400_000 for at in moments}}
    return dict(_rows_of(client, identifiers, days, "event_id, first_version"))


def _enter_events(client: Any, batch: Sequence[Invocation], found: Present) -> None:
    """Enter into *found* the events of *batch* that are known."""
    days = set(map(_DAY, map(attrgetter("invoked_at"), batch)))
    identifiers = list(map(attrgetter("event_id"), batch))
    for first_version, version, *row in _rows_of(
        client, identifiers, days, f"first_version, version, {event_columns()}"
    ):
        state = from_row(row)
        found.events[state.event_id] = state
        found.first_versions[state.event_id] = first_version
        found.newest_version = max(found.newest_version, version)


def _rows_of(client: Any, identifiers: Sequence[str], days: set[str], selected: str) -> Sequence[Any]:
    """Return what is *selected* of the events of these ids that are known within a day around *days*."""
    with _asked_for(client, identifiers) as asked:
        known = client.query(
            "SELECT DISTINCT toUnixTimestamp64Milli(k.invoked_at) FROM invocation_known AS k"
            f" WHERE k.day IN {_around(days)} AND k.event_key IN (SELECT cityHash64(a.id) FROM {asked} AS a)"
        ).result_rows
        if not known:
            return ()
        rows: Sequence[Any] = client.query(
            f"SELECT {selected} FROM invocation_log FINAL"
            f" WHERE invoked_at IN {set_of_moments(moment for (moment,) in known)}"
            f" AND event_id IN (SELECT a.id FROM {asked} AS a)"
        ).result_rows
        return rows


@contextmanager
def _asked_for(client: Any, identifiers: Sequence[str]) -> Iterator[str]:
    """Yield where in SQL *identifiers* can be read from, as a column ``id``.

    The engine in this process reads a file, which is quicker than a long statement; a server gets them in its text.
    """
    table = msgspec.json.encode([identifiers])
    if client.uri.startswith("chdb:"):
        with NamedTemporaryFile(suffix=".json") as file:
            file.write(table)
            file.flush()
            yield f"file({literal(file.name)}, JSONCompactColumns, 'id String')"
    else:
        yield f"(SELECT arrayJoin(JSONExtract({literal(table.decode())}, 1, 'Array(String)')) AS id)"


def _around(days: set[str]) -> str:
    """Return *days* with the day before and after each, as a list of dates in SQL."""
    told = {datetime.fromisoformat(day).replace(tzinfo=UTC).date() for day in days}
    return dates({str(date + timedelta(days=shift)) for date in told for shift in (-1, 0, 1)})
