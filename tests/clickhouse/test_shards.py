"""Counts of different shards add: two stores with a part of the users each, read together, say what one store says.

Here the shards are two databases of one engine, and a table of the engine ``Merge`` stands where a cluster has a
``Distributed`` one; the views over them are those of the scripts.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from session_buddy.storage import Store, open_store
from session_buddy.storage.clickhouse.connection import open_client, parse_url
from tests.clickhouse.cluster_snapshot import layout
from tests.clickhouse.places import new_database
from tests.making import FakeClock, many

VIEWS = {
    "v_realtime_skill_dashboard": "* EXCEPT (updated_at)",
    "v_skill_effectiveness_trend": "*",
    "v_community_baseline_comparison": "*",
    "v_skill_dependency_network": "* EXCEPT (last_updated)",
    "v_ab_test_summary": "*",
    "v_multimodal_skill_catalog": "*",
    "session_summary": "*",
    "skill_time_series": "* EXCEPT (id)",
}


def database(url: str) -> str:
    return parse_qs(urlsplit(url).query)["database"][0]


def answers(store: Store) -> dict[str, list[Any]]:
    found = {view: store.query(f"SELECT {columns} FROM {view}").rows for view, columns in VIEWS.items()}
    return {view: sorted(map(rounded, rows), key=repr) for view, rows in found.items()}


def rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(round(cell, 9) if isinstance(cell, float) else cell for cell in row)


def read_from(shards: list[str], over: str) -> None:
    """Put a table over *shards* in the place of every sharded table of *over*; its views stay as they are."""
    client = open_client(parse_url(over), database=database(over))
    names = "|".join(map(database, shards))
    for table in sorted(layout().sharded - {"invocation_change"}):
        client.command(f"DROP TABLE {table} SYNC")
        client.command(
            f"CREATE TABLE {table} AS {database(shards[0])}.{table} ENGINE = Merge(REGEXP('^({names})$'), '^{table}$')"
        )
    client.close()


@pytest.mark.long
def test_two_shards_say_together_what_one_server_says() -> None:
    clock = FakeClock()
    events = many(1_500, users=12)
    one, over, *shards = (new_database() for _ in range(4))
    with open_store(one, clock=clock) as whole, open_store(over, clock=clock) as cluster:
        whole.record(events)
        for number, url in enumerate(shards):
            with open_store(url, clock=clock) as shard:
                mine = [event for event in events if int(event.user_id[5:]) % 2 == number]
                assert 500 < len(mine) < 1_000
                shard.record(mine)
                # Told again, some of it with more in it.
                shard.record(mine[::7])
        read_from(shards, over)
        expected, found = answers(whole), answers(cluster)
    assert len(expected["v_realtime_skill_dashboard"]) == 12
    assert len(expected["v_skill_dependency_network"]) > 100
    for view in VIEWS:
        assert found[view] == expected[view], view
