"""Looking through thousands of SKILL.md files: from nothing, and again where nothing changed; and the faults found.

Names and descriptions are those of 3,750 published skills; the files are written for the length of the run.
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.measuring import quantile, show, timed
from session_buddy.catalog.keeping import Scanned, scan_into
from session_buddy.catalog.scanning.faults import faults_in
from session_buddy.catalog.scanning.places import Places, default_places, named_places
from session_buddy.model import Kind
from session_buddy.ordering import CatalogueOrder
from session_buddy.reports.catalog import read_catalogue
from session_buddy.reports.catalog_figures import CatalogueFilter
from session_buddy.storage import Store, open_store

SKILLS = Path(__file__).resolve().parents[2] / "shared" / "data" / "skills" / "catalog.csv"
_NOW = "2026-06-15T12:00:00.000Z"
_BODY = "Look at it first, then do it, and say what you did. " * 80
_TIMES = 5
_DAMAGE: dict[str, Callable[[str, str], bytes]] = {
    "no frontmatter": lambda name, text: f"# {name}\n{_BODY}".encode(),
    "not closed": lambda name, text: f"---\nname: {name}\ndescription: {text}\n{_BODY}".encode(),
    "no description": lambda name, text: f"---\nname: {name}\n---\n{_BODY}".encode(),
    "colon without quotes": lambda name, text: f"---\nname: {name}\ndescription: Use when: now\n---\n".encode(),
    "aliases": lambda name, text: b"---\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n",
    "not UTF-8": lambda name, text: f"---\nname: {name}\ndescription: caf".encode() + b"\xe9\n---\n",
    "too large": lambda name, text: b"---\n" + b"x" * (1 << 20),
}


def run() -> None:
    if not SKILLS.exists():
        print(f"No figures: {SKILLS} is not there.")
        return
    with SKILLS.open(encoding="utf-8", newline="") as file:
        skills = [(row["name"], row["description"]) for row in csv.DictReader(file)]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        damaged = _write(home / ".claude" / "skills", skills)
        usual = default_places([home / ".claude"], home, [], [])
        tree = named_places([home], Places([], []))
        rows = [(*_timed(home, name, places), len(skills)) for name, places in (("skills", usual), ("tree", tree))]
        columns = ("", "from nothing", "again, p50", "again, most", "read again", "files")
        show(f"{len(skills):,} SKILL.md files, {sum(damaged.values())} of them damaged on purpose", columns, rows)
        with open_store(f"sqlite:///{home / 'skills.db'}") as store:
            _show_faults(store, damaged)
            _show_reading(store)


def _write(folder: Path, skills: list[tuple[str, str]]) -> Counter[str]:
    damaged: Counter[str] = Counter()
    kinds = list(_DAMAGE)
    for number, (name, text) in enumerate(skills):
        called = f"{name.replace('/', '-')[:100]}-{number}"
        path = folder / called / "SKILL.md"
        path.parent.mkdir(parents=True)
        if number % 100 == 50:
            kind = kinds[number // 100 % len(kinds)]
            damaged[kind] += 1
            path.write_bytes(_DAMAGE[kind](called, text))
        else:
            described = json.dumps(text, ensure_ascii=False)
            path.write_text(f"---\nname: {called}\ndescription: {described}\n---\n{_BODY}", encoding="utf-8")
    return damaged


def _timed(home: Path, name: str, places: Places) -> tuple[str, str, str, str, str]:
    """Time whole scans into a new store: looking, reading, and keeping what was found."""
    with open_store(f"sqlite:///{home / name}.db") as store:
        done: list[Scanned] = []

        def scan() -> None:
            done.append(scan_into(store, places, machine="bench", now=_NOW))

        began = time.perf_counter()
        scan()
        first = time.perf_counter() - began
        again = timed(scan, _TIMES)
        title = "as ~/.claude/skills" if name == "skills" else "as any folder"
        opened = str(done[-1].opened)
        return (title, f"{first:.2f} s", f"{quantile(again, 0.5):.3f} s", f"{again[-1]:.3f} s", opened)


def _show_faults(store: Store, damaged: Counter[str]) -> None:
    found: Counter[str] = Counter()
    example: dict[str, str] = {}
    for (problem,) in store.query("SELECT problem FROM skill_sources WHERE problem IS NOT NULL").rows:
        for fault in faults_in(problem):
            told = f"{fault.kind}{'' if fault.kind.breaks else ' (against the rules)'}"
            found[told] += 1
            example.setdefault(told, str(fault)[:90])
    show("Damaged on purpose", ("", "files"), list(damaged.items()))
    show("Faults found", ("", "files", "the first"), [(kind, n, example[kind]) for kind, n in found.most_common()])


def _show_reading(store: Store) -> None:
    ((skills,),) = store.query("SELECT count(*) FROM skill_sources").rows

    def read() -> None:
        read_catalogue(store, CatalogueFilter(kind=Kind.SKILL), CatalogueOrder.COST, 200)

    show(f"The catalogue of {skills:,}, one page", ("", "p50"), [("read", f"{quantile(timed(read, 5), 0.5):.2f} s")])


if __name__ == "__main__":
    run()
