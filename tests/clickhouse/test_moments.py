"""Questions for some days read those days of the log, though its view tells moments as text."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from session_buddy.model import Outcome
from session_buddy.storage import Store, open_store
from session_buddy.storage.clickhouse.connection import open_client, parse_url
from tests.clickhouse.places import drop, new_database
from tests.making import NOW, invocation, shifted

pytest.importorskip("chdb", reason="the extra 'clickhouse' is not installed")

MONTHS = 4


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """A store with a use in each of some months, and so a part of the log for each; all of them are merged."""
    url = new_database()
    address = parse_url(url)
    with open_store(url) as opened:
        for month in range(MONTHS):
            outcome = Outcome.FAILED if month else None
            opened.record([invocation(f"e{month}", invoked_at=shifted(NOW, days=-31 * month), outcome=outcome)])
        # Told again: the log has two states of it until they are merged.
        opened.record([invocation("e0", invoked_at=NOW, outcome=Outcome.COMPLETED)])
        client = open_client(address, database=address.database)
        client.command("OPTIMIZE TABLE invocation_log FINAL")
        client.close()
        yield opened
    drop(url)


@pytest.mark.parametrize(
    ("condition", "months"),
    [
        (f"invoked_at >= '{shifted(NOW, days=-1)}'", 1),
        (f"invoked_at >= '{shifted(NOW, days=-40)[:10]}'", 2),
        (f"invoked_at < '{shifted(NOW, days=-40)}'", 2),
        (f"invoked_at > '{shifted(NOW, days=-40)}' AND invoked_at < '{shifted(NOW, days=-20)}'", 1),
        (f"skill_name <> '' AND invoked_at >= '{shifted(NOW, days=-1)}'", 1),
        ("invoked_at >= ''", MONTHS),
    ],
)
def test_what_is_asked_for_some_days_reads_these(store: Store, condition: str, months: int) -> None:
    asked = f"SELECT event_id, outcome FROM skill_invocation WHERE {condition}"
    rows = store.query(asked).rows
    assert len(rows) == months
    assert all(outcome == ("completed" if event == "e0" else "failed") for event, outcome in rows)
    plan = "\n".join(line for (line,) in store.query(f"EXPLAIN indexes = 1 {asked}").rows)
    (read,) = re.findall(r"Name: idx_invocation_moment(?:.|\n)*?Parts: (\d+)/(\d+)", plan)
    assert read == (str(months), str(MONTHS))
