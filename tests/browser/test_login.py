"""Signing in as a browser does it: with its own idea of origins, forms and cookies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from session_buddy.server.tokens import Scope
from tests.browser.conftest import Open, keep_picture
from tests.server.serving_kit import Served, served


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    with served(tmp_path_factory.mktemp("guarded"), needs_token=True) as server:
        yield server, server.tokens.create(Scope.READ, now=server.clock())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_token_leads_to_the_page_that_was_asked_for(opened: Open, guarded: tuple[Served, str], theme: str) -> None:
    server, token = guarded
    page = opened(f"{server.address}/skills?days=7", theme=theme, width=390)
    assert page.url.endswith("/login?next=%2Fskills%3Fdays%3D7")
    keep_picture(page, f"login {theme}")
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    field.fill(token)
    field.press("Enter")
    page.wait_for_url("**/skills?days=7")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    page.goto(f"{server.address}/anomalies")
    assert page.url.endswith("/anomalies")
    assert "sbk_" not in page.evaluate("document.cookie")


def test_a_wrong_token_is_told(browser: Browser, guarded: tuple[Served, str]) -> None:
    server, _ = guarded
    page = browser.new_page()
    page.goto(f"{server.address}/")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The token is unknown, expired or revoked.")
    page.close()
