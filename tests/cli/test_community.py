"""``community``: beside the others, and bundles out and in."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from session_buddy.ingest import local_user_id
from session_buddy.learning.community.bundle import encoded
from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.storage import open_store
from tests.cli.conftest import Answer, Run
from tests.learning.community.making import bundle, cell, content, fingerprint
from tests.making import NOW, invocation, shifted

DATA = Path("data") / "session-buddy"


def team(users: int, *, mine: str = "u0") -> list[Invocation]:
    """Return 20 uses of two skills by each of *users*, most of which complete but for one skill of *mine*."""
    return [
        invocation(
            f"{skill}-{user}-{n}",
            skill_name=skill,
            kind=Kind.SKILL,
            user_id=mine if user == 0 else f"u{user}",
            session_id=f"s{user}",
            outcome=Outcome.COMPLETED if n < (5 if user == 0 and skill == "deploy" else 18) else Outcome.FAILED,
        )
        for skill in ("deploy", "review")
        for user in range(users)
        for n in range(20)
    ]


@pytest.fixture
def fill(url: str) -> Any:
    def fill(events: list[Invocation], store_url: str = url) -> None:
        with open_store(store_url) as store:
            store.record(events)

    return fill


def export(run: Run, folder: Path, *options: str) -> Answer:
    return run("community", "export", str(folder / "bundle.json"), *options)


def test_you_are_compared_with_the_others_without_you(run: Run, fill: Any) -> None:
    fill(team(7))
    report = run("community", "--user-id", "u0", "--json").json
    assert (report["user_id"], report["min_users"], report["kept_back"], report["total"]) == ("u0", 5, 0, 2)
    deploy = next(one for one in report["skills"] if one["skill"] == "deploy")
    assert deploy["community"]["users"] == 7
    assert deploy["community"]["success_rate"] == (5 + 6 * 18) / 140
    beside = deploy["comparison"]
    assert (beside["others"]["users"], beside["others"]["success_rate"]) == (6, 0.9)
    assert (beside["yours"]["success_rate"], beside["difference"]) == (0.25, pytest.approx(-0.65))
    assert beside["standing"] == "below"
    assert deploy["sources"] == [{"source": "here", "counted": True, "figures": deploy["community"]}]
    screen = run("community", "--user-id", "u0").out
    assert "below: -65 points beside the others" in screen
    assert "cannot tell: With 20 uses the difference may be chance" in screen
    assert "others = the community without you" in screen


def test_of_just_the_minimum_nothing_is_shown_beside_ones_own(run: Run, fill: Any) -> None:
    fill(team(5))
    for arguments in ((), ("--user-id", "u0")):
        report = run("community", *arguments, "--json").json
        assert {one["community"] for one in report["skills"]} <= {None}
        assert report["kept_back"] == 2
    assert [one["comparison"]["others"] for one in report["skills"]] == [None, None]
    assert "2 skills kept back" in run("community").out


def test_you_are_this_account_or_the_only_user(run: Run, fill: Any, home: Path) -> None:
    fill(team(1, mine="only"))
    assert run("community", "--json").json["user_id"] == "only"
    assert not (home / DATA / "user.key").exists(), "looking makes no key"
    me = local_user_id(home / DATA, "tester")
    fill([invocation("x", user_id="another", session_id="sx")])
    assert run("community", "--json").json["user_id"] is None
    fill([invocation("y", user_id=me, session_id="sy")])
    assert run("community", "--json").json["user_id"] == me


def test_a_user_who_is_none_is_told(run: Run, fill: Any) -> None:
    fill(team(7))
    refused = run("community", "--user-id", "nobody", "--json")
    assert (refused.code, refused.error["type"], refused.error["suggestions"]) == (1, "NotFound", [])


def test_tools_are_left_out_unless_asked_for(run: Run, fill: Any) -> None:
    fill(
        [invocation(f"r{n}", skill_name="Read", kind=Kind.TOOL, user_id=f"u{n}", session_id=f"s{n}") for n in range(9)]
    )
    assert run("community", "--json").json["skills"] == []
    assert [one["skill"] for one in run("community", "--all", "--json").json["skills"]] == ["Read"]


def test_nobody_yet(run: Run) -> None:
    assert run("community").code == 3
    assert "session-buddy up" in run("community").err


def test_a_bundle_travels_from_home_to_home(run: Run, fill: Any, home: Path, tmp_path: Path) -> None:
    fill(team(7))
    assert export(run, tmp_path).code == 0
    signed_by = run("community", "key", "--json").json["fingerprint"]
    if sys.platform != "win32":
        assert stat.S_IMODE((home / DATA / "community.key").stat().st_mode) == 0o600

    (home / "data").rename(home / "data of the publisher")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    fill(team(1, mine="me"), other)
    arguments = ("community", "import", str(tmp_path / "bundle.json"))
    refused = run(*arguments, "--json", store=other)
    assert refused.code == 3
    assert f"--trust {signed_by}" in refused.error["remedy"]
    assert run("community", "--json", store=other).json["publishers"] == []

    taken = run(*arguments, "--trust", signed_by, "--json", store=other)
    assert (taken.code, taken.json["skills"], taken.json["new_publisher"]) == (0, 2, True)
    report = run("community", "--json", store=other).json
    assert (report["user_id"], report["publishers"][0]["publisher"], report["publishers"][0]["skills"]) == (
        "me", signed_by, 2,
    )  # fmt: skip
    deploy = next(one for one in report["skills"] if one["skill"] == "deploy")
    assert [part["source"] for part in deploy["sources"]] == [signed_by]
    assert (deploy["community"]["users"], deploy["comparison"]["standing"]) == (7, "below")
    assert signed_by[:16] in run("community", store=other).out

    assert run(*arguments, store=other).code == 3, "a replay"
    assert run("community", "forget", signed_by[:12], "--json", store=other).json == {"forgotten": signed_by}
    assert run("community", "--json", store=other).json["publishers"] == []
    assert run("community", "forget", signed_by, store=other).code == 1


def test_what_would_leave_is_shown_first(run: Run, fill: Any, home: Path, tmp_path: Path) -> None:
    fill(
        [*team(7), *(invocation(f"p{n}", skill_name="/a/b.sh", user_id=f"u{n}", session_id=f"s{n}") for n in range(7))]
    )
    shown = export(run, tmp_path, "--dry-run")
    assert shown.out.split() == ["deploy", "review"]
    assert "Would write: 2 skills of at least 5 users." in shown.err
    assert "Not in it, by their names: /a/b.sh" in shown.err
    assert not (tmp_path / "bundle.json").exists()
    assert not (home / DATA / "community.key").exists()
    told = export(run, tmp_path, "--without", "dep*", "--json").json
    assert (told["skills"], told["not_fit"], told["min_users"]) == (["review"], ["/a/b.sh"], 5)
    assert [one["skill_name"] for one in json.loads((tmp_path / "bundle.json").read_text())["cells"]] == ["review"]


def test_noise_is_stated_and_marked(run: Run, fill: Any, home: Path, tmp_path: Path) -> None:
    fill(team(7))
    assert "with noise (ε = 0.5)" in export(run, tmp_path, "--epsilon", "0.5").err
    signed_by = run("community", "key").out.strip()
    (home / "data").rename(home / "elsewhere")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    fill(team(1, mine="me"), other)
    run("community", "import", str(tmp_path / "bundle.json"), "--trust", signed_by, store=other)
    report = run("community", "--json", store=other).json
    assert report["publishers"][0]["epsilon"] == 0.5
    assert all(one["community"]["noised"] for one in report["skills"])
    assert "≈ = with noise" in run("community", store=other).out


@pytest.mark.parametrize(
    ("options", "field"),
    [(["--epsilon", "0"], "epsilon"), (["--epsilon", "nan"], "epsilon"), (["--min-users", "4"], "min_users")],
)
def test_what_makes_no_sense_writes_nothing(
    run: Run, fill: Any, home: Path, tmp_path: Path, options: list[str], field: str
) -> None:
    fill(team(7))
    refused = export(run, tmp_path, *options, "--json")
    assert (refused.code, refused.error["problem"].partition(":")[0]) == (3, field)
    assert not (tmp_path / "bundle.json").exists()


def test_an_export_is_whole_or_not_there(run: Run, fill: Any, tmp_path: Path) -> None:
    fill(team(7))
    assert run("community", "export", str(tmp_path)).code == 3
    assert run("community", "export", str(tmp_path / "none" / "b.json")).code == 3
    assert export(run, tmp_path).code == 0
    before = (tmp_path / "bundle.json").read_bytes()
    assert export(run, tmp_path).code == 0
    assert (tmp_path / "bundle.json").read_bytes() != before, "another number, another signature"
    assert [path.name for path in tmp_path.glob("*bundle*")] == ["bundle.json"]


def test_a_file_of_a_gigabyte_is_not_read(run: Run, fill: Any, tmp_path: Path) -> None:
    fill(team(1))
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.write(content(cell("deploy")))
        file.truncate(1 << 30)
    refused = run("community", "import", str(huge), "--trust", fingerprint(), "--json")
    assert (refused.code, refused.error["problem"]) == (3, "bundle: has more than 8,000,000 bytes.")
    for path in (tmp_path, tmp_path / "none"):
        assert run("community", "import", str(path)).code == 3


def test_unknown_skills_are_refused_unless_asked_for(run: Run, fill: Any, tmp_path: Path) -> None:
    fill(team(1))
    (tmp_path / "b.json").write_bytes(content(cell("deploy"), cell("never seen")))
    arguments = ("community", "import", str(tmp_path / "b.json"), "--trust", fingerprint())
    refused = run(*arguments, "--json")
    assert refused.error["problem"] == "cells[1].skill_name: never seen is in no list here."
    assert run("community", "--json").json["publishers"] == []
    assert run(*arguments, "--unknown-skills").code == 0
    found = {one["skill"]: one["kind"] for one in run("community", "--json").json["skills"]}
    assert found == {"deploy": "skill", "never seen": None, "review": "skill"}


def test_names_cannot_steer_the_terminal_nor_times_be_of_tomorrow(run: Run, fill: Any, tmp_path: Path) -> None:
    fill(team(1))
    for made in (bundle(cell("a\x1b[2J")), bundle(cell("deploy"), published_at=shifted(NOW, days=1))):
        (tmp_path / "b.json").write_bytes(encoded(made))
        refused = run("community", "import", str(tmp_path / "b.json"), "--trust", fingerprint(), "--unknown-skills")
        assert refused.code == 3
        assert "\x1b" not in refused.err


def test_without_the_extra_it_says_what_to_install(
    run: Run, fill: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(team(7))
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    (tmp_path / "b.json").write_bytes(content(cell("deploy")))
    for arguments in (("key",), ("export", str(tmp_path / "out.json")), ("import", str(tmp_path / "b.json"))):
        refused = run("community", *arguments, "--json")
        assert refused.error["type"] == "MissingExtra"
        assert refused.error["remedy"] == "Install it with: pip install 'session-buddy[community]'"
    assert not (tmp_path / "out.json").exists()
    assert run("community").code == 0, "to look needs none"
