"""What was learned, in the memory of the server."""

from __future__ import annotations

import threading

from session_buddy.experiments.strategies import Strategies
from session_buddy.reports.asker import Question
from session_buddy.reports.recommendations import Learned, Recommendations, read_learned
from session_buddy.reports.strategies import recommendation_strategies
from session_buddy.reports.work import with_languages
from session_buddy.server.predicted import PredictorNow
from session_buddy.server.site import Site, Stored

__all__ = ["LearnedNow", "with_languages_here"]


class LearnedNow:
    """The recommender that the store keeps, read again when there is a newer one. Threads may share one.

    Where nothing was learned yet, the first who asks learns, and others wait for that.
    """

    def __init__(self, predictor: PredictorNow) -> None:
        self._predictor = predictor
        self._lock = threading.Lock()
        self._learned: Learned | None = None
        self._strategies: Strategies[Question, Recommendations] | None = None

    def read(self, site: Stored) -> Learned:
        """Return what was learned last. Blocks."""
        with self._lock:
            self._learned = read_learned(site.store, self._learned, now=site.clock())
            return self._learned

    def strategies(self, site: Stored) -> Strategies[Question, Recommendations]:
        """Return the ways to recommend; those that others asked for are fitted already."""
        with self._lock:
            if self._strategies is None:
                self._strategies = recommendation_strategies(
                    site.store, lambda: self.read(site), chances=lambda: self._predictor.chances(site)
                )
            return self._strategies


def with_languages_here(site: Site, question: Question) -> Question:
    """Return *question* with the languages of the work at hand, where it names none. Blocks.

    Folders are looked at only by a server that asks for no token: from elsewhere nobody shall learn what is in them.
    """
    return with_languages(site.store, question) if site.access.is_open else question
