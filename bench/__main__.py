"""``python -m bench NAME [ARGUMENT]``; all of them without a name.

Names: startup, ingest, views, transcripts, catalog, categories, clickhouse, clusters, dependencies, detectors,
experiments, hooks, live, mcp, metrics, nab, prediction, recommend, search, server, watch.

``python -m bench clickhouse load EVENTS [FOLDER]`` loads very many, and keeps them in FOLDER if that is given.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import (
    catalog,
    categories,
    clickhouse,
    clickhouse_load,
    clusters,
    dependencies,
    detectors,
    experiments,
    hooks,
    ingest,
    live,
    mcp,
    metrics,
    nab,
    prediction,
    recommend,
    search,
    server,
    startup,
    transcripts,
    views,
    watch,
)

PLAIN = {
    module.__name__.removeprefix("bench."): module
    for module in (
        startup,
        catalog,
        categories,
        clusters,
        detectors,
        hooks,
        live,
        mcp,
        metrics,
        nab,
        prediction,
        recommend,
        search,
        server,
        watch,
    )
}
"""Those that need nothing but their name."""


def main(arguments: list[str]) -> int:
    name, *rest = arguments or ["all"]
    if name == "ingest":
        ingest.run(*map(int, rest))
    elif name == "views":
        views.run(*([tuple(map(int, rest))] if rest else []))
    elif name == "experiments":
        experiments.run(*map(int, rest))
    elif name == "dependencies":
        dependencies.run(*map(Path, rest))
    elif name == "transcripts":
        transcripts.run(*map(Path, rest))
    elif name == "clickhouse" and rest[:1] == ["load"]:
        clickhouse_load.run(int(rest[1]), *rest[2:])
    elif name == "clickhouse":
        clickhouse.run(*map(int, rest))
    elif name in PLAIN:
        PLAIN[name].run()
    elif name == "all":
        for bench in (*PLAIN.values(), ingest, views, transcripts, dependencies, clickhouse, experiments):
            bench.run()
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
