"""Importing real transcripts, and importing them again. Give the folder: ``./dev bench transcripts DIR``."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.measuring import show

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "claude_code" / "projects"
RUNS = 5


def run(folder: Path = BESIDE) -> None:
    if not folder.is_dir():
        print(f"No transcripts at {folder}: name a folder of them.", file=sys.stderr)
        return
    size = sum(path.stat().st_size for path in folder.rglob("*.jsonl"))
    first, again = [], []
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as scratch:
        for number in range(RUNS):
            store = f"sqlite:///{scratch}/{number}.db"
            first.append(_import(store, folder))
            again.append(_import(store, folder))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rows = [
        ("first import, whole process", f"{median(first):.2f} s", f"{size / 1e6 / median(first):.0f}"),
        ("first import, best run", f"{min(first):.2f} s", f"{size / 1e6 / min(first):.0f}"),
        ("second import, whole process", f"{median(again):.2f} s", ""),
        ("largest process", f"{peak:.0f} MB", ""),
    ]
    show(
        f"Transcripts: {size / 1e6:.0f} MB, {os.cpu_count()} processors, {RUNS} runs", ("what", "median", "MB/s"), rows
    )


def _import(store: str, folder: Path) -> float:
    command = [sys.executable, "-m", "session_buddy", "--store", store, "import", str(folder)]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began
