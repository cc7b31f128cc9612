"""The community: how well each skill works for many users, and how one user does beside the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from session_buddy.errors import NotFound
from session_buddy.learning.community.baselines import least_users, read_baselines, read_own
from session_buddy.learning.community.comparing import UserStanding, compare, estimate
from session_buddy.learning.community.counts import Baseline, Counts
from session_buddy.learning.community.pooling import HERE, Part, Pool, percentiles, pool
from session_buddy.learning.community.sharing import read_publishers, read_shares
from session_buddy.learning.community.shrinkage import BetaPrior, fitted_prior
from session_buddy.model import Kind
from session_buddy.storage import Store

__all__ = [
    "Community",
    "CommunityFigures",
    "CommunitySkill",
    "CommunitySource",
    "PublisherFigures",
    "UserComparison",
    "read_community",
]

_TWO_USERS = "SELECT DISTINCT user_id FROM user_skill_metrics LIMIT 2"


class CommunityFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Uses of one skill by some users."""

    users: int
    """The same person in two stores is two: nobody can tell."""
    invocations: int
    completed: int
    failed: int
    success_rate: float | None
    """Completed of completed and failed, 0-1; ``null`` where nothing has either end."""
    success_low: float | None
    """The lower end of its 95 % interval (Wilson), wider where there is noise."""
    success_high: float | None
    shrunken_rate: float | None
    """What success is likely to be, drawn towards that of all these skills the more the fewer uses there are (empirical
    Bayes); ``null`` where fewer than three skills have outcomes, or all the same one."""
    avg_duration_seconds: float | None
    noised: bool
    """Whether noise was put into the counts, or some of them, before they were told here."""


class CommunitySource(msgspec.Struct, frozen=True, kw_only=True):
    """What one source adds to the figures of a skill."""

    source: str
    """``here`` for this store, else the fingerprint of a publisher."""
    counted: bool
    """Whether it is among the figures of the skill; not where its noise would blur them more than its uses sharpen."""
    figures: CommunityFigures


class UserComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One user beside the others, among whom that user is not counted."""

    yours: CommunityFigures
    others: CommunityFigures | None
    """``null`` where they are too few to be shown."""
    difference: float | None
    """Your success minus theirs, -1 to 1."""
    difference_low: float | None
    """The lower end of its 95 % interval (Newcombe)."""
    difference_high: float | None
    duration_difference_seconds: float | None
    """Your average duration minus theirs."""
    standing: UserStanding
    """``above``, ``below`` or ``cannot tell``."""
    reason: str


class CommunitySkill(msgspec.Struct, frozen=True, kw_only=True):
    """One skill."""

    skill: str
    kind: Kind | None
    """``null`` where nobody here has used it."""
    community: CommunityFigures | None
    """All sources together; ``null`` where it has too few users to be shown."""
    percentile: float | None
    """How many of the skills shown have less success, and half of those level with it, 0-100."""
    most_common_workflow_phase: str | None
    sources: list[CommunitySource]
    comparison: UserComparison | None
    """``null`` where the user asked for has not used it, or none was asked for."""


class PublisherFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Another installation whose figures are among these."""

    publisher: str
    """The fingerprint of its key."""
    sequence: int
    published_at: str
    imported_at: str
    min_users: int
    """No figure of it is of fewer users; those below the minimum of this store are not shown."""
    epsilon: float | None
    """Of the noise in its counts; ``null`` without."""
    skills: int


class Community(msgspec.Struct, frozen=True, kw_only=True):
    """Every skill with figures of enough users, the most used first, and those of one user's alone at the end."""

    user_id: str | None
    """Whose uses are compared; ``null`` for nobody's."""
    min_users: int
    """No figure is of fewer users, nor is one left where any user takes the own uses out of a figure."""
    total: int
    """How many skills there are; ``skills`` may be cut short."""
    kept_back: int
    """So many skills of this store have too few users for its figures to be shown."""
    typical_rate: float | None
    """The success towards which rates of few uses are drawn: the mean of the prior; ``null`` where there is none."""
    typical_weight: float | None
    """As many uses as that mean weighs: the strength of the prior, a million where skills differ by chance alone."""
    publishers: list[PublisherFigures]
    skills: list[CommunitySkill]


def read_community(
    store: Store, limit: int, *, user_id: str | None = None, fallback: str | None = None, tools: bool = False
) -> Community:
    """Return the first *limit* skills with what the community does, and the user with *user_id* beside it.

    Without one it is the only user of the store, or else *fallback* if that is one of its users, or nobody. An
    agent's built-in *tools* are left out unless asked for. Raises :class:`NotFound` where *user_id* has used nothing.
    """
    user, own = _user(store, user_id, fallback)
    least = least_users(store)
    everything = read_baselines(store)
    baselines = _without_tools(everything, tools)
    # A tool by its kind here, whatever others call it.
    left_out = {one.skill for one in everything} - {one.skill for one in baselines}
    shares = [share for share in read_shares(store) if share.skill not in left_out]
    mine = {one.skill: one.counts for one in _without_tools(own, tools)}
    pools = pool(baselines, shares, mine, least_users=least)
    known = [one.community for one in pools]
    prior = fitted_prior([(counts.completed, counts.concluded) for counts in known if counts])
    own_prior = fitted_prior([(counts.completed, counts.concluded) for counts in mine.values()])
    ranks = percentiles([counts.rate if counts else None for counts in known])
    shown_here = sum(any(part.source == HERE for part in one.parts) for one in pools)
    told = Counter(share.publisher for share in shares)
    return Community(
        user_id=user,
        min_users=least,
        total=len(pools),
        kept_back=len(baselines) - shown_here,
        typical_rate=prior.mean if prior else None,
        typical_weight=prior.strength if prior else None,
        publishers=[
            PublisherFigures(**msgspec.structs.asdict(one), skills=told[one.publisher])
            for one in read_publishers(store)
        ],
        skills=[
            _skill(one, rank, prior, own_prior, least) for one, rank in zip(pools[:limit], ranks[:limit], strict=True)
        ],
    )


def _user(store: Store, user_id: str | None, fallback: str | None) -> tuple[str | None, list[Baseline]]:
    """Return whose uses are compared, and these."""
    if user_id is not None:
        own = read_own(store, user_id)
        if not own:
            raise NotFound(
                "No user of this store has that id.",
                remedy="Give the whole keyed hash, as the column user_id of skill_invocation has it.",
            )
        return user_id, own
    users = [user for (user,) in store.query(_TWO_USERS).rows]
    if len(users) == 1:
        return users[0], read_own(store, users[0])
    own = read_own(store, fallback) if fallback else []
    return (fallback if own else None), own


def _without_tools(baselines: Iterable[Baseline], tools: bool) -> list[Baseline]:
    return [one for one in baselines if tools or one.kind is not Kind.TOOL]


def _skill(
    one: Pool, percentile: float | None, prior: BetaPrior | None, own_prior: BetaPrior | None, least: int
) -> CommunitySkill:
    community = one.community
    return CommunitySkill(
        skill=one.skill,
        kind=one.kind,
        community=_figures(community, prior) if community else None,
        percentile=percentile,
        most_common_workflow_phase=one.phase,
        sources=_sources(one.parts, prior),
        comparison=_comparison(one.own, one.others, prior, own_prior, least) if one.own else None,
    )


def _sources(parts: Sequence[Part], prior: BetaPrior | None) -> list[CommunitySource]:
    return [
        CommunitySource(
            source="here" if part.source == HERE else part.source,
            counted=part.counted,
            figures=_figures(part.counts, prior),
        )
        for part in parts
    ]


def _comparison(
    own: Counts, others: Counts | None, prior: BetaPrior | None, own_prior: BetaPrior | None, least: int
) -> UserComparison:
    found = compare(own, others, least_users=least)
    difference = found.difference
    mine, theirs = own.avg_duration_seconds, others.avg_duration_seconds if others else None
    return UserComparison(
        yours=_figures(own, own_prior),
        others=_figures(others, prior) if others else None,
        difference=difference.point if difference else None,
        difference_low=difference.low if difference else None,
        difference_high=difference.high if difference else None,
        duration_difference_seconds=None if mine is None or theirs is None else mine - theirs,
        standing=found.standing,
        reason=found.reason,
    )


def _figures(counts: Counts, prior: BetaPrior | None) -> CommunityFigures:
    success = estimate(counts)
    return CommunityFigures(
        users=counts.users,
        invocations=counts.invocations,
        completed=counts.completed,
        failed=counts.failed,
        success_rate=success.point if success else None,
        success_low=success.low if success else None,
        success_high=success.high if success else None,
        shrunken_rate=prior.shrunken(counts.completed, counts.concluded) if prior else None,
        avg_duration_seconds=counts.avg_duration_seconds,
        noised=counts.noise_variance > 0,
    )
