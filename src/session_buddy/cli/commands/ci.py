"""``ci run``, ``ci import``, ``ci tests`` and ``ci gate``."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from session_buddy.cli.failures import ExitCode, WrongUsage
from session_buddy.cli.options import AsJson, Limit, Quiet, User
from session_buddy.cli.output import answer, message, print_json
from session_buddy.cli.settings import Settings, settings_of
from session_buddy.errors import InvalidInput

if TYPE_CHECKING:
    from session_buddy.reports.gate import Gate, GateRules

__all__ = ["app"]

_Since = Annotated[str, typer.Option("--since", metavar="WHEN", help="24h, 7d, 2w, a day or a time.")]

_Server = Annotated[
    str | None,
    typer.Option(
        "--server", metavar="URL", envvar="SESSION_BUDDY_SERVER", help="Tell this server instead of the store."
    ),
]

_AskedServer = Annotated[
    str | None,
    typer.Option(
        "--server", metavar="URL", envvar="SESSION_BUDDY_SERVER", help="Ask this server instead of the store."
    ),
]


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(
        help="Pipelines: record what runs in them, import what they leave, stop them where something broke.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("run", context_settings={"allow_interspersed_args": False})(run)
    group.command("import")(import_)
    group.command("tests")(tests)
    group.command("gate")(gate)
    group.command("deliver")(deliver)
    return group


def run(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="What to run, behind '--'.")],
    skill: Annotated[
        str | None, typer.Option("--skill", metavar="NAME", help="What to call it (default: by the shell rules).")
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="The session it is part of (default: the job of CI).")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="FILE", help="Write exit code, duration, processor time and memory there."),
    ] = None,
    server: _Server = None,
    user: User = None,
) -> None:
    """Run a command and record how it went.

    Its streams and signals are its own, and its exit code is ours, whatever becomes of the record. What cannot be
    recorded waits on disk. SESSION_BUDDY_TOKEN is the token for a server.
    """
    from session_buddy.cli.telling_ci import run_and_tell

    # Not typer.Exit: 130 would be told as an interruption of ours.
    raise SystemExit(
        run_and_tell(
            settings_of(context), command, skill=skill, session=session, figures=figures, server=server, account=user
        )
    )


def import_(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATHS...", exists=True, help="Reports, or folders with some.")
    ],
    commit: Annotated[
        str | None,
        typer.Option("--commit", metavar="SHA", help="What was tried (default: as CI says, or git where it is clean)."),
    ] = None,
    server: _Server = None,
    user: User = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Import reports of tests (JUnit, TRX, xUnit, NUnit), JSON of GitHub and GitLab, runs of Crackerjack.

    What cannot be read is refused, file by file, with the reason, each time that it is named; it stops nothing.
    """
    from session_buddy.cli.screens.importing import import_lines
    from session_buddy.cli.sources import local_user, shell_rules
    from session_buddy.cli.telling_ci import import_reports, send_reports

    settings = settings_of(context)
    rules, user_id = shell_rules(settings), local_user(settings, user)
    if server:
        refused = send_reports(settings, paths, server, rules=rules, commit=commit, user_id=user_id)
    else:
        summary, refused = import_reports(settings, paths, rules=rules, commit=commit, user_id=user_id)
    for bad in refused:
        message(f"{bad.path}:{bad.line}: {bad.reason}")
    if server:
        return
    if as_json:
        print_json(summary)
    elif not quiet:
        if summary.files_found:
            print("\n".join(import_lines(summary)))
        else:
            message("No report of tests and nothing else of CI was found there.")


def tests(
    context: typer.Context,
    since: _Since = "30d",
    flaky: Annotated[bool, typer.Option("--flaky", help="Only those that passed and failed, of one code.")] = False,
    limit: Limit = 20,
    server: _AskedServer = None,
    as_json: AsJson = False,
) -> None:
    """Show tests one by one: flaky ones first, then those that fail most.

    SESSION_BUDDY_TOKEN is the token for a server.
    """
    from session_buddy.cli.asking_ci import asked_tests
    from session_buddy.cli.screens.ci import tests_screen

    settings = settings_of(context)
    listed = asked_tests(settings, server, since=since, limit=limit, only_flaky=flaky)
    answer(settings, listed, lambda width: tests_screen(listed, now=settings.now(), width=width))


def gate(
    context: typer.Context,
    min_completion: Annotated[
        float | None,
        typer.Option("--min-completion", min=0.0, max=1.0, metavar="X", help="The least success of each, 0-1."),
    ] = None,
    no_new_anomaly: Annotated[
        bool,
        typer.Option("--no-new-anomaly", help="Look for anomalies, and let none pass that is new."),
    ] = False,
    skills: Annotated[
        list[str] | None, typer.Option("--skill", metavar="NAME", help="Only this one; can be repeated.")
    ] = None,
    since: _Since = "7d",
    min_uses: Annotated[
        int,
        typer.Option("--min-uses", min=1, metavar="N", help="With fewer uses, success is not judged."),
    ] = 5,
    server: _AskedServer = None,
    as_json: AsJson = False,
) -> None:
    """Say whether skills work well enough to go on: exit code 0, or 1 with the reasons.

    Where nothing was judged it is open, and says so.
    In GitHub Actions it writes the summary of the step, and an annotation for each reason. A server that is asked
    answers with the anomalies of its last look, and SESSION_BUDDY_TOKEN is the token for it.
    """
    from session_buddy.cli.asking_ci import asked_gate

    settings = settings_of(context)
    rules = _rules(min_completion, no_new_anomaly, min_uses)
    said = asked_gate(settings, server, rules, since=since, skills=skills or ())
    _show(settings, said)
    if not said.passed:
        raise typer.Exit(ExitCode.NO)


def deliver(context: typer.Context, server: _Server = None) -> None:
    """Record what waits on disk: what runs told while the store, or the server, was away."""
    from session_buddy.cli.telling_ci import delivery_of

    missed = delivery_of(settings_of(context), server).deliver()
    if missed is not None:
        message(f"Not recorded: {missed}")
        raise typer.Exit(ExitCode.UNUSABLE)


def _rules(min_completion: float | None, no_new_anomaly: bool, min_uses: int) -> GateRules:
    from session_buddy.reports.gate import gate_rules

    try:
        return gate_rules(min_completion=min_completion, no_new_anomaly=no_new_anomaly, min_uses=min_uses)
    except InvalidInput as error:
        raise WrongUsage(error.problem, remedy=error.remedy) from error


def _show(settings: Settings, said: Gate) -> None:
    from session_buddy.cli.screens.ci import gate_screen
    from session_buddy.integrations.ci.github_output import annotation_lines, summary
    from session_buddy.reports.gate_wording import nothing_judged

    in_github = os.environ.get("GITHUB_ACTIONS") == "true" and not settings.json
    # A runner takes a line for a command that is a name of a skill, unless it is told not to.
    token = uuid.uuid4().hex
    if in_github:
        print(f"::stop-commands::{token}", flush=True)
    answer(settings, said, lambda width: gate_screen(said, width=width))
    if settings.json and (missed := nothing_judged(said)):
        message(missed)
    if in_github:
        print(f"::{token}::", *annotation_lines(said), sep="\n", flush=True)
    if place := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(place).open("a", encoding="utf-8") as file:
                file.write(summary(said))
        except OSError as error:
            message(f"The summary of the step was not written: {error}")
