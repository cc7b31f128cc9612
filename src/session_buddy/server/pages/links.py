"""Addresses of pages, for names that may be any text. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlencode

__all__ = ["experiment_path", "session_path", "skill_path", "with_query"]

_OWN_ENDINGS = ("/series.csv", "/series.json")
_EXPERIMENT_ENDINGS = tuple(
    f"/{page}"
    for page in (
        *("metrics.csv", "course.csv", "segments.csv", "users.csv"),
        *("metrics.json", "course.json", "report.html"),
    )
)


def skill_path(name: str, page: str = "") -> str:
    """Return the address of a skill's page, or of what lies below it (``series.csv``).

    >>> skill_path("pytest-run"), skill_path("a/../b", "series.csv")
    ('/skills/pytest-run', '/skill/series.csv?name=a%2F..%2Fb')
    """
    return _path("/skills", "/skill", name, page, _OWN_ENDINGS)


def session_path(session_id: str, page: str = "") -> str:
    """Return the address of a session's page, or of what lies below it.

    >>> session_path("28eb10d9"), session_path("..")
    ('/sessions/28eb10d9', '/session?name=..')
    """
    return _path("/sessions", "/session", session_id, page, _OWN_ENDINGS)


def experiment_path(name: str, page: str = "") -> str:
    """Return the address of an experiment's page, or of what lies below it (``course.csv``).

    >>> experiment_path("semantic or not"), experiment_path("..", "report.html")
    ('/experiments/semantic%20or%20not', '/experiment/report.html?name=..')
    """
    return _path("/experiments", "/experiment", name, page, _EXPERIMENT_ENDINGS)


def with_query(path: str, **values: object) -> str:
    """Return *path* with *values* added to its query; those that are ``None`` are left out, lists give each of theirs.

    >>> with_query("/skills", by="uses", kind=None), with_query("/skill?name=a", by="day")
    ('/skills?by=uses', '/skill?name=a&by=day')
    >>> with_query("/tests", skill=["a", "b"])
    '/tests?skill=a&skill=b'
    """
    query = urlencode({name: value for name, value in values.items() if value is not None}, doseq=True)
    if not query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{query}"


def _path(many: str, one: str, name: str, page: str, endings: tuple[str, ...]) -> str:
    """Return an address below *many*, or, for a name that would not survive there, below *one* with a query.

    Browsers resolve ``.`` and ``..`` in a path even where they are escaped, proxies join slashes that follow one
    another, servers take control characters amiss, and a name may end like an address of ours.
    """
    below = f"/{page}" if page else ""
    if _survives(name, endings):
        return f"{many}/{quote(name, safe='')}{below}"
    return f"{one}{below}?{urlencode({'name': name})}"


def _survives(name: str, endings: tuple[str, ...]) -> bool:
    parts = name.replace("\\", "/").split("/")
    # One slash at the start is a command's own (``/clear``).
    inner = parts[1:] if len(parts) > 1 and not parts[0] else parts
    is_plain = name.isprintable() and not any(part in {"", ".", ".."} for part in inner)
    return is_plain and not name.endswith(endings)
