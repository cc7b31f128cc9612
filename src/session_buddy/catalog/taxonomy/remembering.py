"""What was learned of categories, as the store keeps it: taught again only where the lesson is another.

Reads and writes ``learned_models``, nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from session_buddy.catalog.taxonomy.categoriser import SAME_SORT, Categoriser, Example, teach
from session_buddy.catalog.taxonomy.lessons import KnownSkill
from session_buddy.catalog.taxonomy.packing import packed, unpacked
from session_buddy.catalog.taxonomy.texts import Meaning, SkillText, Wording
from session_buddy.storage import Store
from session_buddy.storage.learned import StoredModel, read_model, read_model_details, write_model
from session_buddy.storage.tables import plain_table

__all__ = [
    "CategoryModel",
    "Learned",
    "MeaningOf",
    "Means",
    "digest",
    "forget",
    "keep",
    "learn",
    "lesson_of",
    "read_figures",
]

_FORMAT = 1
_ALGORITHM = "kernel ridge"
_LEARNED = plain_table("learned_models")


class MeaningOf(NamedTuple):
    """What makes vectors of texts, and by what name its vectors are told from others'."""

    model: str
    embed: Callable[[Sequence[SkillText]], Meaning]


class Means(NamedTuple):
    """What is learned with."""

    wording: Wording
    meaning: MeaningOf | None
    """``None`` where there is no model: words and letters alone decide then."""
    precision: float
    """Of what is said, at least this part shall be right."""
    rules: Sequence[KnownSkill] = ()
    """What is known anyway of the program's own scheme."""
    odd: float = SAME_SORT
    """How odd a skill may be; see :func:`~session_buddy.catalog.taxonomy.categoriser.teach`."""


class CategoryModel(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned of one scheme, and how good it is."""

    format: int = _FORMAT
    scheme: str
    state: str
    """A digest of what it was taught with, of the skills it was asked about, and of what it answered."""
    lesson: str
    """A digest of what it was taught with alone."""
    meaning: str | None
    """The model of the vectors; ``None`` where there was none."""
    precision: float
    """What was to be kept."""
    threshold: float | None
    """From which confidence on something is said; ``None`` where no confidence keeps the precision."""
    taught: int
    """Labelled skills."""
    categories: int
    accuracy: float
    """The part of them that is judged rightly by what is taught without them and their copies."""
    covered: float
    """The part of them whose confidence reaches the threshold."""
    asked: int
    """Skills that nobody sorted."""
    told: int
    """Those of them that were put into a category."""


class Learned(NamedTuple):
    """What judges, and what is known of it."""

    categoriser: Categoriser
    figures: CategoryModel
    is_new: bool
    """Whether it was taught just now."""


def learn(
    store: Store, name: str, kept: CategoryModel | None, examples: Sequence[Example], means: Means
) -> Learned | None:
    """Return what *examples* teach, or what they taught before; ``None`` where there is nothing to choose between.

    *kept* is what :func:`read_figures` gives for *name*.
    """
    lesson = lesson_of(examples, means)
    if kept is not None and kept.lesson == lesson:
        model = read_model(store, name)
        if model is not None:
            return Learned(unpacked(model.data), kept, False)
    if len({one.category for one in examples if one.is_skill}) < 2:
        return None
    vectors = means.meaning.embed([one.text for one in examples]) if means.meaning else None
    categoriser, taught = teach(examples, means.wording, vectors, precision=means.precision, odd=means.odd)
    right = sum(one.category == truth for truth, one in zip(taught.truth, taught.judgements, strict=True))
    figures = CategoryModel(
        scheme="",
        state="",
        lesson=lesson,
        meaning=means.meaning.model if means.meaning else None,
        precision=means.precision,
        threshold=categoriser.threshold,
        taught=categoriser.taught,
        categories=len(categoriser.categories),
        accuracy=right / categoriser.taught,
        covered=sum(one.is_sure for one in taught.judgements) / categoriser.taught,
        asked=0,
        told=0,
    )
    return Learned(categoriser, figures, True)


def read_figures(store: Store, name: str) -> tuple[int, CategoryModel | None]:
    """Return the version of the model called *name*, and what is known of it.

    0 where there is none; ``None`` where another version of the program wrote it.
    """
    row = read_model_details(store, name)
    if row is None:
        return 0, None
    try:
        model = msgspec.json.decode(row.details, type=CategoryModel)
    except msgspec.ValidationError:
        return row.version, None
    return row.version, model if model.format == _FORMAT else None


def lesson_of(examples: Sequence[Example], means: Means) -> str:
    """Return what tells what is taught from other lessons."""
    return digest(examples, means.precision, means.odd, means.meaning.model if means.meaning else None)


def keep(store: Store, name: str, learned: Learned, *, now: str) -> None:
    """Keep *learned* as the model called *name*; the version grows where it was taught just now."""
    version = read_figures(store, name)[0] + learned.is_new
    details = msgspec.json.encode(learned.figures).decode()
    write_model(store, StoredModel(name, version, _ALGORITHM, now, details, packed(learned.categoriser)))


def forget(store: Store, name: str) -> None:
    """Drop the model called *name*."""
    store.drop_rows(_LEARNED, [(name,)])


def digest(*parts: object) -> str:
    """Return what tells *parts* from others."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
