"""Who is let in, and what browsers are told: in front of everything the server answers.

Against what:

* **DNS rebinding**: a page makes a name of its own point to this machine. Requests for a name that is not
  ours are refused; a literal address cannot be rebound.
* **Cross-site requests and sockets**: whatever names another origin is refused, WebSockets too.
* **Injected script**: the content security policy allows no inline script, style or foreign source.
* **Stolen tokens**: they travel in a header or in a cookie that scripts cannot read, never in an address, and
  end for open connections, too, when they are revoked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from session_buddy.errors import SessionBuddyError
from session_buddy.server.problems import ForeignHost, ForeignOrigin, NotPermitted, TokenMissing, problem_response
from session_buddy.server.tokens import Scope, TokenFile

__all__ = ["COOKIE", "Access", "Grant", "Security", "scope_needed"]

COOKIE = "session_buddy_token"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_RECHECK_SECONDS = 1.0
_PUBLIC = frozenset({"/healthz", "/readyz", "/login", "/logout"})
_IS_TOLD_OF_WORK = frozenset({"/api/v1/invocations", "/api/v1/hooks", "/v1/logs", "/v1/metrics", "/v1/traces"})
_CHECKS_ITSELF = frozenset({"/api/v1/ci/github", "/api/v1/ci/gitlab"})
"""Services of CI know no token of ours: what they post is signed, or bears a secret."""
_IS_TOLD_OF_AN_EXPERIMENT = re.compile(r"/api/v1/experiments/.+/(assignments|exposures|outcomes)", re.DOTALL).fullmatch
_ANY_NAME = frozenset({"/healthz", "/readyz"})
"""Probes ask these by address, and learn nothing but yes or no."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers would call the origin of our own forms "null", which is foreign.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Grant(NamedTuple):
    """What a request may do, and by which token; None where no token was needed."""

    scope: Scope
    token: str | None
    name: str | None = None
    """What the token is called, else its id."""


class Access:
    """Decides which names, origins and tokens are let in.

    *needs_token* demands a token though none was made yet: right wherever others than the users of this
    machine can reach the server. Without it, and without any token in *tokens*, everybody on it may do all.
    *allowed_hosts* are the names of the server beside those of the loopback.
    """

    def __init__(
        self,
        tokens: TokenFile,
        *,
        clock: Callable[[], str],
        needs_token: bool = False,
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._tokens, self._clock, self._needs_token = tokens, clock, needs_token
        self._hosts = _LOOPBACK | {host.lower() for host in allowed_hosts}

    def require_known_host(self, hosts: list[str]) -> None:
        """Raise :class:`ForeignHost` unless *hosts*, the Host headers of a request, are one name of this server."""
        name = _host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None or not (name in self._hosts or _is_address(name)):
            raise ForeignHost(
                "This server does not go by that name.",
                remedy="Ask for localhost, or start it with --allowed-host NAME.",
            )

    def require_same_origin(self, origins: list[str], hosts: list[str]) -> None:
        """Raise :class:`ForeignOrigin` where a request says that another site's page sent it."""
        # Schemes are not compared: behind a proxy that speaks TLS the server sees http. Ports are.
        if any(_authority(origin) != _authority(f"//{hosts[0]}") for origin in origins):
            raise ForeignOrigin(
                "A page of another site sent this request.", remedy="Use the pages of this server, or no browser."
            )

    @property
    def is_open(self) -> bool:
        """Whether no token is asked for: only users of this machine come in, and may do all."""
        return not (self._needs_token or self._tokens.all())

    def grant(self, presented: str | None) -> Grant:
        """Return what *presented*, a token or none, allows; raises :class:`TokenMissing` where that is nothing."""
        if presented is not None:
            token = self._tokens.check(presented, self._clock())
            if token:
                return Grant(token.scope, presented, token.name or token.id)
        if not self.is_open:
            raise TokenMissing(
                "This needs a token that is good."
                if presented is None
                else "The token is unknown, expired or revoked.",
                remedy="Make one with 'session-buddy token create', and send it as 'Authorization: Bearer …'.",
            )
        return Grant(Scope.ADMIN, None)

    def is_still_good(self, grant: Grant) -> bool:
        """Tell whether *grant* would be given again."""
        try:
            return self.grant(grant.token).scope.covers(grant.scope)
        except SessionBuddyError:
            return False


def scope_needed(method: str, path: str) -> Scope | None:
    """Return the scope that *method* on *path* needs; None where everybody may. What is not known needs most."""
    if path in _PUBLIC or path.startswith("/static/") or (method == "POST" and path in _CHECKS_ITSELF):
        return None
    if method == "POST" and (path in _IS_TOLD_OF_WORK or _IS_TOLD_OF_AN_EXPERIMENT(path)):
        return Scope.INGEST
    if method == "POST" and path == "/mcp":
        return Scope.READ  # its tools that record ask for more themselves
    return Scope.READ if method in ("GET", "HEAD", "OPTIONS") else Scope.ADMIN


class Security:
    """The outermost layer of the app: lets in what :class:`Access` allows, and puts its headers on every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        try:
            grant = self._admitted(scope)
        except SessionBuddyError as error:
            await _refuse(error, scope, receive, send)
            return
        scope.setdefault("state", {})["grant"] = grant
        if grant and grant.token and _lasts(scope):
            await self._while_good(grant, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _admitted(self, scope: Connection) -> Grant | None:
        headers, path = Headers(scope=scope), scope["path"]
        if path not in _ANY_NAME:
            self._access.require_known_host(headers.getlist("host"))
            self._access.require_same_origin(headers.getlist("origin"), headers.getlist("host"))
        needed = scope_needed(scope.get("method", "GET"), path)
        if needed is None:
            return None
        grant = self._access.grant(_presented(headers))
        if not grant.scope.covers(needed):
            raise NotPermitted(
                f"This token is for {grant.scope}, this needs one for {needed}.",
                remedy=f"Make one with 'session-buddy token create --scope {needed}'.",
            )
        return grant

    async def _while_good(self, grant: Grant, scope: Connection, receive: Receive, send: Send) -> None:
        """Serve a connection that stays open, and end it when its token is no longer good."""
        opened = False

        async def noting(message: Message) -> None:
            nonlocal opened
            opened = opened or message["type"] in ("websocket.accept", "http.response.start")
            await send(message)

        serving = asyncio.ensure_future(self._app(scope, receive, noting))
        try:
            while not (await asyncio.wait([serving], timeout=_RECHECK_SECONDS))[0]:
                if not self._access.is_still_good(grant):
                    break
            else:
                return await serving
        finally:
            if not serving.done():
                serving.cancel()
                with suppress(asyncio.CancelledError):
                    await serving
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "The token is no longer good."})
        elif opened:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _lasts(scope: Connection) -> bool:
    return bool(scope["type"] == "websocket" or scope["path"].startswith("/api/v1/live"))


def _presented(headers: Headers) -> str | None:
    """Return the token of a request: that of its header, else that of its cookie."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    # Not http.cookies: it stops at the first cookie that breaks the rules. Browsers send one jar to all ports of a
    # name, so what any other program on this machine has set comes with ours.
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in _HEADERS.items():
                headers[name] = value
            # What a token opened must not stay in a cache; static files and what has an ETag say otherwise.
            headers.setdefault("Cache-Control", "no-store")
            message["headers"] = headers.raw
        await send(message)

    return sending


async def _refuse(error: SessionBuddyError, scope: Connection, receive: Receive, send: Send) -> None:
    response = problem_response(error)
    if scope["type"] == "http":
        if isinstance(error, TokenMissing) and _is_page(scope):
            response = _to_login(scope)
        await response(scope, receive, send)
        return
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": error.problem})


def _is_page(scope: Connection) -> bool:
    wants = Headers(scope=scope).get("accept", "")
    return bool(scope["method"] == "GET" and "text/html" in wants and not scope["path"].startswith("/api/"))


def _to_login(scope: Connection) -> Response:
    wanted = scope["path"] + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
    return RedirectResponse(f"/login?next={quote(wanted, safe='')}", 303)


def _authority(text: str) -> tuple[str, int | None] | None:
    """Return the name and the port of an origin or ``//host``; a port that is its scheme's own is None."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, None if port in (80, 443) else port) if host else None


def _host_name(host: str) -> str | None:
    found = _authority(f"//{host}")
    # What is more than a name and a port is nobody's Host header.
    return None if found is None or any(sign in host for sign in "/@?#\\ ") else found[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
