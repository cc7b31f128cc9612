"""A cluster of two nodes, a shard each, played by one engine: what clients of a cluster send can be run and looked at.

The node that is asked is the database it is asked for, the other one ``…__other`` beside it. Registry and replicas need
servers; they are played here: ``ON CLUSTER`` runs a statement in both databases, a ``Distributed`` table is a ``Merge``
over both, rows for it go where the hash of its sharding key says, and what is replicated whole is on the
asked node and seen from the other. Whatever a statement of a cluster would do that is not played fails.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.clickhouse import http_server

CLUSTER = "session_buddy"
_OTHER = "__other"
_ON_CLUSTER = f" ON CLUSTER {CLUSTER}"
_REPLICATED = re.compile(r"Replicated(\w*MergeTree)\('[^']+', '[^']+'(?:, )?")
_DATABASE = re.compile(r"(CREATE|DROP) DATABASE (IF (?:NOT )?EXISTS )?`?(\w+)`?( SYNC)?")
_DISTRIBUTED = re.compile(
    r"CREATE TABLE (IF NOT EXISTS )?(\w+) AS (\w+) ENGINE = Distributed\((\w+), '(\w+)', \3, (.+)\)", re.DOTALL
)
_TABLE = re.compile(r"(CREATE TABLE(?: IF NOT EXISTS)?|DROP TABLE(?: IF EXISTS)?|TRUNCATE TABLE|ALTER TABLE) (\w+)")
_LENT = re.compile(r"(ATTACH PARTITION ID '\w+' FROM )`?(\w+)`?\.")
_INSERT = re.compile(r"\s*INSERT INTO `?(\w+)`?\s*(?:\(([^)]*)\)\s*)?(.*)", re.DOTALL)


class ClusterServer(http_server.ChdbServer):
    """Like :class:`~tests.clickhouse.http_server.ChdbServer`, and a node of the cluster :data:`CLUSTER`."""

    _module = __name__

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clickhouse.cluster_server", str(self.folder), str(self.port)],
            cwd=Path(__file__).resolve().parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n", "the test server did not start"

    def heard(self) -> list[dict[str, Any]]:
        """Return what clients have sent since this was last asked: each statement, and the settings with it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/heard", timeout=30) as answer:
            told: list[dict[str, Any]] = json.loads(answer.read())
            return told


def played(statement: str, database: str) -> Iterator[tuple[str, str]]:
    """Return what the statement of a cluster does, as statements of one engine and the database for each."""
    if _ON_CLUSTER not in statement:
        yield database, _asked_of_all(statement)
        return
    plain = _REPLICATED.sub(r"\1(", statement.replace(_ON_CLUSTER, ""))
    plain = re.sub(r", replicated_deduplication_window_seconds = \d+", "", plain)
    plain = plain.replace("replicated_deduplication_window", "non_replicated_deduplication_window")
    other = f"{database}{_OTHER}"
    if match := _DATABASE.fullmatch(plain):
        verb, exists, name, sync = match.groups(default="")
        for node in (name, f"{name}{_OTHER}"):
            yield "", f"{verb} DATABASE {exists}{node}{sync}"
    elif match := _DISTRIBUTED.fullmatch(plain):
        exists, name, local, cluster, there, key = match.groups(default="")
        assert (cluster, there) == (CLUSTER, database), statement
        for node in (database, other):
            over = f"Merge(REGEXP('^({database}|{other})$'), '^{local}$')"
            yield node, f"CREATE TABLE {exists}{name} AS {database}.{local} ENGINE = {over} COMMENT '{key}'"
    elif (match := _TABLE.match(plain)) and not match[2].endswith("_local"):
        yield database, plain
        yield from _seen_from(other, database, match[1], match[2], plain)
    else:
        yield database, plain
        yield other, _LENT.sub(rf"\1\2{_OTHER}.", plain)


def _seen_from(other: str, database: str, verb: str, name: str, statement: str) -> Iterator[tuple[str, str]]:
    """Return what a change of a table without ``_local`` means for the other node."""
    if verb.startswith("CREATE"):
        if "ENGINE = Null" in statement:  # the lock
            yield other, statement
        else:
            yield other, f"{verb} {name} AS {database}.{name} ENGINE = Merge('{database}', '^{name}$')"
    elif not verb.startswith("TRUNCATE"):
        yield other, statement


def _asked_of_all(statement: str) -> str:
    """Return *statement* so that what it asks of all nodes is asked of the one engine."""
    alike = f"(SELECT * REPLACE (replaceRegexpOne(database, '{_OTHER}$', '') AS database) FROM system.tables)"
    statement = statement.replace(f"clusterAllReplicas('{CLUSTER}', system.tables)", alike)
    if "create_table_query" in statement:
        as_distributed = (
            r"""replaceRegexpOne(create_table_query, 'Merge\\(REGEXP\\(\'\\^\\((\\w+)\\|.*?\\^(\\w+)\\$\'\\)', """
            rf"""'Distributed(\'{CLUSTER}\', \'\\1\', \'\\2\')')"""
        )
        statement = statement.replace("create_table_query", as_distributed)
    return statement


class _Requests(http_server._Requests):
    server: _Server

    def _told(self, path: str) -> str:
        if path != "/-/heard":
            return super()._told(path)
        heard, self.server.heard = self.server.heard, []
        return json.dumps(heard)

    def _query(self, connection: Any, sql: str) -> tuple[bytes, dict[str, str]]:
        self._remember(sql)
        database = self.parameters.get("database", "")
        if match := _INSERT.fullmatch(sql):
            name, columns, rest = match.groups(default="")
            if key := self._sharding_key(connection, name):
                # A recount: it may lie on any shard. That it was counted lies on the node that nobody asks.
                assert key
                into = f"{database}{_OTHER}.{name}_local" + (f" ({columns})" if columns else "")
                connection.query(f"INSERT INTO {into} {rest}")
                return b"", {}
        if sql.startswith("SYSTEM SYNC REPLICA"):
            return b"", {}
        answer: tuple[bytes, dict[str, str]] = (b"", {})
        for node, statement in played(sql, database):
            if node:
                connection.query(f"USE {node}")
            answer = super()._query(connection, statement)
        return answer

    def _insert(self, connection: Any, insert: re.Match[bytes], rows: bytes) -> tuple[bytes, dict[str, str]]:
        statement = insert[1].decode()
        self._remember(statement)
        match = _INSERT.fullmatch(statement)
        assert match, statement
        name, columns, _ = match.groups(default="")
        key = self._sharding_key(connection, name)
        if not key:
            return super()._insert(connection, insert, rows)
        database = self.parameters["database"]
        file = self.server.put_down(rows)
        try:
            for number, node in enumerate((database, f"{database}{_OTHER}")):
                chosen = f"SELECT {columns} FROM file('{file}', {insert[2].decode()}) WHERE {key} % 2 = {number}"
                connection.query(f"INSERT INTO {node}.{name}_local ({columns}) {chosen}")
        finally:
            file.unlink()
        return b"", {}

    def _sharding_key(self, connection: Any, name: str) -> str:
        """Return the key of a table over all shards; of any other table nothing."""
        found = connection.query(
            f"SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = '{name}'", "TSVRaw"
        )
        comment: str = found.bytes().decode().strip()
        return comment if comment.startswith("cityHash64(") else ""

    def _remember(self, statement: str) -> None:
        settings = {name: value for name, value in self.parameters.items() if name not in http_server._NO_SETTINGS}
        self.server.heard.append({"statement": statement, "settings": settings})


class _Server(http_server._Server):
    requests = _Requests

    def __init__(self, folder: str, port: int) -> None:
        super().__init__(folder, port)
        self.RequestHandlerClass = _Requests
        self.heard: list[dict[str, Any]] = []
        self._files = Path(folder)

    def put_down(self, rows: bytes) -> Path:
        """Return a file with *rows*."""
        import tempfile

        with tempfile.NamedTemporaryFile(dir=self._files, suffix=".rows", delete=False) as file:
            file.write(rows)
        return Path(file.name)


if __name__ == "__main__":
    server = _Server(sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    server.serve_forever()
