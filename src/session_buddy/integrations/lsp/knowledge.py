"""What is known of skills, in the words of commands and pages: read from the store, kept for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from session_buddy.formats import NOTHING, ago, count, percent, plural
from session_buddy.ordering import CatalogueOrder
from session_buddy.reports.catalog import read_catalogue
from session_buddy.reports.catalog_figures import CatalogueEntry, CatalogueFilter
from session_buddy.storage import Store

__all__ = ["Knowledge", "failing_words", "lens_words", "profile_words"]

_FRESH_SECONDS = 10.0
_ALL = 1 << 31
_LEAST_USES = 10
_FAILS_BELOW = 0.5


class Knowledge:
    """The catalogue of a store, read again when it is older than some seconds; safe to use from several threads."""

    def __init__(self, store: Store, clock: Callable[[], str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self.store, self.clock, self._monotonic = store, clock, monotonic
        self._lock = threading.Lock()
        self._skills: dict[str, CatalogueEntry] = {}
        self._read_at: float | None = None

    def skills(self) -> dict[str, CatalogueEntry]:
        """Return every skill that there is, used or not, by its name; built-in tools of agents are none. Blocks."""
        with self._lock:
            now = self._monotonic()
            if self._read_at is None or now - self._read_at >= _FRESH_SECONDS:
                found = read_catalogue(self.store, CatalogueFilter(), CatalogueOrder.USES, _ALL)
                self._skills = {one.skill: one for one in found.skills}
                self._read_at = now
            return self._skills


def lens_words(skill: CatalogueEntry | None, now: str) -> str:
    """Return what stands above a skill: uses, success, cost, last use; None is one that nobody used or catalogued."""
    if skill is None or not skill.invocations:
        return f"never used{_cost(skill) if skill else ''}"
    parts = [plural(skill.invocations, "use"), f"{percent(skill.success_rate)} success"]
    last = ago(skill.last_invoked_at, now) if skill.last_invoked_at else NOTHING
    return f"{' · '.join(parts)}{_cost(skill)} · last used {last}"


def profile_words(skill: CatalogueEntry, now: str) -> str:
    """Return what is shown where a skill is pointed at, as Markdown."""
    parts = [f"**{skill.skill}** ({skill.kind or 'skill'})", lens_words(skill, now)]
    if skill.description:
        parts.append(skill.description)
    if skill.category:
        parts.append(f"Category: {skill.category}")
    parts += [f"⚠ {one.problem}: {one.reason}" for one in skill.problems]
    return "\n\n".join(parts)


def failing_words(skill: CatalogueEntry) -> str | None:
    """Return a warning of a skill that fails more often than not; None for any other, and for one used too rarely."""
    rate = skill.success_rate
    if skill.invocations < _LEAST_USES or rate is None or rate >= _FAILS_BELOW:
        return None
    return f"{skill.skill} mostly fails: {percent(rate)} success in {plural(skill.invocations, 'use')}."


def _cost(skill: CatalogueEntry) -> str:
    if skill.listing_tokens is None:
        return ""
    body = f", {count(skill.body_tokens)} a use" if skill.body_tokens is not None else ""
    return f" · {count(skill.listing_tokens)} tokens a session{body}"
