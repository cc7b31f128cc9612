"""The real engine's own word on whether it understands a statement."""

from __future__ import annotations

import json
import subprocess
import sys

_PARSE = """
import json, sys
from chdb.session import Session
with Session() as session:
    for statement in json.load(sys.stdin):
        text = statement.replace("\\\\", "\\\\\\\\").replace("'", "\\\\'")
        answer = session.query(f"SELECT formatQuerySingleLine('{text}')", "JSONCompactEachRow")
        print(json.dumps(answer.bytes().decode()))
"""


def formatted(statements: list[str]) -> list[str]:
    """Return *statements* as the engine writes them; fails where it cannot parse one.

    In a process of its own: an engine in process has one folder, which other tests may have chosen.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PARSE], input=json.dumps(statements), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(json.loads(line))[0] for line in done.stdout.splitlines()]
