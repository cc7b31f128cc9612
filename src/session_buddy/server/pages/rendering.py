"""From reports to HTML: every text is escaped, every number told as the command line tells it."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from session_buddy import __version__, formats
from session_buddy.errors import InvalidInput, SessionBuddyError
from session_buddy.experiments import verdict
from session_buddy.reports import category_wording, dependency_wording, experiment_wording, gate_wording
from session_buddy.server.pages import links
from session_buddy.server.pages.assets import asset_version, plotly_style_ids
from session_buddy.server.pages.drawings import spark_path
from session_buddy.server.problems import status_of
from session_buddy.server.site import site_of
from session_buddy.storage import locations

__all__ = ["csv_file", "error_page", "flag", "name_asked_for", "number", "page", "rendered", "shown"]

_TEMPLATES = Path(__file__).parent / "templates"
_OF_EXPERIMENTS: dict[str, Callable[..., str]] = {
    "lift": verdict.told_lift,
    "lift_end": lambda end: f"{100 * end:+.1f} %",
    "chance": experiment_wording.chance,
    "share": experiment_wording.share,
    "told_lift": verdict.told_lift,
    "told_value": verdict.told_value,
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Endpoint = Callable[[Request], Response]
AsyncEndpoint = Callable[[Request], Awaitable[Response]]


def shown(endpoint: Endpoint) -> AsyncEndpoint:
    """Run *endpoint*, which reads from the store, in a thread; answer its errors with a page that says what to do."""

    @wraps(endpoint)
    async def answered(request: Request) -> Response:
        reads = site_of(request).threads.reads
        try:
            return await reads.run(endpoint, request)
        except SessionBuddyError as error:
            return error_page(request, error)

    return answered


def error_page(request: Request, error: SessionBuddyError) -> Response:
    """Return the page that tells of *error*."""
    return page(request, "error.html", status=status_of(error), error=error)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """Return the page that *template* makes of *values*."""
    text = rendered(template, now=site_of(request).clock(), path=request.url.path, **values)
    # Pages are as new as the store: no copy is kept, nor shown when going back.
    return HTMLResponse(text, status, headers={"cache-control": "no-store"})


def rendered(template: str, **values: Any) -> str:
    """Return what *template* makes of *values*."""
    return _environment().get_template(template).render(**values)


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return *rows* as a file to download.

    A text that a spreadsheet would take for a formula is preceded by an apostrophe: names may come from anywhere.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_harmless(value) for value in row] for row in rows)
    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "cache-control": "no-store"}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def name_asked_for(request: Request) -> str:
    """Return the name that a request's path or, where it has none, its query gives."""
    name: str = request.path_params.get("name") or request.query_params.get("name", "")
    return name


def number(values: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    """Return the whole number that a query gives for *name*; raises :class:`InvalidInput` for anything else."""
    text = values.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= most):
        raise InvalidInput(name, f"{text[:40]!r} is no number from 1 to {most}.", remedy="Leave it out, or correct it.")
    return int(text)


def flag(values: Mapping[str, str], name: str) -> bool:
    """Return whether a query says yes to *name*."""
    return values.get(name, "") in {"1", "true", "yes"}


def _harmless(value: object) -> object:
    if isinstance(value, str):
        text = formats.printable(value)
        return f"'{text}" if text.startswith(_FORMULA) else text
    return "" if value is None else value


def _unbroken(tell: Callable[..., str]) -> Callable[..., str]:
    """Return *tell* so that no line ends between a number and its unit."""
    return lambda *values: tell(*values).replace(" ", "\u00a0")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tellers = ("ago", "count", "date", "folder_name", "minute", "plural", "printable", "shown_name", "signed_points")
    environment.filters |= {name: getattr(formats, name) for name in tellers}
    environment.filters |= {name: _unbroken(getattr(formats, name)) for name in ("duration", "percent", "size")}
    environment.filters["without_password"] = locations.shown
    environment.filters |= {name: getattr(experiment_wording, name) for name in experiment_wording.__all__}
    environment.filters |= {name: _unbroken(tell) for name, tell in _OF_EXPERIMENTS.items()}
    environment.filters |= {name: getattr(dependency_wording, name) for name in ("order_of_pair", "order_words")}
    of_categories = ("category_words", "formats_words", "review_words", "said_words")
    environment.filters |= {name: getattr(category_wording, name) for name in of_categories}
    environment.filters |= {
        name: _unbroken(getattr(dependency_wording, name)) for name in ("chance_words", "lift_words", "took_words")
    }
    environment.filters |= {name: getattr(gate_wording, name) for name in gate_wording.__all__}
    environment.globals |= {
        "nothing": formats.NOTHING,
        "skill_path": links.skill_path,
        "experiment_path": links.experiment_path,
        "spark_path": spark_path,
        "session_path": links.session_path,
        "with_query": links.with_query,
        "plotly_style_ids": plotly_style_ids,
        "asset_version": asset_version,
        "version": __version__,
    }
    return environment
