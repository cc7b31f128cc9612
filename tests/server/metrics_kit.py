"""What the tests of metrics ask."""

from __future__ import annotations

import asyncio

import httpx
from prometheus_client import Metric
from starlette.types import ASGIApp

Values = dict[tuple[str, ...], float]


def ask(app: ASGIApp, path: str = "/metrics", *, method: str = "GET", **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.request(method, path, headers={n.replace("_", "-"): v for n, v in headers.items()})

    return asyncio.run(asked())


def samples(families: list[Metric]) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for family in families:
        for sample in family.samples:
            values = found.setdefault(sample.name, {})
            key = tuple(value for _, value in sorted(sample.labels.items()))
            assert key not in values, f"{sample.name}{key} stands twice"
            values[key] = sample.value
    return found
