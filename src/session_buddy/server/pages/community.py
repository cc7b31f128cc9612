"""The community: how well skills work for many users, and one of them beside the others."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from session_buddy.errors import InvalidInput
from session_buddy.reports.community import CommunityFigures, CommunitySkill, UserComparison, read_community
from session_buddy.server.pages.rendering import csv_file, flag, number, page, shown
from session_buddy.server.site import site_of

__all__ = ["listed_csv", "show"]

_SHOWN = 100
_MOST = 10_000
_TEXT_BOUND = 500
_OF_A_USER = ("difference", "difference_low", "difference_high", "duration_difference_seconds", "standing", "reason")


@shown
def show(request: Request) -> Response:
    """Answer with the figures of the community, and with those of the user that the query names beside them."""
    query = request.query_params
    limit, tools, user = number(query, "limit", _SHOWN, most=_MOST), flag(query, "all"), _user(request)
    report = read_community(site_of(request).store, limit, user_id=user, tools=tools)
    chosen = {"user": user, "all": "1" if tools else None}
    return page(request, "community.html", report=report, chosen=chosen)


@shown
def listed_csv(request: Request) -> Response:
    """Answer with the same as CSV, a line for each skill and source, and one for all sources together."""
    tools = flag(request.query_params, "all")
    report = read_community(site_of(request).store, _MOST, user_id=_user(request), tools=tools)
    figures = CommunityFigures.__struct_fields__
    columns = ["skill", "source", *figures, "percentile", "most_common_workflow_phase", *_OF_A_USER]
    rows = (row for one in report.skills for row in _rows(one, figures))
    return csv_file("community", columns, rows)


def _user(request: Request) -> str | None:
    user = request.query_params.get("user", "").strip()
    if len(user) > _TEXT_BOUND:
        raise InvalidInput("user", "is too long.", remedy="Give a user's keyed hash.")
    return user or None


def _rows(one: CommunitySkill, figures: tuple[str, ...]) -> list[list[object]]:
    compared = one.comparison
    parts: list[tuple[str, CommunityFigures | None, list[object]]] = [
        ("all", one.community, [one.percentile, one.most_common_workflow_phase])
    ]
    parts += [(part.source, part.figures, [None, None]) for part in one.sources]
    if compared:
        parts.append(("yours", compared.yours, [None, None]))
        parts.append(("others", compared.others, [None, None]))
    return [
        [one.skill, source, *(getattr(found, field) for field in figures), *also, *_compared(compared, source)]
        for source, found, also in parts
        if found is not None
    ]


def _compared(compared: UserComparison | None, source: str) -> list[object]:
    return [getattr(compared, field) if compared and source == "yours" else None for field in _OF_A_USER]
