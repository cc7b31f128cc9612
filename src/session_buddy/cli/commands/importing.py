"""``up`` and ``import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from session_buddy.cli.commands.serving import Host, MaxSkills, Port, open_browser, run_server, tell_address
from session_buddy.cli.options import AsJson, Quiet, User
from session_buddy.cli.output import answer, message, print_json
from session_buddy.cli.settings import Settings, settings_of

__all__ = ["import_", "up"]

_Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PATHS]...", help="Transcripts or folders with some (default: where the agents keep them)."
    ),
]


def up(
    context: typer.Context,
    user: User = None,
    once: Annotated[bool, typer.Option("--once", help="End after that: serve nothing. Implied by --json.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the dashboard in a browser.")] = False,
    host: Host = "127.0.0.1",
    port: Port = 8765,
    max_skills: MaxSkills = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Import all that is found; show the essentials; serve.

    The place to begin: what was imported, which skills are used most, what broke, what never worked. Then it
    serves the dashboard, and imports transcripts as they grow, until Ctrl-C.
    """
    settings = settings_of(context)
    _show_overview(settings, user, quiet=quiet, as_json=as_json)
    if not (once or as_json):
        on_ready = tell_address if no_browser else open_browser
        run_server(settings, host, port, account=user, on_ready=on_ready, max_skills=max_skills)


def _show_overview(settings: Settings, user: str | None, *, quiet: bool, as_json: bool) -> None:
    from session_buddy.cli.screens.importing import nothing_found_lines
    from session_buddy.cli.sources import import_into
    from session_buddy.learning.jobs import run_job
    from session_buddy.reports.overview import read_overview
    from session_buddy.reports.scanning import SCANNING

    with settings.open_store() as store:
        imported = import_into(store, settings, [], account=user, show_progress=not (quiet or as_json))
        run_job(store, SCANNING, settings.now)
        overview = read_overview(store, imported)
    if not imported.files_found and not quiet and not as_json:
        message("\n".join(nothing_found_lines(imported)))
    if as_json or imported.files_found or overview.holdings.invocations:
        from session_buddy.cli.screens.overview import overview_screen

        answer(settings, overview, lambda width: overview_screen(overview, now=settings.now(), width=width))


def import_(
    context: typer.Context, paths: _Paths = None, user: User = None, quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Import what is new in transcripts.

    Read are Claude Code, Codex, Gemini CLI and Copilot CLI (.json, .jsonl), OpenCode (opencode.db, parts),
    OpenHands (events, trajectories), SWE-agent (.traj), and a skills.db of lesleslie/session-buddy.
    What was imported before is not read again. Lines and files that cannot be understood are counted
    and set aside; they stop nothing.
    """
    from session_buddy.cli.screens.importing import import_lines, nothing_found_lines
    from session_buddy.cli.sources import import_into, require_transcripts

    settings = settings_of(context)
    require_transcripts(paths or [])
    with settings.open_store() as store:
        summary = import_into(store, settings, paths or [], account=user, show_progress=not (quiet or as_json))
    if as_json:
        print_json(summary)
    elif not quiet:
        if summary.files_found:
            # Not through rich: loading it takes longer than an import with nothing to do.
            print("\n".join(import_lines(summary)))
        else:
            message("\n".join(nothing_found_lines(summary)))
