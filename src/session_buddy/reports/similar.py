"""Who uses much the same skills, as commands, the API and pages show it."""

from __future__ import annotations

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.reports.asker import Question
from session_buddy.reports.recommendations import Learned, situation_of
from session_buddy.storage import Store

__all__ = ["SimilarOne", "SimilarOnes", "read_similar"]


class SimilarOne(msgspec.Struct, frozen=True, kw_only=True):
    """A user, or where there are few users a session, like the asker."""

    id: str
    """The keyed hash of a user, the id of a session."""
    similarity: float
    """The Jaccard index of both sets of skills, 0-1."""
    in_common: int
    """Skills that both use."""
    skills: int
    """Skills that this one uses."""


class SimilarOnes(msgspec.Struct, frozen=True, kw_only=True):
    """An answer."""

    asked_by: str
    """In words: the session, the user, or the skills named."""
    known: list[str]
    """The skills that are compared."""
    compared: str
    """``user`` or ``session``: what is compared."""
    fitted_at: str
    """What was used since is not counted yet."""
    similar: list[SimilarOne]
    """The most similar first."""


def read_similar(store: Store, learned: Learned, question: Question) -> SimilarOnes:
    """Return who is like the asker of *question*; raises what asking for recommendations raises."""
    asker, situation = situation_of(store, learned, question)
    if not situation.skills:
        raise InvalidInput("skills", "are not known of who asks.", remedy="Name a session, a user or skills in use.")
    units = learned.kept.learned.units
    return SimilarOnes(
        asked_by=asker.words,
        known=sorted(situation.skills & learned.advisor.data.places.keys()),
        compared=learned.kept.learned.unit.value,
        fitted_at=learned.kept.fitted_at,
        similar=[
            SimilarOne(id=units[one.user], similarity=one.similarity, in_common=one.in_common, skills=one.skills)
            for one in learned.advisor.alike(situation, question.limit)
        ],
    )
