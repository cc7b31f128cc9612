"""TRX, the results of ``dotnet test`` and of Visual Studio: trees to reports. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_buddy.importers.ci.identity import milliseconds_between, moment
from session_buddy.importers.ci.results import Case, Counts, Report, Status, name_of_test
from session_buddy.importers.ci.xml import attribute, children, local

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["ROOTS", "trx_report"]

ROOTS = frozenset({"TestRun"})
_STATUSES = {
    "passed": Status.PASSED,
    "completed": Status.PASSED,
    "warning": Status.PASSED,
    "passedbutrunaborted": Status.PASSED,
    "failed": Status.FAILED,
    "error": Status.ERROR,
    "timeout": Status.TIMEOUT,
}
"""Whatever else is said (``NotExecuted``, ``Aborted``, ``Inconclusive`` …) is no result."""


def trx_report(root: Element) -> Report:
    """Return what the tree *root* says."""
    classes = _classes(root)
    cases = [_case(result, classes) for result in _results(root)]
    times = next(children(root, "Times"), None)
    start = moment(times.get("start")) if times is not None else None
    spent = milliseconds_between(start, moment(times.get("finish"))) if times is not None else None
    return Report(
        format="trx",
        skill="dotnet-test",
        started_at=start,
        seconds=None if spent is None else spent / 1000,
        cases=cases,
        declared=Counts() if cases else _declared(root),
    )


def _results(root: Element) -> list[Element]:
    """Return the results of tests; a test of many rows of data has one for each row inside its own, which counts."""
    found = [result for group in children(root, "Results") for result in group]
    return [result for result in found if result.get("testName") is not None or result.get("outcome") is not None]


def _classes(root: Element) -> dict[str, str]:
    """Return the class of each test by its id; what follows a comma in it is the assembly's version."""
    found = {}
    for group in children(root, "TestDefinitions"):
        for test in group:
            method = next(children(test, "TestMethod"), None)
            name = attribute(method, "className") if method is not None else None
            if name and (test_id := test.get("id")):
                found[test_id] = name.partition(",")[0]
    return found


def _case(result: Element, classes: dict[str, str]) -> Case:
    outcome = result.get("outcome", "").lower()
    return Case(
        name_of_test(classes.get(result.get("testId", "")), attribute(result, "testName")),
        _STATUSES.get(outcome, Status.SKIPPED),
        _clock_seconds(result.get("duration")),
        moment(result.get("startTime")),
    )


def _clock_seconds(text: str | None) -> float | None:
    """Return ``hours:minutes:seconds`` in seconds."""
    parts = (text or "").split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _declared(root: Element) -> Counts:
    for element in root.iter():
        if local(element) == "Counters":
            number = {name: int(text) for name, text in element.items() if text.isascii() and text.isdigit()}
            broken = number.get("failed", 0) + number.get("error", 0) + number.get("timeout", 0)
            total, executed = number.get("total", 0), number.get("executed", 0)
            return Counts(tests=total, failed=broken, skipped=max(0, total - executed))
    return Counts()
