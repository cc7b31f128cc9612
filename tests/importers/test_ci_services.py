"""GitHub, GitLab and Crackerjack: what they send and keep, in small and in real."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from session_buddy.errors import InvalidInput
from session_buddy.importers.ci import STEP, CiReports
from session_buddy.importers.ci.crackerjack import crackerjack_output
from session_buddy.importers.ci.github import github_answer, github_event
from session_buddy.importers.ci.gitlab import gitlab_event
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.model import Invocation, Kind
from session_buddy.storage import Recorded, open_store

RULES = ShellRules.builtin()
SHA = "6f96b263f472444725e0d2122722ce7140cf3bdb"
URL = "https://api.github.com/repos/octo/shop/actions"


def job(**changes: Any) -> dict[str, Any]:
    return {
        "id": 7, "run_id": 5, "run_attempt": 2, "workflow_name": "CI: all", "name": "test (3.11)",
        "status": "completed",
        "conclusion": "failure", "started_at": "2026-05-01T10:00:00Z", "completed_at": "2026-05-01T10:00:12.500Z",
        "head_sha": SHA, "url": f"{URL}/jobs/7", "steps": [
            {"name": "Set up job", "number": 1, "status": "completed", "conclusion": "success",
             "started_at": "2026-05-01T10:00:00Z", "completed_at": "2026-05-01T10:00:01Z"},
            {"name": "Run pytest -q", "number": 2, "status": "completed", "conclusion": "failure",
             "started_at": "2026-05-01T10:00:01Z", "completed_at": "2026-05-01T10:00:09Z"},
            {"name": "Run python latest.py", "number": 3, "status": "completed", "conclusion": "success",
             "started_at": "2026-05-01T10:00:09Z", "completed_at": "2026-05-01T10:00:10Z"},
            {"name": "Upload", "number": 4, "status": "completed", "conclusion": "skipped",
             "started_at": "2026-05-01T10:00:10Z", "completed_at": "2026-05-01T10:00:10Z"},
            {"name": "Later", "number": 5, "status": "queued", "conclusion": None, "started_at": None},
        ],
    } | changes  # fmt: skip


def of_github(document: dict[str, Any], event: str = "workflow_job") -> list[Invocation]:
    data = json.dumps({event: document, "repository": {"full_name": "octo/shop"}}).encode()
    return github_event(data, event, user_id="u", rules=RULES)


def test_a_job_and_its_steps() -> None:
    whole, *steps = of_github(job())
    assert (whole.event_id, whole.session_id) == ("github:check:7", "github:octo/shop:5:2")
    assert (whole.skill_name, whole.kind) == ("github:octo/shop:CI%3A all:test (3.11)", Kind.SHELL)
    assert (whole.outcome, whole.error_type, whole.duration_ms) == ("failed", "exit_code", 12_500)
    assert (whole.parent_event_id, whole.project) == ("github:run:5:2", "github:octo/shop")
    assert whole.traits == ("commit:6f96b263f4724447",)
    assert [(one.skill_name, one.kind, one.outcome, one.workflow_step_id) for one in steps] == [
        (STEP, "tool", "completed", "test (3.11) › Set up job"),
        ("pytest-run", "shell", "failed", "test (3.11) › Run pytest -q"),
        (STEP, "tool", "completed", "test (3.11) › Run python latest.py"),
        (STEP, "tool", "abandoned", "test (3.11) › Upload"),
    ]
    assert {one.parent_event_id for one in steps} == {whole.event_id}


def test_jobs_of_workflows_that_are_joined_alike_are_told_apart() -> None:
    names = {
        of_github(job(workflow_name=workflow, name=name))[0].skill_name
        for workflow, name in (("a:b", "c"), ("a", "b:c"), ("a", "b"), ("a:b:c", ""), ("a%3Ab", "c"))
    }
    assert len(names) == 5


def test_what_has_not_begun_is_nothing_yet_and_what_runs_has_no_outcome() -> None:
    for status in ("queued", "waiting", "pending", "requested"):
        assert of_github(job(status=status, conclusion=None)) == []
    running = of_github(job(status="in_progress", conclusion=None, completed_at=None, steps=[]))[0]
    assert (running.outcome, running.duration_ms) == (None, None)
    assert running.event_id == of_github(job())[0].event_id


@pytest.mark.parametrize(
    ("conclusion", "outcome", "error", "traits"),
    [
        ("success", "completed", None, ()),
        ("failure", "failed", "exit_code", ()),
        ("timed_out", "failed", "timeout", ()),
        ("startup_failure", "failed", "validation", ()),
        ("cancelled", "abandoned", None, ()),
        ("stale", "abandoned", None, ()),
        ("skipped", "abandoned", None, ("skipped",)),
        ("neutral", None, None, ()),
        ("action_required", None, None, ()),
        ("something_new", None, None, ()),
    ],
)
def test_conclusions(conclusion: str, outcome: str | None, error: str | None, traits: tuple[str, ...]) -> None:
    told = of_github(job(conclusion=conclusion, head_sha=None, steps=None))[0]
    assert (told.outcome, told.error_type, told.traits) == (outcome, error, traits)


def test_what_ended_before_it_began_has_no_duration() -> None:
    assert of_github(job(completed_at="2026-05-01T09:00:00Z"))[0].duration_ms is None


RUN = {
    "id": 5, "run_attempt": 1, "run_number": 3, "name": "CI", "path": ".github/workflows/ci.yml@refs/heads/main",
    "status": "completed", "conclusion": "success", "run_started_at": "2026-05-01T10:00:00Z",
    "created_at": "2026-05-01T09:00:00Z", "updated_at": "2026-05-01T10:05:00Z", "head_sha": SHA,
    "url": f"{URL}/runs/5",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "github:octo/shop:CI"),
        ({"name": None}, "github:octo/shop:ci.yml"),
        ({"name": None, "path": "ci.yml"}, "github:octo/shop:ci.yml"),
        ({"name": "", "path": ""}, "github:octo/shop:workflow"),
    ],
)
def test_a_run_is_called_by_its_workflow_or_the_file_of_it(changes: dict[str, Any], name: str) -> None:
    (run,) = of_github(RUN | changes, "workflow_run")
    assert (run.skill_name, run.duration_ms, run.outcome) == (name, 300_000, "completed")
    (alone,) = github_answer(json.dumps(RUN | changes).encode(), user_id="u", rules=RULES)
    assert alone == run


def test_other_servers_are_told_apart() -> None:
    hosts = {
        "https://api.github.com": "github",
        "https://ghe.example.com/api/v3": "github@ghe.example.com",
        "": "github",
    }
    for host, service in hosts.items():
        url = f"{host}/repos/octo/shop/actions/runs/5"
        (run,) = of_github(RUN | {"url": url}, "workflow_run")
        assert run.event_id == f"{service}:run:5:1"
        assert run.session_id == f"{service}:octo/shop:5:1"


def test_what_is_no_payload_is_refused_by_name() -> None:
    for data in (b"", b"[]", b'{"workflow_job": {"id": "seven"}}', b'{"workflow_job": 3}', b"\xff", b"{" * 10_000):
        with pytest.raises(InvalidInput):
            github_event(data, "workflow_job", user_id="u", rules=RULES)
    with pytest.raises(InvalidInput, match="has no workflow_job"):
        github_event(b"{}", "workflow_job", user_id="u", rules=RULES)
    assert github_event(b"not even JSON", "push", user_id="u", rules=RULES) == []


PIPELINE = {
    "object_kind": "pipeline",
    "object_attributes": {
        "id": 31, "status": "failed", "sha": SHA, "created_at": "2026-05-01 10:00:00 UTC",
        "finished_at": "2026-05-01 10:03:00 UTC", "duration": 63,
    },
    "project": {"web_url": "https://gitlab.example.com/group/sub/shop", "path_with_namespace": "group/sub/shop"},
    "builds": [
        {"id": 380, "stage": "deploy", "name": "production", "status": "skipped",
         "created_at": "2026-05-01 10:00:00 UTC", "started_at": None, "finished_at": None},
        {"id": 377, "stage": "test", "name": "unit", "status": "failed", "created_at": "2026-05-01 10:00:00 UTC",
         "started_at": "2026-05-01 10:00:05 UTC", "finished_at": "2026-05-01 10:00:17 UTC", "duration": 12.5,
         "failure_reason": "script_failure"},
        {"id": 378, "stage": "test", "name": "slow", "status": "failed", "created_at": "2026-05-01 10:00:00 UTC",
         "started_at": "2026-05-01 10:00:05 UTC", "finished_at": "2026-05-01 10:01:05 UTC",
         "failure_reason": "job_execution_timeout"},
        {"id": 379, "stage": "deploy", "name": "staging", "status": "created", "created_at": "2026-05-01 10:00:00 UTC"},
    ],
}  # fmt: skip
BUILD = {
    "object_kind": "build", "build_id": 377, "build_name": "unit", "build_stage": "test", "build_status": "running",
    "build_created_at": "2026-05-01T10:00:00.000Z", "build_started_at": "2026-05-01T10:00:05.000Z",
    "build_finished_at": None, "build_duration": None, "pipeline_id": 31, "sha": SHA, "project_id": 1,
    "project_name": "Group / Shop", "repository": {"homepage": "https://gitlab.example.com/group/sub/shop"},
}  # fmt: skip


def of_gitlab(document: object) -> list[Invocation]:
    return gitlab_event(json.dumps(document).encode(), user_id="u")


def test_a_pipeline_and_its_jobs() -> None:
    pipeline, production, unit, slow = of_gitlab(PIPELINE)
    assert (pipeline.skill_name, pipeline.session_id) == ("gitlab:group/sub/shop", "gitlab:gitlab.example.com:31")
    assert (pipeline.outcome, pipeline.duration_ms) == ("failed", 63_000)
    assert (production.outcome, production.traits[-1]) == ("abandoned", "skipped")
    assert (unit.skill_name, unit.event_id) == ("gitlab:group/sub/shop:test:unit", "gitlab:gitlab.example.com:job:377")
    assert (unit.outcome, unit.error_type, unit.duration_ms) == ("failed", "exit_code", 12_500)
    assert (slow.error_type, slow.duration_ms) == ("timeout", 60_000)
    assert {one.parent_event_id for one in (production, unit, slow)} == {pipeline.event_id}


def test_the_event_of_a_job_tells_of_the_same_job_as_that_of_its_pipeline() -> None:
    (running,) = of_gitlab(BUILD)
    unit = of_gitlab(PIPELINE)[2]
    same = ("event_id", "skill_name", "session_id", "invoked_at", "parent_event_id", "project", "traits")
    assert [getattr(running, field) for field in same] == [getattr(unit, field) for field in same]
    assert running.outcome is None
    assert of_gitlab(BUILD | {"build_status": "created", "build_started_at": None}) == []


@pytest.mark.parametrize("status", ["running", "canceling"])
def test_what_still_runs_in_gitlab_has_no_duration_yet(status: str) -> None:
    (build,) = of_gitlab(BUILD | {"build_status": status, "build_duration": 1.5})
    assert build.duration_ms is None
    told = PIPELINE["object_attributes"] | {"status": status}  # type: ignore[operator]
    assert of_gitlab(PIPELINE | {"object_attributes": told})[0].duration_ms is None


def test_a_pipeline_that_is_retried_is_one_row_with_its_first_end(tmp_path: Path) -> None:
    again = PIPELINE["object_attributes"] | {"status": "success", "duration": 163}  # type: ignore[operator]
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        store.record(of_gitlab(PIPELINE))
        store.record(of_gitlab(PIPELINE | {"object_attributes": again | {"status": "running"}, "builds": []}))
        store.record(of_gitlab(PIPELINE | {"object_attributes": again, "builds": []}))
        told = store.query(
            "SELECT outcome, duration_ms FROM skill_invocation WHERE skill_name = 'gitlab:group/sub/shop'"
        )
        assert told.rows == [("failed", 63_000)]


def test_other_events_of_gitlab_tell_nothing_and_no_payload_is_refused() -> None:
    assert of_gitlab({"object_kind": "push"}) == []
    for document in ({"object_kind": "build"}, {"object_kind": "pipeline", "object_attributes": []}, [], 3):
        with pytest.raises(InvalidInput):
            of_gitlab(document)


def test_answers_of_the_api_of_gitlab(tmp_path: Path) -> None:
    link = "https://gitlab.example.com/group/sub/shop/-/"
    (tmp_path / "pipeline.json").write_text(
        json.dumps(PIPELINE["object_attributes"] | {"web_url": f"{link}pipelines/31"})  # type: ignore[operator]
    )
    jobs = [
        build | {"web_url": f"{link}jobs/{build['id']}", "pipeline": {"id": 31, "sha": SHA}}
        for build in PIPELINE["builds"]  # type: ignore[union-attr]
    ]
    (tmp_path / "jobs.json").write_text(json.dumps(jobs[:2]))
    (tmp_path / "job.json").write_text(json.dumps(jobs[2]))
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        import_files(store, [CiReports(RULES)], {"ci": [tmp_path]}, user_id="u")
        assert store.record(of_gitlab(PIPELINE)) == Recorded(unchanged=4)


CRACKERJACK = """Crackerjack v0.74.4
validate-regex-patterns........................................... ✅
ruff-check........................................................ ❌
uv-lock........................................................... ❌


❌ Fast hooks attempt 1: 1/3 passed in 40.45s

Fast Hook Results:
 - ruff-check :: FAILED | 5.00s | issues=3
 - uv-lock :: FAILED | 19.18s | issues=7

♻️ Verification Retry 2/2
validate-regex-patterns........................................... ✅
ruff-check........................................................ ✅
uv-lock........................................................... ✅
✅ Fast hooks attempt 2: 3/3 passed in 12.5s

Details for failing fast hooks (shop):
 - ruff-check (failed)

✅ Comprehensive hooks completed in 28.3s
  - zuban :: TIMEOUT | 120s | issues=0
│   pyscn         PASSED     8.87s     0   │
✅ 324 tests passed in 12.5s
""".encode()


def test_stages_hooks_and_tests_of_what_crackerjack_prints() -> None:
    told = crackerjack_output(CRACKERJACK, user_id="u", rules=RULES, written_at="2026-05-01T11:00:00.000Z")
    stages = {one.event_id: one.skill_name for one in told}
    assert [(one.skill_name, one.outcome, one.duration_ms, stages.get(one.parent_event_id or "")) for one in told] == [
        ("crackerjack", "failed", None, None),
        ("crackerjack:fast", "failed", 40_450, "crackerjack"),
        ("crackerjack:hook:validate-regex-patterns", "completed", None, "crackerjack:fast"),
        ("ruff-check", "failed", 5_000, "crackerjack:fast"),
        ("crackerjack:hook:uv-lock", "failed", 19_180, "crackerjack:fast"),
        ("crackerjack:fast", "completed", 12_500, "crackerjack"),
        ("crackerjack:hook:validate-regex-patterns", "completed", None, "crackerjack:fast"),
        ("ruff-check", "completed", None, "crackerjack:fast"),
        ("crackerjack:hook:uv-lock", "completed", None, "crackerjack:fast"),
        ("crackerjack:comp", "completed", 28_300, "crackerjack"),
        ("crackerjack:hook:zuban", "failed", 120_000, "crackerjack:comp"),
        ("crackerjack:hook:pyscn", "completed", 8_870, "crackerjack:comp"),
        ("pytest-run", "completed", 12_500, "crackerjack"),
    ]
    assert len({one.event_id for one in told}) == len(told)
    with pytest.raises(InvalidInput, match="no stage"):
        crackerjack_output(b"Hello", user_id="u", rules=RULES, written_at="2026-05-01T11:00:00.000Z")


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("✅ 324 tests passed in 12.5s", "completed"),
        ("✅ 3 tests failed in 12.5s", "failed"),
        ("❌ 324 tests passed in 12.5s", "failed"),
        ("❌ 3 tests failed in 12.5s", "failed"),
    ],
)
def test_tests_have_passed_where_mark_and_word_say_so(line: str, outcome: str) -> None:
    output = f"✅ Fast hooks attempt 1: 1/1 passed in 1.00s\n{line}\n".encode()
    *_, tests = crackerjack_output(output, user_id="u", rules=RULES, written_at="2026-05-01T11:00:00.000Z")
    assert (tests.skill_name, tests.outcome) == ("pytest-run", outcome)


def test_json_of_nobody_is_set_aside_with_its_reason() -> None:
    parser = CiReports(RULES).parser("x.json", user_id="u", written_at="2026-05-01T11:00:00.000Z")
    parser.feed(b'{"hello": 1}')
    (bad,) = parser.pause().bad_lines
    assert "no service of CI" in bad.reason


# ------------------------------------------------------------------ real data


@pytest.fixture(scope="module")
def ci(shared: Path) -> Path:
    folder = shared / "data" / "ci"
    if not folder.is_dir():
        pytest.skip(f"nothing at {folder}")
    return folder


def test_the_sixty_recorded_runs_of_crackerjack(ci: Path, tmp_path: Path) -> None:
    path = ci / "crackerjack" / "docs" / "performance-baseline.json"
    recorded = json.loads(path.read_text(encoding="utf-8"))
    expected = Counter(
        (f"crackerjack:{mode}", round(run["duration_seconds"] * 1000), run["success"], run["exit_code"] == 124)
        for mode, runs in recorded.items()
        for run in runs
    )
    assert expected.total() == 60
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        import_files(store, [CiReports(RULES)], {"ci": [path]}, user_id="u")
        rows = store.query("SELECT skill_name, duration_ms, outcome, error_type FROM skill_invocation").rows
        ends = store.query("SELECT invoked_at, duration_ms FROM skill_invocation ORDER BY invoked_at").rows
        assert store.drifted() == []
    assert Counter((s, ms, outcome == "completed", error == "timeout") for s, ms, outcome, error in rows) == expected
    assert ends[0][0] == "2025-11-05T18:58:29.550Z", "its timestamp is when a run had ended"


def _answers(ci: Path) -> list[tuple[str, int, bytes]]:
    """The recorded conversation: five lines each, of which the last is the body."""
    lines = (ci / "github/otel-cicd-action/src/__assets__/run.rec").read_text(encoding="utf-8").split("\n")
    return [(lines[at + 2], int(lines[at + 3]), base64.b64decode(lines[at + 4])) for at in range(0, len(lines) - 4, 5)]


def test_recorded_answers_of_github_are_told_once_each(ci: Path, tmp_path: Path) -> None:
    counted: Counter[str] = Counter()
    for number, (url, status, body) in enumerate(_answers(ci)):
        if status == 200 and "/actions/" in url:
            (tmp_path / f"{number}.json").write_bytes(body)
            document = json.loads(body)
            counted["runs"] += "run_number" in document
            for one in document.get("jobs", ()):
                counted["jobs"] += 1
                counted["steps"] += sum(step["started_at"] is not None for step in one["steps"])
    assert counted == {"runs": 3, "jobs": 7, "steps": 6}
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        for _ in range(2):
            import_files(store, [CiReports(RULES)], {"ci": [tmp_path]}, user_id="u")
        kinds = store.query(
            "SELECT CASE WHEN event_id LIKE 'github:run:%' THEN 'runs' WHEN kind = 'tool' THEN 'steps' ELSE 'jobs' END,"
            " count(*) FROM skill_invocation GROUP BY 1"
        ).rows
        assert dict(kinds) == counted
        orphans = store.query(
            "SELECT count(*) FROM skill_invocation c LEFT JOIN skill_invocation p ON p.event_id = c.parent_event_id"
            " WHERE c.parent_event_id IS NOT NULL AND p.event_id IS NULL"
        ).rows
        assert orphans == [(0,)]


def test_every_example_of_a_webhook_is_understood(ci: Path) -> None:
    folder = ci / "github/octokit-webhooks/payload-examples/api.github.com"
    told: Counter[str] = Counter()
    examples = 0
    for path in sorted(folder.rglob("*.json")):
        data, event = path.read_bytes(), path.parent.name
        examples += 1
        invocations = github_event(data, event, user_id="u", rules=RULES)
        told[event] += bool(invocations)
        assert {one.event_id for one in github_answer(data, user_id="u", rules=RULES)} == {
            one.event_id for one in invocations
        }
        document = json.loads(data)[event]
        begun = document["status"] in ("completed", "in_progress")
        of_actions = (document.get("app") or {}).get("slug") == "github-actions"
        assert bool(invocations) == (begun and not of_actions), path.name
    assert examples == 27
    assert (told["workflow_job"], told["workflow_run"]) == (4, 3)
