"""Bytes to an XML tree, from files that anybody may have written.

A document that defines entities is refused, so none can be expanded a billion times, and so is one that points out of
itself: no file is read, no server asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["Refused", "attribute", "children", "local", "tree_of"]


class Refused(ValueError):
    """A document is not taken; the text says why, and ``line`` where, as far as that is known."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.line = line


def tree_of(data: bytes) -> Element:
    """Return the root of the XML document in *data*; raises :class:`Refused`."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if not data.strip():
        raise Refused("the file is empty")
    try:
        # A list of a document's parts is none of a report, and what it leaves undefined would be left out silently.
        root: Element = fromstring(data, forbid_dtd=True)
    except ParseError as error:
        raise Refused(f"no XML: {error}", error.position[0]) from error
    except DefusedXmlException as error:
        raise Refused(
            f"it has a DOCTYPE, defines entities or points elsewhere, which no report needs: {error}"
        ) from error
    except (ValueError, LookupError) as error:
        raise Refused(f"no XML: {error}") from error
    return root


def local(element: Element) -> str:
    """Return the name of *element* without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Element, *names: str) -> Iterator[Element]:
    """Yield the children of *element* that have one of *names*, whatever their namespace."""
    return (child for child in element if local(child) in names)


def attribute(element: Element, *names: str) -> str | None:
    """Return the first of the attributes *names* that is there and not empty."""
    return next((value for name in names if (value := element.get(name, "").strip())), None)
