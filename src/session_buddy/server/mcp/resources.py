"""What agents can read without asking: the skills used most, a skill's profile, what the store holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import msgspec

from session_buddy.errors import NotFound
from session_buddy.server.mcp.answers import ANSWER_TOKENS, fitted, lean
from session_buddy.server.mcp.reading import profile_of

if TYPE_CHECKING:
    from session_buddy.server.mcp.ground import Ground

__all__ = ["PROFILE", "RESOURCES", "Resource", "read"]

_TOP = "session-buddy://top"
_STATUS = "session-buddy://status"
_PROFILE = "session-buddy://skill/"


class Resource(NamedTuple):
    """A resource, or, with ``{…}`` in its address, many."""

    uri: str
    name: str
    description: str


RESOURCES = (
    Resource(_TOP, "Top skills", "The skills used most in the last 30 days, and how often they succeed."),
    Resource(_STATUS, "Status", "How much is recorded, from which agents, and what could not be read."),
)
PROFILE = Resource(
    _PROFILE + "{name}", "Profile of a skill", "Everything about one skill: success, errors, what follows."
)


def read(ground: Ground, uri: str) -> Any:
    """Return the value at *uri*; raises :class:`NotFound`, saying what there is, for an address of nothing. Blocks."""
    from session_buddy.model import Kind
    from session_buddy.ordering import RankingOrder
    from session_buddy.reports.ranking import first_day, read_ranking, without_tools
    from session_buddy.reports.status import bad_line_reasons, read_sources

    now = ground.clock()
    if uri == _TOP:
        found: Any = read_ranking(ground.store, without_tools(), RankingOrder.USES, 20, since=first_day(now, 30))
    elif uri == _STATUS:
        kinds = {kind.value: read_ranking(ground.store, {kind}, RankingOrder.USES, 1).total for kind in Kind}
        sources, reasons = read_sources(ground.store), bad_line_reasons(ground.store)
        found = {"skills_by_kind": kinds, "sources": sources, "lines_not_understood": reasons}
    elif uri.startswith(_PROFILE) and len(uri) > len(_PROFILE):
        found = profile_of(ground, unquote(uri.removeprefix(_PROFILE)))
    else:
        there = ", ".join([*(one.uri for one in RESOURCES), PROFILE.uri])
        raise NotFound(f"Nothing is at {uri!r}.", remedy=f"There are {there}.")
    return fitted(lean(msgspec.to_builtins(found)), ANSWER_TOKENS)
