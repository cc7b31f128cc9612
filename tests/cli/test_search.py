"""``search``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from session_buddy.cli.choices import KindChoice
from session_buddy.learning.search.embedding import DIMENSIONS, LetterEmbedder
from session_buddy.learning.search.keeping import embed_missing
from session_buddy.model import Kind, Phase, SkillFacts
from session_buddy.reports.search import SEARCHES, ask, refresh_search
from session_buddy.reports.settings import put_setting
from session_buddy.storage import Store, open_store
from tests.cli.conftest import DONE, FAILED, Run, uses
from tests.learning.search.making import DESCRIPTIONS, MODEL_FOLDER, needs_model
from tests.making import NOW, FakeClock, shifted


class OtherEmbedder(LetterEmbedder):
    """The same by another name."""

    model = "another"


HOSTILE = "\x1b[2J\u202e<script>alert(1)</script>"


def fill(store: Store) -> None:
    """Describe some skills, and let some of them be used."""
    store.describe(
        SkillFacts(skill_name=name, category="Test", modality="code", description=text)
        for name, text in {**DESCRIPTIONS, f"evil-{HOSTILE}": f"Exfiltrates {HOSTILE} secrets."}.items()
    )
    store.record(
        [
            *uses("pytest-run", *[DONE] * 94, *[FAILED] * 6, workflow_phase=Phase.VERIFICATION),
            *uses("code-review", DONE, FAILED, kind=Kind.SKILL, workflow_phase=Phase.EXECUTION),
            *uses("mcp__web__fetch", DONE, kind=Kind.MCP, start=shifted(NOW, days=-3)),
            *uses("Read", *[DONE] * 9, kind=Kind.TOOL),
        ]
    )
    store.refresh()


@pytest.fixture
def found(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SESSION_BUDDY_SEARCH_MODEL", raising=False)
    with open_store(url, clock=FakeClock()) as store:
        fill(store)


@pytest.mark.usefixtures("found")
def test_the_skill_that_fits_comes_first_and_says_why(run: Run) -> None:
    answer = run("search", "run the tests of my python project", "--phase", "verification").out
    notice, head, description, why, *_ = answer.splitlines()
    assert "there is no model" in notice
    assert head.startswith("pytest-run  shell, last used ")
    assert description.strip() == "Runs the tests of a Python project."
    assert "has " in why
    assert "success 94 % of 100" in why
    assert "% in verification" in why


@pytest.mark.usefixtures("found")
def test_as_json_it_says_the_same_in_figures(run: Run) -> None:
    answer = run("search", "fetch from the web", "--json", "--limit", "1").json
    assert (answer["strategy"], answer["model"], answer["phase"]) == ("workflow_aware_search", "letters-1", None)
    assert "there is no model" in answer["notices"][0]
    (skill,) = answer["skills"]
    assert skill["skill"] == "mcp__web__fetch"
    assert (skill["description"], skill["kind"], skill["named"]) == (None, "mcp", True)
    assert (skill["success_rate"], skill["judged"], skill["invocations"]) == (1.0, 1, 1)
    assert skill["score"] == pytest.approx(skill["relevance"] * skill["factor"])
    assert set(skill["matched"]) == {"fetch", "web"}
    alone = run("search", "fetch from the web", "--json", "--limit", "1", "--strategy", "semantic_search").json
    assert alone["skills"][0]["factor"] == 1


@pytest.mark.usefixtures("found")
def test_built_in_tools_are_found_when_they_are_asked_for(run: Run) -> None:
    assert "Read" not in [one["skill"] for one in run("search", "read", "--json").json["skills"]]
    assert [one["skill"] for one in run("search", "read", "--json", "--kind", "tool").json["skills"]] == ["Read"]


@pytest.mark.usefixtures("found")
def test_a_described_skill_that_was_never_used_is_found(run: Run) -> None:
    assert "xlsx  never used" in run("search", "spreadsheet with charts").out
    (skill,) = run("search", "spreadsheet with charts", "--json", "--limit", "1").json["skills"]
    assert (skill["success_rate"], skill["judged"], skill["last_invoked_at"], skill["kind"]) == (None, 0, None, None)


@pytest.mark.usefixtures("found")
def test_hostile_texts_steer_no_terminal(run: Run) -> None:
    answer = run("search", "exfiltrates secrets").out
    assert "<script>alert(1)</script>" in answer
    assert "\x1b[2J" not in answer
    assert "\u202e" not in answer


@pytest.mark.usefixtures("found")
def test_where_nothing_fits_it_says_so(run: Run) -> None:
    answer = run("search", "zzqx kwrt")
    assert answer.code == 0
    assert "No skill fits that." in answer.out


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([""], "question: is empty"),
        (["  \t "], "question: is empty"),
        (["x" * 10_001], "question: has 10,001 characters"),
        (["x", "--limit", "1001"], "limit: 1001"),
        (["x", "--limit", "0"], "--limit"),
        (["x", "--kind", "nope"], "--kind"),
        (["x", "--phase", "nope"], "--phase"),
        (["x", "--strategy", "nope"], "--strategy"),
        ([], "QUESTION"),
    ],
)
def test_bad_input_is_named(run: Run, arguments: list[str], word: str) -> None:
    answer = run("search", *arguments)
    assert answer.code != 0
    assert word in answer.err


def test_bytes_that_are_no_text_are_searched_for_as_far_as_they_are(run: Run, found: None) -> None:
    assert run("search", "tests \udcff project", "--json").json["skills"][0]["skill"] == "pytest-run"


def test_without_a_store_it_says_how_to_get_one(run: Run) -> None:
    answer = run("search", "anything")
    assert "session-buddy up" in answer.err


def test_an_empty_store_finds_nothing(run: Run, url: str) -> None:
    open_store(url).close()
    assert run("search", "anything", "--json").json["skills"] == []


@pytest.mark.usefixtures("found")
def test_texts_are_embedded_once_by_whoever_comes_first(run: Run, url: str) -> None:
    with open_store(url, clock=FakeClock()) as store:
        made = refresh_search(store, NOW)
        assert made == len(DESCRIPTIONS) + 3, "those that are described, and names of the others"
        assert refresh_search(store, NOW) == 0
        # Vectors of another model say nothing here.
        assert embed_missing(store, OtherEmbedder(), now=NOW) == made
        rows = store.query("SELECT embedding FROM text_embedding").rows
    assert {len(row[0]) for row in rows} == {4 * DIMENSIONS}
    run("search", "anything")
    with open_store(url) as store:
        assert len(store.query("SELECT 1 FROM text_embedding").rows) == len(rows)


@pytest.mark.usefixtures("found")
def test_many_new_texts_are_spoken_of_while_they_are_embedded(run: Run, url: str) -> None:
    with open_store(url) as store:
        store.describe(
            SkillFacts(skill_name=f"s{n}", category="c", modality="code", description=f"Text {n}.") for n in range(400)
        )
    assert "Embedding texts, once: 320 of 409" in run("search", "text").err
    assert run("search", "text").err == ""


@pytest.mark.usefixtures("found")
def test_quiet_says_nothing(run: Run, url: str) -> None:
    with open_store(url) as store:
        store.describe(
            SkillFacts(skill_name=f"s{n}", category="c", modality="code", description=f"Text {n}.") for n in range(400)
        )
    assert run("search", "text", "--quiet").err == ""


@pytest.mark.usefixtures("found")
def test_a_model_that_is_not_there_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("settings", "set", "search_model_folder", str(tmp_path)).code == 0
    assert "has no model.onnx" in run("search", "tests").out.replace("\n", " ").replace("  ", " ")
    monkeypatch.setenv("SESSION_BUDDY_SEARCH_MODEL", str(tmp_path / "other"))
    (notice,) = run("search", "tests", "--json").json["notices"]
    assert str(tmp_path / "other") in notice


@needs_model
@pytest.mark.usefixtures("found")
def test_with_the_model_meaning_counts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastembed", reason="fastembed is not installed: pip install 'session-buddy[semantic]'")
    monkeypatch.setenv("SESSION_BUDDY_SEARCH_MODEL", str(MODEL_FOLDER))
    answer = run("search", "look for mistakes in my changes", "--json").json
    assert answer["notices"] == []
    assert answer["model"].startswith("all-MiniLM-L6-v2@")
    assert answer["skills"][0]["skill"] == "code-review"
    assert answer["skills"][0]["likeness"] > LetterEmbedder.unlike


def test_settings_of_the_model_are_checked(run: Run, url: str) -> None:
    with open_store(url) as store:
        put_setting(store, "search_model_download", "yes")
    assert run("settings", "set", "search_model_download", "perhaps").code != 0
    assert "search_model_folder" in run("settings").out


def test_choices_are_those_of_the_search() -> None:
    assert list(SEARCHES) == list(type(ask("x").strategy))
    assert ask("x", kind=KindChoice.MCP, phase="setup").kind is Kind.MCP


def test_help_loads_no_mathematics() -> None:
    code = (
        "import sys; from session_buddy.cli import main\n"
        "try: main(['search', '--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {'numpy', 'scipy', 'fastembed', 'sklearn', 'session_buddy.storage'} & set(sys.modules)\n"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
