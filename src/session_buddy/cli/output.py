"""Where answers go: data to stdout, all other words to stderr."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from session_buddy.cli.settings import Settings

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["answer", "flush", "forget_stdout", "message", "prepare_streams", "print_json"]


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
    """Write *text* to stderr, if there is one."""
    # Without this condition print() would take stdout in its place.
    if sys.stderr:
        print(text, file=sys.stderr)


def prepare_streams() -> None:
    """Make sure that writing to stdout stops at no character, and that it fails where there is no stdout."""
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(_Closed()), encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows another: no reason to stop half-way.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")


def flush() -> None:
    """Write out what was printed; raises :class:`OSError`, without a file name, where that cannot be."""
    sys.stdout.flush()


def forget_stdout() -> None:
    """Let go of what stdout could not write: the interpreter would fail at it once more when it ends."""
    sys.stdout = None


class _Closed(io.RawIOBase):
    """Stands for the stdout of a process that was started without one: who writes to it is told."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        raise OSError(errno.EBADF, "stdout is closed")
