"""What stands in JSON where something else belongs: every value of it, replaced by each that is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["changed", "with_wrong_values"]

VALUES: tuple[Any, ...] = (
    None, True, -1, 10**30, 1e308, "", "x", "\x00", "0001-01-01T00:00:00Z", [], {}, [None], [[1]], {"a": {"b": 1}},
)  # fmt: skip
Path = tuple[str | int, ...]


def with_wrong_values(told: Any) -> Iterator[bytes]:
    """Yield *told* as JSON, each time with one value in it replaced; those of a list by its first three only."""
    for path in _paths(told, ()):
        for value in VALUES:
            yield json.dumps(changed(told, path, value)).encode()


def changed(told: Any, path: Path, value: Any) -> Any:
    """Return *told* with *value* at *path*."""
    if not path:
        return value
    first, *rest = path
    copy = told.copy()
    copy[first] = changed(told[first], tuple(rest), value)
    return copy


def _paths(told: Any, above: Path) -> Iterator[Path]:
    yield above
    if isinstance(told, dict):
        for key, value in told.items():
            yield from _paths(value, (*above, key))
    elif isinstance(told, list):
        for place, value in enumerate(told[:3]):
            yield from _paths(value, (*above, place))
