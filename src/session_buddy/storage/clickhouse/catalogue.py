"""Entering what is known of skills into the catalogue tables; what stands there is not changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from session_buddy.model import SkillFacts

__all__ = ["enter_facts"]

_UNTYPED = """
SELECT skill_name, created_at, input_format, output_format, requires_human_review, review_assigned_by
FROM skill_modalities FINAL WHERE modality_type = 'unknown' AND assigned_by = 'inference'
"""


def enter_facts(client: Any, facts: Iterable[SkillFacts], *, now: str) -> None:
    """Enter *facts* as of *now*. One process at a time: two might give a new category two numbers."""
    told = {fact.skill_name: fact for fact in reversed(list(facts))}
    categories: dict[str, int] = dict(
        client.query("SELECT category_name, category_id FROM skill_categories FINAL").result_rows
    )
    added = []
    for fact in told.values():
        if fact.category not in categories:
            categories[fact.category] = max(categories.values(), default=0) + 1
            added.append((categories[fact.category], fact.category, fact.modality, now))
    _insert(client, "skill_categories", "category_id category_name domain created_at", added)
    mapped, shaped, described = (
        {name for (name,) in client.query(f"SELECT DISTINCT skill_name FROM {table}").result_rows}
        for table in ("skill_category_mapping", "skill_modalities", "skill_description")
    )
    # What was inferred without a type, of formats and reviews, gets that of the rule.
    untyped = {name: kept for name, *kept in client.query(_UNTYPED).result_rows}
    # A skill that somebody has put into a category stays there.
    _insert(
        client,
        "skill_category_mapping",
        "skill_name category_id confidence_score assigned_at assigned_by",
        [(name, categories[fact.category], 1.0, now, "rules") for name, fact in told.items() if name not in mapped],
    )
    _insert(
        client,
        "skill_modalities",
        "skill_name modality_type assigned_by created_at input_format output_format requires_human_review"
        " review_assigned_by",
        [
            (name, fact.modality, "rules", *untyped.get(name, (now, None, None, 0, "inference")))
            for name, fact in told.items()
            if name not in shaped or name in untyped
        ],
    )
    _insert(
        client,
        "skill_description",
        "skill_name description text_hash updated_at",
        [
            (name, fact.description, hashlib.sha256(fact.description.encode()).hexdigest(), now)
            for name, fact in told.items()
            if name not in described
        ],
    )


def _insert(client: Any, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        client.insert(table, rows, column_names=columns.split())
