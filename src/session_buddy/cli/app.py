"""The command ``session-buddy``: its global options, its commands, and what happens when one fails."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from itertools import takewhile
from typing import Annotated, Any

import typer

from session_buddy.cli.commands import (
    alerts,
    anomalies,
    asking,
    catalog,
    categories,
    ci,
    clusters,
    community,
    configuring,
    db,
    dependencies,
    experiments,
    export,
    importing,
    installing,
    predicting,
    recommending,
    refreshing,
    searching,
    serving,
    sessions,
    skills,
    sql,
    status,
    tokens,
)
from session_buddy.cli.failures import ExitCode, Interrupted, WrongUsage, exit_code_of, is_of_the_output, tell
from session_buddy.cli.output import flush, forget_stdout
from session_buddy.cli.settings import Settings, settings_of
from session_buddy.errors import SessionBuddyError

__all__ = ["command", "run"]

_EPILOG = "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."


# What typer raises for a command line that it cannot make sense of; it has no public name.
_UsageError: Any = typer.BadParameter.__base__


def run(arguments: Sequence[str] | None, settings: Settings) -> int:
    """Run the command that *arguments* (default: those of the process) name; return its exit code.

    An error of ours, or of the system, is told in words (or as JSON, if that was asked for) and never shows
    a traceback.
    """
    # Decided before parsing, since that may fail before it comes to the option.
    given = sys.argv[1:] if arguments is None else arguments
    settings.json = "--json" in takewhile(lambda argument: argument != "--", given)
    try:
        code = command().main(arguments, prog_name="session-buddy", standalone_mode=False, obj=settings)
        flush()
    except BrokenPipeError:
        # Whoever read our output has left, which is no error of anybody's.
        forget_stdout()
        return ExitCode.NO
    except _UsageError as error:
        if not settings.json:
            error.show()
            return ExitCode.WRONG_USAGE
        return _told(_wrong_usage(error), settings)
    except typer.Abort:
        return _told(Interrupted(), settings)
    except (SessionBuddyError, OSError) as error:
        return _told(error, settings)
    # Typer returns the codes of typer.Exit, and this one where it caught a KeyboardInterrupt.
    return _told(Interrupted(), settings) if code == ExitCode.INTERRUPTED else int(code or 0)


def _told(error: SessionBuddyError | OSError, settings: Settings) -> ExitCode:
    tell(error, as_json=settings.json)
    if is_of_the_output(error):
        forget_stdout()
    return exit_code_of(error)


def _wrong_usage(error: Any) -> WrongUsage:
    where = error.ctx.command_path if error.ctx else "session-buddy"
    return WrongUsage(error.format_message(), remedy=f"See '{where} --help'.")


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
            help="The store: sqlite:///FILE, chdb:///FOLDER or clickhouse://USER:PASSWORD@HOST/DATABASE"
            " (default: session-buddy.db in your data folder).",
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


@cache
def command() -> Any:
    """Return the command as typer makes it; that takes a while, and happens once in a process."""
    # Plain help: the decorated one would load rich, which takes longer than all the rest.
    app = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(epilog=_EPILOG)(_root)
    app.command("up")(importing.up)
    app.command("import")(importing.import_)
    app.add_typer(installing.install_app(), name="install")
    app.add_typer(installing.uninstall_app(), name="uninstall")
    app.command("statusline")(installing.statusline)
    app.command("mcp")(asking.mcp)
    app.command("lsp")(asking.lsp)
    app.command("top")(skills.top)
    app.command("skill")(skills.skill)
    app.add_typer(catalog.app(), name="catalog")
    app.add_typer(categories.categories_app(), name="category")
    app.add_typer(categories.modalities_app(), name="modality")
    app.command("related")(dependencies.related)
    app.command("network")(dependencies.network)
    app.command("paths")(dependencies.paths)
    app.command("clusters")(clusters.clusters)
    app.command("search")(searching.search)
    app.command("sessions")(sessions.sessions)
    app.command("status")(status.status)
    app.add_typer(recommending.app(), name="recommend")
    app.add_typer(predicting.app(), name="predict")
    app.command("refresh")(refreshing.refresh)
    app.add_typer(community.app(), name="community")
    app.add_typer(anomalies.app(), name="anomalies")
    app.add_typer(experiments.app(), name="experiment")
    app.add_typer(ci.app(), name="ci")
    app.command("serve")(serving.serve)
    app.command("sql")(sql.sql)
    app.command("export")(export.export)
    app.command("exporter")(serving.exporter)
    app.add_typer(alerts.app(), name="alerts")
    app.add_typer(configuring.app(), name="settings")
    app.add_typer(tokens.app(), name="token")
    app.add_typer(db.app(), name="db")
    return typer.main.get_command(app)
