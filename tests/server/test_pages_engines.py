"""Every page on every engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.conftest import OpenStore, engine, new_url, open_new
from tests.making import FakeClock, invocation, many
from tests.server.pages_kit import Page, visiting

__all__ = ["engine", "new_url", "open_new"]


@pytest.mark.long
def test_says_the_same(open_new: OpenStore, tmp_path: Path) -> None:
    with open_new("pages", clock=FakeClock()) as store:
        store.record([*many(300), invocation("a", skill_name="/clear", duration_ms=250)])
        store.refresh()
        with visiting(store, tmp_path) as visitor:
            for address, said in {
                "/": "301 uses of 13 skills and tools in 21 sessions",
                "/skills": "13 of 13 skills",
                "/skills?days=30&by=failures": "13 of 13 skills, since 17 May 2026",
                "/skills/%2Fclear": "success 100 % 1 of 1, 21 % to 100 %",
                "/skills/%2Fclear?grain=hour": "median; 95 % within",
                "/sessions": "the latest 21 of 21 sessions",
                "/sessions/s1": "1 use, none failed, 0 abandoned.",
                "/anomalies": "13 skills watched.",
                "/data": "no duration",
            }.items():
                answer = visitor.get(address)
                assert answer.status_code == 200, (address, answer.text)
                assert said in Page(answer.text).text, address
