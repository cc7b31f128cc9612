"""Tests of CI one by one, flaky ones first, and the gate: do skills work well enough to go on?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.errors import InvalidInput
from session_buddy.reports.gate import FEWEST_USES, Gate
from session_buddy.reports.tried_tests import TriedTest, TriedTests
from session_buddy.server.ci_reports import gate_now, remembered_tests
from session_buddy.server.pages.rendering import csv_file, flag, number, page, shown
from session_buddy.server.site import site_of

__all__ = ["listed_csv", "show"]

_SHOWN, _MOST = 50, 100_000
_SINCE, _GATE_SINCE = "30d", "7d"
_SPANS = {"24h": "a day", "7d": "a week", _SINCE: "30 days", "90d": "90 days"}
_MOST_USES = 10**9
_MOST_NAMED = 100


@shown
def show(request: Request) -> Response:
    """Answer with the tests that the query asks for and, where it has conditions, with what the gate says of them."""
    # An empty field of the form is one left out.
    query = {name: value for name, value in request.query_params.items() if value.strip()}
    limit = number(query, "limit", _SHOWN, most=_MOST)
    asked = _conditions(request, query)
    return page(
        request,
        "tests.html",
        listed=_listed(request, query, limit),
        gate=_gate(request, asked),
        asked=asked,
        chosen=_chosen(query, asked),
        spans=_SPANS,
        defaults=(_SINCE, _GATE_SINCE, FEWEST_USES),
        limit=limit,
    )


@shown
def listed_csv(request: Request) -> Response:
    """Answer with all tests that the query asks for as CSV."""
    query = {name: value for name, value in request.query_params.items() if value.strip()}
    columns = TriedTest.__struct_fields__
    listed = _listed(request, query, _MOST)
    return csv_file("tests", columns, ([getattr(one, column) for column in columns] for one in listed.tests))


class _Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of the gate says, as far as it is filled in."""

    min_completion: float | None
    no_new_anomaly: bool
    skills: list[str]
    since: str
    min_uses: int


def _conditions(request: Request, query: Mapping[str, str]) -> _Conditions:
    skills = [name for name in request.query_params.getlist("skill") if name.strip()]
    if len(skills) > _MOST_NAMED:
        raise InvalidInput("skill", f"{len(skills)} are too many.", remedy=f"Name {_MOST_NAMED} at most.")
    return _Conditions(
        min_completion=_fraction(query["min_completion"]) if "min_completion" in query else None,
        no_new_anomaly=flag(query, "no_new_anomaly"),
        skills=skills,
        since=query.get("gate_since", _GATE_SINCE),
        min_uses=number(query, "min_uses", FEWEST_USES, most=_MOST_USES),
    )


def _fraction(text: str) -> float:
    try:
        return float(text[:40])
    except ValueError as error:
        raise InvalidInput(
            "min_completion", f"{text[:40]!r} is no rate.", remedy="Give a fraction from 0 to 1."
        ) from error


def _gate(request: Request, asked: _Conditions) -> Gate | None:
    if asked.min_completion is None and not asked.no_new_anomaly:
        return None
    try:
        return gate_now(site_of(request), **msgspec.structs.asdict(asked))
    except InvalidInput as error:
        if error.field == "since":  # the page has two
            problem = error.problem.removeprefix("since: ")
            raise InvalidInput("gate_since", problem, remedy=error.remedy) from error
        raise


def _listed(request: Request, query: Mapping[str, str], limit: int) -> TriedTests:
    since, only_flaky = query.get("since", _SINCE), flag(query, "flaky")
    kept = request.app.state.kept
    return remembered_tests(kept, site_of(request), since=since, limit=limit, only_flaky=only_flaky)


def _chosen(query: Mapping[str, str], asked: _Conditions) -> dict[str, Any]:
    """Return what links of the page keep: all that was chosen and is not so anyhow."""
    since = query.get("since", _SINCE)
    return {
        "since": None if since == _SINCE else since,
        "flaky": "1" if flag(query, "flaky") else None,
        "min_completion": query.get("min_completion"),
        "no_new_anomaly": "1" if asked.no_new_anomaly else None,
        "skill": asked.skills or None,
        "gate_since": None if asked.since == _GATE_SINCE else asked.since,
        "min_uses": None if asked.min_uses == FEWEST_USES else asked.min_uses,
    }
