"""What tells chances, in the memory of the server."""

from __future__ import annotations

import threading

from session_buddy.prediction.keeping import Kept
from session_buddy.reports.prediction import Chances, chances_of, read_predictor
from session_buddy.server.site import Stored

__all__ = ["PredictorNow"]


class PredictorNow:
    """What the store keeps, read again when there is a newer version. Threads may share one.

    Where nothing was learned yet, plain rates answer: learning takes long, and is a chore of the server.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Kept | None = None

    def read(self, site: Stored) -> Kept:
        """Return what was learned last. Blocks."""
        with self._lock:
            self._kept = read_predictor(site.store, self._kept, now=site.clock())
            return self._kept

    def chances(self, site: Stored) -> Chances | None:
        """Return what tells the chances of many skills; ``None`` where plain rates may be as good. Blocks."""
        return chances_of(site.store, self.read(site), now=site.clock())
