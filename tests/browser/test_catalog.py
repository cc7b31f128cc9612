"""The catalogue in a real browser: choosing, comparing, by mouse and keyboard, with scripts and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from session_buddy.model import Kind
from session_buddy.storage import open_store
from tests.browser.conftest import Open
from tests.browser.serving import Served
from tests.making import FakeClock, invocation


@pytest.mark.long
def test_filters_and_comparing_need_no_scripts(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/catalog", scripts=False)
    page.locator("nav[aria-label=Domain] a", has_text="deployment").click()
    assert page.url.endswith("/catalog?domain=deployment")
    names = page.locator("#skill-table tbody th").all_inner_texts()
    assert {"k8s-deploy", "terraform-apply"} <= set(names)
    page.get_by_label("Compare k8s-deploy").check()
    page.get_by_label("Compare terraform-apply").check()
    page.get_by_role("button", name="Compare those that are ticked").click()
    assert page.url.endswith("/catalog/compare?skill=k8s-deploy&skill=terraform-apply")
    assert page.locator("#figures thead th").all_inner_texts() == ["k8s-deploy", "terraform-apply"]
    page.get_by_role("link", name="The whole catalogue").click()
    assert page.url.endswith("/catalog")


def test_one_that_was_never_used_leads_to_what_is_written_of_it(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/catalog?by=name", scripts=False)
    page.locator("#skill-table a.name", has_text="k8s-deploy").click()
    assert page.locator("h1").inner_text() == "k8s-deploy"


@pytest.mark.parametrize("width", [1280, 390])
def test_ticks_stay_when_the_list_is_brought_up_to_date(server: Served, opened: Open, width: int) -> None:
    page = opened(f"{server.url}/catalog?domain=deployment&by=name", width=width)
    expect(page.locator("#live")).to_have_text("Live")
    page.get_by_label("Compare k8s-deploy").check()
    # Where the keyboard is nothing is replaced.
    page.locator("h1").click()
    page.evaluate("document.getElementById('list').dataset.old = 'yes'")
    page.evaluate("delete document.querySelector('main').dataset.every")
    with open_store(server.store_url, clock=FakeClock()) as store:
        store.record([invocation(f"ticks-{width}", skill_name="docker-build", kind=Kind.SHELL)])
    expect(page.locator("#list[data-old]")).to_have_count(0, timeout=10_000)
    assert page.get_by_label("Compare k8s-deploy").is_checked()
    assert not page.get_by_label("Compare terraform-apply").is_checked()


def test_names_are_found_as_they_are_typed(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/catalog")
    page.get_by_label("Find").fill("k8s")
    expect(page.locator("#found")).to_have_text("1 found")
    expect(page.locator("#skill-table tbody tr:visible")).to_have_count(1)
