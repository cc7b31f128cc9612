"""URLs of stores as they may be shown: in errors and on screens, whatever was mistyped in them. Pure."""

from __future__ import annotations

import re

__all__ = ["without_password"]

_BEGIN = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)(:/*)")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
_FILE = re.compile(r"sqlite:///[^/].*|sqlite:////.*|chdb:///[^?]*(\?(database=\w*)?)?", re.IGNORECASE | re.DOTALL)
_HIDDEN = "***"


def without_password(url: str) -> str:
    """Return *url* without anything that may be a password.

    Of what stands before the last ``@`` only a plain name up to the first ``:`` is shown, since the marks in between
    may be those of a password; behind it a plain host, a port and a plain name of a database are. The names of files
    are no secret, and are shown whole.

    >>> without_password("clickhouse://me:se/cr@et@host:8123/db?timeout=5")
    'clickhouse://me@host:8123/db?***'
    >>> without_password("sqlite:///~/me@home/skills.db")
    'sqlite:///~/me@home/skills.db'
    """
    begin = _BEGIN.match(url)
    if _FILE.fullmatch(url):
        return url
    if begin is None:
        return url if _PLAIN.fullmatch(url) else _HIDDEN
    secret, at, place = url[begin.end() :].rpartition("@")
    user = secret.partition(":")[0] if begin[2] == "://" else ""
    if ("//" not in begin[2] and not at) or "?" in secret or "#" in secret:
        place = _HIDDEN  # where the parts begin and end cannot be told
    host, slash, path = place.partition("?")[0].partition("/")
    name, colon, port = host.partition(":")
    has_port = port.isdigit() and bool(at or slash)
    if colon and not has_port:
        path = ""  # the rest of what stands in the port's place
    return "".join(
        (
            begin[1] + begin[2],
            _plain(user) + at if at else "",
            _plain(name) if name else "",
            colon + (port if has_port else _HIDDEN) if colon else "",
            slash + _plain(path) if path else slash,
            "?" + _HIDDEN if "?" in place else "",
        )
    )


def _plain(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _HIDDEN
