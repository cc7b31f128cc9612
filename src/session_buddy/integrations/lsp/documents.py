"""Files as they are at one moment: as the editor has them open, else as they are on disk."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from lsprotocol import types
from pygls.uris import to_fs_path
from pygls.workspace import PositionCodec, Workspace

from session_buddy.integrations.lsp.texts import Mention, Role, lines_of, role_of

__all__ = ["Document", "is_open", "looked_up"]

_LARGEST = 4 << 20
"""Bytes, or characters of what is open; a larger file is no text for agents, and would take seconds at every key."""


class Document(NamedTuple):
    """A file that agents read. The editor may change it meanwhile; this does not change."""

    path: str
    role: Role
    text: str
    lines: list[str]
    codec: PositionCodec

    def column(self, position: types.Position) -> int:
        """Return the column of a *position*, counted in characters; behind a line is at its end."""
        line = self.lines[position.line] if 0 <= position.line < len(self.lines) else ""
        place = types.Position(0, min(position.character, self.codec.client_num_units(line)))
        return int(self.codec.position_from_client_units([line], place).character)

    def range(self, mention: Mention) -> types.Range:
        """Return where *mention* is, as the editor counts."""
        line = self.lines[mention.line] if mention.line < len(self.lines) else ""
        start, end = (self.codec.client_num_units(line[:column]) for column in (mention.start, mention.end))
        return types.Range(types.Position(mention.line, start), types.Position(mention.line, end))


def is_open(workspace: Workspace, uri: str) -> bool:
    """Return whether the editor has the file at *uri* open; then it told its version."""
    try:
        return workspace.get_text_document(uri).version is not None
    except ValueError:
        return False


def looked_up(workspace: Workspace, uri: str) -> Document | None:
    """Return the file at *uri*; None for one that agents do not read, and where there is none."""
    try:
        found = workspace.get_text_document(uri)
    except ValueError:
        return None  # no address at all
    role = role_of(found.path)
    if role is Role.OTHER:
        return None
    text = found.source if found.version is not None else _on_disk(to_fs_path(uri))
    if text is None or len(text) > _LARGEST:
        return None
    return Document(found.path, role, text, lines_of(text), found.position_codec)


def _on_disk(path: str | None) -> str | None:
    """Return the text at *path*; None where there is none, or no file: reading a pipe may take for ever."""
    if path is None:
        return None
    try:
        is_read = S_ISREG((told := Path(path).stat()).st_mode) and told.st_size <= _LARGEST
        return Path(path).read_bytes().decode("utf-8-sig", "replace") if is_read else None
    except (OSError, ValueError):
        return None
