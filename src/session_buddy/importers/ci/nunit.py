"""NUnit's XML, versions 2 and 3: trees to reports. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_buddy.importers.ci.identity import moment, seconds_of
from session_buddy.importers.ci.results import Case, Counts, Report, Status, name_of_test
from session_buddy.importers.ci.xml import attribute, children, local

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["ROOTS", "nunit_report"]

ROOTS = frozenset({"test-results", "test-run", "test-suite"})
_STATUSES = {
    "passed": Status.PASSED,
    "success": Status.PASSED,
    "warning": Status.PASSED,
    "failed": Status.FAILED,
    "failure": Status.FAILED,
    "error": Status.ERROR,
    "cancelled": Status.ERROR,
}


def nunit_report(root: Element) -> Report:
    """Return what the tree *root* says."""
    start = (
        moment(root.get("start-time"))
        or moment(f"{root.get('run-date', '')}T{root.get('start-time', '')}")
        or moment(f"{root.get('date', '')}T{root.get('time', '')}")
    )
    elements = [element for element in root.iter() if local(element) == "test-case"]
    # In version 2, the root has the time of day where the others have seconds.
    timed = next(children(root, "test-suite"), root) if local(root) == "test-results" else root
    return Report(
        format="nunit",
        skill="dotnet-test",
        started_at=start,
        seconds=seconds_of(attribute(timed, "duration", "time")),
        cases=[_case(element, start) for element in elements],
        declared=Counts(),
    )


def _case(case: Element, run_start: str | None) -> Case:
    return Case(
        name_of_test(attribute(case, "classname"), attribute(case, "fullname", "name")),
        _status(case),
        seconds_of(attribute(case, "duration", "time")),
        moment(case.get("start-time")) or run_start,
    )


def _status(case: Element) -> Status:
    """Return the status that ``result`` names; early versions of NUnit 2 say ``executed`` and ``success`` instead."""
    said = attribute(case, "result")
    if said is not None:
        return _STATUSES.get(said.lower(), Status.SKIPPED)
    if case.get("executed", "").lower() == "false":
        return Status.SKIPPED
    has_failed = case.get("success", "").lower() == "false" or any(True for _ in children(case, "failure"))
    return Status.FAILED if has_failed else Status.PASSED
