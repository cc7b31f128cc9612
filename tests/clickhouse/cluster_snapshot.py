"""What the scripts become on a cluster, as one page to look at.

``python -m tests.clickhouse.cluster_snapshot`` writes it anew; the difference is what a review wants to see.
"""

from __future__ import annotations

from pathlib import Path

from session_buddy.storage.clickhouse.cluster import Layout, clustered, layout_of
from session_buddy.storage.migrations.scripts import Script, load
from session_buddy.storage.migrations.statements import split

SCRIPTS = Path(__file__).resolve().parents[2] / "src" / "session_buddy" / "storage" / "migrations" / "clickhouse"
SNAPSHOT = Path(__file__).parent / "cluster_ddl.sql"
CLUSTER = "session_buddy"


def scripts() -> tuple[Script, ...]:
    return load(SCRIPTS)


def layout() -> Layout:
    return layout_of((statement.sql for script in scripts() for statement in split(script.up)), CLUSTER)


def statements_by_script() -> dict[str, list[str]]:
    """Return the statements for a cluster by the name of their script."""
    shape = layout()
    return {
        source.name: [made for statement in split(source) for made in clustered(statement.sql, shape)]
        for script in scripts()
        for source in filter(None, (script.up, script.backfill, script.down))
    }


def page() -> str:
    parts = [f"-- Sharded: {', '.join(sorted(layout().sharded))}"]
    for name, statements in statements_by_script().items():
        parts.append(f"---------- {name}")
        parts += [f"{statement};" for statement in statements]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(page(), encoding="utf-8")
