"""``top --live``: the same figures, as they change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from session_buddy.cli.failures import WrongUsage
from session_buddy.cli.settings import Settings
from session_buddy.model import Kind
from session_buddy.ordering import RankingOrder

if TYPE_CHECKING:
    from session_buddy.storage import Store

__all__ = ["follow", "show_live"]

_POLL_SECONDS = 0.2
_REFRESH_SECONDS = 5.0
"""The clock, and windows that slide, move on although nothing happens."""


def show_live(settings: Settings, kinds: Collection[Kind], order: RankingOrder, limit: int, days: int | None) -> None:
    """Fill the terminal with the ranking and the newest uses until Ctrl-C.

    Raises :class:`WrongUsage` where there is no terminal to fill.
    """
    if settings.json:
        raise WrongUsage("--live goes with no --json.", remedy="For a program: GET /api/v1/live/events of the server.")
    if not sys.stdout.isatty():
        raise WrongUsage("--live needs a terminal.", remedy="Leave it out to print the figures once.")
    from rich.live import Live

    from session_buddy.cli.screens.layout import console
    from session_buddy.cli.screens.live import LATEST, live_screen
    from session_buddy.reports.latest import read_latest
    from session_buddy.reports.ranking import first_day, read_ranking

    terminal = console()
    with settings.open_existing() as store, Live(console=terminal, screen=True, auto_refresh=False) as live:

        def show() -> None:
            now, (width, height) = settings.now(), terminal.size
            ranking = read_ranking(store, kinds, order, sys.maxsize, since=first_day(now, days) if days else None)
            latest = read_latest(store, LATEST)
            screen = live_screen(ranking, latest, now=now, width=width, height=height, limit=limit)
            live.update(screen, refresh=True)

        try:
            follow(store, show)
        except KeyboardInterrupt:
            # The way to leave, and no mishap.
            return


def follow(store: Store, show: Callable[[], None], *, wait: Callable[[float], None] = time.sleep) -> None:
    """Call *show* now, and again when something was recorded in *store* by whatever process, or five seconds passed.

    Ends with what *wait* or *show* raise. However much is recorded, *show* is called five times a second at most.
    """
    tail = store.tail()
    shown_for = _REFRESH_SECONDS
    try:
        while True:
            if tail.poll() or tail.lost or shown_for >= _REFRESH_SECONDS:
                show()
                shown_for = 0.0
            wait(_POLL_SECONDS)
            shown_for += _POLL_SECONDS
    finally:
        tail.close()
