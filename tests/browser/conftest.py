from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, sync_playwright

from session_buddy.importers.ci import TEST
from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.reports.dependencies import refresh_related
from session_buddy.storage import open_store
from tests.browser.serving import Served
from tests.landscapes import draw_landscape
from tests.making import NOW, FakeClock, invocation, many, shifted
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
        store.record(tried())
        store.refresh()
        mark(store, "skill-3", reason="Success fell to 50 %.")
        mark(store, "skill-4", metric="duration", observed=90.0, baseline=10.0)
        run_trial(store, users=240)
        draw_landscape(store)
        refresh_related(store, NOW)
    with served.running():
        yield served


def tried() -> list[Invocation]:
    """Return attempts at tests, one of them flaky; kept apart from what else is shown by their kind and age."""
    told = {"skill_name": TEST, "kind": Kind.TOOL, "session_id": "tests", "parent_event_id": "a-run"}
    return [
        invocation(
            f"test-{number}",
            workflow_step_id=f"tests.server.test_live › test_that_has_a_long_name_{number // 2}",
            outcome=Outcome.FAILED if number in (0, 2, 3) else Outcome.COMPLETED,
            invoked_at=shifted(NOW, days=-9, minutes=number),
            **told,
        )
        for number in range(8)
    ]


class Windows:
    """Windows of the browser: one with scripts, one without, each with a tab for pages that are looked at in turn.

    To open a window takes the machine as long as to show a page, and as long again to show the first page in it. An
    empty tab keeps each open when the others are closed.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._windows: dict[bool, BrowserContext] = {}
        self._tabs: dict[bool, Page] = {}

    def tab(self, *, scripts: bool, again: bool) -> Page:
        """Return a new tab; if *again*, the one that was returned before."""
        if scripts not in self._windows:
            self._windows[scripts] = self._browser.new_context(java_script_enabled=scripts)
            self._tabs[scripts] = self._windows[scripts].new_page()
        return self._tabs[scripts] if again else self._windows[scripts].new_page()

    def leave(self, tab: Page) -> None:
        """Close *tab* if it is a new one; what it was told by cookies is forgotten."""
        if tab in self._tabs.values():
            tab.goto("about:blank")
        else:
            tab.close()
        tab.context.clear_cookies()

    def close(self) -> None:
        for window in self._windows.values():
            window.close()


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Iterator[Windows]:
    made = Windows(browser)
    yield made
    made.close()


_LEFT_EARLY = "WebSocket is closed before the connection is established"
"""What Chromium says of a page that is left before its connection stands; nothing is wrong with that."""


@pytest.fixture
def opened(windows: Windows) -> Iterator[Open]:
    """Open pages; what they complain of to the console, or fail at, fails the test.

    Each is a new tab, unless it is opened *again*: then it is the tab of the page before, whose test must have left
    nothing there but what goes with the page.
    """
    complaints: list[str] = []
    pages: list[Page] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and _LEFT_EARLY not in message.text:
            complaints.append(f"{message.type}: {message.text}")

    def failed(error: Error) -> None:
        complaints.append(f"exception: {error}")

    def open_(
        url: str,
        *,
        width: int = 1280,
        height: int = 900,
        theme: str = "light",
        scripts: bool = True,
        again: bool = False,
    ) -> Page:
        page = windows.tab(scripts=scripts, again=again)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.on("console", heard)
        page.on("pageerror", failed)
        pages.append(page)
        page.goto(url)
        return page

    open_.complaints = complaints  # type: ignore[attr-defined]
    yield open_
    for page in pages:
        windows.leave(page)
        page.remove_listener("console", heard)
        page.remove_listener("pageerror", failed)
    assert not complaints


def keep_picture(page: Page, name: str) -> None:
    """Keep a picture of the whole *page* for whoever wants to look at it."""
    SCREENSHOTS.mkdir(exist_ok=True)
    (SCREENSHOTS / ".gitignore").write_text("*\n")
    page.screenshot(path=SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', name)}.png", full_page=True)
