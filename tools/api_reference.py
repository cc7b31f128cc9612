"""Write docs/reference/api.md from the API's own description: ``python -m tools.api_reference``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from session_buddy import errors
from session_buddy.errors import SessionBuddyError
from session_buddy.server import problems
from session_buddy.server.api import api_router
from session_buddy.server.api.describing import schema
from session_buddy.server.problems import status_of

__all__ = ["PAGE", "api_page", "description"]

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "api.md"

_HEAD = """\
# The REST API

<!-- Written by tools/api_reference.py from the API itself. Change that, then run it again. -->

A running server has this page as OpenAPI at `/api/v1/openapi.json`. How to start one and make tokens:
[run a server](../how-to/run-a-server.md). The live feed has [a page of its own](live.md), metrics
[another](metrics.md), and Python [a client](../how-to/use-from-python.md) for all of it.
"""
_EXAMPLE = """\
```text
curl -X POST http://127.0.0.1:8765/api/v1/invocations \\
  -H 'Authorization: Bearer sbk_…' -H 'Content-Type: application/json' -d '{
    "event_id": "build-4711-tests", "session_id": "build-4711", "skill_name": "pytest-run", "kind": "shell",
    "invoked_at": "2026-01-31T10:30:00+01:00", "outcome": "completed", "duration_ms": 2310
  }'
```
"""


def description() -> dict[str, Any]:
    """Return the OpenAPI document."""
    app = FastAPI(title="Session-Buddy")
    app.include_router(api_router())
    return schema(app)


def api_page() -> str:
    """Return the whole page."""
    document = description()
    parts = [_HEAD, document["info"]["description"].strip() + "\n", *_scopes(), "## Operations\n"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += _operation(method.upper(), path, operation)
    parts += ["## Types of errors\n", *_error_types(), "## Types\n"]
    for name, component in sorted(document["components"]["schemas"].items()):
        parts += _type(name, component)
    return "\n".join(parts).rstrip() + "\n"


def _scopes() -> Iterator[str]:
    yield "## Tokens\n"
    yield (
        "A token comes as `Authorization: Bearer …`; never in an address. Scope `ingest` may `POST` invocations, and"
        " assignments, exposures and outcomes of experiments, and nothing else; `read` may `GET` everything; `admin`"
        " may do both, and create and change experiments. `/healthz` and `/readyz` need none. On the machine of the"
        " server nobody needs one as long as none was made.\n"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### {method} {path}\n"
    yield _unwrapped(operation["description"]) + "\n"
    if parameters := operation.get("parameters"):
        yield "| Parameter | | Type |\n|---|---|---|"
        for parameter in parameters:
            note = parameter.get("description", "")
            yield f"| `{parameter['name']}` ({parameter['in']}) | {note} | {_shape(parameter['schema'])} |"
        yield ""
    if body := operation.get("requestBody"):
        (content,) = body["content"].values()
        yield f"Body: {_shape(content['schema'])}. {body['description']}\n"
        yield _EXAMPLE if operation["operationId"] == "record" else _json_example(content)
    yield "| Status | | Body |\n|---|---|---|"
    for status, response in sorted(operation["responses"].items()):
        bodies = [_shape(content["schema"]) for content in response.get("content", {}).values()]
        yield f"| {status} | {response['description']} | {', '.join(bodies)} |"
    yield ""


def _json_example(content: dict[str, Any]) -> str:
    value = next(iter(content["examples"].values()))["value"]
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"


def _error_types() -> Iterator[str]:
    yield "| `type` | Status | |\n|---|---|---|"
    kinds: list[type[SessionBuddyError]] = [
        kind
        for module in (problems, errors)
        for name in module.__all__
        if isinstance(kind := getattr(module, name), type)
        and issubclass(kind, SessionBuddyError)
        and kind not in (SessionBuddyError, problems.RequestRefused)
    ]
    for kind in sorted(kinds, key=lambda kind: (status_of(kind.__new__(kind)), kind.__name__)):
        note = _unwrapped((kind.__doc__ or "").split("\n\n")[0]).replace("``", "`")
        yield f"| `{kind.__name__}` | {status_of(kind.__new__(kind))} | {note} |"
    yield ""


def _type(name: str, component: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in component:
        yield component["description"] + "\n"
    if "enum" in component:
        yield f"One of {_enumerated(component['enum'])}.\n"
    if properties := component.get("properties"):
        required = component.get("required", [])
        yield "| Field | | Type |\n|---|---|---|"
        for field, shape in properties.items():
            note = " ".join(shape.get("description", "").split())
            must = "" if field in required else _default(shape)
            yield f"| `{field}` | {f'{note} {must}'.strip()} | {_shape(shape)} |"
        yield ""


def _default(shape: dict[str, Any]) -> str:
    default = shape.get("default")
    return f"Default: `{default}`." if default not in (None, [], ()) else ""


def _shape(shape: dict[str, Any]) -> str:
    if "$ref" in shape:
        name = shape["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in shape:
        return " or ".join(_shape(part) for part in shape["anyOf"])
    if "enum" in shape:
        return _enumerated(shape["enum"])
    if shape.get("type") == "array":
        parts = shape.get("prefixItems")
        return f"[{', '.join(map(_shape, parts))}]" if parts else f"list of {_shape(shape['items'])}"
    if shape.get("type") == "object" and "additionalProperties" in shape:
        return f"object of {_shape(shape['additionalProperties'])}"
    kind = "integer" if shape.get("multipleOf") == 1 else shape.get("type", "anything")
    return str(kind) + _bounds(shape)


def _bounds(shape: dict[str, Any]) -> str:
    if "minimum" in shape and "maximum" in shape:
        return f", {shape['minimum']:g} to {shape['maximum']:g}"
    return f", up to {shape['maxLength']} characters" if "maxLength" in shape else ""


def _enumerated(values: list[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _unwrapped(text: str) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text.strip())


if __name__ == "__main__":
    PAGE.write_text(api_page(), encoding="utf-8")
