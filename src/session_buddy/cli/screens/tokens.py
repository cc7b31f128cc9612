"""The screen of ``token list``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, indented
from session_buddy.formats import NOTHING, ago, date, plural, printable
from session_buddy.server.tokens import TokenFigures, TokenList

__all__ = ["tokens_screen"]

_COLUMNS = (
    Column("id", justify="left"),
    Column("name", justify="left"),
    Column("scope", justify="left"),
    Column("made", rank=2),
    Column("good until", rank=1),
)


def tokens_screen(listed: TokenList, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``token list``."""
    good = sum(token.good for token in listed.tokens)
    yield heading("Tokens", f"{plural(good, 'is', 'are')} good" if listed.tokens else "")
    if not listed.tokens:
        yield indented(Text("None: whoever is on this machine may read and record. session-buddy token create"))
        return
    yield fitted(_COLUMNS, [_row(token, now) for token in listed.tokens], width)


def _row(token: TokenFigures, now: str) -> list[str]:
    name = NOTHING if token.name is None else printable(token.name)
    return [token.id, name, token.scope, ago(token.created_at, now), _end(token)]


def _end(token: TokenFigures) -> str:
    if token.revoked_at:
        return "revoked"
    if not token.good:
        return "expired"
    return date(token.expires_at) if token.expires_at else "you revoke it"
