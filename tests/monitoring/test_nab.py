"""NAB's scoring, by hand; the figures of the real files where they are there."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import exp
from pathlib import Path

import numpy as np
import pytest
from bench import nab
from bench.nab_scoring import (
    Costs,
    Labelled,
    at_threshold,
    best,
    corpus,
    position_value,
    probation,
    profiles,
    row_values,
)

STANDARD = Costs(hit=1.0, false_alarm=0.11, miss=1.0)
START = datetime(2015, 1, 1)


def file(rows: int = 1000, windows: tuple[tuple[int, int], ...] = ((500, 599),), name: str = "g/a.csv") -> Labelled:
    return Labelled(name, tuple(START + timedelta(minutes=5 * n) for n in range(rows)), np.zeros(rows), windows)


def detections(at: list[int], rows: int = 1000) -> np.ndarray:
    scores = np.zeros(rows)
    scores[at] = 1.0
    return scores


def points(at: list[int], **kwargs: object) -> float:
    """Return the raw points of exactly these detections."""
    one = file(**kwargs)  # type: ignore[arg-type]
    silent = -float(len(one.windows))
    share = at_threshold([one], {one.name: detections(at, len(one.times))}, STANDARD, 1.0) / 100
    return silent + share * (len(one.windows) - silent)


def sigmoid(x: float) -> float:
    return 2 / (1 + exp(5 * x)) - 1


def test_the_first_row_of_a_window_is_worth_one_and_later_ones_less() -> None:
    assert points([500]) == pytest.approx(1.0)
    assert points([550]) == pytest.approx(sigmoid(-0.5) / sigmoid(-1))
    assert points([599]) == pytest.approx(sigmoid(-0.01) / sigmoid(-1))


def test_only_the_best_detection_of_a_window_counts() -> None:
    assert points([500, 501, 550, 599]) == pytest.approx(1.0)


def test_a_missed_window_costs_one() -> None:
    assert points([]) == pytest.approx(-1.0)


def test_false_detections_cost_more_the_farther_behind_a_window_and_add_up() -> None:
    assert points([200]) == pytest.approx(-1 - 0.11)
    assert points([200, 201]) == pytest.approx(-1 - 0.22)
    assert points([610]) == pytest.approx(-1 + 0.11 * sigmoid(11 / 99))
    assert points([999]) == pytest.approx(-1 - 0.11)  # more than three widths behind
    assert points([600]) > points([610]) > points([700])


def test_probation_counts_for_nothing() -> None:
    assert probation(1000) == 150 and probation(5000) == 750 and probation(22_695) == 750
    assert points([0, 149]) == pytest.approx(-1.0)
    assert points([150]) == pytest.approx(-1.11)


def test_a_detection_between_two_windows_is_judged_by_the_one_before() -> None:
    worth, inside = row_values(1000, ((300, 309), (320, 329)), STANDARD)
    assert worth[319] == pytest.approx(0.11 * sigmoid(10 / 9))
    assert worth[340] == pytest.approx(0.11 * sigmoid(11 / 9))
    assert inside[300] == 0 and inside[325] == 1 and inside[315] == -1


def test_values_of_positions_end_at_minus_one() -> None:
    assert position_value(np.array(0.0)) == 0
    assert position_value(np.array(3.0)) == pytest.approx(sigmoid(3.0))
    assert position_value(np.array(3.1)) == -1


def test_the_best_threshold_serves_all_files() -> None:
    one, other = file(name="g/a.csv"), file(name="g/b.csv")
    scores = {"g/a.csv": detections([500]) * 0.9, "g/b.csv": detections([500]) * 0.4 + detections([200]) * 0.6}
    found = best([one, other], scores, STANDARD)
    assert found.threshold == 0.4
    assert found.points == pytest.approx(2 - 0.11)
    assert found.normalised == pytest.approx(100 * (4 - 0.11) / 4)


def test_silence_is_0_and_perfection_100_in_every_profile() -> None:
    one = file(windows=((300, 399), (500, 599)))
    for costs in (STANDARD, Costs(1, 0.22, 1), Costs(1, 0.11, 2)):
        assert best([one], {one.name: nab.silent(one)}, costs).normalised == 0
        assert best([one], {one.name: nab.perfect(one)}, costs).normalised == pytest.approx(100)


@pytest.fixture(scope="module")
def files(shared: Path) -> tuple[list[Labelled], dict[str, Costs]]:
    folder = shared / "data" / "nab"
    if not folder.is_dir():
        pytest.skip(f"NAB's files are not at {folder}")
    return corpus(folder), profiles(folder)


@pytest.mark.long
def test_the_windowed_gaussian_scores_what_nabs_own_results_score(
    files: tuple[list[Labelled], dict[str, Costs]],
) -> None:
    """22.0 / 4.9 / 29.8 come from the results that NAB publishes for it, restricted to these 35 files."""
    of_files, costs = files
    scores = {each.name: nab.windowed_gaussian(each) for each in of_files}
    figures = [best(of_files, scores, costs[name]).normalised for name in costs]
    assert figures == pytest.approx([21.97, 4.87, 29.80], abs=0.01)


@pytest.mark.long
def test_ours_reaches_58(files: tuple[list[Labelled], dict[str, Costs]]) -> None:
    of_files, costs = files
    scores = {each.name: nab.ours(each) for each in of_files}
    standard, low_fp, low_fn = (best(of_files, scores, costs[name]).normalised for name in costs)
    assert standard >= 58
    assert low_fp >= 50 and low_fn >= 65
