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
from session_buddy.storage.clickhouse.ddl import Table, bare, parsed, quoted, unquoted

__all__ = ["Layout", "clustered", "layout_of"]

_NAME = r"(?P<name>\w+)"
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
_DATABASE = re.compile(
    r"(?P<verb>(?:CREATE|DROP)\s+DATABASE)\s+(?P<exists>IF\s+(?:NOT\s+)?EXISTS\s+)?(?P<name>\w+|`\w+`)(?P<rest>\s+SYNC)?",
    re.IGNORECASE,
)
_DELETE = re.compile(rf"DELETE\s+FROM\s+{_NAME}\s+(?P<rest>WHERE\s.*)", re.IGNORECASE | re.DOTALL)
_DATA = re.compile(r"(INSERT\s+INTO|SELECT|WITH|SYSTEM\s+SYNC\s+REPLICA)\s", re.IGNORECASE)
_SOURCE = re.compile(r"\b(?P<word>FROM|JOIN)(?P<space>\s+)(?P<name>\w+)\b(?!\s*\()", re.IGNORECASE)
_LENT_PARTITION = re.compile(r"(?P<from>\s*ATTACH\s+PARTITION\s.*\sFROM\s+(?:\w+\.|`\w+`\.)?)(?P<source>\w+)", re.I)
_NEW_QUERY = re.compile(r"\s*MODIFY\s+QUERY\s", re.IGNORECASE)
_OF_STORAGE = re.compile(
    r"\s*(MODIFY\s+(TTL|SETTING|ORDER)|DELETE|UPDATE|ATTACH\s+PARTITION|ADD\s+(INDEX|PROJECTION))\b", re.IGNORECASE
)
_SETTINGS = re.compile(r"\bSETTINGS\s", re.IGNORECASE)
_WINDOW = re.compile(r"\bnon_replicated_deduplication_window\s*=\s*(?P<batches>\d+)", re.IGNORECASE)

_REMEMBERED_SECONDS = 7 * 86_400
"""How long a shard knows a batch again: longer than any server keeps one that it could not deliver."""


class Layout(msgspec.Struct, frozen=True):
    """Which tables a cluster shards; all others it replicates whole."""

    cluster: str
    sharded: frozenset[str]
    database: str = ""
    """Where the tables are; empty for wherever the statements are run."""

    def stored(self, name: str) -> str:
        """Return the table in which a node keeps its part of the table *name*."""
        return f"{name}_local" if name in self.sharded else name


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
    for statement in map(bare, statements):
        if table := parsed(statement):
            tables.add(table.name)
            if table.engine == "Null" or table.sharding_column == "user_id":
                sharded.add(table.name)
        elif view := _FEEDING_VIEW.match(statement):
            sharded.add(view["target"])
            sharded |= {source["name"] for source in _SOURCE.finditer(unquoted(statement))}
    return Layout(cluster, frozenset(sharded & tables))


def clustered(statement: str, layout: Layout) -> tuple[str, ...]:
    """Return what does on a cluster what *statement* does on one server; as idempotent as *statement* is.

    Raises :class:`MigrationError` for a statement that has no such form here.
    """
    text = bare(statement)
    if table := parsed(text):
        return tuple(_created(table, layout))
    if match := _FEEDING_VIEW.match(text):
        return (_fed(text, match, layout),)
    if match := _VIEW.match(text):
        return (f"{text[: match.end('name')]} ON CLUSTER {layout.cluster}{text[match.end('name') :]}",)
    if match := _CHANGE.fullmatch(text):
        return tuple(_changed(match, layout))
    if match := _DELETE.fullmatch(text):
        # A mutation: one replica of each shard carries it out for all, and it spares rows that come after it.
        stored = layout.stored(match["name"])
        return (f"ALTER TABLE {stored} ON CLUSTER {layout.cluster} DELETE {match['rest']}",)
    if match := _DATABASE.fullmatch(text):
        which = f"{match['exists'] or ''}{match['name']}"
        return (f"{match['verb']} {which} ON CLUSTER {layout.cluster}{match['rest'] or ''}",)
    if _DATA.match(text):
        return (text,)
    raise MigrationError(
        f"There is no form for a cluster of: {text[:80]}", remedy="Write it as CREATE, ALTER, DROP, TRUNCATE or INSERT."
    )


def _created(table: Table, layout: Layout) -> Iterator[str]:
    where = f"ON CLUSTER {layout.cluster}"
    if table.name not in layout.sharded:
        engine = _replicated(table, path=f"/clickhouse/tables/{{database}}/{table.name}", replica="{shard}-{replica}")
        yield f"CREATE TABLE {table.exists}{table.name} {where} {table.columns} ENGINE = {engine}{_clauses(table)}"
        return
    local = layout.stored(table.name)
    database = f"'{layout.database}'" if layout.database else "currentDatabase()"
    engine = _replicated(table, path=f"/clickhouse/tables/{{shard}}/{{database}}/{table.name}", replica="{replica}")
    yield f"CREATE TABLE {table.exists}{local} {where} {table.columns} ENGINE = {engine}{_clauses(table)}"
    yield (
        f"CREATE TABLE {table.exists}{table.name} {where} AS {local} ENGINE = "
        f"Distributed({layout.cluster}, {database}, {local}, cityHash64({table.sharding_column}))"
    )


def _replicated(table: Table, *, path: str, replica: str) -> str:
    if table.engine == "Null":
        return "Null"
    if not table.engine.endswith("MergeTree"):
        raise MigrationError(
            f"{table.name} is kept by {table.engine}, which is not replicated.", remedy="Use a MergeTree engine."
        )
    arguments = ", ".join(filter(None, (f"'{path}'", f"'{replica}'", table.arguments)))
    return f"Replicated{table.engine}({arguments})"


def _clauses(table: Table) -> str:
    """Return what stands behind the engine. Replicas call their memory for batches already seen by another name.

    They have one even where none is asked for, which would drop a row that is written, changed and written again.
    """
    if table.engine == "Null":
        return f" {table.rest.strip()}".rstrip()
    if not _WINDOW.search(table.rest):
        word = "," if _SETTINGS.search(unquoted(table.rest)) else " SETTINGS"
        return f" {table.rest.strip()}{word} replicated_deduplication_window = 0"
    remembered = (
        "replicated_deduplication_window = \\g<batches>, "
        f"replicated_deduplication_window_seconds = {_REMEMBERED_SECONDS}"
    )
    return f" {_WINDOW.sub(remembered, table.rest.strip())}".rstrip()


def _fed(statement: str, match: re.Match[str], layout: Layout) -> str:
    exists, query = match["exists"] or "", statement[match.end() :]
    return (
        f"CREATE MATERIALIZED VIEW {exists}{match['name']} ON CLUSTER {layout.cluster}"
        f" TO {layout.stored(match['target'])} {_of_own_shard(query, layout)}"
    )


def _of_own_shard(query: str, layout: Layout) -> str:
    """Return *query* so that it reads what the node itself holds."""
    in_quotes = quoted(query)

    def local(source: re.Match[str]) -> str:
        inside = any(start <= source.start() < end for start, end in in_quotes)
        return source[0] if inside else f"{source['word']}{source['space']}{layout.stored(source['name'])}"

    return _SOURCE.sub(local, query)


def _changed(match: re.Match[str], layout: Layout) -> Iterator[str]:
    verb = " ".join(match["verb"].upper().split())
    name, exists, rest = match["name"], match["exists"] or "", match["rest"].rstrip()
    where = f"ON CLUSTER {layout.cluster}"
    if _NEW_QUERY.match(rest):
        rest = _of_own_shard(rest, layout)
    elif lent := _LENT_PARTITION.fullmatch(rest):
        rest = f"{lent['from']}{layout.stored(lent['source'])}"
    if name in layout.sharded and verb != "DROP VIEW":
        yield f"{verb} {exists}{layout.stored(name)} {where}{rest}{_sync(verb, rest)}"
        if verb == "TRUNCATE TABLE" or _only_stored(rest):
            return
    yield f"{verb} {exists}{name} {where}{rest}{_sync(verb, rest)}"


def _sync(verb: str, rest: str) -> str:
    """Wait until a dropped table has left the replicas' registry: its name can be used again at once."""
    return " SYNC" if verb == "DROP TABLE" and "SYNC" not in rest.upper() else ""


def _only_stored(rest: str) -> bool:
    """Return whether an ALTER concerns how rows are stored, which a ``Distributed`` table knows nothing of."""
    return bool(
        re.match(
            r"\s*(MODIFY\s+(TTL|SETTING|ORDER)|DELETE|UPDATE|ATTACH\s+PARTITION|ADD\s+(INDEX|PROJECTION))\b",
            rest,
            re.IGNORECASE,
        )
    )
