"""The address of a server: who can come in by it, and how it is opened."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from session_buddy.errors import InvalidInput
from session_buddy.server.security import Access
from session_buddy.server.tokens import TokenFile
from session_buddy.storage import Clock

__all__ = ["DEFAULT_PORT", "Door", "access_for", "address_of", "listening"]

DEFAULT_PORT = 8765
_BACKLOG = 2_048


class Door(NamedTuple):
    """Where a server listens."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0: any that is free."""

    @property
    def is_of_this_machine(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def access_for(tokens: TokenFile, door: Door, *, clock: Clock, allowed_hosts: Collection[str] = ()) -> Access:
    """Return who is let in through *door*.

    Raises :class:`InvalidInput` where others than this machine's users could come in, and no token is good: behind a
    proxy, which an allowed host speaks of, that is so on the loopback, too.
    """
    needs_token = bool(allowed_hosts) or not door.is_of_this_machine
    if needs_token and not any(token.is_good(clock()) for token in tokens.all()):
        option, value = ("allowed-host", next(iter(allowed_hosts))) if allowed_hosts else ("host", door.host)
        raise InvalidInput(
            option,
            f"{value} lets in more than this machine, and there is no token to ask for.",
            remedy="Make one first: session-buddy token create --scope admin",
        )
    names = {*allowed_hosts, *(() if _is_wildcard(door.host) else (door.host,))}
    return Access(tokens, clock=clock, needs_token=needs_token, allowed_hosts=names)


@contextmanager
def listening(door: Door) -> Iterator[socket.socket]:
    """Give a socket that listens at *door*; raises :class:`InvalidInput` where that cannot be."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            door.host, door.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(door, error) from error
    with listener:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _unusable(door, error) from error
        yield listener


def _unusable(door: Door, error: OSError) -> InvalidInput:
    if error.errno == errno.EADDRINUSE:
        return InvalidInput(
            "port",
            f"{door.port} of {door.host} is taken: another program listens there.",
            remedy="Give another --port (0: any that is free), or end that program. It may be a server of yours.",
        )
    return InvalidInput(
        "port" if isinstance(error, PermissionError) else "host",
        f"{door.host}:{door.port} cannot be listened on: {error.strerror or error}.",
        remedy="Give another --port (0: any that is free) or --host.",
    )


def address_of(listener: socket.socket) -> str:
    """Return the address under which people reach *listener*."""
    host, port = listener.getsockname()[:2]
    if _is_wildcard(host):
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_wildcard(host: str) -> bool:
    return host in ("0.0.0.0", "::", "")
