"""What ``ci run`` and ``ci import`` do: running, measuring, reading, recording."""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from session_buddy.cli.output import message
from session_buddy.cli.settings import Settings
from session_buddy.errors import SessionBuddyError, StoreAway
from session_buddy.importers.ci.commands import Command
from session_buddy.importers.shell import ShellRules
from session_buddy.integrations.ci.delivering import Delivery
from session_buddy.integrations.ci.remembering import recent_commands, remember_command
from session_buddy.integrations.ci.running import Ended, run_command
from session_buddy.integrations.ci.surroundings import CiPlace, commit_of, place_of
from session_buddy.integrations.ci.telling import named, told
from session_buddy.model import BadLine, Invocation

if TYPE_CHECKING:
    from session_buddy.importers.base import Parsed
    from session_buddy.importers.ci import CiReports
    from session_buddy.reports.importing import ImportSummary

__all__ = ["delivery_of", "import_reports", "run_and_tell", "send_reports"]

_CALL, _CALL_SKILL, _SESSION = "SESSION_BUDDY_CALL", "SESSION_BUDDY_CALL_SKILL", "SESSION_BUDDY_SESSION"
_BLOCK_BYTES = 1 << 20


def run_and_tell(
    settings: Settings,
    command: Sequence[str],
    *,
    skill: str | None,
    session: str | None,
    figures: Path | None,
    server: str | None,
    account: str | None,
) -> int:
    """Run *command*, record it, and return its exit code, whatever becomes of the record.

    What is recorded of it tells tests that it runs under which call they run: see the plugin for pytest.
    """
    started_at, event_id = settings.now(), f"ci:{uuid.uuid4()}"
    environment = dict(os.environ)
    try:
        name, _, _ = named(command, _rules(settings), skill)
        named_session = session or _place(settings, Path.cwd()).session_id
        environment |= {_CALL: event_id, _CALL_SKILL: name, _SESSION: named_session}
    except Exception as error:  # mistakes in the user's rules must not keep the command from running
        message(f"session-buddy: {error}")
    ended = run_command(command, environment)
    if ended.problem is not None:
        message(f"session-buddy: {command[0]}: {ended.problem}")
    try:
        _record(settings, command, ended, skill, session, server, account, event_id=event_id, started_at=started_at)
    except Exception as error:
        message(f"session-buddy: the command was not recorded: {type(error).__name__}: {error}")
    try:
        _write_figures(figures, ended)
    except OSError as error:
        message(f"session-buddy: its figures were not written: {error}")
    return ended.exit_code


def import_reports(
    settings: Settings, paths: Sequence[Path], *, rules: ShellRules, commit: str | None, user_id: str
) -> tuple[ImportSummary, list[BadLine]]:
    """Import what CI left below *paths*; return what that did, and what is refused, with reasons.

    What was refused before and has not changed is refused again: whoever names it means it to be read.
    """
    from session_buddy.ingest import import_files
    from session_buddy.reports.importing import summarise
    from session_buddy.reports.status import read_quarantine

    named_paths = [path.absolute() for path in paths]
    refused: list[BadLine] = []
    importer = _importer(settings, rules, commit)
    started = time.perf_counter()
    with settings.open_store() as store:
        report = import_files(
            store, [importer], {importer.name: named_paths}, user_id=user_id, on_bad_line=refused.append
        )
        summary = summarise(
            report,
            store=store.url,
            searched=[str(path) for path in named_paths],
            seconds=time.perf_counter() - started,
        )
        # What is in quarantine stays there, also when the file was mended: it must be looked at again.
        before = {bad.path for bad in read_quarantine(store).lines}
        before -= {bad.path for bad in refused} | {file.path for file in summary.unreadable}
    for path in _found(importer, named_paths) if before else ():
        if str(path) in before:
            refused += _parsed(importer, path, user_id).bad_lines
    return summary, refused


def send_reports(
    settings: Settings, paths: Sequence[Path], server: str, *, rules: ShellRules, commit: str | None, user_id: str
) -> list[BadLine]:
    """Read what CI left below *paths*, and tell *server* of it; return what was refused, with reasons.

    Raises :class:`StoreAway` where the server does not take it now: it waits on disk then.
    """
    importer = _importer(settings, rules, commit)
    refused: list[BadLine] = []
    found: dict[str, Invocation] = {}
    for path in _found(importer, paths):
        parsed = _parsed(importer, path, user_id)
        refused += parsed.bad_lines
        found |= {one.event_id: one for one in parsed.invocations}
    missed = delivery_of(settings, server).deliver(found.values())
    if missed is not None:
        raise StoreAway(f"Not told: {missed}", remedy="Run 'session-buddy ci deliver' when the server is back.")
    return refused


def _importer(settings: Settings, rules: ShellRules, commit: str | None) -> CiReports:
    from session_buddy.importers.ci import CiReports

    known = commit or _place(settings, Path.cwd()).commit
    commands = recent_commands(settings.data_folder)
    return CiReports(rules, commit=known or commit_of(Path.cwd()), commands=commands)


def _found(importer: CiReports, roots: Sequence[Path]) -> list[Path]:
    return list(dict.fromkeys(path for root in roots for path in importer.find(root.absolute())))


def _parsed(importer: CiReports, path: Path, user_id: str) -> Parsed:
    parser = importer.parser(str(path), user_id=user_id, written_at=_written_at(path))
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            parser.feed(block)  # which holds no more than a document may have
    return parser.pause()


def _written_at(path: Path) -> str:
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _record(
    settings: Settings,
    command: Sequence[str],
    ended: Ended,
    skill: str | None,
    session: str | None,
    server: str | None,
    account: str | None,
    *,
    event_id: str,
    started_at: str,
) -> None:
    from session_buddy.cli.sources import local_user

    folder = Path.cwd()
    place = _place(settings, folder)
    if place.commit is None:
        place = msgspec.structs.replace(place, commit=commit_of(folder))
    if session:
        place = msgspec.structs.replace(place, session_id=session)
    invocations = list(
        told(
            command,
            ended,
            rules=_rules(settings),
            skill=skill,
            event_id=event_id,
            started_at=started_at,
            place=place,
            user_id=local_user(settings, account),
            project=str(folder),
        )
    )
    missed = delivery_of(settings, server).deliver(invocations)
    if missed is not None:
        message(f"session-buddy: the command was not recorded: {missed}")
    ran = Command(
        event_id=event_id,
        session_id=place.session_id,
        uses={one.skill_name: one.event_id for one in reversed(invocations)},
        folder=str(folder),
        started_at=started_at,
        ended_at=settings.now(),
        within=os.environ.get(_CALL) or None,
    )
    remember_command(settings.data_folder, ran)


def delivery_of(settings: Settings, server: str | None) -> Delivery:
    """Return what delivers to *server*, or, without one, to the store of *settings*."""
    return Delivery(
        settings.data_folder,
        default_url=settings.store_url,
        store_url=settings.store_url if settings.has_own_url else None,
        server=server or None,
        token=os.environ.get("SESSION_BUDDY_TOKEN"),
    )


def _rules(settings: Settings) -> ShellRules:
    from session_buddy.cli.sources import shell_rules

    try:
        return shell_rules(settings)
    except (SessionBuddyError, OSError) as error:
        message(f"session-buddy: {error}")
        return ShellRules.builtin()


def _place(settings: Settings, folder: Path) -> CiPlace:
    return place_of(os.environ, folder=str(folder), host=platform.node(), day=settings.now()[:10])


def _write_figures(place: Path | None, ended: Ended) -> None:
    if place is not None:
        place.write_bytes(msgspec.json.format(msgspec.json.encode(ended), indent=2) + b"\n")
