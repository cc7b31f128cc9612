"""``anomalies``: what is out of the ordinary, what would have been, and looking for it without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from session_buddy.cli.choices import DetectorChoice
from session_buddy.cli.options import AsJson, Limit
from session_buddy.cli.output import answer
from session_buddy.cli.settings import Settings, settings_of

if TYPE_CHECKING:
    from session_buddy.monitoring.alerts.delivery import Deliveries
    from session_buddy.storage import Store

__all__ = ["app", "deliveries_of"]

_Skill = Annotated[
    str | None, typer.Option("--skill", metavar="NAME", help="Only this skill, of whatever kind; as 'skill' takes it.")
]


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    group.callback()(anomalies)
    group.command("backtest")(backtest)
    group.command("watch")(watch)
    return group


def anomalies(
    context: typer.Context,
    include_resolved: Annotated[
        bool, typer.Option("--all", help="Show those that are resolved as well, the latest.")
    ] = False,
    skill: _Skill = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show what is out of the ordinary: drops, spikes and shifts of success, uses and duration.

    A running server looks for them; without one, 'anomalies watch' does.
    """
    if context.invoked_subcommand:
        return
    from session_buddy.cli.screens.anomalies import anomalies_screen
    from session_buddy.reports.anomalies import read_anomalies
    from session_buddy.reports.profile import find_skill

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        name = find_skill(store, skill) if skill else None
        listed = read_anomalies(store, limit if include_resolved else 0, skill=name)
    answer(settings, listed, lambda width: anomalies_screen(listed, now=now, width=width))


def backtest(
    context: typer.Context,
    skill: _Skill = None,
    days: Annotated[
        int, typer.Option("--days", min=1, max=3_660, metavar="N", help="Of the last N days, the first for learning.")
    ] = 90,
    detector: Annotated[
        DetectorChoice | None, typer.Option("--detector", help="What looks for them (default: what is set).")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="X", help="From which score on zscore (2) or novelty (1.25) tell."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a detector would have told of the past.

    It is run over the hours as it would be live, never looking ahead. Changes nothing.
    """
    from session_buddy.cli.screens.anomalies import backtest_screen
    from session_buddy.model import Kind
    from session_buddy.monitoring.settings import WatchSettings
    from session_buddy.monitoring.watch import read_settings
    from session_buddy.reports.backtesting import read_backtest
    from session_buddy.reports.profile import find_skill

    settings = settings_of(context)
    with settings.open_existing() as store:
        name = find_skill(store, skill) if skill else None
        given = read_settings(store)
        chosen = WatchSettings(
            detector=detector.value if detector else given.detector,
            threshold=given.threshold if threshold is None and detector is None else threshold,
            kinds=tuple(Kind) if name else given.kinds,
            zone=given.zone,
        )
        report = read_backtest(store, chosen, now=settings.now(), days=days, skill=name)
    answer(settings, report, lambda width: backtest_screen(report, width=width))


def watch(context: typer.Context, as_json: AsJson = False) -> None:
    """Look for anomalies once, and send the alerts that are due.

    For where no server runs: call it every hour, from cron say.
    """
    from session_buddy.cli.screens.anomalies import look_screen
    from session_buddy.monitoring.watch import AnomalyWatch
    from session_buddy.reports.anomalies import Look, figures_of

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        changed = AnomalyWatch(store).step(now)
        told = deliveries_of(store, settings, begun=now).deliver()
    look = Look(changed=figures_of(changed), alerts=told)
    answer(settings, look, lambda width: look_screen(look, now=now, width=width))


def deliveries_of(store: Store, settings: Settings, *, begun: str) -> Deliveries:
    """Return what sends alerts of *store*; what was told is remembered where a server remembers it."""
    from session_buddy.monitoring.alerts.delivery import Deliveries
    from session_buddy.server.alarming import alerts_folder
    from session_buddy.server.serving import spool_folder_for

    folder = alerts_folder(spool_folder_for(settings.store_url, settings.data_folder))
    return Deliveries(store, folder, settings.now, begun=begun)
