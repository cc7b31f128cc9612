"""The screens of ``anomalies``, ``alerts`` and ``settings``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, indented, note
from session_buddy.formats import NOTHING, ago, date, minute, percent, plural, printable, shown_name
from session_buddy.monitoring.alerts.targets import TargetList
from session_buddy.reports.anomalies import AnomalyFigures, AnomalyList, Look
from session_buddy.reports.backtesting import BacktestReport, SkillPast
from session_buddy.reports.settings import SettingList

__all__ = ["anomalies_screen", "backtest_screen", "look_screen", "settings_screen", "targets_screen"]

_STYLES = {"critical": "red", "warning": "yellow"}
_SHIFT = "pattern_shift"
_ANOMALIES = (
    Column("skill", justify="left"),
    Column("severity", rank=1, justify="left"),
    Column("since", rank=2),
    Column("resolved", rank=3),
    Column("score", rank=4),
    Column("what", justify="left"),
)
_PAST = (
    Column("skill", justify="left"),
    Column("opened"),
    Column("resolved", rank=2),
    Column("severity", rank=1, justify="left"),
    Column("what", justify="left"),
)
_SUMS = (
    Column("skill", justify="left"),
    Column("incidents"),
    Column("hours", rank=1),
    Column("judged", rank=2, note="judged = hours with enough data for a judgement of success"),
    Column("flagged", rank=3, note="flagged = hours in which something would have been open"),
)
_TARGETS = (
    Column("name", justify="left"),
    Column("format", rank=1, justify="left"),
    Column("from", justify="left"),
    Column("signed", rank=2, justify="left"),
    Column("address", justify="left"),
)
_SETTINGS = (
    Column("name", justify="left"),
    Column("value", justify="left"),
    Column("meaning", rank=1, justify="left"),
)


def anomalies_screen(listed: AnomalyList, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``anomalies``."""
    yield heading("Open anomalies", f"{len(listed.open)}" if listed.open else "")
    if listed.open:
        yield _table(listed.open, now, width)
    else:
        yield indented(Text("None."))
        yield indented(note("A running server looks for them, or: session-buddy anomalies watch"))
    if listed.resolved:
        yield heading("Resolved", f"the latest {len(listed.resolved)} of {listed.total_resolved}")
        yield _table(listed.resolved, now, width)


def look_screen(look: Look, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``anomalies watch``."""
    if look.changed:
        yield heading("Changed")
        yield _table(look.changed, now, width)
    else:
        yield Text("Nothing changed.")
    for alert in look.alerts:
        words = f"{alert.target}: {alert.happening} {shown_name(alert.skill)}"
        yield Text(f"Told {words}") if alert.problem is None else Text(f"Not told {words}. {alert.problem}", "red")


def backtest_screen(report: BacktestReport, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``anomalies backtest``."""
    threshold = "" if report.threshold is None else f", threshold {report.threshold:g}"
    yield heading(f"{report.detector}{threshold}", f"{date(report.since)} to {date(report.until)}")
    if not report.skills:
        yield indented(Text("No skill was used in this time."))
        return
    rate = report.incidents_per_skill_month
    told = f"{plural(report.incidents, 'incident')} in {plural(len(report.skills), 'skill')}"
    monthly = (
        "" if rate is None else f": {rate:.2f} in a month of each, open {percent(report.share_flagged)} of the time"
    )
    yield indented(Text(f"{told}{monthly}."))
    if report.incidents:
        found = [(one, incident) for one in report.skills for incident in one.incidents]
        rows: list[list[str | Text]] = [
            [
                shown_name(one.skill),
                minute(incident.opened_at),
                minute(incident.resolved_at) if incident.resolved_at else "open",
                Text(incident.severity, _STYLES.get(incident.severity, "")),
                _what(incident.anomaly_type, incident.reason),
            ]
            for one, incident in sorted(found, key=lambda pair: pair[1].opened_at, reverse=True)
        ]
        yield fitted(_PAST, rows, width)
    yield fitted(_SUMS, [_sums(one) for one in report.skills], width)


def targets_screen(listed: TargetList, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``alerts list``."""
    yield heading("Alerts")
    if not listed.targets:
        yield indented(Text("Nobody is told. session-buddy alerts add NAME --url URL"))
        return
    rows = [
        [one.name, one.format, one.severity, "no" if one.secret is None else one.secret, one.url]
        for one in listed.targets
    ]
    yield fitted(_TARGETS, rows, width)


def settings_screen(listed: SettingList, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``settings``."""
    yield heading("Settings of the store")
    rows: list[list[str | Text]] = [
        [
            one.name,
            Text(printable(one.value) or NOTHING, "" if one.value == one.default else "bold"),
            one.meaning,
        ]
        for one in listed.settings
    ]
    yield fitted(_SETTINGS, rows, width)


def _table(anomalies: Sequence[AnomalyFigures], now: str, width: int) -> RenderableType:
    rows: list[list[str | Text]] = [
        [
            shown_name(one.skill_name),
            Text(one.severity or NOTHING, _STYLES.get(one.severity or "", "")),
            ago(one.detected_at, now),
            ago(one.resolved_at, now) if one.resolved_at else NOTHING,
            NOTHING if one.deviation_score is None else f"{one.deviation_score:+.1f}",
            _what(one.anomaly_type, one.reason),
        ]
        for one in anomalies
    ]
    return fitted(_ANOMALIES, rows, width)


def _what(anomaly_type: str, reason: str | None) -> str:
    return printable(reason) if reason else "shift" if anomaly_type == _SHIFT else anomaly_type


def _sums(one: SkillPast) -> list[str]:
    judged = one.hours_judged.get("completion_rate", 0)
    return [shown_name(one.skill), str(len(one.incidents)), str(one.hours), str(judged), str(one.hours_flagged)]
