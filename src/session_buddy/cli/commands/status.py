"""``status``."""

from __future__ import annotations

from typing import Annotated

import typer

from session_buddy.cli.options import AsJson
from session_buddy.cli.output import answer, message, print_json
from session_buddy.cli.settings import settings_of

__all__ = ["status"]


def status(
    context: typer.Context,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="List the lines that were set aside: file:line, reason.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the store holds, and its health."""
    from session_buddy.cli.hearing import left_lying
    from session_buddy.cli.screens.status import status_screen
    from session_buddy.cli.sources import present_files
    from session_buddy.formats import printable
    from session_buddy.reports.status import read_quarantine, read_status

    settings = settings_of(context)
    with settings.open_existing() as store:
        if quarantine:
            found = read_quarantine(store)
            if as_json:
                print_json(found)
            else:
                for line in found.lines:
                    print(f"{printable(line.path)}:{line.line}: {printable(line.reason)}")
            return
        with settings.migrations() as manager:
            schema = manager.status()
        report = read_status(store, schema, present_files(settings))
    answer(settings, report, lambda width: status_screen(report, now=settings.now(), width=width))
    for words in left_lying(settings):
        message(words)
