"""What users did before an experiment, kept as it was at its start."""

from __future__ import annotations

from typing import Any

import pytest

from session_buddy.experiments import covariates
from session_buddy.model import Outcome
from session_buddy.storage import Store
from tests.experiments.kit import Kit, kit, place
from tests.making import NOW, invocation, shifted

__all__ = ["kit", "place"]


def frozen(kit: Kit) -> list[tuple[Any, ...]]:
    return kit.rows(
        "ab_test_covariates", "user_id, outcome_count, completed_count, duration_sum, duration_count",
        f"AND startsWith(user_id, '{kit.name}')" if "chdb" in kit.store.url else f"AND user_id LIKE '{kit.name}%'",
    )  # fmt: skip


def did(kit: Kit, user: str, number: int, **fields: Any) -> Any:
    given = {"user_id": f"{kit.name} {user}", "session_id": f"{kit.name} {user}", "invoked_at": shifted(NOW, days=-1)}
    return invocation(f"{kit.name} {user} {number}", **(given | fields))


def test_what_ended_before_the_start_is_counted_by_user(kit: Kit) -> None:
    kit.store.record([
        did(kit, "a", 1, duration_ms=1500),
        did(kit, "a", 2, outcome=Outcome.FAILED, duration_ms=250),
        did(kit, "a", 3),
        did(kit, "a", 4, outcome=Outcome.ABANDONED, duration_ms=99_000),
        did(kit, "a", 5, outcome=None),
        did(kit, "b", 1, outcome=Outcome.FAILED),
        did(kit, "c", 1, outcome=None),
        did(kit, "d", 1, invoked_at=shifted(NOW, days=-28)),
        did(kit, "e", 1, invoked_at=shifted(NOW, days=-28, milliseconds=-1)),
        did(kit, "f", 1, invoked_at=NOW),
        did(kit, "g", 1, invoked_at=shifted(NOW, milliseconds=-1)),
    ])  # fmt: skip
    kit.running()
    name = kit.name
    assert frozen(kit) == [
        (f"{name} a", 3, 2, 1.75, 2), (f"{name} b", 1, 0, 0.0, 0), (f"{name} d", 1, 1, 0.0, 0),
        (f"{name} g", 1, 1, 0.0, 0),
    ]  # fmt: skip


def test_what_becomes_of_the_events_later_changes_nothing(kit: Kit) -> None:
    kit.store.record([did(kit, "a", 1)])
    kit.running()
    before = frozen(kit)
    kit.store.record([did(kit, "a", 2), did(kit, "late", 1)])
    kit.experiments.pause(kit.name, actor="ann")
    kit.experiments.resume(kit.name, actor="ann")
    assert frozen(kit) == before == [(f"{kit.name} a", 1, 1, 0.0, 0)]


def test_the_days_are_the_design_s(kit: Kit) -> None:
    kit.store.record([did(kit, "a", 1), did(kit, "b", 1, invoked_at=shifted(NOW, days=-3))])
    kit.running(covariate_days=2)
    assert [row[0] for row in frozen(kit)] == [f"{kit.name} a"]


@pytest.mark.parametrize("settings", [{"covariate_days": 0}, {"unit": "session"}])
def test_where_nothing_is_wanted_nothing_is_kept(kit: Kit, settings: dict[str, Any]) -> None:
    kit.store.record([did(kit, "a", 1)])
    kit.running(**settings)
    assert frozen(kit) == []
    assert kit.experiments.history(kit.name)[-1].details == {"users_before": 0}


def test_users_are_written_in_pieces(kit: Kit, place: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covariates, "_ROWS_AT_ONCE", 7)
    users = [f"ü{number}\n\u2028" for number in range(30)]
    kit.store.record([did(kit, user, number) for user in users for number in range(3)])
    kit.running()
    assert [row[:2] for row in frozen(kit)] == sorted(((f"{kit.name} {user}", 3) for user in users), key=repr)
    everybody = place.query("SELECT count(DISTINCT user_id) FROM skill_invocation").rows[0][0]
    assert kit.experiments.history(kit.name)[-1].details["users_before"] <= everybody
