"""The screens of ``catalog``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.catalog.scanning.findings import FindingKind
from session_buddy.cli.screens.layout import Column, fitted, flowed, heading, indented, note, rate
from session_buddy.formats import NOTHING, ago, count, duration, plural, printable, shown_name
from session_buddy.reports.catalog_figures import (
    Catalogue,
    CatalogueComparison,
    CatalogueEntry,
    CatalogueFilter,
    CatalogueSkill,
)
from session_buddy.reports.category_wording import category_words
from session_buddy.reports.scanning import FaultyFile, ForgottenMachine, ScanSummary

__all__ = ["catalogue_screen", "comparison_screen", "forgotten_screen", "scan_screen"]

_COLUMNS = (
    Column("skill", justify="left"),
    Column("kind", rank=3, justify="left"),
    Column("for", rank=4, justify="left"),
    Column("category", rank=6, justify="left"),
    Column("origin", rank=2, justify="left"),
    Column("uses"),
    Column("success"),
    Column("session", rank=1, note="session, use: about so many tokens each pays; estimates, half of them within 9 %"),
    Column("use", rank=1),
    Column("last used", rank=5),
    Column("to be said", rank=1, justify="left"),
)
_MOST_FAULTS = 40


def catalogue_screen(found: Catalogue, wanted: CatalogueFilter, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of the catalogue."""
    since = f"looked through {ago(found.scanned_at, now)}" if found.scanned_at else ""
    yield heading("Catalogue of skills", since)
    if not found.skills:
        yield indented(Text("No such skill is known." if found.known else "No skill is known yet."))
        if not found.origins:
            yield indented(note("To look for skills on this machine: session-buddy catalog scan"))
        return
    # Whoever asks for a problem wants to read why.
    columns = [*_COLUMNS[:-1], _COLUMNS[-1]._replace(rank=0)] if wanted.problem else _COLUMNS
    yield fitted(columns, [_row(skill, now, wanted.problem) for skill in found.skills], width)
    yield indented(note(f"{len(found.skills)} of {plural(found.total, 'skill')}, by {found.order}"))
    if found.listing_tokens:
        unused = f"{count(found.unused_listing_tokens)} of them for skills that were never used"
        yield indented(note(f"Every session pays about {count(found.listing_tokens)} tokens for the listing, {unused}"))
    if found.problems and wanted.problem is None:
        told = ", ".join(f"{one.value} {count(one.skills)}" for one in found.problems)
        yield indented(note(f"To be said: {told}. See them with --problem; 'catalog compare SKILL' gives the reasons"))


def scan_screen(done: ScanSummary, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of a scan."""
    yield heading(f"Skills on {printable(done.machine)}", f"{plural(len(done.searched), 'place')} looked through")
    figures = [plural(done.sources, "source"), f"{count(done.added)} new", f"{count(done.changed)} changed"]
    figures += [f"{count(done.gone)} gone", f"{plural(done.opened, 'file')} read"]
    yield flowed(figures, width, between=", ")
    for title, is_broken in (("Broken", True), ("Against the published rules", False)):
        files = [file for file in done.faults if file.broken is is_broken]
        if not files:
            continue
        yield Text()
        yield heading(title, plural(len(files), "file"))
        for file in files[:_MOST_FAULTS]:
            yield from _faults(file)
        if len(files) > _MOST_FAULTS:
            yield indented(note(f"and {count(len(files) - _MOST_FAULTS)} more: see --json"))


def forgotten_screen(done: ForgottenMachine) -> Iterator[RenderableType]:
    """Yield the one line that tells what was forgotten."""
    yield indented(Text(f"{printable(done.machine)} is forgotten, with {plural(done.sources, 'source')}."))


def comparison_screen(found: CatalogueComparison, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of skills side by side."""
    columns = [Column("", justify="left"), *(Column(shown_name(one.skill), justify="left") for one in found.skills)]
    rows: list[list[str | Text]] = [
        [label, *(tell(one) for one in found.skills)] for label, tell in _lines(now).items()
    ]
    yield heading("Skills side by side")
    yield fitted(columns, rows, width)
    for skill in found.skills:
        yield Text()
        yield heading(shown_name(skill.skill))
        if skill.description:
            yield flowed([word + " " for word in printable(skill.description).split()], width, between="")
        for source in skill.sources:
            state = source.origin.value if source.in_force else f"{source.origin.value}, not in force"
            where = f" on {printable(source.machine)}" if skill.machines > 1 else ""
            yield indented(Text(f"{printable(source.path)}{where} ({state})"))
            for problem in source.problems:
                yield indented(indented(note(f"{problem.problem}: {printable(problem.reason)}")))


def _lines(now: str) -> dict[str, Callable[[CatalogueSkill], str | Text]]:
    return {
        "kind": lambda one: one.kind or NOTHING,
        "for": lambda one: one.modality or NOTHING,
        "category": lambda one: printable(
            category_words(one.category, one.category_assigned_by, one.category_confidence)
        ),
        "reads": lambda one: printable(one.input_format or NOTHING),
        "writes": lambda one: printable(one.output_format or NOTHING),
        "a person looks at it": lambda one: "yes" if one.requires_human_review else "no",
        "uses": lambda one: count(one.invocations),
        "success": lambda one: rate(one.success_rate),
        "average": lambda one: duration(one.avg_duration_seconds),
        "last used": lambda one: ago(one.last_invoked_at, now) if one.last_invoked_at else "never",
        "tokens a session": lambda one: count(one.listing_tokens),
        "tokens a use": lambda one: count(one.body_tokens),
        "origin": lambda one: _origin(one),
        "machines": lambda one: count(one.machines),
        "version": lambda one: printable(one.version or NOTHING),
    }


def _row(skill: CatalogueEntry, now: str, problem: FindingKind | None) -> list[str | Text]:
    return [
        shown_name(skill.skill),
        skill.kind or NOTHING,
        skill.modality or NOTHING,
        printable(category_words(skill.category, skill.category_assigned_by, skill.category_confidence)),
        _origin(skill),
        count(skill.invocations) if skill.invocations else NOTHING,
        rate(skill.success_rate),
        count(skill.listing_tokens),
        count(skill.body_tokens),
        ago(skill.last_invoked_at, now) if skill.last_invoked_at else NOTHING,
        _said(skill, problem),
    ]


def _said(skill: CatalogueEntry, problem: FindingKind | None) -> str:
    """Return what is to be said of *skill*: the reasons of the one *problem* that is asked for, else all in a word."""
    if problem is None:
        return ", ".join(dict.fromkeys(one.problem for one in skill.problems))
    return printable(" ".join(one.reason for one in skill.problems if one.problem is problem))


def _origin(skill: CatalogueEntry) -> str:
    if skill.origin is None:
        return NOTHING
    return f"{skill.origin} {printable(skill.plugin)}" if skill.plugin else skill.origin.value


def _faults(file: FaultyFile) -> Iterator[RenderableType]:
    yield indented(Text(printable(file.path)))
    for reason in file.reasons:
        yield indented(indented(note(printable(reason))))
