"""What to use next."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.asking import one_of
from session_buddy.errors import InvalidInput
from session_buddy.model import Phase
from session_buddy.reports.asker import Question
from session_buddy.reports.recommendations import recommendations
from session_buddy.reports.recommender_evaluation import read_evaluation
from session_buddy.reports.similar import read_similar
from session_buddy.server.learned import with_languages_here
from session_buddy.server.pages.rendering import number, page, shown
from session_buddy.server.site import site_of

__all__ = ["show"]

_SHOWN = 15
_ALIKE = 5
_MOST = 200
_TEXT_BOUND = 2_000


@shown
def show(request: Request) -> Response:
    """Answer with what to use next in the session, or with the skills, that the query names; else in the latest."""
    site, query = site_of(request), request.query_params
    words = query.get("about", "")
    if len(words) > _TEXT_BOUND:
        raise InvalidInput("about", "is too long.", remedy=f"Say it in {_TEXT_BOUND:,} letters.")
    question = Question(
        session=query.get("session") or None,
        skills=tuple(name for name in query.getlist("skill") if name),
        phase=one_of(Phase, "phase", query["phase"]) if query.get("phase") else None,
        words=words,
        limit=number(query, "limit", _SHOWN, most=_MOST),
    )
    question = with_languages_here(site, question)
    learned = request.app.state.learned.read(site)
    chances = request.app.state.predictor.chances(site)
    answered = recommendations(site.store, learned, question, chances=chances)
    alike = msgspec.structs.replace(question, limit=_ALIKE)
    return page(
        request,
        "recommendations.html",
        answer=answered,
        similar=read_similar(site.store, learned, alike) if answered.known else None,
        evaluation=read_evaluation(learned),
        phases=list(Phase),
        chosen={
            "session": question.session,
            "skill": question.skills[0] if question.skills else None,
            "phase": question.phase.value if question.phase else None,
            "about": question.words or None,
        },
    )
