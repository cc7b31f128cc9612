"""What OpenAPI says of each operation: its answers, good and bad, from the types that are sent.

FastAPI describes parameters; bodies are msgspec's here, so their schemas are, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from session_buddy.experiments.assignment import Assignment
from session_buddy.experiments.design import Experiment
from session_buddy.experiments.outcomes import OutcomesRecorded
from session_buddy.prediction.card import ModelCard
from session_buddy.reports.catalog_figures import Catalogue, CatalogueComparison
from session_buddy.reports.categories import CategoryList, CategorySkills, ImportedTaxonomy, SkillSorting
from session_buddy.reports.community import Community
from session_buddy.reports.dependency_figures import RelatedSkills, SkillNetwork, SkillPaths
from session_buddy.reports.experiment_power import PowerFigures
from session_buddy.reports.experiments import ExperimentHistory, ExperimentIndex, ExperimentReport, ExperimentView
from session_buddy.reports.gate import Gate
from session_buddy.reports.landscape import ClusterIndex, ClusterMembers, SkillMap, SkillNeighbours
from session_buddy.reports.paging import AnomalyPage, InvocationPage, SessionPage, SkillPage
from session_buddy.reports.prediction import Prediction
from session_buddy.reports.profile import SkillProfile
from session_buddy.reports.recommendations import Recommendations
from session_buddy.reports.recommender_evaluation import Evaluation
from session_buddy.reports.refreshing import JobList
from session_buddy.reports.search import SearchAnswer
from session_buddy.reports.series import Series
from session_buddy.reports.sessions import Timeline
from session_buddy.reports.similar import SimilarOnes
from session_buddy.reports.strategies import TriedRecommendations, TriedSearch
from session_buddy.reports.tried_tests import TriedTests
from session_buddy.server.api.experiment_intake import (
    Assignments,
    Conclusion,
    ExperimentChanges,
    NewExperiment,
    NewOutcome,
    SearchInTrial,
    Users,
    WorkInTrial,
)
from session_buddy.server.api.health import Life, Readiness, ServerHealth
from session_buddy.server.api.intake import NewInvocation, Recording
from session_buddy.server.api.notes import annotate, plain
from session_buddy.server.api.sorting_intake import CategoryOfSkill, SkillNamed, TaxonomyFile, WhatSkillIsFor
from session_buddy.server.problems import Problem

__all__ = ["REFERENCE", "body_of", "described", "done", "refusals", "schema"]

REFERENCE = "#/components/schemas/{name}"
_SHAPES: tuple[type[msgspec.Struct], ...] = (
    Problem,
    NewInvocation,
    Recording,
    InvocationPage,
    SkillPage,
    SkillProfile,
    SearchAnswer,
    Recommendations,
    SimilarOnes,
    Evaluation,
    Prediction,
    ModelCard,
    JobList,
    Community,
    Series,
    SessionPage,
    Timeline,
    AnomalyPage,
    TriedTests,
    Gate,
    ServerHealth,
    Readiness,
    Life,
    Catalogue,
    CatalogueComparison,
    CategoryList,
    CategorySkills,
    SkillSorting,
    ImportedTaxonomy,
    CategoryOfSkill,
    SkillNamed,
    WhatSkillIsFor,
    TaxonomyFile,
    ClusterIndex,
    ClusterMembers,
    SkillMap,
    SkillNeighbours,
    RelatedSkills,
    SkillNetwork,
    SkillPaths,
    NewExperiment,
    ExperimentChanges,
    Conclusion,
    Users,
    NewOutcome,
    Experiment,
    ExperimentIndex,
    ExperimentView,
    ExperimentReport,
    ExperimentHistory,
    Assignment,
    Assignments,
    OutcomesRecorded,
    PowerFigures,
    WorkInTrial,
    SearchInTrial,
    TriedRecommendations,
    TriedSearch,
)
_SHORT_NAMES = {
    "session_buddy.storage.outbox.Standing": "Standing",
    "session_buddy.experiments.assignment.Standing": "AssignmentStanding",
    "session_buddy.experiments.design.Unit": "ExperimentUnit",
    "session_buddy.experiments.metrics.Unit": "MetricUnit",
}
_INTRODUCTION = """
Everything that Session-Buddy knows, and the way to tell it more.

Times are UTC, `2026-01-31T09:30:00.000Z`; rates are fractions from 0 to 1; durations are seconds where the name
says so, else milliseconds. Fields may be added to answers; those that are there keep their names and meanings.

Every answer with a status of 400 or above has the body `{"error": {"type", "problem", "remedy", …}}`.

Answers to GET carry an `ETag`; with `If-None-Match` an unchanged one is `304` without a body. Lists that may be
long come in pages: `limit` says how many, and `next`, handed back as `cursor`, gets what follows.
"""
_ONLY_FAILURES_HAVE_ERROR_TYPES = {
    "if": {"required": ["error_type"], "properties": {"error_type": {"type": "string"}}},
    "then": {"required": ["outcome"], "properties": {"outcome": {"const": "failed"}}},
}
_REASONS = {
    304: "What `If-None-Match` names is still so.",
    400: "The request cannot be read: no JSON, no gzip, or cut short.",
    401: "There is no token, or one that is unknown, expired or revoked.",
    403: "The token has another scope, or the request came by a foreign name or from a foreign page.",
    404: "There is no such thing; `suggestions` names some that there are.",
    408: "The body did not arrive in time.",
    409: "The experiment does not allow that: its state, its name, or what was told before is against it.",
    413: "The body is too large, or holds too many.",
    415: "The body has another type or encoding.",
    422: "A parameter or a field cannot be accepted; `field` names it.",
    500: "A fault of the server; its log has more.",
    503: "Nothing can be answered or taken in for now: come again after `Retry-After` seconds.",
}
_HEADERS = {
    401: {"WWW-Authenticate": {"description": "How to present a token.", "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}},
}
_EXAMPLES: dict[int, dict[str, Any]] = {
    401: {
        "type": "TokenMissing",
        "problem": "The token is unknown, expired or revoked.",
        "remedy": "Make one with 'session-buddy token create', and send it as 'Authorization: Bearer …'.",
    },
    404: {
        "type": "NotFound",
        "problem": "No skill is called 'pytest'.",
        "remedy": "Did you mean pytest-run?",
        "suggestions": ["pytest-run"],
    },
    409: {
        "type": "WrongState",
        "problem": "'semantic-or-workflow-aware' is stopped: there is nothing to pause.",
        "remedy": "You can conclude or archive it.",
    },
    422: {
        "type": "InvalidInput",
        "field": "limit",
        "problem": "limit: Input should be less than or equal to 1000.",
        "remedy": "See this operation in the API reference.",
    },
    503: {
        "type": "StoreFull",
        "problem": "Too many requests wait for the store.",
        "remedy": "Send it again in 1 s.",
    },
}


def body_of(kind: type[msgspec.Struct], description: str, example: Any, *, batch: int | None = None) -> dict[str, Any]:
    """Return what OpenAPI says of a body: one of *kind*, or a *batch* of so many as well."""
    schema: dict[str, Any] = {"$ref": REFERENCE.format(name=kind.__name__)}
    if batch:
        schema = {"anyOf": [schema, {"type": "array", "items": schema, "maxItems": batch}]}
    content = {"application/json": {"schema": schema, "examples": {"one": {"summary": "An example", "value": example}}}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


def described(answer: type[msgspec.Struct], meaning: str, *refused: int, example: Any = None) -> dict[int | str, Any]:
    """Return the responses of a GET: *answer*, with its ETag, and the statuses *refused* beside those of all."""
    content: dict[str, Any] = {"schema": _reference(answer)}
    if example is not None:
        content["example"] = example
    etag = {"ETag": {"description": "Names this very answer.", "schema": {"type": "string"}}}
    good = {"description": meaning, "headers": etag, "content": {"application/json": content}}
    return {200: good, 304: {"description": _REASONS[304], "headers": etag}, **refusals(422, *refused)}


def done(answer: type[msgspec.Struct], meaning: str, *refused: int, status: int = 200) -> dict[int | str, Any]:
    """Return the responses of what changes something: *answer*, and the statuses *refused*."""
    good = {"description": meaning, "content": {"application/json": {"schema": _reference(answer)}}}
    return {status: good, **refusals(*refused)}


def refusals(*statuses: int) -> dict[int | str, Any]:
    """Return the responses of *statuses* and of those that every operation can have."""
    return {status: _refusal(status) for status in sorted({401, 403, 500, 503, *statuses})}


def schema(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of *app*."""
    found = get_openapi(
        title="Session-Buddy",
        version=app.version,
        summary="Which skills coding agents use, and which of them work.",
        description=_INTRODUCTION,
        routes=app.routes,
        servers=[{"url": "/"}],
        tags=[
            {"name": "record", "description": "Tell what was used."},
            {"name": "read", "description": "Ask what is known."},
            {"name": "experiments", "description": "Compare two strategies."},
            {"name": "server", "description": "How the server itself is."},
        ],
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    # FastAPI's own shapes of errors: ours take their place.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= _components(_SHAPES)
    schemas["NewInvocation"] |= _ONLY_FAILURES_HAVE_ERROR_TYPES
    found["components"]["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "Made by `session-buddy token create`; not needed on this machine as long as none was made.",
        }
    }
    return found


def _components(types: Sequence[type[msgspec.Struct]]) -> dict[str, Any]:
    _, found = msgspec.json.schema_components(types, ref_template=REFERENCE)
    components = _with_short_names(found)
    for component in components.values():
        if "description" in component:
            component["description"] = plain(component["description"])
    annotate(components, types)
    return components


def _with_short_names(components: dict[str, Any]) -> dict[str, Any]:
    """Return *components* without the modules that msgspec puts before names of which there are two."""
    text = msgspec.json.encode(components)
    for long, short in _SHORT_NAMES.items():
        text = text.replace(f'"{long}"'.encode(), f'"{short}"'.encode())
        text = text.replace(f'"{REFERENCE.format(name=long)}"'.encode(), f'"{REFERENCE.format(name=short)}"'.encode())
    renamed: dict[str, Any] = msgspec.json.decode(text)
    return renamed


def _reference(answer: type[msgspec.Struct]) -> Mapping[str, str]:
    return {"$ref": REFERENCE.format(name=answer.__name__)}


def _refusal(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": REFERENCE.format(name="Problem")}}
    if status in _EXAMPLES:
        content["example"] = {"error": _EXAMPLES[status]}
    told: dict[str, Any] = {"description": _REASONS[status], "content": {"application/json": content}}
    return told | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
