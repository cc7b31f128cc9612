"""Categories for skills that nobody sorted: taught by those that somebody did, written with their confidence.

With ``keeping``, the part of the taxonomy that writes to the store. What a person, a file or a rule said is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from session_buddy.catalog.taxonomy.categoriser import OTHER_SORT, SAME_SORT, Example, Judgement
from session_buddy.catalog.taxonomy.hierarchy import OWN_SCHEME, Category, plain_name
from session_buddy.catalog.taxonomy.keeping import Assignment, read_assignments, read_categories
from session_buddy.catalog.taxonomy.lessons import KnownSkill, labelled, read_texts_of_skills
from session_buddy.catalog.taxonomy.remembering import (
    CategoryModel,
    Means,
    digest,
    forget,
    keep,
    learn,
    lesson_of,
    read_figures,
)
from session_buddy.catalog.taxonomy.texts import SkillText
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = ["infer_categories", "read_category_models"]

_PREFIX = "categories "
_MAPPING = plain_table("skill_category_mapping")
_CATEGORIES = plain_table("skill_categories")
_MODELS = "SELECT model_name FROM learned_models FINAL WHERE model_name LIKE ? ORDER BY model_name"


def infer_categories(store: Store, means: Means, *, now: str) -> int:
    """Put every skill that nobody sorted into the category it surely belongs to, scheme by scheme.

    What was inferred before and does not hold any more is taken back. Returns how many skills that changed; where all
    is as it was the last time, nothing is learned, and nothing written.
    """
    categories, texts = read_categories(store), read_texts_of_skills(store)
    assignments = read_assignments(store, rejected_too=True)
    by_scheme: dict[str, list[Category]] = defaultdict(list)
    for category in categories:
        by_scheme[category.scheme].append(category)
    changed = 0
    for name in sorted({*by_scheme, OWN_SCHEME}):
        rules = means.rules if name == OWN_SCHEME else ()
        odd = OTHER_SORT if rules else SAME_SORT
        lesson = labelled(by_scheme[name], assignments, texts, rules)
        ids = {category.category_id for category in by_scheme[name]}
        said = [one for one in assignments if one.category_id in ids]
        changed += _infer(
            store, _Scheme(name, by_scheme[name], lesson, said), texts, means._replace(rules=rules, odd=odd), now
        )
    return changed


def read_category_models(store: Store) -> list[CategoryModel]:
    """Return what was learned last of each scheme, by name; what other versions of the program learned is left out."""
    names = [row[0] for row in store.query(_MODELS, [_PREFIX + "%"]).rows]
    found = [read_figures(store, name)[1] for name in names]
    return [model for model in found if model is not None]


class _Scheme(NamedTuple):
    name: str
    categories: list[Category]
    lesson: list[Example]
    said: list[Assignment]


def _infer(store: Store, scheme: _Scheme, texts: Mapping[str, SkillText], means: Means, now: str) -> int:
    settled = {one.skill_name for one in scheme.said if one.assigned_by != "inference"}
    asked = [text for skill, text in texts.items() if skill not in settled]
    before = {one.skill_name: one for one in scheme.said if one.assigned_by == "inference"}
    name = _PREFIX + scheme.name
    version, kept = read_figures(store, name)
    lesson = lesson_of(scheme.lesson, means)
    if kept is not None and kept.state == digest(lesson, asked, sorted(map(_told, before.values()))):
        return 0
    learned = learn(store, name, kept, scheme.lesson, means)
    wanted: dict[str, Judgement] = {}
    if learned is not None:
        vectors = means.meaning.embed(asked) if means.meaning else None
        judgements = learned.categoriser.judge(asked, means.wording, vectors)
        wanted = {text.name: one for text, one in zip(asked, judgements, strict=True) if one.is_sure}
    ids = _with_ids(store, scheme, {one.category for one in wanted.values()}, means.rules, now)
    changed, after = _written(store, ids, wanted, now)
    if learned is not None:
        figures = msgspec.structs.replace(
            learned.figures,
            scheme=scheme.name,
            state=digest(lesson, asked, sorted(after)),
            asked=len(asked),
            told=len(after),
        )
        keep(store, name, learned._replace(figures=figures), now=now)
    elif version:
        forget(store, name)
    return changed


def _with_ids(
    store: Store, scheme: _Scheme, wanted: Iterable[str], rules: Sequence[KnownSkill], now: str
) -> dict[str, int]:
    """Return the id of each category by its name in the scheme; those of rules that nobody used yet are made."""
    ids = {plain_name(one): one.category_id for one in scheme.categories}
    missing = sorted(set(wanted) - ids.keys())
    if missing:
        everything = read_categories(store)
        taken = {one.category_name for one in everything}
        domains = {rule.category: rule.domain for rule in rules}
        following = max((one.category_id for one in everything), default=0) + 1
        rows = []
        for number, name in enumerate(missing, following):
            ids[name] = number
            kept_as = f"{scheme.name}/{name}" if name in taken else name
            rows.append((number, kept_as, None, None, domains.get(name), now, scheme.name))
        store.put_rows(_CATEGORIES, rows)
    return ids


def _written(
    store: Store, ids: Mapping[str, int], wanted: Mapping[str, Judgement], now: str
) -> tuple[int, list[tuple[str, int, float | None]]]:
    """Write what is *wanted* in place of what was inferred; return how many skills changed, and all that stands then.

    What was said of a skill is read again just before: learning takes seconds, and people do not wait for it.
    """
    here = set(ids.values())
    said = [one for one in read_assignments(store, rejected_too=True) if one.category_id in here]
    settled = {one.skill_name for one in said if one.assigned_by != "inference"}
    before = {_told(one) for one in said if one.assigned_by == "inference"}
    after = {(skill, ids[one.category], one.confidence) for skill, one in wanted.items() if skill not in settled}
    new, gone = sorted(after - before), {row[:2] for row in before} - {row[:2] for row in after}
    if new:
        store.put_rows(_MAPPING, [(skill, category, sure, now, "inference", None) for skill, category, sure in new])
    if gone:
        store.drop_rows(_MAPPING, sorted(gone))
    return len({row[0] for row in new} | {key[0] for key in gone}), list(after)


def _told(assignment: Assignment) -> tuple[str, int, float | None]:
    return assignment.skill_name, assignment.category_id, assignment.confidence_score
