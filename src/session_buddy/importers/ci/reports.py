"""Reports of tests in XML, whatever wrote them, by the name of their outermost element."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from session_buddy.importers.ci import junit, nunit, trx, xunit
from session_buddy.importers.ci.results import Report
from session_buddy.importers.ci.xml import Refused, local, tree_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["read_report"]

_READERS: dict[str, Callable[[Element], Report]] = {
    **dict.fromkeys(junit.ROOTS, junit.junit_report),
    **dict.fromkeys(trx.ROOTS, trx.trx_report),
    **dict.fromkeys(xunit.ROOTS, xunit.xunit_report),
    **dict.fromkeys(nunit.ROOTS, nunit.nunit_report),
}


def read_report(data: bytes) -> Report:
    """Return what the document *data* says; raises :class:`Refused`, with the reason, for what is no report."""
    root = tree_of(data)
    name = local(root)
    if name not in _READERS:
        raise Refused(f"no report of tests that is read: it begins with <{name[:60]}>")
    return _READERS[name](root)
