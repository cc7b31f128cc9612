"""What tools stand on: a store, what was learned from it, whose questions they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from session_buddy.model import Invocation
    from session_buddy.prediction.keeping import Kept
    from session_buddy.reports.asker import Question
    from session_buddy.reports.recommendations import Recommendations
    from session_buddy.reports.search import Search, SearchAnswer
    from session_buddy.server.site import Site
    from session_buddy.storage import Store

__all__ = ["Ground", "ground_of_site", "ground_of_store"]


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything here blocks, and may be used by several threads at once."""

    store: Store
    clock: Callable[[], str]
    user_id: str
    """Whose uses are told where nobody is named."""
    record: Callable[[list[Invocation]], str]
    """Takes a batch in, and says what became of it; it is durable then: ``stored`` or ``spooled``."""
    search: Callable[[Search], SearchAnswer]
    recommend: Callable[[Question], Recommendations]
    predictor: Callable[[], Kept]


def ground_of_site(site: Site, state: Any) -> Ground:
    """Return the ground of a running server, whose app carries *state*; it answers what the API answers."""
    from session_buddy.ordering import RecommendStrategy
    from session_buddy.server.learned import with_languages_here

    def recommend(question: Question) -> Recommendations:
        strategies = state.learned.strategies(site)
        asked = with_languages_here(site, question)
        return cast("Recommendations", strategies[RecommendStrategy.RECOMMENDED](asked))

    return Ground(
        store=site.store,
        clock=site.clock,
        user_id=site.user_id,
        record=lambda batch: site.writer.submit(batch).value,
        search=lambda search: state.search.answer(site, search),
        recommend=recommend,
        predictor=lambda: state.predictor.read(site),
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    store: Store
    clock: Callable[[], str]


def ground_of_store(store: Store, clock: Callable[[], str], user_id: str) -> Ground:
    """Return the ground of a process that has opened *store* for itself; what was learned is read once it is asked."""
    from session_buddy.ordering import RecommendStrategy
    from session_buddy.reports.work import with_languages
    from session_buddy.server.learned import LearnedNow
    from session_buddy.server.predicted import PredictorNow
    from session_buddy.server.searching import SkillSearch

    opened, searching, predictor = _Opened(store, clock), SkillSearch(), PredictorNow()
    learned = LearnedNow(predictor)

    def recommend(question: Question) -> Recommendations:
        strategies = learned.strategies(opened)
        return cast("Recommendations", strategies[RecommendStrategy.RECOMMENDED](with_languages(store, question)))

    def record(batch: list[Invocation]) -> str:
        store.record(batch)
        return "stored"

    return Ground(
        store=store,
        clock=clock,
        user_id=user_id,
        record=record,
        search=lambda search: searching.answer(opened, search),
        recommend=recommend,
        predictor=lambda: predictor.read(opened),
    )
