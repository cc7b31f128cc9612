"""Charts as plotly figures. Pure: reports in, what ``plotly.js`` draws out.

Colours are names of the style sheet's variables: ``charts.js`` looks them up, so that figures follow the theme. Plotly
takes some HTML in texts for what it is; every text from outside goes through :func:`plain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session_buddy.formats import count, date, duration, percent, printable
from session_buddy.monitoring.series import Grain
from session_buddy.reports.anomalies import AnomalyFigures
from session_buddy.reports.series import BucketFigures, Series

__all__ = ["bucket_label", "plain", "series_figure"]

_THINNEST = 0.01
"""A range of one value is drawn as high as this."""
_INK, _SOFT, _BAND, _ATTENTION, _LINE = "--ink", "--data", "--band", "--accent", "--line"


def plain(text: str) -> str:
    """Return *text* so that plotly shows it letter by letter.

    >>> plain("<b>&</b>")
    '&lt;b&gt;&amp;&lt;/b&gt;'
    """
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def bucket_label(bucket: BucketFigures, grain: Grain) -> str:
    """Return how a bucket is called.

    >>> from session_buddy.reports.series import BucketFigures
    """
    if grain is Grain.HOUR:
        return f"{date(bucket.start)}, {bucket.start[11:16]}"
    return f"week of {date(bucket.start)}" if grain is Grain.WEEK else date(bucket.start)


def series_figure(series: Series, anomalies: Sequence[AnomalyFigures]) -> dict[str, Any]:
    """Return success, uses and durations of one skill, one above the other, with what was found amiss."""
    starts = [bucket.start for bucket in series.buckets]
    labels = [plain(bucket_label(bucket, series.grain)) for bucket in series.buckets]
    traces = [
        _band(series.buckets, starts),
        _success(series.buckets, starts, labels),
        *_uses(series.buckets, starts, labels),
        _durations(series.buckets, starts, labels),
        *_anomalies(anomalies, starts),
    ]
    return {"data": traces, "layout": _layout(bool(starts))}


def _band(buckets: Sequence[BucketFigures], starts: list[str]) -> dict[str, Any]:
    """Return the expected ranges: one block for each bucket, since a line would lie where there is none."""
    low, high = [bucket.expected_low for bucket in buckets], [bucket.expected_high for bucket in buckets]
    return {
        "type": "bar",
        "x": starts,
        "base": low,
        "y": [
            None if from_ is None or to is None else max(to - from_, _THINNEST)
            for from_, to in zip(low, high, strict=True)
        ],
        "yaxis": "y",
        "marker": {"color": _BAND},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _success(buckets: Sequence[BucketFigures], starts: list[str], labels: list[str]) -> dict[str, Any]:
    texts = []
    for label, bucket in zip(labels, buckets, strict=True):
        settled = bucket.completed + bucket.failed
        expected = (
            f"<br>expected {percent(bucket.expected_low)} to {percent(bucket.expected_high)}"
            if bucket.expected_low is not None
            else ""
        )
        told = f"{percent(bucket.success_rate)}, {count(bucket.completed)} of {count(settled)}"
        texts.append(f"{label}<br>success {told}{expected}")
    return {
        "type": "scatter",
        "x": starts,
        "y": [bucket.success_rate for bucket in buckets],
        "yaxis": "y",
        "mode": "lines+markers",
        "line": {"color": _INK, "width": 1.5},
        "marker": {
            "size": [7 if bucket.anomalous else 4.5 for bucket in buckets],
            "color": [_ATTENTION if bucket.anomalous else _INK for bucket in buckets],
        },
        "connectgaps": True,
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }


def _uses(buckets: Sequence[BucketFigures], starts: list[str], labels: list[str]) -> list[dict[str, Any]]:
    shared = {"type": "bar", "x": starts, "yaxis": "y2", "showlegend": False, "hovertemplate": "%{text}<extra></extra>"}
    texts = [
        f"{label}<br>{count(bucket.invocations)} uses, {count(bucket.failed)} failed"
        for label, bucket in zip(labels, buckets, strict=True)
    ]
    rest = [bucket.invocations - bucket.failed for bucket in buckets]
    return [
        shared | {"y": rest, "marker": {"color": _SOFT}, "text": texts, "textposition": "none"},
        shared
        | {
            "y": [bucket.failed for bucket in buckets],
            "base": rest,
            "marker": {"color": _ATTENTION},
            "text": texts,
            "textposition": "none",
        },
    ]


def _durations(buckets: Sequence[BucketFigures], starts: list[str], labels: list[str]) -> dict[str, Any]:
    texts = [
        f"{label}<br>{plain(duration(bucket.avg_duration_seconds))} on average"
        for label, bucket in zip(labels, buckets, strict=True)
    ]
    return {
        "type": "scatter",
        "x": starts,
        "y": [bucket.avg_duration_seconds for bucket in buckets],
        "yaxis": "y3",
        "mode": "lines+markers",
        "line": {"color": _SOFT, "width": 1.5},
        "marker": {"size": 4.5, "color": _SOFT},
        "connectgaps": True,
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }


def _anomalies(anomalies: Sequence[AnomalyFigures], starts: list[str]) -> list[dict[str, Any]]:
    """Return the anomalies as marks in the panel of their metric."""
    panels = {"completion_rate": "y", "volume": "y2", "duration": "y3"}
    marks: list[dict[str, Any]] = []
    for metric, axis in panels.items():
        found = [
            anomaly
            for anomaly in anomalies
            if (anomaly.metric or "completion_rate") == metric and starts and anomaly.detected_at >= starts[0]
        ]
        if not found:
            continue
        told = [
            f"{plain(anomaly.anomaly_type)} found {plain(anomaly.detected_at[:16].replace('T', ' '))}"
            + (f"<br>{plain(anomaly.reason)}" if anomaly.reason else "")
            for anomaly in found
        ]
        marks.append(
            {
                "type": "scatter",
                "x": [anomaly.detected_at for anomaly in found],
                # Volumes are per hour there and per bucket here: such marks stand on the axis.
                "y": [0 if metric == "volume" else anomaly.observed_value for anomaly in found],
                "yaxis": axis,
                "mode": "markers",
                "marker": {
                    "symbol": "diamond-open",
                    "size": 11,
                    "color": _ATTENTION,
                    "line": {"width": 2, "color": _ATTENTION},
                },
                "text": told,
                "hovertemplate": "%{text}<extra></extra>",
                "showlegend": False,
            }
        )
    return marks


def _layout(with_axis: bool) -> dict[str, Any]:
    axis = {"gridcolor": _LINE, "zeroline": False, "fixedrange": True, "tickfont": {"size": 11}}

    def panel(low: float, high: float, title: str, **more: Any) -> dict[str, Any]:
        return axis | {"domain": [low, high], "title": {"text": title, "font": {"size": 11}, "standoff": 8}} | more

    return {
        "margin": {"l": 56, "r": 8, "t": 6, "b": 36},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": "--ink-2"},
        "barmode": "overlay",
        "bargap": 0.2,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "--paper", "bordercolor": "--ink-3", "font": {"color": _INK, "size": 12}},
        "dragmode": False,
        "xaxis": {
            "type": "date",
            "gridcolor": _LINE,
            "zeroline": False,
            "fixedrange": True,
            "anchor": "y3",
            "tickfont": {"size": 11},
            "visible": with_axis,
        },
        "yaxis": panel(0.56, 1.0, "success", range=[-0.04, 1.06], tickformat=".0%", tickvals=[0, 0.5, 1]),
        "yaxis2": panel(0.28, 0.50, "uses", rangemode="tozero", nticks=4),
        "yaxis3": panel(0.0, 0.22, "seconds", rangemode="tozero", nticks=4),
    }
