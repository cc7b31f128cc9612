"""xUnit.net's XML (version 2), which Fixie writes as well: trees to reports. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_buddy.importers.ci.identity import moment, seconds_of
from session_buddy.importers.ci.results import Case, Counts, Report, Status, name_of_test
from session_buddy.importers.ci.xml import attribute, children, local

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["ROOTS", "xunit_report"]

ROOTS = frozenset({"assemblies", "assembly"})
_STATUSES = {"pass": Status.PASSED, "fail": Status.FAILED}


def xunit_report(root: Element) -> Report:
    """Return what the tree *root* says."""
    assemblies = list(children(root, "assembly")) if local(root) == "assemblies" else [root]
    starts = {assembly: _start(assembly) for assembly in assemblies}
    cases = [
        _case(element, starts[assembly])
        for assembly in assemblies
        for element in assembly.iter()
        if local(element) == "test"
    ]
    told = [seconds for assembly in assemblies if (seconds := seconds_of(assembly.get("time"))) is not None]
    return Report(
        format="xunit",
        skill="dotnet-test",
        started_at=min((start for start in starts.values() if start), default=None),
        seconds=sum(told) if told else None,
        cases=cases,
        declared=Counts(),
    )


def _start(assembly: Element) -> str | None:
    return moment(f"{assembly.get('run-date', '')}T{assembly.get('run-time', '')}")


def _case(test: Element, started_at: str | None) -> Case:
    return Case(
        name_of_test(attribute(test, "type"), attribute(test, "name", "method")),
        _STATUSES.get(test.get("result", "").lower(), Status.SKIPPED),
        seconds_of(test.get("time")),
        started_at,
    )
