"""Where a command runs: which session of which CI that is, and of which commit. Pure, but for asking git."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from session_buddy.importers.ci.identity import digest, joined

__all__ = ["CiPlace", "commit_of", "place_of"]

_GIT_SECONDS = 10.0


class CiPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a command runs."""

    session_id: str
    """One for a job of a run of CI; elsewhere one for a folder and a day."""
    parent_event_id: str | None = None
    """What the service's own events tell of it, if it is one: a run of GitHub, a job of GitLab."""
    commit: str | None = None
    """What the service says is tried."""


def place_of(environment: Mapping[str, str], *, folder: str, host: str, day: str) -> CiPlace:
    """Return where a command runs that is started in *folder* on the machine *host*.

    Where no CI is at work that is known, commands of one *day* in one folder are a session.
    """
    told = {name: value.strip() for name, value in environment.items()}
    if run := told.get("GITHUB_RUN_ID"):
        server = urlsplit(told.get("GITHUB_SERVER_URL") or "https://github.com").hostname or "github.com"
        service = "github" if server == "github.com" else f"github@{server}"
        attempt = told.get("GITHUB_RUN_ATTEMPT") or "1"
        repository = told.get("GITHUB_REPOSITORY") or "unknown"
        return CiPlace(
            session_id=joined(service, repository, run, attempt, told.get("GITHUB_JOB") or ""),
            parent_event_id=joined(service, "run", run, attempt),
            commit=told.get("GITHUB_SHA") or None,
        )
    if pipeline := told.get("CI_PIPELINE_ID"):
        server = urlsplit(told.get("CI_SERVER_URL") or "").netloc or told.get("CI_SERVER_HOST") or "gitlab"
        job = told.get("CI_JOB_ID") or ""
        return CiPlace(
            session_id=joined("gitlab", server, pipeline, job),
            parent_event_id=joined("gitlab", server, "job", job) if job else None,
            commit=told.get("CI_COMMIT_SHA") or None,
        )
    return CiPlace(session_id=f"ci:{digest(host, folder, day)}")


def commit_of(folder: Path) -> str | None:
    """Return the commit that the files in *folder* are, None where they were changed since, or git does not say."""
    git = shutil.which("git")
    if git is None:
        return None
    head = _said(git, folder, "rev-parse", "--verify", "HEAD")
    if head is None or _said(git, folder, "status", "--porcelain", "--untracked-files=no") != "":
        return None
    return head


def _said(git: str, folder: Path, *arguments: str) -> str | None:
    # Without the environment of a hook of git itself, which would speak of another folder.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            [git, "-C", str(folder), "--no-optional-locks", *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
