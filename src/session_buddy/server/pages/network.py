"""The network: which skills go together, what goes with one of them, and paths."""

from __future__ import annotations

from math import isfinite
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from session_buddy.errors import InvalidInput
from session_buddy.reports.dependencies import FEWEST_SESSIONS, read_network, read_paths, read_related
from session_buddy.reports.dependency_figures import RelatedSkills, SkillNetwork
from session_buddy.reports.profile import find_skill
from session_buddy.server.pages.links import with_query
from session_buddy.server.pages.network_drawing import HEIGHT, WIDTH, drawn_network
from session_buddy.server.pages.rendering import csv_file, number, page, shown
from session_buddy.server.site import site_of

__all__ = ["pairs_csv", "show"]

_DRAWN, _MOST_DRAWN = 80, 400
"""Pairs that are drawn: unless asked for more, and at most. More lines would hide each other."""
_RELATED = 20
_PATHS = 15
_MOST = 100_000
_MOST_SESSIONS = 10**9
_LIFTS = (1.0, 1.5, 2.0, 5.0, 10.0)
_SESSIONS = (3, 5, 10, 25, 100)


@shown
def show(request: Request) -> Response:
    """Answer with the network as the query filters it, with what goes with the skill it names, and with paths."""
    store = site_of(request).store
    found, lift, sessions = _asked(request, number(request.query_params, "limit", _DRAWN, most=_MOST_DRAWN))
    related = _related(request)
    skill = related.skill if related else None
    chosen: dict[str, Any] = {
        "lift": None if lift == 1.0 else f"{lift:g}",
        "sessions": None if sessions == FEWEST_SESSIONS else sessions,
        "skill": skill,
    }
    return page(
        request,
        "network.html",
        network=found,
        graph=drawn_network(found, chosen=skill),
        size=(WIDTH, HEIGHT),
        related=related,
        paths=read_paths(store, skill=skill, limit=_PATHS),
        chosen=chosen,
        lift=lift,
        sessions=sessions,
        lifts=_LIFTS,
        session_numbers=_SESSIONS,
        most_drawn=_MOST_DRAWN,
        address_of=lambda name: with_query("/network", **(chosen | {"skill": name})) + "#related",
    )


@shown
def pairs_csv(request: Request) -> Response:
    """Answer with all pairs that the query asks for as CSV."""
    found, *_ = _asked(request, _MOST)
    columns = (
        *("skill_a", "skill_b", "sessions", "lift", "lift_low", "lift_high", "q_value"),
        *("usually_first", "a_first", "b_first", "gap_seconds"),
    )
    return csv_file("network", columns, ([getattr(pair, column) for column in columns] for pair in found.pairs))


def _asked(request: Request, limit: int) -> tuple[SkillNetwork, float, int]:
    query = request.query_params
    lift = _lift(query.get("lift") or "1")
    # An empty field of the form is one left out.
    given = {name: value for name, value in query.items() if value}
    sessions = max(FEWEST_SESSIONS, number(given, "sessions", FEWEST_SESSIONS, most=_MOST_SESSIONS))
    found = read_network(site_of(request).store, min_lift=lift, min_sessions=sessions, limit=limit)
    return found, lift, sessions


def _lift(text: str) -> float:
    try:
        lift = float(text[:40])
    except ValueError:
        lift = -1.0
    if not (isfinite(lift) and lift >= 0):
        raise InvalidInput("lift", f"{text[:40]!r} is no number from 0 on.", remedy="Leave it out, or correct it.")
    return lift


def _related(request: Request) -> RelatedSkills | None:
    store, asked = site_of(request).store, request.query_params.get("skill")
    return read_related(store, find_skill(store, asked), limit=_RELATED) if asked else None
