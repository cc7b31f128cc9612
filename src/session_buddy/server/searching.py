"""The index of the store's skills, in the memory of the server."""

from __future__ import annotations

import threading

from session_buddy.learning.search.embedding import ModelChoice, choose_embedder
from session_buddy.learning.search.keeping import KeptIndex
from session_buddy.reports.search import Search, SearchAnswer, answer_search, model_place
from session_buddy.server.site import Stored

__all__ = ["SkillSearch"]

_PATIENCE_SECONDS = 2.0
"""So long one who asks waits while texts are embedded; the rest is embedded when the next one asks."""


class SkillSearch:
    """Answers searches. Threads may share one; the model is loaded when somebody asks first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: tuple[ModelChoice, KeptIndex] | None = None

    def answer(self, site: Stored, search: Search) -> SearchAnswer:
        """Return what *search* finds. Blocks."""
        choice, kept = self._index(site)
        return answer_search(search, kept.read(patience=_PATIENCE_SECONDS), choice, now=site.clock())

    def _index(self, site: Stored) -> tuple[ModelChoice, KeptIndex]:
        """Return the index, made anew where a setting names another model."""
        place = model_place(site.store)
        with self._lock:
            choice = choose_embedder(place)
            if self._made is None or self._made[0] is not choice:
                self._made = choice, KeptIndex(site.store, choice.embedder, clock=site.clock)
            return self._made
