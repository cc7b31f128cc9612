"""What the dashboards of deploy/grafana show, a few lines a panel; :mod:`tools.grafana` makes files of it."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["HEALTH", "HERE", "OVERVIEW", "SKILL", "Panel"]

HERE = 'instance="$instance"'
"""Each instance tells of a whole store: sums over several would count everything twice."""


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel: what it asks and how it shows the answer."""

    title: str
    description: str
    queries: dict[str, str]
    """Expressions by how their series are called, in the words of Grafana: ``{{skill}}``."""
    type: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    options: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    """Further settings of all fields: ``min``, ``max``, ``thresholds`` …"""
    transformations: list[dict[str, Any]] = []
    exemplars: bool = False


def _started(more: str = "", span: str = "$__rate_interval") -> str:
    return f"session_buddy_invocations_started_total{{{HERE}{more}}}[{span}]"


def _ended(outcome: str, more: str = "", span: str = "$__rate_interval") -> str:
    return f'session_buddy_invocations_total{{{HERE}, outcome=~"{outcome}"{more}}}[{span}]'


def _ratio(by: str, more: str = "", span: str = "$__range") -> str:
    judged = f"sum by ({by}) (increase({_ended('completed|failed', more, span)}))"
    return f"sum by ({by}) (increase({_ended('completed', more, span)})) / ({judged} > 0)"


def _gauge(name: str, more: str = "") -> str:
    return f"session_buddy_{name}{{{HERE}{more}}}"


def _quantile(q: float, more: str = "") -> str:
    buckets = f"session_buddy_invocation_duration_seconds_bucket{{{HERE}{more}}}[$__rate_interval]"
    return f"histogram_quantile({q}, sum by (le) (rate({buckets})))"


def _level(*steps: tuple[float | None, str]) -> dict[str, Any]:
    return {"thresholds": {"mode": "absolute", "steps": [{"value": at, "color": color} for at, color in steps]}}


_RATE = {"min": 0, "max": 1} | _level((None, "red"), (0.7, "yellow"), (0.9, "green"))
_ALARM_ABOVE_0 = _level((None, "green"), (1, "red"))
_STACKED = {"stacking": {"mode": "normal"}, "fillOpacity": 30, "lineWidth": 1}
_THIS = ', skill="$skill"'
_SINGLE = ', skill!="other"'
_STAT = {"type": "stat", "width": 4, "height": 4}

OVERVIEW = [
    Panel(
        title="Invocations a minute",
        description="All skills, whatever became of them.",
        queries={"": f"60 * sum(rate({_started()}))"},
        **_STAT,
    ),
    Panel(
        title="Success",
        description="Completed / (completed + failed), in the range shown.",
        queries={"": _ratio("instance")},
        unit="percentunit",
        limits=_RATE,
        **_STAT,
    ),
    Panel(
        title="Invocations",
        description="In the range shown.",
        queries={"": f"sum(increase({_started(span='$__range')}))"},
        limits={"decimals": 0},
        **_STAT,
    ),
    Panel(
        title="Sessions",
        description="That began in the range shown.",
        queries={"": f"increase(session_buddy_sessions_total{{{HERE}}}[$__range])"},
        limits={"decimals": 0},
        **_STAT,
    ),
    Panel(
        title="Skills ever used",
        description="Built-in tools of agents included.",
        queries={"": _gauge("skills")},
        **_STAT,
    ),
    Panel(
        title="Open anomalies",
        description="Found by Session-Buddy's detectors and not resolved.",
        queries={"": f"sum({_gauge('anomalies_open')})"},
        limits=_ALARM_ABOVE_0,
        **_STAT,
    ),
    Panel(
        title="Invocations by kind",
        description="Invocations a minute.",
        queries={"{{kind}}": f"60 * sum by (kind) (rate({_started()}))"},
        custom=_STACKED,
        width=12,
    ),
    Panel(
        title="Outcomes",
        description="Invocations that ended, a minute. Abandoned ones say nothing about a skill.",
        queries={"{{outcome}}": f"60 * sum by (outcome) (rate({_ended('.+')}))"},
        custom=_STACKED,
        width=12,
    ),
    Panel(
        title="Success by kind",
        description="Of the last hour, at each moment.",
        queries={"{{kind}}": _ratio("kind", span="1h")},
        unit="percentunit",
        limits={"min": 0, "max": 1},
        width=12,
    ),
    Panel(
        title="Most failures",
        description="In the range shown.",
        queries={
            "{{skill}}": f"topk(10, sum by (skill) (increase({_ended('failed', _SINGLE, '$__range')})) > 0)",
        },
        type="bargauge",
        limits={"decimals": 0, "color": {"mode": "fixed", "fixedColor": "red"}},
        options={"orientation": "horizontal", "displayMode": "basic", "showUnfilled": False},
        width=12,
    ),
    Panel(
        title="Skills",
        description="In the range shown. A click opens the skill.",
        queries={
            "Invocations": f"topk(50, sum by (skill, kind) (increase({_started(_SINGLE, '$__range')})) > 0)",
            "Success": _ratio("skill, kind", _SINGLE),
            "Last used": f"1000 * max by (skill, kind) ({_gauge('last_invocation_timestamp_seconds', _SINGLE)})",
        },
        type="table",
        width=16,
        height=12,
    ),
    Panel(
        title="Open anomalies by skill",
        description="What the detectors found.",
        queries={"Open": f"sum by (skill, metric, anomaly_type, severity) ({_gauge('skill_anomalies_open')})"},
        type="table",
        width=8,
        height=12,
    ),
]

SKILL = [
    Panel(
        title="Success",
        description="Completed / (completed + failed), in the range shown.",
        queries={"": _ratio("instance", _THIS)},
        unit="percentunit",
        limits=_RATE,
        **_STAT,
    ),
    Panel(
        title="Success, ever",
        description="Over the whole life of the skill.",
        queries={"": f"max({_gauge('completion_ratio', _THIS)})"},
        unit="percentunit",
        limits=_RATE,
        **_STAT,
    ),
    Panel(
        title="Invocations",
        description="In the range shown.",
        queries={"": f"sum(increase({_started(_THIS, '$__range')}))"},
        limits={"decimals": 0},
        **_STAT,
    ),
    Panel(
        title="Last used",
        description="When it was last invoked.",
        queries={"": f"1000 * max({_gauge('last_invocation_timestamp_seconds', _THIS)})"},
        unit="dateTimeFromNow",
        **_STAT,
    ),
    Panel(
        title="Median duration",
        description="Half of the invocations in the range shown ended within this time.",
        queries={"": _quantile(0.5, _THIS).replace("$__rate_interval", "$__range")},
        unit="s",
        **_STAT,
    ),
    Panel(
        title="Open anomalies",
        description="Of this skill, found by Session-Buddy's detectors and not resolved.",
        queries={"": f"sum({_gauge('skill_anomalies_open', _THIS)}) or vector(0)"},
        limits=_ALARM_ABOVE_0,
        **_STAT,
    ),
    Panel(
        title="Outcomes",
        description="Invocations that ended, a minute.",
        queries={"{{outcome}}": f"60 * sum by (outcome) (rate({_ended('.+', _THIS)}))"},
        custom=_STACKED,
        width=12,
    ),
    Panel(
        title="Success",
        description="Of the last hour and of seven days, as the alerts see them.",
        queries={
            "1 h": f"skill:session_buddy_completion:ratio1h{{{HERE}{_THIS}}}",
            "7 d": f"skill:session_buddy_completion:ratio1w{{{HERE}{_THIS}}}",
        },
        unit="percentunit",
        limits={"min": 0, "max": 1},
        width=12,
    ),
    Panel(
        title="Durations",
        description="Points are invocations that failed or were slow, with their event id.",
        queries={f"p{q * 100:.0f}": _quantile(q, _THIS) for q in (0.5, 0.9, 0.99)},
        unit="s",
        custom={"scaleDistribution": {"type": "log", "log": 10}},
        width=12,
        exemplars=True,
    ),
    Panel(
        title="Durations, how many",
        description="Invocations by the time they took.",
        queries={
            "{{le}}": "sum by (le) (increase(session_buddy_invocation_duration_seconds_bucket"
            f"{{{HERE}{_THIS}}}[$__rate_interval]))"
        },
        type="heatmap",
        options={"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Blues"}},
        width=12,
    ),
]

HEALTH = [
    Panel(
        title="Store",
        description="Whether it answers.",
        queries={"": _gauge("store_up")},
        limits=_level((None, "red"), (1, "green"))
        | {
            "mappings": [
                {"type": "value", "options": {"0": {"text": "does not answer"}, "1": {"text": "answers"}}},
            ]
        },
        **_STAT,
    ),
    Panel(
        title="Version",
        description="Of the server or exporter that answers.",
        queries={"{{version}}": f"session_buddy_build_info{{{HERE}}}"},
        options={"textMode": "name"},
        **_STAT,
    ),
    Panel(
        title="Not read yet",
        description="For how long the oldest change of a transcript has been waiting.",
        queries={"": _gauge("import_lag_seconds")},
        unit="s",
        limits=_level((None, "green"), (600, "red")),
        **_STAT,
    ),
    Panel(
        title="Last import",
        description="When a transcript was last read.",
        queries={"": f"1000 * {_gauge('import_last_timestamp_seconds')}"},
        unit="dateTimeFromNow",
        **_STAT,
    ),
    Panel(
        title="Lines set aside",
        description="Lines of transcripts that were not understood.",
        queries={"": _gauge("quarantined_lines")},
        **_STAT,
    ),
    Panel(
        title="Troubles",
        description="What the server fails at in the background.",
        queries={"": _gauge("background_troubles")},
        limits=_ALARM_ABOVE_0,
        **_STAT,
    ),
    Panel(
        title="Delivered to the store",
        description="Invocations a second that the server took in, by what the store made of them.",
        queries={
            "{{result}}": f"sum by (result) (rate(session_buddy_writer_events_total{{{HERE}}}[$__rate_interval]))"
        },
        custom=_STACKED,
        width=12,
    ),
    Panel(
        title="Waiting in memory",
        description="Invocations that were not delivered yet.",
        queries={"invocations": _gauge("writer_waiting_events")},
        width=12,
    ),
    Panel(
        title="Waiting on disk",
        description="The spool: what the store did not take. Beyond the limit, clients are told to come again.",
        queries={"spool": _gauge("spool_size_bytes"), "limit": _gauge("spool_limit_bytes")},
        unit="bytes",
        width=12,
    ),
    Panel(
        title="Not read yet, bytes",
        description="What imported transcripts have grown by since they were read.",
        queries={"bytes": _gauge("import_unread_bytes")},
        unit="bytes",
        width=12,
    ),
    Panel(
        title="Time of a scrape",
        description="What reading the store takes; it does not grow with the number of invocations.",
        queries={"seconds": _gauge("scrape_duration_seconds")},
        unit="s",
    ),
    Panel(
        title="Live clients",
        description="Pages and programs that are connected to the live feed.",
        queries={"clients": _gauge("live_clients")},
        limits={"min": 0, "decimals": 0},
    ),
    Panel(
        title="The process",
        description="Memory of the server or exporter.",
        queries={"memory": f"process_resident_memory_bytes{{{HERE}}}"},
        unit="bytes",
    ),
]
