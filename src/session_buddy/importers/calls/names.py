"""Names of skills as agents spell them."""

from __future__ import annotations

__all__ = ["bare_name", "split_name"]


def bare_name(spelt: str) -> str:
    """Return *spelt* without its plugin and slash: ``commit`` for ``/commit-commands:commit``."""
    return split_name(spelt)[1]


def split_name(spelt: str) -> tuple[str | None, str]:
    """Split ``plugin:name``; a name that is all prefix or all suffix is left as it is."""
    spelt = spelt.removeprefix("/") or spelt
    plugin, _, name = spelt.partition(":")
    return (plugin, name) if plugin and name else (None, spelt)
