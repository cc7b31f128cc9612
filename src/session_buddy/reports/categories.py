"""Categories and modalities as commands, the API and pages tell them; sorting skills, and taking over taxonomies."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from session_buddy.catalog.modality_keeping import forget_modality, read_modalities, set_modality
from session_buddy.catalog.taxonomy.hierarchy import OWN_SCHEME, Category, domains_of, in_order, plain_name
from session_buddy.catalog.taxonomy.inferring import read_category_models
from session_buddy.catalog.taxonomy.keeping import (
    Assignment,
    assign,
    chief_assignment,
    find_category,
    import_taxonomy,
    is_rejected,
    read_assignments,
    read_categories,
    reject,
    unassign,
)
from session_buddy.catalog.taxonomy.lessons import read_texts_of_skills
from session_buddy.catalog.taxonomy.taxonomies import read_taxonomy
from session_buddy.errors import NotFound
from session_buddy.reports.names import matches, suggestions
from session_buddy.storage import Store

__all__ = [
    "CategoryFigures",
    "CategoryList",
    "CategorySkills",
    "ImportedTaxonomy",
    "SchemeFigures",
    "SkillCategory",
    "SkillModality",
    "SkillSorting",
    "SortedSkill",
    "assign_skill",
    "forget_said",
    "import_file",
    "known_skill",
    "read_category_list",
    "read_category_skills",
    "read_sorting",
    "reject_category",
    "say_modality",
    "unassign_skill",
]


class CategoryFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One category, and how many skills are in it."""

    category: str
    """As it is kept: unique, with its scheme before it where another scheme has a category of this name."""
    name: str
    """Within its scheme."""
    scheme: str
    """The taxonomy it belongs to; `session-buddy` is the program's own."""
    parent: str | None
    """The category above it, as it is kept."""
    depth: int
    """How many are above it."""
    domain: str | None
    """Its own, or that of the nearest above it."""
    description: str | None
    skills: int
    """Skills that are in it before all others of its scheme."""
    by: dict[str, int]
    """How many of them are so by `predefined`, `rules`, `inference` or `person`."""


class SchemeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned of one scheme, and how good that is."""

    scheme: str
    taught: int
    """Skills that somebody put into a category, rules included."""
    accuracy: float
    """The part of them that is judged rightly by what the others teach."""
    precision: float
    """The part of what is inferred that shall be right."""
    threshold: float | None
    """From this confidence on a category is told; `null` where none keeps the precision: then nothing is."""
    asked: int
    """Skills that nobody sorted."""
    told: int
    """Those of them that were put into a category."""
    meaning: str | None
    """The model by which meaning is compared; `null` where words and letters alone decide."""


class CategoryList(msgspec.Struct, frozen=True, kw_only=True):
    """All categories, parents before their children, ours first."""

    categories: list[CategoryFigures]
    learned: list[SchemeFigures]


class SortedSkill(msgspec.Struct, frozen=True, kw_only=True):
    """One skill of a category."""

    skill: str
    confidence: float | None
    """0-1; of what was inferred, the chance that it is right."""
    assigned_by: str
    assigned_at: str
    description: str | None


class CategorySkills(msgspec.Struct, frozen=True, kw_only=True):
    """One category with its skills: those that people put there first, then the surest."""

    category: CategoryFigures
    skills: list[SortedSkill]


class SkillCategory(msgspec.Struct, frozen=True, kw_only=True):
    """A category that a skill is in."""

    category: str
    scheme: str
    domain: str | None
    confidence: float | None
    """0-1; of what was inferred, the chance that it is right."""
    assigned_by: str
    """`predefined`, `rules`, `inference` or `person`."""
    assigned_at: str
    counts: bool
    """Whether it is the one that counts in its scheme: a person's word before others', then the surest."""


class SkillModality(msgspec.Struct, frozen=True, kw_only=True):
    """What a skill is for, what it takes and gives, and whether people want to look at what it does."""

    modality: str | None
    """`code`, `documentation`, `testing` or `deployment`; `null` where that is not known."""
    input_format: str | None
    output_format: str | None
    assigned_by: str
    """Who said so of these: `predefined`, `rules`, `inference` or `person`."""
    requires_human_review: bool
    review_assigned_by: str
    """Who said so of the review: `inference` or `person`."""


class SkillSorting(msgspec.Struct, frozen=True, kw_only=True):
    """Where a skill belongs, and what it is for."""

    skill: str
    categories: list[SkillCategory]
    """Those that count first, ours before others'."""
    rejected: list[str]
    """Categories that a person said it is not in; nothing else is inferred in their schemes."""
    modality: SkillModality | None
    """`null` where nothing of that is known."""


class ImportedTaxonomy(msgspec.Struct, frozen=True, kw_only=True):
    """What importing a taxonomy changed."""

    schemes: list[str]
    added: int
    """Categories that are new."""
    changed: int
    """Categories of which the file says something else."""
    assigned: int
    """Skills that came to a category by it."""
    kept: int
    """Skills that stay where a person put them, against the file."""
    unread: list[str]
    """Columns of the file that mean nothing here."""


def read_category_list(store: Store) -> CategoryList:
    """Return every category with how many skills it has, and what was learned of each scheme."""
    categories = read_categories(store)
    learned = [
        SchemeFigures(**{field: getattr(model, field) for field in SchemeFigures.__struct_fields__})
        for model in read_category_models(store)
    ]
    return CategoryList(categories=_figures(categories, read_assignments(store)), learned=learned)


def read_category_skills(store: Store, name: str, scheme: str | None = None) -> CategorySkills:
    """Return the category that *name* means with its skills; raises :class:`NotFound` for none or several."""
    categories, assignments = read_categories(store), read_assignments(store)
    wanted = find_category(categories, name, scheme)
    texts = read_texts_of_skills(store)
    chiefs = [one for one in _chiefs(categories, assignments) if one.category_id == wanted.category_id]
    skills = [
        SortedSkill(
            skill=one.skill_name,
            confidence=one.confidence_score,
            assigned_by=one.assigned_by,
            assigned_at=one.assigned_at,
            description=(texts[one.skill_name].description if one.skill_name in texts else "") or None,
        )
        for one in sorted(
            chiefs, key=lambda one: (one.assigned_by != "person", -(one.confidence_score or 0), one.skill_name)
        )
    ]
    figures = next(one for one in _figures(categories, assignments) if one.category == wanted.category_name)
    return CategorySkills(category=figures, skills=skills)


def read_sorting(store: Store, skill: str) -> SkillSorting:
    """Return where *skill*, by its exact name, belongs, and what it is for."""
    categories, said = read_categories(store), read_assignments(store, skill, rejected_too=True)
    assignments = [one for one in said if not is_rejected(one)]
    by_id, domains = {one.category_id: one for one in categories}, domains_of(categories)
    chiefs = {one.category_id for one in _chiefs(categories, assignments)}
    told = [
        SkillCategory(
            category=by_id[one.category_id].category_name,
            scheme=by_id[one.category_id].scheme,
            domain=domains[one.category_id],
            confidence=one.confidence_score,
            assigned_by=one.assigned_by,
            assigned_at=one.assigned_at,
            counts=one.category_id in chiefs,
        )
        for one in assignments
        if one.category_id in by_id
    ]
    ordered = sorted(told, key=lambda one: (not one.counts, one.scheme != OWN_SCHEME, one.scheme, one.category))
    rejected = sorted(
        by_id[one.category_id].category_name for one in said if is_rejected(one) and one.category_id in by_id
    )
    return SkillSorting(skill=skill, categories=ordered, rejected=rejected, modality=_modality(store, skill))


def known_skill(store: Store, name: str) -> str:
    """Return the one skill that *name* means, used or not; raises :class:`NotFound` for none or several."""
    # A rejection may be all that is left of a skill, and has to be taken back by its name.
    said = (one.skill_name for one in read_assignments(store, rejected_too=True))
    known = sorted({*read_texts_of_skills(store), *said, *read_modalities(store)})
    found = matches(name, known)
    if len(found) == 1:
        return found[0]
    close = found or suggestions(name, known)
    problem = f"{name!r} can mean {', '.join(found)}." if found else f"No skill is called {name!r}."
    remedy = f"Did you mean {', '.join(close)}?" if close else "See 'session-buddy catalog' for those there are."
    raise NotFound(problem, remedy=remedy, suggestions=close)


def assign_skill(store: Store, skill: str, category: str, scheme: str | None = None, *, now: str) -> SkillSorting:
    """Put a skill into a category by a person's word; raises :class:`NotFound` for a name that means none."""
    name, wanted = known_skill(store, skill), find_category(read_categories(store), category, scheme)
    assign(store, name, wanted, now=now)
    return read_sorting(store, name)


def reject_category(store: Store, skill: str, category: str, scheme: str | None = None, *, now: str) -> SkillSorting:
    """Say that a skill is not in a category; raises :class:`NotFound` for a name that means none."""
    name, wanted = known_skill(store, skill), find_category(read_categories(store), category, scheme)
    reject(store, name, wanted, now=now)
    return read_sorting(store, name)


def unassign_skill(store: Store, skill: str, category: str, scheme: str | None = None) -> SkillSorting:
    """Take a person's word back; raises :class:`NotFound` where there is none."""
    name, wanted = known_skill(store, skill), find_category(read_categories(store), category, scheme)
    unassign(store, name, wanted)
    return read_sorting(store, name)


def say_modality(
    store: Store,
    skill: str,
    *,
    modality: str | None = None,
    input_format: str | None = None,
    output_format: str | None = None,
    review: bool | None = None,
    now: str,
) -> SkillSorting:
    """Keep what a person says of what a skill is for; raises :class:`NotFound`, and :class:`InvalidInput`."""
    name = known_skill(store, skill)
    set_modality(
        store,
        name,
        modality=modality,
        input_format=input_format,
        output_format=output_format,
        review=review,
        now=now,
    )
    return read_sorting(store, name)


def forget_said(store: Store, skill: str) -> SkillSorting:
    """Take back what a person said of what a skill is for; raises :class:`NotFound` where nobody said anything."""
    name = known_skill(store, skill)
    forget_modality(store, name)
    return read_sorting(store, name)


def import_file(store: Store, name: str, data: bytes, scheme: str | None = None, *, now: str) -> ImportedTaxonomy:
    """Take over the taxonomy of a file; raises :class:`InvalidInput` with every fault by line, and takes none then."""
    taxonomy = read_taxonomy(name, data, scheme=scheme)
    taken = import_taxonomy(store, taxonomy, now=now)
    return ImportedTaxonomy(
        schemes=sorted({one.scheme for one in taxonomy.categories}),
        added=taken.added,
        changed=taken.changed,
        assigned=taken.assigned,
        kept=taken.kept,
        unread=taxonomy.unread,
    )


def _modality(store: Store, skill: str) -> SkillModality | None:
    row = read_modalities(store, skill).get(skill)
    if row is None:
        return None
    return SkillModality(
        modality=row.modality_type,
        input_format=row.input_format,
        output_format=row.output_format,
        assigned_by=row.assigned_by,
        requires_human_review=bool(row.requires_human_review),
        review_assigned_by=row.review_assigned_by,
    )


def _chiefs(categories: Sequence[Category], assignments: Sequence[Assignment]) -> list[Assignment]:
    """Return the assignment of each skill in each scheme that counts."""
    scheme_of = {one.category_id: one.scheme for one in categories}
    several: dict[tuple[str, str], list[Assignment]] = defaultdict(list)
    for one in assignments:
        if one.category_id in scheme_of:
            several[one.skill_name, scheme_of[one.category_id]].append(one)
    return [chief_assignment(ones) for ones in several.values()]


def _figures(categories: Sequence[Category], assignments: Sequence[Assignment]) -> list[CategoryFigures]:
    by_id, domains = {one.category_id: one for one in categories}, domains_of(categories)
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for one in _chiefs(categories, assignments):
        counts[one.category_id][one.assigned_by] += 1
    return [
        CategoryFigures(
            category=one.category_name,
            name=plain_name(one),
            scheme=one.scheme,
            parent=above.category_name if (above := by_id.get(one.parent_category_id or 0)) else None,
            depth=depth,
            domain=domains[one.category_id],
            description=one.description,
            skills=counts[one.category_id].total(),
            by=dict(sorted(counts[one.category_id].items())),
        )
        for depth, one in in_order(categories)
    ]
