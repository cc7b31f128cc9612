"""Names and texts may come from anywhere: pages show them letter by letter, and lead to them."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from session_buddy.experiments.assignment import Override
from session_buddy.experiments.records import Experiments
from session_buddy.formats import printable, shown_name
from session_buddy.importers.ci import TEST
from session_buddy.model import Kind
from session_buddy.monitoring.series import Grain
from session_buddy.reports.dependencies import refresh_related
from session_buddy.server.pages.figures import plain
from session_buddy.server.pages.links import experiment_path, session_path, skill_path, with_query
from session_buddy.storage import Store, open_store
from tests.making import NOW, FakeClock, invocation, shifted
from tests.server.pages_kit import Page, Visitor, visiting

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</title><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "<b>bold</b>&lt;i&gt;",
    "../../etc/passwd",
    "..",
    ".",
    "a/../b",
    "a//b",
    "//evil.example/x",
    "https://evil.example/x",
    "/clear",
    "a\\..\\b",
    "series.csv",
    "x/series.csv",
    "x/series.json",
    "?name=other",
    "#fragment",
    "100%",
    "%2e%2e%2f",
    "a b+c&d=e;f",
    "\u202egnp.exe",
    "\u200b\u00ad\ufeffinvisible",
    "line\nbreak\ttab",
    "\x00nul"[1:] + "\x1b[2J",
    "日本語 スキル 🚀",
    "=HYPERLINK(\"http://evil.example\")",
    "--accent",
    "x" * 400,
]  # fmt: skip
TAGS = {
    *("html", "head", "meta", "title", "link", "script", "body", "a", "header", "nav", "main", "footer", "section"),
    *("div", "p", "span", "ul", "ol", "li", "dl", "dt", "dd", "h1", "h2", "h3", "table", "caption", "thead", "tbody"),
    *("tr", "th", "td", "time", "strong", "code", "button", "form", "label", "input", "details", "summary", "figure"),
    *("figcaption", "svg", "g", "rect", "path", "line", "text", "circle", "defs", "marker"),
}


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    folder = tmp_path_factory.mktemp("hostile")
    with open_store(f"sqlite:///{folder / 'store.db'}", clock=FakeClock()) as store:
        fill(store)
        with visiting(store, folder) as visitor:
            yield visitor


def fill(store: Store) -> None:
    """Enter each hostile text wherever a text can be; where the model is strict, as a foreign SQL writer would."""
    store.record(
        invocation(
            f"{place}-{text}",
            skill_name=text,
            session_id=text,
            project=f"/x/{text}",
            plugin=text,
            source=text,
            user_id=text,
            follow_up_actions=tuple(HOSTILE[:3]),
        )
        for place, text in enumerate(HOSTILE)
    )
    # Some go together.
    store.record(
        invocation(
            f"{session}-{text}", session_id=f"{session}", skill_name=text, invoked_at=shifted(NOW, minutes=place)
        )
        for session in range(3)
        for place, text in enumerate(HOSTILE[:8], -9)
    )
    store.record(
        invocation(
            f"test-{text}", skill_name=TEST, kind=Kind.TOOL, session_id="tests", project=f"/x/{text}",
            workflow_step_id=text, parent_event_id=f"0-{HOSTILE[0]}",
        )
        for text in HOSTILE
    )  # fmt: skip
    with sqlite3.connect(store.url.removeprefix("sqlite:///")) as connection:
        connection.executemany(
            "INSERT INTO skill_invocation (event_id, session_id, skill_name, kind, invoked_at, outcome, error_type,"
            " workflow_phase) VALUES (?, ?, ?, 'skill', ?, 'failed', ?, 'verification')",
            [(f"sql-{text}", text, text, NOW, text) for text in HOSTILE],
        )
        connection.executemany(
            "INSERT INTO skill_anomalies (skill_name, detected_at, anomaly_type, metric, reason, detector,"
            " observed_value) VALUES (?, ?, 'drop', 'completion_rate', ?, ?, 0.5)",
            [(text, NOW, text, text) for text in HOSTILE],
        )
        connection.executemany(
            "INSERT INTO import_quarantine (path, offset, line, length, reason, seen_at) VALUES (?, 0, 1, 1, ?, ?)",
            [(text, text, NOW) for text in HOSTILE],
        )
    connection.close()
    store.refresh()
    refresh_related(store, NOW)
    run_experiments(store)


def run_experiments(store: Store) -> None:
    """Run an experiment under each hostile name, with each hostile text wherever people write."""
    experiments = Experiments(store, clock=FakeClock())
    for text in HOSTILE:
        told = {"hypothesis": text, "description": text, "overrides": {text: Override.NONE}, "namespace": text}
        experiments.create(text, actor=text, control_strategy=text, treatment_strategy=text, **told)
        experiments.start(text, actor=text)
        experiments.record_outcomes(
            text, [{"user_id": f"{n}{text}", "skill_name": text, "completed": n % 3 > 0} for n in range(4)]
        )
        experiments.stop(text, actor=text)
        experiments.conclude(text, actor=text, decision=text)


@pytest.mark.long
def test_no_page_that_can_be_reached_takes_a_text_for_markup(visitor: Visitor) -> None:
    seen, waiting = (
        set[str](),
        [
            "/",
            "/skills?limit=1000",
            "/sessions",
            "/search?question=script",
            "/recommendations",
            "/experiments",
            "/anomalies",
            "/network",
            "/tests",
            "/tests?min_completion=1",
            "/data",
        ],
    )
    while waiting:
        address = waiting.pop()
        if address in seen or len(seen) > 3_000:
            continue
        seen.add(address)
        answer = visitor.get(address)
        assert answer.status_code in {200, 307}, (address, answer.status_code)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        if "attachment" in answer.headers.get("content-disposition", ""):
            require_harmless_file(Page(answer.text))
            continue
        page = Page(answer.text)
        require_harmless(page, address)
        for link in page.links:
            target = urlsplit(urljoin(f"http://127.0.0.1{address}", link))
            assert target.netloc == "127.0.0.1", (address, link)
            if not link.startswith("#") and not is_one_of_too_many(target):
                waiting.append(target._replace(scheme="", netloc="", fragment="").geturl())
    for text in HOSTILE:
        assert skill_path(text) in seen and session_path(text) in seen
        assert experiment_path(text) in seen and experiment_path(text, "report.html") in seen


def is_one_of_too_many(target: SplitResult) -> bool:
    """Tell whether a link only combines what others show: filters of a page, or any two skills side by side."""
    given = [name for name, _ in parse_qsl(target.query, keep_blank_values=True)]
    return (
        len(given) > 2 or not {"by", "days", "lift", "sessions", "since"}.isdisjoint(given) or given.count("skill") > 1
    )


def require_harmless(page: Page, address: str) -> None:
    for tag, attributes in page.elements:
        assert tag in TAGS, (address, tag)
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "srcdoc"}], address
        if tag == "script":
            assert re.fullmatch(r"/static/[a-z-]+\.js", str(attributes.get("src"))), address
        for name in ("href", "src", "action"):
            if name in attributes:
                assert re.match(r"[/#]", str(attributes[name])) and not str(attributes[name]).startswith("//")


def require_harmless_file(page: Page) -> None:
    """A file has its style in it and leads nowhere; otherwise it holds what pages hold."""
    drawn = {"style", "polygon", "polyline", "circle"}
    assert {tag for tag, _ in page.elements} <= (TAGS | drawn) - {"script", "a", "link"}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "href", "style", "srcdoc"}]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_experiment_has_a_page_that_names_it(visitor: Visitor, text: str) -> None:
    answer = visitor.get(experiment_path(text))
    assert answer.status_code == 200
    assert " ".join(printable(text).split()) in Page(answer.text).text
    figures = visitor.get(experiment_path(text, "metrics.json")), visitor.get(experiment_path(text, "course.json"))
    for figure in figures:
        for found in texts(figure.json()):
            assert "<" not in found.replace("<br>", "").replace("<extra></extra>", ""), found
    rows = csv.reader(io.StringIO(visitor.get(experiment_path(text, "segments.csv")).text))
    assert not any(skill.startswith(("=", "+", "@", "-", "\t", "\r")) for skill, *_ in rows)


@pytest.mark.parametrize("text", HOSTILE)
def test_every_skill_has_a_page_that_names_it(visitor: Visitor, text: str) -> None:
    answer = visitor.get(skill_path(text))
    assert answer.status_code == 200
    page = Page(answer.text)
    wanted = " ".join(shown_name(text).split())
    assert wanted in page.text
    assert "49{" not in page.text and "alert(1)\n" not in answer.text
    assert visitor.get(skill_path(text, "series.csv")).headers["content-type"].startswith("text/csv")


def test_the_page_of_tests_and_the_gate_name_all_of_them(visitor: Visitor) -> None:
    asked = "/tests?limit=100&min_completion=1&min_uses=1&no_new_anomaly=1"
    page = Page(visitor.get(asked).text)
    require_harmless(page, asked)
    for text in HOSTILE:
        assert " ".join(printable(text).split()) in page.text
        assert skill_path(text) in page.links
    rows = csv.reader(io.StringIO(visitor.get("/tests/tests.csv").text))
    assert not any(cell.startswith(("=", "+", "@", "-", "\t", "\r")) for row in rows for cell in row)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_the_form_of_the_gate_was_given_comes_back_as_it_was(visitor: Visitor, text: str) -> None:
    asked = with_query("/tests", min_completion="1", skill=[text, text], gate_since="24h", flaky="1")
    answer = visitor.get(asked)
    assert answer.status_code == 200
    page = Page(answer.text)
    require_harmless(page, asked)
    fields = [attributes.get("value") for tag, attributes in page.elements if attributes.get("name") == "skill"]
    assert fields == [text, text, ""]
    assert with_query("/tests", min_completion="1", skill=[text, text], gate_since="24h") in page.links


@pytest.mark.parametrize("name", ["since", "gate_since", "min_completion", "min_uses", "limit", "skill"])
def test_what_a_query_has_wrong_is_told_as_text(visitor: Visitor, name: str) -> None:
    for text in ("<script>alert(1)</script>", "{{ 7 * 7 }}", "9" * 5_000, "\u202egnp.exe"):
        asked = with_query("/tests", **({"no_new_anomaly": "1"} | {name: f"{text} and more"}))
        answer = visitor.get(asked)
        assert answer.status_code == (404 if name == "skill" else 422), name
        require_harmless(Page(answer.text), asked)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_a_clock_that_went_mad_hides_no_page(tmp_path: Path, moment: str) -> None:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", clock=FakeClock()) as store:
        told = {"session_id": "mad-session", "invoked_at": moment, "duration_ms": 90_000}
        store.record([invocation("mad", skill_name="mad", **told), invocation("sane", session_id="mad-session")])
        store.refresh()
        with visiting(store, tmp_path) as visitor:
            for grain in Grain:
                for address in ("/skills/mad", "/skills/mad/series.csv", "/skills/mad/series.json"):
                    assert visitor.get(f"{address}?grain={grain}").status_code == 200
            for address in ("/", "/skills", "/sessions", "/sessions/mad-session", "/data", "/api/v1/skills/mad"):
                assert visitor.get(address).status_code == 200


@pytest.mark.parametrize("text", HOSTILE)
def test_charts_hold_no_markup_but_line_breaks(visitor: Visitor, text: str) -> None:
    figure = visitor.get(skill_path(text, "series.json")).json()
    for found in texts(figure):
        assert "<" not in found.replace("<br>", "").replace("<extra></extra>", ""), found


@pytest.mark.parametrize("text", HOSTILE)
def test_every_session_has_a_page(visitor: Visitor, text: str) -> None:
    answer = visitor.get(session_path(text))
    assert answer.status_code == 200
    rows = visitor.get(session_path(text, "series.csv")).text.splitlines()
    assert not any(cell.startswith(("=", "+", "@", "-")) for row in rows for cell in row.split(","))


@example("a/b")
@example("/clear")
@example("a\\b")
@given(st.text(min_size=1).filter(lambda text: text.strip() and "\0" not in text))
def test_an_address_leads_back_to_its_name(name: str) -> None:
    path = skill_path(name)
    assert path.isascii() and not re.search(r"[\s<>\"'\\]", path)
    if path.startswith("/skills/"):
        kept = path.removeprefix("/skills/")
        assert unquote(kept) == name and "/" not in kept
        # What a browser makes of it.
        assert urlsplit(urljoin("http://127.0.0.1/", path)).path == path
    else:
        assert path.startswith("/skill?name=")


@given(st.text())
def test_plain_text_has_no_markup(text: str) -> None:
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", plain(text))


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
