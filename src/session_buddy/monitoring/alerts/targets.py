"""To whom alerts go. Kept as JSON in the setting ``alert_targets``; secrets are not in it but where it points to.

Whoever copies a store, or may read it, would have them otherwise. ``env:NAME`` points to an environment variable,
``file:PATH`` to a file that only its owner may read.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from session_buddy.errors import InvalidInput, NotFound
from session_buddy.monitoring.detector import Severity

__all__ = [
    "TARGETS",
    "AlertFormat",
    "Target",
    "TargetList",
    "checked_url",
    "signing_key",
    "targets_of",
    "text_of",
    "url_of",
    "without",
]

TARGETS = "alert_targets"
"""The name of the setting."""

_NAME = re.compile(r"[\w.-]{1,64}")
_ENVIRONMENT, _FILE, _STANDARD = "env:", "file:", "whsec_"
_LEAST_SECRET = 16


class AlertFormat(StrEnum):
    """How an alert is written."""

    WEBHOOK = "webhook"
    """JSON and signature of Standard Webhooks."""
    SLACK = "slack"
    """The message of an incoming webhook of Slack, which Mattermost, Rocket.Chat and others take as well."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One place that alerts go to; checked when made. Raises :class:`InvalidInput`, which names the field."""

    name: str
    url: str
    """An http(s) address, or where it stands: ``env:NAME`` or ``file:PATH``."""
    format: AlertFormat = AlertFormat.WEBHOOK
    severity: Severity = Severity.WARNING
    """Anomalies of this severity, and worse ones, are told."""
    secret: str | None = None
    """Where the secret stands that messages are signed with: ``env:NAME`` or ``file:PATH``."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInput("name", f"{self.name!r} is none.", remedy="Use letters, digits, '.', '-' and '_'.")
        if not _is_reference(self.url):
            if self.format is AlertFormat.SLACK:
                raise InvalidInput(
                    "url",
                    "of Slack is a secret: whoever has it can write there.",
                    remedy="Put it into a variable or a file of your own and give env:NAME or file:PATH.",
                )
            checked_url(self.url)
        if self.secret is not None and not _is_reference(self.secret):
            raise InvalidInput(
                "secret",
                "is not kept in the store.",
                remedy="Put it into a variable or a file of your own and give env:NAME or file:PATH.",
            )

    def hears_of(self, severity: str | None) -> bool:
        """Tell whether anomalies of *severity* go there; of unknown severity they do."""
        order = list(Severity)
        return severity not in order or order.index(Severity(severity)) >= order.index(self.severity)


class TargetList(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts go."""

    targets: list[Target]


def targets_of(text: str) -> list[Target]:
    """Return the targets that the setting's *text* lists; raises :class:`InvalidInput` for what is no such list."""
    try:
        return msgspec.json.decode(text or "[]", type=list[Target])
    except msgspec.DecodeError as error:
        raise InvalidInput(
            TARGETS, f"cannot be read: {error}.", remedy="Make them anew with 'session-buddy alerts add'."
        ) from error


def text_of(targets: Sequence[Target]) -> str:
    """Return *targets* as the setting keeps them."""
    return msgspec.json.encode(targets).decode()


def without(targets: Sequence[Target], name: str) -> list[Target]:
    """Return *targets* without the one called *name*; raises :class:`NotFound` where there is none."""
    left = [target for target in targets if target.name != name]
    if len(left) == len(targets):
        raise NotFound(
            f"No target of alerts is called {name!r}.",
            remedy="See 'session-buddy alerts list'.",
            suggestions=[target.name for target in targets],
        )
    return left


def url_of(target: Target, environment: Mapping[str, str] = os.environ) -> str:
    """Return the address of *target*; raises :class:`InvalidInput` where it is not where it should be."""
    return checked_url(_resolved("url", target.url, environment))


def signing_key(target: Target, environment: Mapping[str, str] = os.environ) -> bytes | None:
    """Return what messages to *target* are signed with, if anything.

    A secret that begins with ``whsec_`` is base64 after that, as Standard Webhooks have it; another is taken as it is.
    """
    if target.secret is None:
        return None
    secret = _resolved("secret", target.secret, environment)
    if len(secret) < _LEAST_SECRET:
        raise InvalidInput(
            "secret", f"of {target.name} is too short.", remedy="Make one: echo whsec_$(openssl rand -base64 32)"
        )
    if not secret.startswith(_STANDARD):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_STANDARD), validate=True)
    except binascii.Error as error:
        raise InvalidInput(
            "secret",
            f"of {target.name} is not base64 after whsec_.",
            remedy="Make one: echo whsec_$(openssl rand -base64 32)",
        ) from error


def checked_url(url: str) -> str:
    """Return *url* if alerts can be sent there; what is wrong is told without it, since it may be a secret."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput("url", "is no http(s) address.", remedy="Give one such as https://example.com/hook.")
    if parts.username or parts.password:
        raise InvalidInput(
            "url", "has a user or password in it.", remedy="Give it without, and sign messages with --secret."
        )
    return url


def _is_reference(text: str) -> bool:
    return text.startswith((_ENVIRONMENT, _FILE))


def _resolved(field: str, text: str, environment: Mapping[str, str]) -> str:
    """Return what *text* stands for: itself, a variable or the content of a file."""
    if text.startswith(_ENVIRONMENT):
        name = text.removeprefix(_ENVIRONMENT)
        value = environment.get(name, "").strip()
        if not value:
            raise InvalidInput(field, f"should be in the variable {name}, which is not set.", remedy="Set it.")
        return value
    return _private_text(field, Path(text.removeprefix(_FILE)).expanduser()) if text.startswith(_FILE) else text


def _private_text(field: str, path: Path) -> str:
    try:
        mode, content = path.stat().st_mode, path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text"
        raise InvalidInput(field, f"should be in {path}: {reason}.", remedy="Put it there.") from error
    if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidInput(field, f"is in {path}, which others may use.", remedy=f"Run: chmod 600 '{path}'")
    if not content:
        raise InvalidInput(field, f"should be in {path}, which is empty.", remedy="Put it there.")
    return content
