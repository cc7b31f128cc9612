"""The page of tests and the gate in a browser: its form judges, with scripts and without."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.serving import Served


@pytest.mark.long
@pytest.mark.parametrize("scripts", [True, False])
def test_the_form_of_the_gate_judges_and_keeps_what_was_said(server: Served, opened: Open, scripts: bool) -> None:
    page = opened(f"{server.url}/tests?flaky=1", scripts=scripts)
    assert page.locator("#list tbody tr").count() == 1
    page.get_by_label("Least success").fill("1")
    page.get_by_label("Skill", exact=True).fill("SKILL-3")
    page.get_by_role("button", name="Judge").click()
    page.wait_for_url(re.compile(r"/tests\?flaky=1&min_completion=1&skill=SKILL-3&.*#gate$"))
    expect(page.locator("#verdict")).to_contain_text("The gate is shut.")
    assert page.locator("#verdict tbody tr").count() == 1 and page.locator("#list tbody tr").count() == 1
    expect(page.get_by_label("Least success")).to_have_value("1")
    # A second field has come, for one more skill.
    page.get_by_label("or", exact=True).fill("skill-4")
    page.get_by_label("Least success").fill("0.1")
    page.get_by_role("button", name="Judge").click()
    expect(page.locator("#verdict")).to_contain_text("The gate is open.")
    assert page.locator("#verdict tbody tr").count() == 2


def test_filters_are_links(server: Served, opened: Open) -> None:
    page = opened(f"{server.url}/tests")
    assert page.locator("#list tbody tr").count() == 4
    page.get_by_role("link", name="flaky only").click()
    page.wait_for_url(f"{server.url}/tests?flaky=1")
    assert page.locator("#list tbody tr").count() == 1
    page.get_by_role("link", name="a week").click()
    page.wait_for_url(f"{server.url}/tests?since=7d&flaky=1")
    expect(page.locator("#list")).to_contain_text("No test was recorded since")
