"""What ``recommend`` and ``search`` say beside an answer within an experiment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import RenderableType

from session_buddy.cli.screens.layout import indented, note
from session_buddy.experiments.assignment import Standing
from session_buddy.formats import printable, shown_name
from session_buddy.reports.strategies import TriedRecommendations, TriedSearch

__all__ = ["tried_screen"]


def tried_screen(
    tried: TriedRecommendations | TriedSearch, parts: Iterable[RenderableType]
) -> Iterator[RenderableType]:
    """Yield *parts*, the screen of the answer, and whose variant it is."""
    yield from parts
    name, user, strategy = (printable(text) for text in (tried.experiment, tried.user_id, tried.strategy))
    takes_part = "" if tried.standing is Standing.ASSIGNED else f"; takes no part ({tried.standing.value})"
    yield indented(note(f"experiment {name}: {shown_name(strategy)}, {tried.variant.value} of user {user}{takes_part}"))
