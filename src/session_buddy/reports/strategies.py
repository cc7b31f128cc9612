"""Strategies that answer from reports: which skills to show first, and how to recommend. What experiments are about."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from session_buddy.experiments.strategies import Strategies
from session_buddy.learning.choosing import Settings
from session_buddy.learning.search.embedding import ModelChoice
from session_buddy.learning.search.keeping import Standing
from session_buddy.model import Kind
from session_buddy.ordering import RankingOrder, SearchStrategy
from session_buddy.reports.ranking import SkillFigures, read_ranking, without_tools
from session_buddy.reports.recommendations import Learned, Question, Recommendations, recommendations
from session_buddy.reports.search import SearchAnswer, answer_search, ask
from session_buddy.storage import Clock, Store

__all__ = [
    "MOST_RELIABLE",
    "MOST_USED",
    "RECOMMENDED",
    "RECOMMENDERS",
    "SkillQuestion",
    "recommendation_strategies",
    "search_strategies",
    "skill_strategies",
]

MOST_USED, MOST_RELIABLE = "most_used", "most_reliable"
"""Names of strategies."""
RECOMMENDED = "recommended"
"""The recommender that is in use, whichever that is by then."""
RECOMMENDERS = {
    "recommended_by_popularity": Settings("popularity"),
    "recommended_by_specification": Settings("specification"),
    "recommended_by_item_knn": Settings("item-kNN"),
    "recommended_by_ease": Settings("EASE", 200.0),
    "recommended_by_content": Settings("content"),
}
"""What other strategies recommend by."""


class SkillQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which skills are asked for."""

    limit: int = 5
    kinds: frozenset[Kind] = without_tools()
    since: str | None = None
    """The first day counted; ``None``: since ever."""


def skill_strategies(store: Store) -> Strategies[SkillQuestion, list[SkillFigures]]:
    """Return strategies that choose skills of *store*: ``most_used``, and ``most_reliable``, the surest to succeed.

    They have the same question and the same form of answer, so that an experiment can set one against the other.
    """

    def ranked(order: RankingOrder) -> Callable[[SkillQuestion], list[SkillFigures]]:
        def choose(question: SkillQuestion) -> list[SkillFigures]:
            return read_ranking(store, question.kinds, order, question.limit, since=question.since).skills

        return choose

    strategies = Strategies[SkillQuestion, list[SkillFigures]]()
    strategies.register(MOST_USED)(ranked(RankingOrder.USES))
    strategies.register(MOST_RELIABLE)(ranked(RankingOrder.SUCCESS))
    return strategies


def search_strategies(
    index: Callable[[], Standing], choice: ModelChoice, clock: Clock
) -> Strategies[str, SearchAnswer]:
    """Return strategies that search for a question: ``semantic_search`` and ``workflow_aware_search``.

    *index* says what can be found by then, *choice* what judges likeness.
    """

    def searching(strategy: SearchStrategy) -> Callable[[str], SearchAnswer]:
        return lambda question: answer_search(ask(question, strategy=strategy), index(), choice, now=clock())

    strategies = Strategies[str, SearchAnswer]()
    for strategy in SearchStrategy:
        strategies.register(strategy.value)(searching(strategy))
    return strategies


def recommendation_strategies(store: Store, learned: Callable[[], Learned]) -> Strategies[Question, Recommendations]:
    """Return strategies that recommend: ``recommended``, and each of :data:`RECOMMENDERS` from the same uses.

    *learned* says what was learned by then; another recommender is fitted once for each version of that.
    """
    others: dict[str, Learned] = {}

    def with_settings(name: str, settings: Settings) -> Learned:
        now = learned()
        if name not in others or others[name].kept.version != now.kept.version:
            others[name] = Learned(msgspec.structs.replace(now.kept, chosen=settings))
        return others[name]

    def recommending(name: str, settings: Settings) -> Callable[[Question], Recommendations]:
        return lambda question: recommendations(store, with_settings(name, settings), question)

    strategies = Strategies[Question, Recommendations]()
    strategies.register(RECOMMENDED)(lambda question: recommendations(store, learned(), question))
    for name, settings in RECOMMENDERS.items():
        strategies.register(name)(recommending(name, settings))
    return strategies
