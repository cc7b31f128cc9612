"""Categories and modalities in words, for screens and pages alike."""

from __future__ import annotations

from session_buddy.formats import NOTHING, percent
from session_buddy.reports.categories import CategoryFigures, SchemeFigures, SkillModality

__all__ = ["category_words", "formats_words", "learned_words", "review_words", "said_words", "sources_words"]

_SAID = {"predefined": "predefined", "rules": "by rule or file", "person": "by a person"}


def said_words(assigned_by: str, confidence: float | None = None) -> str:
    """Return who said so, and of what was inferred how surely.

    >>> said_words("inference", 0.917), said_words("person", 1.0)
    ('inferred, 92 % sure', 'by a person')
    """
    if assigned_by != "inference":
        return _SAID.get(assigned_by, assigned_by)
    return "inferred" if confidence is None else f"inferred, {percent(confidence)} sure"


def category_words(category: str | None, assigned_by: str | None, confidence: float | None) -> str:
    """Return a category, and of one that was inferred how surely.

    >>> category_words("Testing", "inference", 0.917), category_words("Testing", "person", 1.0)
    ('Testing (inferred, 92 % sure)', 'Testing')
    """
    if category is None or assigned_by != "inference":
        return category or NOTHING
    return f"{category} ({said_words(assigned_by, confidence)})"


def formats_words(modality: SkillModality) -> str:
    """Return what a skill reads and writes, as far as that is known."""
    told = [("reads", modality.input_format), ("writes", modality.output_format)]
    return ", ".join(f"{verb} {format_}" for verb, format_ in told if format_) or NOTHING


def review_words(modality: SkillModality) -> str:
    """Return whether people want to look at what it does, and who said so."""
    wanted = "wants a person's look" if modality.requires_human_review else "needs nobody's look"
    return f"{wanted}, {said_words(modality.review_assigned_by)}"


def sources_words(figures: CategoryFigures) -> str:
    """Return how many of a category's skills are there by whom."""
    order = ("person", "predefined", "rules", "inference")
    return ", ".join(f"{figures.by[one]} {said_words(one)}" for one in order if figures.by.get(one))


def learned_words(figures: SchemeFigures) -> str:
    """Return what sorting by itself is worth in one scheme."""
    taught = f"{figures.scheme}: of {figures.taught:,} sorted skills {percent(figures.accuracy)} are told by the others"
    if figures.threshold is None:
        return f"{taught}; too few, or too much alike, to sort others {percent(figures.precision)} rightly"
    means = "words and meaning" if figures.meaning else "words alone"
    return f"{taught}, by {means}; {figures.told:,} of {figures.asked:,} others are put into a category"
