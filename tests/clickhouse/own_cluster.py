"""An engine that is a cluster of one: runs the statements of a cluster, as far as one process can.

Read as a program: takes lists of statements on stdin, writes the answers of the last list. Registry and replicas need
servers, so ``ON CLUSTER`` and ``Replicated`` are left out; ``Distributed`` tables, what they insert and read, and the
materialized views of the shard are the real ones.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_CONFIGURATION = """<clickhouse>
    <tcp_port>9000</tcp_port>
    <remote_servers><session_buddy><shard><internal_replication>true</internal_replication>
        <replica><host>127.0.0.1</host><port>9000</port></replica>
    </shard></session_buddy></remote_servers>
</clickhouse>"""


def run(statements: list[str], queries: list[str]) -> list[Any]:
    """Run *statements* in a new database, in a process of its own, and return the rows of each of *queries*."""
    given = json.dumps([[_for_one_process(statement) for statement in statements], queries])
    done = subprocess.run([sys.executable, __file__], input=given, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3_000:]
    answers: list[Any] = json.loads(done.stdout)
    return answers


def _for_one_process(statement: str) -> str:
    statement = statement.replace(" ON CLUSTER session_buddy", "")
    statement = re.sub(r"Replicated(\w+)\('[^']+', '[^']+'(?:, )?", r"\1(", statement)
    statement = re.sub(r", replicated_deduplication_window_seconds = \d+", "", statement)
    return statement.replace("replicated_deduplication_window", "non_replicated_deduplication_window")


def _main() -> None:
    from chdb.session import Session

    statements, queries = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "config.xml"
        configuration.write_text(_CONFIGURATION, encoding="utf-8")
        session = Session(f"{folder}/data?config-file={configuration}")
        for statement in ("CREATE DATABASE d", "USE d", "SET distributed_foreground_insert = 1", *statements):
            session.query(statement)
        answers = [
            [json.loads(line) for line in session.query(query, "JSONCompactEachRow").bytes().decode().splitlines()]
            for query in queries
        ]
        session.close()
    print(json.dumps(answers))


if __name__ == "__main__":
    _main()
