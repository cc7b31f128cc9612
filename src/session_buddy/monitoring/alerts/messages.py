"""What is said of an anomaly: once when it opens, once when it is resolved. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from enum import StrEnum

import msgspec

from session_buddy.feed.messages import AnomalyRow
from session_buddy.formats import minute, printable, shown_name
from session_buddy.monitoring.alerts.targets import AlertFormat

__all__ = ["Alert", "Happening", "body_of", "headers_of", "signature"]


class Happening(StrEnum):
    """What happened to an anomaly."""

    OPENED = "opened"
    RESOLVED = "resolved"
    TEST = "test"
    """Nothing: somebody tries whether alerts arrive."""


class Alert(msgspec.Struct, frozen=True):
    """Something to be said."""

    happening: Happening
    anomaly: AnomalyRow

    @property
    def id(self) -> str:
        """The same however often it is sent, and by whomever."""
        return f"anomaly-{self.anomaly.id}-{self.happening}"


_MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}


def body_of(alert: Alert, kind: AlertFormat) -> bytes:
    """Return the body of the message, as *kind* has it."""
    if kind is AlertFormat.SLACK:
        return msgspec.json.encode({"text": _slack_text(alert)})
    anomaly = alert.anomaly
    at = anomaly.resolved_at if alert.happening is Happening.RESOLVED else anomaly.detected_at
    return msgspec.json.encode({"type": f"anomaly.{alert.happening}", "timestamp": at, "data": anomaly})


def headers_of(alert: Alert, body: bytes, *, now: str, key: bytes | None) -> dict[str, str]:
    """Return the headers of the message: those of Standard Webhooks, signed if there is a *key*."""
    seconds = int(datetime.fromisoformat(now).timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "session-buddy",
        "webhook-id": alert.id,
        "webhook-timestamp": str(seconds),
    }
    if key is not None:
        headers["webhook-signature"] = signature(alert.id, seconds, body, key)
    return headers


def signature(message_id: str, seconds: int, body: bytes, key: bytes) -> str:
    """Return the signature of a message: HMAC-SHA256 over its id, its time (Unix seconds) and its body.

    The time is signed, so that a message that somebody kept can be refused when it comes again.
    """
    signed = b".".join((message_id.encode(), str(seconds).encode(), body))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def _slack_text(alert: Alert) -> str:
    """Return one line for people. Names and reasons come from anywhere, and steer nothing."""
    anomaly = alert.anomaly
    skill, reason = _escaped(shown_name(anomaly.skill_name)), _escaped(printable(anomaly.reason or ""))
    if alert.happening is Happening.TEST:
        return "⚪ This is a test of session-buddy's alerts."
    if alert.happening is Happening.RESOLVED:
        return f"🟢 {skill}: resolved at {minute(anomaly.resolved_at or '')} UTC. It was: {reason}"
    what = f"{anomaly.severity or 'anomaly'} since {minute(anomaly.detected_at)} UTC"
    return f"{_MARKS.get(anomaly.severity or '', '🟠')} {skill}: {reason} ({what})"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
