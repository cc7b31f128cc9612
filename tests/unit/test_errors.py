from __future__ import annotations

import pickle

import pytest

from session_buddy import errors
from session_buddy.errors import InvalidInput, InvalidInvocation, MissingExtra, SessionBuddyError, StoreBusy


@pytest.mark.parametrize(
    "error",
    [
        StoreBusy("It is locked.", remedy="Wait."),
        InvalidInput("field", "is bad.", remedy="Mend it."),
        InvalidInvocation("rating", "is 7.", remedy="Rate from 1 to 5."),
        MissingExtra("Parquet", extra="parquet"),
    ],
)
def test_errors_travel_between_processes_whole(error: SessionBuddyError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (str(back), vars(back)) == (str(error), vars(error))
    assert str(error) == f"{error.problem} {error.remedy}"


def test_every_error_has_the_one_root_and_stands_in_the_drawn_tree() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), SessionBuddyError)
        assert name in (errors.__doc__ or "")
