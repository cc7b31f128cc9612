"""``search``: skills by what they are for."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from session_buddy.cli.choices import KindChoice, PhaseChoice
from session_buddy.cli.options import AsJson, Limit, Quiet, TriedExperiment
from session_buddy.cli.output import answer, message
from session_buddy.cli.settings import settings_of
from session_buddy.ordering import SearchStrategy

__all__ = ["search"]


def search(
    context: typer.Context,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What is to be done, in a few words or many.")],
    limit: Limit = 10,
    kind: Annotated[KindChoice | None, typer.Option("--kind", help="Only this kind.")] = None,
    phase: Annotated[PhaseChoice | None, typer.Option("--phase", help="Where in the work you are.")] = None,
    strategy: Annotated[
        SearchStrategy, typer.Option("--strategy", help="Whether success, phase and recency lean the order.")
    ] = SearchStrategy.WORKFLOW_AWARE,
    experiment: TriedExperiment = None,
    user: Annotated[
        str | None,
        typer.Option("--user-id", metavar="HASH", help="Who is part of it (default: the user of the latest session)."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the skills that fit, and say why.

    By the words and, where there is a model, the meaning of names and descriptions; leaned a little towards skills
    that succeed, fit the phase and are in use.
    """
    from session_buddy.cli.screens.search import search_screen
    from session_buddy.cli.screens.tried import tried_screen
    from session_buddy.experiments.records import Experiments
    from session_buddy.learning.search.embedding import choose_embedder
    from session_buddy.learning.search.keeping import KeptIndex
    from session_buddy.reports.search import Search, SearchAnswer, answer_search, ask, model_place
    from session_buddy.reports.strategies import search_strategies, try_searching
    from session_buddy.reports.work import user_at_hand

    settings = settings_of(context)
    asked = ask(question, limit=limit, kind=kind, phase=phase, strategy=strategy)
    now = settings.now()
    with settings.open_existing() as store:
        choice = choose_embedder(model_place(store))
        kept = KeptIndex(store, choice.embedder, clock=settings.now, most_exact=sys.maxsize)
        standing = kept.read(progress=_silent if quiet or settings.json else _tell)

        def answering(search: Search) -> SearchAnswer:
            return answer_search(search, standing, choice, now=now)

        if experiment is None:
            found = answering(asked)
            answer(settings, found, lambda width: search_screen(found, now=now, width=width))
            return
        tried = try_searching(
            Experiments(store, clock=settings.now),
            experiment,
            search_strategies(answering),
            asked,
            user_id=user or user_at_hand(store),
        )
    answer(settings, tried, lambda width: tried_screen(tried, search_screen(tried.answer, now=now, width=width)))


def _tell(done: int, of: int) -> None:
    # What takes a second or two is nothing to talk about.
    if of > 64 and done % 320 == 0:
        message(f"Embedding texts, once: {done:,} of {of:,}")


def _silent(_done: int, _of: int) -> None:
    pass
