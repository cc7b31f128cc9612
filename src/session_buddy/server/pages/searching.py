"""Finding skills by what they are for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from session_buddy.model import Kind, Phase
from session_buddy.ordering import SearchStrategy
from session_buddy.reports.search import LONGEST_QUESTION, ask
from session_buddy.server.pages.rendering import number, page, shown
from session_buddy.server.site import site_of

__all__ = ["show"]

_SHOWN = 15
_MOST = 200


@shown
def show(request: Request) -> Response:
    """Answer with the skills that fit what the query asks for; with the form alone where it asks for nothing."""
    site, query = site_of(request), request.query_params
    found = None
    limit = number(query, "limit", _SHOWN, most=_MOST)
    chosen = {name: query.get(name) or None for name in ("question", "kind", "phase", "strategy")}
    if chosen["question"]:
        asked = ask(
            chosen["question"],
            limit=limit,
            kind=chosen["kind"],
            phase=chosen["phase"],
            strategy=chosen["strategy"] or SearchStrategy.WORKFLOW_AWARE,
        )
        found = request.app.state.search.answer(site, asked)
    return page(
        request,
        "search.html",
        found=found,
        chosen=chosen,
        kinds=[kind for kind in Kind if kind is not Kind.TOOL],
        phases=list(Phase),
        strategies=[(None, "what works"), (SearchStrategy.SEMANTIC.value, "relevance alone")],
        longest=LONGEST_QUESTION,
    )
