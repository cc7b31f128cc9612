"""Entering what is known of skills into the catalogue tables; what stands there is not changed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable

from session_buddy.model import SkillFacts

__all__ = ["enter_facts"]

_NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
_CATEGORY = f"""
INSERT INTO skill_categories (category_name, domain, created_at)
VALUES (:category, :modality, {_NOW}) ON CONFLICT (category_name) DO NOTHING
"""
# A skill that somebody has put into a category stays there.
_MAPPING = f"""
INSERT INTO skill_category_mapping (skill_name, category_id, confidence_score, assigned_at, assigned_by)
SELECT :skill_name, category_id, 1.0, {_NOW}, 'rules' FROM skill_categories
WHERE category_name = :category
    AND NOT EXISTS (SELECT 1 FROM skill_category_mapping m WHERE m.skill_name = :skill_name)
"""
# What was inferred without a type, of formats and reviews, gets that of the rule.
_MODALITY = f"""
INSERT INTO skill_modalities (skill_name, modality_type, created_at, assigned_by)
VALUES (:skill_name, :modality, {_NOW}, 'rules') ON CONFLICT (skill_name) DO UPDATE
SET modality_type = excluded.modality_type, assigned_by = 'rules'
WHERE modality_type = 'unknown' AND assigned_by = 'inference'
"""
_DESCRIPTION = f"""
INSERT INTO skill_description (skill_name, description, text_hash, updated_at)
VALUES (:skill_name, :description, :text_hash, {_NOW}) ON CONFLICT (skill_name) DO NOTHING
"""


def enter_facts(connection: sqlite3.Connection, facts: Iterable[SkillFacts]) -> None:
    """Enter *facts* inside the caller's transaction."""
    rows = [
        {
            "skill_name": fact.skill_name,
            "category": fact.category,
            "modality": fact.modality,
            "description": fact.description,
            "text_hash": hashlib.sha256(fact.description.encode()).hexdigest(),
        }
        for fact in facts
    ]
    for statement in (_CATEGORY, _MAPPING, _MODALITY, _DESCRIPTION):
        connection.executemany(statement, rows)
