"""An engine with a cluster of two shards, both of them itself: what joins over ``Distributed`` tables really do.

Read as a program: takes statements and queries on stdin, writes the answers. Each row of a table over the two shards is
there twice, so a join that took place shard by shard would find half of what it should.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_SHARD = """<shard><internal_replication>true</internal_replication>
    <replica><host>127.0.0.1</host><port>9000</port></replica></shard>"""
_CONFIGURATION = f"""<clickhouse><tcp_port>9000</tcp_port>
    <remote_servers><two>{_SHARD * 2}</two></remote_servers></clickhouse>"""


def run(statements: list[tuple[str, str]], queries: list[tuple[str, dict[str, Any], str]]) -> list[Any]:
    """Run *statements*, each with its database; return for each of *queries*, with its settings, the rows.

    In place of the rows stands the text of the error where there was one.
    """
    given = json.dumps([statements, queries])
    done = subprocess.run([sys.executable, __file__], input=given, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3_000:]
    answers: list[Any] = json.loads(done.stdout)
    return answers


def _main() -> None:
    import chdb

    statements, queries = json.load(sys.stdin)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        configuration = Path(folder) / "config.xml"
        configuration.write_text(_CONFIGURATION, encoding="utf-8")
        keeps_the_engine = chdb.connect(f"{folder}/data?config-file={configuration}")
        for database in dict.fromkeys(database for database, _ in statements):
            keeps_the_engine.query(f"CREATE DATABASE {database}")
        for database, statement in statements:
            keeps_the_engine.query(f"USE {database}")
            keeps_the_engine.query(statement)
        print(json.dumps([_answer(chdb.connect(f"{folder}/data"), *query) for query in queries]))
        keeps_the_engine.close()


def _answer(connection: Any, database: str, settings: dict[str, Any], query: str) -> Any:
    connection.query(f"USE {database}")
    for name, value in settings.items():
        connection.query(f"SET {name} = '{value}'")
    try:
        lines = connection.query(query, "JSONCompactEachRow").bytes().decode().splitlines()
    except RuntimeError as error:
        return str(error)
    finally:
        connection.close()
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    _main()
