"""``settings``: what can be set in a store."""

from __future__ import annotations

from typing import Annotated

import typer

from session_buddy.cli.options import AsJson
from session_buddy.cli.output import answer, print_json
from session_buddy.cli.settings import settings_of

__all__ = ["app", "reset", "set_", "settings"]

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, as 'settings' shows it.")]


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    group.callback()(settings)
    group.command("set")(set_)
    group.command("reset")(reset)
    return group


def settings(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what can be set in the store: how anomalies are found, how long events are kept.

    Whoever opens the store goes by it; a running server does from the next look on.
    """
    if context.invoked_subcommand:
        return
    from session_buddy.cli.screens.anomalies import settings_screen
    from session_buddy.reports.settings import read_setting_list

    given = settings_of(context)
    with given.open_existing() as store:
        listed = read_setting_list(store)
    answer(given, listed, lambda width: settings_screen(listed, width=width))


def set_(
    context: typer.Context,
    name: _Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it shall be.")],
    as_json: AsJson = False,
) -> None:
    """Set something."""
    _put(context, name, value, as_json)


def reset(context: typer.Context, name: _Name, as_json: AsJson = False) -> None:
    """Set something to its default."""
    _put(context, name, None, as_json)


def _put(context: typer.Context, name: str, value: str | None, as_json: bool) -> None:
    from session_buddy.reports.settings import put_setting

    with settings_of(context).open_store() as store:
        text = put_setting(store, name, value)
    if as_json:
        print_json({"name": name, "value": text})
    else:
        print(f"{name} is {text or 'empty'}.")
