"""Taxonomies of others, out of CSV and YAML: categories, and skills that are in them. Pure.

A file is taken whole or not at all; every fault of it is told with its line.
"""

from __future__ import annotations

import csv
import io
from pathlib import PurePath

from session_buddy.catalog.taxonomy.collecting import (
    Collected,
    NewCategory,
    SortedSkill,
    Taxonomy,
    folded,
    refused,
    text_of,
)
from session_buddy.catalog.taxonomy.yaml_taxonomies import read_yaml
from session_buddy.errors import InvalidInput

__all__ = ["read_csv", "read_taxonomy"]

_COLUMNS = {"scheme", "category", "parent", "domain", "description", "skill", "name"}


def read_taxonomy(name: str, data: bytes, *, scheme: str | None = None) -> Taxonomy:
    """Return the taxonomy in the file *name*, which holds *data*; its ending tells what it is written in.

    Without *scheme* the file's name stands for what the file leaves out. Raises :class:`InvalidInput` with all faults.
    """
    path = PurePath(name)
    match path.suffix.casefold():
        case ".csv":
            return read_csv(data, scheme=scheme or path.stem)
        case ".yaml" | ".yml":
            return read_yaml(data, scheme=scheme or path.stem)
    raise InvalidInput(
        "file", f"{path.name!r} ends in neither .csv nor .yaml.", remedy="Give a taxonomy as one of them."
    )


def read_csv(data: bytes, *, scheme: str) -> Taxonomy:
    """Return the taxonomy in *data*: CSV with a line of names of columns.

    A row tells of a ``category``, with what there is of ``scheme``, ``parent``, ``domain`` and ``description``. Where
    it has a ``skill`` (or ``name``), it puts that into the category, and the description is the skill's. *scheme*
    stands for what rows leave out. Raises :class:`InvalidInput` with all faults by line.
    """
    reader = csv.reader(io.StringIO(text_of(data), newline=""), strict=True)
    collected = Collected()
    unread: list[str] = []
    try:
        columns = [column.strip().casefold() for column in next(reader, [])]
        unread = [column for column in columns if column not in _COLUMNS]
        if "category" not in columns or len(set(columns)) < len(columns):
            raise refused([(1, "The first line must name the columns, each once, and 'category' among them.")])
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                collected.fault(reader.line_num, f"There are {len(cells)} fields, and {len(columns)} columns.")
                continue
            row = {column: cell.strip() or None for column, cell in zip(columns, cells, strict=True)}
            _take_row(row, scheme, reader.line_num, collected)
    except csv.Error as error:
        collected.fault(reader.line_num, f"This is no CSV: {error}.")
    return collected.taxonomy(unread)


def _take_row(row: dict[str, str | None], scheme: str, line: int, collected: Collected) -> None:
    skill, category = row.get("skill") or row.get("name"), row.get("category")
    named = row.get("scheme") or scheme
    description = row.get("description")
    collected.add_category(
        NewCategory(
            scheme=named,
            name=category or "",
            parent=row.get("parent"),
            domain=folded(row.get("domain")),
            description=None if skill else description,
            line=line,
        )
    )
    if skill and category:
        collected.add_skill(
            SortedSkill(scheme=named, category=category, skill=skill, description=description, line=line)
        )
