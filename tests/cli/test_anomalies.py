"""``anomalies``, ``alerts``, ``settings`` and ``db prune``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from session_buddy.cli.choices import AlertFormatChoice, DetectorChoice, SeverityChoice
from session_buddy.model import Kind
from session_buddy.monitoring.alerts.targets import AlertFormat
from session_buddy.monitoring.detector import Severity
from session_buddy.monitoring.panel import DETECTORS
from session_buddy.storage import open_store
from tests.cli.conftest import Run
from tests.making import NOW, FakeClock, iso, shifted
from tests.monitoring.history import broken_since, told
from tests.monitoring.receiving import Receiver, receiving

HERE = datetime.fromisoformat(NOW).replace(minute=0, second=0, microsecond=0)
BROKEN = HERE - timedelta(hours=3)


@pytest.fixture(scope="module")
def broken_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store of two skills with four weeks of history, one of which began to fail three hours ago."""
    path = tmp_path_factory.mktemp("broken") / "store.db"
    start = HERE - timedelta(days=27, hours=HERE.hour)
    with open_store(f"sqlite:///{path}", clock=FakeClock()) as store:
        store.record(list(told("deploy", broken_since(BROKEN), start, HERE)))
        store.record(list(told("Read", broken_since(BROKEN), start, HERE, kind=Kind.TOOL)))
    return path


@pytest.fixture
def broken(broken_once: Path, url: str) -> str:
    """A copy of :func:`broken_once`: to copy it takes a hundredth of the time."""
    with (
        closing(sqlite3.connect(broken_once)) as source,
        closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as copy,
    ):
        source.backup(copy)
    return url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_without_a_watch_there_is_none_and_it_says_how_to_watch(run: Run, broken: str) -> None:
    answer = run("anomalies")
    assert answer.code == 0
    assert "None." in answer.out
    assert "session-buddy anomalies watch" in answer.out
    assert run("anomalies", "--json").json == {"open": [], "resolved": [], "total_resolved": 0}


def test_the_watch_finds_stores_and_shows(run: Run, broken: str) -> None:
    found = run("anomalies", "watch", "--json").json
    assert [(row["skill_name"], row["metric"], row["anomaly_type"]) for row in found["changed"]] == [
        ("deploy", "completion_rate", "drop")
    ]
    assert found["alerts"] == []
    assert run("anomalies", "watch").out == "Nothing changed.\n"
    shown = run("anomalies").out
    assert "deploy" in shown
    assert "Success fell to 50 %" in shown
    assert "critical" in shown
    (row,) = run("anomalies", "--json").json["open"]
    assert row == found["changed"][0]


def test_resolved_ones_are_shown_when_asked_for(run: Run, broken: str) -> None:
    run("anomalies", "watch")
    with open_store(broken, clock=FakeClock()) as store:
        steady = broken_since(HERE + timedelta(days=9))
        store.record(list(told("deploy", steady, HERE, HERE + timedelta(hours=6))))
    later = shifted(NOW, hours=6)
    assert "Changed" in run("anomalies", "watch", now=later).out
    assert run("anomalies", "--json", now=later).json["resolved"] == []
    listed = run("anomalies", "--all", "--json", now=later).json
    assert [row["resolved_at"] is not None for row in listed["resolved"]] == [True]
    assert "Resolved  the latest 1 of 1" in run("anomalies", "--all", now=later).out


def test_one_skill_may_be_asked_for(run: Run, broken: str) -> None:
    run("anomalies", "watch")
    assert len(run("anomalies", "--skill", "DEPLOY", "--json").json["open"]) == 1
    assert run("anomalies", "--skill", "Read", "--json").json["open"] == []
    refused = run("anomalies", "--skill", "deplay", "--json")
    assert (refused.code, refused.error["suggestions"]) == (1, ["deploy"])


def test_a_backtest_tells_what_would_have_been_told(run: Run, broken: str) -> None:
    report = run("anomalies", "backtest", "--json").json
    (skill,) = report["skills"]
    assert (report["detector"], report["incidents"], skill["skill"]) == ("evidence", 1, "deploy")
    assert skill["incidents"][0]["opened_at"] in (iso(BROKEN + timedelta(hours=number)) for number in (1, 2))
    assert skill["hours"] == pytest.approx(27 * 24, abs=24)
    shown = run("anomalies", "backtest").out
    assert "1 incident in 1 skill" in shown
    assert run("anomalies", "--all", "--json").json["open"] == [], "a backtest changes nothing"


def test_a_backtest_by_the_specifications_detector(run: Run, broken: str) -> None:
    plain = run("anomalies", "backtest", "--detector", "zscore", "--json").json
    strict = run("anomalies", "backtest", "--detector", "zscore", "--threshold", "99", "--json").json
    assert (plain["detector"], strict["threshold"]) == ("zscore", 99.0)
    assert plain["incidents"] > strict["incidents"]
    refused = run("anomalies", "backtest", "--threshold", "9", "--json")
    assert (refused.code, refused.error["type"]) == (3, "InvalidInput")


def test_a_backtest_of_one_skill_and_few_days(run: Run, broken: str) -> None:
    report = run("anomalies", "backtest", "--skill", "Read", "--days", "20", "--json").json
    assert [one["skill"] for one in report["skills"]] == ["Read"]
    assert report["skills"][0]["hours"] == 20 * 24
    assert report["since"] == iso(HERE - timedelta(days=20))


def test_a_backtest_of_nothing(run: Run, url: str) -> None:
    with open_store(url, clock=FakeClock()):
        pass
    assert "No skill was used in this time." in run("anomalies", "backtest").out
    assert run("anomalies", "backtest", "--json").json["share_flagged"] is None


def test_alerts_are_sent_by_the_watch_once(run: Run, broken: str, receiver: Receiver) -> None:
    assert run("alerts", "add", "ops", "--url", receiver.url).code == 0
    told_first = run("anomalies", "watch", "--json").json["alerts"]
    assert [(one["target"], one["happening"], one["problem"]) for one in told_first] == [("ops", "opened", None)]
    assert run("anomalies", "watch", "--json").json["alerts"] == []
    assert [body["data"]["skill_name"] for body in receiver.bodies] == ["deploy"]


def test_an_alert_that_did_not_arrive_is_said_so(run: Run, broken: str, receiver: Receiver) -> None:
    receiver.statuses = [500]
    run("alerts", "add", "ops", "--url", receiver.url)
    assert "Not told ops: opened deploy. It answers with status 500." in run("anomalies", "watch").out


def test_targets_are_added_replaced_listed_and_removed(run: Run, broken: str) -> None:
    run("alerts", "add", "ops", "--url", "https://example.com/hook", "--secret", "env:HOOK_SECRET")
    run("alerts", "add", "team", "--url", "env:SLACK_URL", "--format", "slack", "--severity", "critical")
    run("alerts", "add", "ops", "--url", "https://example.com/other", "--severity", "info", "--secret", "file:~/s")
    assert run("alerts", "list", "--json").json == {
        "targets": [
            {
                "name": "team",
                "url": "env:SLACK_URL",
                "format": "slack",
                "severity": "critical",
                "secret": None,
            },
            {
                "name": "ops",
                "url": "https://example.com/other",
                "format": "webhook",
                "severity": "info",
                "secret": "file:~/s",
            },
        ]
    }
    assert "env:SLACK_URL" in run("alerts", "list").out
    assert run("alerts", "remove", "team").out == "team is told no more.\n"
    assert run("alerts", "remove", "team").code == 1
    run("alerts", "remove", "ops")
    assert "Nobody is told." in run("alerts", "list").out


def test_a_secret_is_not_taken_into_the_store(run: Run, broken: str) -> None:
    for arguments in (
        ["--url", "https://hooks.slack.com/services/T0/B0/tell-nobody", "--format", "slack"],
        ["--url", "https://example.com/", "--secret", "tell-nobody-anything"],
        ["--url", "https://me:tell-nobody@example.com/"],
    ):
        refused = run("alerts", "add", "ops", *arguments)
        assert refused.code == 3
        assert "tell-nobody" not in refused.err
    assert run("alerts", "list", "--json").json == {"targets": []}


def test_a_target_can_be_tried(run: Run, broken: str, receiver: Receiver) -> None:
    receiver.statuses = [200, 410]
    run("alerts", "add", "ops", "--url", receiver.url)
    assert run("alerts", "test", "ops").out == "ops got it.\n"
    refused = run("alerts", "test", "ops", "--json")
    assert (refused.code, refused.error["type"]) == (1, "AnswerIsNo")
    assert "status 410" in refused.error["problem"]
    assert run("alerts", "test", "nobody").code == 1


def test_settings_are_shown_set_and_reset(run: Run, broken: str) -> None:
    defaults = run("settings", "--json").json["settings"]
    assert all(one["value"] == one["default"] for one in defaults)
    assert "anomaly_detector" in run("settings").out
    for name, value in {
        "anomaly_detector": "zscore",
        "anomaly_threshold": "3",
        "anomaly_kinds": "skill,mcp",
        "anomaly_time_zone": "Europe/Berlin",
        "retention_days": "400",
        "community_min_users": "7",
    }.items():
        assert run("settings", "set", name, value).out == f"{name} is {value}.\n"
    values = {one["name"]: one["value"] for one in run("settings", "--json").json["settings"]}
    assert values["anomaly_threshold"] == "3"
    assert values["retention_days"] == "400"
    for name in reversed(values):
        if name != "anomaly_detector":
            run("settings", "reset", name)
    run("settings", "reset", "anomaly_detector")
    assert run("settings", "--json").json["settings"] == defaults


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("anomaly_detector", "crystal-ball"),
        ("anomaly_threshold", "2"),
        ("anomaly_threshold", "-1"),
        ("anomaly_kinds", "spell"),
        ("anomaly_time_zone", "Mars"),
        ("retention_days", "34"),
        ("retention_days", "never"),
        ("community_min_users", "0"),
        ("community_min_users", ""),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(run: Run, broken: str, name: str, value: str) -> None:
    before = run("settings", "--json").json
    refused = run("settings", "set", "--json", "--", name, value)
    assert (refused.code, refused.error["type"]) == (3, "InvalidInput")
    assert name in refused.error["problem"]
    assert run("settings", "--json").json == before


def test_an_unknown_setting_is_not_made(run: Run, broken: str) -> None:
    refused = run("settings", "set", "retention", "400", "--json")
    assert refused.code == 1
    assert "retention_days" in refused.error["suggestions"]


def test_pruning_says_what_it_would_do_and_does_it(run: Run, broken: str) -> None:
    total = run("sql", "SELECT count(*) AS n FROM skill_invocation", "--json").json[0]["n"]
    would = run("db", "prune", "--days", "10", "--dry-run", "--json").json
    assert would == {"before": shifted(NOW, days=-9)[:10] + "T00:00:00.000Z", "invocations": 8640, "dry_run": True}
    assert run("db", "prune", "--days", "10", "--dry-run").out == "Would delete 8,640 invocations before 6 Jun 2026.\n"
    assert run("db", "prune", "--days", "10", "--yes").out == "Deleted 8,640 invocations before 6 Jun 2026.\n"
    assert run("sql", "SELECT count(*) AS n FROM skill_invocation", "--json").json[0]["n"] == total - 8640
    assert run("db", "verify").code == 0
    assert run("db", "prune", "--days", "10").out == "Deleted 0 invocations before 6 Jun 2026.\n"


def test_pruning_asks_first_and_needs_to_know_how_much_is_kept(run: Run, broken: str) -> None:
    refused = run("db", "prune", "--days", "10", "--json")
    assert (refused.code, refused.error["type"]) == (2, "WrongUsage")
    assert "8,640 invocations" in refused.error["problem"]
    assert run("db", "prune", "--json").error["type"] == "InvalidInput"
    run("settings", "set", "retention_days", "36")
    assert run("db", "prune", "--dry-run", "--json").json["before"] == shifted(NOW, days=-35)[:10] + "T00:00:00.000Z"


def test_the_watch_says_what_fails(run: Run, broken: str) -> None:
    with sqlite3.connect(Path(broken.removeprefix("sqlite:///"))) as connection:
        connection.execute("INSERT INTO store_settings VALUES ('anomaly_detector', 'crystal-ball')")
    connection.close()
    refused = run("anomalies", "watch", "--json")
    assert (refused.code, refused.error["type"]) == (3, "InvalidInput")
    assert "anomaly_detector" in refused.error["problem"]


def test_the_words_to_choose_from_are_those_there_are() -> None:
    assert [choice.value for choice in DetectorChoice] == list(DETECTORS)
    assert [choice.value for choice in SeverityChoice] == list(Severity)
    assert [choice.value for choice in AlertFormatChoice] == list(AlertFormat)
