"""``export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from session_buddy.cli.choices import ExportFormat
from session_buddy.cli.options import Quiet
from session_buddy.cli.settings import settings_of

__all__ = ["export"]


def export(
    context: typer.Context,
    format_: Annotated[ExportFormat, typer.Option("--format", help="What to write.")] = ExportFormat.CSV,
    table: Annotated[
        str, typer.Option("--table", metavar="NAME", help="A table or view; invocations is the event log.")
    ] = "invocations",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to FILE, whole or not at all (default: stdout)."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a table or view to a file or stdout.

    Row by row, so that memory is bounded. Parquet needs --output.
    """
    from session_buddy.cli.exporting import export_to, write_rows
    from session_buddy.cli.output import message
    from session_buddy.formats import size

    if format_ is ExportFormat.PARQUET and output is None:
        raise typer.BadParameter("Parquet is no text: give a file with --output.")
    with settings_of(context).open_existing() as store:
        if output is None:
            write_rows(store, table, format_, sys.stdout.buffer)
            return
        export_to(store, table, format_, output)
    if not quiet:
        message(f"Wrote {output}, {size(output.stat().st_size)}.")
