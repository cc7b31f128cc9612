"""Webhooks of GitHub and GitLab: believed with the right secret and no other, and told once."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from session_buddy.cli import main
from session_buddy.server.api import ci
from session_buddy.server.site import BodyLimits, CiSecrets
from tests.importers.test_ci_services import BUILD, PIPELINE, job
from tests.server.serving_kit import Served, served

SECRET, TOKEN = "It's a Secret to Everybody", "tökén"
# The example in GitHub's documentation on validating webhook deliveries.
PUBLISHED = ("Hello, World!", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, ci=CiSecrets(github=SECRET, gitlab=TOKEN), needs_token=True, user_id="keyed") as running:
        yield running


def payload(**changes: Any) -> bytes:
    return json.dumps({"workflow_job": job(**changes), "repository": {"full_name": "octo/shop"}}).encode()


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def github(
    server: Served, body: bytes, *, event: str = "workflow_job", signature: str | None = None, **headers: str
) -> httpx.Response:
    sent = {"Content-Type": "application/json", "X-GitHub-Event": event} | headers
    if signature != "":
        sent["X-Hub-Signature-256"] = signature if signature is not None else signed(body)
    coded = {name: value.encode() for name, value in sent.items()}
    return server.client.post("/api/v1/ci/github", content=body, headers=coded)  # type: ignore[arg-type]


def gitlab(server: Served, document: object, token: str | None = TOKEN, event: str = "Job Hook") -> httpx.Response:
    headers: dict[str, str | bytes] = {"Content-Type": "application/json", "X-Gitlab-Event": event}
    if token is not None:
        headers["X-Gitlab-Token"] = token.encode()
    return server.client.post("/api/v1/ci/gitlab", content=json.dumps(document).encode(), headers=headers)  # type: ignore[arg-type]


def stored(server: Served) -> list[tuple[Any, ...]]:
    return server.store.query("SELECT skill_name, outcome, user_id FROM skill_invocation ORDER BY event_id").rows


def test_the_signature_is_the_published_one() -> None:
    body, signature = PUBLISHED
    ci._require_signed(SECRET, body.encode(), signature)


def test_a_job_is_told_once_however_often_it_is_posted(server: Served) -> None:
    running = payload(status="in_progress", conclusion=None, completed_at=None, steps=[])
    assert github(server, running).json() == {"receipt": "stored", "received": 1, "distinct": 1}
    assert [outcome for _, outcome, _ in stored(server)] == [None]
    for _ in range(2):
        answer = github(server, payload())
        assert (answer.status_code, answer.json()) == (200, {"receipt": "stored", "received": 5, "distinct": 5})
    assert ("github:octo/shop:CI%3A all:test (3.11)", "failed", "keyed") in stored(server)
    assert len(stored(server)) == 5


def test_other_events_are_answered_and_tell_nothing(server: Served) -> None:
    for event in ("ping", "push", "something_new", ""):
        assert github(server, b'{"zen": "Keep it logically awesome."}', event=event).json()["received"] == 0
    assert github(server, payload(status="queued", conclusion=None)).json()["received"] == 0
    assert gitlab(server, {"object_kind": "push"}).json()["received"] == 0
    assert stored(server) == []


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        signed(payload(), "another secret"),
        signed(payload() + b" "),
        signed(payload()).removeprefix("sha256="),
        signed(payload()).replace("sha256", "sha1"),
        signed(payload()).upper(),
        "sha256=é",
    ],
    ids=["none", "empty", "other secret", "other body", "no scheme", "other scheme", "upper case", "no ASCII"],
)
def test_what_is_not_rightly_signed_is_refused(server: Served, signature: str) -> None:
    refused = github(server, payload(), signature=signature)
    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "TokenMissing"
    assert SECRET not in refused.text
    assert stored(server) == []


@pytest.mark.parametrize("token", [None, "", "token", TOKEN + " x", TOKEN.upper()])
def test_gitlab_must_bear_the_token(server: Served, token: str | None) -> None:
    assert gitlab(server, BUILD, token).status_code == 401
    assert stored(server) == []


def test_pipelines_and_jobs_of_gitlab_are_told_once(server: Served) -> None:
    assert gitlab(server, BUILD | {"build_duration": 1.5}).json()["received"] == 1
    assert gitlab(server, PIPELINE, event="Pipeline Hook").json()["received"] == 4
    assert gitlab(server, BUILD | {"build_status": "failed", "build_duration": 12.5}).json()["received"] == 1
    assert len(stored(server)) == 4
    assert {skill: outcome for skill, outcome, _ in stored(server)}["gitlab:group/sub/shop:test:unit"] == "failed"
    unit = server.store.query("SELECT duration_ms FROM skill_invocation WHERE skill_name LIKE '%:unit'")
    assert unit.rows == [(12_500,)], "not what the job had taken when it still ran"


@pytest.mark.parametrize("secrets", [CiSecrets(), CiSecrets(github="", gitlab="")])
def test_without_a_secret_nothing_is_believed(tmp_path: Path, secrets: CiSecrets) -> None:
    with served(tmp_path, ci=secrets) as server:  # on this machine, where everybody may do all else
        for signature in (signed(payload(), ""), signed(payload())):
            refused = github(server, payload(), signature=signature)
            assert refused.status_code == 403
            assert "SESSION_BUDDY_GITHUB_SECRET" in refused.json()["error"]["remedy"]
        assert gitlab(server, BUILD, "").status_code == 403
        assert stored(server) == []


def test_a_token_of_this_server_is_no_signature(server: Served) -> None:
    token = server.tokens.create(ci_scope(), now=server.clock(), name=None, expires_at=None)
    refused = github(server, payload(), signature="", Authorization=f"Bearer {token}")
    assert refused.status_code == 401


def ci_scope() -> Any:
    from session_buddy.server.tokens import Scope

    return Scope.ADMIN


def test_only_posts_come_in_unasked(server: Served) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert server.client.request(method, "/api/v1/ci/github").status_code == 401
    assert server.client.post("/api/v1/ci/githubx").status_code == 401
    assert github(server, payload(), Origin="http://evil.example").status_code == 403


def test_bodies_are_bounded_and_must_be_payloads(tmp_path: Path) -> None:
    limits = BodyLimits(body_bytes=20_000)
    with served(tmp_path, ci=CiSecrets(github=SECRET, gitlab=TOKEN), limits=limits) as server:
        assert github(server, b" " * 20_001).status_code == 413
        bomb = gzip.compress(b" " * 1_000_000)
        assert github(server, bomb, **{"Content-Encoding": "gzip"}).status_code == 413
        assert github(server, b"{").status_code == 422
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert github(server, payload(), **form).status_code == 415
        assert gitlab(server, {"object_kind": "build"}).status_code == 422
        assert stored(server) == []


def test_comparing_takes_as_long_for_any_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def counted(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("session_buddy.server.api.ci.hmac.compare_digest", counted)
    for signature in ("", signed(b"x"), "sha256=0"):
        with pytest.raises(Exception, match="signature"):
            ci._require_signed(SECRET, b"x", signature)
    assert [one for one, _ in compared] == [b"", signed(b"x").encode(), b"sha256=0"]


def test_secrets_are_not_shown() -> None:
    shown = repr(CiSecrets(github=SECRET, gitlab=TOKEN))
    assert SECRET not in shown and TOKEN not in shown


def test_reports_of_tests_are_sent_to_a_server(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SESSION_BUDDY_TOKEN", server.tokens.create(ci_scope(), now=server.clock()))
    (tmp_path / "good.xml").write_text('<testsuite name="pytest"><testcase name="a"/><testcase name="b"/></testsuite>')
    (tmp_path / "bad.xml").write_text("<nothing/>")
    paths = [str(tmp_path / name) for name in ("good.xml", "bad.xml")]
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main(["ci", "import", "--server", server.address, *paths])
        assert not ended.value.code
    assert "bad.xml:1: refused" in capsys.readouterr().err
    assert sorted(skill for skill, *_ in stored(server)) == ["pytest-run", "test-case", "test-case"]


def test_every_example_of_github_comes_through(server: Served, shared: Path) -> None:
    folder = shared / "data/ci/github/octokit-webhooks/payload-examples/api.github.com"
    if not folder.is_dir():
        pytest.skip(f"no examples at {folder}")
    told = 0
    began = time.monotonic()
    for path in sorted(folder.rglob("*.json")):
        answer = github(server, path.read_bytes(), event=path.parent.name)
        assert answer.status_code == 200, (path.name, answer.text)
        told += answer.json()["received"]
    assert told > 20 and time.monotonic() - began < 30
    ids = server.store.query("SELECT count(*), count(DISTINCT event_id) FROM skill_invocation").rows
    assert ids[0][0] == ids[0][1] > 20
