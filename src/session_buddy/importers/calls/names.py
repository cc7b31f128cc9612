"""Names of skills and ids of calls as agents spell them."""

from __future__ import annotations

import re

__all__ = ["bare_name", "only_counts", "split_name"]

_COUNTED = re.compile(r"(?:.{0,200}[^0-9A-Za-z]|[A-Za-z]{0,200})[0-9]{1,5}", re.DOTALL)


def bare_name(spelt: str) -> str:
    """Return *spelt* without its plugin and slash: ``commit`` for ``/commit-commands:commit``."""
    return split_name(spelt)[1]


def split_name(spelt: str) -> tuple[str | None, str]:
    """Split ``plugin:name``; a name that is all prefix or all suffix is left as it is."""
    spelt = spelt.removeprefix("/") or spelt
    plugin, _, name = spelt.partition(":")
    return (plugin, name) if plugin and name else (None, spelt)


def only_counts(call_id: object) -> bool:
    """Tell whether *call_id* is no more than the number of a call, which calls of other sessions have, too.

    Some providers of models give such.

    >>> only_counts("functions.bash:0"), only_counts("call_12"), only_counts("toolu_01AbCdEfGh")
    (True, True, False)
    """
    return isinstance(call_id, str) and _COUNTED.fullmatch(call_id.strip()) is not None
