"""A real Prometheus scrapes a real server; everything that is shipped for it and for Grafana works there."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from session_buddy.model import Kind, Outcome
from session_buddy.server.metrics_catalogue import CATALOGUE, exported_names
from session_buddy.storage import Checkpoint
from tests.deploy.expressions import all_expressions
from tests.deploy.own_prometheus import OwnPrometheus, impatient, own_prometheus
from tests.making import NOW, invocation, many
from tests.server.serving_kit import Served, served

ANY_TEXT = ['say "hi"', "back\\slash", "two\nlines", 'a"} 1\nevil{x="', "тест 🎉", "<script>", "other"]
_numbers = count()


class Scraped(NamedTuple):
    server: Served
    prometheus: OwnPrometheus


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """A server that was used before, between and after scrapes, and the Prometheus that saw it."""
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed; Debian has it in the package prometheus")
    folder = tmp_path_factory.mktemp("server")
    with served(folder) as server:
        _fill(server, folder)
        with own_prometheus(tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{server.port}") as prometheus:
            prometheus.wait_for_scrapes(2)
            _use(server)
            prometheus.wait_for_scrapes(3)
            prometheus.wait_until(lambda: _evaluated(prometheus))
            yield Scraped(server, prometheus)


def _fill(server: Served, folder: Path) -> None:
    server.store.record(many(400, skills=6))
    server.store.record(invocation(f"any-{place}", skill_name=name) for place, name in enumerate(ANY_TEXT))
    checkpoint = Checkpoint(path="/gone", importer="i 1", identity="x", size=1, modified_ns=1, offset=1, state=b"")
    server.store.record([], checkpoints=[checkpoint])
    with sqlite3.connect(folder / "store.db") as writer:
        writer.execute(
            "INSERT INTO skill_anomalies (skill_name, detected_at, anomaly_type, metric, severity)"
            " VALUES ('skill-1', ?, 'drop', 'completion_rate', 'critical')",
            [NOW],
        )
    writer.close()


def _use(server: Served) -> None:
    """Let skills be used through the server: of skill-1 a fifth completes."""
    outcomes = [Outcome.COMPLETED, *[Outcome.FAILED] * 4, Outcome.ABANDONED, None]
    server.site.writer.submit(
        invocation(
            f"used-{next(_numbers)}",
            skill_name=f"skill-{skill}",
            session_id=f"used-{skill}",
            kind=Kind.SKILL,
            outcome=outcome,
            duration_ms=3_600_000,
        )
        for skill in range(6)
        for outcome in outcomes * 4
    )


@pytest.mark.long
def test_the_target_is_up(scraped: Scraped) -> None:
    (target,) = scraped.prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


@pytest.mark.long
def test_everything_that_the_catalogue_lists_arrives(scraped: Scraped) -> None:
    names = set(scraped.prometheus.get("label/__name__/values"))
    assert exported_names().keys() <= names
    ours = {name for name in names if name.startswith("session_buddy_")}
    assert ours == exported_names().keys()


def test_types_and_explanations_arrive(scraped: Scraped) -> None:
    told = scraped.prometheus.get("metadata")
    for described in CATALOGUE:
        (entry,) = told[described.name]
        assert (entry["type"], entry["help"]) == (described.type, described.help)


@pytest.mark.long
def test_figures_are_those_of_the_store(scraped: Scraped) -> None:
    for name, kind, invocations, completed in scraped.server.store.query(
        "SELECT skill_name, kind, invocation_count, completed_count FROM skill_metrics WHERE skill_name LIKE 'skill-%'"
    ).rows:
        labels = f'skill="{name}", kind="{kind}"'
        assert scraped.prometheus.value(f"session_buddy_invocations_started_total{{{labels}}}") == invocations
        ended = f'session_buddy_invocations_total{{{labels}, outcome="completed"}}'
        assert scraped.prometheus.value(ended) == completed


def test_any_text_arrives_as_it_is(scraped: Scraped) -> None:
    names = scraped.prometheus.get("label/skill/values")
    assert set(ANY_TEXT) <= set(names)


@pytest.mark.long
def test_exemplars_arrive(scraped: Scraped) -> None:
    found = scraped.prometheus.get(
        "query_exemplars",
        query='session_buddy_invocation_duration_seconds_bucket{skill="skill-1"}',
        start="2026-01-01T00:00:00Z",
        end="2027-01-01T00:00:00Z",
    )
    ids = {exemplar["labels"]["event_id"] for series in found for exemplar in series["exemplars"]}
    (of_the_longest,) = [one for one in found if one["seriesLabels"]["le"] == "+Inf"]
    assert ids
    assert [exemplar["value"] for exemplar in of_the_longest["exemplars"]] == ["3600"]


def test_rules_run_without_errors(scraped: Scraped) -> None:
    for group in scraped.prometheus.get("rules")["groups"]:
        for rule in group["rules"]:
            assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule["name"]


def test_an_anomaly_and_nothing_else_is_alerted_at_once(scraped: Scraped) -> None:
    firing = [alert["labels"] for alert in scraped.prometheus.get("alerts")["alerts"] if alert["state"] == "firing"]
    assert [(one["alertname"], one["skill"], one["severity"]) for one in firing] == [
        ("SessionBuddyAnomaly", "skill-1", "critical")
    ]


@pytest.mark.long
@pytest.mark.parametrize(("name", "expression"), list(all_expressions()), ids=lambda value: value[:60])
def test_every_expression_is_answered(name: str, expression: str, scraped: Scraped) -> None:
    asked = _filled_in(expression, f"127.0.0.1:{scraped.server.port}")
    found = scraped.prometheus.query(asked)
    alerts = name.startswith(("grafana", "rule SessionBuddy"))
    # An alert that has nothing to tell gives nothing; a panel or a record that does is a mistake in its expression.
    assert found or alerts, asked
    assert alerts or any(series["value"][1] != "NaN" for series in found)


def _evaluated(prometheus: OwnPrometheus) -> bool:
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    return (
        len(rules) > 15
        and all(rule["health"] != "unknown" for rule in rules)
        and bool(prometheus.query("skill:session_buddy_invocation_duration_seconds:median_p90_1w"))
    )


def _filled_in(expression: str, instance: str) -> str:
    """Return *expression* as Grafana would send it, a little later."""
    given = {"instance": instance, "skill": "skill-1", "__rate_interval": "10m", "__range": "1h", "__interval": "15s"}
    return impatient(re.sub(r"\$(\w+)", lambda found: given[found[1]], expression))
