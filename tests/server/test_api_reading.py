"""The REST API over a real socket: reading, paging, ETags, errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from session_buddy.model import Invocation, Kind
from tests.making import NOW, invocation, many, shifted
from tests.server.serving_kit import Served, served

PREFIX = "/api/v1"
NAMES = [
    "/clear",
    "a/b",
    "a/series",
    "series",
    "%2F",
    "100%",
    "a b",
    "a?b#c",
    "日本語",
    "<script>alert(1)</script>",
    "…",
]


def history() -> list[Invocation]:
    named = [
        invocation(
            f"named-{number}", skill_name=name, session_id=f"session/{number}", invoked_at=shifted(NOW, hours=-1)
        )
        for number, name in enumerate(NAMES)
    ]
    # Many at the same moment: paging must not lose or repeat any of them.
    level = [invocation(f"level-{number}", skill_name=f"level-{number % 3}", invoked_at=NOW) for number in range(30)]
    return [*many(300), *named, *level, invocation("tool", skill_name="Read", kind=Kind.TOOL)]


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    async def broken(_: Request) -> Response:
        raise RuntimeError("a secret of the inside")

    with served(tmp_path_factory.mktemp("server"), routes=[Route("/broken", broken)]) as server:
        server.store.record(history())
        server.store.refresh()
        anomalies = [
            (None, f"skill-{number % 2}", shifted(NOW, minutes=number), "drop", 0.9, 0.1, 4.0, resolved)
            for number, resolved in enumerate([None, shifted(NOW, hours=9), None, None, shifted(NOW, hours=9)])
        ]
        _put_anomalies(server, anomalies)
        yield server


def _put_anomalies(server: Served, rows: list[tuple[Any, ...]]) -> None:
    import sqlite3

    with sqlite3.connect(server.store.url.removeprefix("sqlite:///")) as connection:
        connection.executemany(
            "INSERT INTO skill_anomalies (id, skill_name, detected_at, anomaly_type, baseline_value, observed_value,"
            " deviation_score, resolved_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    connection.close()


def get(server: Served, path: str, **parameters: Any) -> Any:
    answer = server.client.get(f"{PREFIX}{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages(server: Served, path: str, key: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return what all pages together have."""
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        page = get(server, path, **parameters, **more)
        assert len(page[key]) <= parameters.get("limit", 100)
        found += page[key]
        if page["next"] is None:
            return found
        more = {"cursor": page["next"]}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"skill": "skill-3"},
        {"session_id": "session-4"},
        {"skill": "skill-3", "outcome": "failed"},
        {"outcome": "abandoned"},
        {"kind": "shell"},
        {"since": shifted(NOW, days=-2), "until": shifted(NOW, hours=-3)},
        {"skill": "no such skill"},
    ],
)
@pytest.mark.parametrize("limit", [7, 1000])
def test_pages_of_invocations_have_each_that_is_wanted_once_and_in_order(
    one_server: Served, wanted: dict[str, str], limit: int
) -> None:
    found = pages(one_server, "/invocations", "invocations", limit=limit, **wanted)

    def is_wanted(one: Invocation) -> bool:
        tests = {
            "skill": one.skill_name == wanted.get("skill"),
            "session_id": one.session_id == wanted.get("session_id"),
            "kind": one.kind == wanted.get("kind"),
            "outcome": one.outcome == wanted.get("outcome"),
            "since": one.invoked_at >= wanted.get("since", ""),
            "until": one.invoked_at < wanted.get("until", ""),
        }
        return all(tests[name] for name in wanted)

    expected = sorted(((one.invoked_at, one.event_id) for one in history() if is_wanted(one)), reverse=True)
    assert [(one["invoked_at"], one["event_id"]) for one in found] == expected


def test_what_is_recorded_meanwhile_moves_nothing_between_pages(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.store.record(many(50))
        first = get(server, "/invocations", limit=20)
        server.store.record([invocation(f"new-{n}", invoked_at=shifted(NOW, hours=1)) for n in range(5)])
        second = get(server, "/invocations", limit=1000, cursor=first["next"])
        ids = [one["event_id"] for one in (*first["invocations"], *second["invocations"])]
        assert sorted(ids) == sorted(one.event_id for one in many(50))


@pytest.mark.parametrize("cursor", ["x", "!", "WyJhIl0", "é", "W10", "bnVsbA", "W" * 4000])
@pytest.mark.parametrize("path", ["/invocations", "/skills", "/sessions", "/anomalies"])
def test_a_cursor_that_no_list_gave_is_refused(one_server: Served, path: str, cursor: str) -> None:
    answer = one_server.client.get(f"{PREFIX}{path}", params={"cursor": cursor})
    if path == "/skills" and cursor == "WyJhIl0":
        assert answer.json()["skills"] == []  # the place of a skill that is not there any more
    else:
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, "cursor")


def test_pages_of_skills_have_each_once_in_order(one_server: Served) -> None:
    whole = get(one_server, "/skills", limit=1000)
    assert whole["next"] is None
    assert whole["total"] == len(whole["skills"]) == len({one.skill_name for one in history() if one.kind != Kind.TOOL})
    assert pages(one_server, "/skills", "skills", limit=4) == whole["skills"]
    uses = [skill["invocations"] for skill in whole["skills"]]
    assert uses == sorted(uses, reverse=True)


def test_skills_can_be_chosen_and_ordered(one_server: Served) -> None:
    assert {skill["kind"] for skill in get(one_server, "/skills", kind="shell")["skills"]} == {"shell"}
    names = {skill["skill"] for skill in get(one_server, "/skills", limit=1000)["skills"]}
    assert "Read" not in names
    assert "Read" in {skill["skill"] for skill in get(one_server, "/skills", limit=1000, tools=True)["skills"]}
    recent = [skill["last_invoked_at"] for skill in get(one_server, "/skills", order="recent", days=3)["skills"]]
    assert recent == sorted(recent, reverse=True)


def test_pages_of_sessions_have_each_once_the_one_begun_last_first(one_server: Served) -> None:
    found = pages(one_server, "/sessions", "sessions", limit=5)
    begun = [(session["first_invoked_at"], session["session_id"]) for session in found]
    assert begun == sorted(begun, reverse=True)
    assert {name for _, name in begun} == {one.session_id for one in history()}


def test_anomalies_can_be_chosen_and_paged(one_server: Served) -> None:
    assert [one["id"] for one in pages(one_server, "/anomalies", "anomalies", limit=2)] == [5, 4, 3, 2, 1]
    assert [one["id"] for one in get(one_server, "/anomalies", open=True)["anomalies"]] == [4, 3, 1]
    assert [one["id"] for one in get(one_server, "/anomalies", open=False)["anomalies"]] == [5, 2]
    assert [one["id"] for one in get(one_server, "/anomalies", skill="skill-1")["anomalies"]] == [4, 2]


@pytest.mark.parametrize("name", NAMES)
def test_a_skill_is_found_whatever_its_name_is(one_server: Served, name: str) -> None:
    address = f"/skills/{quote(name, safe='')}"
    assert get(one_server, address)["skill"] == name
    assert get(one_server, f"{address}/series")["skill"] == name


def test_a_session_is_found_whatever_its_id_is(one_server: Served) -> None:
    timeline = get(one_server, "/sessions/session%2F3")
    assert timeline["session"]["session_id"] == "session/3"
    assert [step["event_id"] for step in timeline["steps"]] == ["named-3"]


def test_a_name_that_is_not_known_is_told_with_those_that_are_like_it(one_server: Served) -> None:
    for path in ("/skills/skil-3", "/skills/skil-3/series"):
        answer = one_server.client.get(PREFIX + path)
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "NotFound"
        assert "skill-3" in answer.json()["error"]["suggestions"]
    assert one_server.client.get(f"{PREFIX}/sessions/nothing").status_code == 404


def test_a_series_has_no_gaps_and_the_days_of_its_zone(one_server: Served) -> None:
    span = {"since": "2026-03-27T12:00:00Z", "until": "2026-03-30T12:00:00Z"}
    days = get(one_server, "/skills/skill-3/series", bucket="day", tz="Europe/Berlin", **span)["buckets"]
    assert [day["start"] for day in days] == [
        "2026-03-26T23:00:00.000Z",
        "2026-03-27T23:00:00.000Z",
        "2026-03-28T23:00:00.000Z",
        "2026-03-29T22:00:00.000Z",
    ]
    assert {day["invocations"] for day in days} == {0}
    hours = get(
        one_server, "/skills/skill-3/series", bucket="hour", until=shifted(NOW, days=3), since=shifted(NOW, days=-10)
    )
    wanted = [one for one in history() if one.skill_name == "skill-3"]
    assert sum(bucket["invocations"] for bucket in hours["buckets"]) == len(wanted)


@pytest.mark.parametrize(
    ("path", "parameters", "field"),
    [
        ("/skills", {"limit": 0}, "limit"),
        ("/skills", {"limit": 1001}, "limit"),
        ("/skills", {"limit": "x"}, "limit"),
        ("/skills", {"order": "beauty"}, "order"),
        ("/skills", {"kind": "x"}, "kind.0"),
        ("/skills", {"days": 10**9}, "days"),
        ("/invocations", {"since": "yesterday"}, "since"),
        ("/invocations", {"until": "2026-01-01T00:00:00"}, "until"),
        ("/anomalies", {"open": "perhaps"}, "open"),
        ("/skills/skill-3/series", {"bucket": "minute"}, "bucket"),
        ("/skills/skill-3/series", {"tz": "Mars/Olympus"}, "tz"),
        ("/skills/skill-3/series", {"tz": "../../etc/passwd"}, "tz"),
        ("/skills/skill-3/series", {"until": "0001-01-01T00:00:00Z"}, "until"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(
    one_server: Served, path: str, parameters: dict[str, Any], field: str
) -> None:
    answer = one_server.client.get(PREFIX + path, params=parameters)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["field"]) == (422, "InvalidInput", field)
    assert error["problem"] and error["remedy"]


@pytest.mark.parametrize("bucket", ["hour", "day", "week"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_series_at_either_end_of_the_calendar_is_answered(one_server: Served, bucket: str, moment: str) -> None:
    asked = {"bucket": bucket, "tz": "Pacific/Kiritimati", "since": moment, "until": moment}
    answer = one_server.client.get(f"{PREFIX}/skills/skill-3/series", params=asked)
    assert answer.status_code == 200
    assert all(one["invocations"] == 0 for one in answer.json()["buckets"])


class TestTags:
    def test_an_unchanged_answer_is_not_sent_again(self, one_server: Served) -> None:
        first = one_server.client.get(f"{PREFIX}/skills")
        tag = first.headers["etag"]
        for wanted in (tag, f'"other", W/{tag}', "*"):
            again = one_server.client.get(f"{PREFIX}/skills", headers={"if-none-match": wanted})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        other = one_server.client.get(f"{PREFIX}/skills", headers={"if-none-match": '"other"'})
        assert (other.status_code, other.content) == (200, first.content)

    def test_what_was_recorded_changes_the_tag(self, tmp_path: Path) -> None:
        with served(tmp_path) as server:
            tag = server.client.get(f"{PREFIX}/skills").headers["etag"]
            server.store.record([invocation("new")])
            assert server.client.get(f"{PREFIX}/skills", headers={"if-none-match": tag}).status_code == 200

    def test_time_alone_changes_it_too(self, one_server: Served) -> None:
        tag = one_server.client.get(f"{PREFIX}/skills/skill-3").headers["etag"]
        one_server.clock.advance(days=2)
        assert one_server.client.get(f"{PREFIX}/skills/skill-3", headers={"if-none-match": tag}).status_code == 200
        one_server.clock.advance(days=-2)


class TestFaults:
    def test_every_error_has_one_shape(self, one_server: Served) -> None:
        for method, path, status in (
            ("GET", "/nothing/here", 404),
            ("DELETE", f"{PREFIX}/skills", 405),
            ("PUT", f"{PREFIX}/invocations", 405),
            ("GET", f"{PREFIX}/skills/nobody-knows", 404),
            ("GET", f"{PREFIX}/skills?limit=0", 422),
            ("POST", f"{PREFIX}/invocations", 415),
            ("GET", "/broken", 500),
        ):
            answer = one_server.client.request(method, path)
            assert answer.status_code == status, path
            assert answer.headers["content-type"] == "application/json"
            assert {"type", "problem", "remedy"} <= answer.json()["error"].keys()
            assert answer.headers["x-content-type-options"] == "nosniff"

    def test_a_fault_of_the_server_tells_nothing_of_its_inside(self, one_server: Served) -> None:
        answer = one_server.client.get("/broken")
        assert answer.json()["error"]["type"] == "Unexpected"
        assert "secret" not in answer.text
        assert answer.headers.get("connection") != "close"
        assert one_server.client.get("/broken").status_code == 500  # on the same connection

    def test_an_answer_that_breaks_off_is_not_taken_for_whole(self, tmp_path: Path) -> None:
        async def breaking() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("no more")

        async def stream(_: Request) -> Response:
            return StreamingResponse(breaking())

        with (
            served(tmp_path, routes=[Route("/stream", stream)]) as server,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            server.client.get("/stream")

    def test_a_method_that_is_not_taken_names_those_that_are(self, one_server: Served) -> None:
        assert one_server.client.delete(f"{PREFIX}/skills").headers["allow"] == "GET"
        assert one_server.client.delete(f"{PREFIX}/invocations").headers["allow"] == "GET, POST"
        assert one_server.client.delete("/login").headers["allow"] == "GET, HEAD, POST"


class TestProbes:
    def test_a_sound_server_is_alive_and_ready(self, one_server: Served) -> None:
        assert one_server.client.get("/healthz").json() == {"alive": True}
        answer = one_server.client.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)

    def test_health_tells_of_data_delivery_and_troubles(self, tmp_path: Path) -> None:
        with served(tmp_path, troubles=lambda: ["The moon is full."]) as server:
            server.store.record(many(20))
            told = get(server, "/health")
            assert told["data"]["invocations"] == 20
            assert told["delivery"]["problem"] is None
            assert told["troubles"] == ["The moon is full."]

    def test_a_store_that_does_not_answer_is_not_ready(self, tmp_path: Path) -> None:
        with served(tmp_path) as server:
            server.store.close()
            answer = server.client.get("/readyz")
            assert (answer.status_code, answer.json()["store_answers"]) == (503, False)
            assert server.client.get("/healthz").status_code == 200

    def test_a_full_spool_is_not_ready(self, tmp_path: Path) -> None:
        with served(tmp_path, spool_bytes=0) as server:
            answer = server.client.get("/readyz")
            assert (answer.status_code, answer.json()["takes_more"]) == (503, False)
