"""``predict``: how likely a skill is to complete here and now, and how good that forecast is."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import typer.core

from session_buddy.cli.choices import PhaseChoice
from session_buddy.cli.options import AsJson
from session_buddy.cli.output import answer
from session_buddy.cli.settings import settings_of

__all__ = ["app"]

_SKILL = "skill"


class _SkillsToo(typer.core.TyperGroup):
    """A group in which whatever does not begin with a command is about a skill: ``predict pytest-run``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return what is left of *args* for the command."""
        is_of_group = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return list(super().parse_args(ctx, args if is_of_group else [_SKILL, *args]))


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(cls=_SkillsToo, no_args_is_help=True, rich_markup_mode=None)
    group.callback(help=_HELP)(_nothing)
    group.command(_SKILL)(predict)
    group.command("card")(card)
    group.command("evaluate")(evaluate)
    return group


_HELP = """Show how likely a skill is to complete here and now.

'predict NAME' is short for 'predict skill NAME'.
"""


def _nothing() -> None:
    pass


def predict(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Its name; case and the prefixes /, agent: and mcp__server__ may be left out."
        ),
    ],
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="In this session; the beginning of its id will do.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user-id", metavar="HASH", help="For this user, by keyed hash; its beginning will do."),
    ] = None,
    phase: Annotated[PhaseChoice | None, typer.Option("--phase", help="In this phase of the work.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how likely a skill is to complete, how long it may take, and why.

    In the latest session, where that is still going on; else in a new one. The first time, it is learned: that takes
    some seconds.
    """
    from session_buddy.cli.screens.prediction import prediction_screen
    from session_buddy.model import Phase
    from session_buddy.reports.prediction import Context, predict, read_predictor

    settings = settings_of(context)
    now = settings.now()
    asked = Context(session=session, user_id=user, phase=Phase(phase) if phase else None)
    with settings.open_existing() as store:
        kept = read_predictor(store, now=now, is_learning=True)
        answered = predict(store, kept, name, asked, now=now)
    answer(settings, answered, lambda width: prediction_screen(answered, now=now, width=width))


def card(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what was learned, from what, how good it is, and what it must not be used for."""
    _show_card(context, is_choosing=False)


def evaluate(context: typer.Context, as_json: AsJson = False) -> None:
    """Show how well each way foretells outcomes on your own data; the best is in use from now on.

    Each is fitted to what was known at some time, and foretells what came after it. What is learned must beat the best
    baseline by a margin that is certain; else the baseline answers.
    """
    _show_card(context, is_choosing=True)


def _show_card(context: typer.Context, *, is_choosing: bool) -> None:
    from session_buddy.cli.screens.prediction import card_screen
    from session_buddy.reports.prediction import read_model_card, read_predictor

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        found = read_model_card(read_predictor(store, now=now, is_learning=True, is_choosing=is_choosing))
    answer(settings, found, lambda width: card_screen(found, now=now, width=width))
