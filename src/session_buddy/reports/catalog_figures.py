"""What the catalogue tells, as values: skills, the places where they are written down, words to filter by."""

from __future__ import annotations

import msgspec

from session_buddy.catalog.scanning.findings import Finding, FindingKind
from session_buddy.catalog.scanning.sources import Origin
from session_buddy.model import Kind
from session_buddy.ordering import CatalogueOrder

__all__ = [
    "Catalogue",
    "CatalogueComparison",
    "CatalogueEntry",
    "CatalogueFilter",
    "CatalogueSkill",
    "Facet",
    "SkillSource",
]


class CatalogueFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which skills are asked for; what is ``None`` asks for all."""

    modality: str | None = None
    domain: str | None = None
    category: str | None = None
    origin: Origin | None = None
    kind: Kind | None = None
    problem: FindingKind | None = None
    min_success: float | None = None
    """0-1; skills of which no rate is known are left out."""
    max_cost: int | None = None
    """In tokens of each session; skills that are written down nowhere are left out."""
    tools: bool = False
    """Whether an agent's built-in tools are among them."""


class SkillSource(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a skill is written down."""

    machine: str
    """Where it lies, by the name of the machine."""
    path: str
    """Of the file; behind ``#`` which entry of it."""
    origin: Origin
    plugin: str | None
    version: str | None
    listing_tokens: int
    """About what every session pays for the skill to be on offer, where it is in force."""
    body_tokens: int
    """About what each use pays besides."""
    in_force: bool
    """Whether an agent takes it from here: not broken, not merely on offer, not hidden by another."""
    changed_at: str
    seen_at: str
    """Since when it is known."""
    problems: list[Finding]


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One skill of the catalogue."""

    skill: str
    kind: Kind | None
    """``null`` for one that was never used, and is written down nowhere."""
    description: str | None
    modality: str | None
    domain: str | None
    category: str | None
    category_assigned_by: str | None
    """Who put it there: `predefined`, `rules`, `inference` or `person`."""
    category_confidence: float | None
    """0-1; of what was inferred, the chance that it is right."""
    invocations: int
    success_rate: float | None
    """Completed of completed and failed, 0-1."""
    last_invoked_at: str | None
    origin: Origin | None
    """How it came here; ``null`` for one that is written down nowhere."""
    plugin: str | None
    listing_tokens: int | None
    """About what every session pays for it; ``null`` where that is not known."""
    body_tokens: int | None
    """About what each use pays besides."""
    places: int
    """How often it is written down."""
    machines: int
    """On how many machines."""
    problems: list[Finding]
    """What is to be said of the places where it is written down."""


class CatalogueSkill(CatalogueEntry, frozen=True, kw_only=True):
    """One skill with everything that the catalogue knows of it."""

    version: str | None
    avg_duration_seconds: float | None
    input_format: str | None
    output_format: str | None
    requires_human_review: bool
    sources: list[SkillSource]
    """The one in force first."""


class Facet(msgspec.Struct, frozen=True):
    """One word to filter by, and how many skills have it."""

    value: str
    skills: int


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """The skills that were asked for, in order."""

    order: CatalogueOrder
    total: int
    """How many were asked for; ``skills`` may be cut short."""
    known: int
    """How many there are in all."""
    listing_tokens: int
    """About what every session pays for all skills that are on offer everywhere, those of projects apart; of several
    machines and agents, that of the one where it is the most."""
    unused_listing_tokens: int
    """The part of it for skills that were never used."""
    scanned_at: str | None
    """When a machine was last looked through; ``null`` for never."""
    machines: list[Facet]
    """The machines on which skills are written down."""
    modalities: list[Facet]
    domains: list[Facet]
    categories: list[Facet]
    origins: list[Facet]
    problems: list[Facet]
    skills: list[CatalogueEntry]


class CatalogueComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Skills side by side, in the order they were asked for."""

    skills: list[CatalogueSkill]
