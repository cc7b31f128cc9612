"""Arguments as JSON Schema, as short as it can be said: every session of every agent pays for it. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["decoded_arguments", "schema_of", "short_schema_of"]

_LEFT_OUT = ("title", "$defs")
_BOUNDS = (
    *("additionalProperties", "maxLength", "minItems", "maxItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
)


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of *kind* without references, titles, and defaults of nothing.

    What may be left out may be ``null`` as well, and need not say so.
    """
    (whole,), parts = msgspec.json.schema_components([kind], ref_template="{name}")
    told: dict[str, Any] = _plain(parts[whole["$ref"]] if "$ref" in whole else whole, parts)
    told.pop("description", None)
    if not told.get("required"):
        told.pop("required", None)
    return told


def short_schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the same without bounds: few calls ever pass one, and those are told of it."""
    told: dict[str, Any] = _unbounded(schema_of(kind))
    return told


def decoded_arguments(given: dict[str, Any] | None, kind: type[msgspec.Struct]) -> Any:
    """Return *given* as *kind*; raises :class:`InvalidInput` that names the argument at fault.

    Numbers may come as texts, and what is left out as null: models write them so.
    """
    told = {name: value for name, value in (given or {}).items() if value is not None}
    try:
        return msgspec.convert(told, kind, strict=False)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at ")
        field = place.strip("`").removeprefix("$").removeprefix(".")
        if "`" in problem and not field:
            field = problem.split("`")[1]
        taken = ", ".join(kind.__struct_fields__)
        raise InvalidInput(field or "arguments", f"{problem}.", remedy=f"The arguments are: {taken}.") from error


def _plain(told: Any, parts: dict[str, Any]) -> Any:
    if isinstance(told, list):
        return [_plain(one, parts) for one in told]
    if not isinstance(told, dict):
        return told
    if "$ref" in told:
        named = _plain(parts[told["$ref"]], parts)
        named.pop("description", None)
        return named | {key: value for key, value in told.items() if key not in ("$ref", *_LEFT_OUT)}
    if "anyOf" in told:
        others = [one for one in told["anyOf"] if one != {"type": "null"}]
        if len(others) == 1:
            rest = {key: value for key, value in told.items() if key not in ("anyOf", *_LEFT_OUT)}
            return _without_nothing(_plain(others[0], parts) | _plain(rest, parts))
    return _without_nothing(
        {
            key: _properties(value, parts) if key == "properties" else _plain(value, parts)
            for key, value in told.items()
            if key not in _LEFT_OUT
        }
    )


def _unbounded(told: Any) -> Any:
    if not isinstance(told, dict):
        return told
    return {
        key: {name: _unbounded(one) for name, one in value.items()} if key == "properties" else _unbounded(value)
        for key, value in told.items()
        if key not in _BOUNDS
    }


def _properties(told: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(one, parts) for name, one in told.items()}


def _without_nothing(told: dict[str, Any]) -> dict[str, Any]:
    if told.get("default", ...) in (None, "", [], ()):
        told.pop("default")
    if "enum" in told:
        told["enum"] = [value for value in told["enum"] if value is not None]
        told.setdefault("type", "string")
    return told
