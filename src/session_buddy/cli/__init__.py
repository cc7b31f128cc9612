"""The command line: parse, call, print.

``commands`` parse and call, ``reports`` are what is printed as values (and, with ``--json``, as they
are), ``screens`` show them to people. Nothing here is loaded before it is needed: the start is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, *, clock: Callable[[], str] | None = None) -> None:
    """Run ``session-buddy`` with *arguments* (default: those of the process); ends with :class:`SystemExit`.

    *clock* replaces the computer's clock in everything that is shown.
    """
    from session_buddy.cli.app import run
    from session_buddy.cli.output import prepare_streams
    from session_buddy.cli.settings import Settings

    prepare_streams()
    sys.exit(run(arguments, Settings(clock)))
