"""What comes from files is the same on every engine, whatever stands in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.codex import Codex
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.storage import Store
from tests.ingest.making_files import transcript

RULES = ShellRules.builtin()
IMPORTERS = [ClaudeCode(RULES), Codex(RULES)]
GOOD = transcript("s0", 4)


def rollout(call: str, moment: str) -> bytes:
    told = f'{{"timestamp":"{moment}","type":"response_item","payload":{{"type":"function_call","call_id":"{call}",'
    return f'{told}"name":"exec_command","arguments":"{{}}"}}}}\n'.encode()


@pytest.mark.parametrize("year", ["0001", "1969", "2106", "2150", "9999"])
def test_a_year_that_not_every_engine_keeps_costs_its_own_lines_only(store: Store, tmp_path: Path, year: str) -> None:
    strange = transcript("s1", 2).replace(b'"timestamp": "2026', f'"timestamp": "{year}'.encode())
    strange = strange.replace(b'"timestamp":"2026', f'"timestamp":"{year}'.encode())
    assert year.encode() in strange
    (tmp_path / "s0.jsonl").write_bytes(strange + GOOD)
    calls = rollout("good", "2026-07-01T10:00:00Z"), rollout("strange", f"{year}-07-01T10:00:00Z")
    (tmp_path / "rollout-1.jsonl").write_bytes(b"".join((calls[1], calls[0])))
    report = import_files(store, IMPORTERS, {one.name: [tmp_path] for one in IMPORTERS}, user_id="u")
    stored = {name for (name,) in store.query("SELECT event_id FROM skill_invocation").rows}
    assert stored == {*(f"toolu_s0_{n}" for n in range(4)), "good"}
    reasons = {reason for (reason,) in store.query("SELECT reason FROM import_quarantine").rows}
    assert report.bad_lines
    assert all("outside 1970-2105" in reason for reason in reasons), reasons
