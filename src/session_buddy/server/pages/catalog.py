"""The catalogue: which skills there are, and some of them side by side."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from session_buddy.asking import one_of
from session_buddy.catalog.scanning.findings import FindingKind
from session_buddy.catalog.scanning.sources import Origin
from session_buddy.errors import InvalidInput
from session_buddy.model import Kind
from session_buddy.ordering import CatalogueOrder
from session_buddy.reports.catalog import compare_skills, read_catalogue
from session_buddy.reports.catalog_figures import CatalogueFilter
from session_buddy.server.pages.links import skill_path, with_query
from session_buddy.server.pages.rendering import flag, number, page, shown
from session_buddy.server.site import site_of

__all__ = ["compare", "show"]

_SHOWN = 200
_MOST = 10_000
_MOST_TOKENS = 1_000_000
_RATES = {None: "any", "70": "70 % and more", "90": "90 % and more"}
_COSTS = {None: "any", "50": "up to 50 tokens", "100": "up to 100", "200": "up to 200"}
_MODALITIES = ("code", "documentation", "testing", "deployment")
_WORDS = {
    FindingKind.BROKEN: "broken",
    FindingKind.IRREGULAR: "against the rules",
    FindingKind.SHADOWED: "shadowed",
    FindingKind.DUPLICATED: "duplicated",
    FindingKind.NEVER_USED: "never used",
    FindingKind.CHANGED: "changed since it worked",
}


@shown
def show(request: Request) -> Response:
    """Answer with the skills that the query asks for, in its order."""
    site, query = site_of(request), request.query_params
    order = one_of(CatalogueOrder, "by", query.get("by", CatalogueOrder.USES))
    limit = number(query, "limit", _SHOWN, most=_MOST)
    rate = number(query, "success", 1, most=100) if query.get("success") else None
    cost = number(query, "cost", 1, most=_MOST_TOKENS) if query.get("cost") else None
    wanted = CatalogueFilter(
        modality=_modality(query.get("modality"), "modality"),
        domain=_modality(query.get("domain"), "domain"),
        category=query.get("category") or None,
        kind=one_of(Kind, "kind", query["kind"]) if query.get("kind") else None,
        origin=one_of(Origin, "origin", query["origin"]) if query.get("origin") else None,
        problem=one_of(FindingKind, "problem", query["problem"]) if query.get("problem") else None,
        min_success=rate / 100 if rate else None,
        max_cost=cost,
        tools=flag(query, "all"),
    )
    chosen: dict[str, Any] = {name: query.get(name) or None for name in _FILTERS}
    return page(
        request,
        "catalog.html",
        found=read_catalogue(site.store, wanted, order, limit),
        wanted=wanted,
        chosen=chosen | {"by": None if order is CatalogueOrder.USES else order.value},
        orders=list(CatalogueOrder),
        kinds=[kind for kind in Kind if wanted.tools or kind is not Kind.TOOL],
        rates=_RATES,
        costs=_COSTS,
        words=_WORDS,
        address_of=_address,
    )


@shown
def compare(request: Request) -> Response:
    """Answer with the skills that the query names, side by side; also with one alone, in full."""
    names = request.query_params.getlist("skill")
    if not names:
        raise InvalidInput("skill", "is not given.", remedy="Choose skills in the catalogue, at /catalog.")
    found = compare_skills(site_of(request).store, names)
    return page(request, "catalog-compare.html", found=found, words=_WORDS)


_FILTERS = ("by", "modality", "domain", "category", "kind", "origin", "problem", "success", "cost", "all")


def _modality(text: str | None, field: str) -> str | None:
    if text and text not in _MODALITIES:
        raise InvalidInput(field, f"{text[:40]!r} is none.", remedy=f"Choose one of {', '.join(_MODALITIES)}.")
    return text or None


def _address(skill: str, invocations: int) -> str:
    """Return where there is more of *skill*: those that were never used have no page of their own."""
    return skill_path(skill) if invocations else with_query("/catalog/compare", skill=skill)
