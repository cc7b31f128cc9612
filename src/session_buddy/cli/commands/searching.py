"""``search``: skills by what they are for."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from session_buddy.cli.choices import KindChoice, PhaseChoice
from session_buddy.cli.options import AsJson, Limit, Quiet
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
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the skills that fit, and say why.

    By the words and, where there is a model, the meaning of names and descriptions; leaned a little towards skills
    that succeed, fit the phase and are in use.
    """
    from session_buddy.cli.screens.search import search_screen
    from session_buddy.learning.search.embedding import choose_embedder
    from session_buddy.learning.search.keeping import KeptIndex
    from session_buddy.reports.search import answer_search, ask, model_place

    settings = settings_of(context)
    asked = ask(question, limit=limit, kind=kind, phase=phase, strategy=strategy)
    now = settings.now()
    with settings.open_existing() as store:
        choice = choose_embedder(model_place(store))
        kept = KeptIndex(store, choice.embedder, clock=settings.now, most_exact=sys.maxsize)
        standing = kept.read(progress=_silent if quiet or settings.json else _tell)
        found = answer_search(asked, standing, choice, now=now)
    answer(settings, found, lambda width: search_screen(found, now=now, width=width))


def _tell(done: int, of: int) -> None:
    # What takes a second or two is nothing to talk about.
    if of > 64 and done % 320 == 0:
        message(f"Embedding texts, once: {done:,} of {of:,}")


def _silent(_done: int, _of: int) -> None:
    pass
