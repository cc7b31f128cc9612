"""``python -m bench [startup|ingest|views|transcripts|clickhouse] [ARGUMENT]``; all of them without a name."""

from __future__ import annotations

import sys
from pathlib import Path

from bench import clickhouse, ingest, startup, transcripts, views


def main(arguments: list[str]) -> int:
    name, *rest = arguments or ["all"]
    if name == "ingest":
        ingest.run(*map(int, rest))
    elif name == "views":
        views.run(*([tuple(map(int, rest))] if rest else []))
    elif name == "transcripts":
        transcripts.run(*map(Path, rest))
    elif name == "clickhouse":
        clickhouse.run(*map(int, rest))
    elif name == "startup":
        startup.run()
    elif name == "all":
        for bench in (startup, ingest, views, transcripts, clickhouse):
            bench.run()
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
