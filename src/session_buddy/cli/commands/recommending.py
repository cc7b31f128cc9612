"""``recommend``: what to use next, and how good that advice is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from session_buddy.cli.choices import PhaseChoice
from session_buddy.cli.options import AsJson, Limit, TriedExperiment
from session_buddy.cli.output import answer
from session_buddy.cli.settings import settings_of
from session_buddy.ordering import RecommendStrategy

if TYPE_CHECKING:
    from session_buddy.reports.recommendations import Recommendations

__all__ = ["app"]


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    group.callback()(recommend)
    group.command("evaluate")(evaluate)
    group.command("similar")(similar)
    return group


def recommend(
    context: typer.Context,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="For this session; the beginning of its id will do.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user-id", metavar="HASH", help="For this user, by keyed hash; its beginning will do."),
    ] = None,
    skills: Annotated[
        list[str] | None, typer.Option("--with", metavar="SKILL", help="For whoever uses this; can be repeated.")
    ] = None,
    phase: Annotated[PhaseChoice | None, typer.Option("--phase", help="In this phase of the work.")] = None,
    words: Annotated[str, typer.Option("--about", metavar="TEXT", help="The work in words: what is to be done.")] = "",
    languages: Annotated[
        list[str] | None,
        typer.Option(
            "--language",
            metavar="NAME",
            help="Of the work; can be repeated. Left out: that of the files in the session's folder, where it is here.",
        ),
    ] = None,
    strategy: Annotated[
        RecommendStrategy, typer.Option("--strategy", help="By what skills are recommended.")
    ] = RecommendStrategy.RECOMMENDED,
    experiment: TriedExperiment = None,
    limit: Limit = 10,
    as_json: AsJson = False,
) -> None:
    """Show what to use next, and why.

    For the latest session, unless another is named. Skills that mostly fail are left out, and said to be.
    """
    if context.invoked_subcommand:
        return
    from session_buddy.cli.screens.recommendations import recommendations_screen
    from session_buddy.cli.screens.tried import tried_screen
    from session_buddy.experiments.records import Experiments
    from session_buddy.model import Phase
    from session_buddy.reports.asker import Question, with_known_user
    from session_buddy.reports.prediction import chances_of, read_predictor
    from session_buddy.reports.recommendations import read_learned
    from session_buddy.reports.strategies import recommendation_strategies, try_recommending
    from session_buddy.reports.work import user_at_hand, with_languages

    settings = settings_of(context)
    now = settings.now()
    asked = Question(
        user_id=user,
        session=session,
        skills=tuple(skills or ()),
        phase=Phase(phase) if phase else None,
        words=words,
        languages=tuple(languages or ()),
        limit=limit,
    )
    with settings.open_existing() as store:
        # In an experiment, who is new takes part like everybody.
        question = with_languages(store, with_known_user(store, asked) if experiment is None else asked)
        learned = read_learned(store, now=now, is_fresh=True)
        chances = chances_of(store, read_predictor(store, now=now), now=now)
        strategies = recommendation_strategies(store, lambda: learned, chances=lambda: chances)
        if experiment is None:
            answered = cast("Recommendations", strategies[strategy](question))
            answer(settings, answered, lambda width: recommendations_screen(answered, now=now, width=width))
            return
        tried = try_recommending(
            Experiments(store, clock=settings.now),
            experiment,
            strategies,
            question,
            user_id=user or user_at_hand(store, session=session),
        )
    answer(
        settings, tried, lambda width: tried_screen(tried, recommendations_screen(tried.answer, now=now, width=width))
    )


def similar(
    context: typer.Context,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="To this session; the beginning of its id will do.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user-id", metavar="HASH", help="To this user, by keyed hash; its beginning will do."),
    ] = None,
    skills: Annotated[
        list[str] | None, typer.Option("--with", metavar="SKILL", help="To whoever uses this; can be repeated.")
    ] = None,
    limit: Limit = 10,
    as_json: AsJson = False,
) -> None:
    """Show who uses much the same skills: users, or sessions where there are few users.

    By the Jaccard index: skills that both use, of all that one of them uses.
    """
    from session_buddy.cli.screens.recommendations import similar_screen
    from session_buddy.reports.asker import Question, with_known_user
    from session_buddy.reports.recommendations import read_learned
    from session_buddy.reports.similar import read_similar

    settings = settings_of(context)
    now = settings.now()
    question = Question(user_id=user, session=session, skills=tuple(skills or ()), limit=limit)
    with settings.open_existing() as store:
        found = read_similar(store, read_learned(store, now=now, is_fresh=True), with_known_user(store, question))
    answer(settings, found, lambda width: similar_screen(found, width=width))


def evaluate(context: typer.Context, as_json: AsJson = False) -> None:
    """Show how well each recommender foretells what was used next, on your own data.

    The fifth of skills that each user (or session) took up last is held out, and each recommender asked for it. The
    best is the one in use from now on.
    """
    from session_buddy.cli.screens.recommendations import evaluation_screen
    from session_buddy.reports.recommendations import read_learned
    from session_buddy.reports.recommender_evaluation import read_evaluation

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        evaluation = read_evaluation(read_learned(store, now=now, is_choosing=True))
    answer(settings, evaluation, lambda width: evaluation_screen(evaluation, now=now, width=width))
