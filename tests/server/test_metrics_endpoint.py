"""``/metrics`` over HTTP: formats, any text in names, who is let in; and the exporter as a process."""

from __future__ import annotations

import asyncio
import gzip
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed_plain
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.errors import InvalidInput
from session_buddy.model import Outcome
from session_buddy.server.exporting import exporter_app, run_exporter
from session_buddy.server.metrics import MetricsEndpoint, new_registry
from session_buddy.server.metrics_text import OPENMETRICS_TYPE, PLAIN_TYPE
from session_buddy.server.security import Access
from session_buddy.server.tokens import TokenFile
from session_buddy.storage import Store, open_store
from tests.making import FakeClock, invocation, many
from tests.server.metrics_kit import ask

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db", clock=FakeClock()) as opened:
        yield opened


@pytest.mark.parametrize(
    "name", ['a"} 1\nevil{x="', "back\\slash\\", "<script>", "other", "le", "a\u2028b\x85", "🎉", "nul\x00"]
)
def test_any_text_may_be_a_skill(store: Store, name: str) -> None:
    store.record([invocation("e", skill_name=name, duration_ms=5, outcome=Outcome.FAILED, session_id=f"s{name}")])
    app = exporter_app(store, clock=FakeClock())
    plain, rich = ask(app).text, ask(app, accept=OPENMETRICS).text
    for families in (list(parsed_plain(plain)), list(parsed_openmetrics(rich))):
        found = {s.labels["skill"] for family in families for s in family.samples if "skill" in s.labels}
        assert found == {name}


def test_an_exemplar_leads_to_the_failure_in_openmetrics_only(store: Store) -> None:
    store.record([invocation("toolu_1", outcome=Outcome.FAILED, duration_ms=2_500)])
    app = exporter_app(store, clock=FakeClock())
    plain, rich = ask(app), ask(app, accept=OPENMETRICS)
    assert plain.headers["content-type"] == PLAIN_TYPE
    assert rich.headers["content-type"] == OPENMETRICS_TYPE
    assert "toolu_1" not in plain.text
    exemplars = [
        (s.labels["le"], s.exemplar.labels, s.exemplar.value, float(s.exemplar.timestamp or 0))
        for family in parsed_openmetrics(rich.text)
        for s in family.samples
        if s.exemplar
    ]
    assert exemplars == [("3.0", {"event_id": "toolu_1"}, 2.5, 1781526896.789)]


def test_gzip_is_for_those_who_ask(store: Store) -> None:
    store.record(many(50))
    app = exporter_app(store, clock=FakeClock())
    asked, plain = ask(app, accept_encoding="gzip"), ask(app, accept_encoding="identity")
    assert asked.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert len(gzip.compress(plain.content)) < len(plain.content) / 5
    assert (
        asked.text.count("session_buddy_invocations_total") == plain.text.count("session_buddy_invocations_total") > 9
    )


def test_the_process_is_told_too(store: Store) -> None:
    app = exporter_app(store, clock=FakeClock())
    assert ask(app, "/healthz").status_code == 200
    assert ask(app, method="POST").status_code == 405
    assert "\nprocess_resident_memory_bytes " in ask(app).text


def test_scrapes_at_one_time_take_turns(store: Store) -> None:
    store.record(many(50))
    running, most = 0, 0

    async def run(action: Callable[[], bytes]) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return action()

    endpoint = MetricsEndpoint(new_registry(store, clock=FakeClock()), run=run)
    request = Request({"type": "http", "headers": [], "method": "GET"})

    async def several() -> list[Response]:
        return await asyncio.gather(*(endpoint.answer(request) for _ in range(5)))

    assert all(b"session_buddy_store_up 1.0" in response.body for response in asyncio.run(several()))
    assert most == 1


@pytest.fixture
def exporting(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The exporter in a process of its own, and its address."""
    code = """
import sys
from session_buddy.server.exporting import run_exporter
from session_buddy.storage import open_store

with open_store(sys.argv[1]) as store:
    run_exporter(store, "127.0.0.1", 0, on_ready=lambda address: print(address, flush=True))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, f"sqlite:///{tmp_path}/store.db"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_exporter_runs_until_it_is_told_to_stop(store: Store, exporting: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = exporting
    assert "session_buddy_store_up 1.0" in httpx.get(f"{address}/metrics", timeout=30, trust_env=False).text
    store.record([invocation("told-by-another-process", skill_name="new")])
    assert 'skill="new"' in httpx.get(f"{address}/metrics", timeout=30, trust_env=False).text
    process.terminate()
    assert process.wait(30) == -signal.SIGTERM


def test_an_address_that_is_taken_is_told(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InvalidInput, match="port"):
        run_exporter(store, "127.0.0.1", taken.getsockname()[1])


def test_strangers_are_kept_out_where_somebody_decides(store: Store, tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    access = Access(tokens, clock=FakeClock(), needs_token=True)
    app = exporter_app(store, clock=FakeClock(), access=access)
    assert ask(app).status_code == 401
    assert ask(app, authorization="Bearer wrong").status_code == 401
    assert ask(app, host="evil.example").status_code == 403
    assert ask(app, "/healthz").status_code == 200
