from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from session_buddy.errors import StoreBusy
from session_buddy.model import Kind, Outcome
from session_buddy.monitoring.series import Grain
from session_buddy.reports.ranking import first_day
from session_buddy.reports.series import read_series
from session_buddy.storage import Store, open_store
from tests.making import NOW, FakeClock, invocation, iso, many, shifted
from tests.monitoring.history import broken_since, told
from tests.server.pages_kit import Page, Visitor, visiting

PAGES = ["/", "/skills", "/sessions", "/anomalies", "/data"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", clock=FakeClock()) as opened:
        yield opened


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Iterator[Visitor]:
    with visiting(store, tmp_path) as visitor:
        yield visitor


@pytest.fixture
def filled(store: Store) -> Store:
    store.record(many(600))
    store.refresh()
    return store


def shown(client: Visitor, address: str, status: int = 200) -> Page:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return Page(answer.text)


def rows_of(client: Visitor, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


class TestEveryPage:
    @pytest.mark.parametrize("address", [*PAGES, "/skills/skill-3", "/sessions/session-1"])
    def test_is_built_for_everybody(self, filled: Store, client: Visitor, address: str) -> None:
        page = shown(client, address)
        assert page.count("html", lang="en") == 1
        assert page.count("h1") == 1
        assert page.count("main", id="main") == 1
        assert page.count("a", href="#main") == 1
        assert page.count("header") == page.count("footer") == 1
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        headers = [attributes for tag, attributes in page.elements if tag == "th"]
        assert all(attributes.get("scope") for attributes in headers)

    @pytest.mark.parametrize("address", [*PAGES, "/skills/skill-3", "/sessions/session-1", "/skills/none"])
    def test_has_nothing_that_the_policy_forbids(self, filled: Store, client: Visitor, address: str) -> None:
        answer = client.get(address)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        for tag, attributes in Page(answer.text).elements:
            assert tag != "style" and "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            if tag == "script":
                assert str(attributes["src"]).startswith("/static/")

    @pytest.mark.parametrize("address", PAGES)
    def test_says_what_to_do_where_there_is_nothing(self, client: Visitor, address: str) -> None:
        page = shown(client, address)
        assert "session-buddy up" in page.text
        assert page.count("h1") == 1

    def test_is_not_kept_by_anybody(self, filled: Store, client: Visitor) -> None:
        assert client.get("/").headers["cache-control"] == "no-store"

    def test_tells_of_a_store_that_is_busy(
        self, filled: Store, client: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(*_: object) -> None:
            raise StoreBusy("Another process writes.", remedy="Try again.")

        monkeypatch.setattr("session_buddy.server.pages.sessions.read_sessions", busy)
        page = shown(client, "/sessions", 503)
        assert "Another process writes." in page.text and "Try again." in page.text


class TestOverview:
    def test_says_how_the_week_was(self, store: Store, client: Visitor) -> None:
        done = [invocation(f"a{n}", invoked_at=shifted(NOW, hours=-n)) for n in range(3)]
        failed = invocation("b", outcome=Outcome.FAILED, invoked_at=shifted(NOW, days=-1))
        before = [invocation(f"c{n}", invoked_at=shifted(NOW, days=-9, minutes=n)) for n in range(2)]
        store.record([*done, failed, *before])
        text = shown(client, "/").text
        assert "4 uses in the last seven days, 75 % success; 2 and 100 % in the seven before." in text

    def test_of_a_store_that_fell_silent_shows_its_last_week(self, store: Store, client: Visitor) -> None:
        store.record([invocation("a", invoked_at="2026-01-10T10:00:00.000Z")])
        text = shown(client, "/").text
        assert "Nothing was used in the last seven days" in text
        assert "10 Jan 2026" in text and "1 use" in text

    def test_names_skills_that_got_worse(self, store: Store, client: Visitor) -> None:
        good = [invocation(f"g{n}", invoked_at=shifted(NOW, days=-9, minutes=n)) for n in range(40)]
        bad = [
            invocation(f"b{n}", outcome=Outcome.FAILED, invoked_at=shifted(NOW, days=-1, minutes=n)) for n in range(20)
        ]
        store.record([*good, *bad])
        text = shown(client, "/").text
        assert "1 skill got worse." in text
        assert "pytest-run 100 % → 0 %" in text

    def test_lists_the_newest_uses_without_tools(self, store: Store, client: Visitor) -> None:
        store.record([invocation("a", skill_name="Read", kind=Kind.TOOL), invocation("b", skill_name="Explain")])
        page = shown(client, "/")
        assert "/skills/Explain" in page.links
        assert "/skills/Read" not in page.links

    def test_leads_with_open_anomalies(self, filled: Store, client: Visitor) -> None:
        mark(filled, "skill-3", reason="Half of them <b>failed</b>.")
        page = shown(client, "/")
        assert "1 anomaly open." in page.text
        assert "Half of them <b>failed</b>." in page.text
        assert "Usual in such an hour: 71 % to 99 %." in page.text


class TestSkills:
    def test_can_be_ordered_and_narrowed(self, store: Store, client: Visitor) -> None:
        store.record(
            [
                *(invocation(f"a{n}", skill_name="often") for n in range(5)),
                *(invocation(f"b{n}", skill_name="failing", outcome=Outcome.FAILED) for n in range(2)),
                invocation("c", skill_name="mcp__web__fetch", kind=Kind.MCP),
                invocation("d", skill_name="old", invoked_at=shifted(NOW, days=-40)),
                invocation("e", skill_name="Read", kind=Kind.TOOL),
            ]
        )
        assert self.listed(client, "/skills") == ["often", "failing", "mcp__web__fetch", "old"]
        assert self.listed(client, "/skills?by=failures")[0] == "failing"
        assert self.listed(client, "/skills?kind=mcp") == ["mcp__web__fetch"]
        assert self.listed(client, "/skills?days=7") == ["often", "failing", "mcp__web__fetch"]
        assert "Read" in self.listed(client, "/skills?all=1")
        assert self.listed(client, "/skills?limit=1") == ["often"]

    def test_those_that_fail_often_stand_out(self, store: Store, client: Visitor) -> None:
        ends = [*[Outcome.COMPLETED] * 7, *[Outcome.FAILED] * 3]
        store.record(invocation(f"a{n}", skill_name="fair", outcome=end) for n, end in enumerate(ends))
        assert shown(client, "/skills").count("span", **{"class": "bad"}) == 0
        store.record([invocation("one-more", skill_name="fair", outcome=Outcome.FAILED)])
        assert shown(client, "/skills").count("span", **{"class": "bad"}) == 2

    def test_say_so_where_none_is_of_the_kind(self, filled: Store, client: Visitor) -> None:
        assert "No such skill was used" in shown(client, "/skills?kind=mcp").text

    @pytest.mark.parametrize("query", ["by=beauty", "kind=x", "days=0", "days=x", "limit=-1", "limit=" + "9" * 5_000])
    def test_refuse_what_they_do_not_know(self, filled: Store, client: Visitor, query: str) -> None:
        assert shown(client, f"/skills?{query}", 422).count("h1") == 1

    @staticmethod
    def listed(client: Visitor, address: str) -> list[str]:
        page = shown(client, address)
        return [unquote(link.removeprefix("/skills/")) for link in page.links if link.startswith("/skills/")]


class TestSkill:
    def test_tells_the_same_as_the_command(self, store: Store, client: Visitor) -> None:
        outcomes = [Outcome.COMPLETED, Outcome.COMPLETED, Outcome.FAILED, Outcome.ABANDONED, None]
        store.record([invocation(f"a{n}", outcome=outcome, duration_ms=2_000) for n, outcome in enumerate(outcomes)])
        text = shown(client, "/skills/pytest-run").text
        assert "success 67 % 2 of 3, 21 % to 94 %" in text
        assert "uses 5 in 1 session, 5 in 24 h" in text
        assert "failed 1 1 abandoned, 1 not known" in text
        assert "exit_code" in text

    def test_is_found_by_what_people_call_it(self, store: Store, client: Visitor) -> None:
        store.record([invocation("a", skill_name="/clear", kind=Kind.COMMAND)])
        assert client.get("/skills/CLEAR?grain=week").headers["location"] == ("/skills/%2Fclear?grain=week")
        assert "/clear" in shown(client, "/skills/%2Fclear").text

    def test_that_is_not_known_suggests_others(self, filled: Store, client: Visitor) -> None:
        page = shown(client, "/skills/skil-3", 404)
        assert "No skill is called 'skil-3'." in page.text
        assert "/skills/skill-3" in page.links

    def test_gives_its_series_as_csv(self, filled: Store, client: Visitor) -> None:
        rows = rows_of(client, "/skills/skill-3/series.csv")
        series = read_series(filled, "skill-3", Grain.DAY, since=first_day(NOW, 42), until=NOW)
        assert [(row["start"], int(row["invocations"])) for row in rows] == [
            (bucket.start, bucket.invocations) for bucket in series.buckets
        ]
        assert len(rows) == 42
        assert len(rows_of(client, "/skills/skill-3/series.csv?grain=hour")) == 6 * 24 + 13
        assert len(rows_of(client, "/skills/skill-3/series.csv?grain=week&days=14")) == 3

    def test_gives_its_chart_as_a_figure(self, filled: Store, client: Visitor) -> None:
        mark(filled, "skill-3", reason="<b>odd</b>")
        figure = client.get("/skills/skill-3/series.json").json()
        success = next(trace for trace in figure["data"] if trace.get("mode") == "lines+markers")
        rows = rows_of(client, "/skills/skill-3/series.csv")
        assert [("" if rate is None else str(rate)) for rate in success["y"]] == [row["success_rate"] for row in rows]
        (marks,) = [trace for trace in figure["data"] if trace.get("mode") == "markers"]
        assert "&lt;b&gt;odd&lt;/b&gt;" in marks["text"][0]

    def test_colours_the_points_that_were_anomalies(self, store: Store, client: Visitor) -> None:
        until = datetime.fromisoformat(NOW).replace(minute=0, second=0, microsecond=0)
        fault = until - timedelta(hours=4)
        store.record(list(told("deploy", broken_since(fault), until - timedelta(days=20), until)))
        rows = rows_of(client, "/skills/deploy/series.csv?grain=hour")
        figure = client.get("/skills/deploy/series.json?grain=hour").json()
        band, success = figure["data"][:2]
        marked = [
            start for start, color in zip(success["x"], success["marker"]["color"], strict=True) if color == "--accent"
        ]
        assert marked and marked == [row["start"] for row in rows if row["anomalous"] == "True"]
        assert marked[0] >= iso(fault)
        drawn = {
            start: (base, height)
            for start, base, height in zip(band["x"], band["base"], band["y"], strict=True)
            if height
        }
        assert len(drawn) > 30
        assert drawn == {
            row["start"]: (float(row["expected_low"]), float(row["expected_high"]) - float(row["expected_low"]))
            for row in rows
            if row["expected_low"]
        }

    @pytest.mark.parametrize("query", ["grain=year", "days=0", "days=99999999999999"])
    def test_refuses_what_it_does_not_know(self, filled: Store, client: Visitor, query: str) -> None:
        assert client.get(f"/skills/skill-3?{query}").status_code == 422


class TestSessions:
    def test_are_listed_the_latest_first(self, filled: Store, client: Visitor) -> None:
        page = shown(client, "/sessions?limit=3")
        ((latest,),) = filled.query(
            "SELECT session_id FROM session_summary ORDER BY last_invoked_at DESC, session_id LIMIT 1"
        ).rows
        sessions = [link for link in page.links if link.startswith("/sessions/")]
        assert sessions[0] == f"/sessions/{latest}" and len(sessions) == 3

    def test_one_is_shown_step_by_step(self, store: Store, client: Visitor) -> None:
        steps = [
            invocation("a", skill_name="first", duration_ms=1_500),
            invocation("b", skill_name="second", invoked_at=shifted(NOW, seconds=5), outcome=Outcome.FAILED),
            invocation("c", skill_name="Read", kind=Kind.TOOL),
        ]
        store.record(steps)
        text = shown(client, "/sessions/s1").text
        assert "first" in text and "failed (exit_code)" in text and "1 call of built-in tools left out" in text
        assert "Read" not in text
        assert "Read" in shown(client, "/sessions/s1?all=1").text
        rows = rows_of(client, "/sessions/s1/series.csv")
        assert [(row["skill"], row["outcome"]) for row in rows] == [("first", "completed"), ("second", "failed")]

    def test_long_ones_come_in_parts(self, store: Store, client: Visitor) -> None:
        store.record([invocation(f"e{n}", invoked_at=shifted(NOW, seconds=n)) for n in range(1_200)])
        first = shown(client, "/sessions/s1")
        assert "1 to 500 of 1,200" in first.text
        (later,) = [link for link in first.links if "from=501" in link]
        assert "501 to 1,000 of 1,200" in shown(client, later).text
        assert "There are no steps from here on." in shown(client, "/sessions/s1?from=5000").text

    def test_are_found_by_how_their_ids_begin(self, filled: Store, client: Visitor) -> None:
        assert client.get("/sessions/session-10").status_code == 200
        assert shown(client, "/sessions/nothing-like-it", 404)
        assert "Several sessions begin with" in shown(client, "/sessions/session-", 404).text


class TestAnomalies:
    def test_are_told_with_reason_and_band(self, filled: Store, client: Visitor) -> None:
        mark(filled, "skill-1", reason="It broke.")
        mark(filled, "skill-2", metric="duration", observed=90.0, baseline=10.0, resolved_at=NOW)
        text = shown(client, "/anomalies").text
        assert "drop of success, critical It broke. Usual in such an hour: 71 % to 99 %." in text
        assert "1 min 30 s instead of 10.0 s" in text
        assert [row["skill_name"] for row in rows_of(client, "/anomalies/series.csv")] == ["skill-1", "skill-2"]

    def test_none_is_good_news(self, filled: Store, client: Visitor) -> None:
        text = shown(client, "/anomalies").text
        assert "Nothing is out of the ordinary." in text and "12 skills watched." in text


class TestHealth:
    def test_says_how_much_is_not_known(self, store: Store, client: Visitor) -> None:
        store.record([invocation("a", outcome=None), invocation("b", duration_ms=5)])
        text = shown(client, "/data").text
        assert "end not known 50 % 1 of 2 uses" in text and "no duration 50 % 1 use" in text
        assert "test 1 2" in text

    @pytest.mark.parametrize("address", ["/", "/data"])
    def test_does_not_tell_the_password_of_a_store(self, store: Store, client: Visitor, address: str) -> None:
        store.url = "clickhouse://me:secret@host:8123/database"
        text = shown(client, address).text
        assert "clickhouse://me@host:8123/database" in text and "secret" not in text


class TestStatic:
    def test_plotly_comes_from_its_wheel_packed_and_for_good(self, client: Visitor) -> None:
        answer = client.get("/static/plotly.min.js", accept_encoding="gzip")
        assert answer.headers["content-encoding"] == "gzip" and "immutable" in answer.headers["cache-control"]
        plain = client.get("/static/plotly.min.js", accept_encoding="identity")
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content and b"plotly.js" in plain.content[:100]
        assert len(gzip.compress(plain.content, 6)) < 2_000_000

    @pytest.mark.parametrize(
        "path",
        [
            "/static/../pages/rendering.py",
            "/static/%2e%2e/pages/rendering.py",
            "/static/..%2fpages%2frendering.py",
            "/static/....//pages/rendering.py",
            "/static/%2e%2e%5cpages%5crendering.py",
            "/static//etc/passwd",
            "/static/%00",
            "/static/",
        ],
    )
    def test_nothing_else_is_served(self, client: Visitor, path: str) -> None:
        assert client.get(path).status_code == 404


def mark(
    store: Store,
    skill: str,
    *,
    metric: str = "completion_rate",
    reason: str = "",
    observed: float = 0.5,
    baseline: float = 0.92,
    resolved_at: str | None = None,
) -> None:
    """Enter an anomaly as a detector would."""
    import sqlite3

    path = store.url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO skill_anomalies (skill_name, detected_at, anomaly_type, baseline_value, observed_value,"
            " deviation_score, metric, severity, band_low, band_high, reason, detector, resolved_at)"
            " VALUES (?, ?, 'drop', ?, ?, -3.0, ?, 'critical', 0.71, 0.99, ?, 'default', ?)",
            (skill, shifted(NOW, hours=-2), baseline, observed, metric, reason, resolved_at),
        )
    connection.close()


def test_a_browser_at_a_path_of_nothing_gets_a_page_and_a_program_gets_json(client: Visitor) -> None:
    page = client.get("/nowhere", accept="text/html,*/*")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Nothing is at this path." in page.text
    assert client.get("/nowhere").json()["error"]["type"] == "NoSuchPath"
