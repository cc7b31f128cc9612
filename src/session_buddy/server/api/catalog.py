"""The catalogue: which skills there are, used or not."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.catalog.scanning.findings import FindingKind
from session_buddy.catalog.scanning.sources import Origin
from session_buddy.model import Kind
from session_buddy.ordering import CatalogueOrder
from session_buddy.reports.catalog import compare_skills, read_catalogue
from session_buddy.reports.catalog_figures import Catalogue, CatalogueComparison, CatalogueFilter
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.site import site_of

__all__ = ["router"]

_Modality = Literal["code", "documentation", "testing", "deployment"]
_MOST_TOKENS = 1_000_000

router = APIRouter(tags=["read"])


@router.get(
    "/catalog",
    summary="The catalogue of skills",
    operation_id="catalog",
    response_class=Response,
    responses=described(Catalogue, "The skills that were asked for, with words to filter by.", 404),
)
async def catalog(
    request: Request,
    modality: Annotated[_Modality | None, Query(description="Only those for this.")] = None,
    domain: Annotated[_Modality | None, Query(description="Only those whose category is of this domain.")] = None,
    category: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Only those of this category.")
    ] = None,
    kind: Annotated[Kind | None, Query(description="Only this kind.")] = None,
    origin: Annotated[Origin | None, Query(description="Only those that came here so.")] = None,
    problem: Annotated[FindingKind | None, Query(description="Only those of which this is to be said.")] = None,
    min_success: Annotated[float | None, Query(ge=0, le=1, description="Only those that succeed so often.")] = None,
    max_cost: Annotated[
        int | None,
        Query(ge=0, le=_MOST_TOKENS, description="Only those that cost every session so many tokens at most."),
    ] = None,
    by: Annotated[CatalogueOrder, Query(description="The order.")] = CatalogueOrder.USES,
    tools: Annotated[bool, Query(description="Whether an agent's built-in tools are among them.")] = False,
    limit: Annotated[int, Query(ge=1, le=10_000, description="The most to return.")] = 100,
) -> Response:
    """Return skills, used or not: what kind they are, how they do, what they cost, what is wrong with them.

    Costs are estimates in tokens: `listing_tokens` every session pays, `body_tokens` every use besides.
    """
    wanted = CatalogueFilter(
        modality=modality,
        domain=domain,
        category=category,
        kind=kind,
        origin=origin,
        problem=problem,
        min_success=min_success,
        max_cost=max_cost,
        tools=tools,
    )
    site = site_of(request)
    return answer(request, await site.threads.reads.run(read_catalogue, site.store, wanted, by, limit))


@router.get(
    "/catalog/compare",
    summary="Skills side by side",
    operation_id="catalog_compare",
    response_class=Response,
    responses=described(CatalogueComparison, "The skills with all that the catalogue knows of them.", 404),
)
async def compare(
    request: Request,
    skill: Annotated[
        list[Annotated[str, Query(min_length=1, max_length=500)]],
        Query(min_length=1, max_length=8, description="The skills; case and prefixes may be left out."),
    ],
) -> Response:
    """Return skills with their figures, formats, costs, and every place where they are written down."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(compare_skills, site.store, skill))
