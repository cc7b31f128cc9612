"""A value of the wrong type is the caller's, named by its field, and nothing of its batch is stored."""

from __future__ import annotations

from typing import Any

import pytest

from session_buddy.errors import InvalidInvocation
from session_buddy.model import DurationSource
from session_buddy.storage import Recorded, Store
from tests.making import invocation, many

WRONG: list[tuple[str, Any]] = [
    ("kind", "weird"),
    ("kind", "skill"),
    ("trigger", None),
    ("workflow_phase", "setup"),
    ("duration_ms", 1.5),
    ("duration_ms", True),
    ("project", 5),
    ("project", ["a"]),
    ("plugin", b"a"),
    ("event_id", 7),
    ("user_id", ("a",)),
    ("rating", True),
    ("follow_up_actions", ("a", 5)),
    ("follow_up_actions", "ab"),
    ("alternatives_considered", None),
    ("traits", ("reads:py", None)),
    ("traits", "rejected"),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_value_of_the_wrong_type_is_named_and_poisons_nothing(store: Store, field: str, value: Any) -> None:
    values = {"event_id": "w", "duration_source": DurationSource.SPAN, field: value}
    wrong = invocation(**values)
    for size in (0, 3):
        with pytest.raises(InvalidInvocation) as told:
            store.record([*many(size), wrong])
        assert told.value.field == field
    assert store.query("SELECT count(*) FROM skill_invocation").rows == [(0,)]
    assert store.record([invocation("w"), invocation("fine")]) == Recorded(added=2)
    assert store.record([invocation("w")]) == Recorded(unchanged=1)


def test_a_whole_number_is_a_rating(store: Store) -> None:
    store.record([invocation(rating=5)])
    assert store.query("SELECT rating FROM skill_invocation").rows == [(5.0,)]
