"""Where a file may be written."""

from __future__ import annotations

from pathlib import Path

from session_buddy.errors import InvalidInput

__all__ = ["require_place"]


def require_place(path: Path) -> None:
    """Make sure that a file can be written to *path*, whether one is there already or not; leaves none.

    Raises :class:`InvalidInput` where no file can be, and :class:`OSError` where none may be made.
    """
    if path.is_dir():
        raise InvalidInput(str(path), "is a folder.", remedy="Name a file in it.")
    if path.is_file():
        return
    if path.exists():
        # Replaced by a file, a device would be gone for everybody.
        raise InvalidInput(str(path), "is no file but a device or a pipe.", remedy="Name a file.")
    if not path.parent.is_dir():
        raise InvalidInput(
            str(path), "its folder does not exist.", remedy=f"Make {path.parent} first, or name another folder."
        )
    path.touch(exist_ok=False)
    path.unlink()
