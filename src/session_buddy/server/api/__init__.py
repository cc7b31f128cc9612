"""The REST API below ``/api/v1``, and the probes beside it."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from session_buddy.server.api import (
    catalog,
    categories,
    ci,
    ci_reading,
    community,
    dependencies,
    experimenting,
    experiments,
    hooks,
    jobs,
    landscape,
    predicting,
    reading,
    recommending,
    recording,
    searching,
    trying,
)
from session_buddy.server.api.describing import REFERENCE, schema
from session_buddy.server.api.health import Life
from session_buddy.server.site import site_of

__all__ = ["PREFIX", "api_router"]

PREFIX = "/api/v1"


def api_router() -> APIRouter:
    """Return everything below ``/api/v1``, and ``/healthz`` and ``/readyz``."""
    routes = APIRouter()
    routes.include_router(recording.router(), prefix=PREFIX)
    routes.include_router(hooks.router(), prefix=PREFIX)
    routes.include_router(ci.router(), prefix=PREFIX)
    routes.include_router(reading.router, prefix=PREFIX)
    routes.include_router(ci_reading.router, prefix=PREFIX)
    routes.include_router(searching.router, prefix=PREFIX)
    routes.include_router(recommending.router, prefix=PREFIX)
    routes.include_router(predicting.router, prefix=PREFIX)
    routes.include_router(catalog.router, prefix=PREFIX)
    routes.include_router(categories.router, prefix=PREFIX)
    routes.include_router(landscape.router, prefix=PREFIX)
    routes.include_router(dependencies.router, prefix=PREFIX)
    routes.include_router(jobs.router, prefix=PREFIX)
    routes.include_router(community.router, prefix=PREFIX)
    routes.include_router(experiments.router, prefix=PREFIX)
    routes.include_router(experimenting.router, prefix=PREFIX)
    routes.include_router(trying.router, prefix=PREFIX)
    routes.add_api_route(f"{PREFIX}/openapi.json", _description, include_in_schema=False)
    routes.add_api_route(
        "/healthz",
        _alive,
        tags=["server"],
        operation_id="healthz",
        summary="Is it alive?",
        response_class=Response,
        responses={200: _probe("Life", "The server runs.")},
    )
    routes.add_api_route(
        "/readyz",
        _ready,
        tags=["server"],
        operation_id="readyz",
        summary="Can it do its work?",
        response_class=Response,
        responses={
            200: _probe("Readiness", "The store answers, and there is room for what is recorded."),
            503: _probe("Readiness", "One of these is not so."),
        },
    )
    return routes


async def _description(request: Request) -> JSONResponse:
    return JSONResponse(schema(request.app))


async def _alive() -> Response:
    """Say that the server runs; needs no token."""
    return _json(Life())


async def _ready(request: Request) -> Response:
    """Say whether the server can do its work; needs no token."""
    found = await request.app.state.probe.ask(site_of(request))
    return _json(found, 200 if found.ready else 503)


def _json(value: msgspec.Struct, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _probe(name: str, meaning: str) -> dict[str, object]:
    return {
        "description": meaning,
        "content": {"application/json": {"schema": {"$ref": REFERENCE.format(name=name)}}},
    }
