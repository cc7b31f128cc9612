"""Where answers go: data to stdout, all other words to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from session_buddy.cli.settings import Settings

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["answer", "message", "print_json"]


def answer(settings: Settings, report: Any, screen: Callable[[int], Iterable[RenderableType]]) -> None:
    """Print *report*: as JSON if that was asked for, else the *screen* it gives for a width in cells."""
    if settings.json:
        print_json(report)
        return
    from session_buddy.cli.screens.layout import console

    terminal = console()
    for part in screen(terminal.width):
        terminal.print(part)


def print_json(value: Any) -> None:
    """Print *value* as one indented JSON document in UTF-8, whatever the terminal's encoding."""
    import msgspec

    sys.stdout.flush()
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.buffer.flush()


def message(text: str) -> None:
    """Write *text* to stderr."""
    print(text, file=sys.stderr)
