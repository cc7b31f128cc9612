"""The rule file: what comes with the program, and what a user may add or get wrong."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys

import pytest

from session_buddy.errors import InvalidInput
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Outcome, Phase

BUILTIN = ShellRules.builtin()

PREDEFINED = {
    "Code Quality": {"ruff-check", "mypy", "pylint"},
    "Testing": {"pytest-run", "coverage-report", "hypothesis-test"},
    "Documentation": {"sphinx-build", "docstring-check", "api-docs"},
    "Deployment": {"docker-build", "k8s-deploy", "terraform-apply"},
}

DEPLOY = """
[[rule]]
skill = "deploy-web"
command = "make deploy"
category = "Deployment"
modality = "deployment"
phase = "execution"
description = "Puts the web pages on line."
failed_when = '^Error: '
completed_when = ['^Deployed ']
"""


def main(rules: ShellRules, command: str) -> str | None:
    found = rules.interpret(command, succeeded=True).main
    return found.skill_name if found else None


def test_the_predefined_skills_stand_in_their_categories() -> None:
    for category, skills in PREDEFINED.items():
        for skill in skills:
            rule = BUILTIN.rule(skill)
            assert rule is not None
            assert rule.category == category


def test_every_spelling_of_every_rule_is_found_under_its_own_name() -> None:
    for rule in BUILTIN.skills():
        for spelling in rule.command:
            assert main(BUILTIN, spelling.replace("*", "x")) == rule.skill, spelling
        assert rule.description.endswith(".")


def test_builtin_is_read_once_and_unknown_skills_are_none() -> None:
    assert ShellRules.builtin() is BUILTIN
    assert BUILTIN.rule("no-such-skill") is None
    names = [rule.skill for rule in BUILTIN.skills()]
    assert len(names) == len(set(names)) > 300
    pytest_run = BUILTIN.rule("pytest-run")
    assert pytest_run is not None
    assert (pytest_run.phase, pytest_run.modality) == (Phase.VERIFICATION, "testing")


def test_a_users_rules_go_before() -> None:
    rules = BUILTIN.extended(DEPLOY, "mine.toml")
    assert main(BUILTIN, "make deploy") == "make"
    assert main(rules, "cd web && sudo make -C x deploy") == "deploy-web"
    assert main(rules, "make other") == "make"
    assert rules.skills()[0].skill == "deploy-web"
    found = rules.interpret("make deploy | tail", succeeded=True, output="Deployed all\n").main
    assert found is not None
    assert found.outcome is Outcome.COMPLETED
    found = rules.interpret("make deploy | tail", succeeded=True, output="Error: no\n").main
    assert found is not None
    assert found.outcome is Outcome.FAILED


def test_a_users_general_rule_beats_a_special_one_of_ours() -> None:
    family = '[[family]]\ncommands = ["git"]\ncategory = "X"\nmodality = "code"\ndescription = "Git."\n'
    assert main(BUILTIN.extended(family, "mine.toml"), "git commit -m x") == "git"


def test_a_user_may_describe_a_skill_of_ours_anew() -> None:
    text = DEPLOY.replace("deploy-web", "pytest-run").replace('"Deployment"', '"Mine"')
    rules = BUILTIN.extended(text, "mine.toml")
    rule = rules.rule("pytest-run")
    assert rule is not None
    assert rule.category == "Mine"
    assert main(rules, "pytest") == main(rules, "make deploy") == "pytest-run"


@pytest.mark.parametrize(
    ("text", "command", "skill"),
    [
        ('ignored = ["git status"]', "git status", None),
        ('ignored = ["git status"]', "git log", "git-log"),
        ('transparent = ["inbox _"]', "inbox here pytest", "pytest-run"),
        ('transparent = ["inbox"]\n[options_with_value]\ninbox = ["-n"]', "inbox -n 3 pytest", "pytest-run"),
        ('shells = ["xonsh"]', "xonsh -c 'pytest'", "pytest-run"),
    ],
)
def test_a_user_may_add_to_the_lists(text: str, command: str, skill: str | None) -> None:
    assert main(BUILTIN, command) != skill or skill == "git-log"
    assert main(BUILTIN.extended(text, "mine.toml"), command) == skill


def test_a_user_may_call_a_command_harmless() -> None:
    before = BUILTIN.interpret("prepare && pytest", succeeded=False).main
    after = BUILTIN.extended('harmless = ["prepare"]', "mine.toml").interpret("prepare && pytest", succeeded=False).main
    assert before is not None
    assert after is not None
    assert (before.outcome, after.outcome) == (None, Outcome.FAILED)


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("[[rule", "mine.toml", "TOML"),
        ("rules = []", "mine.toml", "rules"),
        ('harmless = "ls"', "mine.toml", "harmless"),
        ("rule = 3", "mine.toml", "rule"),
        (DEPLOY.replace('modality = "deployment"\n', ""), "mine.toml, rule 1 (deploy-web)", "modality"),
        (DEPLOY.replace('modality = "deployment"', 'modality = "magic"'), "mine.toml, rule 1 (deploy-web)", "magic"),
        (DEPLOY.replace('phase = "execution"', 'phase = "later"'), "mine.toml, rule 1 (deploy-web)", "later"),
        (DEPLOY.replace("skill =", "skil ="), "mine.toml, rule 1", "skil"),
        (DEPLOY.replace('"make deploy"', "3"), "mine.toml, rule 1 (deploy-web)", "command"),
        (DEPLOY.replace('"make deploy"', "[]"), "mine.toml, rule 'deploy-web'", "empty"),
        (DEPLOY.replace('"make deploy"', '""'), "mine.toml, rule 'deploy-web'", "''"),
        (DEPLOY.replace('"make deploy"', '"make  deploy"'), "mine.toml, rule 'deploy-web'", "make  deploy"),
        (DEPLOY.replace('"make deploy"', '"/bin/make"'), "mine.toml, rule 'deploy-web'", "/bin/make"),
        (DEPLOY.replace('"make deploy"', '"make *x"'), "mine.toml, rule 'deploy-web'", "make *x"),
        (DEPLOY.replace('"Deployment"', '" "'), "mine.toml, rule 'deploy-web'", "category"),
        (DEPLOY.replace("deploy-web", "deploy web"), "mine.toml, rule 'deploy web'", "name"),
        (DEPLOY.replace("^Error: ", "(open"), "mine.toml, rule 'deploy-web'", "(open"),
        (DEPLOY + DEPLOY, "mine.toml, rule 'deploy-web'", "twice"),
        (DEPLOY + DEPLOY.replace("deploy-web", "other"), "mine.toml, rule 'other'", "deploy-web"),
        ('transparent = ["/usr/bin/env"]', "mine.toml", "/usr/bin/env"),
    ],
)
def test_mistakes_are_named(text: str, place: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(why)) as caught:
        BUILTIN.extended(text, "mine.toml")
    assert caught.value.field == place
    assert caught.value.remedy


def test_the_digest_follows_the_meaning_not_the_layout() -> None:
    digests = {
        BUILTIN.digest,
        BUILTIN.extended(DEPLOY, "a").digest,
        BUILTIN.extended(DEPLOY.replace("make deploy", "make ship"), "a").digest,
        BUILTIN.extended('harmless = ["x"]', "a").digest,
    }
    assert len(digests) == 4
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)
    assert BUILTIN.extended(f"# a remark\n{DEPLOY}\n\n", "b").digest == BUILTIN.extended(DEPLOY, "a").digest
    assert ShellRules.builtin().digest == BUILTIN.digest


def test_the_digest_is_the_same_in_every_process() -> None:
    program = "from session_buddy.importers.shell import ShellRules; print(ShellRules.builtin().digest)"
    for seed in ("1", "2"):  # of the hashes by which sets are ordered
        run = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == BUILTIN.digest


@pytest.mark.parametrize("module", ["", ".tokens", ".interpreting"])
def test_examples_in_the_documentation_hold(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"session_buddy.importers.shell{module}"))
    assert result.attempted > 0
    assert result.failed == 0
