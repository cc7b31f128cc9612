"""``ci tests``: tests one by one, which fail and which are flaky."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from session_buddy.importers.ci import TEST
from session_buddy.storage import Store

__all__ = ["TriedTest", "TriedTests", "flaky_names", "read_tests"]

_ATTEMPTS = """
SELECT t.workflow_step_id AS test, t.project, t.outcome, t.duration_ms, t.invoked_at, t.parent_event_id AS run,
       r.traits AS traits
FROM skill_invocation t LEFT JOIN skill_invocation r ON r.event_id = t.parent_event_id
WHERE t.skill_name = ? AND t.invoked_at >= ? AND t.workflow_step_id IS NOT NULL
"""
_COMMIT = "commit:"


class TriedTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test."""

    test: str
    project: str | None
    attempts: int
    passed: int
    failed: int
    skipped: int
    """Attempts in which it did not run, or that said nothing."""
    flaky: bool
    """Whether it passed and failed in one run, or at one commit."""
    avg_duration_seconds: float | None
    last_run_at: str


class TriedTests(msgspec.Struct, frozen=True, kw_only=True):
    """Tests: flaky ones first, then those that fail most."""

    since: str
    total: int
    """How many tests were run; ``tests`` may be cut short."""
    flaky: int
    failing: int
    """Tests of which at least one attempt failed."""
    tests: list[TriedTest]


class _Attempt(msgspec.Struct):
    test: str
    project: str | None
    outcome: str | None
    duration_ms: int | None
    invoked_at: str
    run: str | None
    traits: str | None


def read_tests(store: Store, *, since: str, limit: int, only_flaky: bool = False) -> TriedTests:
    """Return the tests that were run *since* then, at most *limit*; reads every attempt of them."""
    by_test: dict[tuple[str | None, str], list[_Attempt]] = defaultdict(list)
    for attempt in msgspec.convert(list(store.query(_ATTEMPTS, [TEST, since])), list[_Attempt]):
        by_test[attempt.project, attempt.test].append(attempt)
    tests = [_figures(attempts) for attempts in by_test.values()]
    order = sorted(tests, key=lambda one: (not one.flaky, -one.failed, one.test, one.project or ""))
    shown = [one for one in order if one.flaky or not only_flaky]
    return TriedTests(
        since=since,
        total=len(tests),
        flaky=sum(one.flaky for one in tests),
        failing=sum(one.failed > 0 for one in tests),
        tests=shown[:limit],
    )


def flaky_names(attempts: Iterable[tuple[str, bool]]) -> list[str]:
    """Return the tests in *attempts*, names with whether each passed, that did both; of the same code, that is flaky.

    >>> flaky_names([("a", False), ("b", True), ("a", True)])
    ['a']
    """
    seen: dict[str, set[bool]] = defaultdict(set)
    for name, passed in attempts:
        seen[name].add(passed)
    return sorted(name for name, ends in seen.items() if len(ends) == 2)


def _figures(attempts: list[_Attempt]) -> TriedTest:
    ends = Counter(attempt.outcome for attempt in attempts)
    spent = [attempt.duration_ms for attempt in attempts if attempt.duration_ms is not None]
    return TriedTest(
        test=attempts[0].test,
        project=attempts[0].project,
        attempts=len(attempts),
        passed=ends["completed"],
        failed=ends["failed"],
        skipped=len(attempts) - ends["completed"] - ends["failed"],
        flaky=_is_flaky(attempts),
        avg_duration_seconds=sum(spent) / len(spent) / 1000 if spent else None,
        last_run_at=max(attempt.invoked_at for attempt in attempts),
    )


def _is_flaky(attempts: list[_Attempt]) -> bool:
    """Tell whether any code, told by a run or by a commit, made the test pass as well as fail."""
    told = []
    for attempt in attempts:
        if attempt.outcome in ("completed", "failed"):
            for code in (attempt.run, _commit(attempt.traits)):
                if code is not None:
                    told.append((code, attempt.outcome == "completed"))
    return bool(flaky_names(told))


def _commit(traits: str | None) -> str | None:
    told = msgspec.json.decode(traits, type=list[str]) if traits else []
    return next((trait for trait in told if trait.startswith(_COMMIT)), None)
