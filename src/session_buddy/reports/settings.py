"""What can be set in a store: names, values, what they mean; and setting them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from session_buddy.errors import InvalidInput, NotFound
from session_buddy.model import Kind
from session_buddy.monitoring.panel import DEFAULT_DETECTOR, DETECTORS
from session_buddy.monitoring.retention import RETENTION, retention_days
from session_buddy.monitoring.settings import DETECTOR, KINDS, THRESHOLD, ZONE, watch_settings
from session_buddy.monitoring.watch import read_texts
from session_buddy.reports.metrics import MAX_SKILLS
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = [
    "CATEGORY_PRECISION",
    "SEARCH_DOWNLOAD",
    "SEARCH_MODEL",
    "SettingFigures",
    "SettingList",
    "put_setting",
    "read_max_skills",
    "read_precision",
    "read_setting_list",
    "write_text",
]

_TABLE = plain_table("store_settings")
_COMMUNITY, _METRICS = "community_min_users", "metrics_max_skills"
SEARCH_MODEL, SEARCH_DOWNLOAD = "search_model_folder", "search_model_download"
CATEGORY_PRECISION = "category_precision"
"""Names of settings."""


class SettingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a store."""

    name: str
    value: str
    """As it is now; empty where there is no limit, or where something else decides."""
    default: str
    meaning: str


class SettingList(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be set in a store."""

    settings: list[SettingFigures]


class _Setting(msgspec.Struct, frozen=True):
    name: str
    default: str
    meaning: str


def _least_users(text: str) -> None:
    _demand_number(_COMMUNITY, text, "users")


def _most_skills(text: str) -> None:
    _demand_number(_METRICS, text, "skills")


def _yes_or_no(text: str) -> None:
    if text not in ("yes", "no"):
        raise InvalidInput(SEARCH_DOWNLOAD, f"{text!r} is neither yes nor no.", remedy="Give one of them.")


def _precision(text: str) -> None:
    try:
        fits = 0.5 <= float(text) < 1
    except ValueError:
        fits = False
    if not fits:
        raise InvalidInput(
            CATEGORY_PRECISION, f"{text!r} is no such part.", remedy="Give 0.5 or more, and less than 1."
        )


def _demand_number(name: str, text: str, what: str) -> None:
    if not text.isdecimal() or int(text) < 1:
        raise InvalidInput(name, f"{text!r} is no number of {what}.", remedy="Give 1 or more.")


_SETTINGS = (
    _Setting(DETECTOR, DEFAULT_DETECTOR, f"What finds anomalies: {', '.join(DETECTORS)}."),
    _Setting(THRESHOLD, "", "From which score on zscore (2) or novelty (1.25) call something an anomaly."),
    _Setting(KINDS, " ".join(kind for kind in Kind if kind is not Kind.TOOL), "The kinds of skills that are watched."),
    _Setting(ZONE, "UTC", "The time zone by which there are nights and weekends."),
    _Setting(RETENTION, "", "Older invocations are deleted by the server, and what is counted of them; empty: none."),
    _Setting(_COMMUNITY, "5", "No community figure is shown of fewer users."),
    _Setting(_METRICS, str(MAX_SKILLS), "So many skills have names in the metrics; the others are one, 'other'."),
    _Setting(SEARCH_MODEL, "", "The folder of the model by which search compares meaning; without one: spelling."),
    _Setting(SEARCH_DOWNLOAD, "no", "Whether that model may be fetched from the network where no folder is named."),
    _Setting(CATEGORY_PRECISION, "0.8", "Of the categories that are inferred, at least this part shall be right."),
)
_CHECKS: dict[str, Callable[[str], object]] = {
    RETENTION: retention_days,
    _COMMUNITY: _least_users,
    _METRICS: _most_skills,
    SEARCH_MODEL: str,
    SEARCH_DOWNLOAD: _yes_or_no,
    CATEGORY_PRECISION: _precision,
}


def read_setting_list(store: Store) -> SettingList:
    """Return every setting with its value in *store*."""
    texts = read_texts(store)
    return SettingList(
        settings=[
            SettingFigures(
                name=one.name,
                value=texts.get(one.name, one.default) or one.default,
                default=one.default,
                meaning=one.meaning,
            )
            for one in _SETTINGS
        ]
    )


def read_max_skills(store: Store) -> int:
    """Return how many skills have names in the metrics of *store*; raises :class:`InvalidInput` for no number."""
    text = read_texts(store).get(_METRICS) or str(MAX_SKILLS)
    _most_skills(text)
    return int(text)


def read_precision(store: Store) -> float:
    """Return what part of inferred categories shall be right; raises :class:`InvalidInput` for no such part."""
    text = read_texts(store).get(CATEGORY_PRECISION) or "0.8"
    _precision(text)
    return float(text)


def put_setting(store: Store, name: str, value: str | None) -> str:
    """Set *name* to *value*, or to its default without one; return what it is now.

    Raises :class:`NotFound` for a name that is none, :class:`InvalidInput` for a value that makes no sense.
    """
    setting = next((one for one in _SETTINGS if one.name == name), None)
    if setting is None:
        raise NotFound(
            f"There is no setting {name!r}.",
            remedy="See 'session-buddy settings'.",
            suggestions=[one.name for one in _SETTINGS],
        )
    text = setting.default if value is None else value.strip()
    if name in _CHECKS:
        _CHECKS[name](text)
    else:
        # Together, since one may not go with another.
        watch_settings(read_texts(store) | {name: text})
    write_text(store, name, text)
    return text


def write_text(store: Store, name: str, text: str) -> None:
    """Write a setting without looking at it."""
    store.put_rows(_TABLE, [(name, text)])
