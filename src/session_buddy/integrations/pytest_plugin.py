"""A plugin for pytest that records runs of tests: ``pytest -p session_buddy``.

A run is one use of ``pytest-run``; each attempt at a test is one use of ``test-case`` within it. What was recorded is
on disk when the run ends; a process of its own delivers it to the store, or to the server, for a while. The environment
says at the start where that is: what tests do to it moves no record. Whatever goes wrong with that, the run ends as it
would without this plugin.
"""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

__all__ = ["pytest_configure"]

_DELIVERY_SECONDS = 30.0
_DELIVER = "from session_buddy.cli import main; main(['ci', 'deliver'])"
_CALL, _CALL_SKILL, _SESSION = "SESSION_BUDDY_CALL", "SESSION_BUDDY_CALL_SKILL", "SESSION_BUDDY_SESSION"
"""Where ``session-buddy ci run`` says under which call this runs; taken out: pytest within pytest is its own run."""
_NAME = "session-buddy-recorder"
_FLAKY_SHOWN = 10


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run; processes that run tests for another, as those of pytest-xdist, tell that one."""
    call = {name: os.environ.pop(name, "") for name in (_CALL, _CALL_SKILL, _SESSION)}
    if hasattr(config, "workerinput") or config.option.collectonly or config.pluginmanager.has_plugin(_NAME):
        return
    config.pluginmanager.register(_Recorder(config, call), _NAME)


class _Home(NamedTuple):
    """Where the run began, as it was then: what is recorded belongs there."""

    environment: dict[str, str]
    data_folder: Path
    account: str
    folder: Path


class _Recorder:
    """Gathers what becomes of each test, and records it at the end."""

    def __init__(self, config: pytest.Config, call: Mapping[str, str]) -> None:
        from session_buddy.integrations.ci.attempts import Attempts

        self._config, self._call = config, call
        self._attempts = Attempts()
        self._began, self._began_at = time.monotonic(), time.time()
        self._uncollected = self._broken_off = False
        self._said = ""
        self._failed: Exception | None = None
        try:
            self._home = _Home(dict(os.environ), _data_folder(), _account(), config.invocation_params.dir)
        except Exception as error:
            self._failed = error

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take one phase of one test."""
        try:
            seconds = float(getattr(report, "duration", 0.0))
            self._attempts.report(
                report.nodeid,
                report.when or "call",
                report.outcome,
                seconds=seconds,
                started=float(getattr(report, "start", None) or time.time() - seconds),
                xfail=hasattr(report, "wasxfail"),
            )
        except Exception as error:
            self._failed = self._failed or error

    def pytest_collectreport(self, report: Any) -> None:
        """Note what could not be collected: pytest ends then as if somebody had broken it off."""
        self._uncollected |= bool(report.failed)

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """Note that somebody broke it off; pytest says so too where it stops by itself."""
        self._broken_off |= not isinstance(excinfo.value, pytest.Session.Interrupted)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Record the run."""
        try:
            if self._failed is not None:
                raise self._failed
            code = int(session.exitstatus)
            failed = code == pytest.ExitCode.INTERRUPTED and self._uncollected and not self._broken_off
            self._said = self._record(int(pytest.ExitCode.TESTS_FAILED) if failed else code)
        except Exception as error:
            self._said = f"the run was not recorded: {type(error).__name__}: {error}"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was recorded, and which tests are flaky."""
        if self._said:
            terminalreporter.write_line(f"session-buddy: {self._said}")

    def _record(self, exit_code: int) -> str:
        from session_buddy.formats import plural
        from session_buddy.integrations.ci.attempts import invocations_of_run

        self._attempts.end()
        flaky = self._attempts.flaky()
        run = self._run(exit_code)
        delivery = _delivery(self._home)
        delivery.keep(invocations_of_run(run, self._attempts.ended, flaky=bool(flaky)))
        said = plural(len({attempt.test for attempt in self._attempts.ended}), "test")
        if flaky:
            shown = ", ".join(flaky[:_FLAKY_SHOWN]) + (" …" if len(flaky) > _FLAKY_SHOWN else "")
            said += f", {len(flaky)} flaky: {shown}"
        missed = _delivered(self._home)
        if missed is None:
            return f"{said}; recorded"
        place = str(delivery.folder)
        return f"{said}; {missed}" if place in missed else f"{said}; {missed} It waits in {place}."

    def _run(self, exit_code: int) -> Any:
        from session_buddy.importers.ci.reading import commit_trait
        from session_buddy.ingest.user import local_user_id
        from session_buddy.integrations.ci.attempts import TestRun
        from session_buddy.integrations.ci.surroundings import commit_of, place_of

        root = self._config.rootpath
        began_at = datetime.fromtimestamp(self._began_at, UTC).isoformat(timespec="milliseconds")
        place = place_of(self._home.environment, folder=str(root), host=platform.node(), day=began_at[:10])
        call = self._call[_CALL]
        is_that_call = bool(call) and self._call[_CALL_SKILL] == "pytest-run"
        event_id = call if is_that_call else f"pytest:{uuid.uuid4()}"
        # Elsewhere than in CI, a run is a session.
        in_ci = place.parent_event_id is not None
        return TestRun(
            event_id=event_id,
            session_id=self._call[_SESSION] or (place.session_id if in_ci else event_id),
            user_id=local_user_id(self._home.data_folder, self._home.account),
            project=str(root),
            started_at=began_at.replace("+00:00", "Z"),
            seconds=time.monotonic() - self._began,
            exit_code=exit_code,
            version=f"pytest {pytest.__version__}",
            parent_event_id=place.parent_event_id if is_that_call or not call else call,
            traits=commit_trait(place.commit or commit_of(root)),
        )


def _delivery(home: _Home) -> Any:
    from session_buddy.integrations.ci.delivering import Delivery

    return Delivery(
        home.data_folder,
        default_url="",
        store_url=home.environment.get("SESSION_BUDDY_STORE") or None,
        server=home.environment.get("SESSION_BUDDY_SERVER") or None,
    )


def _delivered(home: _Home) -> str | None:
    """Have what waits delivered by a process of its own; return why that was not done, None where it was.

    Not here: a store that is locked must not keep the run from ending, nor what tests did to this process its record.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _DELIVER],
            env=home.environment,
            cwd=home.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DELIVERY_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"recording took longer than {_DELIVERY_SECONDS:g} s."
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}."])[-1]
    return f"not recorded: {said.removeprefix('Not recorded: ')}"


def _data_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path("session-buddy", appauthor=False)


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
