"""A plausible month of a small team, and the pictures of it that the documentation shows.

Run ``python -m tests.browser.demo`` to take them again.
"""

from __future__ import annotations

import random
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Phase
from session_buddy.monitoring.watch import AnomalyWatch
from session_buddy.server.pages.links import experiment_path
from session_buddy.storage import open_store
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.serving import Served
from tests.making import FakeClock, iso
from tests.trials import run_trial

NOW = "2026-06-18T15:42:10.000Z"
DAYS = 42
EXPERIMENT = "workflow-aware search"
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"

_SKILLS: dict[str, tuple[Kind, float, float, float, ErrorType]] = {
    # kind, uses in an hour of work, success, seconds, how it fails
    "pytest-run": (Kind.SHELL, 6.0, 0.86, 14.0, ErrorType.EXIT_CODE),
    "ruff-check": (Kind.SHELL, 4.0, 0.94, 0.8, ErrorType.EXIT_CODE),
    "git-commit": (Kind.SHELL, 2.2, 0.97, 1.2, ErrorType.EXIT_CODE),
    "mypy": (Kind.SHELL, 1.8, 0.83, 9.0, ErrorType.EXIT_CODE),
    "docker-build": (Kind.SHELL, 0.7, 0.90, 74.0, ErrorType.TIMEOUT),
    "commit": (Kind.SKILL, 1.0, 0.98, 21.0, ErrorType.OTHER),
    "review-changes": (Kind.SKILL, 0.7, 0.95, 160.0, ErrorType.OTHER),
    "release-notes": (Kind.SKILL, 0.15, 0.92, 95.0, ErrorType.OTHER),
    "agent:Explore": (Kind.SUBAGENT, 1.3, 0.99, 48.0, ErrorType.API),
    "agent:general-purpose": (Kind.SUBAGENT, 0.6, 0.96, 210.0, ErrorType.API),
    "mcp__tickets__search": (Kind.MCP, 0.9, 0.93, 1.9, ErrorType.API),
    "mcp__browser__navigate": (Kind.MCP, 0.5, 0.88, 3.1, ErrorType.TIMEOUT),
    "/clear": (Kind.COMMAND, 0.4, 1.0, 0.1, ErrorType.OTHER),
}
_PROJECTS = ("storefront", "billing", "search-api")


def month() -> Iterator[Invocation]:
    """Yield the invocations; on the last day the tickets server answers badly from one o'clock on."""
    rnd = random.Random(7)
    now = datetime.fromisoformat(NOW)
    number = 0
    for back in reversed(range(DAYS)):
        day = (now - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
        busy = 0.08 if day.weekday() >= 5 else rnd.uniform(0.6, 1.1)
        for hour in range(7, 19):
            start = day.replace(hour=hour)
            project = rnd.choice(_PROJECTS)
            session = str(uuid.UUID(int=rnd.getrandbits(128)))
            for skill, (kind, rate, success, seconds, error) in _SKILLS.items():
                if skill == "release-notes" and back > 5:
                    continue
                broken = skill == "mcp__tickets__search" and back == 0 and hour >= 13
                for _ in range(_poisson(rnd, rate * busy * (4 if broken else 1))):
                    moment = start + timedelta(seconds=rnd.uniform(0, 3_599))
                    if moment > now:
                        continue
                    number += 1
                    rest = {"success": 0.35 if broken else success, "seconds": seconds, "error": error}
                    yield _use(rnd, number, session, skill, kind, moment, project, **rest)


def _use(
    rnd: random.Random,
    number: int,
    session: str,
    skill: str,
    kind: Kind,
    moment: datetime,
    project: str,
    *,
    success: float,
    seconds: float,
    error: ErrorType,
) -> Invocation:
    failed = rnd.random() >= success
    completed = None if rnd.random() < 0.03 else Outcome.COMPLETED
    return Invocation(
        event_id=f"demo-{number}",
        session_id=session,
        skill_name=skill,
        kind=kind,
        invoked_at=iso(moment.astimezone(UTC)),
        source="claude_code",
        outcome=Outcome.FAILED if failed else completed,
        error_type=error if failed else None,
        duration_ms=int(1_000 * seconds * rnd.lognormvariate(0, 0.5)),
        duration_source=DurationSource.ELAPSED,
        project=f"/home/dev/{project}",
        workflow_phase=Phase.VERIFICATION if skill in {"pytest-run", "mypy", "ruff-check"} else Phase.EXECUTION,
    )


def _poisson(rnd: random.Random, mean: float) -> int:
    total, count = rnd.expovariate(1.0), 0
    while total < mean:
        total, count = total + rnd.expovariate(1.0), count + 1
    return count


def fill(url: str) -> None:
    """Store the month at *url*, with what the watch finds in it."""
    with open_store(url, clock=FakeClock(NOW)) as store:
        store.record(month())
        store.refresh()
        run_trial(store, EXPERIMENT, users=840, effect=0.09, days=21, now=NOW, seed=8)
        AnomalyWatch(store).step(NOW)


def take_pictures(folder: Path) -> None:
    """Keep pictures of some pages in *folder*."""
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        served = Served(f"sqlite:///{place}/store.db", Path(place), clock=FakeClock(NOW))
        fill(served.store_url)
        with served.running():
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for name, path, width, height, theme in (
                ("dashboard-overview", "/", 1120, 980, "light"),
                ("dashboard-skill", "/skills/mcp__tickets__search", 1120, 980, "dark"),
                ("dashboard-experiment", experiment_path(EXPERIMENT), 1120, 980, "light"),
                ("dashboard-phone", "/", 390, 844, "dark"),
            ):
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
                page.clock.set_fixed_time(NOW)
                page.goto(served.url + path)
                page.wait_for_selector("#live:not([hidden])")
                if page.locator("[data-figure]").count():
                    page.wait_for_selector(".plot .main-svg")
                page.wait_for_timeout(1_500)
                page.screenshot(path=folder / f"{name}.png")
            browser.close()


if __name__ == "__main__":
    take_pictures(IMAGES)
