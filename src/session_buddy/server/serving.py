"""Running a server: its address, its lock, its start and its end."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn

from session_buddy.errors import StoreBusy
from session_buddy.feed import Feed
from session_buddy.formats import printable
from session_buddy.importers.shell import ShellRules
from session_buddy.learning.jobs import run_job
from session_buddy.reports.metrics import MAX_SKILLS
from session_buddy.reports.refreshing import JOBS
from session_buddy.server.app import create_app
from session_buddy.server.chores import Chore, do_chores
from session_buddy.server.doors import Door, address_of, listening
from session_buddy.server.following import Follower
from session_buddy.server.hooking import HookIntake, HookReader
from session_buddy.server.live import close_live
from session_buddy.server.live_protocol import LiveHttpProtocol, LiveWebSocketProtocol
from session_buddy.server.security import Access
from session_buddy.server.site import CiSecrets, Site
from session_buddy.server.troubles import Troubles
from session_buddy.server.watching import Transcripts, Watcher
from session_buddy.storage import Clock, Store
from session_buddy.storage.locations import digest_of
from session_buddy.storage.writer import BatchingWriter, Limits

__all__ = ["OneLine", "serve", "settled_memory", "spool_folder_for"]

_REQUESTS_SECONDS = 3
"""How long requests under way may take once the server is told to stop; with the drain it stays below ten."""
_BACKGROUND_SECONDS = 2.0
_DRAIN_SECONDS = 2.5
_PATIENCE_SECONDS = 2.0
"""Callers who wait longer for the store are answered from the disk."""
_FLUSH_SECONDS = 0.02
"""Callers wait for a flush, so it comes often; an engine that likes few large batches waits longer."""
_SOON_SECONDS = 15.0
"""When a server that has just started learns first: whoever looks at its pages then shall find something there."""
_SPOOL_BYTES = 1 << 30
_SWITCH_SECONDS = 0.001


def spool_folder_for(store_url: str, data_folder: Path) -> Path:
    """Return where what is meant for the store at *store_url* waits while that is away: one folder a store."""
    return data_folder / "spool" / digest_of(store_url)


def serve(
    store: Store,
    door: Door,
    *,
    access: Access,
    spool_folder: Path,
    clock: Clock,
    user_id: str = "local",
    rules: Callable[[], ShellRules] | None = None,
    transcripts: Transcripts | None = None,
    hooks: HookIntake | None = None,
    ci: CiSecrets | None = None,
    chores: Sequence[Chore] = (),
    max_skills: int = MAX_SKILLS,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve *store* until the process is told to stop (SIGTERM, SIGINT), then end within ten seconds.

    *on_ready* is called with the address when requests are answered. *transcripts* are followed, *hooks* heard,
    *chores* done. By *ci* webhooks of CI are believed. *user_id* is whose uses are told where nobody is named,
    *rules* returns those by which shell commands are named.
    More than *max_skills* skills are one in the metrics.
    Nothing acknowledged is lost, however it ends. The store stays the caller's to close.

    Raises :class:`StoreBusy` where another server has the spool, and :class:`InvalidInput` for an address that
    cannot be had; nothing is begun then.
    """
    _log_to_stderr()
    with listening(door) as listener, _writer(store, spool_folder) as writer:
        troubles = Troubles()
        site = Site(
            store=store,
            writer=writer,
            feed=Feed(secrets.token_hex(8)),
            access=access,
            clock=clock,
            user_id=user_id,
            rules=rules,
            spool_bytes=_SPOOL_BYTES,
            present=transcripts.present if transcripts else None,
            hooks=hooks,
            ci=ci or CiSecrets(),
            troubles=troubles.told,
        )
        jobs = [Chore(job.meaning, job.seconds, partial(run_job, store, job, clock), _SOON_SECONDS) for job in JOBS]

        @asynccontextmanager
        async def background() -> AsyncIterator[None]:
            # Learning takes its time, and alerts do not wait for it.
            runs = [Follower(store, site.feed, troubles).run(), do_chores(chores, troubles), do_chores(jobs, troubles)]
            if transcripts:
                runs.append(Watcher(transcripts, troubles).run())
            if hooks:
                runs.append(HookReader(hooks, troubles).run())
            tasks = [asyncio.ensure_future(run) for run in runs]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=_BACKGROUND_SECONDS)

        server = _Server(_config(site, background, max_skills), on_ready=on_ready)
        try:
            with server.told_by_signals(), settled_memory(), _quick_to_switch():
                asyncio.run(server.serve(sockets=[listener]))
        finally:
            site.threads.close()


@contextmanager
def settled_memory() -> Iterator[None]:
    """Keep what is in memory already out of garbage collections.

    A full collection looks at all that was ever imported, and everyone who asks waits for it.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _quick_to_switch() -> Iterator[None]:
    """Let threads that work give way to the one that answers within a millisecond, and not after five."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Server(uvicorn.Server):
    """Ends in good order, and then returns: uvicorn's own would raise the signal again, before we have put all away."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextmanager
    def told_by_signals(self) -> Iterator[None]:
        """Stop at the first signal; cut what is left of connections at the second."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.force_exit = self.should_exit
            self.should_exit = True

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, action in before.items():
                signal.signal(number, action)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            self._on_ready(address_of(sockets[0]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        close_live(self.config.loaded_app)
        await super().shutdown(sockets)


def _config(site: Site, background: Callable[[], object], max_skills: int) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(site, background=background, max_skills=max_skills),  # type: ignore[arg-type]
        http=LiveHttpProtocol,
        ws=LiveWebSocketProtocol,
        ws_max_size=64 << 10,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        # Paths and queries hold names, and may hold what somebody mistook for the place of a token.
        access_log=False,
        server_header=False,
        # Whoever can reach a server could tell it any address by a header.
        proxy_headers=False,
        timeout_graceful_shutdown=_REQUESTS_SECONDS,
    )


@contextmanager
def _writer(store: Store, folder: Path) -> Iterator[BatchingWriter]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    limits = Limits(flush_seconds=_FLUSH_SECONDS) if store.url.startswith("sqlite:") else Limits()
    try:
        writer = BatchingWriter(
            store, folder, spool_bytes=_SPOOL_BYTES, patience_seconds=_PATIENCE_SECONDS, limits=limits
        )
    except StoreBusy as error:
        raise StoreBusy(
            "Another server is running on this store.",
            remedy=f"Use that one, or stop it. (It holds {folder}.)",
        ) from error
    try:
        yield writer
    finally:
        writer.close(drain_seconds=_DRAIN_SECONDS)


class OneLine(logging.Formatter):
    """What others sent may be in a message: it stays on one line and steers no terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        record.message = printable(record.message)
        return super().formatMessage(record)


def _log_to_stderr() -> None:
    log = logging.getLogger()
    if not log.handlers:
        out = logging.StreamHandler()
        out.setFormatter(OneLine("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(out)
