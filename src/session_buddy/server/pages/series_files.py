"""Series as CSV."""

from __future__ import annotations

from starlette.responses import Response

from session_buddy.reports.series import BucketFigures, Series
from session_buddy.server.pages.rendering import csv_file

__all__ = ["series_file"]


def series_file(name: str, series: Series) -> Response:
    """Return *series* as a file called *name*, one line for each bucket."""
    columns = BucketFigures.__struct_fields__
    return csv_file(name, columns, ([getattr(bucket, column) for column in columns] for bucket in series.buckets))
