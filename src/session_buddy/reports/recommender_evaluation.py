"""How well each recommender foretells what was used, as commands, the API and pages show it."""

from __future__ import annotations

import msgspec

from session_buddy.learning.choosing import Candidate
from session_buddy.reports.recommendations import Learned

__all__ = ["Evaluation", "RecommenderFigures", "read_evaluation"]


class RecommenderFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How one recommender fared on what was held out."""

    algorithm: str
    ridge: float
    content: float
    ndcg: float
    """nDCG@10, 0-1."""
    ndcg_margin: float
    """Half of its 95 % interval."""
    recall: float
    """Recall@20, 0-1."""
    recall_margin: float
    coverage: float
    """The part of all skills that anybody was recommended, 0-1."""
    calibration_error: float | None
    """How far the chances that its scores stand for are from what came true, 0-1; ``null`` for too few to say."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Every recommender on this store's uses; of each user's (or session's) the fifth taken up last was held out."""

    compared: str
    asked: int
    """How many users or sessions had something held out."""
    skills: int
    version: int
    chosen_at: str
    candidates: list[RecommenderFigures]
    """The best first; it is the one in use."""


def read_evaluation(learned: Learned) -> Evaluation:
    """Return how every recommender fared when one was chosen."""
    kept = learned.kept
    return Evaluation(
        compared=kept.learned.unit.value,
        asked=kept.candidates[0].quality.users if kept.candidates else 0,
        skills=len(kept.learned.data.skills),
        version=kept.version,
        chosen_at=kept.chosen_at,
        candidates=[_figures(one) for one in kept.candidates],
    )


def _figures(candidate: Candidate) -> RecommenderFigures:
    settings, quality = candidate.settings, candidate.quality
    return RecommenderFigures(
        algorithm=settings.name,
        ridge=settings.ridge,
        content=settings.content,
        ndcg=quality.ndcg,
        ndcg_margin=quality.ndcg_margin,
        recall=quality.recall,
        recall_margin=quality.recall_margin,
        coverage=quality.coverage,
        calibration_error=quality.calibration_error,
    )
