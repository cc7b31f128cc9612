"""The catalogue: every skill that is known of, used or not; what kind it is, how it does, what it costs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from session_buddy.catalog.keeping import Standing, read_standing
from session_buddy.catalog.scanning.agents import camp_of
from session_buddy.catalog.scanning.findings import FindingKind, chief_of, is_in_force
from session_buddy.catalog.scanning.sources import BUILT_IN, KeptSource, Origin, Source, is_whole, kind_of
from session_buddy.errors import InvalidInput, NotFound
from session_buddy.intervals import wilson_interval
from session_buddy.learning.jobs import read_runs
from session_buddy.model import Kind
from session_buddy.ordering import CatalogueOrder
from session_buddy.reports.catalog_figures import (
    Catalogue,
    CatalogueComparison,
    CatalogueEntry,
    CatalogueFilter,
    CatalogueSkill,
    Facet,
    SkillSource,
)
from session_buddy.reports.names import matches, suggestions
from session_buddy.reports.scanning import SCANNING
from session_buddy.storage import Store

__all__ = ["compare_skills", "read_catalogue"]

_MOST_COMPARED = 8
_KINDS = tuple(FindingKind)
_EVERYWHERE = (Origin.USER, Origin.MANAGED, Origin.PLUGIN, Origin.MCP)
"""What is on offer to sessions in any folder."""
_CATALOGUE = """
SELECT c.skill_name AS skill, c.kind AS kind, c.modality_type AS modality, c.domain AS domain,
       c.category_name AS category, c.category_assigned_by AS category_assigned_by,
       c.category_confidence AS category_confidence, c.input_format AS input_format, c.output_format AS output_format,
       c.requires_human_review AS requires_human_review, c.invocation_count AS invocations,
       c.completion_rate AS success_rate, c.avg_duration_seconds AS avg_duration_seconds,
       c.last_invoked_at AS last_invoked_at, c.description AS description
FROM v_multimodal_skill_catalog c
"""
_ENDS = "SELECT skill_name, completed_count, failed_count FROM skill_metrics"


def read_catalogue(store: Store, wanted: CatalogueFilter, order: CatalogueOrder, limit: int) -> Catalogue:
    """Return the first *limit* skills that are *wanted*; counts of words are over all that are known.

    Raises :class:`NotFound` for a category that there is not.
    """
    standing, skills, ends = _read(store)
    known = [
        skill
        for skill in skills
        if (wanted.tools or skill.kind is not Kind.TOOL) and (wanted.origin is Origin.SHELL or not _is_mere_rule(skill))
    ]
    wanted = _with_category(wanted, known)
    asked = [skill for skill in known if _is_wanted(skill, wanted)]
    listing, unused = _listing_tokens(standing)
    run = read_runs(store).get(SCANNING.name)
    return Catalogue(
        order=order,
        total=len(asked),
        known=len(known),
        listing_tokens=listing,
        unused_listing_tokens=unused,
        machines=_facets(machine for skill in known for machine in {source.machine for source in skill.sources}),
        scanned_at=run.started_at if run else None,
        modalities=_facets(skill.modality for skill in known),
        domains=_facets(skill.domain for skill in known),
        categories=_facets(skill.category for skill in known),
        origins=_facets(origin for skill in known for origin in {source.origin for source in skill.sources}),
        problems=_facets(kind for skill in known for kind in _problems(skill)),
        skills=[_entry(skill) for skill in _ordered(asked, order, ends)[:limit]],
    )


def compare_skills(store: Store, names: Sequence[str]) -> CatalogueComparison:
    """Return the skills that *names* mean with all that is known of them.

    Raises :class:`NotFound` for a name that means none or several, :class:`InvalidInput` for too many.
    """
    if not 1 <= len(names) <= _MOST_COMPARED:
        raise InvalidInput("skill", f"{len(names)} are given.", remedy=f"Compare from one to {_MOST_COMPARED}.")
    skills = {skill.skill: skill for skill in _read(store)[1]}
    return CatalogueComparison(skills=[skills[_meant(name, list(skills))] for name in names])


def _read(store: Store) -> tuple[Standing, list[CatalogueSkill], dict[str, tuple[int, int]]]:
    standing = read_standing(store)
    by_name: dict[str, list[KeptSource]] = defaultdict(list)
    for source in standing.sources:
        if not is_whole(source.path):
            by_name[source.skill_name].append(source)
    seen = {str(row["skill"]): row for row in store.query(_CATALOGUE)}
    skills = [_skill(name, seen.get(name), by_name.get(name, []), standing) for name in {*seen, *by_name}]
    ends = {str(name): (int(done), int(failed)) for name, done, failed in store.query(_ENDS).rows}
    return standing, skills, ends


def _skill(name: str, row: dict[str, object] | None, sources: list[KeptSource], standing: Standing) -> CatalogueSkill:
    chief = chief_of(sources) if sources else None
    found = dict.fromkeys(problem for source in sources for problem in standing.findings.get(source.key, []))
    told: dict[str, object] = row or {"skill": name}
    kind = told.get("kind") or (kind_of(chief) if chief else None)
    # Servers have no uses of their own.
    uses = told.get("invocations") or standing.uses.get(name, 0)
    given = {
        field: told.get(field)
        for field in (
            *("description", "modality", "domain", "category", "category_assigned_by", "category_confidence"),
            *("success_rate", "last_invoked_at", "avg_duration_seconds", "input_format", "output_format"),
        )
    }
    return CatalogueSkill(
        skill=name,
        kind=Kind(str(kind)) if kind else None,
        invocations=int(str(uses)),
        requires_human_review=bool(told.get("requires_human_review")),
        origin=chief.origin if chief else None,
        plugin=chief.plugin if chief else None,
        version=chief.version if chief else None,
        # A server says what its tools cost only when it is asked.
        listing_tokens=None if chief is None or _is_server(chief) else chief.listing_tokens,
        body_tokens=None if chief is None or chief.origin is Origin.MCP else chief.body_tokens,
        places=len(sources),
        machines=len({source.machine for source in sources}),
        problems=sorted(found, key=lambda one: _KINDS.index(one.problem)),
        sources=[_figures(source, standing) for source in sources],
        **given,  # type: ignore[arg-type]
    )


def _listing_tokens(standing: Standing) -> tuple[int, int]:
    """Return what a session pays for all that is on offer everywhere, and the part of it for skills never used.

    Of several machines and agents, that of the one where it is the most: no session pays for what another has.
    """
    paid: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for source in standing.sources:
        if source.origin in _EVERYWHERE and _is_taken(source, standing):
            of_one = paid[source.machine, camp_of(source.path)]
            of_one[0] += source.listing_tokens
            of_one[1] += 0 if standing.uses.get(source.skill_name, 0) else source.listing_tokens
    whole, unused = max(paid.values(), default=[0, 0])
    return whole, unused


def _figures(source: KeptSource, standing: Standing) -> SkillSource:
    return SkillSource(
        machine=source.machine,
        path=source.path,
        origin=source.origin,
        plugin=source.plugin,
        version=source.version,
        listing_tokens=source.listing_tokens,
        body_tokens=source.body_tokens,
        in_force=_is_taken(source, standing),
        changed_at=source.changed_at,
        seen_at=source.seen_at,
        problems=standing.findings.get(source.key, []),
    )


def _is_taken(source: KeptSource, standing: Standing) -> bool:
    """Return whether some session is told of *source*: one that is hidden in a folder is on offer everywhere else."""
    told = standing.findings.get(source.key, [])
    return is_in_force(source) and not any(one.problem is FindingKind.SHADOWED and one.scope is None for one in told)


def _is_server(source: Source) -> bool:
    return source.origin is Origin.MCP and not source.listing_tokens


def _is_mere_rule(skill: CatalogueSkill) -> bool:
    """Return whether *skill* is but a rule of the program for a tool that nobody here used or put into a category."""
    is_built_in = bool(skill.sources) and all(source.path.startswith(BUILT_IN) for source in skill.sources)
    return is_built_in and not skill.invocations and skill.category is None


def _entry(skill: CatalogueSkill) -> CatalogueEntry:
    return CatalogueEntry(**{field: getattr(skill, field) for field in CatalogueEntry.__struct_fields__})


def _is_wanted(skill: CatalogueSkill, wanted: CatalogueFilter) -> bool:
    return (
        wanted.modality in (None, skill.modality)
        and wanted.domain in (None, skill.domain)
        and wanted.category in (None, skill.category)
        and wanted.kind in (None, skill.kind)
        and (wanted.origin is None or any(source.origin is wanted.origin for source in skill.sources))
        and (wanted.problem is None or wanted.problem in _problems(skill))
        and (wanted.min_success is None or _is_least(skill.success_rate, wanted.min_success))
        and (wanted.max_cost is None or (skill.listing_tokens is not None and skill.listing_tokens <= wanted.max_cost))
    )


def _problems(skill: CatalogueSkill) -> set[FindingKind]:
    return {one.problem for one in skill.problems}


def _is_least(rate: float | None, least: float) -> bool:
    return rate is not None and rate >= least


def _with_category(wanted: CatalogueFilter, known: Iterable[CatalogueSkill]) -> CatalogueFilter:
    """Return *wanted* with its category as it is written: the one called exactly so, else by letters of any case."""
    if wanted.category is None:
        return wanted
    categories = sorted({skill.category for skill in known if skill.category})
    folded = wanted.category.casefold()
    exact = [one for one in categories if one == wanted.category]
    found = next(iter(exact + [one for one in categories if one.casefold() == folded]), None)
    if found is None:
        remedy = f"There are: {', '.join(categories)}." if categories else "No skill is in a category yet."
        raise NotFound(f"No category is called {wanted.category!r}.", remedy=remedy, suggestions=categories)
    return msgspec.structs.replace(wanted, category=found)


def _ordered(
    skills: Iterable[CatalogueSkill], order: CatalogueOrder, ends: Mapping[str, tuple[int, int]]
) -> list[CatalogueSkill]:
    """Return *skills* in *order*; level ones by uses, then by name."""

    def merit(skill: CatalogueSkill) -> tuple[float, float] | str:
        match order:
            case CatalogueOrder.USES:
                return (skill.invocations, 0)
            case CatalogueOrder.SUCCESS:
                completed, failed = ends.get(skill.skill, (0, 0))
                interval = wilson_interval(completed, completed + failed)
                return (interval[0] if interval else -1.0, 0)
            case CatalogueOrder.COST:
                return (_or_less(skill.listing_tokens), _or_less(skill.body_tokens))
            case CatalogueOrder.RECENT:
                return skill.last_invoked_at or ""
            case CatalogueOrder.NAME:
                return (0, 0)

    by_name = sorted(skills, key=lambda skill: (skill.skill.casefold(), skill.skill))
    if order is CatalogueOrder.NAME:
        return by_name
    by_uses = sorted(by_name, key=lambda skill: -skill.invocations)
    return sorted(by_uses, key=merit, reverse=True)


def _or_less(tokens: int | None) -> int:
    return -1 if tokens is None else tokens


def _facets(words: Iterable[str | None]) -> list[Facet]:
    """Return each word with how many have it, the most frequent first."""
    counts = Counter(str(word) for word in words if word is not None)
    return [Facet(word, count) for word, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]


def _meant(name: str, known: Sequence[str]) -> str:
    found = matches(name, known)
    if len(found) != 1:
        close = found or suggestions(name, known)
        remedy = f"Did you mean {', '.join(close)}?" if close else "See 'session-buddy catalog' for those there are."
        raise NotFound(f"No one skill of the catalogue is called {name!r}.", remedy=remedy, suggestions=close)
    return found[0]
