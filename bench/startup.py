"""How long a command takes that does nothing, as a whole process, beside the bare interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.measuring import quantile, show, timed

RUNS = 30


def run() -> None:
    program = str(Path(sys.executable).with_name("session-buddy"))
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "session-buddy --help": [program, "--help"],
        "session-buddy --version": [program, "--version"],
    }
    rows = []
    for name, command in commands.items():
        taken = timed(lambda command=command: subprocess.run(command, check=True, capture_output=True), RUNS)
        rows.append((name, f"{quantile(taken, 0.5) * 1000:.0f}", f"{taken[0] * 1000:.0f}", f"{taken[-1] * 1000:.0f}"))
    show(f"Start, whole process, {RUNS} runs", ("command", "median ms", "best ms", "worst ms"), rows)
