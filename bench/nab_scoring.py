"""The Numenta Anomaly Benchmark's own scoring, from its published rules (arXiv:1510.03336, NAB 1.1).

A *detection* is a row whose anomaly score reaches the threshold. In each labelled window the best
detection counts, and earlier is better; every detection outside costs, less so just behind a window;
a window without detection costs ``fnWeight``. The first rows of a file are probation and count for
nothing. One threshold serves all files: the one that scores best. Points are then placed between a
detector that says nothing (0) and one that opens every window at its first row (100).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PROBATION = 0.15
PROBATION_ROWS_AT_MOST = 750
"""15 % of 5,000 rows."""
FAR_BEHIND = 3.0
"""Window widths behind a window from where on a false detection costs its full weight."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """What an application gives for a hit and takes for a false detection and for a miss."""

    hit: float
    false_alarm: float
    miss: float


@dataclass(frozen=True)
class Labelled:
    """A file of the corpus: its rows and the half of it that detectors never see."""

    name: str
    times: tuple[datetime, ...]
    values: Floats
    windows: tuple[tuple[int, int], ...]
    """First and last row of each labelled window."""

    @property
    def group(self) -> str:
        """The folder of the file: ``realKnownCause`` …"""
        return self.name.split("/")[0]


@dataclass(frozen=True)
class Best:
    """The threshold that scores best, and that score: raw points and 0-100."""

    threshold: float
    points: float
    normalised: float


def profiles(folder: Path) -> dict[str, Costs]:
    """Read the application profiles: ``standard``, ``reward_low_FP_rate``, ``reward_low_FN_rate``."""
    read = json.loads((folder / "config" / "profiles.json").read_text())
    return {
        name: Costs(
            profile["CostMatrix"]["tpWeight"], profile["CostMatrix"]["fpWeight"], profile["CostMatrix"]["fnWeight"]
        )
        for name, profile in read.items()
    }


def corpus(folder: Path) -> list[Labelled]:
    """Read every data file under *folder* with its windows, in the order of their names."""
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
    return [_file(folder, name, labels[name]) for name in sorted(labels) if (folder / "data" / name).exists()]


def _file(folder: Path, name: str, limits: Sequence[tuple[str, str]]) -> Labelled:
    with (folder / "data" / name).open(newline="") as lines:
        rows = [(datetime.fromisoformat(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    times = tuple(time for time, _ in rows)
    first_row: dict[datetime, int] = {}
    for number, time in enumerate(times):
        first_row.setdefault(time, number)
    windows = tuple(
        (first_row[datetime.fromisoformat(left)], first_row[datetime.fromisoformat(right)]) for left, right in limits
    )
    return Labelled(name, times, np.array([value for _, value in rows]), windows)


def probation(rows: int) -> int:
    """Return how many rows at the head of a file count for nothing."""
    return int(np.ceil(min(np.floor(PROBATION * rows), PROBATION_ROWS_AT_MOST)))


def position_value(position: Floats) -> Floats:
    """Value a detection by its place: -1 is a window's first row, 0 its end, above 0 behind it (in widths)."""
    value = 2 / (1 + np.exp(5 * np.minimum(position, FAR_BEHIND))) - 1
    return np.where(position > FAR_BEHIND, -1.0, value)


def row_values(rows: int, windows: Sequence[tuple[int, int]], costs: Costs) -> tuple[Floats, NDArray[np.int64]]:
    """Return what a detection at each row is worth, and the number of the window it lies in (-1: none)."""
    row = np.arange(rows)
    worth = np.full(rows, -costs.false_alarm)
    inside = np.full(rows, -1)
    for number, (left, right) in enumerate(windows):
        width = right - left + 1
        behind = row > right
        worth[behind] = costs.false_alarm * position_value((row[behind] - right) / max(width - 1, 1))
        window = slice(left, right + 1)
        worth[window] = costs.hit * position_value((row[window] - right - 1) / width) / position_value(np.array(-1.0))
        inside[window] = number
    return worth, inside


def _scored_rows(
    files: Iterable[Labelled], scores: Mapping[str, Floats], costs: Costs
) -> tuple[Floats, Floats, NDArray[np.int64], int]:
    """Concatenate the rows behind probation: scores, worth, window (numbered through the corpus), windows."""
    kept: list[tuple[Floats, Floats, NDArray[np.int64]]] = []
    seen = 0
    for file in files:
        worth, inside = row_values(len(file.values), file.windows, costs)
        behind = slice(probation(len(file.values)), None)
        numbered = np.where(inside >= 0, inside + seen, -1)
        kept.append((scores[file.name][behind], worth[behind], numbered[behind]))
        seen += len(file.windows)
    score, worth, window = (np.concatenate(part) for part in zip(*kept, strict=True))
    return score, worth, window, seen


def best(files: Sequence[Labelled], scores: Mapping[str, Floats], costs: Costs) -> Best:
    """Sweep every threshold over the whole corpus and return the best; *scores* by file name, one for each row."""
    thresholds, points, silent, perfect = _sweep(files, scores, costs)
    top = int(np.argmax(points))
    return Best(float(thresholds[top]), float(points[top]), 100 * float((points[top] - silent) / (perfect - silent)))


def at_threshold(files: Sequence[Labelled], scores: Mapping[str, Floats], costs: Costs, threshold: float) -> float:
    """Return the normalised score of a threshold chosen elsewhere, for example on other files."""
    thresholds, points, silent, perfect = _sweep(files, scores, costs)
    reached = np.flatnonzero(thresholds >= threshold)
    return 100 * float((points[reached[-1]] - silent) / (perfect - silent))


def _sweep(
    files: Sequence[Labelled], scores: Mapping[str, Floats], costs: Costs
) -> tuple[Floats, Floats, float, float]:
    """Return thresholds in falling order with the points of each, and the points of silence and of perfection."""
    score, worth, window, windows = _scored_rows(files, scores, costs)
    order = np.argsort(-score, kind="stable")
    score, worth, window = score[order], worth[order], window[order]
    gain = np.where(window < 0, worth, 0.0)
    for number in range(windows):
        rows = np.flatnonzero(window == number)
        reached = np.maximum.accumulate(np.maximum(worth[rows], -costs.miss))
        gain[rows] = np.diff(reached, prepend=-costs.miss)
    silent = -costs.miss * len(np.unique(window[window >= 0]))
    points = silent + np.cumsum(gain)
    last_of_equals = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    thresholds = np.append(np.inf, score[last_of_equals])
    return thresholds, np.append(silent, points[last_of_equals]), silent, costs.hit * windows
