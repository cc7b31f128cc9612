"""Transcripts for tests of the ingest: hand-made, content-free, as many calls as asked for."""

from __future__ import annotations

import json
from pathlib import Path


def transcript(session: str, calls: int, *, first: int = 0) -> bytes:
    """Return *calls* tool calls with their results, two lines each, numbered from *first*."""
    lines = []
    for number in range(first, first + calls):
        stamp = f"2026-03-{1 + number // 3600 % 27:02d}T10:{number // 60 % 60:02d}:{number % 60:02d}"
        common = {"sessionId": session, "cwd": "/home/dev", "version": "2.1.50", "isSidechain": False}
        use = {"type": "tool_use", "id": f"toolu_{session}_{number}", "name": "Bash", "input": {"command": "pytest -q"}}
        done = {"type": "tool_result", "tool_use_id": use["id"], "content": "1 passed", "is_error": False}
        lines += [
            common
            | {
                "type": "assistant",
                "uuid": f"{session}-a{number}",
                "timestamp": f"{stamp}.000Z",
                "message": {"id": f"m{number}", "model": "m", "content": [use], "stop_reason": "tool_use"},
            },
            common
            | {
                "type": "user",
                "uuid": f"{session}-u{number}",
                "timestamp": f"{stamp}.500Z",
                "message": {"role": "user", "content": [done]},
                "toolUseResult": {"stdout": "1 passed", "interrupted": False},
            },
        ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def write_sessions(folder: Path, sessions: int, calls: int) -> set[str]:
    """Write *sessions* transcripts and return the ids of all their calls."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(sessions):
        (folder / f"s{number}.jsonl").write_bytes(transcript(f"s{number}", calls))
    return {f"toolu_s{session}_{call}" for session in range(sessions) for call in range(calls)}
