"""``alerts``: to whom anomalies are told."""

from __future__ import annotations

from typing import Annotated

import typer

from session_buddy.cli.choices import AlertFormatChoice, SeverityChoice
from session_buddy.cli.options import AsJson
from session_buddy.cli.output import answer, print_json
from session_buddy.cli.settings import settings_of

__all__ = ["add", "app", "list_", "remove", "test"]

_Name = Annotated[str, typer.Argument(metavar="NAME", help="What you call it: letters, digits, '.', '-' and '_'.")]


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(help="Whom to tell of anomalies: webhooks, Slack.", no_args_is_help=True, rich_markup_mode=None)
    group.command("add")(add)
    group.command("list")(list_)
    group.command("remove")(remove)
    group.command("test")(test)
    return group


def add(
    context: typer.Context,
    name: _Name,
    url: Annotated[
        str,
        typer.Option(
            "--url",
            metavar="URL",
            help="http(s) address; or env:VARIABLE or file:PATH, where it stands if it is secret.",
        ),
    ],
    form: Annotated[
        AlertFormatChoice,
        typer.Option("--format", metavar="FORMAT", help="webhook: JSON, signed; slack: a message to a channel."),
    ] = AlertFormatChoice.WEBHOOK,
    severity: Annotated[
        SeverityChoice,
        typer.Option("--severity", metavar="SEVERITY", help="Tell of anomalies of this severity, and of worse ones."),
    ] = SeverityChoice.WARNING,
    secret: Annotated[
        str | None,
        typer.Option("--secret", metavar="WHERE", help="Sign messages; env:VARIABLE or file:PATH has the secret."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell somebody of anomalies from now on; a target of that name is replaced.

    Addresses of Slack are secrets, and secrets are not kept in the store: name the variable, or the file that only
    you may read, in which they stand for the process that sends alerts (the server, or 'anomalies watch').
    """
    from session_buddy.monitoring.alerts.targets import TARGETS, AlertFormat, Target, targets_of, text_of
    from session_buddy.monitoring.detector import Severity
    from session_buddy.monitoring.watch import read_texts
    from session_buddy.reports.settings import write_text

    target = Target(
        name=name, url=url, format=AlertFormat(form.value), severity=Severity(severity.value), secret=secret
    )
    with settings_of(context).open_store() as store:
        others = [one for one in targets_of(read_texts(store).get(TARGETS, "")) if one.name != name]
        write_text(store, TARGETS, text_of([*others, target]))
    if as_json:
        print_json(target)
    else:
        print(f"{name} is told from now on. Try it: session-buddy alerts test {name}")


def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List to whom anomalies are told."""
    from session_buddy.cli.screens.anomalies import targets_screen
    from session_buddy.monitoring.alerts.targets import TARGETS, TargetList, targets_of
    from session_buddy.monitoring.watch import read_texts

    settings = settings_of(context)
    with settings.open_existing() as store:
        listed = TargetList(targets=targets_of(read_texts(store).get(TARGETS, "")))
    answer(settings, listed, lambda width: targets_screen(listed, width=width))


def remove(context: typer.Context, name: _Name, as_json: AsJson = False) -> None:
    """Tell somebody no more."""
    from session_buddy.monitoring.alerts.targets import TARGETS, targets_of, text_of, without
    from session_buddy.monitoring.watch import read_texts
    from session_buddy.reports.settings import write_text

    with settings_of(context).open_existing() as store:
        left = without(targets_of(read_texts(store).get(TARGETS, "")), name)
        write_text(store, TARGETS, text_of(left))
    if as_json:
        print_json({"removed": name})
    else:
        print(f"{name} is told no more.")


def test(context: typer.Context, name: _Name, as_json: AsJson = False) -> None:
    """Send an alert that says it is a test.

    The exit code is 1 if it did not arrive.
    """
    from session_buddy.cli.failures import AnswerIsNo
    from session_buddy.monitoring.alerts.delivery import send_test
    from session_buddy.monitoring.alerts.targets import TARGETS, targets_of, without
    from session_buddy.monitoring.watch import read_texts

    settings = settings_of(context)
    with settings.open_existing() as store:
        targets = targets_of(read_texts(store).get(TARGETS, ""))
    without(targets, name)
    (target,) = (one for one in targets if one.name == name)
    problem = send_test(target, now=settings.now())
    if problem:
        raise AnswerIsNo(f"{name} did not get it. {problem}", remedy="See what the receiver says, and try again.")
    if as_json:
        print_json({"sent": name})
    else:
        print(f"{name} got it.")
