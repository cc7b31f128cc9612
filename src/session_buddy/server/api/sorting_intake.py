"""What the API takes of categories and modalities."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from session_buddy.server.api.taking import SOMETHING_VISIBLE

__all__ = ["CategoryOfSkill", "SkillNamed", "TaxonomyFile", "WhatSkillIsFor"]

Name = Annotated[str, Meta(min_length=1, max_length=500, pattern=SOMETHING_VISIBLE)]
Format = Annotated[str, Meta(max_length=200)]


class SkillNamed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skill."""

    skill: Name
    """Case and prefixes may be left out."""


class CategoryOfSkill(SkillNamed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skill, and a category."""

    category: Name
    """Its name, or `scheme/name`."""
    scheme: Name | None = None
    """In this taxonomy; left out: in any."""


class WhatSkillIsFor(SkillNamed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says of a skill; what is left out stays as it is."""

    modality: Literal["code", "documentation", "testing", "deployment"] | None = None
    input_format: Format | None = None
    """Empty for nothing."""
    output_format: Format | None = None
    """Empty for nothing."""
    requires_human_review: bool | None = None


class TaxonomyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A taxonomy, as a file has it."""

    name: Name
    """Of the file: it ends in `.csv`, `.yaml` or `.yml`."""
    text: str
    scheme: Name | None = None
    """What the taxonomy is called where the file does not say; left out: the name of the file."""
