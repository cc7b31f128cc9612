"""``catalog``: which skills there are, used or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from session_buddy.cli.choices import KindChoice, ModalityChoice, OriginChoice, ProblemChoice
from session_buddy.cli.options import AsJson, IncludeTools, Limit, finite
from session_buddy.cli.output import answer
from session_buddy.cli.settings import settings_of
from session_buddy.ordering import CatalogueOrder

__all__ = ["app"]


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    group.callback()(catalog)
    group.command("scan")(scan)
    group.command("forget")(forget)
    group.command("compare")(compare)
    return group


def catalog(
    context: typer.Context,
    modality: Annotated[ModalityChoice | None, typer.Option("--modality", help="Only those for this.")] = None,
    domain: Annotated[
        ModalityChoice | None, typer.Option("--domain", help="Only those whose category is of this domain.")
    ] = None,
    category: Annotated[
        str | None, typer.Option("--category", metavar="NAME", help="Only those of this category.")
    ] = None,
    kind: Annotated[KindChoice | None, typer.Option("--kind", help="Only this kind.")] = None,
    origin: Annotated[OriginChoice | None, typer.Option("--origin", help="Only those that came here so.")] = None,
    problem: Annotated[
        ProblemChoice | None,
        typer.Option("--problem", help="Only those of which this is to be said, and why."),
    ] = None,
    min_success: Annotated[
        float | None,
        typer.Option(
            "--min-success",
            min=0,
            max=1,
            callback=finite,
            metavar="RATE",
            help="Only those that succeed so often, 0-1.",
        ),
    ] = None,
    max_cost: Annotated[
        int | None,
        typer.Option("--max-cost", min=0, metavar="TOKENS", help="Only those that cost every session so much at most."),
    ] = None,
    by: Annotated[CatalogueOrder, typer.Option("--by", help="The order.")] = CatalogueOrder.USES,
    include_tools: IncludeTools = False,
    limit: Limit = 30,
    as_json: AsJson = False,
) -> None:
    """Show which skills there are, used or not: what kind, how they do, what they cost.

    What is written down on this machine is looked for by 'catalog scan', by 'up', and by a running server.
    """
    if context.invoked_subcommand:
        return
    from session_buddy.catalog.scanning.findings import FindingKind
    from session_buddy.catalog.scanning.sources import Origin
    from session_buddy.cli.screens.catalog import catalogue_screen
    from session_buddy.model import Kind
    from session_buddy.reports.catalog import read_catalogue
    from session_buddy.reports.catalog_figures import CatalogueFilter

    settings = settings_of(context)
    wanted = CatalogueFilter(
        modality=modality.value if modality else None,
        domain=domain.value if domain else None,
        category=category,
        kind=Kind(kind) if kind else None,
        origin=Origin(origin) if origin else None,
        problem=FindingKind(problem) if problem else None,
        min_success=min_success,
        max_cost=max_cost,
        tools=include_tools,
    )
    now = settings.now()
    with settings.open_existing() as store:
        found = read_catalogue(store, wanted, by, limit)
    answer(settings, found, lambda width: catalogue_screen(found, wanted, now=now, width=width))


def scan(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Folders with skills, a SKILL.md, a JSON file with MCP servers or with the tools of one, a file of"
            " shell rules (default: where Claude Code keeps them, here, and in the folders of your sessions).",
        ),
    ] = None,
    machine: Annotated[
        str | None,
        typer.Option(
            "--machine",
            metavar="NAME",
            envvar="SESSION_BUDDY_MACHINE",
            help="What this machine is called, where several share a store (default: its host name).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for skills on this machine; show what is wrong with them.

    Files that are as they were are not read again. Nothing is run; of servers only the names are read. What other
    machines keep in the same store is left alone.
    """
    from session_buddy.cli.screens.catalog import scan_screen
    from session_buddy.errors import InvalidInput
    from session_buddy.reports.scanning import scan_catalogue, this_machine

    settings = settings_of(context)
    with settings.open_store() as store:
        name = (machine or "").strip() or this_machine()
        done = scan_catalogue(store, paths or [], machine=name, now=settings.now(), here=Path.cwd())
    missing = [path for path in paths or [] if not path.exists()]
    if missing and not done.gone:
        raise InvalidInput(str(missing[0]), "does not exist.", remedy="Name a file, or a folder with skills.")
    answer(settings, done, lambda width: scan_screen(done, width=width))


def forget(
    context: typer.Context,
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help="Its name, as 'catalog compare' shows it.")],
    as_json: AsJson = False,
) -> None:
    """Forget what skills a machine had, since it is no more or has another name; their uses stay."""
    from session_buddy.cli.screens.catalog import forgotten_screen
    from session_buddy.reports.scanning import forget as forget_machine

    settings = settings_of(context)
    with settings.open_existing() as store:
        done = forget_machine(store, machine)
    answer(settings, done, lambda _: forgotten_screen(done))


def compare(
    context: typer.Context,
    skills: Annotated[list[str], typer.Argument(metavar="SKILL...", help="Up to 8 skills, as 'skill' takes them.")],
    as_json: AsJson = False,
) -> None:
    """Show skills side by side: what they are for, how they do, what they cost, where they are written down."""
    from session_buddy.cli.screens.catalog import comparison_screen
    from session_buddy.reports.catalog import compare_skills

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        found = compare_skills(store, skills)
    answer(settings, found, lambda width: comparison_screen(found, now=now, width=width))
