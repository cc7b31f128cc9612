"""Sending what waits on disk to a server, from a thread of its own."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from session_buddy.errors import InvalidInput, SessionBuddyError
from session_buddy.ingest.told import deliver
from session_buddy.ingest.waiting import Waiting
from session_buddy.model import Invocation

__all__ = ["Sender", "send", "sender_for"]

_PATIENCE_SECONDS = 10.0
_AT_THE_END_SECONDS = 2.0
_TOO_LARGE, _HOPELESS = 413, frozenset({400, 413, 422})
"""What a server answers to what it will never take, whoever asks."""
_senders: dict[tuple[Path, str, str | None], Sender] = {}
_lock = threading.Lock()
_log = logging.getLogger(__name__)


class Sender:
    """Sends what waits in a folder whenever it is woken; what cannot be sent waits on, and is tried the next time."""

    def __init__(self, folder: Path, server: str, token: str | None) -> None:
        self._waiting, self._server, self._token = Waiting(folder), server, token
        self._woken = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have it send; returns at once."""
        self._woken.set()
        with _lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="session-buddy-sender", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def close(self) -> None:
        """Send what is left, for a moment: a server that is away does not hold up the end of a program."""
        self._ending = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join(_AT_THE_END_SECONDS)

    def _run(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            is_last = self._ending
            try:
                deliver(self._waiting, self._send)
            except (SessionBuddyError, OSError) as error:
                _log.warning("What was tracked waits in %s: %s", self._waiting.folder, error)
            if is_last:
                return

    def _send(self, invocations: Sequence[Invocation]) -> None:
        patience = _AT_THE_END_SECONDS if self._ending else _PATIENCE_SECONDS
        send(invocations, self._server, self._token, patience_seconds=patience)


def send(invocations: Sequence[Invocation], server: str, token: str | None, *, patience_seconds: float) -> None:
    """Record *invocations* at *server*; raises :class:`InvalidInput` where it will never take them.

    Raises also :class:`~session_buddy.client.errors.ServerAway` and ``ServerRefused``, for what may change.
    """
    from session_buddy.client.errors import ServerAway, ServerRefused
    from session_buddy.client.sync import Client

    try:
        to_server = Client(server, token=token, patience_seconds=patience_seconds)
    except InvalidInput as error:
        # It is the address that is none, and no fault of what is sent.
        raise ServerAway(error.problem, remedy=error.remedy) from error
    with to_server as client:
        try:
            client.record(invocations)
        except ServerRefused as error:
            # What is no server of ours refuses anything; only what is too large it may know, as a proxy does.
            if error.status == _TOO_LARGE or (error.type and error.status in _HOPELESS):
                raise InvalidInput(error.field or "invocation", error.problem, remedy=error.remedy) from error
            raise


def sender_for(folder: Path, server: str, token: str | None) -> Sender:
    """Return the sender of this process that sends what waits in *folder* to *server*."""
    with _lock:
        return _senders.setdefault((folder, server, token), Sender(folder, server, token))
