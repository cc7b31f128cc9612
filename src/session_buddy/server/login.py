"""The page on which people hand over their token: from then on a cookie carries it, which no script can read."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from session_buddy.errors import SessionBuddyError
from session_buddy.server.bodies import read_body, require_type
from session_buddy.server.security import COOKIE
from session_buddy.server.site import site_of

__all__ = ["login_routes"]

_MOST_BYTES = 8 << 10
_COOKIE_SECONDS = 30 * 86_400
_FORM = "application/x-www-form-urlencoded"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in · Session-Buddy</title>
<link rel="stylesheet" href="/static/{style}">
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
</head>
<body>
<main id="main" class="login">
<h1>Session-Buddy</h1>
<p>This server asks for a token. <code>session-buddy token create --scope read</code> makes one.</p>
{problem}<form method="post" action="/login">
<input type="hidden" name="next" value="{next}">
<input type="text" name="username" value="token" autocomplete="username" hidden>
<p><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus></p>
<p><button type="submit">Sign in</button></p>
</form>
</main>
</body>
</html>
"""


def login_routes(*, style: str = "style.css") -> list[BaseRoute]:
    """Return the routes of signing in and out; *style* is the style sheet below ``/static/``."""

    async def show(request: Request) -> Response:
        return _page(style, wanted=request.query_params.get("next", "/"))

    async def sign_in(request: Request) -> Response:
        site = site_of(request)
        require_type(request, _FORM)
        body = await read_body(request, most_bytes=_MOST_BYTES, seconds=site.limits.body_seconds)
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
        wanted = fields.get("next", ["/"])[0]
        token = fields.get("token", [""])[0].strip()
        try:
            site.access.grant(token)
        except SessionBuddyError as error:
            return _page(style, wanted=wanted, problem=error.problem, status=401)
        response = RedirectResponse(_own_path(wanted), 303)
        # A browser tells by which scheme it came, whatever proxies are in between.
        is_secure = request.headers.get("origin", "").startswith("https://")
        response.set_cookie(
            COOKIE, token, max_age=_COOKIE_SECONDS, path="/", httponly=True, samesite="strict", secure=is_secure
        )
        return response

    async def sign_out(_: Request) -> Response:
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    return [
        Route("/login", show, methods=["GET"]),
        Route("/login", sign_in, methods=["POST"]),
        Route("/logout", sign_out, methods=["POST"]),
    ]


def _page(style: str, *, wanted: str, problem: str | None = None, status: int = 200) -> Response:
    told = f'<p role="alert">{escape(problem)}</p>\n' if problem else ""
    return HTMLResponse(_PAGE.format(style=escape(style), next=escape(_own_path(wanted)), problem=told), status)


def _own_path(wanted: str) -> str:
    """Return *wanted* if it is a path of this server, else ``/``: no page may send people elsewhere through here."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    is_plain = wanted.isprintable() and not any(sign in wanted for sign in "\\ ")
    is_ours = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith("//")
    return wanted if is_plain and is_ours else "/"
