"""Categories of a store, and who put which skill into them: read, said by people, taken over from files.

With ``inferring``, the part of the taxonomy that talks to the store.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from session_buddy.catalog.taxonomy.collecting import NewCategory, SortedSkill, Taxonomy
from session_buddy.catalog.taxonomy.hierarchy import OWN_SCHEME, Category, cycle_in, domains_of, plain_name
from session_buddy.errors import InvalidInput, NotFound
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = [
    "Assignment",
    "Taken",
    "assign",
    "chief_assignment",
    "find_category",
    "import_taxonomy",
    "is_rejected",
    "read_assignments",
    "read_categories",
    "reject",
    "unassign",
]

_CATEGORIES = plain_table("skill_categories")
_MAPPING = plain_table("skill_category_mapping")
_DESCRIPTIONS = plain_table("skill_description")
_STAYING = ("predefined", "rules")
"""Who says what stays beside a person's word."""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``skill_category_mapping``: a skill in a category."""

    skill_name: str
    category_id: int
    confidence_score: float | None
    """0-1; of what was inferred, the chance that it is right. A person's 0 says that it is not in it."""
    assigned_at: str
    assigned_by: str
    """``predefined``, ``rules``, ``inference`` or ``person``."""
    overruled: str | None = None
    """``predefined`` or ``rules``, in place of which a person's word stands."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What importing a taxonomy changed."""

    added: int
    """Categories that are new."""
    changed: int
    """Categories of which the file says something else."""
    assigned: int
    """Skills that are in a category of it by what the file says, and were not before."""
    kept: int
    """Skills that stay where a person put them, against the file."""


def read_categories(store: Store) -> list[Category]:
    """Return every category, by id."""
    rows = store.query(f"SELECT {_CATEGORIES.selected} FROM {_CATEGORIES.source} ORDER BY category_id").rows
    return [_category(row) for row in rows]


def read_assignments(store: Store, skill: str | None = None, *, rejected_too: bool = False) -> list[Assignment]:
    """Return which skills are in which categories, or those of *skill* alone; by skill and category.

    *rejected_too*: with the categories that a person said a skill is not in.
    """
    where, given = ("WHERE skill_name = ?", [skill]) if skill is not None else ("", [])
    statement = f"SELECT {_MAPPING.selected} FROM {_MAPPING.source} {where} ORDER BY skill_name, category_id"
    found = [_assignment(row) for row in store.query(statement, given).rows]
    return [one for one in found if rejected_too or not is_rejected(one)]


def is_rejected(assignment: Assignment) -> bool:
    """Tell whether a person said that the skill is not in the category."""
    return assignment.assigned_by == "person" and assignment.confidence_score == 0


def chief_assignment(assignments: Sequence[Assignment]) -> Assignment:
    """Return the one that counts of those that a skill has in one scheme: a person's, else the surest."""
    return min(
        assignments,
        key=lambda one: (one.assigned_by != "person", -(one.confidence_score or 0), one.category_id),
    )


def find_category(categories: Sequence[Category], name: str, scheme: str | None = None) -> Category:
    """Return the category that *name* means: as it is kept, or as it is called in its scheme.

    Case matters only where there is one that is called exactly so: that comes before all others.
    Raises :class:`NotFound` for none, and for several: ours comes first, others must be told with their scheme.
    """
    among = [one for one in categories if scheme is None or one.scheme.casefold() == scheme.casefold()]
    if scheme is not None and not among:
        schemes = sorted({one.scheme for one in categories})
        raise NotFound(
            f"No scheme is called {scheme!r}.", remedy=f"There are: {', '.join(schemes)}.", suggestions=schemes
        )
    found = _called(among, name, str) or _called(among, name, str.casefold)
    ours = [one for one in found if one.scheme == OWN_SCHEME]
    if len(found) == 1 or len(ours) == 1:
        return (ours or found)[0]
    if found:
        names = [f"{one.scheme}/{plain_name(one)}" for one in found]
        raise NotFound(f"{name!r} can mean {', '.join(names)}.", remedy="Give one of them.", suggestions=names)
    names = [one.category_name for one in among]
    remedy = (
        f"There are: {', '.join(names[:20])}." if names else "There is none yet: see 'session-buddy category import'."
    )
    raise NotFound(f"No category is called {name!r}.", remedy=remedy, suggestions=names[:20])


def _called(among: Sequence[Category], name: str, spelled: Callable[[str], str]) -> list[Category]:
    wanted = spelled(name)
    return [one for one in among if spelled(one.category_name) == wanted] or [
        one for one in among if wanted in (spelled(plain_name(one)), spelled(f"{one.scheme}/{plain_name(one)}"))
    ]


def assign(store: Store, skill: str, category: Category, *, now: str) -> None:
    """Put *skill* into *category* by a person's word; it leaves what a person, or inference, said in that scheme.

    What is predefined, or follows from rules, stays beside it, and counts less.
    """
    before = _in_scheme(store, skill, category.scheme)
    _say(store, skill, category, 1.0, now)
    others = [one for one in before if one.category_id != category.category_id]
    _take_back(store, [one for one in others if one.assigned_by in ("person", "inference")])


def reject(store: Store, skill: str, category: Category, *, now: str) -> None:
    """Keep a person's word that *skill* is not in *category*: nothing puts it there, and nothing else is inferred.

    What the word is about is the whole scheme: whoever is told that a guess was wrong shall not guess again.
    """
    before = _in_scheme(store, skill, category.scheme)
    _say(store, skill, category, 0.0, now)
    others = [one for one in before if one.category_id != category.category_id]
    _take_back(store, [one for one in others if one.assigned_by == "inference"])


def unassign(store: Store, skill: str, category: Category) -> None:
    """Take back what a person said of *skill* and *category*; from then on others may say what it is.

    What is predefined, or follows from rules or a file, and was overruled, is there again. Raises :class:`NotFound`
    where no person said so.
    """
    said = read_assignments(store, skill, rejected_too=True)
    told = next((one for one in said if one.category_id == category.category_id), None)
    if told is None or told.assigned_by != "person":
        reason = "it is not in it" if told is None else f"it is there by {told.assigned_by}"
        raise NotFound(
            f"Nobody put {skill!r} into {category.category_name!r}: {reason}.",
            remedy=f"Put it elsewhere with: session-buddy category assign {skill!r} CATEGORY",
        )
    _take_back(store, [told])


def import_taxonomy(store: Store, taxonomy: Taxonomy, *, now: str) -> Taken:
    """Take over *taxonomy*: its categories, and the skills in them, as rules that a person's word overrules.

    Categories that are there are brought up to date; none is taken away. A skill leaves what an earlier file of that
    scheme said. Where another scheme has a category of the same name, it is kept as ``scheme/Name``. Raises
    :class:`InvalidInput` where categories would go round in a circle with those that are there.
    """
    before = {one.category_id: one for one in read_categories(store)}
    named = _named(taxonomy.categories, before, now)
    rows = _rows(taxonomy.categories, named, before)
    changed = [row for row in rows if before.get(row.category_id) != row]
    if changed:
        store.put_rows(_CATEGORIES, [_row(row) for row in changed])
    added = sum(row.category_id not in before for row in changed)
    assigned, kept = _sort(store, taxonomy.skills, named, now)
    _describe(store, taxonomy.skills, now)
    return Taken(added=added, changed=len(changed) - added, assigned=assigned, kept=kept)


def _named(told: Sequence[NewCategory], before: Mapping[int, Category], now: str) -> dict[tuple[str, str], Category]:
    """Return each category that is told of as it is, or as a new one with the next number and a name that is free."""
    found = {(one.scheme, plain_name(one)): one for one in before.values()}
    taken = {one.category_name: one.scheme for one in before.values()}
    following = max(before, default=0) + 1
    for one in told:
        if (one.scheme, one.name) in found:
            continue
        name = one.name if one.name not in taken else f"{one.scheme}/{one.name}"
        if name in taken:
            raise InvalidInput(
                "taxonomy", f"line {one.line}: {name!r} is a category of {taken[name]!r}.", remedy="Call it otherwise."
            )
        taken[name] = one.scheme
        found[one.scheme, one.name] = Category(
            category_id=following, category_name=name, scheme=one.scheme, created_at=now
        )
        following += 1
    return found


def _rows(
    told: Sequence[NewCategory], named: Mapping[tuple[str, str], Category], before: Mapping[int, Category]
) -> list[Category]:
    """Return the categories as they shall be, each with the domain that follows from those above it."""
    rows: dict[int, Category] = {}
    for one in told:
        old = named[one.scheme, one.name]
        above = named[one.scheme, one.parent].category_id if one.parent is not None else old.parent_category_id
        rows[old.category_id] = msgspec.structs.replace(
            old,
            parent_category_id=above,
            description=one.description if one.description is not None else old.description,
            domain=one.domain if one.domain is not None else old.domain,
        )
    everything = {**before, **rows}
    circle = cycle_in({number: one.parent_category_id for number, one in everything.items()})
    if circle:
        way = " below ".join(repr(everything[number].category_name) for number in circle)
        raise InvalidInput(
            "taxonomy", f"With those that are there, categories go round in a circle: {way}.", remedy="Mend a parent."
        )
    domains = domains_of(everything.values())
    return [msgspec.structs.replace(row, domain=domains[row.category_id]) for row in rows.values()]


def _sort(
    store: Store, skills: Sequence[SortedSkill], named: Mapping[tuple[str, str], Category], now: str
) -> tuple[int, int]:
    """Put *skills* into their categories; return how many came there, and how many stay where a person put them."""
    scheme_of = {one.category_id: one.scheme for one in read_categories(store)}
    there: dict[tuple[str, str], list[Assignment]] = defaultdict(list)
    for one in read_assignments(store, rejected_too=True):
        there[one.skill_name, scheme_of.get(one.category_id, "")].append(one)
    wanted: dict[tuple[str, str], set[int]] = defaultdict(set)
    for told in skills:
        wanted[told.skill, told.scheme].add(named[told.scheme, told.category].category_id)
    new: list[tuple[object, ...]] = []
    gone: list[tuple[object, ...]] = []
    kept = 0
    for (skill, scheme), categories in wanted.items():
        said = {one.category_id: one.assigned_by for one in there[skill, scheme]}
        if "person" in said.values():
            kept += 1
            continue
        new += [
            (skill, one, 1.0, now, "rules", None) for one in sorted(categories) if said.get(one) in (None, "inference")
        ]
        gone += [(skill, one) for one, by in said.items() if one not in categories and by in ("rules", "inference")]
    if new:
        store.put_rows(_MAPPING, new)
    if gone:
        store.drop_rows(_MAPPING, gone)
    return len({(row[0], scheme_of[int(str(row[1]))]) for row in new}), kept


def _describe(store: Store, skills: Sequence[SortedSkill], now: str) -> None:
    """Keep descriptions of skills that have none yet."""
    there = {row[0] for row in store.query(f"SELECT skill_name FROM {_DESCRIPTIONS.source}").rows}
    told = {one.skill: one.description for one in reversed(skills) if one.description and one.skill not in there}
    if told:
        store.put_rows(
            _DESCRIPTIONS,
            [(skill, text, hashlib.sha256(text.encode()).hexdigest(), now) for skill, text in sorted(told.items())],
        )


def _say(store: Store, skill: str, category: Category, confidence: float, now: str) -> None:
    """Keep a person's word, and what it stands in place of."""
    said = read_assignments(store, skill, rejected_too=True)
    before = next((one for one in said if one.category_id == category.category_id), None)
    overruled = before and (before.assigned_by if before.assigned_by in _STAYING else before.overruled)
    store.put_rows(_MAPPING, [(skill, category.category_id, confidence, now, "person", overruled)])


def _take_back(store: Store, said: Sequence[Assignment]) -> None:
    """Drop what was *said*; what it overruled is there again."""
    back = [one for one in said if one.overruled is not None]
    gone = [(one.skill_name, one.category_id) for one in said if one.overruled is None]
    if back:
        # Since the word was said: when the other was, nobody knows any more.
        rows = [(one.skill_name, one.category_id, 1.0, one.assigned_at, one.overruled, None) for one in back]
        store.put_rows(_MAPPING, rows)
    if gone:
        store.drop_rows(_MAPPING, gone)


def _in_scheme(store: Store, skill: str, scheme: str) -> list[Assignment]:
    scheme_of = {one.category_id: one.scheme for one in read_categories(store)}
    return [one for one in read_assignments(store, skill) if scheme_of.get(one.category_id) == scheme]


def _category(row: Sequence[object]) -> Category:
    return msgspec.convert(dict(zip(_CATEGORIES.columns, row, strict=True)), Category)


def _assignment(row: Sequence[object]) -> Assignment:
    return msgspec.convert(dict(zip(_MAPPING.columns, row, strict=True)), Assignment)


def _row(category: Category) -> tuple[object, ...]:
    return tuple(getattr(category, column) for column in _CATEGORIES.columns)
