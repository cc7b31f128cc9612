"""Both clients against the real app, and against servers that fail in every way."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from session_buddy.client import AsyncClient, Client, Delta, Recording, Recovered, ServerAway, ServerRefused, Snapshot
from session_buddy.client.connecting import Retrying
from session_buddy.client.retrying import Backoff
from session_buddy.errors import NotFound
from session_buddy.model import Outcome
from session_buddy.server.app import create_app
from session_buddy.server.live_protocol import LiveWebSocketProtocol
from session_buddy.server.site import Site
from session_buddy.server.tokens import Scope, TokenFile
from tests.making import invocation, many
from tests.server.live_serving import Served, serving, site_in

QUICK = Retrying(patience_seconds=10, backoff=Backoff(first_seconds=0.01, longest_seconds=0.05))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as opened:
        yield opened


@contextmanager
def served(*routes: Any) -> Iterator[Served]:
    with Served(Starlette(routes=list(routes))) as running:
        yield running


def each_client(scene: Callable[[Any], Awaitable[None]], url: str, **options: Any) -> None:
    """Play *scene* with both clients, the one that waits as if it were the other."""
    options = {"retrying": QUICK, **options}
    with Client(url, **options) as waiting:
        asyncio.run(scene(_Awaitable(waiting)))  # type: ignore[arg-type]

    async def with_async() -> None:
        async with AsyncClient(url, **options) as client:
            await scene(client)

    asyncio.run(with_async())


class _Awaitable:
    """A client that waits, with the face of the other one."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **options: Any) -> Any:
            return getattr(self._client, name)(*arguments, **options)

        return call


def test_both_clients_can_do_the_same() -> None:
    def face(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in vars(kind).items()
            if callable(member) and not name.startswith("_")
        }

    assert face(Client) == face(AsyncClient)
    for name in face(Client):
        assert inspect.getdoc(getattr(Client, name)) == inspect.getdoc(getattr(AsyncClient, name))


def test_what_is_recorded_is_there_to_read(site: Site) -> None:
    async def scene(client: Any) -> None:
        assert await client.record(invocation("1", outcome=Outcome.FAILED)) == Recording("stored", 1, 1)
        assert await client.record(many(30, skills=3)) == Recording("stored", 30, 30)
        assert (await client.invocations(skill="pytest-run")).invocations[0].event_id == "1"
        page = await client.invocations(limit=20)
        rest = await client.invocations(limit=20, cursor=page.next)
        assert (len(page.invocations), len(rest.invocations), rest.next) == (20, 11, None)
        assert {one.skill for one in (await client.skills(kinds=["skill"])).skills} == {"skill-0", "skill-1", "skill-2"}
        assert (await client.skill("pytest-run")).skill == "pytest-run"
        assert (await client.series("pytest-run", bucket="hour", tz="Europe/Berlin")).zone == "Europe/Berlin"
        sessions = await client.sessions(limit=2)
        assert (await client.session(sessions.sessions[0].session_id)).session == sessions.sessions[0]
        assert (await client.anomalies(is_open=True)).anomalies == []
        tests = await client.ci_tests(since="24h", flaky=True)
        assert (tests.total, tests.tests) == (0, [])
        gate = await client.ci_gate(min_completion=1, skills=["PYTEST-run"], min_uses=1, since="2w")
        assert not gate.passed and [one.skill for one in gate.skills] == ["pytest-run"]
        assert (await client.ci_gate(no_new_anomaly=True)).passed
        with pytest.raises(ServerRefused) as refused:
            await client.ci_gate()
        assert (refused.value.field, refused.value.status) == ("min_completion", 422)
        assert "data" in await client.health()
        with pytest.raises(NotFound) as unknown:
            await client.skill("pytest-rnu")
        assert "pytest-run" in unknown.value.suggestions

    with Served(create_app(site)) as server:
        each_client(scene, server.url)


def test_a_token_is_shown_and_a_missing_one_is_refused_at_once(site: Site) -> None:
    tokens: TokenFile = site.access._tokens
    token = tokens.create(Scope.ADMIN, name="test", now=site.clock())

    async def good(client: Any) -> None:
        assert (await client.skills()).skills == []

    async def missing(client: Any) -> None:
        with pytest.raises(ServerRefused) as refused:
            await client.skills()
        assert (refused.value.status, refused.value.type) == (401, "TokenMissing")

    with Served(create_app(site)) as server:
        each_client(good, server.url, token=token)
        each_client(missing, server.url)
        with Client(server.url, retrying=QUICK) as client, pytest.raises(ServerRefused) as refused:
            next(client.live())
        assert refused.value.status == 401
        with Client(server.url, token=token) as client:
            assert isinstance(next(client.live()), Snapshot)


def failing_at_first(times: int, status: int, **headers: str) -> tuple[Route, list[bytes]]:
    bodies: list[bytes] = []

    async def answer(request: Request) -> Response:
        bodies.append(await request.body())
        if len(bodies) % (times + 1):
            return Response(b"no", status, headers)
        return JSONResponse({"receipt": "stored", "received": 1, "distinct": 1})

    return Route("/api/v1/invocations", answer, methods=["POST"]), bodies


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_tried_again_with_the_very_same_ids(status: int) -> None:
    route, bodies = failing_at_first(3, status)

    async def scene(client: Any) -> None:
        bodies.clear()
        assert (await client.record(invocation("1"))).received == 1
        assert len(bodies) == 4
        assert len(set(bodies)) == 1

    with served(route) as server:
        each_client(scene, server.url)


@pytest.mark.parametrize("status", [400, 401, 403, 413, 422, 500])
def test_what_does_not_pass_is_raised_at_once(status: int) -> None:
    route, bodies = failing_at_first(3, status)

    async def scene(client: Any) -> None:
        bodies.clear()
        with pytest.raises(ServerRefused) as refused:
            await client.record(invocation("1"))
        assert (refused.value.status, len(bodies)) == (status, 1)

    with served(route) as server:
        each_client(scene, server.url)


def test_it_waits_as_long_as_it_is_asked_to() -> None:
    route, _ = failing_at_first(1, 503, **{"Retry-After": "7"})
    waits: list[float] = []

    with served(route) as server, Client(server.url, sleep=waits.append) as client:
        client.record(invocation("1"))
    assert waits == [7.0]


def test_a_server_that_stays_full_is_away_after_a_while() -> None:
    route, _ = failing_at_first(10**9, 503)
    impatient = Retrying(patience_seconds=0.2, backoff=Backoff(first_seconds=0.02))

    async def scene(client: Any) -> None:
        with pytest.raises(ServerAway, match="has no room"):
            await client.record(invocation("1"))

    with served(route) as server:
        each_client(scene, server.url, retrying=impatient)


def test_a_server_that_is_not_there_is_away_after_a_while() -> None:
    impatient = Retrying(patience_seconds=0.2, backoff=Backoff(first_seconds=0.02))
    with served() as server:
        url = server.url

    async def scene(client: Any) -> None:
        with pytest.raises(ServerAway, match=r"cannot be reached: .*session-buddy serve"):
            await client.skills()

    each_client(scene, url, retrying=impatient)
    with Client(url, retrying=impatient) as client, pytest.raises(ServerAway):
        next(client.live(patience_seconds=0.2))


def test_an_answer_that_never_comes_is_a_failure_that_passes() -> None:
    asked: list[int] = []

    async def slow_at_first(_: Request) -> Response:
        asked.append(1)
        if len(asked) % 2:
            await asyncio.sleep(0.5)
        return JSONResponse({"receipt": "stored", "received": 1, "distinct": 1})

    async def scene(client: Any) -> None:
        assert (await client.record(invocation("1"))).received == 1

    with served(Route("/api/v1/invocations", slow_at_first, methods=["POST"])) as server:
        each_client(scene, server.url, timeout_seconds=0.2)
    assert len(asked) == 4


def test_the_live_feed_recovers_what_was_missed_while_the_connection_was_cut(site: Site) -> None:
    app = create_app(site)

    def publish(*names: str) -> None:
        for name in names:
            site.feed.publish([invocation(name)])

    def cut() -> None:
        for peer in tuple(app.state.live._peers):
            peer.abort()

    with Served(app) as server, Client(server.url, retrying=QUICK) as client:
        updates = client.live()
        assert isinstance(next(updates), Snapshot)
        server.call(lambda: publish("1"))
        assert _event_ids(next(updates)) == ["1"]
        server.call(cut)
        server.call(lambda: publish("2", "3"))
        assert [_event_ids(next(updates)) for _ in range(2)] == [["2"], ["3"]]
        assert isinstance(next(updates), Recovered)
        server.call(lambda: publish("4"))
        assert _event_ids(next(updates)) == ["4"]
        updates.close()  # type: ignore[attr-defined]


def _event_ids(update: object) -> list[str]:
    assert isinstance(update, Delta)
    return [one.event_id for one in update.invocations]


def test_after_a_restart_of_the_server_the_live_feed_starts_over(tmp_path: Path) -> None:
    async def scene() -> None:
        port = 0
        updates = None
        for epoch in ("e1", "e2"):
            with site_in(tmp_path, epoch=epoch) as site:
                async with serving(create_app(site), ws=LiveWebSocketProtocol, port=port) as port:
                    if updates is None:
                        client = AsyncClient(f"http://127.0.0.1:{port}", retrying=QUICK)
                        updates = client.live(["skill:pytest-run"])
                    async with asyncio.timeout(20):
                        snapshot = await anext(updates)
                        assert isinstance(snapshot, Snapshot)
                        assert (snapshot.epoch, snapshot.recovered) == (epoch, False)
                        site.feed.publish([invocation(epoch)])
                        assert _event_ids(await anext(updates)) == [epoch]
        assert updates is not None
        await updates.aclose()  # type: ignore[attr-defined]
        await client.close()

    asyncio.run(scene())


def test_what_the_live_feed_refuses_is_raised(site: Site) -> None:
    with Served(create_app(site)) as server, Client(server.url, retrying=QUICK) as client:
        with pytest.raises(ServerRefused, match="are too many") as refused:
            next(client.live([f"skill:{number}" for number in range(101)]))
        assert refused.value.field == "topics"


def test_a_live_feed_that_falls_silent_is_connected_to_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sync", "asynchronous"):
        monkeypatch.setattr(f"session_buddy.client.{module}.SILENCE_SECONDS", 0.1)
    calls: list[dict[str, Any]] = []

    async def mute_at_first(websocket: WebSocket) -> None:
        await websocket.accept()
        calls.append(msgspec.json.decode(await websocket.receive_text()))
        if len(calls) % 2:
            await asyncio.sleep(0.5)
        else:
            empty = {"skills": [], "invocations": [], "anomalies": []}
            await websocket.send_json({"type": "snapshot", "epoch": "e", "offset": 1, **empty})

    async def async_scene(url: str) -> None:
        async with AsyncClient(url, retrying=QUICK) as client:
            updates = client.live()
            assert isinstance(await anext(updates), Snapshot)
            await updates.aclose()  # type: ignore[attr-defined]

    with served(WebSocketRoute("/api/v1/live", mute_at_first)) as server:
        with Client(server.url, retrying=QUICK) as client:
            assert isinstance(next(client.live()), Snapshot)
        asyncio.run(async_scene(server.url))
    assert len(calls) == 4
