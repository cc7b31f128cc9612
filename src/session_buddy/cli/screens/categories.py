"""The screens of ``category`` and ``modality``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.catalog.taxonomy.evaluation import Figure
from session_buddy.cli.screens.layout import Column, fitted, flowed, heading, indented, note
from session_buddy.formats import NOTHING, count, percent, plural, printable, shown_name
from session_buddy.reports.categories import (
    CategoryList,
    CategorySkills,
    ImportedTaxonomy,
    SkillSorting,
)
from session_buddy.reports.category_wording import (
    formats_words,
    learned_words,
    review_words,
    said_words,
    sources_words,
)
from session_buddy.reports.sorting import CategoryEvaluation, SchemeQuality

__all__ = ["categories_screen", "category_screen", "evaluation_screen", "imported_screen", "sorting_screen"]

_CATEGORIES = (
    Column("category", justify="left"),
    Column("skills"),
    Column("domain", rank=1, justify="left"),
    Column("who said so", rank=2, justify="left"),
    Column("for", rank=3, justify="left"),
)
_SKILLS = (
    Column("skill", justify="left"),
    Column("who said so", justify="left"),
    Column("what it does", rank=1, justify="left"),
)
_OF_SKILL = (
    Column("category", justify="left"),
    Column("scheme", rank=2, justify="left"),
    Column("domain", rank=1, justify="left"),
    Column("who said so", justify="left"),
)


def categories_screen(found: CategoryList, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of all categories."""
    schemes = list(dict.fromkeys(one.scheme for one in found.categories))
    for scheme in schemes:
        yield heading("Categories", scheme)
        rows = [
            [
                "  " * one.depth + printable(one.name),
                count(one.skills) if one.skills else NOTHING,
                one.domain or NOTHING,
                sources_words(one) or NOTHING,
                printable(one.description or NOTHING),
            ]
            for one in found.categories
            if one.scheme == scheme
        ]
        yield fitted(_CATEGORIES, rows, width)
    for figures in found.learned:
        yield flowed([note(word + " ") for word in printable(learned_words(figures)).split()], width, between="")
    if not found.learned:
        yield indented(note("Nothing was learned of them yet; 'session-buddy refresh' does it"))


def category_screen(found: CategorySkills, *, limit: int, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of one category."""
    figures = found.category
    yield heading(printable(figures.category), "  ".join(filter(None, (figures.scheme, figures.domain))))
    if figures.description:
        yield indented(printable(figures.description))
    if not found.skills:
        yield indented(Text("No skill is in it."))
        return
    rows = [
        [shown_name(one.skill), said_words(one.assigned_by, one.confidence), printable(one.description or NOTHING)]
        for one in found.skills[:limit]
    ]
    yield fitted(_SKILLS, rows, width)
    yield indented(note(f"{count(len(rows))} of {plural(len(found.skills), 'skill')}"))


def sorting_screen(found: SkillSorting, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of where one skill belongs, and what it is for."""
    yield heading(shown_name(found.skill))
    if found.categories:
        rows: list[list[str | Text]] = [
            [
                printable(one.category),
                printable(one.scheme),
                one.domain or NOTHING,
                said_words(one.assigned_by, one.confidence) + ("" if one.counts else "; overruled"),
            ]
            for one in found.categories
        ]
        yield fitted(_OF_SKILL, rows, width)
    else:
        yield indented(Text("It is in no category."))
    if found.rejected:
        yield indented(Text(f"By a person it is not in {', '.join(map(printable, found.rejected))}."))
    told = found.modality
    if told is None or told.modality is None:
        yield indented(Text("What it is for is not known."))
    if told is None:
        return
    if told.modality is not None:
        yield indented(f"for      {told.modality}, {said_words(told.assigned_by)}")
    yield indented(f"formats  {printable(formats_words(told))}")
    yield indented(f"review   {review_words(told)}")


def imported_screen(done: ImportedTaxonomy, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of an import."""
    yield heading("Taxonomy", ", ".join(map(printable, done.schemes)))
    figures = [
        plural(done.added, "new category", "new categories"),
        f"{count(done.changed)} changed",
        f"{plural(done.assigned, 'skill')} put into them",
    ]
    if done.kept:
        figures.append(f"{count(done.kept)} stay where a person put them")
    yield flowed(figures, width, between=", ")
    if done.unread:
        yield indented(note(f"Not read: {', '.join(map(printable, done.unread))}"))
    yield indented(note("Others follow at the next 'session-buddy refresh categories'"))


def evaluation_screen(found: CategoryEvaluation, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of how good sorting is."""
    for scheme in found.schemes:
        quality = scheme.quality
        means = "words and meaning" if scheme.meaning else "words alone"
        yield heading(printable(scheme.scheme), means if quality else "")
        if quality is None:
            yield indented(Text(scheme.note or ""))
            continue
        yield from _quality(scheme, found.precision, width)


def _quality(scheme: SchemeQuality, precision: float, width: int) -> Iterator[RenderableType]:
    quality = scheme.quality
    assert quality is not None, "the caller looked"
    of = f"of {plural(quality.skills, 'skill')} in {plural(quality.categories, 'category', 'categories')}"
    left = f", {count(scheme.left_out)} left out whose category has no other" if scheme.left_out else ""
    yield indented(f"right            {_figure(quality.accuracy)} {of}{left}")
    yield indented(f"macro-F1         {_figure(quality.macro_f1)}")
    yield indented(f"confidence off   {_figure(quality.calibration_error)} on average")
    told = f"told             {percent(quality.covered)} of them"
    if quality.precision is not None:
        told += f", and {percent(quality.precision)} of those rightly; {percent(precision)} were to be"
    yield indented(told)
    columns = (Column("of the surest", justify="left"), Column("right"), Column("confidence from"))
    rows = [[percent(one.coverage), percent(one.accuracy), percent(one.threshold)] for one in quality.abstaining]
    yield fitted(columns, rows, width)
    yield indented(note("By what others teach, nearly equal texts left out together; intervals: 95 %"))


def _figure(figure: Figure) -> str:
    return f"{percent(figure.value)} ({percent(figure.low)} to {percent(figure.high)})"
