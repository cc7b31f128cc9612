"""Everything that is learned or brought up to date now and then: by a server on schedule, by ``refresh`` at once."""

from __future__ import annotations

import msgspec

from session_buddy.errors import NotFound
from session_buddy.learning.clusters.refreshing import refresh_clusters
from session_buddy.learning.jobs import Job, JobRun, read_runs, run_job
from session_buddy.learning.keeping import is_stale, learn
from session_buddy.learning.search.embedding import choose_embedder
from session_buddy.learning.search.keeping import embedded_skills
from session_buddy.reports.dependencies import refresh_related
from session_buddy.reports.prediction import refresh_prediction
from session_buddy.reports.ranking import without_tools
from session_buddy.reports.scanning import SCANNING
from session_buddy.reports.search import model_place, refresh_search
from session_buddy.reports.sorting import SORTING
from session_buddy.storage import Clock, Store

__all__ = ["JOBS", "JobFigures", "JobList", "job_named", "read_jobs", "refresh"]

_SKILLS = "SELECT count(*) FROM skill_metrics"
_SEED = 1
"""Of what is drawn by lot in clusters and their map: the same skills lie where they lay."""


class JobFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One job, and how it went the last time."""

    job: str
    meaning: str
    every_seconds: float
    """How often a server does it."""
    last: JobRun | None
    """``null`` where it was never done."""


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """All jobs."""

    jobs: list[JobFigures]


def _figures(store: Store, _: str) -> int:
    store.refresh()
    ((skills,),) = store.query(_SKILLS).rows
    return int(skills)


def _recommender(store: Store, now: str) -> int:
    if not is_stale(store):
        return 0
    return int(learn(store, without_tools(), now=now).learned.data.used.nnz)


def _clusters(store: Store, now: str) -> int:
    embedder = choose_embedder(model_place(store)).embedder
    names, vectors = embedded_skills(store, embedder, now=now)
    return refresh_clusters(store, names, vectors, clock=lambda: now, seed=_SEED)


JOBS = (
    Job("figures", "Refreshing the figures", 60.0, _figures),
    SCANNING,
    Job("search", "Embedding texts for search", 300.0, refresh_search),
    SORTING,
    Job("dependencies", "Looking at what goes with what", 600.0, refresh_related),
    Job("clusters", "Clustering skills and drawing their map", 3_600.0, _clusters),
    Job("recommender", "Learning what to recommend", 3_600.0, _recommender),
    Job("prediction", "Learning how likely skills are to complete", 21_600.0, refresh_prediction),
)
"""In an order in which each finds what those before it made."""


def job_named(name: str) -> Job:
    """Return the job called *name*; raises :class:`NotFound`."""
    found = next((job for job in JOBS if job.name == name), None)
    if found is None:
        names = [job.name for job in JOBS]
        raise NotFound(f"There is no job {name!r}.", remedy=f"Name one of: {', '.join(names)}.", suggestions=names)
    return found


def read_jobs(store: Store) -> JobList:
    """Return all jobs with how they went the last time."""
    runs = read_runs(store)
    return JobList(
        jobs=[
            JobFigures(job=job.name, meaning=job.meaning, every_seconds=job.seconds, last=runs.get(job.name))
            for job in JOBS
        ]
    )


def refresh(store: Store, names: tuple[str, ...], clock: Clock) -> JobList:
    """Do the jobs called *names*, or all, now; return how they went. A failure is raised, and ends it."""
    chosen = [job_named(name) for name in names] or list(JOBS)
    for job in chosen:
        run_job(store, job, clock)
    listed = read_jobs(store)
    return JobList(jobs=[one for one in listed.jobs if any(one.job == job.name for job in chosen)])
