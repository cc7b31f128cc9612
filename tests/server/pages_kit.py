"""The app over a store of the test, and what its pages say, read as a browser would."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from session_buddy.feed import Feed
from session_buddy.server.app import create_app
from session_buddy.server.security import Access
from session_buddy.server.site import Site
from session_buddy.server.tokens import TokenFile
from session_buddy.storage import Store
from session_buddy.storage.writer import BatchingWriter
from tests.making import FakeClock


class Visitor:
    """Asks the app itself, without a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def get(self, address: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.get(address, headers={name.replace("_", "-"): headers[name] for name in headers})

        return asyncio.run(ask())


@contextmanager
def visiting(store: Store, folder: Path, clock: FakeClock | None = None, **options: Any) -> Iterator[Visitor]:
    """Give a visitor of the whole app over *store*."""
    clock = clock or FakeClock()
    with BatchingWriter(store, folder / "spool") as writer:
        access = Access(TokenFile(folder / "tokens.json"), clock=clock)
        site = Site(store=store, writer=writer, feed=Feed("epoch"), access=access, clock=clock, **options)
        yield Visitor(create_app(site))
        site.threads.close()


class Page(HTMLParser):
    """A page: its elements, its words, and where its links go."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All words, with single spaces between them; those that do not break are spaces, too."""
        return re.sub(r" ([.,;:])", r"\1", " ".join(" ".join(self.words).split()))

    @property
    def links(self) -> list[str]:
        return [str(attributes["href"]) for tag, attributes in self.elements if tag == "a" and "href" in attributes]

    def count(self, tag: str, **wanted: str) -> int:
        return sum(
            1
            for name, attributes in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        )
