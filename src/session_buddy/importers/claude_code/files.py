"""Which types of files a call of a tool names in its input."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from session_buddy.importers.claude_code.lines import decoded_or_none
from session_buddy.importers.traits import READS, WRITES, file_type, joined, types_in

__all__ = ["touched_by"]


class _Paths(msgspec.Struct, gc=False):
    """Inputs that are paths by their names."""

    file_path: Any = None
    notebook_path: Any = None
    path: Any = None
    filename: Any = None
    uri: Any = None
    pattern: Any = None
    glob: Any = None


_PATHS = msgspec.json.Decoder(_Paths)
_OWN_FIELD = {
    "Read": READS,
    "NotebookRead": READS,
    "Edit": WRITES,
    "MultiEdit": WRITES,
    "Write": WRITES,
    "NotebookEdit": WRITES,
}
_WRITING = re.compile(
    r"(?:^|[_-])(?:write|create|edit|save|append|insert|update|replace|delete|remove|move|rename|export|download"
    r"|screenshot)(?:$|[_-])"
)


def touched_by(tool: str, raw: msgspec.Raw) -> tuple[str, ...]:
    """Return as traits the types of files that a call of *tool* with the input *raw* reads or writes, if it runs.

    A tool of an MCP server that is called after writing (``write_file``) writes, any other reads.
    """
    way = _OWN_FIELD.get(tool)
    if way is not None:
        given = _given(raw)
        return _told(way, file_type(given.file_path) or file_type(given.notebook_path))
    if tool == "Glob":
        return _told(READS, *types_in(_given(raw).pattern))
    if tool == "Grep":
        given = _given(raw)
        return _told(READS, *types_in(given.glob), file_type(given.path, common=True))
    if tool.startswith("mcp__"):
        given = _given(raw)
        places = (given.path, given.file_path, given.filename, given.uri)
        types = [file_type(place, common=True) for place in places if place is not None]
        return _told(WRITES if _WRITING.search(tool.rpartition("__")[2].lower()) else READS, *types) if types else ()
    return ()


def _given(raw: msgspec.Raw) -> _Paths:
    return decoded_or_none(_PATHS, raw) or _Paths()


def _told(way: str, *types: str | None) -> tuple[str, ...]:
    return joined((), [f"{way}:{ending}" for ending in types if ending is not None])
