"""The client for browsers, in Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import session_buddy.server
from session_buddy.server.live import LiveSettings, live_routes
from session_buddy.server.site import Site
from tests.making import invocation
from tests.server.live_serving import Served, site_in

CHROMIUM = Path("/usr/bin/chromium")
STATIC = Path(session_buddy.server.__file__).parent / "static"
PAGE = """<!doctype html><title>live</title><script type="module">
import { connect } from "/static/live.js";
window.heard = [];
window.feed = connect({
  topics: ["skill:pytest-run", "skill:a b&c"],
  onSnapshot: (message) => heard.push(["snapshot", message.offset]),
  onDelta: (message) => heard.push(["delta", message.offset]),
  onState: (state) => heard.push(["state", state]),
});
</script>"""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    options = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=[*options.split(), "--disable-component-update", "--disable-sync"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    page = chromium.new_page()
    faults: list[object] = []
    page.on("pageerror", lambda error: faults.append(error))  # playwright wants to put marks on it
    yield page
    page.close()
    assert faults == []


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as opened:
        yield opened


async def _show(_: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


def app_of(site: Site) -> Starlette:
    routes = [Route("/", _show), Mount("/static", StaticFiles(directory=STATIC))]
    app = Starlette(routes=[*routes, *live_routes(LiveSettings(heartbeat_seconds=0.2))])
    app.state.site = site
    return app


def publish(site: Site, *ids: str, skill: str = "pytest-run") -> Callable[[], None]:
    def act() -> None:
        for event_id in ids:
            site.feed.publish([invocation(event_id, skill_name=skill)])

    return act


def heard(page: Page, *expected: list[Any]) -> None:
    """Wait until the last that was heard is *expected*."""
    page.wait_for_function(
        "wanted => JSON.stringify(heard.slice(-wanted.length)) === JSON.stringify(wanted)", arg=list(expected)
    )


def test_a_snapshot_then_deltas_and_what_was_missed_after_the_connection_was_cut(page: Page, site: Site) -> None:
    app = app_of(site)

    def cut_and_publish() -> None:
        for peer in tuple(app.state.live._peers):
            peer.abort()
        publish(site, "2", "3", skill="a b&c")()

    with Served(app) as server:
        page.goto(server.url)
        heard(page, ["state", "live"], ["snapshot", 0])
        server.call(publish(site, "1"))
        heard(page, ["delta", 1])
        server.call(cut_and_publish)
        heard(page, ["state", "reconnecting"], ["delta", 2], ["delta", 3], ["state", "recovered"], ["state", "live"])
        server.call(publish(site, "else", skill="other"))
        server.call(publish(site, "4"))
        heard(page, ["state", "live"], ["delta", 5])


@pytest.mark.long
def test_where_websockets_are_blocked_events_carry_the_same(page: Page, site: Site) -> None:
    app = app_of(site)

    def end_streams() -> None:
        for peer in tuple(app.state.live._peers):
            peer.end()

    with Served(app, ws="none") as server:
        page.goto(server.url)
        heard(page, ["state", "live"], ["snapshot", 0])
        server.call(publish(site, "1", skill="a b&c"))
        heard(page, ["delta", 1])
        server.call(end_streams)
        server.call(publish(site, "2"))
        heard(page, ["delta", 2], ["state", "recovered"], ["state", "live"])


def test_after_a_restart_it_starts_over(page: Page, tmp_path: Path) -> None:
    port = 0
    for epoch in ("e1", "e2"):
        with site_in(tmp_path, epoch=epoch) as site, Served(app_of(site), port=port) as server:
            if not port:
                port = server.port
                page.goto(server.url)
            heard(page, ["state", "live"], ["snapshot", 0])
            server.call(publish(site, epoch))
            heard(page, ["delta", 1])


def test_once_closed_it_stays_closed(page: Page, site: Site) -> None:
    app = app_of(site)
    with Served(app) as server:
        page.goto(server.url)
        heard(page, ["snapshot", 0])
        page.evaluate("feed.close(); heard.length = 0")
        page.wait_for_timeout(1_500)
        assert page.evaluate("heard") == []
        assert len(app.state.live) == 0


@pytest.mark.long
def test_without_a_server_it_is_offline_and_goes_on_trying(page: Page, site: Site) -> None:
    with Served(app_of(site)) as server:
        page.goto(server.url)
        heard(page, ["snapshot", 0])
    page.wait_for_function("heard.some(([kind, state]) => state === 'offline')")
    with Served(app_of(site), port=server.port) as server:
        heard(page, ["state", "recovered"], ["state", "live"])
