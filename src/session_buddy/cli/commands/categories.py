"""``category`` and ``modality``: where skills belong, and what they are for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from session_buddy.cli.choices import ModalityChoice
from session_buddy.cli.options import AsJson, Limit
from session_buddy.cli.output import answer
from session_buddy.cli.settings import settings_of

__all__ = ["categories_app", "modalities_app"]

Skill = Annotated[str, typer.Argument(metavar="SKILL", help="The skill; case and prefixes may be left out.")]
CategoryName = Annotated[str, typer.Argument(metavar="CATEGORY", help="Its name, or scheme/name.")]
Scheme = Annotated[str | None, typer.Option("--scheme", metavar="NAME", help="In this taxonomy (default: in any).")]


def categories_app() -> typer.Typer:
    """Return the commands of ``category``."""
    group = typer.Typer(help="Sort skills into categories.", no_args_is_help=True, rich_markup_mode=None)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("assign")(assign)
    group.command("reject")(reject)
    group.command("unassign")(unassign)
    group.command("import")(import_)
    group.command("evaluate")(evaluate)
    return group


def modalities_app() -> typer.Typer:
    """Return the commands of ``modality``."""
    group = typer.Typer(
        help="Say what skills are for, what they take and give, and which want a look.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("show")(show_modality)
    group.command("set")(set_)
    group.command("forget")(forget)
    return group


def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """Show all categories with how many skills are in them, and who put them there."""
    from session_buddy.cli.screens.categories import categories_screen
    from session_buddy.reports.categories import read_category_list

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = read_category_list(store)
    answer(settings, found, lambda width: categories_screen(found, width=width))


def show(
    context: typer.Context, category: CategoryName, scheme: Scheme = None, limit: Limit = 50, as_json: AsJson = False
) -> None:
    """Show a category with its skills: how surely each belongs there, and who said so."""
    from session_buddy.cli.screens.categories import category_screen
    from session_buddy.reports.categories import read_category_skills

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = read_category_skills(store, category, scheme)
    answer(settings, found, lambda width: category_screen(found, limit=limit, width=width))


def assign(
    context: typer.Context, skill: Skill, category: CategoryName, scheme: Scheme = None, as_json: AsJson = False
) -> None:
    """Put a skill into a category. That stays, and skills alike follow at the next refresh."""
    from session_buddy.cli.screens.categories import sorting_screen
    from session_buddy.reports.categories import assign_skill

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = assign_skill(store, skill, category, scheme, now=settings.now())
    answer(settings, found, lambda width: sorting_screen(found, width=width))


def reject(
    context: typer.Context, skill: Skill, category: CategoryName, scheme: Scheme = None, as_json: AsJson = False
) -> None:
    """Say that a skill is not in a category. That stays, and nothing else is inferred for it in that taxonomy."""
    from session_buddy.cli.screens.categories import sorting_screen
    from session_buddy.reports.categories import reject_category

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = reject_category(store, skill, category, scheme, now=settings.now())
    answer(settings, found, lambda width: sorting_screen(found, width=width))


def unassign(
    context: typer.Context, skill: Skill, category: CategoryName, scheme: Scheme = None, as_json: AsJson = False
) -> None:
    """Take back what you said of a skill and a category: that it is in it, or that it is not."""
    from session_buddy.cli.screens.categories import sorting_screen
    from session_buddy.reports.categories import unassign_skill

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = unassign_skill(store, skill, category, scheme)
    answer(settings, found, lambda width: sorting_screen(found, width=width))


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A taxonomy: .csv, .yaml or .yml.")],
    scheme: Annotated[
        str | None,
        typer.Option(
            "--scheme", metavar="NAME", help="What it is called, if it does not say (default: the file's name)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take over a taxonomy: its categories, and the skills in them. A file with any fault is left alone."""
    from session_buddy.cli.screens.categories import imported_screen
    from session_buddy.reports.categories import import_file

    settings = settings_of(context)
    data = file.read_bytes()
    with settings.open_store() as store:
        done = import_file(store, file.name, data, scheme, now=settings.now())
    answer(settings, done, lambda width: imported_screen(done, width=width))


def evaluate(context: typer.Context, scheme: Scheme = None, as_json: AsJson = False) -> None:
    """Show how good sorting is: each skill that somebody sorted is judged by what others teach."""
    from session_buddy.cli.screens.categories import evaluation_screen
    from session_buddy.reports.sorting import evaluate_categories

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = evaluate_categories(store, scheme, now=settings.now())
    answer(settings, found, lambda width: evaluation_screen(found, width=width))


def show_modality(context: typer.Context, skill: Skill, as_json: AsJson = False) -> None:
    """Show what a skill is for, its formats, whether it wants a look, and who said so."""
    from session_buddy.cli.screens.categories import sorting_screen
    from session_buddy.reports.categories import known_skill, read_sorting

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = read_sorting(store, known_skill(store, skill))
    answer(settings, found, lambda width: sorting_screen(found, width=width))


def set_(
    context: typer.Context,
    skill: Skill,
    modality: Annotated[ModalityChoice | None, typer.Option("--type", help="What it is for.")] = None,
    input_format: Annotated[
        str | None, typer.Option("--input", metavar="FORMAT", help="What it takes; '' for nothing.")
    ] = None,
    output_format: Annotated[
        str | None, typer.Option("--output", metavar="FORMAT", help="What it gives; '' for nothing.")
    ] = None,
    review: Annotated[
        bool | None, typer.Option("--review/--no-review", help="Whether a person should look at what it does.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a skill is for. That stays; what you do not say goes on being inferred where nobody said it."""
    from session_buddy.cli.screens.categories import sorting_screen
    from session_buddy.reports.categories import say_modality

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = say_modality(
            store,
            skill,
            modality=modality.value if modality else None,
            input_format=input_format,
            output_format=output_format,
            review=review,
            now=settings.now(),
        )
    answer(settings, found, lambda width: sorting_screen(found, width=width))


def forget(context: typer.Context, skill: Skill, as_json: AsJson = False) -> None:
    """Take back what you said a skill is for; it is inferred again at the next refresh."""
    from session_buddy.cli.screens.categories import sorting_screen
    from session_buddy.reports.categories import forget_said

    settings = settings_of(context)
    with settings.open_existing() as store:
        found = forget_said(store, skill)
    answer(settings, found, lambda width: sorting_screen(found, width=width))
