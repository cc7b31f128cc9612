"""What a report of tests says, whatever its format: one run, and what became of each test. Frozen values."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import msgspec

__all__ = ["Case", "Counts", "Report", "Status", "name_of_test"]


class Status(StrEnum):
    """What became of a test."""

    PASSED = "passed"
    FAILED = "failed"
    """What it asserts does not hold."""
    ERROR = "error"
    """It broke elsewhere: in its preparation, or outside of what it asserts."""
    TIMEOUT = "timeout"
    SKIPPED = "skipped"
    """It did not run, or said nothing: skipped, ignored, disabled, inconclusive."""


class Case(msgspec.Struct, frozen=True, gc=False):
    """One attempt at one test."""

    name: str
    status: Status
    seconds: float | None = None
    started_at: str | None = None
    """In the canonical form; None where the report does not say."""


class Counts(msgspec.Struct, frozen=True):
    """What a report says of itself; a number that it does not give is 0."""

    tests: int = 0
    failed: int = 0
    """Failures and errors."""
    skipped: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run of tests."""

    format: str
    """``junit``, ``trx``, ``xunit`` or ``nunit``."""
    skill: str
    """What ran them, as the rules for commands call it: ``pytest-run``; ``test-run`` where that is not known."""
    started_at: str | None
    seconds: float | None
    cases: list[Case]
    declared: Counts

    @property
    def passed(self) -> bool | None:
        """Whether nothing failed; None where nothing ran."""
        seen = Counter(case.status for case in self.cases)
        broken = seen[Status.FAILED] + seen[Status.ERROR] + seen[Status.TIMEOUT]
        if broken or self.declared.failed:
            # A test that failed and passed when it was tried again does not fail its run.
            return not self.declared.failed and _all_passed_in_the_end(self.cases)
        ran = seen[Status.PASSED] if self.cases else self.declared.tests - self.declared.skipped
        return True if ran > 0 else None


def name_of_test(group: str | None, name: str | None) -> str:
    """Return the name of a test in a *group* (class, suite); different tests have different names.

    A name that begins with its group and a dot is a whole name already.

    >>> name_of_test("shop.CartTest", "adds"), name_of_test("Shop.Cart", "Shop.Cart.Adds")
    ('shop.CartTest › adds', 'Shop.Cart.Adds')
    """
    if not group or (name or "").startswith(f"{group}."):
        return name or "unnamed"
    return f"{group.replace('›', '››')} › {name or 'unnamed'}"


def _all_passed_in_the_end(cases: list[Case]) -> bool:
    last = {case.name: case.status for case in cases}
    return all(status in (Status.PASSED, Status.SKIPPED) for status in last.values())
