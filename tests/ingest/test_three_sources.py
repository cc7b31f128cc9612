"""One session seen through its transcript, through hooks and over OTLP: one row a call, whoever comes first.

Hooks and telemetry are made of real transcripts by a reading of its own, which knows nothing of the importer: pairs of
a call and its result, as agents would have told them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.hooks import Sessions, decode_event
from session_buddy.importers.otlp import Signal, decode, read_logs
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.model import Invocation
from session_buddy.storage import Store, open_store

RULES = ShellRules.builtin()
DURATION_MS = 1_234
FIELDS = "event_id, session_id, skill_name, kind, outcome, error_type, duration_ms, duration_source, model"


class Call(NamedTuple):
    """A call and its result, as they stand in a transcript."""

    id: str
    session: str
    tool: str
    given: Any
    began_at: str
    ended_at: str
    text: str
    failed: bool
    result: Any
    cwd: str | None
    prompt: str | None
    agent: str | None


def calls_in(path: Path) -> Iterator[Call]:
    begun: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for raw in path.read_text(errors="replace").splitlines():
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        content = line.get("message", {}).get("content") if isinstance(line.get("message"), dict) else None
        for block in content if isinstance(content, list) else []:
            if block.get("type") == "tool_use":
                begun.setdefault(block["id"], (line, block))
            elif block.get("type") == "tool_result" and block["tool_use_id"] in begun:
                first, call = begun.pop(block["tool_use_id"])
                told = block.get("content")
                parts = told if isinstance(told, list) else [{"text": told}]
                yield Call(
                    call["id"], first["sessionId"], call["name"], call["input"], first["timestamp"], line["timestamp"],
                    "\n".join(str(part.get("text", "")) for part in parts), bool(block.get("is_error")),
                    line.get("toolUseResult"), first.get("cwd"), line.get("promptId"),
                    first.get("agentId") if first.get("isSidechain") else None,
                )  # fmt: skip


def ran(call: Call) -> bool:
    """Whether agents tell their hooks of it: not where it was refused before it ran."""
    return not (call.failed and (call.text.startswith("<tool_use_error>") or "doesn't want" in call.text))


def by_hooks(calls: list[Call]) -> list[Invocation]:
    sessions = Sessions(None, user_id="u", rules=RULES)
    told: dict[str, Invocation] = {}
    for call in calls:
        common = {
            "session_id": call.session, "tool_name": call.tool, "tool_input": call.given, "tool_use_id": call.id,
            "cwd": call.cwd, "prompt_id": call.prompt, "agent_id": call.agent,
        }  # fmt: skip
        end = {"hook_event_name": "PostToolUse", "tool_response": call.result}
        if call.failed:
            end = {"hook_event_name": "PostToolUseFailure", "error": call.text}
        for event, at in (
            ({"hook_event_name": "PreToolUse"}, call.began_at),
            (end | {"duration_ms": DURATION_MS}, call.ended_at),
        ):
            sessions.read(decode_event(json.dumps(common | event).encode()), at)
            told |= {row.event_id: row for row in sessions.take() + sessions.show()}
    return list(told.values())


def by_otlp(calls: list[Call], *, details: bool = True) -> list[Invocation]:
    """Return what telemetry tells of *calls*; without *details* neither commands nor what was given."""
    records = []
    for call in calls:
        given = call.given if details else {}
        parameters = {"full_command": given.get("command")} if isinstance(given, dict) else {}
        attributes = {
            "session.id": call.session, "tool_name": call.tool, "tool_use_id": call.id, "prompt.id": call.prompt or "",
            "success": "false" if call.failed else "true", "duration_ms": str(DURATION_MS),
            "tool_parameters": json.dumps(parameters), "tool_input": json.dumps(given),
            "event.timestamp": call.ended_at,
        }  # fmt: skip
        nanoseconds = _nanoseconds(call.ended_at)
        records.append({
            "timeUnixNano": str(nanoseconds), "body": {"stringValue": "claude_code.tool_result"},
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
        })  # fmt: skip
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    told: Any = decode(body, Signal.LOGS, is_json=True)
    read = read_logs(told, user_of=lambda _: "u", rules=RULES)
    assert read.rejected == 0, read.reasons
    return read.invocations


def _nanoseconds(moment: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(moment).timestamp() * 1000) * 1_000_000


@pytest.fixture(scope="module")
def session(transcripts: Path) -> Path:
    """A real transcript with many calls of many kinds, and failures."""
    return max(sorted(transcripts.rglob("*.jsonl")), key=lambda path: min(path.stat().st_size, 3_000_000))


def test_one_row_a_call_whoever_comes_first(session: Path, tmp_path: Path) -> None:
    calls = [call for call in calls_in(session) if ran(call)]
    assert len(calls) > 100
    importer = ClaudeCode(RULES)

    def transcript(store: Store) -> None:
        import_files(store, [importer], {importer.name: [session]}, user_id="u", processes=1)

    tellers: dict[str, Callable[[Store], object]] = {
        "transcript": transcript,
        "hooks": lambda store: store.record(by_hooks(calls)),
        "otlp": lambda store: store.record(by_otlp(calls)),
    }
    found: dict[tuple[str, ...], dict[str, tuple[Any, ...]]] = {}
    for order in itertools.permutations(tellers):
        with open_store(f"sqlite:///{tmp_path / '-'.join(order)}.db") as store:
            for name in order:
                tellers[name](store)
            rows = store.query(f"SELECT {FIELDS} FROM skill_invocation ORDER BY event_id").rows
            assert len({row[0] for row in rows}) == len(rows)
            assert store.drifted() == []
            found[order] = {row[0]: row for row in rows}
    alone = tmp_path / "alone.db"
    with open_store(f"sqlite:///{alone}") as store:
        transcript(store)
        by_transcript = {row[0]: row for row in store.query(f"SELECT {FIELDS} FROM skill_invocation").rows}
    first = found[("transcript", "hooks", "otlp")]
    # Nothing is lost and nothing doubled: the calls are those of the transcript, with whatever commands they ran.
    assert {event.partition("#")[0] for event in first} == {event.partition("#")[0] for event in by_transcript}
    assert {call.id for call in calls} <= set(first)
    # Whoever comes first, the rows are the same.
    for order, rows in found.items():
        differing = [(rows[event], first[event]) for event in first if rows.get(event) != first[event]]
        assert rows.keys() == first.keys(), order
        assert not differing, (order, len(differing), differing[:3])
    # Names and kinds are those of the transcript; how long it took is what the agent itself said.
    for call in calls:
        assert first[call.id][2:4] == by_transcript[call.id][2:4], (call.given, call.result)
    reported = [first[call.id] for call in calls if first[call.id][7] == "reported"]
    assert len(reported) > len(calls) * 0.8


@pytest.mark.long
def test_telemetry_that_comes_first_changes_no_outcome_in_any_session(transcripts: Path, tmp_path: Path) -> None:
    """Among them commands that went to the background by themselves, which telemetry calls completed."""
    files = sorted(path for path in transcripts.rglob("*.jsonl") if path.stat().st_size < 3_000_000)
    calls = [[call for call in calls_in(path) if ran(call)] for path in files]
    # Every other session keeps back what was called with what.
    telemetry = [row for place, told in enumerate(calls) for row in by_otlp(told, details=place % 2 == 0)]
    assert len(telemetry) > 5_000
    importer = ClaudeCode(RULES)

    def transcript(store: Store) -> None:
        import_files(store, [importer], {importer.name: files}, user_id="u", processes=1)

    tellers: dict[str, Callable[[Store], object]] = {
        "transcript": transcript,
        "otlp": lambda store: store.record(telemetry),
    }
    found: list[dict[str, tuple[Any, ...]]] = []
    for order in (("transcript", "otlp"), ("otlp", "transcript"), ("otlp", "transcript", "otlp")):
        with open_store(f"sqlite:///{tmp_path / '-'.join(order)}.db") as store:
            for name in order:
                tellers[name](store)
            rows = store.query(f"SELECT {FIELDS} FROM skill_invocation").rows
        assert len({row[0] for row in rows}) == len(rows)
        found.append({row[0]: row[2:6] for row in rows})
    assert found[0] == found[1] == found[2]
