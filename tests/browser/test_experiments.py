"""Experiments in a real browser: charts, what is new by itself, and the report without a server."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from session_buddy.experiments.records import Experiments
from session_buddy.server.pages.links import experiment_path
from session_buddy.storage import open_store
from tests.browser.conftest import Open, keep_picture
from tests.browser.serving import Served
from tests.making import NOW, FakeClock
from tests.trials import NAME, run_trial

PATH = experiment_path(NAME)
BROKEN = "</title><script>document.title = 'taken'</script>"


def drawn(page: Page) -> Page:
    expect(page.locator("#live")).to_have_text("Live")
    page.wait_for_selector(".plot.course .main-svg", timeout=30_000)
    return page


def require_usable(page: Page, width: int) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.long
def test_charts_show_every_metric_and_every_day(server: Served, opened: Open) -> None:
    page = drawn(opened(server.url + PATH))
    assert page.locator(".plot.forest-4 .scatterlayer .trace").count() == 4
    assert page.locator(".plot.course .barlayer .point").count() == 12
    for said in ("success, primary", "duration (less is better), guardrail"):
        assert page.locator(".plot.forest-4 .annotation", has_text=said).count() == 1
    page.locator("#course-table summary").click()
    assert page.locator("#course-table tbody tr").count() == 12


@pytest.mark.long
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_a_broken_experiment_is_usable_by_everybody(server: Served, opened: Open, width: int, theme: str) -> None:
    with open_store(server.store_url, clock=FakeClock()) as store:
        if BROKEN not in [one.test_name for one in Experiments(store).list().experiments]:
            run_trial(store, BROKEN, lost=0.4, slower=1.6, seed=3, hypothesis=BROKEN, skills=(BROKEN,))
    page = drawn(opened(server.url + experiment_path(BROKEN), width=width, theme=theme))
    keep_picture(page, f"experiment-broken-{theme}-{width}")
    require_usable(page, width)
    assert page.title().startswith("</title><script>")
    expect(page.locator("#verdict .news.bad")).to_contain_text("Invalid: of the users with outcomes")
    red = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()")
    worse = page.locator(".plot.forest-4 .scatterlayer .trace .point").nth(3)
    channels = [int(red[place : place + 2], 16) for place in (1, 3, 5)]
    assert worse.evaluate("node => getComputedStyle(node).fill") == f"rgb({', '.join(map(str, channels))})"


@pytest.mark.long
def test_what_is_told_meanwhile_is_seen_by_itself(server: Served, opened: Open) -> None:
    page = opened("about:blank")
    page.clock.install()
    page.goto(server.url + PATH)
    expect(page.locator("#live")).to_have_text("Live")
    outcomes = page.locator("#variants tbody td:last-child")
    before = [int(text.replace(",", "")) for text in outcomes.all_inner_texts()]
    with open_store(server.store_url, clock=FakeClock()) as store:
        told = {"user_id": "user-0001", "skill_name": "commit", "completed": True, "recorded_at": NOW}
        Experiments(store, clock=FakeClock()).record_outcomes(NAME, [told])
    page.clock.fast_forward(31_000)
    page.clock.fast_forward(1_000)
    page.wait_for_function(
        "sum => [...document.querySelectorAll('#variants tbody td:last-child')]"
        ".reduce((all, cell) => all + Number(cell.textContent.replace(',', '')), 0) === sum",
        arg=sum(before) + 1,
        polling=200,
        timeout=10_000,
    )


@pytest.mark.parametrize(("width", "theme"), [(1000, "light"), (390, "dark")])
def test_the_report_needs_no_server(server: Served, opened: Open, tmp_path: Path, width: int, theme: str) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(httpx.get(server.url + experiment_path(NAME, "report.html")).content)
    asked: list[str] = []
    page = opened("about:blank", width=width, theme=theme)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    keep_picture(page, f"experiment-report-{theme}-{width}")
    assert asked == [path.as_uri()]
    assert page.locator("svg.drawn").count() == 2
    boxes = [svg.bounding_box() for svg in page.locator("svg.drawn").all()]
    assert all(box is not None and box["height"] > 80 for box in boxes)
    require_usable(page, width)
