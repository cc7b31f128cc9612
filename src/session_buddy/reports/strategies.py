"""Strategies that answer from reports: which skills to show somebody first. What an experiment can be about today."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from session_buddy.experiments.strategies import Strategies
from session_buddy.model import Kind
from session_buddy.ordering import RankingOrder
from session_buddy.reports.ranking import SkillFigures, read_ranking, without_tools
from session_buddy.storage import Store

__all__ = ["MOST_RELIABLE", "MOST_USED", "SkillQuestion", "skill_strategies"]

MOST_USED, MOST_RELIABLE = "most_used", "most_reliable"
"""Names of strategies."""


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
