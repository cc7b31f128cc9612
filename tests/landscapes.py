"""A landscape for tests: described skills in three groups that lie apart, some of them used."""

from __future__ import annotations

from session_buddy.learning.clusters.features import Vectors
from session_buddy.learning.clusters.refreshing import refresh_clusters
from session_buddy.model import Kind, Outcome, SkillFacts
from session_buddy.storage import Store
from tests.learning.clusters.making import grouped
from tests.making import NOW, FakeClock, invocation, shifted

GROUPS = {
    "docker image build": ("docker-build", "docker-push", "image-scan", "image-slim", "compose-up", "compose-down"),
    "python test coverage": ("pytest-run", "test-write", "coverage", "doctest", "tox", "hypothesis"),
    "prose chapter outline": ("outline", "rewrite", "proofread", "/draft", "a/b", "<b>bold</b>"),
}
SKILLS = tuple(skill for skills in GROUPS.values() for skill in skills)


def vectors() -> Vectors:
    """Return what the skills are for, as vectors."""
    return grouped(len(GROUPS), 6, seed=11)


def draw_landscape(store: Store, *, now: str = NOW, used: bool = True) -> None:
    """Describe :data:`SKILLS`, use some unless not *used*, and find their clusters."""
    store.describe(
        SkillFacts(skill_name=skill, category="Other", modality="code", description=f"{topic} with {skill}")
        for topic, skills in GROUPS.items()
        for skill in skills
    )
    if used:
        store.record(
            invocation(
                f"landscape-{session}-{skill}",
                session_id=f"landscape-{session}",
                skill_name=skill,
                kind=Kind.SKILL,
                outcome=Outcome.FAILED if skill == "tox" and session % 2 else Outcome.COMPLETED,
                invoked_at=shifted(now, minutes=-session - 1),
            )
            for session in range(12)
            for skill in (("docker-build", "docker-push") if session % 2 else ("pytest-run", "tox", "a/b"))
            + (("tox",) if session % 2 else ())
        )
    refresh_clusters(store, SKILLS, vectors(), clock=FakeClock(now), seed=1)
