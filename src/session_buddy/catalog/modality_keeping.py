"""Modalities of a store: what people said of a skill, and what follows from its category, its words and its uses.

The part of the modalities that talks to the store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from session_buddy.catalog.modalities import Touched, formats_of, modality_of_files, needs_review
from session_buddy.catalog.taxonomy.categoriser import MOST_OTHER, Example
from session_buddy.catalog.taxonomy.hierarchy import DOMAINS, OWN_SCHEME, domains_of
from session_buddy.catalog.taxonomy.keeping import Assignment, chief_assignment, read_assignments, read_categories
from session_buddy.catalog.taxonomy.lessons import PERSON_WEIGHT, read_texts_of_skills
from session_buddy.catalog.taxonomy.remembering import Means, digest, forget, keep, learn, lesson_of, read_figures
from session_buddy.catalog.taxonomy.texts import SkillText
from session_buddy.catalog.touching import read_touched
from session_buddy.errors import InvalidInput, NotFound
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = ["Modality", "forget_modality", "infer_modalities", "read_modalities", "set_modality"]

_MODEL = "modalities"
_TABLE = plain_table("skill_modalities")
_LONGEST_FORMAT = 200
_UNKNOWN = "unknown"
"""As the table has it: its type is never NULL."""
_TRAITS = "SELECT skill_name, trait, invocation_count FROM skill_trait_counts"
_USES = "SELECT skill_name, invocation_count FROM skill_metrics"
_WORDS = {
    "code": "Code analysis and generation: linters, type checkers, formatters, refactoring",
    "documentation": "Generation and checking of documentation",
    "testing": "Test execution and coverage",
    "deployment": "Build, release, deploy and operate",
}
"""The specification's words for each."""


class Modality(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``skill_modalities``."""

    skill_name: str
    modality_type: str | None = None
    """``code``, ``documentation``, ``testing`` or ``deployment``; ``None`` where that is not known."""
    input_format: str | None = None
    output_format: str | None = None
    requires_human_review: int = 0
    created_at: str
    assigned_by: str = "inference"
    """Who said so of type and formats: ``predefined``, ``rules``, ``inference`` or ``person``.

    The specification and rules do not tell of formats, so theirs are inferred all the same.
    """
    review_assigned_by: str = "inference"
    """Who said so of the review: ``inference`` or ``person``."""


def read_modalities(store: Store, skill: str | None = None) -> dict[str, Modality]:
    """Return what is known of every skill, or of *skill* alone, by name."""
    where, given = ("WHERE skill_name = ?", [skill]) if skill is not None else ("", [])
    rows = store.query(f"SELECT {_TABLE.selected} FROM {_TABLE.source} {where}", given).rows
    found = {}
    for row in rows:
        told = dict(zip(_TABLE.columns, row, strict=True))
        told["modality_type"] = None if told["modality_type"] == _UNKNOWN else told["modality_type"]
        found[row[0]] = msgspec.convert(told, Modality)
    return found


def set_modality(
    store: Store,
    skill: str,
    *,
    modality: str | None = None,
    input_format: str | None = None,
    output_format: str | None = None,
    review: bool | None = None,
    now: str,
) -> Modality:
    """Keep what a person says of *skill*; what is ``None`` stays. From then on inference leaves that alone.

    An empty format means that it has none. Raises :class:`InvalidInput` where nothing is said, for an unknown type, and
    for a format that does not fit on a line.
    """
    if modality is None and input_format is None and output_format is None and review is None:
        raise InvalidInput(
            "modality", "nothing is said of it.", remedy="Give a type, a format, or whether it wants a look."
        )
    if modality is not None and modality not in DOMAINS:
        raise InvalidInput("modality", f"{modality!r} is none.", remedy=f"Give one of {', '.join(DOMAINS)}.")
    taken, given = _format("input_format", input_format), _format("output_format", output_format)
    row = read_modalities(store, skill).get(skill) or Modality(skill_name=skill, created_at=now)
    if (modality, input_format, output_format) != (None, None, None):
        row = msgspec.structs.replace(
            row,
            modality_type=modality or row.modality_type,
            input_format=row.input_format if taken is None else taken or None,
            output_format=row.output_format if given is None else given or None,
            assigned_by="person",
        )
    if review is not None:
        row = msgspec.structs.replace(row, requires_human_review=int(review), review_assigned_by="person")
    store.put_rows(_TABLE, [_row(row)])
    return row


def _format(field: str, told: str | None) -> str | None:
    """Return a format as it is kept; raises :class:`InvalidInput` for one that could not be shown on a line."""
    name = told and told.strip()
    if name and (len(name) > _LONGEST_FORMAT or not name.isprintable()):
        raise InvalidInput(
            field, "is no name of a format.", remedy=f"Give up to {_LONGEST_FORMAT} printable letters in one line."
        )
    return name


def forget_modality(store: Store, skill: str) -> None:
    """Take back what a person said of *skill*: what its predefined category or a rule says is there again.

    The rest is inferred the next time. Raises :class:`NotFound` where no person said anything.
    """
    row = read_modalities(store, skill).get(skill)
    if row is None or "person" not in (row.assigned_by, row.review_assigned_by):
        raise NotFound(f"Nobody said what {skill!r} is for.", remedy="Say it with: session-buddy modality set")
    if row.assigned_by == "person":
        domain, by = _domains(store).standing.get(skill, (None, "inference"))
        row = Modality(
            skill_name=skill,
            modality_type=domain,
            assigned_by=by,
            requires_human_review=row.requires_human_review,
            review_assigned_by=row.review_assigned_by,
            created_at=row.created_at,
        )
    if row.review_assigned_by == "person":
        row = msgspec.structs.replace(row, requires_human_review=0, review_assigned_by="inference")
    if _says_nothing(row):
        store.drop_rows(_TABLE, [(skill,)])
    else:
        store.put_rows(_TABLE, [_row(row)])


def infer_modalities(store: Store, means: Means, *, now: str) -> int:
    """Say of every skill what it is for, its formats, and whether people want to look at what it does.

    The type is what a person said; else the domain of a category that a person put it into; else what the
    specification or a rule says; else the domain of its category, what words surely tell, or what the files tell that
    it touches. What follows from none of these is taken back. Returns how many skills that changed.
    """
    texts, before, domains = read_texts_of_skills(store), read_modalities(store), _domains(store)
    traits: dict[str, dict[str, int]] = defaultdict(dict)
    for skill, trait, count in store.query(_TRAITS).rows:
        traits[skill][trait] = int(count)
    uses = {skill: int(count) for skill, count in store.query(_USES).rows}
    said = {skill: row for skill, row in before.items() if row.assigned_by != "inference"}
    means = means._replace(rules=[rule for rule in means.rules if rule.text.name not in domains.by_people])
    of_rules = {rule.text.name: rule.domain for rule in means.rules}
    unclear = [text for skill, text in texts.items() if skill not in said and skill not in domains.chief]
    by_words = _judged(store, _examples(texts, said, means), unclear, means, now)
    wanted: dict[str, Modality] = {}
    skills = sorted(texts.keys() | before.keys())
    files = read_touched(store, {skill: traits[skill] for skill in skills}, now=now)
    for skill in skills:
        inferred = domains.chief.get(skill) or by_words.get(skill) or modality_of_files(files[skill])
        kind, by = domains.standing.get(skill, (None, "inference"))
        if skill in domains.by_people:
            kind, by = domains.by_people[skill], "inference"
        elif by == "rules":
            kind = of_rules.get(skill, kind)
        review = needs_review(traits[skill], uses.get(skill, 0))
        row = _wanted(skill, before.get(skill), (kind, by), inferred, files[skill], review=review, now=now)
        if row is not None:
            wanted[skill] = row
    # People may have spoken meanwhile: what they said is read again just before.
    current = read_modalities(store)
    new = [row for skill, row in wanted.items() if current.get(skill) == before.get(skill) != row]
    gone = [skill for skill, row in before.items() if skill not in wanted and current.get(skill) == row]
    if new:
        store.put_rows(_TABLE, [_row(row) for row in new])
    if gone:
        store.drop_rows(_TABLE, [(skill,) for skill in gone])
    return len(new) + len(gone)


def _wanted(
    skill: str,
    before: Modality | None,
    known: tuple[str | None, str],
    inferred: str | None,
    files: Touched,
    *,
    review: bool,
    now: str,
) -> Modality | None:
    row = before or Modality(skill_name=skill, created_at=now)
    if row.assigned_by != "person":
        if known[0] is not None:
            row = msgspec.structs.replace(row, modality_type=known[0], assigned_by=known[1])
        elif row.assigned_by == "inference":
            row = msgspec.structs.replace(row, modality_type=inferred)
        formats = formats_of(files)
        row = msgspec.structs.replace(row, input_format=formats.input_format, output_format=formats.output_format)
    if row.review_assigned_by != "person":
        row = msgspec.structs.replace(row, requires_human_review=int(review))
    return None if _says_nothing(row) else row


def _says_nothing(row: Modality) -> bool:
    return row == Modality(skill_name=row.skill_name, created_at=row.created_at)


class _Domains(NamedTuple):
    """Domains of the categories that skills are in, by skill; those of our scheme before those of others."""

    chief: dict[str, str]
    """Of the one that counts most."""
    by_people: dict[str, str]
    """The same, where a person put it there."""
    standing: dict[str, tuple[str, str]]
    """Of the one that is ``predefined`` or follows from ``rules``, with that word, overruled or not."""


def _domains(store: Store) -> _Domains:
    categories = {one.category_id: one for one in read_categories(store)}
    domains = domains_of(categories.values())
    assignments: dict[str, list[Assignment]] = defaultdict(list)
    for one in read_assignments(store):
        if domains.get(one.category_id):
            assignments[one.skill_name].append(one)
    found = _Domains({}, {}, {})
    for skill, several in assignments.items():
        ours = [one for one in several if categories[one.category_id].scheme == OWN_SCHEME]
        chief = chief_assignment(ours or several)
        found.chief[skill] = str(domains[chief.category_id])
        if chief.assigned_by == "person":
            found.by_people[skill] = found.chief[skill]
        for one in ours:
            by = one.overruled or one.assigned_by
            if by in ("predefined", "rules"):
                found.standing[skill] = (str(domains[one.category_id]), by)
    return found


def _examples(texts: Mapping[str, SkillText], said: Mapping[str, Modality], means: Means) -> list[Example]:
    """Return what there is to learn from: rules, what was said of types, and the specification's words."""
    found = {rule.text.name: Example(rule.text, rule.domain) for rule in means.rules}
    for skill, row in said.items():
        if row.modality_type is None:
            continue
        text = texts.get(skill) or (found[skill].text if skill in found else SkillText(skill))
        found[skill] = Example(text, row.modality_type, PERSON_WEIGHT if row.assigned_by == "person" else 1.0)
    words = [Example(SkillText(name, words), name, is_skill=False) for name, words in _WORDS.items()]
    return [*(found[skill] for skill in sorted(found)), *words]


def _judged(
    store: Store, examples: Sequence[Example], asked: Sequence[SkillText], means: Means, now: str
) -> dict[str, str]:
    if means.rules:
        means = means._replace(odd=MOST_OTHER)
    version, kept = read_figures(store, _MODEL)
    learned = learn(store, _MODEL, kept, examples, means)
    if learned is None:
        if version:
            forget(store, _MODEL)
        return {}
    vectors = means.meaning.embed(asked) if means.meaning else None
    judgements = learned.categoriser.judge(asked, means.wording, vectors)
    sure = {text.name: one.category for text, one in zip(asked, judgements, strict=True) if one.is_sure}
    state = digest(lesson_of(examples, means), asked, sorted(sure.items()))
    if learned.figures.state != state:
        figures = msgspec.structs.replace(learned.figures, scheme=_MODEL, state=state, asked=len(asked), told=len(sure))
        keep(store, _MODEL, learned._replace(figures=figures), now=now)
    return sure


def _row(modality: Modality) -> tuple[object, ...]:
    row = msgspec.structs.replace(modality, modality_type=modality.modality_type or _UNKNOWN)
    return tuple(getattr(row, column) for column in _TABLE.columns)
