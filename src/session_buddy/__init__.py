"""Session-Buddy: which skills your coding agents use, and which of them work.

>>> from session_buddy import open_store
>>> with open_store("sqlite:///session-buddy.db") as store:                    # doctest: +SKIP
...     store.query("SELECT * FROM v_realtime_skill_dashboard")

The names below are loaded when they are first used: ``import session_buddy`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from session_buddy.client.tracking import track
    from session_buddy.errors import SessionBuddyError
    from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Phase, Trigger
    from session_buddy.storage import Recorded, Rows, Store, open_store

    __version__: str

__all__ = [
    "DurationSource",
    "ErrorType",
    "Invocation",
    "Kind",
    "Outcome",
    "Phase",
    "Recorded",
    "Rows",
    "SessionBuddyError",
    "Store",
    "Trigger",
    "__version__",
    "open_store",
    "track",
]

pytest_plugins = ("session_buddy.integrations.pytest_plugin",)
"""What ``pytest -p session_buddy`` loads; nothing else looks at it."""

_HOMES = {
    "DurationSource": "session_buddy.model",
    "ErrorType": "session_buddy.model",
    "Invocation": "session_buddy.model",
    "Kind": "session_buddy.model",
    "Outcome": "session_buddy.model",
    "Phase": "session_buddy.model",
    "Recorded": "session_buddy.storage",
    "Rows": "session_buddy.storage",
    "SessionBuddyError": "session_buddy.errors",
    "Store": "session_buddy.storage",
    "Trigger": "session_buddy.model",
    "open_store": "session_buddy.storage",
    "track": "session_buddy.client.tracking",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("session-buddy")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
