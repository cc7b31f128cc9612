"""Hostile input through the whole way: nothing raises, no good line is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.storage import open_store
from tests.ingest.making_files import transcript

IMPORTER = ClaudeCode(ShellRules.builtin())
GOOD = transcript("s0", 4).splitlines(keepends=True)
BAD = [
    b"\xff\xfe{}\n",
    b"{" * 200_000 + b"\n",
    b"[" * 200_000 + b"]" * 200_000 + b"\n",
    GOOD[0][:50] + b"\n",
    b'{"type": "assistant", "message": 7}\n',
    b'{"type": "user", "message": {"content": [null, 3, {"type": "tool_result"}]}}\n',
    b"\x00" * 100 + b"\n",
    b"\r\n",
    b'{"a": "\\ud800"}\n',
    GOOD[0].replace(b"2026-03", b"someday"),
    GOOD[0].replace(b"2026-03", b"0000-03").replace(b"toolu_s0_0", b"toolu_zero"),
    GOOD[0].replace(b"2026", "２０２６".encode()).replace(b"toolu_s0_0", b"toolu_wide"),
    "\ufeff".encode() + GOOD[2],
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    noise=st.lists(st.tuples(st.integers(0, 8), st.sampled_from(BAD) | st.binary(max_size=60).map(lambda b: b + b"\n")))
)
def test_good_lines_survive_any_noise_between_them(
    tmp_path_factory: pytest.TempPathFactory, noise: list[tuple[int, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("noise")
    lines = list(GOOD)
    for position, bad in sorted(noise, reverse=True):
        lines.insert(position, bad)
    (folder / "s0.jsonl").write_bytes(b"".join(lines))
    with open_store(f"sqlite:///{folder}/s.db") as store:
        import_files(store, [IMPORTER], {IMPORTER.name: [folder]}, user_id="u")
        stored = {i for (i,) in store.query("SELECT event_id FROM skill_invocation WHERE outcome = 'completed'").rows}
        assert {f"toolu_s0_{n}" for n in range(4)} <= stored


@pytest.mark.parametrize(
    "ending", [b"{}", b'{"type": "user"}', GOOD[0].replace(b"2026-03", b"someday").strip(), b"[]", b"{"]
)
def test_whatever_stands_in_an_unended_last_line_stops_nothing(tmp_path: Path, ending: bytes) -> None:
    (tmp_path / "s0.jsonl").write_bytes(b"".join(GOOD) + ending)
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        import_files(store, [IMPORTER], {IMPORTER.name: [tmp_path]}, user_id="u")
        assert store.query("SELECT count(*) FROM skill_invocation WHERE outcome = 'completed'").rows == [(4,)]


def test_a_line_of_fifty_megabytes_is_a_line_like_any_other(tmp_path: Path) -> None:
    large = json.loads(GOOD[1])
    large["toolUseResult"]["stdout"] = "x" * 50_000_000
    (tmp_path / "s0.jsonl").write_bytes(GOOD[0] + json.dumps(large).encode() + b"\n" + b"".join(GOOD[2:]))
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        import_files(store, [IMPORTER], {IMPORTER.name: [tmp_path]}, user_id="u")
        assert store.query("SELECT count(*) FROM skill_invocation WHERE outcome = 'completed'").rows == [(4,)]


def test_a_line_beyond_all_bounds_is_kept_aside_and_the_rest_is_read(tmp_path: Path) -> None:
    with (tmp_path / "s0.jsonl").open("wb") as file:
        file.write(GOOD[0])
        for _ in range(70):
            file.write(b"y" * 1_000_000)
        file.write(b"\n" + b"".join(GOOD[1:]))
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        report = import_files(store, [IMPORTER], {IMPORTER.name: [tmp_path]}, user_id="u")
        assert report.bad_lines == 1
        assert store.query("SELECT line, length FROM import_quarantine").rows == [(2, 70_000_000)]
        assert store.query("SELECT count(*) FROM skill_invocation WHERE outcome = 'completed'").rows == [(4,)]
