"""``token create``, ``token list`` and ``token revoke``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from session_buddy.cli.choices import ScopeChoice
from session_buddy.cli.options import AsJson
from session_buddy.cli.output import answer, message, print_json
from session_buddy.cli.settings import Settings, settings_of

if TYPE_CHECKING:
    from session_buddy.server.tokens import TokenFile

__all__ = ["app", "create", "list_", "revoke", "token_file"]


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(
        help="Who may talk to the server: make, list, revoke tokens.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command("create")(create)
    group.command("list")(list_)
    group.command("revoke")(revoke)
    return group


def create(
    context: typer.Context,
    scope: Annotated[
        ScopeChoice, typer.Option("--scope", help="ingest: only record; read: only read; admin: everything.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What you call it, to revoke it by.")
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=36_500, metavar="N", help="Good for N days (default: until revoked)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once.

    From then on the server asks everybody for a token, on this machine too.
    """
    from session_buddy.server.tokens import Scope

    settings = settings_of(context)
    now = settings.now()
    text = token_file(settings).create(
        Scope(scope.value), now=now, name=name, expires_at=_later(now, days) if days else None
    )
    if as_json:
        print_json({"token": text})
        return
    print(text)
    message("Keep it now: it is not stored and cannot be shown again.")


def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the tokens ever made, without the tokens themselves."""
    from session_buddy.cli.screens.tokens import tokens_screen

    settings = settings_of(context)
    now = settings.now()
    listed = token_file(settings).listed(now)
    answer(settings, listed, lambda width: tokens_screen(listed, now=now, width=width))


def revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(metavar="NAME", help="Its name or its id, as 'token list' shows them.")],
    as_json: AsJson = False,
) -> None:
    """Make a token good for nothing, at once; open connections end within a second."""
    settings = settings_of(context)
    revoked = token_file(settings).revoke(token, now=settings.now())
    if as_json:
        print_json({"revoked": revoked.id})
    else:
        print(f"Revoked {revoked.name or revoked.id}.")


def token_file(settings: Settings) -> TokenFile:
    """Return the tokens of this user's data folder."""
    from session_buddy.server.tokens import TokenFile

    return TokenFile(settings.data_folder / "tokens.json")


def _later(now: str, days: int) -> str:
    from datetime import datetime, timedelta

    from session_buddy.model import parse_time

    return parse_time((datetime.fromisoformat(now) + timedelta(days=days)).isoformat())
