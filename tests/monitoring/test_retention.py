"""How long events are kept."""

from __future__ import annotations

import pytest

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.retention import kept_since, retention_days
from tests.making import NOW


@pytest.mark.parametrize(("text", "days"), [("", None), ("  ", None), ("35", 35), (" 400 ", 400), ("36500", 36_500)])
def test_nothing_set_keeps_everything(text: str, days: int | None) -> None:
    assert retention_days(text) == days


@pytest.mark.parametrize("text", ["34", "0", "-400", "1e3", "for ever", "36501", "٤٠٠٠٠"])
def test_what_would_take_the_watch_its_baseline_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        retention_days(text)
    assert raised.value.field == "retention_days"


def test_days_are_whole_ones_of_utc_with_today() -> None:
    assert kept_since(NOW, 1) == "2026-06-15T00:00:00.000Z"
    assert kept_since("2026-06-15T00:00:00.000Z", 35) == "2026-05-12T00:00:00.000Z"
