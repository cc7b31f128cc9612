"""Strategies that answer from reports: which skills to show first, what to recommend, how to search; and experiments
between them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import cast

import msgspec

from session_buddy.experiments.assignment import Standing, Variant
from session_buddy.experiments.lifecycle import require_strategies
from session_buddy.experiments.records import Experiments
from session_buddy.experiments.strategies import Strategies
from session_buddy.learning.choosing import Settings
from session_buddy.learning.clusters.landscape import read_belongings
from session_buddy.learning.clusters.recommending import ClusterMates
from session_buddy.model import Kind
from session_buddy.ordering import RankingOrder, RecommendStrategy, SearchStrategy
from session_buddy.reports.asker import Question
from session_buddy.reports.prediction import Chances
from session_buddy.reports.ranking import SkillFigures, read_ranking, without_tools
from session_buddy.reports.recommendations import Learned, Recommendations, recommendations
from session_buddy.reports.search import Search, SearchAnswer
from session_buddy.storage import Store

__all__ = [
    "MOST_RELIABLE",
    "MOST_USED",
    "SkillQuestion",
    "TriedRecommendations",
    "TriedSearch",
    "recommendation_strategies",
    "search_strategies",
    "skill_strategies",
    "try_recommending",
    "try_searching",
]

MOST_USED, MOST_RELIABLE = "most_used", "most_reliable"
"""Names of strategies."""
_RECOMMENDERS = {
    RecommendStrategy.POPULARITY: Settings("popularity"),
    RecommendStrategy.SPECIFICATION: Settings("specification"),
    RecommendStrategy.ITEM_KNN: Settings("item-kNN"),
    RecommendStrategy.EASE: Settings("EASE", 200.0),
    RecommendStrategy.CONTENT: Settings("content"),
}


class SkillQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which skills are asked for."""

    limit: int = 5
    kinds: frozenset[Kind] = without_tools()
    since: str | None = None
    """The first day counted; ``None``: since ever."""


class _Tried(msgspec.Struct, frozen=True, kw_only=True):
    experiment: str
    user_id: str
    variant: Variant
    """Control for whoever takes no part."""
    standing: Standing
    """``assigned``: the user takes part, and an exposure was recorded. Else why not."""
    strategy: str
    """What answered."""


class TriedRecommendations(_Tried, frozen=True, kw_only=True):
    """What the strategy of somebody's variant recommends."""

    answer: Recommendations


class TriedSearch(_Tried, frozen=True, kw_only=True):
    """What the strategy of somebody's variant finds."""

    answer: SearchAnswer


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


def search_strategies(answering: Callable[[Search], SearchAnswer]) -> Strategies[Search, SearchAnswer]:
    """Return strategies that search, ``semantic_search`` and ``workflow_aware_search``, whichever the search names.

    *answering* makes an answer of a search, from what can be found by then.
    """

    def searching(strategy: SearchStrategy) -> Callable[[Search], SearchAnswer]:
        return lambda search: answering(msgspec.structs.replace(search, strategy=strategy))

    strategies = Strategies[Search, SearchAnswer]()
    for strategy in SearchStrategy:
        strategies.register(strategy.value)(searching(strategy))
    return strategies


def recommendation_strategies(
    store: Store, learned: Callable[[], Learned], *, chances: Callable[[], Chances | None] = lambda: None
) -> Strategies[Question, Recommendations]:
    """Return strategies that recommend, those of :class:`RecommendStrategy`, all from the same uses.

    *learned* says what was learned by then; another recommender is fitted once for each version of that. All of them
    lean on the same *chances*, where there are some.
    """
    others: dict[str, Learned] = {}

    def learned_by(strategy: RecommendStrategy) -> Learned:
        now = learned()
        if strategy is RecommendStrategy.RECOMMENDED:
            return now
        if strategy not in others or others[strategy].kept.version != now.kept.version:
            others[strategy] = _learned_by(store, strategy, now)
        return others[strategy]

    def recommending(strategy: RecommendStrategy) -> Callable[[Question], Recommendations]:
        return lambda question: recommendations(store, learned_by(strategy), question, chances=chances())

    strategies = Strategies[Question, Recommendations]()
    for strategy in RecommendStrategy:
        strategies.register(strategy.value)(recommending(strategy))
    return strategies


def _learned_by(store: Store, strategy: RecommendStrategy, learned: Learned) -> Learned:
    if strategy is not RecommendStrategy.CLUSTERS:
        return Learned(msgspec.structs.replace(learned.kept, chosen=_RECOMMENDERS[strategy]))
    mates = ClusterMates(read_belongings(store))
    return Learned(msgspec.structs.replace(learned.kept, chosen=Settings(mates.name)), mates)


def try_recommending(
    experiments: Experiments,
    experiment: str,
    strategies: Strategies[Question, Recommendations],
    question: Question,
    *,
    user_id: str,
) -> TriedRecommendations:
    """Answer *question* by the strategy that *experiment* has for a user, and record that they met it.

    Where that raises, they met nothing. How it ended is for the caller to record: only that knows whether a recommended
    skill was used, and succeeded. Raises what :meth:`Experiments.expose` raises, and
    :class:`~session_buddy.errors.UnknownStrategy`.
    """
    tried = _tried(experiments, experiment, strategies, user_id)
    answer = cast("Recommendations", strategies[tried.strategy](question))
    experiments.expose(tried.experiment, user_id)
    return TriedRecommendations(**msgspec.structs.asdict(tried), answer=answer)


def try_searching(
    experiments: Experiments,
    experiment: str,
    strategies: Strategies[Search, SearchAnswer],
    search: Search,
    *,
    user_id: str,
) -> TriedSearch:
    """Do the same with a search."""
    tried = _tried(experiments, experiment, strategies, user_id)
    answer = cast("SearchAnswer", strategies[tried.strategy](search))
    experiments.expose(tried.experiment, user_id)
    return TriedSearch(**msgspec.structs.asdict(tried), answer=answer)


def _tried(experiments: Experiments, experiment: str, known: Collection[str], user_id: str) -> _Tried:
    found = experiments.get(experiment)
    require_strategies(found, known)
    assignment = experiments.assign(found.test_id, user_id)
    return _Tried(
        experiment=found.test_name,
        user_id=user_id,
        variant=assignment.variant,
        standing=assignment.standing,
        strategy=found.strategy_of(assignment.variant),
    )
