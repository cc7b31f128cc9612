"""JUnit XML, as pytest, Maven, Jest, PHPUnit, Bazel and many others write it: trees to reports. Pure.

Suites may hold suites. What is missing is not known; nothing has to be there but ``testsuite`` or ``testsuites``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from session_buddy.importers.ci.identity import moment, seconds_of
from session_buddy.importers.ci.results import Case, Counts, Report, Status, name_of_test
from session_buddy.importers.ci.xml import attribute, children, local

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["ROOTS", "junit_report"]

ROOTS = frozenset({"testsuites", "testsuite"})
_WORST_FIRST = (("error", Status.ERROR), ("failure", Status.FAILED), ("skipped", Status.SKIPPED))
_EARLIER_ATTEMPTS = {
    "flakyFailure": Status.FAILED,
    "flakyError": Status.ERROR,
    "rerunFailure": Status.FAILED,
    "rerunError": Status.ERROR,
}
"""How Maven's Surefire tells of attempts that it repeated."""
_NOT_RUN = frozenset({"disabled", "notrun", "skipped", "ignored", "suppressed"})
_SKILLS = {"pytest": "pytest-run", "jest tests": "jest", "jest": "jest", "vitest tests": "vitest"}
"""By the name that a root or a suite is given by those who write it."""


def junit_report(root: Element) -> Report:
    """Return what the tree *root* says."""
    suites = list(_suites(root))
    cases = _told_apart(
        [
            (suite, case)
            for suite in suites
            for number, element in enumerate(children(suite, "testcase"), 1)
            for case in _attempts(element, suite, number)
        ]
    )
    outermost = list(children(root, "testsuite")) if local(root) == "testsuites" else [root]
    told = [seconds for suite in outermost if (seconds := seconds_of(suite.get("time"))) is not None]
    of_root = seconds_of(root.get("time"))
    return Report(
        format="junit",
        skill=_skill(root, suites),
        started_at=min((at for suite in [root, *suites] if (at := moment(suite.get("timestamp")))), default=None),
        seconds=of_root if of_root is not None else (sum(told) if told else None),
        cases=cases,
        declared=_declared(suites),
    )


def _suites(root: Element) -> Iterator[Element]:
    """Yield every suite, those inside others too, in the order of the document."""
    return (element for element in root.iter() if local(element) == "testsuite")


def _attempts(case: Element, suite: Element, number: int) -> Iterator[Case]:
    group = attribute(case, "classname", "class") or attribute(suite, "name")
    name = name_of_test(group, attribute(case, "name") or f"#{number}")
    started_at = moment(attribute(case, "timestamp") or attribute(suite, "timestamp"))
    for child in case:
        if (earlier := _EARLIER_ATTEMPTS.get(local(child))) is not None:
            yield Case(name, earlier, seconds_of(child.get("time")), started_at)
    yield Case(name, _status(case), seconds_of(case.get("time")), started_at)


def _told_apart(told: list[tuple[Element, Case]]) -> list[Case]:
    """Return the cases, those of one name in several suites named by these too: they are no attempts at one test.

    So a test is told of that ran in several browsers, or on several machines.
    """
    suites_of: dict[str, list[Element]] = {}
    for suite, case in told:
        among = suites_of.setdefault(case.name, [])
        if suite not in among:
            among.append(suite)
    field_of = {name: _apart_by(among) for name, among in suites_of.items() if len(among) > 1}
    return [
        msgspec.structs.replace(case, name=f"{suite.get(field, '').strip()} › {case.name}")
        if (field := field_of.get(case.name)) is not None
        else case
        for suite, case in told
    ]


def _apart_by(suites: list[Element]) -> str | None:
    """Return the attribute that tells *suites* apart."""
    for field in ("name", "hostname"):
        values = {suite.get(field, "").strip() for suite in suites}
        if len(values) == len(suites) and "" not in values:
            return field
    return None


def _status(case: Element) -> Status:
    """Return the worst of what a test is said to have come to: some tools write several."""
    said = {local(child) for child in case}
    for word, status in _WORST_FIRST:
        if word in said:
            return status
    if _NOT_RUN & {case.get(word, "").lower() for word in ("status", "result")}:
        return Status.SKIPPED
    return Status.PASSED


def _declared(suites: list[Element]) -> Counts:
    return Counts(
        tests=sum(_number(suite, "tests") for suite in suites),
        failed=sum(_number(suite, "failures") + _number(suite, "errors") for suite in suites),
        skipped=sum(_number(suite, "skipped") + _number(suite, "disabled") for suite in suites),
    )


def _number(suite: Element, name: str) -> int:
    text = suite.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _skill(root: Element, suites: list[Element]) -> str:
    for element in (root, *suites[:1]):
        name = element.get("name", "").strip().lower()
        if name in _SKILLS or name.startswith("pytest"):
            return _SKILLS.get(name, "pytest-run")
    return "test-run"
