"""The screens of ``experiment``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, flowed, heading, indented, note
from session_buddy.experiments.analysis import Analysis, CoursePoint, Health, Segment
from session_buddy.experiments.assignment import Assignment
from session_buddy.experiments.comparing import Comparison
from session_buddy.experiments.design import Experiment, Status
from session_buddy.experiments.outcomes import OutcomesRecorded
from session_buddy.experiments.rows import ExperimentEvent
from session_buddy.experiments.verdict import Decision, told_lift, told_value
from session_buddy.formats import NOTHING, count, date, minute, plural, printable, shown_name
from session_buddy.reports.experiment_power import PowerFigures
from session_buddy.reports.experiment_wording import (
    Leaning,
    chance,
    concluded_as,
    days_ahead,
    event_words,
    leaning,
    margins_of,
    metric_words,
    quoted,
    share,
    told_p,
)
from session_buddy.reports.experiments import ExperimentIndex, ExperimentReport

__all__ = [
    "assignments_screen",
    "experiment_screen",
    "experiments_screen",
    "history_screen",
    "outcomes_screen",
    "power_screen",
]

_DAYS = 7
_STYLES = {Leaning.BETTER: "green", Leaning.WORSE: "red", Leaning.OPEN: ""}
_VERDICTS = {Decision.INVALID: "bold red", Decision.KEEP_RUNNING: "bold"}
_LIST = (
    Column("experiment", justify="left"),
    Column("status", justify="left"),
    Column("since", rank=3),
    Column("users", rank=1),
    Column("metric", rank=2, justify="left"),
    Column("verdict", justify="left"),
)
_METRICS = (
    Column("metric", justify="left"),
    Column("control", rank=2),
    Column("treatment", rank=2),
    Column("lift"),
    Column("interval", justify="left"),
    Column("p", rank=3, note="p: adjusted for the number of metrics (Holm)"),
    Column("chance", rank=4, note="chance: that treatment is better (flat prior); decides nothing"),
)
_VARIANTS = (
    Column("variant", justify="left"),
    Column("strategy", justify="left"),
    Column("share", rank=3),
    Column("assigned"),
    Column("exposed", rank=2),
    Column("with outcomes", rank=1),
    Column("outcomes", rank=2),
)
_BALANCES = (
    Column("users", justify="left"),
    Column("control"),
    Column("treatment"),
    Column("control is", rank=1),
    Column("meant", rank=2),
    Column("p", note="p: the chance of so uneven a split (χ²); below 0.001 there is no verdict"),
)
_COURSE = (Column("day", justify="left"), Column("users"), Column("lift"), Column("interval", justify="left"))
_HISTORY = (
    Column("when", justify="left"),
    Column("what", justify="left"),
    Column("who", rank=1, justify="left"),
    Column("", rank=2, justify="left"),
)


def experiments_screen(index: ExperimentIndex, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``experiment list``."""
    yield heading("Experiments", f"{len(index.experiments)} of {index.total}" if index.total else "")
    if index.experiments:
        rows: list[list[str | Text]] = [
            [
                Text(printable(one.test_name), "bold"),
                one.status,
                date(one.start_date),
                count(one.users) if one.users else NOTHING,
                printable(one.primary_metric),
                Text(printable(one.sentence), _VERDICTS.get(one.decision, "") if one.decision else "dim"),
            ]
            for one in index.experiments
        ]
        yield fitted(_LIST, rows, width)
    else:
        yield indented(Text("None. session-buddy experiment create NAME --control A --treatment B"))
    for one in index.unreadable:
        yield indented(Text(f"{printable(one.test_name)}: {printable(one.problem)}", "red"))
    if index.archived and not any(one.status is Status.ARCHIVED for one in index.experiments):
        yield indented(note(f"{plural(index.archived, 'archived one is', 'archived ones are')} left out: --all"))


def experiment_screen(report: ExperimentReport, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``experiment show``."""
    experiment, analysis = report.experiment, report.analysis
    yield heading(printable(experiment.test_name), _standing(experiment, analysis))
    yield from _verdict(report)
    yield from _progress(analysis, width)
    yield Text()
    yield heading("Variants")
    yield fitted(_VARIANTS, list(_variants(report)), width)
    yield Text()
    yield heading("Metrics", _method(experiment))
    margins = margins_of(experiment)
    yield fitted(_METRICS, [_metric(metric_words(one), one, margins) for one in analysis.comparisons], width)
    for one in analysis.comparisons:
        if one.reason or one.reason_of_lift:
            yield indented(note(f"{one.title}: {one.reason or one.reason_of_lift}"))
    yield from _course(report.course, width)
    yield from _health(analysis.health, width)
    yield from _segments(report.segments, width)
    yield from _design(experiment, width)


def history_screen(events: Sequence[ExperimentEvent], *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``experiment history``."""
    yield heading("History")
    if not events:
        yield indented(Text("Nothing is known: another program made it."))
        return
    rows = [
        [minute(event.happened_at), printable(event.action), printable(event.actor), event_words(event)]
        for event in events
    ]
    yield fitted(_HISTORY, rows, width)


def assignments_screen(assignments: Sequence[Assignment], *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screens of ``experiment assign`` and ``expose``."""
    columns = (Column("user", justify="left"), Column("variant", justify="left"), Column("", justify="left"))
    rows: list[list[str | Text]] = [
        [
            printable(one.user_id),
            one.variant.value,
            Text("" if one.takes_part else one.standing.value.replace("_", " "), "dim"),
        ]
        for one in assignments
    ]
    yield fitted(columns, rows, width)


def outcomes_screen(recorded: OutcomesRecorded, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``experiment record``."""
    again = f", {count(recorded.repeated)} known already" if recorded.repeated else ""
    yield Text(f"{plural(recorded.added, 'outcome')} recorded{again}.")
    if recorded.left_out:
        reasons: dict[str, int] = {}
        for one in recorded.left_out:
            reasons[one.standing.value] = reasons.get(one.standing.value, 0) + 1
        told = ", ".join(f"{count(number)} {reason.replace('_', ' ')}" for reason, number in reasons.items())
        yield Text(f"{count(len(recorded.left_out))} left out, since their users take no part: {told}.", "yellow")


def power_screen(found: PowerFigures, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``experiment power``."""
    question = found.question
    kind = "rate" if question.spread is None else f"spread {question.spread:g}"
    yield heading("Users it takes", f"control {question.baseline:g} ({kind}), α {question.alpha:g}")
    if found.users_at_once is not None and question.lift is not None:
        yield indented(Text(f"To see a lift of {told_lift(question.lift)} with a chance of {share(question.power)}:"))
        yield indented(Text(f"{count(found.users_at_once)} users, looked at once, at the end (fixed)"))
        yield indented(
            Text(f"{count(found.users_at_any_time)} users, looked at all the time (sequential); often fewer")
        )
        yield indented(note(f"least users in each variant: --min-sample-size {found.least_in_each}"))
    if question.users is not None:
        yield indented(
            Text(f"{count(question.users)} users, looked at once, show a lift of ±{share(found.detectable_lift)}")
        )
        if found.power_at_once is not None and question.lift is not None:
            likely = chance(found.power_at_once)
            yield indented(Text(f"and one of {told_lift(question.lift)} with a chance of {likely}"))
    if question.spread is None:
        yield indented(note("As if all uses of a user ended alike; where they do not, fewer users do."))


def _standing(experiment: Experiment, analysis: Analysis) -> str:
    if experiment.status is Status.DRAFT:
        return "draft"
    until = f" to {date(experiment.end_date)}" if experiment.end_date else ""
    return f"{analysis.status}, {date(experiment.start_date)}{until}"


def _verdict(report: ExperimentReport) -> Iterator[RenderableType]:
    if report.experiment.status is Status.DRAFT:
        name = quoted(report.experiment.test_name)
        yield indented(Text(f"A draft: nobody takes part yet. session-buddy experiment start {name}"))
        return
    verdict = report.analysis.verdict
    yield indented(Text(verdict.sentence, _VERDICTS.get(verdict.decision, "bold green")))
    for reason in verdict.reasons:
        yield indented(Text(reason))
    if decided := concluded_as(report.history):
        yield indented(Text(f"Decided: {printable(decided)}"))


def _progress(analysis: Analysis, width: int) -> Iterator[RenderableType]:
    progress = analysis.progress
    least = f"at least {count(progress.least_users)} in each variant"
    parts = [f"{plural(progress.users, 'user')} in {progress.days:.1f} days, {least}"]
    if progress.detectable_lift is not None:
        parts.append(f"one look would show ±{share(progress.detectable_lift)}")
    if analysis.verdict.decision is Decision.KEEP_RUNNING and progress.users_to_decision is not None:
        ahead = days_ahead(progress.days_to_decision) if progress.days_to_decision else "now"
        parts.append(f"to a decision: {ahead}, {plural(progress.users_to_decision, 'user')} in all, if this is so")
    yield flowed([Text(part, "dim") for part in parts], width)


def _variants(report: ExperimentReport) -> Iterator[list[str | Text]]:
    experiment = report.experiment
    for variant, head in report.analysis.health.heads.items():
        is_control = variant == "control"
        ratio = experiment.assignment_ratio if is_control else 1 - experiment.assignment_ratio
        yield [
            variant,
            printable(experiment.control_strategy if is_control else experiment.treatment_strategy),
            share(ratio),
            *(count(number) for number in (head.assigned, head.exposed, head.with_outcomes, head.outcomes)),
        ]


def _method(experiment: Experiment) -> str:
    design = experiment.design
    looks = "valid at every look" if design.method == "sequential" else "for one look, at the end"
    return f"intervals of {share(1 - design.alpha)}, {looks}"


def _metric(words: str, one: Comparison, margins: dict[str, float]) -> list[str | Text]:
    style = _STYLES[leaning(one, margins)]
    if one.lift:
        lift, interval = told_lift(one.lift.point), told_lift(one.lift.interval)
    elif one.difference:
        found = one.difference
        lift, interval = f"{found.point:+.3g} abs.", f"{found.low:+.3g} to {found.high:+.3g}"
    else:
        lift, interval = NOTHING, NOTHING
    control, treatment = (
        NOTHING if arm.value is None else told_value(arm.value, one.unit) for arm in (one.control, one.treatment)
    )
    return [
        words,
        control,
        treatment,
        Text(lift, style),
        Text(interval, style),
        told_p(one.adjusted_p),
        chance(one.chance_to_win),
    ]


def _course(course: Sequence[CoursePoint], width: int) -> Iterator[RenderableType]:
    if not course:
        return
    yield Text()
    yield heading("Over time", f"the last {len(course[-_DAYS:])} of {plural(len(course), 'day')}")
    rows = [
        [
            date(point.day),
            count(point.users),
            told_lift(point.lift.point) if point.lift else NOTHING,
            told_lift(point.lift.interval) if point.lift else NOTHING,
        ]
        for point in course[-_DAYS:]
    ]
    yield fitted(_COURSE, rows, width)


def _health(health: Health, width: int) -> Iterator[RenderableType]:
    if not health.balances:
        return
    yield Text()
    yield heading("Health", "are the variants as large as they were meant to be?")
    rows: list[list[str | Text]] = [
        [
            what,
            count(found.control),
            count(found.treatment),
            share(found.control / (found.control + found.treatment)),
            share(found.control_share),
            Text(told_p(found.p_value), "red" if found.is_mismatched else ""),
        ]
        for what, found in health.balances.items()
    ]
    yield fitted(_BALANCES, rows, width)
    for told in health.notes:
        yield indented(Text(told, "yellow"))


def _segments(segments: Sequence[Segment], width: int) -> Iterator[RenderableType]:
    if not segments:
        return
    yield Text()
    yield heading("By skill", "exploratory: to get ideas from, not to decide by")
    columns = (Column("skill", justify="left"), *(column._replace(note="") for column in _METRICS[1:6]))
    yield fitted(columns, [_metric(shown_name(one.skill), one.comparison, {})[:6] for one in segments], width)


def _design(experiment: Experiment, width: int) -> Iterator[RenderableType]:
    design = experiment.design
    yield Text()
    yield heading("Design")
    if design.hypothesis:
        yield indented(Text(printable(design.hypothesis)))
    parts = [f"{design.method}, α {design.alpha:g}", f"{share(design.enrolment)} of {design.unit}s take part"]
    if design.margin is not None:
        parts.append(f"no difference within {share(design.margin)}")
    if design.adjusted:
        parts.append(f"adjusted for {plural(design.covariate_days, 'day')} before (CUPED)")
    if design.namespace is not None:
        part = f"{share(design.namespace_start)} to {share(design.namespace_end)}"
        parts.append(f"{part} of the namespace {printable(design.namespace)}")
    if design.overrides:
        parts.append(f"{plural(len(design.overrides), 'user')} overridden")
    if experiment.ratio_since:
        parts.append(f"counted from {minute(experiment.ratio_since)} on, when the ratio changed")
    yield flowed(parts, width, between="; ")
    yield indented(note(f"session-buddy experiment history {quoted(experiment.test_name)}"))
