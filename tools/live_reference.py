"""Writes ``docs/reference/asyncapi.yaml``: the live feed as AsyncAPI, made from the types that the server sends.

``python -m tools.live_reference`` writes it; a test fails while it differs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import yaml

import session_buddy
from session_buddy.feed.messages import (
    AnomalyRow,
    Delta,
    Failure,
    FailureBody,
    FromClient,
    FromServer,
    Heartbeat,
    InvocationRow,
    Ping,
    Pong,
    Position,
    Recovered,
    SkillRow,
    Snapshot,
    Subscribe,
    Unsubscribe,
)

__all__ = ["EXAMPLES", "PAGE", "asyncapi"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "asyncapi.yaml"

_EPOCH = "9f2c4e5a1b7d3e60"
_SKILL = SkillRow(
    skill_name="pytest-run",
    kind="shell",
    category="testing",
    last_invocation_at="2026-06-15T12:34:56.789Z",
    invocation_count_1h=12,
    invocation_count_24h=140,
    avg_completion_rate_24h=0.95,
    completion_rate=0.91,
    total_invocations=6789,
    avg_duration_seconds=4.2,
    updated_at="2026-06-15T12:34:56.901Z",
)
_INVOCATION = InvocationRow(
    event_id="toolu_01H8",
    session_id="11111111-2222-3333-4444-555555555555",
    skill_name="pytest-run",
    kind="shell",
    category="testing",
    invoked_at="2026-06-15T12:34:56.789Z",
    outcome="failed",
    error_type="exit_code",
    duration_ms=2310,
    user_id="local",
    project="/home/somebody/project",
    source="claude_code",
)
_ANOMALY = AnomalyRow(
    id=7,
    skill_name="pytest-run",
    detected_at="2026-06-15T12:00:00.000Z",
    anomaly_type="drop",
    metric="completion_rate",
    severity="high",
    baseline_value=0.93,
    observed_value=0.4,
    deviation_score=5.1,
    band_low=0.82,
    band_high=1.0,
    reason="8 of 20 completed; 93 % is usual.",
    detector="default",
)
EXAMPLES: dict[type, list[Any]] = {
    Subscribe: [Subscribe(["all"]), Subscribe(["skill:pytest-run", "category:testing"], Position(_EPOCH, 12))],
    Unsubscribe: [Unsubscribe(["category:testing"])],
    Ping: [Ping()],
    Snapshot: [Snapshot(epoch=_EPOCH, offset=12, skills=[_SKILL], invocations=[_INVOCATION], anomalies=[_ANOMALY])],
    Delta: [Delta(epoch=_EPOCH, offset=13, skills=[_SKILL], invocations=[_INVOCATION], anomalies=[])],
    Recovered: [Recovered(epoch=_EPOCH, offset=13)],
    Heartbeat: [Heartbeat(epoch=_EPOCH, offset=13)],
    Pong: [Pong()],
    Failure: [
        Failure(
            error=FailureBody(
                type="InvalidInput",
                problem="topics: 'skills' is no topic.",
                remedy="Topics are all, skill:NAME and category:NAME.",
                field="topics",
            )
        )
    ],
}
"""At least one of every message."""

_SCHEMAS = "#/components/schemas/{name}"
_WORDS = {Failure: "error"}


def asyncapi() -> str:
    """Return the description of the live feed, as YAML."""
    sent, received = get_args(FromServer), get_args(FromClient)
    description = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Session-Buddy, live",
            "version": session_buddy.__version__,
            "description": "What happens in a store, as it happens. docs/reference/live.md says it in prose.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "websocket": {"host": "127.0.0.1:8765", "protocol": "ws", "security": [_security()]},
            "events": {"host": "127.0.0.1:8765", "protocol": "http", "security": [_security()]},
        },
        "channels": {
            "live": {
                "address": "/api/v1/live",
                "title": "WebSocket",
                "servers": [{"$ref": "#/servers/websocket"}],
                "messages": _references("#/components/messages/", [*received, *sent]),
            },
            "events": {
                "address": "/api/v1/live/events",
                "title": "Server-sent events",
                "description": "Each event's data is a message, its id the position epoch:offset.",
                "servers": [{"$ref": "#/servers/events"}],
                "messages": _references("#/components/messages/", [kind for kind in sent if kind is not Pong]),
            },
        },
        "operations": {
            "hear": {
                "action": "receive",
                "title": "What clients say",
                "channel": {"$ref": "#/channels/live"},
                "messages": _list("#/channels/live/messages/", received),
            },
            "tell": {
                "action": "send",
                "title": "What the server says",
                "channel": {"$ref": "#/channels/live"},
                "messages": _list("#/channels/live/messages/", sent),
            },
            "stream": {
                "action": "send",
                "title": "The same as events",
                "channel": {"$ref": "#/channels/events"},
                "bindings": {"http": {"method": "GET", "query": _QUERY, "bindingVersion": "0.3.0"}},
                "messages": _list("#/channels/events/messages/", [kind for kind in sent if kind is not Pong]),
            },
        },
        "components": {
            "messages": {_word(kind): _message(kind) for kind in (*received, *sent)},
            "schemas": _schemas([*received, *sent]),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token for read; needed where the server asks for one.",
                }
            },
        },
    }
    return str(yaml.safe_dump(description, sort_keys=False, allow_unicode=True, width=120))


_QUERY = {
    "type": "object",
    "properties": {
        "topic": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["all"],
            "description": "Can be repeated.",
        },
        "since": {
            "type": "string",
            "pattern": "^.+:[0-9]+$",
            "description": "The position to go on from; the header Last-Event-ID says the same, and is preferred.",
        },
    },
}


def _security() -> dict[str, str]:
    return {"$ref": "#/components/securitySchemes/token"}


def _message(kind: type) -> dict[str, Any]:
    return {
        "name": _word(kind),
        "summary": _first_line(kind),
        "payload": {"$ref": _SCHEMAS.format(name=kind.__name__)},
        "examples": [{"payload": msgspec.to_builtins(example)} for example in EXAMPLES[kind]],
    }


def _schemas(kinds: list[type]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
    for schema in components.values():
        if "description" in schema:
            schema["description"] = _plain(schema["description"])
    return dict(sorted(components.items()))


def _references(to: str, kinds: list[type]) -> dict[str, Any]:
    return {_word(kind): {"$ref": to + _word(kind)} for kind in kinds}


def _list(to: str, kinds: Any) -> list[dict[str, str]]:
    return [{"$ref": to + _word(kind)} for kind in kinds]


def _word(kind: type) -> str:
    """Return the word that stands as ``type`` in a message."""
    return _WORDS.get(kind, kind.__name__.lower())


def _first_line(kind: type) -> str:
    return _plain((kind.__doc__ or "").split("\n\n")[0])


def _plain(text: str) -> str:
    """Return *text*, a docstring, in one line and without its markup."""
    text = re.sub(r":\w+:`~?(?:\w+\.)*(\w+)`", r"\1", text)
    return re.sub(r"\s+", " ", text.replace("``", "")).strip()


if __name__ == "__main__":
    PAGE.write_text(asyncapi(), encoding="utf-8")
