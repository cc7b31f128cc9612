"""``db prune``: deleting what is older than is kept."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from session_buddy.cli.failures import AnswerIsNo, WrongUsage
from session_buddy.cli.options import AsJson
from session_buddy.cli.output import print_json
from session_buddy.cli.settings import settings_of

__all__ = ["prune"]


def prune(
    context: typer.Context,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=36_500, metavar="N", help="Keep the last N days (UTC, today included)."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how much would be deleted, delete nothing.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; must be given where there is no terminal.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete old invocations, and whatever was counted of them.

    Those older than --days, or than the setting retention_days. All figures, also those since ever, are then of what
    is left. Anomalies and imported-file positions stay, so that old transcripts are not imported again; backups
    stay as they are. ClickHouse deletes whole months.
    """
    from session_buddy.errors import InvalidInput
    from session_buddy.formats import date, plural
    from session_buddy.monitoring.retention import RETENTION, kept_since, retention_days
    from session_buddy.monitoring.retention import prune as prune_store
    from session_buddy.monitoring.watch import read_texts

    settings = settings_of(context)
    with settings.open_existing() as store:
        kept = days or retention_days(read_texts(store).get(RETENTION, ""))
        if kept is None:
            raise InvalidInput(
                "days",
                "is not given, and nothing is set.",
                remedy="Give --days, or see 'session-buddy settings'.",
            )
        before = kept_since(settings.now(), kept)
        would = prune_store(store, before, dry_run=True)
        if would.invocations and not (dry_run or yes):
            _confirm(f"{plural(would.invocations, 'invocation')} before {date(before)} in {settings.shown_url}")
        pruned = would if dry_run else prune_store(store, before)
    if as_json:
        print_json(pruned)
        return
    what = f"{plural(pruned.invocations, 'invocation')} before {date(before)}"
    print(f"Would delete {what}." if dry_run else f"Deleted {what}.")


def _confirm(what: str) -> None:
    """Ask; raises :class:`AnswerIsNo` for a no, and :class:`WrongUsage` where there is nobody to ask."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise WrongUsage(
            f"This would delete {what}, and there is no terminal to ask on.",
            remedy="Give --yes to do it, or --dry-run to see how much it is.",
        )
    if not typer.confirm(f"Delete {what}, and all that was counted of them?", err=True):
        raise AnswerIsNo("Nothing was changed.", remedy="Answer y, or give --yes, to delete.")
