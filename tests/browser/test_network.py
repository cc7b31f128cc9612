"""The network in a real browser: what a click on a skill does, by mouse, finger and keyboard."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Open, keep_picture
from tests.browser.serving import Served


@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_on_a_skill_shows_what_goes_with_it(server: Served, opened: Open, width: int) -> None:
    page = opened(f"{server.url}/network?lift=1.5", width=width)
    page.locator(".graph a", has_text="docker-push").locator("circle").click()
    page.wait_for_url(re.compile(r"/network\?lift=1\.5&skill=docker-push#related$"))
    title = page.locator("#related-title")
    expect(title).to_have_text("What goes with docker-push")
    expect(title).to_be_in_viewport()
    expect(page.locator("#related tbody a.name").first).to_have_text("docker-build")
    expect(page.locator(".graph a.chosen")).to_have_count(1)


def test_every_skill_is_reached_by_keyboard(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/network")
    first = page.locator(".graph a").first
    name = first.locator("text").inner_html()
    page.locator("form.search button").focus()
    page.keyboard.press("Tab")
    look = page.evaluate(
        "() => { const here = document.activeElement, style = getComputedStyle(here);"
        " return [here.closest('.graph') !== null, style.outlineStyle, here.getAttribute('aria-label')] }"
    )
    assert look[0] and look[1] != "none" and look[2].startswith(f"{name}: ")
    page.keyboard.press("Enter")
    expect(page.locator("#related-title")).to_have_text(f"What goes with {name}")


def test_filters_and_skills_work_without_scripts(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/network", scripts=False)
    drawn = page.locator(".graph line").count()
    page.locator("nav[aria-label='lift at least'] a", has_text=re.compile("^1.5$")).click()
    assert page.url.endswith("/network?lift=1.5") and 0 < page.locator(".graph line").count() < drawn
    page.get_by_role("searchbox").fill("DOCKER-push")
    page.get_by_role("button", name="Show").click()
    assert page.locator("#related-title").inner_text() == "What goes with docker-push"
    assert "lift=1.5" in page.url


@pytest.mark.long
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_it_in_both_themes(server: Served, opened: Open, theme: str) -> None:
    page = opened(f"{server.url}/network?skill=skill-3", theme=theme)
    expect(page.locator("#live")).to_have_text("Live")
    keep_picture(page, f"network-of-one-{theme}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
