"""The command ``session-buddy``: its global options, its commands, and what happens when one fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from session_buddy.cli.commands import db, export, importing, sessions, skills, sql, status
from session_buddy.cli.failures import ExitCode, exit_code_of, tell
from session_buddy.cli.output import message
from session_buddy.cli.settings import settings_of
from session_buddy.errors import SessionBuddyError

__all__ = ["command"]

_EPILOG = "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."


class _Commands(TyperGroup):
    """The commands, in the order in which a new user needs them; their errors end in an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error of ours is told in words and never shows a traceback."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output has left: typer ends quietly then.
            raise
        except (SessionBuddyError, OSError) as error:
            tell(error, as_json=settings_of(ctx).json)
            raise typer.Exit(exit_code_of(error)) from error
        except KeyboardInterrupt as interrupt:
            message("Interrupted. What was stored until then is kept.")
            raise typer.Exit(ExitCode.INTERRUPTED) from interrupt


def _version(wanted: bool) -> None:
    if wanted:
        import session_buddy

        typer.echo(f"session-buddy {session_buddy.__version__}")
        raise typer.Exit


def _root(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="URL",
            envvar="SESSION_BUDDY_STORE",
            help="The store, as sqlite:///FILE (default: session-buddy.db in your data folder).",
        ),
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Which skills your coding agents use, and which of them work.

    Start with: session-buddy up
    """
    settings_of(context).store_url = store


def command() -> Callable[..., Any]:
    """Return the command; called with arguments, it runs them and ends with :class:`SystemExit`."""
    # Plain help: the decorated one would load rich, which takes longer than all the rest.
    app = typer.Typer(
        cls=_Commands,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(epilog=_EPILOG)(_root)
    app.command("up")(importing.up)
    app.command("import")(importing.import_)
    app.command("top")(skills.top)
    app.command("skill")(skills.skill)
    app.command("sessions")(sessions.sessions)
    app.command("status")(status.status)
    app.command("sql")(sql.sql)
    app.command("export")(export.export)
    app.add_typer(db.app(), name="db")
    return typer.main.get_command(app)
