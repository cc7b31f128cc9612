"""Chances beside what came true, on real transcripts in the order of time; and what they cost.

Log loss = mean of -log of the chance given to what came true; Brier = mean squared distance; AUC = how often a use that
completed had the higher chance; calibration = mean distance of chance and frequency, in ten parts of equal number. Gain
= log loss of the best baseline less that of the row. Intervals are 95 %, bootstrapped over sessions.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from bench.generated import generated
from bench.measuring import quantile, show
from session_buddy.prediction.calibration import chance_of
from session_buddy.prediction.choosing import BASELINES, CANDIDATES, Candidate, choose, fitted
from session_buddy.prediction.duration import fit_durations
from session_buddy.prediction.features import features_of
from session_buddy.prediction.history import History, history_of
from session_buddy.prediction.keeping import MOST_LEARNED, Kept, learn, told
from session_buddy.prediction.reading import Situation, read_moment, read_uses
from session_buddy.prediction.scoring import Estimate, Sessions, log_losses, scored
from session_buddy.storage import Store, open_store

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FOLDERS = {"Claude Code": [DATA / "claude_code" / "projects"], "Codex": [DATA / "codex" / "sessions"]}
NOW = "2030-01-01T00:00:00.000Z"
EVENTS = 1_000_000
SKILLS = 500
ASKED = 1_000
SEED = 1
_CHOSEN_BY = 0.7


def run(events: int = EVENTS) -> None:
    """Print how good chances are on real transcripts, then what they cost on *events* generated ones."""
    sources = {**FOLDERS, "both": [folder for folders in FOLDERS.values() for folder in folders]}
    for name, folders in sources.items():
        there = [folder for folder in folders if folder.is_dir()]
        if there:
            _quality(name, _imported(there))
        else:
            print(f"No transcripts for {name}: not measured.")
    _cost(events)


def _imported(folders: list[Path]) -> History:
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as scratch:
        url = f"sqlite:///{scratch}/store.db"
        command = [sys.executable, "-m", "session_buddy", "--store", url, "import", "--quiet", *map(str, folders)]
        subprocess.run(command, check=True, capture_output=True)
        with open_store(url) as store:
            return history_of(read_uses(store, now=NOW))


def _quality(name: str, history: History) -> None:
    completed, sessions = int(history.completed.sum()), len(np.unique(history.session))
    title = f"{name}: {len(history):,} outcomes, {completed / len(history):.1%} completed, {sessions} sessions"
    choice = choose(history, seed=SEED)
    show(
        f"{title}; {choice.held_out:,} uses in {choice.sessions} sessions foretold from before",
        ("way", "log loss", "gain on the best baseline", "Brier", "AUC", "calibration"),
        [_row(one) for one in choice.candidates],
    )
    print(f"In use: {choice.name}. {choice.reason}\n")
    _later(name, history)
    durations = fit_durations(history, seed=SEED)
    if durations and durations.figures:
        figures = durations.figures
        show(
            f"{name}: durations, {figures.held_out:,} held out; pinball loss of log(1 + ms) at .1, .5, .9",
            ("learned", "skill's own", "gain", "within .1 to .9", "of kinds", "in use"),
            [
                (
                    f"{figures.learned_loss:.4f}",
                    f"{figures.baseline_loss:.4f}",
                    _interval(Estimate(figures.gain, figures.gain_low, figures.gain_high)),
                    f"{figures.within:.1%}",
                    ", ".join(f"{kind} {within:.0%}" for kind, within in figures.within_kinds.items()),
                    "learned" if durations.forests else "skill's own",
                )
            ],
        )


def _later(name: str, history: History) -> None:
    """Print how what would have been chosen from the first part fares on the last, which had no say in it."""
    first = int(len(history) * _CHOSEN_BY)
    known = np.flatnonzero(history.ended[:first] < history.at[first])
    before, after = history.part(known), history.part(np.arange(first, len(history)))
    choice = choose(before, seed=SEED)
    features, asked = features_of(before.facts), features_of(after.facts)
    sessions = Sessions(after.session, seed=SEED)
    chances = {}
    for way in dict.fromkeys((choice.name, *BASELINES)):
        odds = fitted(way, features, before.completed, seed=SEED).odds(asked)
        chances[way] = chance_of(choice.calibration.applied(odds) if way == CANDIDATES[2] else odds)
    losses = {way: log_losses(after.completed, one) for way, one in chances.items()}
    best = min(BASELINES, key=lambda way: losses[way].mean())
    rows = [
        _row(
            Candidate(
                way, way in BASELINES, scored(after.completed, one, sessions), sessions.mean(losses[best] - losses[way])
            )
        )
        for way, one in chances.items()
    ]
    show(
        f"{name}: chosen and fitted once on the first {_CHOSEN_BY:.0%}, the last {len(after):,} uses"
        f" in {sessions.count} sessions foretold; chosen: {choice.name}",
        ("way", "log loss", "gain on the best baseline", "Brier", "AUC", "calibration"),
        rows,
    )


def _row(candidate: Candidate) -> tuple[str, ...]:
    scores = candidate.scores
    return (
        candidate.name,
        _interval(scores.log_loss),
        _interval(candidate.gain),
        _interval(scores.brier),
        _interval(scores.auc) if scores.auc else "",
        _interval(scores.calibration_error),
    )


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.4f}"
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"


def _cost(events: int) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as scratch,
        open_store(f"sqlite:///{scratch}/store.db") as store,
    ):
        made = generated(events, skills=SKILLS, days=90)
        while batch := list(islice(made, 50_000)):
            store.record(batch)
        began = time.perf_counter()
        uses = read_uses(store, now=NOW)
        read = time.perf_counter()
        history = history_of(uses, most=MOST_LEARNED)
        seen = time.perf_counter()
        del uses
        kept = learn(store, now=NOW, seed=SEED)
        ended = time.perf_counter()
        show(
            f"Training: {SKILLS} skills; the newest {MOST_LEARNED:,} outcomes are fitted to, all are read",
            ("events", "in all, s", "of it reading", "of it what was known before each use", "in use"),
            [(f"{events:,}", f"{ended - seen:.1f}", f"{read - began:.1f}", f"{seen - read:.1f}", kept.card.algorithm)],
        )
        ways = {kept.card.algorithm: kept}
        if kept.card.is_fallback:
            # Generated outcomes are lots, so that a rate answers: what costs most is measured beside it.
            features = features_of(history.facts)
            learned = fitted(CANDIDATES[1], features, history.completed, seed=SEED)
            # Where there is less to learn from, there are three times as many trees.
            few = fitted(CANDIDATES[1], features[-20_000:], history.completed[-20_000:], seed=SEED)
            ways |= {
                CANDIDATES[1]: msgspec.structs.replace(kept, predictor=learned),
                f"{CANDIDATES[1]}, of few uses": msgspec.structs.replace(kept, predictor=few),
            }
        show(
            f"Predicting, {ASKED:,} times: reading the store, chance, reasons, durations",
            ("way", "p50, ms", "p99, ms", "processor p50, ms", "p99, ms"),
            [(way, *_milliseconds(store, one)) for way, one in ways.items()],
        )


def _milliseconds(store: Store, kept: Kept) -> list[str]:
    """Return what one answer takes by the clock, and of the processor: the first depends on what else runs."""
    sessions = store.query("SELECT session_id, user_id FROM session_summary ORDER BY session_id").rows
    skills = [name for (name,) in store.query("SELECT skill_name FROM skill_metrics ORDER BY skill_name").rows]
    rnd, by_clock, of_processor = random.Random(SEED), [], []
    for _ in range(ASKED):
        session, user = rnd.choice(sessions)
        skill = rnd.choice(skills)
        began, busy = time.perf_counter(), time.process_time()
        told(kept, read_moment(store, Situation(user, session, None), [skill], now=NOW), [skill])
        by_clock.append(1_000 * (time.perf_counter() - began))
        of_processor.append(1_000 * (time.process_time() - busy))
    return [f"{quantile(sorted(spent), part):.2f}" for spent in (by_clock, of_processor) for part in (0.5, 0.99)]
