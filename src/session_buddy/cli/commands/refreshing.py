"""``refresh``: everything that is learned or brought up to date now and then, at once."""

from __future__ import annotations

from typing import Annotated

import typer

from session_buddy.cli.options import AsJson
from session_buddy.cli.output import answer
from session_buddy.cli.settings import settings_of

__all__ = ["refresh"]


def refresh(
    context: typer.Context,
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="[JOB]...", help="Only these jobs (default: all).")
    ] = None,
    only_show: Annotated[bool, typer.Option("--show", help="Do nothing; show how they went the last time.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring up to date what depends on all uses at once, and learn from them.

    A running server does so by itself. For where none runs: call it every day, from cron say.
    """
    from session_buddy.cli.screens.refreshing import jobs_screen
    from session_buddy.reports.refreshing import read_jobs
    from session_buddy.reports.refreshing import refresh as refresh_now

    settings = settings_of(context)
    with settings.open_existing() as store:
        listed = read_jobs(store) if only_show else refresh_now(store, tuple(jobs or ()), settings.now)
    now = settings.now()
    answer(settings, listed, lambda width: jobs_screen(listed, now=now, width=width))
