"""What a ``chdb://``, ``clickhouse://`` or ``clickhouses://`` URL names, and the cluster it may stand for. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from session_buddy.errors import UnknownStore
from session_buddy.storage.redaction import without_password

__all__ = ["CLUSTER_VARIABLE", "Address", "parse_url"]

CLUSTER_VARIABLE = "CLICKHOUSE_CLUSTER"
"""The environment variable with the name of the cluster that a server belongs to."""
_DEFAULT_DATABASE = "session_buddy"
_DEFAULT_TIMEOUT = 30
_LONGEST_TIMEOUT = 86_400
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
"""Names that need no quotes."""
_PARAMETER = re.compile(r"[a-z_]+")


class Address(msgspec.Struct, frozen=True):
    """Where a store is: a folder for the engine in this process, or else a server, perhaps one of a cluster."""

    database: str
    path: Path | None = None
    host: str = ""
    port: int = 0
    user: str = "default"
    password: str = ""
    tls: bool = False
    timeout_seconds: int = _DEFAULT_TIMEOUT
    """How long a server may say nothing before it counts as away."""
    cluster: str = ""
    """The cluster, as ``remote_servers`` of its nodes calls it; empty where the server stands alone."""

    @property
    def url(self) -> str:
        """The URL without the password: fit to be shown."""
        if self.path is not None:
            return f"chdb:///{self.path}?database={self.database}"
        return f"clickhouse{'s' if self.tls else ''}://{self.user}@{self.host}:{self.port}/{self.database}"


def parse_url(url: str, environment: Mapping[str, str] = os.environ) -> Address:
    """Return what *url* names; for a server *environment* may name the cluster that it is a node of.

    Raises :class:`~session_buddy.errors.UnknownStore` for any other URL, one that names no place, parameters
    that no engine knows, and names that would need quotes.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if separator and scheme == "chdb" and rest.startswith("/") and rest.partition("?")[0].strip("/"):
        return _folder(url, rest[1:])
    if separator and scheme in ("clickhouse", "clickhouses"):
        return _server(url, tls=scheme == "clickhouses", cluster=environment.get(CLUSTER_VARIABLE, "").strip())
    _unknown(url)


def _folder(url: str, rest: str) -> Address:
    name, _, query = rest.partition("?")
    parameters = _parameters(url, query, known="database")
    database = _database(url, parameters.get("database", _DEFAULT_DATABASE))
    return Address(database, Path(unquote(name)).expanduser())


def _server(url: str, *, tls: bool, cluster: str) -> Address:
    host = None
    with suppress(ValueError):  # which would quote what it takes for a port
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    if not host:
        _unknown(url)
    parameters = _parameters(url, parts.query, known="timeout")
    if cluster and not _NAME.fullmatch(cluster):
        raise UnknownStore(
            f"{CLUSTER_VARIABLE}={cluster!r} is no name of a cluster.",
            remedy="Give the name that stands in remote_servers of the servers: letters, digits and _.",
        )
    return Address(
        _database(url, unquote(parts.path.strip("/")) or _DEFAULT_DATABASE),
        host=host,
        port=port or (8443 if tls else 8123),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        tls=tls,
        timeout_seconds=_timeout(url, parameters.get("timeout", str(_DEFAULT_TIMEOUT))),
        cluster=cluster,
    )


def _parameters(url: str, query: str, *, known: str) -> dict[str, str]:
    """Return what stands behind the question mark; only *known* may."""
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    if others := sorted(parameters.keys() - {known}):
        # What follows a password, or an @, may be more of the password.
        is_telling = "@" in query or "password" in parameters
        named = "***" if is_telling else ", ".join(name if _PARAMETER.fullmatch(name) else "***" for name in others)
        raise UnknownStore(
            f"The store URL {without_password(url)!r} has parameters that mean nothing here: {named}.",
            remedy=f"After the question mark only {known}=… may stand.",
        )
    return parameters


def _database(url: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UnknownStore(
            f"What the store URL {without_password(url)!r} asks for is no name of a database.",
            remedy="Use letters, digits and _, and no digit first.",
        )
    return name


def _timeout(url: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LONGEST_TIMEOUT):
        raise UnknownStore(
            f"The timeout in the store URL {without_password(url)!r} is no time to wait.",
            remedy=f"Give whole seconds from 1 to {_LONGEST_TIMEOUT}.",
        )
    return int(text)


def _unknown(url: str) -> NoReturn:
    raise UnknownStore(
        f"No engine answers to the store URL {without_password(url)!r}.",
        remedy="Give chdb:///relative/folder, chdb:////absolute/folder or clickhouse://user:password@host:8123/database.",
    )
