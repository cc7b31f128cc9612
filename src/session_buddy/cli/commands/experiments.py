"""``experiment``: looking at experiments, and reckoning before there is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from session_buddy.cli.choices import StatusChoice
from session_buddy.cli.commands import experimenting
from session_buddy.cli.options import AsJson, Limit
from session_buddy.cli.output import answer, print_json
from session_buddy.cli.settings import settings_of

__all__ = ["app", "history", "list_", "power", "report", "show"]

_Name = experimenting.ExperimentName


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(
        help="Compare two strategies: share out users, tell how it went, see which works better.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    commands: dict[str, Callable[..., None]] = {
        "list": list_,
        "show": show,
        "create": experimenting.create,
        "start": experimenting.start,
        "pause": experimenting.pause,
        "resume": experimenting.resume,
        "stop": experimenting.stop,
        "conclude": experimenting.conclude,
        "archive": experimenting.archive,
        "change": experimenting.change,
        "assign": experimenting.assign,
        "expose": experimenting.expose,
        "record": experimenting.record,
        "report": report,
        "power": power,
        "history": history,
    }
    for name, command in commands.items():
        group.command(name)(command)
    return group


def list_(
    context: typer.Context,
    status: Annotated[StatusChoice | None, typer.Option("--status", help="Only those.")] = None,
    include_archived: Annotated[bool, typer.Option("--all", help="Archived ones as well.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List experiments, the newest first, each with its verdict in one sentence."""
    from session_buddy.cli.screens.experiments import experiments_screen
    from session_buddy.experiments.design import Status
    from session_buddy.reports.experiments import read_experiment_index

    settings = settings_of(context)
    wanted = Status(status.value) if status else None
    with settings.open_existing() as store:
        index = read_experiment_index(store, now=settings.now(), limit=limit, status=wanted, archived=include_archived)
    answer(settings, index, lambda width: experiments_screen(index, width=width))


def show(context: typer.Context, name: _Name, as_json: AsJson = False) -> None:
    """Show everything about one experiment: the verdict, and what it stands on.

    Look as often as you like: with the method 'sequential' a winner stays one, however often you looked.
    """
    from session_buddy.cli.screens.experiments import experiment_screen
    from session_buddy.reports.experiments import read_experiment_report

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = read_experiment_report(store, name, now=settings.now())
    answer(settings, found, lambda width: experiment_screen(found, width=width))


def report(
    context: typer.Context,
    name: _Name,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Where to (default: experiment-NAME.html); replaced if there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write everything about one experiment into one HTML file.

    It needs no network and no server, and may be sent on. Names and texts of people are in it.
    """
    from session_buddy.cli.places import require_place
    from session_buddy.reports.experiments import read_experiment_report
    from session_buddy.server.pages.experiment_report import report_document, report_name

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = read_experiment_report(store, name, now=settings.now())
    path = output or Path(report_name(found.experiment))
    require_place(path)
    path.write_text(report_document(found), encoding="utf-8")
    if as_json:
        print_json({"report": str(path)})
    else:
        print(f"Written to {path}.")


def history(context: typer.Context, name: _Name, as_json: AsJson = False) -> None:
    """Show who did what to an experiment, and when."""
    from session_buddy.cli.screens.experiments import history_screen
    from session_buddy.reports.experiments import read_experiment_history

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = read_experiment_history(store, name, now=settings.now())
    answer(settings, found, lambda width: history_screen(found.events, width=width))


def power(
    context: typer.Context,
    baseline: Annotated[
        float,
        typer.Option("--baseline", metavar="X", help="Control's value: a rate 0-1, or with --spread any figure."),
    ],
    lift: Annotated[
        float | None,
        typer.Option("--lift", metavar="X", help="The least relative change that matters; 0.05 is five percent more."),
    ] = None,
    users: Annotated[
        int | None, typer.Option("--users", metavar="N", help="How many there are, in both variants.")
    ] = None,
    spread: Annotated[
        float | None,
        typer.Option("--spread", metavar="X", help="The standard deviation between users, if the baseline is no rate."),
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", metavar="X", help="The chance of calling a winner where there is none.")
    ] = 0.05,
    wanted: Annotated[
        float, typer.Option("--power", metavar="X", help="The chance of seeing a lift that is there.")
    ] = 0.8,
    ratio: Annotated[float, typer.Option("--ratio", metavar="X", help="The share of control.")] = 0.5,
    as_json: AsJson = False,
) -> None:
    """Reckon how many users it takes to see a lift, or what so many users can show. Needs no store."""
    from session_buddy.cli.screens.experiments import power_screen
    from session_buddy.reports.experiment_power import PowerQuestion, read_power

    found = read_power(
        PowerQuestion(baseline=baseline, spread=spread, lift=lift, users=users, alpha=alpha, power=wanted, ratio=ratio)
    )
    answer(settings_of(context), found, lambda width: power_screen(found, width=width))
