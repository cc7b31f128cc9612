"""Telling targets what is due: over HTTP, apart from the watch, which never waits for it."""

from __future__ import annotations

import logging
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from secrets import token_hex

import msgspec

from session_buddy.errors import InvalidInput, MigrationLocked, SessionBuddyError, StoreUnreadable
from session_buddy.feed.messages import AnomalyRow
from session_buddy.monitoring.alerts.ledger import REACH, Ledger
from session_buddy.monitoring.alerts.messages import Alert, Happening, body_of, headers_of
from session_buddy.monitoring.alerts.targets import TARGETS, Target, signing_key, targets_of, url_of
from session_buddy.monitoring.anomalies import moment
from session_buddy.monitoring.watch import read_texts, rows_changed_since
from session_buddy.storage import Clock, Store
from session_buddy.storage.migrations.lock import exclusive

__all__ = ["Deliveries", "Delivery", "send_test"]

_log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 10.0
_ANSWER_BYTES = 4_096
_LATER = (408, 425, 429)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt to tell a target something."""

    target: str
    alert: str
    """Its id."""
    skill: str
    happening: Happening
    problem: str | None
    """Why it did not arrive; ``null``: it did."""


class Deliveries:
    """Tells the targets that are set in *store* of its anomalies; what was told is kept in *folder*.

    At least once: what cannot be told is tried again, later and later, for three days, by whatever process; what was
    told is told again only if the process died before it was noted. *begun* is since when somebody watches.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        clock: Clock,
        *,
        begun: str,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._store, self._clock, self._begun, self._environment = store, clock, begun, environment
        self._file = folder / "alerts.json"
        self._thread: threading.Thread | None = None
        self._problem: Exception | None = None

    def begin(self) -> None:
        """Deliver what is due in a thread of its own, unless one is at it; raise what went wrong the last time.

        Raises what :meth:`deliver` raises. The store is asked here and not in that thread, so that it may be closed.
        """
        if self._thread and self._thread.is_alive():
            return
        problem, self._problem = self._problem, None
        targets, rows = self._asked()
        if targets:
            # A daemon: a process that ends does not wait for somebody's slow server.
            self._thread = threading.Thread(
                target=self._deliver_aside, args=(targets, rows), name="session-buddy-alerts", daemon=True
            )
            self._thread.start()
        if problem:
            raise problem

    def deliver(self) -> list[Delivery]:
        """Tell every target what is due, and return what came of it; nothing where another process is at it.

        Raises what the store raises, and :class:`InvalidInput` for targets that make no sense.
        """
        return self._tell_all(*self._asked())

    def _asked(self) -> tuple[list[Target], list[AnomalyRow]]:
        """Return whom to tell, and what there is to tell."""
        targets = targets_of(read_texts(self._store).get(TARGETS, ""))
        since = moment(datetime.fromisoformat(self._clock()) - REACH)
        return targets, rows_changed_since(self._store, since) if targets else []

    def _tell_all(self, targets: list[Target], rows: list[AnomalyRow]) -> list[Delivery]:
        if not targets:
            return []
        self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with exclusive(self._file.with_name(f"{self._file.name}.lock"), timeout=0):
                return self._tell_each(targets, rows, self._clock())
        except MigrationLocked:
            return []

    def _tell_each(self, targets: list[Target], rows: list[AnomalyRow], now: str) -> list[Delivery]:
        ledger, deliveries = self._read().tidied(targets, rows), []
        for target in targets:
            for alert in ledger.due(target, rows, now=now, begun=self._begun):
                deliveries.append(self._tell(target, alert, ledger, now))
                # At once: who dies now tells no more than this one twice.
                self._write(ledger)
        return deliveries

    def _tell(self, target: Target, alert: Alert, ledger: Ledger, now: str) -> Delivery:
        problem, refused = None, False
        try:
            _send(target, alert, now, self._environment)
        except _Refused as error:
            problem, refused = str(error), True
        except (_Unreachable, InvalidInput) as error:
            problem = str(error)
        if problem is None:
            ledger.told(target, alert)
        elif ledger.failed(target, alert, now=now, refused=refused):
            _log.error("%s is not told of %s any more: %s", target.name, alert.id, problem)
        return Delivery(
            target=target.name,
            alert=alert.id,
            skill=alert.anomaly.skill_name,
            happening=alert.happening,
            problem=problem,
        )

    def _read(self) -> Ledger:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Ledger)
        except FileNotFoundError:
            return Ledger()
        except msgspec.DecodeError as error:
            raise StoreUnreadable(
                f"What was told by alerts cannot be read from {self._file}: {error}.",
                remedy="Delete it: alerts of the last 24 hours are then told again.",
            ) from error

    def _write(self, ledger: Ledger) -> None:
        draft = self._file.with_name(f"{self._file.name}.{token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(ledger))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _deliver_aside(self, targets: list[Target], rows: list[AnomalyRow]) -> None:
        try:
            failed = [each for each in self._tell_all(targets, rows) if each.problem]
        except Exception as error:
            self._problem = error
            return
        if failed:
            self._problem = SessionBuddyError(f"{failed[0].target}: {failed[0].problem}", remedy="It is tried again.")


def send_test(target: Target, *, now: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Send *target* an alert that says it is a test; return why it did not arrive, if so.

    Raises :class:`InvalidInput` where address or secret are not where they should be.
    """
    anomaly = AnomalyRow(
        id=0, skill_name="test", detected_at=now, anomaly_type="drop", severity=target.severity, reason="A test."
    )
    try:
        _send(target, Alert(Happening.TEST, anomaly), now, environment)
    except (_Refused, _Unreachable) as error:
        return str(error)
    return None


class _Unreachable(Exception):
    """A target could not be told anything."""


class _Refused(Exception):
    """A target would not take this one."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Nobody sends us elsewhere: the message is for whom it was meant."""

    def redirect_request(self, *_: object) -> None:
        return None


def _send(target: Target, alert: Alert, now: str, environment: Mapping[str, str]) -> None:
    """Send one message; raises one of the two above, whose words hold neither address nor secret."""
    body = body_of(alert, target.format)
    headers = headers_of(alert, body, now=now, key=signing_key(target, environment))
    request = urllib.request.Request(url_of(target, environment), data=body, headers=headers, method="POST")
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_TIMEOUT_SECONDS) as response:
            response.read(_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            words = f"It answers with status {error.code}."
        if error.code < 500 and error.code not in _LATER:
            raise _Refused(words) from None
        raise _Unreachable(words) from None
    except urllib.error.URLError as error:
        reason = error.reason.strerror or type(error.reason).__name__ if isinstance(error.reason, OSError) else ""
        raise _Unreachable(f"It cannot be reached{f': {reason}' if reason else ''}.") from None
    except (OSError, HTTPException) as error:
        raise _Unreachable(f"It does not answer as it should: {type(error).__name__}.") from None
