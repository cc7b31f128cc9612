"""Alerts reach those who want them: once if all goes well, again if not, and never tell a secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from session_buddy.errors import InvalidInput, NotFound, SessionBuddyError, StoreUnreadable
from session_buddy.feed.messages import AnomalyRow
from session_buddy.monitoring.alerts.delivery import Deliveries, send_test
from session_buddy.monitoring.alerts.ledger import Ledger
from session_buddy.monitoring.alerts.messages import Alert, Happening, body_of
from session_buddy.monitoring.alerts.targets import (
    AlertFormat,
    Target,
    signing_key,
    targets_of,
    text_of,
    url_of,
    without,
)
from session_buddy.monitoring.detector import Severity
from session_buddy.storage import Store, open_store
from session_buddy.storage.tables import PLAIN_TABLES
from tests.docs.pages import blocks
from tests.making import NOW, FakeClock, iso, shifted
from tests.monitoring.receiving import Receiver, receiving

SETTINGS, ANOMALIES = (
    table for name in ("store_settings", "skill_anomalies") for table in PLAIN_TABLES if table.name == name
)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", clock=clock) as store:
        yield store


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def anomaly(number: int = 1, **fields: Any) -> AnomalyRow:
    given: dict[str, Any] = {
        "skill_name": "deploy",
        "detected_at": shifted(NOW, minutes=-10),
        "anomaly_type": "drop",
        "metric": "completion_rate",
        "severity": "critical",
        "baseline_value": 0.9,
        "observed_value": 0.4,
        "deviation_score": -5.5,
        "reason": "Success fell to 40 %.",
        "detector": "evidence",
    }
    return AnomalyRow(id=number, **(given | fields))


def put(store: Store, *rows: AnomalyRow) -> None:
    store.put_rows(ANOMALIES, [tuple(getattr(row, column) for column in ANOMALIES.columns) for row in rows])


def aim(store: Store, *targets: Target) -> None:
    store.put_rows(SETTINGS, [("alert_targets", text_of(targets))])


def deliveries(
    store: Store, tmp_path: Path, clock: FakeClock, *, begun: str = NOW, environment: dict[str, str] | None = None
) -> Deliveries:
    return Deliveries(store, tmp_path / "data", clock, begun=begun, environment=environment or {})


def test_opened_and_resolved_are_told_once_each(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    aim(store, Target(name="ops", url=receiver.url))
    put(store, anomaly())
    teller = deliveries(store, tmp_path, clock)
    assert [(one.alert, one.problem) for one in teller.deliver()] == [("anomaly-1-opened", None)]
    assert teller.deliver() == []
    put(store, anomaly(resolved_at=NOW))
    teller.deliver()
    teller.deliver()
    assert [body["type"] for body in receiver.bodies] == ["anomaly.opened", "anomaly.resolved"]
    first, second = receiver.bodies
    assert first["data"]["skill_name"] == "deploy"
    assert first["data"]["reason"] == "Success fell to 40 %."
    assert (first["timestamp"], second["timestamp"]) == (shifted(NOW, minutes=-10), NOW)


def test_a_server_that_fails_first_is_told_when_it_works(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    receiver.statuses = [503, 500, 429]
    aim(store, Target(name="ops", url=receiver.url))
    put(store, anomaly(1), anomaly(2))
    teller = deliveries(store, tmp_path, clock)
    attempts = []
    for second in range(40):
        told = teller.deliver()
        attempts += [(second, one.alert, one.problem) for one in told]
        clock.advance(seconds=1)
    # It is not asked again and again: 5, 10 and 20 seconds lie between.
    assert attempts == [
        (0, "anomaly-1-opened", "It answers with status 503."),
        (5, "anomaly-1-opened", "It answers with status 500."),
        (15, "anomaly-1-opened", "It answers with status 429."),
        (35, "anomaly-1-opened", None),
        (35, "anomaly-2-opened", None),
    ]
    # After a success the waits begin anew.
    receiver.statuses = [503]
    put(store, anomaly(3))
    told = [*teller.deliver()]
    clock.advance(seconds=5)
    told += teller.deliver()
    assert [one.problem for one in told] == ["It answers with status 503.", None]
    receiver.got = receiver.got[:5]
    ids = [headers["Webhook-Id"] for _, headers, _ in receiver.got]
    assert ids == ["anomaly-1-opened"] * 4 + ["anomaly-2-opened"]


def test_one_that_is_refused_does_not_hold_up_the_others(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    receiver.statuses = [400]
    aim(store, Target(name="ops", url=receiver.url))
    put(store, anomaly(1), anomaly(2))
    teller = deliveries(store, tmp_path, clock)
    assert [one.problem for one in teller.deliver()] == ["It answers with status 400.", None]
    assert teller.deliver() == []
    clock.advance(seconds=5)
    assert [(one.alert, one.problem) for one in teller.deliver()] == [("anomaly-1-opened", None)]


def test_what_was_not_told_is_told_by_the_next_process(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    receiver.statuses = [503]
    aim(store, Target(name="ops", url=receiver.url))
    put(store, anomaly())
    deliveries(store, tmp_path, clock).deliver()
    clock.advance(hours=30)
    put(store, anomaly(resolved_at=shifted(NOW, hours=1)))
    told = deliveries(store, tmp_path, clock, begun=clock.now).deliver()
    assert [one.happening for one in told] == [Happening.OPENED, Happening.RESOLVED]
    assert deliveries(store, tmp_path, clock, begun=clock.now).deliver() == []


def test_after_three_days_it_is_given_up_and_said_so(
    store: Store, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    aim(store, Target(name="ops", url=f"http://127.0.0.1:{free_port()}/tell-nobody"))
    put(store, anomaly())
    teller = deliveries(store, tmp_path, clock)
    attempts = 0
    while attempts < 10_000 and not caplog.records:
        attempts += len(teller.deliver())
        clock.advance(minutes=15)
    assert "ops is not told of anomaly-1-opened any more: It cannot be reached" in caplog.text
    assert 288 <= attempts <= 300
    assert teller.deliver() == []


def test_the_signature_is_that_of_standard_webhooks(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    aim(store, Target(name="ops", url=receiver.url, secret="env:SECRET"))
    put(store, anomaly())
    deliveries(store, tmp_path, clock, environment={"SECRET": SECRET}).deliver()
    _, headers, body = receiver.got[0]
    assert headers["Webhook-Timestamp"] == "1781526896"
    signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
    mac = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["Webhook-Signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert headers["Content-Type"] == "application/json"


def test_the_check_on_the_how_to_page_takes_real_messages_and_no_others(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    send_test(Target(name="ops", url=receiver.url, secret="env:SECRET"), now=iso(datetime.now(UTC)))
    page = Path(__file__).parents[2] / "docs" / "how-to" / "anomalies-and-alerts.md"
    names: dict[str, Any] = {}
    exec(blocks(page, "python")[0], names)
    is_genuine = names["is_genuine"]
    _, got, body = receiver.got[0]
    headers = {name.lower(): value for name, value in got.items()}
    assert is_genuine(headers, body, SECRET)
    assert not is_genuine(headers, body + b" ", SECRET)
    assert not is_genuine(headers | {"webhook-id": "another"}, body, SECRET)
    assert not is_genuine(headers | {"webhook-timestamp": "1781526896"}, body, SECRET)


def test_slack_gets_a_text_in_which_names_steer_nothing(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    aim(store, Target(name="team", url="env:SLACK", format=AlertFormat.SLACK))
    put(store, anomaly(skill_name="<!channel> & <http://x|y>", reason="It\nfell."))
    deliveries(store, tmp_path, clock, environment={"SLACK": receiver.url}).deliver()
    assert receiver.bodies == [
        {"text": "🔴 &lt;!channel&gt; &amp; &lt;http://x|y&gt;: It fell. (critical since 2026-06-15 12:24 UTC)"}
    ]
    resolved = msgspec.json.decode(body_of(Alert(Happening.RESOLVED, anomaly(resolved_at=NOW)), AlertFormat.SLACK))
    assert resolved["text"].startswith("🟢 deploy: resolved at 2026-06-15 12:34 UTC.")


def test_imported_history_raises_no_alarm(store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver) -> None:
    aim(store, Target(name="ops", url=receiver.url))
    put(
        store,
        anomaly(1, detected_at=shifted(NOW, hours=-25)),
        anomaly(2, detected_at=shifted(NOW, days=-20), resolved_at=shifted(NOW, days=-5)),
        anomaly(3, detected_at=shifted(NOW, hours=-30), resolved_at=shifted(NOW, hours=-1)),
        anomaly(4, detected_at=shifted(NOW, hours=-23), resolved_at=shifted(NOW, hours=-20)),
    )
    told = deliveries(store, tmp_path, clock).deliver()
    assert [one.alert for one in told] == ["anomaly-4-opened", "anomaly-4-resolved"]


def test_what_opened_since_the_watch_began_is_told_as_long_as_it_is_open(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    aim(store, Target(name="ops", url=receiver.url))
    put(
        store,
        anomaly(1, detected_at=shifted(NOW, hours=-25)),
        anomaly(2, detected_at=shifted(NOW, hours=-25), resolved_at=shifted(NOW, hours=-2)),
    )
    told = deliveries(store, tmp_path, clock, begun=shifted(NOW, days=-2)).deliver()
    assert [one.alert for one in told] == ["anomaly-1-opened"]


def test_it_is_told_when_it_gets_as_bad_as_the_target_wants(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    aim(store, Target(name="ops", url=receiver.url, severity=Severity.CRITICAL))
    put(store, anomaly(severity="warning"), anomaly(2, severity=None))
    teller = deliveries(store, tmp_path, clock)
    assert [one.alert for one in teller.deliver()] == ["anomaly-2-opened"]
    put(store, anomaly(severity="critical"))
    assert [one.alert for one in teller.deliver()] == ["anomaly-1-opened"]


def test_a_receiver_that_speaks_something_else_is_a_failure_like_any_other(
    store: Store, tmp_path: Path, clock: FakeClock
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        aim(store, Target(name="ops", url=f"http://127.0.0.1:{listener.getsockname()[1]}/"))
        put(store, anomaly())
        answers = [b"SSH-2.0-x\r\n", b""]

        def answer() -> None:
            for words in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(words)

        answering = threading.Thread(target=answer)
        answering.start()
        teller = deliveries(store, tmp_path, clock)
        problems = [one.problem for one in teller.deliver()]
        clock.advance(seconds=5)
        problems += [one.problem for one in teller.deliver()]
        answering.join()
    assert len(problems) == 2
    assert all(problem and problem.startswith("It does not answer as it should: ") for problem in problems)


def test_nobody_is_sent_elsewhere(store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver) -> None:
    receiver.statuses = [307]
    aim(store, Target(name="ops", url=receiver.url))
    put(store, anomaly())
    (told,) = deliveries(store, tmp_path, clock).deliver()
    assert told.problem == "It answers with status 307."
    assert len(receiver.got) == 1


def test_no_secret_is_in_any_log_or_error(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environment = {"SECRET": SECRET, "URL": receiver.url, "BAD": "ftp://host/tell-nobody", "SHORT": "tell-nobody"}
    aim(
        store,
        Target(name="fine", url="env:URL", secret="env:SECRET"),
        Target(name="odd", url="env:BAD"),
        Target(name="short", url="env:URL", secret="env:SHORT"),
        Target(name="none", url="env:NOTHING"),
        Target(name="away", url=f"http://127.0.0.1:{free_port()}/tell-nobody"),
    )
    put(store, anomaly())
    receiver.statuses = [500]
    told = deliveries(store, tmp_path, clock, environment=environment).deliver()
    assert all(one.problem for one in told)
    assert len(told) == 5
    words = caplog.text + str(told) + (tmp_path / "data" / "alerts.json").read_text()
    assert "tell-nobody" not in words
    assert SECRET not in words
    assert "away" in words


def test_a_slow_receiver_keeps_nobody_waiting(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    receiver.hold.clear()
    aim(store, Target(name="ops", url=receiver.url))
    put(store, anomaly())
    teller = deliveries(store, tmp_path, clock)
    teller.begin()
    teller.begin()
    assert receiver.got == []
    receiver.hold.set()
    until(lambda: len(receiver.got) == 1)
    assert "ops" in until(lambda: ledger_text(tmp_path))


def test_what_went_wrong_aside_is_raised_the_next_time(store: Store, tmp_path: Path, clock: FakeClock) -> None:
    aim(store, Target(name="ops", url="env:NOTHING"))
    put(store, anomaly())
    teller = deliveries(store, tmp_path, clock)

    def raised() -> str:
        try:
            teller.begin()
        except SessionBuddyError as error:
            return error.problem
        return ""

    assert "ops: url: should be in the variable NOTHING" in until(raised)


def test_only_one_process_tells_at_a_time(store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver) -> None:
    receiver.hold.clear()
    aim(store, Target(name="ops", url=receiver.url))
    put(store, anomaly())
    first = deliveries(store, tmp_path, clock)
    first.begin()
    assert receiver.arrived.wait(20)
    assert deliveries(store, tmp_path, clock).deliver() == []
    receiver.hold.set()
    until(lambda: len(receiver.got) == 1 and "true" in ledger_text(tmp_path))
    assert deliveries(store, tmp_path, clock).deliver() == []
    assert len(receiver.got) == 1


def test_the_ledger_is_the_owners_and_a_damaged_one_is_said_to_be(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    aim(store, Target(name="ops", url=receiver.url))
    put(store, anomaly())
    deliveries(store, tmp_path, clock).deliver()
    path = tmp_path / "data" / "alerts.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["alerts.json"]
    path.write_text("{")
    with pytest.raises(StoreUnreadable, match=r"alerts\.json"):
        deliveries(store, tmp_path, clock).deliver()


def test_targets_and_rows_that_are_gone_leave_the_ledger(
    store: Store, tmp_path: Path, clock: FakeClock, receiver: Receiver
) -> None:
    aim(store, Target(name="ops", url=receiver.url), Target(name="old", url=receiver.url))
    put(store, anomaly(1), anomaly(2))
    deliveries(store, tmp_path, clock).deliver()
    clock.advance(days=9)
    put(store, anomaly(1, resolved_at=NOW), anomaly(3, detected_at=clock.now))
    aim(store, Target(name="ops", url=receiver.url))
    deliveries(store, tmp_path, clock).deliver()
    ledger = msgspec.json.decode(ledger_text(tmp_path), type=Ledger)
    assert {name: sorted(standing.anomalies) for name, standing in ledger.targets.items()} == {"ops": [2, 3]}


def test_without_targets_nothing_is_written(store: Store, tmp_path: Path, clock: FakeClock) -> None:
    put(store, anomaly())
    assert deliveries(store, tmp_path, clock).deliver() == []
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "ftp://host/x"}, "url"),
        ({"url": "file-is-none"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://user:word@host/"}, "url"),
        ({"url": "https://host/a b"}, "url"),
        ({"url": "https://host:99999/"}, "url"),
        ({"url": "https://hooks.slack.com/x", "format": AlertFormat.SLACK}, "url"),
        ({"url": "https://host/", "secret": "plainly-told-secret"}, "secret"),
        ({"url": "https://host/", "name": "a b"}, "name"),
        ({"url": "https://host/", "name": ""}, "name"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Target(**({"name": "ops"} | fields))
    assert raised.value.field == field
    assert "plainly" not in str(raised.value)
    assert "word" not in raised.value.problem.replace("password", "")


def test_secrets_come_from_a_file_that_only_its_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    target = Target(name="ops", url="https://host/", secret=f"file:{path}")
    with pytest.raises(InvalidInput, match="No such file"):
        signing_key(target)
    path.write_text("a secret of many letters\n")
    for mode in (0o604, 0o640, 0o620):
        path.chmod(mode)
        with pytest.raises(InvalidInput, match="others may use"):
            signing_key(target)
    path.chmod(0o600)
    assert signing_key(target) == b"a secret of many letters"
    path.write_text("whsec_no base64 at all")
    with pytest.raises(InvalidInput, match="base64"):
        signing_key(target)
    path.write_text("")
    with pytest.raises(InvalidInput, match="empty"):
        signing_key(target)
    assert signing_key(Target(name="ops", url="https://host/")) is None


def test_an_address_from_elsewhere_is_checked_too(tmp_path: Path) -> None:
    target = Target(name="ops", url="env:URL")
    assert url_of(target, {"URL": " https://host/x "}) == "https://host/x"
    with pytest.raises(InvalidInput) as raised:
        url_of(target, {"URL": "file:///etc/passwd"})
    assert "passwd" not in str(raised.value)


def test_targets_go_into_a_setting_and_come_back() -> None:
    targets = [Target(name="a", url="https://host/"), Target(name="b", url="env:B", format=AlertFormat.SLACK)]
    assert targets_of(text_of(targets)) == targets
    assert targets_of("") == []
    assert without(targets, "a") == targets[1:]
    with pytest.raises(NotFound) as raised:
        without(targets, "c")
    assert raised.value.suggestions == ["a", "b"]
    for text in ("{", '[{"name": 1}]'):
        with pytest.raises(InvalidInput):
            targets_of(text)


def test_a_test_is_sent_and_told_from_a_real_one(receiver: Receiver) -> None:
    receiver.statuses = [200, 404]
    target = Target(name="ops", url=receiver.url)
    assert send_test(target, now=NOW) is None
    assert send_test(target, now=NOW) == "It answers with status 404."
    assert receiver.bodies[0]["type"] == "anomaly.test"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def ledger_text(folder: Path) -> str:
    path = folder / "data" / "alerts.json"
    return path.read_text() if path.exists() else ""


def until(found: Any) -> Any:
    """Return what *found* returns as soon as that is something."""
    deadline = time.monotonic() + 20
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value
