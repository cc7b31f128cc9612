"""``sql``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from session_buddy.cli.options import AsJson
from session_buddy.cli.settings import settings_of

__all__ = ["sql"]


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT; - reads it from stdin.")],
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="Print N rows at most (default: 100 in a table, else all)."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the store in SQL. Nothing can be written this way.

    Begin with the views: v_realtime_skill_dashboard, v_skill_effectiveness_trend,
    v_skill_dependency_network, v_multimodal_skill_catalog.
    """
    from session_buddy.cli.rows import print_table, streamed, write_csv, write_json_list

    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other.")
    text = sys.stdin.read() if query == "-" else query
    with settings_of(context).open_existing() as store, streamed(store, text) as rows:
        if as_json:
            write_json_list(rows, sys.stdout.buffer, limit)
        elif as_csv:
            write_csv(rows, sys.stdout.buffer, limit)
        else:
            print_table(rows, limit or 100)
