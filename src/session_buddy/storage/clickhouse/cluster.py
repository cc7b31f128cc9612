"""The scripts of one ClickHouse server, turned into those of a cluster. Pure: text in, text out.

Where a row lies:

* The event log and all that is counted from it is **sharded**: ``T_local`` on each node, replicated inside its shard,
  and ``T``, a ``Distributed`` table over all of them, under the name that everybody reads. Events enter by
  ``invocation_change`` and are sharded by ``cityHash64(user_id)``. All of a user's sessions, and with them both
  tellings of an event, meet on one shard: an old state gives way to the new one there.
  Materialized views read and write ``…_local``, so a shard counts its own events, and counts of different shards add.
* What people write themselves (settings, catalogue, experiments' definitions) is small and wanted in every
  query: it is replicated **whole** to every node under its own name, and joins with it are local.

Rows that reach a sharded roll-up directly (a recount) may lie on any shard, since sums do not mind; the ``Distributed``
table spreads them by user, else session, else skill, else by the first column of the sorting key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from session_buddy.errors import MigrationError

__all__ = ["Layout", "clustered", "layout_of"]

_NAME = r"(?P<name>\w+)"
_TABLE = re.compile(rf"CREATE\s+TABLE\s+(?P<exists>IF\s+NOT\s+EXISTS\s+)?{_NAME}\s*(?=\()", re.IGNORECASE)
_ENGINE = re.compile(r"\s*ENGINE\s*=\s*(?P<engine>\w+)\s*", re.IGNORECASE)
_FEEDING_VIEW = re.compile(
    rf"CREATE\s+MATERIALIZED\s+VIEW\s+(?P<exists>IF\s+NOT\s+EXISTS\s+)?{_NAME}\s+TO\s+(?P<target>\w+)\s", re.IGNORECASE
)
_VIEW = re.compile(
    rf"CREATE\s+(?P<replace>OR\s+REPLACE\s+)?VIEW\s+(?P<exists>IF\s+NOT\s+EXISTS\s+)?{_NAME}\s", re.IGNORECASE
)
_CHANGE = re.compile(
    rf"(?P<verb>DROP\s+(?:TABLE|VIEW)|TRUNCATE\s+TABLE|ALTER\s+TABLE)\s+(?P<exists>IF\s+EXISTS\s+)?{_NAME}\b(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_DATA = re.compile(r"(INSERT\s+INTO|SELECT|WITH)\s", re.IGNORECASE)
_SOURCE = re.compile(r"\b(?P<word>FROM|JOIN)(?P<space>\s+)(?P<name>\w+)\b(?!\s*\()", re.IGNORECASE)
_NEW_QUERY = re.compile(r"\s*MODIFY\s+QUERY\s", re.IGNORECASE)
_SORTING_KEY = re.compile(r"\bORDER\s+BY\s*\(?\s*(?P<column>\w+)", re.IGNORECASE)
_WINDOW = re.compile(r"\bnon_replicated_deduplication_window\s*=\s*(?P<batches>\d+)", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|('(?:[^'\\]|\\.|'')*'|`[^`]*`)", re.DOTALL)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`")

_SHARDING_COLUMNS = ("user_id", "session_id", "event_id", "skill_name")
_REMEMBERED_SECONDS = 7 * 86_400
"""How long a shard knows a batch again: longer than any server keeps one that it could not deliver."""


class _Table(msgspec.Struct, frozen=True):
    """The parts of a ``CREATE TABLE`` statement."""

    name: str
    exists: str
    columns: str
    """With the parentheses around them."""
    engine: str
    arguments: str
    """Of the engine, without parentheses."""
    rest: str

    @property
    def sharding_column(self) -> str:
        """The column by whose hash rows that are written to the table over all shards are spread."""
        for column in _SHARDING_COLUMNS:
            # A state of an aggregate is no value to take a hash of.
            if re.search(rf"[(,]\s*{column}\s+(?!AggregateFunction)", self.columns):
                return column
        key = _SORTING_KEY.search(self.rest)
        if not key:
            raise MigrationError(
                f"{self.name} has no column to spread its rows by.",
                remedy="Give the table a sorting key: ORDER BY (…).",
            )
        return key["column"]


class Layout(msgspec.Struct, frozen=True):
    """Which tables a cluster shards; all others it replicates whole."""

    cluster: str
    sharded: frozenset[str]


def layout_of(statements: Iterable[str], cluster: str) -> Layout:
    """Return how *cluster* lays out the tables that *statements*, those of all versions, create.

    Sharded is what materialized views read or write, and what has a column ``user_id``.
    Raises :class:`MigrationError` for a name of a cluster that would need quotes.
    """
    if not re.fullmatch(r"\w+", cluster):
        raise MigrationError(
            f"{cluster!r} is no name of a cluster.", remedy="Give the name that stands in the servers' remote_servers."
        )
    tables: set[str] = set()
    sharded: set[str] = set()
    for statement in map(_bare, statements):
        if table := _parsed(statement):
            tables.add(table.name)
            if table.engine == "Null" or table.sharding_column == "user_id":
                sharded.add(table.name)
        elif view := _FEEDING_VIEW.match(statement):
            sharded.add(view["target"])
            sharded |= {source["name"] for source in _SOURCE.finditer(_unquoted(statement))}
    return Layout(cluster, frozenset(sharded & tables))


def clustered(statement: str, layout: Layout) -> tuple[str, ...]:
    """Return what does on a cluster what *statement* does on one server; as idempotent as *statement* is.

    Raises :class:`MigrationError` for a statement that has no such form here.
    """
    bare = _bare(statement)
    if table := _parsed(bare):
        return tuple(_created(table, layout))
    if match := _FEEDING_VIEW.match(bare):
        return (_fed(bare, match, layout),)
    if match := _VIEW.match(bare):
        return (f"{bare[: match.end('name')]} ON CLUSTER {layout.cluster}{bare[match.end('name') :]}",)
    if match := _CHANGE.fullmatch(bare):
        return tuple(_changed(match, layout))
    if _DATA.match(bare):
        return (bare,)
    raise MigrationError(
        f"There is no form for a cluster of: {bare[:80]}", remedy="Write it as CREATE, ALTER, DROP, TRUNCATE or INSERT."
    )


def _created(table: _Table, layout: Layout) -> Iterator[str]:
    where = f"ON CLUSTER {layout.cluster}"
    if table.name not in layout.sharded:
        engine = _replicated(table, path=f"/clickhouse/tables/{{database}}/{table.name}", replica="{shard}-{replica}")
        yield f"CREATE TABLE {table.exists}{table.name} {where} {table.columns} ENGINE = {engine}{_clauses(table)}"
        return
    local = f"{table.name}_local"
    engine = _replicated(table, path=f"/clickhouse/tables/{{shard}}/{{database}}/{table.name}", replica="{replica}")
    yield f"CREATE TABLE {table.exists}{local} {where} {table.columns} ENGINE = {engine}{_clauses(table)}"
    yield (
        f"CREATE TABLE {table.exists}{table.name} {where} AS {local} ENGINE = "
        f"Distributed({layout.cluster}, currentDatabase(), {local}, cityHash64({table.sharding_column}))"
    )


def _replicated(table: _Table, *, path: str, replica: str) -> str:
    if table.engine == "Null":
        return "Null"
    if not table.engine.endswith("MergeTree"):
        raise MigrationError(
            f"{table.name} is kept by {table.engine}, which is not replicated.", remedy="Use a MergeTree engine."
        )
    arguments = ", ".join(filter(None, (f"'{path}'", f"'{replica}'", table.arguments)))
    return f"Replicated{table.engine}({arguments})"


def _clauses(table: _Table) -> str:
    """Return what stands behind the engine. Replicas call their memory for batches already seen by another name."""
    remembered = (
        "replicated_deduplication_window = \\g<batches>, "
        f"replicated_deduplication_window_seconds = {_REMEMBERED_SECONDS}"
    )
    return f" {_WINDOW.sub(remembered, table.rest.strip())}".rstrip()


def _fed(statement: str, match: re.Match[str], layout: Layout) -> str:
    exists, query = match["exists"] or "", statement[match.end() :]
    return (
        f"CREATE MATERIALIZED VIEW {exists}{match['name']} ON CLUSTER {layout.cluster}"
        f" TO {match['target']}_local {_of_own_shard(query, layout)}"
    )


def _of_own_shard(query: str, layout: Layout) -> str:
    """Return *query* so that it reads what the node itself holds."""
    quoted = [found.span() for found in _QUOTED.finditer(query)]

    def local(source: re.Match[str]) -> str:
        inside = any(start <= source.start() < end for start, end in quoted)
        return source[0] if inside or source["name"] not in layout.sharded else f"{source[0]}_local"

    return _SOURCE.sub(local, query)


def _changed(match: re.Match[str], layout: Layout) -> Iterator[str]:
    verb = " ".join(match["verb"].upper().split())
    name, exists, rest = match["name"], match["exists"] or "", match["rest"].rstrip()
    where = f"ON CLUSTER {layout.cluster}"
    if _NEW_QUERY.match(rest):
        rest = _of_own_shard(rest, layout)
    if name in layout.sharded and verb != "DROP VIEW":
        yield f"{verb} {exists}{name}_local {where}{rest}{_sync(verb, rest)}"
        if verb == "TRUNCATE TABLE" or _only_stored(rest):
            return
    yield f"{verb} {exists}{name} {where}{rest}{_sync(verb, rest)}"


def _sync(verb: str, rest: str) -> str:
    """Wait until a dropped table has left the replicas' registry: its name can be used again at once."""
    return " SYNC" if verb == "DROP TABLE" and "SYNC" not in rest.upper() else ""


def _only_stored(rest: str) -> bool:
    """Return whether an ALTER concerns how rows are stored, which a ``Distributed`` table knows nothing of."""
    return bool(
        re.match(r"\s*(MODIFY\s+(TTL|SETTING|ORDER)|DELETE|UPDATE|ADD\s+(INDEX|PROJECTION))\b", rest, re.IGNORECASE)
    )


def _parsed(statement: str) -> _Table | None:
    head = _TABLE.match(statement)
    if not head:
        return None
    end = _closing(statement, head.end())
    engine = _ENGINE.match(statement, end)
    if not engine:
        raise MigrationError(f"{head['name']} names no engine.", remedy="Write ENGINE = … behind the columns.")
    after = engine.end()
    arguments = ""
    if statement[after : after + 1] == "(":
        closed = _closing(statement, after)
        arguments, after = statement[after + 1 : closed - 1].strip(), closed
    return _Table(
        head["name"], head["exists"] or "", statement[head.end() : end], engine["engine"], arguments, statement[after:]
    )


def _closing(text: str, at: int) -> int:
    """Return the place behind the parenthesis that closes the one at *at*."""
    depth = 0
    for place, character in enumerate(_unquoted(text[at:]), at):
        depth += (character == "(") - (character == ")")
        if not depth:
            return place + 1
    raise MigrationError("A parenthesis is not closed.", remedy="Restore the migration scripts.")


def _bare(statement: str) -> str:
    """Return *statement* without comments, surrounding blanks and its semicolon."""
    return _COMMENT.sub(lambda found: found[1] or "", statement).strip().rstrip(";").rstrip()


def _unquoted(text: str) -> str:
    """Return *text* with everything in quotes blanked, place for place."""
    return _QUOTED.sub(lambda found: " " * len(found[0]), text)
