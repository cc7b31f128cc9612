"""What goes with what, as values: related skills, the network, paths."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from session_buddy.model import Kind

__all__ = [
    "NetworkPair",
    "NetworkSkill",
    "PathFigures",
    "RelatedSkill",
    "RelatedSkills",
    "SkillNetwork",
    "SkillPaths",
    "Usually",
]


class Usually(StrEnum):
    """When a related skill comes, beside the one that was asked about."""

    AFTER = "after"
    BEFORE = "before"


class RelatedSkill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill that is used in the same sessions more often than by chance."""

    skill: str
    kind: Kind
    sessions: int
    """Those with both."""
    share: float
    """The part of the sessions with the skill asked about that have this one too, 0-1."""
    lift: float
    """How many times as often as if the two had nothing to do with each other."""
    lift_low: float
    """With 95 % confidence the lift is no lower; this is what they are ordered by, so that few sessions do not lead."""
    lift_high: float
    q_value: float | None
    """How likely so much is by chance, of all pairs that were looked at; ``null`` where it was not looked at."""
    usually: Usually | None
    """Whether it comes after the skill asked about or before, by their first uses; ``null`` for no clear order."""
    after: int
    """Sessions in which it comes after."""
    before: int
    gap_seconds: float | None
    """The median from the one to the other where they come in the usual order; ``null`` for no clear order."""


class RelatedSkills(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with one skill, what surely goes with it first."""

    skill: str
    sessions: int
    """Those with the skill."""
    of_sessions: int
    """All there are."""
    total: int
    """How many are related; fewer may be listed."""
    related: list[RelatedSkill]
    refreshed_at: str | None
    """As of when chance and order are known; ``null`` where they were not looked at yet."""
    note: str
    """Why there are none, or what is not known yet; may be empty."""


class NetworkSkill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill of the network."""

    skill: str
    kind: Kind
    sessions: int
    invocations: int
    related: int
    """How many of the pairs listed it is in."""


class NetworkPair(msgspec.Struct, frozen=True, kw_only=True):
    """Two skills that are used in the same sessions."""

    skill_a: str
    """The first by name."""
    skill_b: str
    sessions: int
    """Those with both."""
    lift: float
    """How many times as often as if the two had nothing to do with each other."""
    lift_low: float
    """With 95 % confidence the lift is no lower."""
    lift_high: float
    q_value: float | None
    """How likely a lift this far from 1 is by chance, of all pairs that were looked at; ``null`` where it was not."""
    usually_first: str | None
    """The skill that comes first, by their first uses; ``null`` for no clear order."""
    a_first: int
    """Sessions in which ``skill_a`` came first."""
    b_first: int
    gap_seconds: float | None
    """The median from the one to the other where they come in the usual order; ``null`` for no clear order."""


class SkillNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """Which skills go together: pairs, and the skills in them."""

    min_lift: float
    min_sessions: int
    total: int
    """How many pairs there are of such a lift and so many sessions; fewer may be listed."""
    pairs: list[NetworkPair]
    """By the lower end of the interval of their lift, the highest first."""
    skills: list[NetworkSkill]
    """Those in the pairs, by name."""
    of_sessions: int
    """All sessions there are."""
    refreshed_at: str | None
    note: str


class PathFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Skills that are used one right after another again and again."""

    skills: list[str]
    """Repeats of one count once."""
    sessions: int
    """Those that have it."""
    occurrences: int
    """In all of them."""
    median_seconds: float | None
    """From the first use of its first skill to the first use of its last one."""


class SkillPaths(msgspec.Struct, frozen=True, kw_only=True):
    """Paths, those in most sessions first."""

    skill: str | None
    """Only those with this one; ``null`` for all."""
    min_sessions: int
    min_length: int
    total: int
    paths: list[PathFigures]
    since: str | None
    """The day from which on paths were looked for; ``null`` for all there is."""
    refreshed_at: str | None
    note: str
