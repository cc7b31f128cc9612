"""What goes with what, beside brute force on real imports, and what it costs. Give the folder of transcripts.

Brute force goes through the event log: for each pair of skills the sessions with both, who was used first in each, and
every place of every session for paths; chance by scipy's Fisher test and statsmodels' adjustment. Times are from
the shortest to the longest; where other programs run beside, those of the processors tell more than those on the wall.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, groupby, islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from scipy.stats import binomtest, fisher_exact
from statsmodels.stats.multitest import multipletests

from bench.generated import generated
from bench.measuring import show
from bench.transcripts import BESIDE
from session_buddy.catalog.dependencies.order import RESOLUTION
from session_buddy.catalog.dependencies.uses import milliseconds, part_of_call
from session_buddy.model import Kind
from session_buddy.reports.dependencies import refresh_related
from session_buddy.storage import Store, open_store

EVENTS, SKILLS, NEW, TIMES = 1_000_000, 500, 1_500, 4
FEWEST = 3
OF_CHANCE, OF_GAPS = 0.051, 0.00051
"""Two digits of p and q are kept, and four of gaps."""


class Use(NamedTuple):
    """One row of the event log."""

    session: str
    skill: str
    kind: str
    moment: int
    part: int


def run(folder: Path = BESIDE) -> None:
    """Compare on the transcripts in *folder*, then print what a refresh takes."""
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as place:
        stores = {"sqlite": f"sqlite:///{place}/real.db", "chdb": f"chdb:///{place}/data?database=real"}
        if folder.is_dir():
            _compare(folder, stores)
        else:
            print(f"No transcripts at {folder}: name a folder of them.", file=sys.stderr)
        _cost({"sqlite": f"sqlite:///{place}/many.db", "chdb": f"chdb:///{place}/data?database=many"})


def _compare(folder: Path, stores: dict[str, str]) -> None:
    rows: list[tuple[object, ...]] = []
    for name, url in stores.items():
        command = [sys.executable, "-m", "session_buddy", "--store", url, "import", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        with open_store(url) as store:
            refresh_related(store, _now())
            uses = _uses(store)
            for what, compared, different in _differences(store, uses):
                rows.append((f"{what}, {name}", f"{compared:,}", f"{different:,}"))
    sessions, skills = len({use.session for use in uses}), len({use.skill for use in uses})
    show(
        f"Beside brute force: {len(uses):,} uses of {skills:,} skills in {sessions:,} sessions",
        ("what", "compared", "different"),
        rows,
    )


def _uses(store: Store) -> list[Use]:
    rows = store.query("SELECT session_id, skill_name, kind, invoked_at, event_id FROM skill_invocation").rows
    kinds = dict(store.query("SELECT skill_name, kind FROM skill_metrics").rows)
    moments = milliseconds([row[3] for row in rows]).tolist()
    uses = [
        Use(session, skill, kinds[skill], moment, part_of_call(event))
        for (session, skill, _, _, event), moment in zip(rows, moments, strict=True)
    ]
    return sorted(uses, key=lambda use: (use.session, use.moment, use.part, use.skill))


def _differences(store: Store, uses: list[Use]) -> Iterator[tuple[str, int, int]]:
    first: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for use in uses:
        first[use.session].setdefault(use.skill, use.moment)
    together: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    having: defaultdict[str, int] = defaultdict(int)
    for used in first.values():
        for skill in used:
            having[skill] += 1
        for a, b in combinations(sorted(used), 2):
            together[a, b].append(used[b] - used[a])
    yield _counted(store, together)
    yield _lifts(store, together, having, len(first))
    tools = {use.skill for use in uses if use.kind == Kind.TOOL}
    enough = {pair: gaps for pair, gaps in together.items() if len(gaps) >= FEWEST and not tools.intersection(pair)}
    yield from _details(store, enough, having, len(first), tools)
    yield _paths(store, [use for use in uses if use.skill not in tools])


def _counted(store: Store, together: dict[tuple[str, str], list[int]]) -> tuple[str, int, int]:
    rows = store.query("SELECT skill_a, skill_b, co_occurrence_count FROM skill_dependencies").rows
    found, expected = {(a, b): count for a, b, count in rows}, {pair: len(gaps) for pair, gaps in together.items()}
    return "sessions with both", *_unlike(found, expected)


def _lifts(
    store: Store, together: dict[tuple[str, str], list[int]], having: dict[str, int], sessions: int
) -> tuple[str, int, int]:
    rows = store.query("SELECT skill_a, skill_b, lift_score FROM v_skill_dependency_network").rows
    found = {(a, b): lift for a, b, lift in rows}
    expected = {
        pair: len(gaps) / sessions / (having[a] / sessions * having[b] / sessions)
        for (a, b), gaps in together.items()
        for pair in ((a, b), (b, a))
    }
    return "lift, both directions", *_unlike(found, expected, 1e-12)


def _details(
    store: Store, pairs: dict[tuple[str, str], list[int]], having: dict[str, int], sessions: int, tools: set[str]
) -> Iterator[tuple[str, int, int]]:
    found = {(a, b): rest for a, b, *rest in store.query("SELECT * FROM skill_dependency_details FINAL").rows}
    chances, signs, counts, gaps = [], [], {}, {}
    for (a, b), apart in pairs.items():
        both = len(apart)
        only_a, only_b = having[a] - both, having[b] - both
        chances.append(fisher_exact([[both, only_a], [only_b, sessions - both - only_a - only_b]]).pvalue)
        ahead, behind = [gap for gap in apart if gap > 0], [-gap for gap in apart if gap < 0]
        counts[a, b] = (len(ahead), len(behind))
        gaps[a, b] = tuple(median(some) / 1_000 if some else None for some in (ahead, behind))
        signs.append(binomtest(len(ahead), len(ahead) + len(behind)).pvalue if ahead or behind else 1.0)
    skills = [skill for skill, many in having.items() if many >= FEWEST and skill not in tools]
    tests = len(skills) * (len(skills) - 1) // 2
    adjusted = multipletests([*chances, *[1.0] * (tests - len(chances))], method="fdr_bh")[1][: len(chances)]
    orders = multipletests(signs, method="fdr_bh")[1]
    yield "order: sessions with either first", *_unlike({pair: (row[2], row[3]) for pair, row in found.items()}, counts)
    told = {(*pair, way): row[4 + way] for pair, row in found.items() for way in (0, 1)}
    true = {(*pair, way): both[way] for pair, both in gaps.items() for way in (0, 1)}
    yield "median gaps", *_unlike(told, true, RESOLUTION + OF_GAPS)
    for what, column, values in (("p", 0, chances), ("q", 1, adjusted), ("q of the order", 6, orders)):
        one = {pair: row[column] for pair, row in found.items()}
        yield what, *_unlike(one, dict(zip(pairs, map(float, values), strict=True)), OF_CHANCE)


def _paths(store: Store, uses: Iterable[Use]) -> tuple[str, int, int]:
    """Compare the paths that are told; that none is left out but parts of longer ones is for the tests to show."""
    rows = store.query("SELECT path, session_count, occurrence_count FROM skill_paths FINAL").rows
    seen: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for session, own in groupby(uses, key=lambda use: use.session):
        steps = [skill for skill, _ in groupby(own, key=lambda use: use.skill)]
        for length in range(2, 6):
            for begin in range(len(steps) - length + 1):
                seen[tuple(steps[begin : begin + length])].append(session)
    found = {path: (sessions, times) for path, sessions, times in rows}
    expected = {json.dumps(list(path)): (len(set(places)), len(places)) for path, places in seen.items()}
    return "paths", *_unlike(found, {path: expected.get(path) for path in found})


def _unlike(found: dict[Any, Any], expected: dict[Any, Any], part: float = 0.0) -> tuple[int, int]:
    """Return how many values there are on either side, and how many differ by more than a *part* of them."""
    keys = found.keys() | expected.keys()
    return len(keys), sum(not _alike(found.get(key), expected.get(key), part) for key in keys)


def _alike(one: Any, other: Any, part: float) -> bool:
    if not part or one is None or other is None:
        return bool(one == other)
    return bool(abs(one - other) <= part * max(abs(one), abs(other)) or max(one, other) < 1e-300)


class _Taken(NamedTuple):
    """What something took: seconds on the wall, and of all processors together."""

    wall: float
    processors: float


def _taken(action: Callable[[], int | None]) -> tuple[_Taken, int]:
    wall, processors = time.perf_counter(), time.process_time()
    done = action()
    return _Taken(time.perf_counter() - wall, time.process_time() - processors), done or 0


def _cost(stores: dict[str, str]) -> None:
    rows = []
    for name, url in stores.items():
        end = datetime.now(UTC) - timedelta(hours=6)
        with open_store(url) as store:
            source = generated(EVENTS, skills=SKILLS, end=end)
            while batch := list(islice(source, 50_000)):
                store.record(batch)
            store.refresh()
            rows.append(_told(name, "from nothing", [_taken(lambda: refresh_related(store, _now()))]))
            again, lifts = [], []
            for hour in range(TIMES):
                moment = end + timedelta(hours=hour + 1)
                store.record(generated(NEW, skills=SKILLS, end=moment, days=1 / 24, seed=100 + hour))
                lifts.append(_taken(store.refresh))
                again.append(_taken(lambda: refresh_related(store, _now())))
            idle = [_taken(lambda: refresh_related(store, _now())) for _ in range(TIMES)]
        rows.append(_told(name, f"after {NEW:,} more uses", again))
        rows.append(_told(name, "where nothing came", idle))
        rows.append(_told(name, "lifts, by the job 'figures'", lifts))
    columns = ("engine", "refresh", "on the wall, s", "of processors, s", "rows written")
    show(
        f"{EVENTS:,} uses of {SKILLS} skills; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end",
        columns,
        rows,
    )
    print(f"Most resident: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def _told(engine: str, what: str, taken: list[tuple[_Taken, int]]) -> tuple[str, ...]:
    walls, processors, rows = zip(*((one.wall, one.processors, rows) for one, rows in taken), strict=True)
    return engine, what, _span(walls, ".2f"), _span(processors, ".2f"), _span(rows, ",")


def _span(values: Sequence[float], how: str) -> str:
    low, high = format(min(values), how), format(max(values), how)
    return low if low == high else f"{low} to {high}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
