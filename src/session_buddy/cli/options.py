"""Options that several commands share, so that they are spelled and explained alike."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

import typer

from session_buddy.cli.settings import settings_of

__all__ = ["AsJson", "IncludeTools", "Limit", "Quiet", "TriedExperiment", "User", "finite"]


def finite(value: float | None) -> float | None:
    """Return *value*; it is wrong usage where that is no number that others can be less or more than."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is no number to compare with.")
    return value


def _remember(context: typer.Context, as_json: bool) -> bool:
    settings_of(context).json = as_json
    return as_json


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, errors too.", callback=_remember)]
IncludeTools = Annotated[bool, typer.Option("--all", help="Show the agent's built-in tools (Read, Edit …) as well.")]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Show at most N.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress bar and no messages.")]
TriedExperiment = Annotated[
    str | None,
    typer.Option(
        "--experiment",
        metavar="NAME",
        help="Answer by the strategy that this experiment has for the user, and record that they met it.",
    ),
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="ACCOUNT", help="Whose transcripts these are (default: you); kept as a keyed hash."),
]
