"""What Claude Code keeps of plugins and marketplaces, decoded: only what says where skills are. Pure.

A file that is missing or damaged says nothing: :func:`decoded` returns an empty one.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

__all__ = ["Installation", "Installed", "Market", "MarketEntry", "Plugin", "Switches", "decoded", "listed"]

_T = TypeVar("_T", bound=msgspec.Struct)
_Paths = str | list[str] | None


class Plugin(msgspec.Struct, frozen=True, rename="camel"):
    """``.claude-plugin/plugin.json``."""

    name: str | None = None
    version: str | None = None
    skills: msgspec.Raw = msgspec.Raw()
    commands: msgspec.Raw = msgspec.Raw()
    agents: msgspec.Raw = msgspec.Raw()
    mcp_servers: msgspec.Raw = msgspec.Raw()


class MarketEntry(Plugin, frozen=True, rename="camel"):
    """A plugin in ``.claude-plugin/marketplace.json``; *source* is a path in the marketplace, or where else it is."""

    source: msgspec.Raw = msgspec.Raw()
    strict: bool = True
    """Where it is false, this entry is the manifest, and the plugin needs none of its own."""


class _MarketMetadata(msgspec.Struct, frozen=True, rename="camel"):
    plugin_root: str = ""


class Market(msgspec.Struct, frozen=True):
    """``.claude-plugin/marketplace.json``."""

    name: str = ""
    plugins: list[MarketEntry] = []
    metadata: _MarketMetadata = _MarketMetadata()


class Installation(msgspec.Struct, frozen=True, rename="camel"):
    """One installation of a plugin: several scopes may have one each."""

    install_path: str = ""
    version: str | None = None


class Installed(msgspec.Struct, frozen=True):
    """``installed_plugins.json``: installations by ``plugin@marketplace``."""

    plugins: dict[str, list[Installation] | Installation] = {}

    def all(self) -> list[tuple[str, Installation]]:
        """Return every installation with its ``plugin@marketplace``."""
        found: list[tuple[str, Installation]] = []
        for name, given in self.plugins.items():
            found.extend((name, one) for one in (given if isinstance(given, list) else [given]) if one.install_path)
        return found


class Switches(msgspec.Struct, frozen=True, rename="camel"):
    """``settings.json``: which plugins are switched on."""

    enabled_plugins: dict[str, bool | list[str]] = {}

    def is_off(self, name: str) -> bool:
        """Return whether the plugin called *name* is switched off; others are on."""
        return self.enabled_plugins.get(name) is False


def decoded(data: bytes | None, to: type[_T]) -> _T | None:
    """Return what *data* says; ``None`` for what is no JSON, or not of this form."""
    if data is None:
        return None
    try:
        return msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=to)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def listed(raw: msgspec.Raw) -> list[str]:
    """Return the paths that a field gives, one or several; none for any other form."""
    try:
        paths = msgspec.json.decode(raw, type=str | list[str]) if bytes(raw) else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [paths] if isinstance(paths, str) else paths
