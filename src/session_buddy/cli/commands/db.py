"""``db``: the schema of the store, its checks and its copies."""

from __future__ import annotations

import glob
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from session_buddy.cli.commands.pruning import prune
from session_buddy.cli.failures import AnswerIsNo, ExitCode, WrongUsage
from session_buddy.cli.options import AsJson, Quiet
from session_buddy.cli.output import answer, message, print_json
from session_buddy.cli.settings import Settings, settings_of

if TYPE_CHECKING:
    from session_buddy.storage.migrations.base import MigrationManager

__all__ = ["app"]

_To = Annotated[int | None, typer.Option("--to", min=0, metavar="VERSION", help="Stop at this version.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the SQL, change nothing.")]


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(
        help="Migrate, check, repair, copy, prune the database.", no_args_is_help=True, rich_markup_mode=None
    )
    for command in (migrate, rollback, status, verify, repair, backup, copy, prune):
        group.command(command.__name__)(command)
    return group


def migrate(context: typer.Context, to: _To = None, dry_run: _DryRun = False, as_json: AsJson = False) -> None:
    """Bring the schema up to date.

    A backup of a SQLite file is made first. Other commands do so by themselves.
    """
    settings = settings_of(context)
    if settings.store_file and not dry_run:
        settings.store_file.parent.mkdir(parents=True, exist_ok=True)
    with settings.migrations() as manager:
        if dry_run:
            _print_sql(manager.migrate(to, dry_run=True), as_json)
        else:
            _tell_versions("Applied", manager.migrate(to), as_json)


def rollback(
    context: typer.Context,
    to: _To = None,
    dry_run: _DryRun = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; must be given where there is no terminal.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take the newest schema version out.

    Or all that came after --to. A backup of a SQLite file is made first. The next command that uses the store
    brings it up to date again: this is for going back to an older session-buddy.
    """
    settings = settings_of(context)
    settings.require_store()
    with settings.migrations() as manager:
        if dry_run:
            _print_sql(manager.rollback(to, dry_run=True), as_json)
            return
        if not yes:
            _confirm_rollback(settings, to)
        versions = manager.rollback(to)
    kept = _newest_backup(settings.store_file) if versions and settings.store_file else None
    if as_json:
        print_json({"versions": versions, "backup": kept and str(kept)})
        return
    _tell_versions("Rolled back", versions, as_json)
    if kept:
        print(f"Backup of what was there: {kept}")


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show applied and pending versions.

    The exit code is 1 unless the schema is current. Changes nothing.
    """
    from session_buddy.cli.screens.schema import schema_screen

    settings = settings_of(context)
    with settings.migrations() as manager:
        standing = manager.status()
    answer(settings, standing, lambda width: schema_screen(settings.shown_url, standing, width=width))
    if not standing.is_current:
        raise typer.Exit(ExitCode.NO)


def verify(context: typer.Context, as_json: AsJson = False) -> None:
    """Check schema, file and roll-ups.

    The exit code is 1 if anything is not as it should be. Roll-ups are counted again from the event log and
    compared: with millions of events this takes a while.
    """
    from session_buddy.cli.screens.schema import check_screen
    from session_buddy.reports.checking import check

    settings = settings_of(context)
    settings.require_store()
    with settings.migrations() as manager:
        found = check(manager, settings.open_store)
    answer(settings, found, lambda width: check_screen(found))
    if not found.ok:
        raise typer.Exit(ExitCode.NO)


def repair(
    context: typer.Context,
    accept_edits: Annotated[
        bool, typer.Option("--accept-edits", help="Record scripts that were edited as they are now.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take a half-done version back instead of finishing it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put right what a check found.

    Finishes (or takes back) what a stopped migration left, and counts roll-ups that differ again.
    """
    from session_buddy.reports.checking import Repaired, recount

    settings = settings_of(context)
    settings.require_store()
    with settings.migrations() as manager:
        done = manager.repair(accept_edits=accept_edits, undo=undo)
        if manager.status().is_current and manager.verify().ok:
            done += recount(settings.open_store)
    if as_json:
        print_json(Repaired(done=done))
    else:
        print("\n".join(done) or "Nothing to repair.")


def backup(
    context: typer.Context,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="A new file (default: beside the store, named after the time)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a verified copy of the store, a SQLite file.

    Also while others write to it. A ClickHouse is backed up with its own means, or copied with 'db copy'.
    """
    from session_buddy.cli.places import require_place
    from session_buddy.errors import StoreError

    settings = settings_of(context)
    settings.require_store()
    file = settings.store_file
    if file is None:
        raise StoreError(
            f"{settings.shown_url} is no file that could be copied.",
            remedy="Use ClickHouse's own BACKUP DATABASE, or copy it into a file: 'session-buddy db copy'.",
        )
    stamp = settings.now()[:19].replace("-", "").replace(":", "")
    place = path or file.with_name(f"{file.stem}-{stamp}Z{file.suffix}")
    with settings.migrations() as manager:
        _require_own(file, manager)
        require_place(place)
        written = manager.backup(place)
    if as_json:
        print_json({"backup": str(written), "size_bytes": written.stat().st_size})
    else:
        print(written)


def copy(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE_URL", help="The store to copy from.")],
    target: Annotated[
        str, typer.Argument(metavar="TARGET_URL", help="The store to copy to; made where there is none.")
    ],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Copy a store into another.

    Of whatever kind: to a server, or back to a file. Stopped at any moment, run it again: it goes on where it was,
    and a later run brings over what is new. At the end both are read and compared, by day and table; the exit code
    is 1 if they differ. The target keeps what it holds besides.
    """
    from session_buddy.cli.copying import copy_between
    from session_buddy.cli.screens.copying import copy_lines

    report = copy_between(source, target, settings_of(context), show_progress=not (quiet or as_json))
    if as_json:
        print_json(report)
    elif not (quiet and report.same):
        print("\n".join(copy_lines(report)))
    if not report.same:
        raise typer.Exit(ExitCode.NO)


def _confirm_rollback(settings: Settings, to: int | None) -> None:
    """Ask; raises :class:`AnswerIsNo` for a no, and :class:`WrongUsage` where there is nobody to ask."""
    goal = "its newest version" if to is None else f"all versions after {to}"
    if not (sys.stdin and sys.stdin.isatty()):
        raise WrongUsage(
            f"This would take {goal} out of {settings.shown_url}, and there is no terminal to ask on.",
            remedy="Give --yes to do it, or --dry-run to see what would be done.",
        )
    unsaved = "" if settings.store_file else " No backup is made."
    if not typer.confirm(f"Take {goal} out of {settings.shown_url}, with what only it holds?{unsaved}", err=True):
        raise AnswerIsNo("Nothing was changed.", remedy="Answer y, or give --yes, to roll back.")


def _newest_backup(file: Path) -> Path | None:
    """Return the newest of the backups that migrations made of *file*."""
    backups = file.parent.glob(f"{glob.escape(file.name)}.v*.backup")
    return max(backups, key=lambda backup: backup.stat().st_mtime_ns, default=None)


def _require_own(file: Path, manager: MigrationManager) -> None:
    """Raise :class:`StoreUnreadable` for another program's database."""
    from session_buddy.errors import StoreUnreadable
    from session_buddy.storage.migrations.contract import Origin

    if manager.status().origin is Origin.FOREIGN:
        raise StoreUnreadable(
            f"{file} belongs to another program.", remedy="Name a store of session-buddy with --store."
        )


def _print_sql(text: str, as_json: bool) -> None:
    if as_json:
        print_json({"sql": text})
    elif text:
        print(text, end="")
    else:
        message("Nothing to do.")


def _tell_versions(what: str, versions: list[int], as_json: bool) -> None:
    if as_json:
        print_json({"versions": versions})
    elif versions:
        print(f"{what}: {', '.join(f'version {version}' for version in versions)}.")
    else:
        print("Nothing to do: the schema is there already.")
