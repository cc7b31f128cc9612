"""The landscape in a real browser: what a click does, by mouse, finger and keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.serving import Served
from tests.landscapes import SKILLS


def map_of(page: Page) -> None:
    page.wait_for_selector(".plot.map .main-svg", timeout=30_000)


def marks(page: Page) -> list[dict[str, float]]:
    """Return the middles of all marks as they lie on the screen, once they lie still."""
    map_of(page)
    expect(page.locator(".plot .points path")).to_have_count(len(SKILLS))
    page.locator(".plot.map").scroll_into_view_if_needed()
    return page.evaluate(
        "() => [...document.querySelectorAll('.plot .points path')].map((mark) => {"
        " const box = mark.getBoundingClientRect(); return { x: box.x + box.width / 2, y: box.y + box.height / 2 } })"
    )


@pytest.mark.long
@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_shows_what_is_near(server: Served, opened: Open, width: int) -> None:
    page = opened(f"{server.url}/landscape?by=success", width=width)
    first = marks(page)[0]
    page.mouse.move(first["x"], first["y"])
    page.mouse.click(first["x"], first["y"])
    page.wait_for_url(re.compile(r"/landscape\?by=success&skill=.+#neighbours$"))
    title = page.locator("#neighbours-title")
    expect(title).to_be_in_viewport()
    assert title.inner_text().removeprefix("Near ") in SKILLS
    map_of(page)
    assert page.locator("#neighbours .names a").count() >= 8


@pytest.mark.long
def test_what_is_near_is_found_by_keyboard(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/landscape")
    page.get_by_label("What is near").focus()
    page.keyboard.type("DOCKER-build")
    page.keyboard.press("Enter")
    expect(page.locator("#neighbours-title")).to_have_text("Near docker-build")
    link = page.locator("#neighbours .names a").first
    name = link.inner_text()
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#neighbours-title")).to_have_text(f"Near {name}")


def test_what_is_near_is_found_without_scripts(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/landscape", scripts=False)
    page.locator("#skills tbody a.name", has_text="tox").click()
    assert page.locator("#neighbours-title").inner_text() == "Near tox"
    page.locator("nav[aria-label=Colour] a", has_text="success").click()
    assert page.url.endswith("/landscape?by=success&skill=tox")
    page.locator("#clusters tbody a.name").first.click()
    assert "cluster=" in page.url and page.locator("#skills tbody tr").count() == 6


@pytest.mark.long
def test_names_are_texts_on_the_map_too(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/landscape?skill=%3Cb%3Ebold%3C%2Fb%3E")
    map_of(page)
    ring = page.locator(".plot .points path").first
    box = ring.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".plot .hovertext")).to_contain_text("<b>bold</b>")
    assert page.locator(".plot b, main b").count() == 0
