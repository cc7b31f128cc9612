"""What every part of the server shares: where facts are read and written, who may, and what time it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from starlette.requests import HTTPConnection

from session_buddy.feed import Feed
from session_buddy.importers.shell import ShellRules
from session_buddy.reports.lag import Present
from session_buddy.server.hooking import HookIntake
from session_buddy.server.security import Access
from session_buddy.server.threads import Threads
from session_buddy.storage.store import Store
from session_buddy.storage.writer import BatchingWriter

__all__ = ["BodyLimits", "CiSecrets", "Site", "Stored", "site_of"]


class Stored(Protocol):
    """A store and what time it is: all that is needed to answer. A :class:`Site` is one."""

    @property
    def store(self) -> Store:
        """To read from. Blocking and thread-safe."""

    @property
    def clock(self) -> Callable[[], str]:
        """What tells the present moment, in the canonical form."""


class BodyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the server takes in."""

    body_bytes: int = 16 << 20
    """The most that a body, and what it inflates to, may have."""
    body_seconds: float = 30.0
    """Within this a body must have arrived."""
    batch_events: int = 10_000
    """The most invocations in one batch."""
    unfinished_bytes: int = 128 << 20
    """The most that bodies not yet stored may have together: beyond it the server is full for a moment."""


class CiSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """By which webhooks of services of CI are believed; without one none is."""

    github: str | None = None
    """What GitHub signs with."""
    gitlab: str | None = None
    """What GitLab sends along."""

    def __repr__(self) -> str:
        """Say which there are, and none of them: logs show values."""
        return f"CiSecrets(github={'…' if self.github else None}, gitlab={'…' if self.gitlab else None})"


@dataclass(frozen=True, slots=True)
class Site:
    """One server over one store; carried by the app as ``app.state.site``."""

    store: Store
    """To read from. Blocking and thread-safe: call it through ``threads.reads``."""
    writer: BatchingWriter
    """To write through: ``submit`` returns when a batch is durable. Call it through ``threads.writes``."""
    feed: Feed
    access: Access
    clock: Callable[[], str]
    limits: BodyLimits = field(default_factory=BodyLimits)
    user_id: str = "local"
    """Whose uses are told where nobody is named: the keyed hash of whoever runs the server."""
    spool_bytes: int = 1 << 30
    """The most that waits on disk for a store that is away."""
    threads: Threads = field(default_factory=Threads)
    present: Callable[[], Present] | None = None
    """The files that are imported as they grow; ``None`` where there are none."""
    rules: Callable[[], ShellRules] | None = None
    """By which shell commands are named; ``None``: by the built-in ones."""
    hooks: HookIntake | None = None
    """Where events of hooks wait; ``None`` where none are heard."""
    ci: CiSecrets = field(default_factory=CiSecrets)
    troubles: Callable[[], list[str]] = list
    """What the background (following transcripts, other processes' rows) fails at, in sentences."""


def site_of(connection: HTTPConnection) -> Site:
    """Return the site whose app *connection* belongs to."""
    site: Any = connection.app.state.site
    assert isinstance(site, Site), "create_app() puts the site into the app"
    return site
