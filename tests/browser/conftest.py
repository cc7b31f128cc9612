from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from session_buddy.storage import open_store
from tests.browser.serving import Served
from tests.landscapes import draw_landscape
from tests.making import FakeClock, many
from tests.server.test_pages import mark
from tests.trials import run_trial

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SCREENSHOTS = Path(__file__).resolve().parents[2] / ".screenshots"

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Ends with the module: as long as it runs, no other test of the process can run an event loop."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server over a store with a little of everything."""
    folder = tmp_path_factory.mktemp("served")
    served = Served(f"sqlite:///{folder / 'store.db'}", folder, clock=FakeClock())
    with open_store(served.store_url, clock=FakeClock()) as store:
        store.record(many(900, days=30))
        store.refresh()
        mark(store, "skill-3", reason="Success fell to 50 %.")
        mark(store, "skill-4", metric="duration", observed=90.0, baseline=10.0)
        run_trial(store, users=240)
        draw_landscape(store)
    with served.running():
        yield served


_LEFT_EARLY = "WebSocket is closed before the connection is established"
"""What Chromium says of a page that is left before its connection stands; nothing is wrong with that."""


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Open pages; what they complain of to the console, or fail at, fails the test."""
    complaints: list[str] = []
    pages: list[Page] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and _LEFT_EARLY not in message.text:
            complaints.append(f"{message.type}: {message.text}")

    def open_(
        url: str, *, width: int = 1280, height: int = 900, theme: str = "light", scripts: bool = True, **_: object
    ) -> Page:
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=scripts,
        )
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        page.goto(url)
        pages.append(page)
        return page

    open_.complaints = complaints  # type: ignore[attr-defined]
    yield open_
    for page in pages:
        page.close()
    assert not complaints


def keep_picture(page: Page, name: str) -> None:
    """Keep a picture of the whole *page* for whoever wants to look at it."""
    SCREENSHOTS.mkdir(exist_ok=True)
    (SCREENSHOTS / ".gitignore").write_text("*\n")
    page.screenshot(path=SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', name)}.png", full_page=True)
