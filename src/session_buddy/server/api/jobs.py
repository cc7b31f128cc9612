"""What the server does on schedule, and how that went."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.refreshing import JobList, read_jobs
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.site import site_of

__all__ = ["router"]

router = APIRouter(tags=["read"])


@router.get(
    "/jobs",
    summary="What is brought up to date",
    operation_id="jobs",
    response_class=Response,
    responses=described(JobList, "Every job with its last run."),
)
async def jobs(request: Request) -> Response:
    """Return what is learned or brought up to date on schedule: when last, how long it took, how many rows it wrote."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(read_jobs, site.store))
