"""``install``, ``uninstall`` and ``statusline``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from session_buddy.cli.hearing import hook_folder
from session_buddy.cli.options import AsJson
from session_buddy.cli.output import message, print_json
from session_buddy.cli.settings import Settings, settings_of

if TYPE_CHECKING:
    from session_buddy.integrations.claude_code import Installation

__all__ = ["install_app", "statusline", "uninstall_app"]


class SettingsScope(StrEnum):
    """Whose settings."""

    USER = "user"
    PROJECT = "project"
    LOCAL = "local"


class RouteChoice(StrEnum):
    """How events come."""

    SCRIPT = "script"
    SERVER = "server"
    BOTH = "both"


_Scope = Annotated[
    SettingsScope,
    typer.Option("--scope", help="Whose settings: yours, the project's, or yours for this project alone."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; print what the settings would be.")]


def install_app() -> typer.Typer:
    """Return ``install``."""
    app = typer.Typer(no_args_is_help=True, help="Have agents tell what they do as they do it.")
    app.callback()(_nothing)
    app.command("claude-code")(install_claude_code)
    return app


def uninstall_app() -> typer.Typer:
    """Return ``uninstall``."""
    app = typer.Typer(no_args_is_help=True, help="Undo what 'install' did.")
    app.callback()(_nothing)
    app.command("claude-code")(uninstall_claude_code)
    return app


def _nothing() -> None:
    """Stand for the group, so that its only command keeps its name."""


def install_claude_code(
    context: typer.Context,
    route: Annotated[
        RouteChoice,
        typer.Option(
            "--via",
            help="A script that keeps each event until it is read, a running server that hears it at once, or both.",
        ),
    ] = RouteChoice.SCRIPT,
    server: Annotated[
        str, typer.Option("--server", metavar="URL", help="The address of the running server.")
    ] = "http://127.0.0.1:8765",
    token_variable: Annotated[
        str | None,
        typer.Option(
            "--token-variable",
            metavar="NAME",
            help="The environment variable with the server's token; tokens themselves are not put into settings.",
        ),
    ] = None,
    status_line: Annotated[
        bool, typer.Option("--status-line", help="Show what the session used below the prompt.")
    ] = False,
    scope: _Scope = SettingsScope.USER,
    dry_run: _DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put hooks into the settings of Claude Code.

    What stands there already stays, the file is kept as it was, and 'uninstall' gives it back byte for byte. Run it
    again to change how events come. Without it, transcripts tell the same, only later.
    """
    from session_buddy.integrations.claude_code import Route, Telling

    settings = settings_of(context)
    installation = _installation(settings, scope)
    telling = Telling(
        route=Route(route),
        script=str(installation.script),
        folder=str(hook_folder(settings)),
        server=_checked(server, token_variable),
        token_variable=token_variable,
    )
    done = installation.install(telling, status_line=status_line, dry_run=dry_run)
    if as_json:
        print_json(done)
    elif dry_run:
        print(done.text, end="")
    elif not done.changed:
        message(f"Nothing to do: {done.settings} has it all.")
    else:
        kept = f" As it was it is kept in {done.backup}." if done.backup else ""
        message(f"Claude Code tells its hooks to Session-Buddy: see {done.settings}.{kept}")
        message("Sessions that run already pick it up within seconds. For tools and skills of its own in the agent:")
        message("  claude mcp add --scope user session-buddy -- session-buddy mcp")


def uninstall_claude_code(
    context: typer.Context, scope: _Scope = SettingsScope.USER, dry_run: _DryRun = False, as_json: AsJson = False
) -> None:
    """Take the hooks out of the settings of Claude Code.

    Settings that nobody has changed since are what they were, byte for byte. What was recorded stays.
    """
    done = _installation(settings_of(context), scope).uninstall(dry_run=dry_run)
    if as_json:
        print_json(done)
    elif dry_run:
        print(done.text or "", end="")
    elif done.changed:
        message(f"Claude Code no longer tells its hooks to Session-Buddy: see {done.settings}.")
    else:
        message(f"Nothing to do: nothing of ours is in {done.settings}.")


def statusline(context: typer.Context) -> None:
    """Print one line on the session at hand, for the status line of Claude Code.

    Reads what the agent gives its status line from the standard input. Prints nothing where nothing is known.
    """
    import sys

    from session_buddy.reports.statusline import read_status_line, session_in

    settings = settings_of(context)
    session_id = session_in(sys.stdin.read().encode(errors="replace"))
    if session_id is None or not settings.has_store():
        return
    with settings.open_store() as store:
        line = read_status_line(store, session_id)
    if line:
        print(line)


def _installation(settings: Settings, scope: SettingsScope) -> Installation:
    import os

    from session_buddy.integrations.claude_code import Installation
    from session_buddy.integrations.claude_code.installing import settings_file

    place = settings_file(scope, dict(os.environ), Path.home(), Path.cwd())
    return Installation(place, settings.data_folder / "claude-code")


def _checked(server: str, token_variable: str | None) -> str:
    import re
    from urllib.parse import urlsplit

    from session_buddy.errors import InvalidInput

    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise InvalidInput("--server", f"{server!r} is no address of a server.", remedy="Name it as http://host:8765.")
    if token_variable is not None and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", token_variable):
        raise InvalidInput(
            "--token-variable",
            "is no name of an environment variable.",
            remedy="Put the token into a variable, and name that: SESSION_BUDDY_TOKEN.",
        )
    return server
