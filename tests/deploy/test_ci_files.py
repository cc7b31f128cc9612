"""The action, the template for GitLab and the hooks for pre-commit have the shape that is published for them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from session_buddy.cli.app import command
from session_buddy.storage import open_store

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
GITLAB = yaml.safe_load((ROOT / "deploy/gitlab/session-buddy.gitlab-ci.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
OURS = re.compile(r'(?:session-buddy|"\$buddy"|bin/session-buddy") ci (\w+)((?: +(?:--[\w-]+|\S+))*)')


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ACTION["runs"]["steps"]
    return found


def options_of(name: str) -> set[str]:
    """Return the options of ``session-buddy ci NAME``, from the command itself."""
    group = command().commands["ci"]
    return {option for parameter in group.commands[name].params for option in parameter.opts}


def test_the_action_has_the_keys_of_a_composite_action() -> None:
    assert ACTION.keys() <= {"name", "author", "description", "inputs", "outputs", "runs", "branding"}
    assert ACTION["name"] and ACTION["description"]
    assert ACTION["runs"].keys() == {"using", "steps"} and ACTION["runs"]["using"] == "composite"
    for name, given in ACTION["inputs"].items():
        assert re.fullmatch(r"[a-zA-Z_][\w-]*", name)
        assert given.keys() <= {"description", "required", "default", "deprecationMessage"} and given["description"]
        assert isinstance(given["default"], str), "YAML's own true is no string"
    for output in ACTION["outputs"].values():
        assert output.keys() == {"description", "value"}
    for step in steps():
        assert step.keys() <= {
            "name",
            "id",
            "if",
            "env",
            "continue-on-error",
            "working-directory",
            "run",
            "shell",
            "uses",
            "with",
        }
        assert ("run" in step) != ("uses" in step)
        assert ("run" in step) == ("shell" in step), "a composite action says which shell"


def test_nothing_from_outside_stands_in_a_script_of_the_action() -> None:
    assert not any("${{" in step.get("run", "") for step in steps())
    used = set(re.findall(r"inputs\.([\w-]+)", yaml.safe_dump(ACTION)))
    assert used == set(ACTION["inputs"])


def test_what_records_and_what_judges_is_told_of_the_server() -> None:
    ours = [step for step in steps() if "bin/session-buddy" in step.get("run", "") and "venv" not in step["run"]]
    assert [step["name"] for step in ours] == ["Run and record", "Gate"]
    for step in ours:
        assert step["env"]["SESSION_BUDDY_SERVER"] == "${{ inputs.server }}"
        assert step["env"]["SESSION_BUDDY_TOKEN"] == "${{ inputs.token }}"
        assert "inputs.server" not in step.get("if", "")


def test_actions_are_named_with_a_version() -> None:
    assert all(re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", step["uses"]) for step in steps() if "uses" in step)


def scripts() -> list[str]:
    gitlab = [line for job in GITLAB.values() for line in job.get("script", ()) if isinstance(job, dict)]
    return [*(step["run"] for step in steps() if "run" in step), *gitlab, *(hook["entry"] for hook in HOOKS)]


def test_every_command_and_option_of_ours_is_there() -> None:
    seen = set()
    for script in scripts():
        for name, rest in OURS.findall(script):
            seen.add(name)
            ours = rest.partition(" -- ")[0]
            assert set(re.findall(r"(?<!\S)--[\w-]+", ours)) <= options_of(name), (name, rest)
    assert seen == {"run", "import", "gate"}


@pytest.mark.parametrize("script", [step["run"] for step in steps() if "run" in step])
def test_the_scripts_of_the_action_are_bash(script: str) -> None:
    bash = shutil.which("bash")
    assert bash
    assert subprocess.run([bash, "-n"], input=script, text=True, check=False).returncode == 0


def run_step(name: str, folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as the runner does, with our command where the action installs it."""
    (step,) = [step for step in steps() if step["name"] == name]
    place = folder / "temp" / "session-buddy" / "bin"
    place.mkdir(parents=True, exist_ok=True)
    program = place / "session-buddy"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -c "from session_buddy.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    inputs = {key: given.get(key, value["default"]) for key, value in ACTION["inputs"].items()}
    environment = {
        variable: inputs[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", text)[1]]  # type: ignore[index]
        for variable, text in step["env"].items()
    }
    taken = ("GITHUB_", "CI", "SESSION_BUDDY_", "XDG_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(taken)}
    runner = {"RUNNER_TEMP": f"{folder}/temp", "GITHUB_OUTPUT": f"{folder}/output", "HOME": str(folder),
              "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": f"{folder}/summary.md", "GITHUB_RUN_ID": "5",
              "GITHUB_REPOSITORY": "octo/shop", "GITHUB_JOB": "test"}  # fmt: skip
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
        cwd=folder, env=kept | environment | runner, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.long
def test_the_action_runs_records_imports_and_judges(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text('<testsuite name="pytest"><testcase name="a"/></testsuite>')
    hostile = 'echo "$(echo hi)"; exit 7 # $(touch broken) `touch broken`'
    done = run_step(
        "Run and record", tmp_path, command=hostile, skill='my "skill"', reports="report.xml\nmissing.xml\n"
    )
    assert (done.returncode, done.stdout) == (7, "hi\n"), done.stderr
    assert (tmp_path / "output").read_text() == "exit-code=7\n"
    assert not (tmp_path / "broken").exists()
    with open_store(f"sqlite:///{tmp_path}/.session-buddy/store.db") as store:
        rows = store.query("SELECT skill_name, outcome, session_id FROM skill_invocation WHERE kind = 'shell'").rows
    assert ('my "skill"', "failed", "github:octo/shop:5:1:test") in rows
    assert {name for name, _, _ in rows} == {'my "skill"', "pytest-run"}
    for _ in range(5):
        run_step("Run and record", tmp_path, command="exit 1", skill='my "skill"')
    gate = run_step("Gate", tmp_path, **{"min-completion": "0.9", "no-new-anomaly": "true"})
    assert gate.returncode == 1
    assert "::error title=Session-Buddy%3A min-completion::" in gate.stdout
    assert "gate: shut" in (tmp_path / "summary.md").read_text()
    assert run_step("Gate", tmp_path, **{"no-new-anomaly": "true"}).returncode == 0


def test_the_template_of_gitlab_has_the_keys_of_jobs() -> None:
    jobs = {name: job for name, job in GITLAB.items() if name != "variables"}
    assert all(name.startswith(".") for name in jobs), "hidden: who includes it decides what runs"
    for job in jobs.values():
        assert job.keys() <= {
            "image",
            "before_script",
            "script",
            "cache",
            "extends",
            "stage",
            "variables",
            "artifacts",
            "rules",
        }
        assert all(isinstance(line, str) for line in [*job.get("script", []), *job.get("before_script", [])])
        assert job.get("extends", ".session-buddy") in jobs
        assert job.get("cache", {}).keys() <= {"key", "paths", "when", "policy", "untracked"}
    assert all(isinstance(value, str) for value in GITLAB["variables"].values())


def test_hooks_for_pre_commit_have_the_keys_of_hooks() -> None:
    known = (
        "id name entry language description args always_run pass_filenames stages types files exclude require_serial"
    )
    stages = "pre-commit pre-merge-commit pre-push commit-msg post-commit manual"
    assert [hook["id"] for hook in HOOKS] == ["session-buddy-gate", "session-buddy-run"]
    for hook in HOOKS:
        assert hook.keys() <= set(known.split()) and {"id", "name", "entry", "language"} <= hook.keys()
        assert set(hook.get("stages", ())) <= set(stages.split())
        assert all(isinstance(argument, str) for argument in hook.get("args", ()))


def test_nothing_is_installed_by_a_name_that_somebody_else_may_have() -> None:
    (install,) = [step for step in steps() if "bin/pip" in step.get("run", "")]
    assert ACTION["inputs"]["version"]["default"] == "" and '"${WANTED:-$GITHUB_ACTION_PATH}"' in install["run"]
    (command,) = [line for line in GITLAB[".session-buddy"]["before_script"] if "pip install" in line]
    assert '"${SESSION_BUDDY_SOURCE:?' in command and "SESSION_BUDDY_SOURCE" not in GITLAB["variables"]
