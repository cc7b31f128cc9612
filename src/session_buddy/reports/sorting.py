"""Sorting skills that nobody sorted: the job that does it, and how good it is."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from session_buddy.catalog.modality_keeping import infer_modalities
from session_buddy.catalog.taxonomy.categoriser import OTHER_SORT, SAME_SORT, Example, alike_groups, judged_unseen
from session_buddy.catalog.taxonomy.evaluation import Quality, folds_of, quality_of
from session_buddy.catalog.taxonomy.hierarchy import OWN_SCHEME
from session_buddy.catalog.taxonomy.inferring import infer_categories
from session_buddy.catalog.taxonomy.keeping import read_assignments, read_categories
from session_buddy.catalog.taxonomy.lessons import KnownSkill, labelled, read_texts_of_skills
from session_buddy.catalog.taxonomy.remembering import MeaningOf, Means
from session_buddy.catalog.taxonomy.texts import Meaning, SkillText, Weighing, Wording, counted
from session_buddy.errors import NotFound
from session_buddy.importers.shell.rules import packaged_rules
from session_buddy.learning.jobs import Job
from session_buddy.learning.search.embedding import choose_embedder
from session_buddy.learning.search.keeping import embed_texts
from session_buddy.learning.words import spoken_name, stems_of
from session_buddy.reports.search import model_place
from session_buddy.reports.settings import read_precision
from session_buddy.storage import Store

__all__ = ["SORTING", "CategoryEvaluation", "SchemeQuality", "evaluate_categories", "means_of", "sort_skills"]

_PARTS = 5
_LEAST_SKILLS = 20
_LEAST_OF_CATEGORY = 2


class SchemeQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How good sorting is in one scheme, or why that cannot be told."""

    scheme: str
    meaning: str | None
    """The model by which meaning is compared; `null` where words and letters alone decide."""
    left_out: int
    """Skills whose category has no other: nothing could be learned of it."""
    quality: Quality | None
    """`null` where there is too little to judge by."""
    note: str | None
    """Why it is `null`."""


class CategoryEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How good sorting is: a fifth of the sorted skills at a time is judged by what the others teach.

    Skills that are nearly the same text are left out together.
    """

    precision: float
    """The part of what is told that shall be right."""
    schemes: list[SchemeQuality]


def means_of(store: Store, *, now: str) -> Means:
    """Return what skills of *store* are sorted with; vectors are made, and kept, as they are asked for."""
    choice = choose_embedder(model_place(store))
    meaning = None
    if choice.notice is None:
        embedder = choice.embedder

        def embed(texts: Sequence[SkillText]) -> Meaning:
            told = [f"{spoken_name(text.name)}. {text.description}" for text in texts]
            found = dict(embed_texts(store, told, embedder, now=now))
            rows = [found[hashlib.sha256(text.encode()).hexdigest()] for text in told]
            return np.array(rows, dtype=np.float32).reshape(len(rows), -1)

        meaning = MeaningOf(embedder.model, embed)
    rules = [
        KnownSkill(SkillText(rule.skill, rule.description), rule.category, rule.modality)
        for rule in packaged_rules().rules
    ]
    return Means(Wording(spoken_name, stems_of), meaning, read_precision(store), rules)


def sort_skills(store: Store, now: str) -> int:
    """Infer categories, then what skills are for; return how many skills that changed. Blocks."""
    means = means_of(store, now=now)
    return infer_categories(store, means, now=now) + infer_modalities(store, means, now=now)


SORTING = Job("categories", "Sorting skills into categories", 3_600.0, sort_skills)


def evaluate_categories(store: Store, scheme: str | None = None, *, now: str) -> CategoryEvaluation:
    """Return how good sorting is in every scheme, or in one; takes seconds for each thousand of sorted skills.

    Raises :class:`NotFound` for a scheme that there is not.
    """
    means, categories = means_of(store, now=now), read_categories(store)
    schemes = sorted({one.scheme for one in categories}, key=lambda name: (name != OWN_SCHEME, name))
    if scheme is not None and scheme not in schemes:
        raise NotFound(
            f"No scheme is called {scheme!r}.", remedy=f"There are: {', '.join(schemes)}.", suggestions=schemes
        )
    assignments, texts = read_assignments(store), read_texts_of_skills(store)
    found = []
    for name in [scheme] if scheme is not None else schemes:
        of_it = [one for one in categories if one.scheme == name]
        examples = labelled(of_it, assignments, texts, means.rules if name == OWN_SCHEME else ())
        odd = OTHER_SORT if name == OWN_SCHEME else SAME_SORT
        found.append(_judged(name, examples, means._replace(odd=odd)))
    return CategoryEvaluation(precision=means.precision, schemes=found)


def _judged(scheme: str, examples: list[Example], means: Means) -> SchemeQuality:
    skills, words = ([one for one in examples if one.is_skill is wanted] for wanted in (True, False))
    sizes = Counter(one.category for one in skills)
    kept = [one for one in skills if sizes[one.category] >= _LEAST_OF_CATEGORY]
    meaning = means.meaning.model if means.meaning else None
    left_out = len(skills) - len(kept)
    labels = [one.category for one in kept]
    if len(kept) < _LEAST_SKILLS or len(set(labels)) < 2:
        note = f"{len(kept)} skills in {len(set(labels))} categories with two or more are too few to judge by."
        return SchemeQuality(scheme=scheme, meaning=meaning, left_out=left_out, quality=None, note=note)
    counts = counted([one.text for one in kept], means.wording)
    groups = alike_groups([one.text for one in kept], Weighing.of(counts).weighed(counts))
    vectors = means.meaning.embed([one.text for one in (*kept, *words)]) if means.meaning else None
    # The words of categories always teach.
    always = np.arange(len(kept), len(kept) + len(words))
    folds = [(np.append(train, always), test) for train, test in folds_of(labels, groups, parts=_PARTS)]
    judgements = judged_unseen([*kept, *words], folds, means.wording, vectors, precision=means.precision, odd=means.odd)
    quality = quality_of(labels, judgements, groups)
    return SchemeQuality(scheme=scheme, meaning=meaning, left_out=left_out, quality=quality, note=None)
