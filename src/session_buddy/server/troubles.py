"""What the server fails at in the background: told in the log once, and to whoever asks as long as it lasts."""

from __future__ import annotations

import logging
import threading

from session_buddy.errors import SessionBuddyError

__all__ = ["Troubles"]

_log = logging.getLogger(__name__)


class Troubles:
    """The work that failed when it was last tried, and why; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reasons: dict[str, str] = {}

    def note(self, work: str, error: Exception) -> None:
        """Say that *work* failed; an error that is not one of ours or the system's is logged with its traceback."""
        expected = isinstance(error, SessionBuddyError | OSError)
        reason = error.problem if isinstance(error, SessionBuddyError) else f"{type(error).__name__}: {error}"
        with self._lock:
            is_news = self._reasons.get(work) != reason
            self._reasons[work] = reason
        if is_news:
            _log.warning("%s failed and is tried again: %s", work, reason, exc_info=None if expected else error)

    def forget(self, work: str) -> None:
        """Say that *work* went well."""
        with self._lock:
            had = self._reasons.pop(work, None)
        if had:
            _log.warning("%s works again.", work)

    def told(self) -> list[str]:
        """Return what fails at present, in sentences."""
        with self._lock:
            return [f"{work} fails: {reason}" for work, reason in sorted(self._reasons.items())]
