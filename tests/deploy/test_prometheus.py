"""The rules of Prometheus are valid, speak only of what is exported, and alert when they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from session_buddy.server.doors import DEFAULT_PORT
from session_buddy.server.metrics import MetricsEndpoint, new_registry
from session_buddy.server.metrics_catalogue import exported_names
from session_buddy.storage import open_store
from tests.deploy.expressions import PROMETHEUS, RULE_FILES, RULE_TESTS, all_expressions, recorded, rules
from tests.deploy.promql import grouped_in, labels_in, metrics_in
from tests.docs.pages import text_of
from tests.making import FakeClock, invocation, many

Promtool = Callable[..., "subprocess.CompletedProcess[bytes]"]
OF_PROMETHEUS = {"up": {"job"}}
OF_THE_PROCESS = {"process_resident_memory_bytes": set[str]()}
TARGET = {"instance", "job"}


@pytest.fixture
def promtool() -> Promtool:
    binary = shutil.which("promtool")
    if binary is None:
        pytest.skip("promtool is not installed; Debian has it in the package prometheus")

    def run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([str(binary), *arguments], input=given, capture_output=True, timeout=120, check=False)

    return run


def labels_of() -> Iterator[tuple[str, set[str]]]:
    """Yield every name that may be asked for, with its labels."""
    for name, described in exported_names().items():
        yield name, {*described.labels, *(["le"] if name.endswith("_bucket") else [])}
    yield from OF_PROMETHEUS.items()
    yield from OF_THE_PROCESS.items()
    for name in recorded():
        yield name, {"skill", "kind"}


KNOWN = dict(labels_of())
ALERTS = [rule for rule in rules() if "alert" in rule]


@pytest.mark.parametrize(("name", "expression"), list(all_expressions()), ids=lambda value: value[:60])
def test_every_expression_speaks_of_what_is_exported(name: str, expression: str) -> None:
    metrics = metrics_in(expression)
    assert metrics, "an expression that this test does not understand"
    assert metrics <= KNOWN.keys()
    for metric, label in labels_in(expression):
        assert label in KNOWN[metric] | TARGET, f"{metric} has no label {label}"
    assert grouped_in(expression) <= {label for metric in metrics for label in KNOWN[metric]} | TARGET


def test_a_name_that_is_not_exported_would_be_found() -> None:
    assert metrics_in('histogram_quantile(0.9, rate(x_bucket{a="b{"}[1h])) > 3 * y:z and on (c) d') == {
        "x_bucket",
        "y:z",
        "d",
    }
    assert not metrics_in("rate(session_buddy_gone_total[5m])") <= KNOWN.keys()


def test_metrics_are_well_formed_and_follow_the_conventions(promtool: Promtool, tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/store.db", clock=FakeClock()) as store:
        store.record(
            [*many(300), invocation("evil", skill_name='a"} 1\nx{y="\\'), invocation("nul", skill_name="\x00")]
        )
        endpoint = MetricsEndpoint(new_registry(store, clock=FakeClock()), run=lambda _: pytest.fail("not asked"))
        checked = promtool("check", "metrics", given=endpoint.text())
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_metric_against_the_conventions_would_be_found(promtool: Promtool) -> None:
    checked = promtool(
        "check", "metrics", given=b"# HELP a_milliseconds x\n# TYPE a_milliseconds counter\na_milliseconds 1\n"
    )
    assert checked.returncode != 0


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.name)
def test_rules_are_valid(file: Path, promtool: Promtool) -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", str(file))
    assert checked.returncode == 0, checked.stderr


def test_the_configuration_is_valid_and_asks_where_the_server_is_by_default(promtool: Promtool) -> None:
    file = PROMETHEUS / "prometheus.yml"
    checked = promtool("check", "config", str(file))
    assert checked.returncode == 0, checked.stderr
    (job,) = yaml.safe_load(text_of(file))["scrape_configs"]
    assert job["job_name"] == "session-buddy"
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{DEFAULT_PORT}"]}]


@pytest.mark.long
@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda file: file.name)
def test_alerts_fire_when_they_should(file: Path, promtool: Promtool) -> None:
    tested = promtool("test", "rules", str(file))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def cases() -> list[dict[str, Any]]:
    return [case for file in RULE_TESTS for case in yaml.safe_load(text_of(file))["tests"]]


def test_every_alert_is_seen_firing() -> None:
    checks = [check for case in cases() for check in case.get("alert_rule_test", [])]
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == {rule["alert"] for rule in ALERTS}


def test_every_alert_is_seen_quiet_though_it_has_something_to_look_at() -> None:
    (healthy,) = [case for case in cases() if case["name"].startswith("nothing is wrong")]
    assert {"expr": "ALERTS", "eval_time": "10810m", "exp_samples": []} in healthy["promql_expr_test"]
    given = {metric for series in healthy["input_series"] for metric in metrics_in(series["series"])}
    records = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    needed = {metric for rule in ALERTS for metric in metrics_in(rule["expr"])}
    while derived := needed & records.keys():
        needed = needed - derived | {metric for name in derived for metric in metrics_in(records[name])}
    assert needed == given


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_what_it_means_and_how_bad_it_is(rule: dict[str, Any]) -> None:
    assert rule["annotations"].keys() == {"summary", "description"}
    # Severity is the rule's own, or comes along with the series.
    assert ("severity" in rule.get("labels", {})) != ("severity" in rule["expr"])
    labels = {label for metric in metrics_in(rule["expr"]) for label in KNOWN[metric]} | TARGET
    assert set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))) <= labels
