"""What pages load: our style sheet and scripts, and plotly's JavaScript out of its wheel."""

from __future__ import annotations

import gzip
import re
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

__all__ = ["asset_version", "plotly_javascript", "plotly_style_ids", "plotly_styles", "static_files"]

_FOLDER = Path(__file__).parents[1] / "static"
_FOREVER = "public, max-age=31536000, immutable"
_STYLE_ID = re.compile(rb'document\.getElementById\("([0-9a-f]{64})"\)')
_GLOBAL_STYLE = "plotly.js-style-global"


class _Revalidated(StaticFiles):
    """Files that a browser keeps, and asks each time whether they are still the same: modules import one another
    by plain names.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def static_files() -> StaticFiles:
    """Return the application that serves our own files; it leaves its folder for no path whatever."""
    return _Revalidated(directory=_FOLDER)


def plotly_javascript(request: Request) -> Response:
    """Serve plotly as its wheel has it, packed where the browser takes that; its address has its version."""
    headers = {"cache-control": _FOREVER, "vary": "accept-encoding"}
    packed = "gzip" in request.headers.get("accept-encoding", "")
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(_packed_plotly() if packed else _plotly(), media_type="text/javascript", headers=headers)


def plotly_styles(_: Request) -> Response:
    """Serve an empty style sheet, for plotly to add its rules to.

    Under our policy no script may make a style element; plotly does so unless it finds elements with ids of its own,
    of which one wants rules added (that is allowed) and the others, for maps, are not needed.
    """
    return Response("", media_type="text/css", headers={"cache-control": _FOREVER})


@cache
def plotly_style_ids() -> tuple[str, ...]:
    """Return the ids of the style elements that plotly would make: see :func:`plotly_styles`."""
    return (_GLOBAL_STYLE, *sorted({found.decode() for found in _STYLE_ID.findall(_plotly())}))


@cache
def asset_version() -> str:
    """Return a short text that differs when plotly does."""
    return sha256(_plotly()).hexdigest()[:12]


@cache
def _plotly() -> bytes:
    # Found, not imported: plotly's Python side takes time and is not needed.
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("plotly is not installed")
    return (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_bytes()


@cache
def _packed_plotly() -> bytes:
    return gzip.compress(_plotly(), compresslevel=6, mtime=0)
