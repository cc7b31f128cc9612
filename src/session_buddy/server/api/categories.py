"""Categories and modalities over the API: where skills belong, what they are for, and people's word on both."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.categories import (
    CategoryList,
    CategorySkills,
    ImportedTaxonomy,
    SkillSorting,
    assign_skill,
    forget_said,
    import_file,
    known_skill,
    read_category_list,
    read_category_skills,
    read_sorting,
    reject_category,
    say_modality,
    unassign_skill,
)
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import body_of, described, done
from session_buddy.server.api.sorting_intake import CategoryOfSkill, SkillNamed, TaxonomyFile, WhatSkillIsFor
from session_buddy.server.api.taking import answered
from session_buddy.server.site import site_of

__all__ = ["router"]

_NAME_BOUND = 500
_TAKING = (400, 404, 408, 413, 415, 422)
_SKILL = {"skill": "release-notes"}
_CATEGORY = _SKILL | {"category": "Documentation"}
_MODALITY = _SKILL | {"modality": "documentation", "output_format": "Markdown", "requires_human_review": True}
_TAXONOMY = {"name": "team.csv", "text": "category,domain,skill\nPipelines,deployment,ship-it\n"}

router = APIRouter(tags=["read"])


@router.get(
    "/categories",
    summary="Categories of skills",
    operation_id="categories",
    response_class=Response,
    responses=described(CategoryList, "All categories, parents before their children."),
)
async def categories(request: Request) -> Response:
    """List categories with how many skills are in them, by whose word, and how well others can be sorted by them."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(read_category_list, site.store))


@router.get(
    "/categories/skills",
    summary="The skills of a category",
    operation_id="category_skills",
    response_class=Response,
    responses=described(CategorySkills, "The category with its skills.", 404),
)
async def category_skills(
    request: Request,
    category: Annotated[
        str,
        Query(min_length=1, max_length=_NAME_BOUND, description="Its name, or `scheme/name`; case does not matter."),
    ],
    scheme: Annotated[
        str | None, Query(min_length=1, max_length=_NAME_BOUND, description="In this taxonomy; left out: in any.")
    ] = None,
) -> Response:
    """Return the skills of a category: those that people put there first, then the surest."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(read_category_skills, site.store, category, scheme))


@router.get(
    "/sorting",
    summary="Where a skill belongs",
    operation_id="sorting",
    response_class=Response,
    responses=described(SkillSorting, "Its categories, what it is for, and who said so.", 404),
)
async def sorting(
    request: Request,
    skill: Annotated[
        str, Query(min_length=1, max_length=_NAME_BOUND, description="The skill; case and prefixes may be left out.")
    ],
) -> Response:
    """Return the categories of a skill, what it is for, its formats, whether it wants a look, and who said so."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(_sorting, request, skill))


@router.post(
    "/categories/assign",
    summary="Put a skill into a category",
    operation_id="assign_category",
    response_class=Response,
    responses=done(SkillSorting, "Where it belongs now.", *_TAKING),
    openapi_extra=body_of(CategoryOfSkill, "Which skill, and where it belongs.", _CATEGORY),
)
async def assign(request: Request) -> Response:
    """Say where a skill belongs. That stays, whatever is inferred, and teaches: skills alike follow within the hour."""
    site = site_of(request)

    def act(told: CategoryOfSkill) -> SkillSorting:
        return assign_skill(site.store, told.skill, told.category, told.scheme, now=site.clock())

    return await answered(request, CategoryOfSkill, act)


@router.post(
    "/categories/reject",
    summary="Say that a skill is not in a category",
    operation_id="reject_category",
    response_class=Response,
    responses=done(SkillSorting, "Where it belongs now.", *_TAKING),
    openapi_extra=body_of(CategoryOfSkill, "Which skill, and where it does not belong.", _CATEGORY),
)
async def reject(request: Request) -> Response:
    """Say that a skill is not in a category. That stays, and nothing else is inferred for it in that taxonomy."""
    site = site_of(request)

    def act(told: CategoryOfSkill) -> SkillSorting:
        return reject_category(site.store, told.skill, told.category, told.scheme, now=site.clock())

    return await answered(request, CategoryOfSkill, act)


@router.post(
    "/categories/unassign",
    summary="Take a category back",
    operation_id="unassign_category",
    response_class=Response,
    responses=done(SkillSorting, "Where it belongs now.", *_TAKING),
    openapi_extra=body_of(CategoryOfSkill, "Which skill, and which category.", _CATEGORY),
)
async def unassign(request: Request) -> Response:
    """Take back what a person said of a skill and a category: that it is in it, or that it is not."""
    site = site_of(request)

    def act(told: CategoryOfSkill) -> SkillSorting:
        return unassign_skill(site.store, told.skill, told.category, told.scheme)

    return await answered(request, CategoryOfSkill, act)


@router.post(
    "/categories/import",
    summary="Take over a taxonomy",
    operation_id="import_taxonomy",
    response_class=Response,
    responses=done(ImportedTaxonomy, "What that changed.", *_TAKING),
    openapi_extra=body_of(TaxonomyFile, "The file.", _TAXONOMY),
)
async def import_(request: Request) -> Response:
    """Take over categories, and the skills in them, from CSV or YAML; a file with any fault is left alone."""
    site = site_of(request)

    def act(told: TaxonomyFile) -> ImportedTaxonomy:
        data = told.text.encode("utf-8", "surrogatepass")
        return import_file(site.store, told.name, data, told.scheme, now=site.clock())

    return await answered(request, TaxonomyFile, act)


@router.post(
    "/modalities",
    summary="Say what a skill is for",
    operation_id="say_modality",
    response_class=Response,
    responses=done(SkillSorting, "What is known of it now.", *_TAKING),
    openapi_extra=body_of(WhatSkillIsFor, "Which skill, and what there is to say.", _MODALITY),
)
async def say(request: Request) -> Response:
    """Say what a skill is for, what it takes and gives, and whether a person should look. That stays."""
    site = site_of(request)

    def act(told: WhatSkillIsFor) -> SkillSorting:
        return say_modality(
            site.store,
            told.skill,
            modality=told.modality,
            input_format=told.input_format,
            output_format=told.output_format,
            review=told.requires_human_review,
            now=site.clock(),
        )

    return await answered(request, WhatSkillIsFor, act)


@router.post(
    "/modalities/forget",
    summary="Take back what a skill is for",
    operation_id="forget_modality",
    response_class=Response,
    responses=done(SkillSorting, "What is known of it now.", *_TAKING),
    openapi_extra=body_of(SkillNamed, "Which skill.", _SKILL),
)
async def forget(request: Request) -> Response:
    """Take back what a person said of what a skill is for; it is inferred again within the hour."""
    site = site_of(request)

    def act(told: SkillNamed) -> SkillSorting:
        return forget_said(site.store, told.skill)

    return await answered(request, SkillNamed, act)


def _sorting(request: Request, skill: str) -> SkillSorting:
    store = site_of(request).store
    return read_sorting(store, known_skill(store, skill))
