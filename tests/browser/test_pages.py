from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from session_buddy import formats
from session_buddy.model import Kind, Outcome
from session_buddy.server.pages.links import experiment_path, session_path, skill_path
from session_buddy.storage import open_store
from tests.browser.conftest import Open, keep_picture
from tests.browser.serving import Served
from tests.making import NOW, FakeClock, invocation, shifted
from tests.server.test_pages_hostile import HOSTILE, fill
from tests.trials import NAME

PAGES = {
    "overview": "/",
    "skills": "/skills",
    "skill": "/skills/skill-3",
    "catalogue": "/catalog",
    "compared": "/catalog/compare?skill=skill-3&skill=docker-build",
    "landscape": "/landscape",
    "cluster": "/landscape?cluster=1&by=success",
    "neighbours": "/landscape?skill=docker-build",
    "network": "/network",
    "related": "/network?lift=1.5&skill=docker-build",
    "sessions": "/sessions",
    "session": "/sessions/session-1",
    "search": "/search",
    "found": "/search?question=skill+tests",
    "recommendations": "/recommendations",
    "community": "/community",
    "experiments": "/experiments",
    "experiment": experiment_path(NAME),
    "tests": "/tests",
    "gate": "/tests?flaky=1&min_completion=0.9&no_new_anomaly=1&skill=skill-3",
    "anomalies": "/anomalies",
    "data": "/data",
}
LATER = shifted(NOW, hours=1)
"""After everything else in the store."""
ON_TIME = 10_000
"""Milliseconds within which something that was recorded must be seen, on a machine that is busy with other tests."""


def is_drawn(page: Page) -> None:
    """Wait until charts and the live feed have settled."""
    expect(page.locator("#live")).to_have_text("Live")
    if page.locator("[data-figure]").count():
        page.wait_for_selector(".plot .main-svg", timeout=30_000)


IN_EVERY_RUN = [
    *((name, 1280, "light") for name in PAGES),
    *((name, 390, "dark") for name in ("overview", "skill", "experiment", "found")),
]
"""Pages, widths and themes: each page once, and those with the most on them as they differ most from that."""
AT_LENGTH = [
    (name, width, theme)
    for name in PAGES
    for width, theme in ((390, "dark"), (390, "light"), (1280, "dark"))
    if (name, width, theme) not in IN_EVERY_RUN
]


@pytest.mark.parametrize(
    ("name", "width", "theme"),
    [*IN_EVERY_RUN, *(pytest.param(*one, marks=pytest.mark.long) for one in AT_LENGTH)],
)
def test_everybody_can_use_every_page(server: Served, opened: Open, name: str, width: int, theme: str) -> None:
    page = opened(server.url + PAGES[name], width=width, theme=theme, again=True)
    is_drawn(page)
    keep_picture(page, f"{name}-{theme}-{width}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_smallest_screen(server: Served, opened: Open, name: str) -> None:
    page = opened(server.url + PAGES[name], width=320, again=True)
    is_drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("name", PAGES)
def test_pages_say_all_without_scripts(server: Served, opened: Open, name: str) -> None:
    page = opened(server.url + PAGES[name], scripts=False, again=True)
    assert page.locator("main").inner_text().strip()
    assert page.locator("#pause").is_hidden() and page.locator("#live").is_hidden()
    if name == "skill":
        page.locator("#series-table summary").click()
        assert page.locator("#series-table tbody tr").count() > 5


class TestKeyboard:
    def test_the_first_stop_skips_to_the_content(self, server: Served, opened: Open) -> None:
        page = opened(server.url)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        assert page.evaluate("document.getElementById('main').contains(document.activeElement)")

    def test_every_stop_can_be_seen(self, server: Served, opened: Open) -> None:
        page = opened(server.url)
        is_drawn(page)
        stops = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            look = page.evaluate(
                "() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();"
                " return [e.tagName + (e.href || e.id || e.textContent), s.outlineStyle, parseFloat(s.outlineWidth),"
                " b.width * b.height] }"
            )
            assert look[1] != "none" and look[2] >= 2 and look[3] > 0, look
            stops.add(look[0])
        assert len(stops) > 25

    def test_tables_open_and_the_feed_pauses(self, server: Served, opened: Open) -> None:
        page = opened(server.url)
        is_drawn(page)
        page.locator("#activity summary").focus()
        page.keyboard.press("Enter")
        assert page.locator("#activity details table").is_visible()
        page.locator("#pause").focus()
        page.keyboard.press("Space")
        expect(page.locator("#pause")).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#live")).to_have_text("Paused")

    def test_skills_are_found_by_typing(self, server: Served, opened: Open) -> None:
        page = opened(f"{server.url}/skills")
        page.get_by_label("Find").focus()
        page.keyboard.type("LL-3")
        expect(page.locator("#found")).to_have_text("1 found")
        assert page.locator("#skill-table tbody tr:visible").count() == 1


class TestLive:
    def test_what_is_posted_is_seen_in_time(self, server: Served, opened: Open) -> None:
        page = opened(server.url)
        is_drawn(page)
        sent = {
            **{"event_id": "posted-1", "session_id": "posted", "skill_name": "posted-skill", "kind": "skill"},
            **{"invoked_at": shifted(LATER, seconds=1), "outcome": "failed", "error_type": "timeout", "source": "test"},
            **{"duration_ms": 1_500, "duration_source": "reported", "project": "/x/shop"},
        }
        answer = httpx.post(f"{server.url}/api/v1/invocations", json=sent)
        assert answer.status_code < 300, answer.text
        first = page.locator("#feed li").first
        expect(first).to_contain_text("posted-skill", timeout=ON_TIME)
        expect(first).to_contain_text("failed (timeout) 1.5 s")
        expect(first.locator("a.where")).to_have_attribute("href", "/sessions/posted")
        # What is not told row by row follows.
        expect(page.locator("#changes")).to_contain_text("posted-skill", timeout=ON_TIME)

    @pytest.mark.long
    def test_what_another_process_records_is_seen_in_time(self, server: Served, opened: Open) -> None:
        page = opened(f"{server.url}/skills/skill-5")
        is_drawn(page)
        uses = page.locator("#figures dd.big").nth(1)
        before = int(uses.inner_text().replace(",", ""))
        with open_store(server.store_url, clock=FakeClock()) as store:
            store.record([invocation("by-hand", skill_name="skill-5", kind=Kind.SKILL)])
        expect(uses).to_have_text(str(before + 1), timeout=ON_TIME)

    def test_a_completed_use_is_told_in_its_place(self, server: Served, opened: Open) -> None:
        page = opened(server.url)
        is_drawn(page)
        with open_store(server.store_url, clock=FakeClock()) as store:
            told = {"skill_name": "slow-one", "kind": Kind.SKILL, "invoked_at": shifted(LATER, seconds=2)}
            store.record([invocation("slow", **told, outcome=None)])
            row = page.locator("#feed li", has_text="slow-one")
            expect(row).to_contain_text("not known", timeout=ON_TIME)
            store.record([invocation("slow", **told, outcome=Outcome.COMPLETED, duration_ms=3_000)])
            expect(row).to_contain_text("completed 3.0 s", timeout=ON_TIME)
        assert row.count() == 1

    def test_a_paused_page_stands_still_and_catches_up(self, server: Served, opened: Open) -> None:
        page = opened(server.url)
        is_drawn(page)
        page.locator("#pause").click()
        with open_store(server.store_url, clock=FakeClock()) as store:
            store.record([invocation("paused", skill_name="meanwhile", invoked_at=shifted(LATER, seconds=3))])
        page.wait_for_timeout(1_500)
        expect(page.locator("#feed")).not_to_contain_text("meanwhile")
        page.locator("#pause").click()
        expect(page.locator("#feed")).to_contain_text("meanwhile", timeout=ON_TIME)

    def test_the_feed_does_not_grow(self, server: Served, opened: Open) -> None:
        page = opened(server.url)
        is_drawn(page)
        with open_store(server.store_url, clock=FakeClock()) as store:
            for burst in range(5):
                moment = shifted(LATER, seconds=10 + burst)
                store.record(
                    [
                        invocation(f"burst-{burst}-{n}", skill_name=f"burst-{burst}", invoked_at=moment)
                        for n in range(200)
                    ]
                )
        expect(page.locator("#feed li").first).to_contain_text("burst-4", timeout=ON_TIME)
        assert page.locator("#feed li").count() == 14

    def test_a_reader_keeps_place_and_opened_table(self, server: Served, opened: Open) -> None:
        page = opened(server.url)
        is_drawn(page)
        page.locator("#activity summary").click()
        page.locator("#most-used a.name").first.focus()
        name = page.evaluate("document.activeElement.textContent")
        with open_store(server.store_url, clock=FakeClock()) as store:
            # More than anything else that came of late, since not all of that is named.
            store.record(
                invocation(f"place {number}", skill_name="elsewhere", invoked_at=shifted(LATER, seconds=20))
                for number in range(300)
            )
        expect(page.locator("#changes")).to_contain_text("elsewhere", timeout=ON_TIME)
        assert page.evaluate("document.activeElement.textContent") == name
        assert page.locator("#activity details table").is_visible()

    def test_an_empty_page_fills_itself(self, tmp_path: Path, opened: Open) -> None:
        served = Served(f"sqlite:///{tmp_path / 'store.db'}", tmp_path, clock=FakeClock())
        with served.running() as store:
            page = opened(served.url)
            expect(page.locator("h1")).to_have_text("Nothing recorded yet")
            is_drawn(page)
            keep_picture(page, "empty")
            store.record([invocation("first")])
            expect(page.locator("#feed li")).to_have_count(1, timeout=ON_TIME)
            page.close()

    def test_after_a_restart_of_the_server_it_goes_on(self, tmp_path: Path, opened: Open) -> None:
        served = Served(f"sqlite:///{tmp_path / 'store.db'}", tmp_path, clock=FakeClock())
        with served.running() as store:
            store.record([invocation("first")])
            page = opened(served.url)
            is_drawn(page)
        expect(page.locator("#live")).to_have_text(re.compile("Reconnecting|Offline"), timeout=10_000)
        with open_store(served.store_url, clock=FakeClock()) as store:
            store.record([invocation("missed", skill_name="meanwhile", invoked_at=shifted(LATER, seconds=1))])
        with served.running() as store:
            expect(page.locator("#live")).to_have_text("Live", timeout=30_000)
            expect(page.locator("#feed")).to_contain_text("meanwhile", timeout=ON_TIME)
            store.record([invocation("after", skill_name="afterwards", invoked_at=shifted(LATER, seconds=2))])
            expect(page.locator("#feed")).to_contain_text("afterwards", timeout=ON_TIME)
            page.close()
        # That a server is away is said by the browser, and by the page in words.
        complaints: list[str] = opened.complaints  # type: ignore[attr-defined]
        complaints[:] = [one for one in complaints if "ERR_CONNECTION" not in one and "WebSocket" not in one]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("hostile")
    served = Served(f"sqlite:///{folder / 'store.db'}", folder, clock=FakeClock())
    with open_store(served.store_url, clock=FakeClock()) as store:
        fill(store)
    with served.running():
        yield served


class TestHostile:
    @pytest.mark.long
    @pytest.mark.parametrize(
        "path", ["/", "/skills", "/sessions", "/anomalies", "/data", *(skill_path(text) for text in HOSTILE[:4])]
    )
    def test_texts_are_texts(self, hostile: Served, opened: Open, path: str) -> None:
        page = opened(hostile.url + path, width=390)
        page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        is_drawn(page)
        assert page.locator("main img, main script, main b, main i, main iframe").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    def test_those_told_live_too(self, hostile: Served, opened: Open) -> None:
        page = opened(hostile.url)
        page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        is_drawn(page)
        with open_store(hostile.store_url, clock=FakeClock()) as store:
            for place, text in enumerate(HOSTILE):
                told = {"session_id": f"live-{text}", "project": text, "invoked_at": shifted(LATER, seconds=place + 1)}
                store.record([invocation(f"live-{place}", skill_name=text, kind=Kind.SKILL, **told)])
        last = page.locator("#feed li").first
        expect(last).to_have_attribute("data-event", f"live-{len(HOSTILE) - 1}", timeout=ON_TIME)
        for row in page.locator("#feed li").all():
            text = HOSTILE[int((row.get_attribute("data-event") or "").removeprefix("live-"))]
            link = row.locator("a.name")
            assert link.text_content() == formats.shown_name(text)
            assert link.get_attribute("href") == skill_path(text)
            assert row.locator("a.where").get_attribute("href") == session_path(f"live-{text}")
        assert page.locator("main img, main script, main b, main i").count() == 0

    def test_those_in_charts_too(self, hostile: Served, opened: Open) -> None:
        page = opened(hostile.url + skill_path(HOSTILE[1]))
        page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        is_drawn(page)
        marker = page.locator(".plot .subplot.xy .scatterlayer .trace").last.locator(".points path").last
        marker.hover(force=True)
        hover = page.locator(".plot .hovertext")
        expect(hover).to_contain_text("<img src=x onerror=alert(1)>")
        assert page.locator(".plot img").count() == 0


def test_charts_follow_the_theme(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/skills/skill-3")
    is_drawn(page)
    line = page.locator(".plot .scatterlayer .js-line").first
    expect(line).to_have_css("stroke", "rgb(21, 25, 29)")
    page.emulate_media(color_scheme="dark")
    expect(line).to_have_css("stroke", "rgb(231, 234, 237)")


def test_a_chart_that_cannot_be_loaded_says_so(server: Served, opened: Open) -> None:
    page = opened("about:blank")
    page.route("**/plotly.min.js*", lambda route: route.abort())
    page.goto(f"{server.url}/skills/skill-3")
    expect(page.locator(".plot")).to_have_text("The chart could not be loaded; the table below has its numbers.")
    complaints: list[str] = opened.complaints  # type: ignore[attr-defined]
    complaints[:] = [one for one in complaints if "ERR_FAILED" not in one]


def test_the_browser_tells_numbers_and_names_as_the_server_does(server: Served, opened: Open) -> None:
    page = opened(server.url)
    seconds = [
        0,
        0.0004,
        0.0005,
        0.25,
        0.999,
        0.9994,
        0.9996,
        1,
        3.64,
        59.94,
        59.96,
        60,
        437,
        3_599.6,
        7_500,
        86_399,
        2e6,
    ]
    names = [
        *HOSTILE,
        "mcp__Claude_Browser__find",
        "mcp__a__b__c",
        "mcp____x",
        "mcp__x__",
        "mcp__x",
        "mcp__",
        "pytest-run",
    ]
    folders = ["/home/me/shop", "D:\\code\\shop\\", "", "/", "a\\b/c", "x\u202ey"]
    told = page.evaluate(
        """async ([seconds, names, folders]) => {
            const f = await import("/static/formats.js");
            return {
                seconds: seconds.map(f.duration), names: names.map(f.shownName), folders: folders.map(f.folderName),
                skills: names.map(f.skillPath), sessions: names.map(f.sessionPath),
            };
        }""",
        [seconds, names, folders],
    )
    assert told["seconds"] == [formats.duration(length) for length in seconds]
    assert told["names"] == [formats.shown_name(name) for name in names]
    assert told["folders"] == [formats.folder_name(path) for path in folders]
    assert told["skills"] == [skill_path(name) for name in names]
    assert told["sessions"] == [session_path(name) for name in names]
