"""The tables whose rows are not counted from the event log: what people, detectors and importers wrote themselves.

They have the same names and columns on every engine. Everything else but the event log follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["PLAIN_TABLES", "PlainTable", "plain_table"]


class PlainTable(msgspec.Struct, frozen=True):
    """One of these tables: what tells its rows apart, and what else it says of them."""

    name: str
    key: tuple[str, ...]
    values: tuple[str, ...]

    blobs: tuple[str, ...] = ()
    """Those of the values that are bytes."""
    is_view: bool = False
    """Whether it is a view on some engine, which then leaves old states out by itself."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, those of the key first."""
        return self.key + self.values

    @property
    def selected(self) -> str:
        """The columns as they are asked for: bytes in hexadecimal, which reads alike on every engine."""
        return ", ".join(
            f"CASE WHEN {column} IS NOT NULL THEN hex({column}) END AS {column}_hex" if column in self.blobs else column
            for column in self.columns
        )

    @property
    def source(self) -> str:
        """What to put behind ``FROM``: where an engine keeps old states of a row, only the last is wanted.

        ``FINAL`` says so to ClickHouse; to others it is one more name for the table.
        """
        return self.name if self.is_view else f"{self.name} FINAL"

    def refuse_keys(self, keys: Sequence[tuple[Any, ...]]) -> None:
        """Raise :class:`InvalidInput` for *keys* that no row can have."""
        for key in keys:
            for column, part in zip(self.key, key, strict=True):
                if part is None:
                    raise InvalidInput(
                        column, f"of a row of {self.name} is never None.", remedy="Give the whole key of the row."
                    )

    def row(self, selected: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a row as it was :attr:`selected` with its bytes as bytes."""
        if not self.blobs:
            return selected
        return tuple(
            bytes.fromhex(value) if column in self.blobs and value is not None else value
            for column, value in zip(self.columns, selected, strict=True)
        )


def _table(name: str, key: str, values: str, blobs: str = "", *, is_view: bool = False) -> PlainTable:
    return PlainTable(name, tuple(key.split()), tuple(values.split()), tuple(blobs.split()), is_view)


PLAIN_TABLES = (
    _table("store_settings", "name", "value"),
    _table("text_embedding", "text_hash model", "embedding created_at", "embedding"),
    _table("skill_description", "skill_name", "description text_hash updated_at"),
    _table("skill_categories", "category_id", "category_name parent_category_id description domain created_at scheme"),
    _table("skill_category_mapping", "skill_name category_id", "confidence_score assigned_at assigned_by overruled"),
    _table(
        "skill_modalities",
        "skill_name",
        "modality_type input_format output_format requires_human_review created_at assigned_by review_assigned_by",
    ),
    _table(
        "skill_sources",
        "machine path",
        "skill_name origin plugin version content_hash listing_tokens body_tokens problem size modified_ns changed_at"
        " seen_at",
    ),
    _table(
        "skill_dependency_details",
        "skill_a skill_b",
        "p_value q_value a_first_count b_first_count a_to_b_seconds b_to_a_seconds order_q_value last_updated",
    ),
    _table("skill_paths", "path", "length session_count occurrence_count median_seconds last_updated"),
    _table(
        "skill_clusters",
        "cluster_id",
        "cluster_name description centroid_embedding created_at",
        "centroid_embedding",
    ),
    _table("skill_cluster_membership", "skill_name cluster_id", "membership_score"),
    _table("community_publishers", "publisher", "sequence published_at imported_at min_users epsilon"),
    _table(
        "community_shares",
        "publisher skill_name",
        "total_users total_invocations completed_count failed_count avg_duration_seconds most_common_workflow_phase",
    ),
    _table("learned_models", "model_name", "version algorithm fitted_at details data", "data"),
    _table("refresh_jobs", "job_name", "started_at duration_seconds row_count error"),
    _table(
        "skill_anomalies",
        "id",
        "skill_name detected_at anomaly_type baseline_value observed_value deviation_score resolved_at"
        " metric severity band_low band_high reason detector",
    ),
    _table(
        "ab_test_configs",
        "test_id",
        "test_name description control_strategy treatment_strategy start_date end_date min_sample_size metrics"
        " assignment_ratio status design ratio_since",
    ),
    _table("ab_test_assignments", "assignment_id", "test_id user_id group_name assigned_at"),
    _table(
        "ab_test_outcomes",
        "outcome_id",
        "test_id user_id skill_name completed duration_seconds user_rating recorded_at",
    ),
    _table("ab_test_exposures", "test_id user_id exposed_on", "group_name exposed_at"),
    _table("ab_test_events", "event_id", "test_id happened_at actor action details"),
    _table(
        "ab_test_covariates",
        "test_id user_id",
        "outcome_count completed_count duration_sum duration_count",
    ),
    _table("import_quarantine", "path offset reason", "line length seen_at", is_view=True),
    _table(
        "import_checkpoint",
        "path",
        "importer identity size modified_ns offset state imported_at",
        "state",
        is_view=True,
    ),
)
"""In an order in which each refers only to those before it. Checkpoints are last: who has them has what they cover."""


def plain_table(name: str) -> PlainTable:
    """Return the table called *name*."""
    return next(table for table in PLAIN_TABLES if table.name == name)
