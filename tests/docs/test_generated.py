"""Pages written by programs are as those programs write them now."""

from __future__ import annotations

import pytest
from tools import mcp_reference, schema_reference, shell_rules_reference
from tools.schema_reference import Column, columns_of

from tests.docs.pages import text_of


def test_the_schema_reference_is_up_to_date() -> None:
    assert text_of(schema_reference.PAGE) == schema_reference.schema_page(), "python -m tools.schema_reference"


def test_the_table_of_shell_rules_is_up_to_date() -> None:
    page = text_of(shell_rules_reference.PAGE)
    assert page == shell_rules_reference.with_table(page), "python -m tools.shell_rules_reference"


def test_the_reference_of_mcp_is_up_to_date() -> None:
    assert text_of(mcp_reference.PAGE) == mcp_reference.mcp_page(), "python -m tools.mcp_reference"


def test_a_page_that_lost_its_mark_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="has lost its mark"):
        shell_rules_reference.with_table("# From shell commands to skills\n")


def test_columns_come_with_their_rules_and_the_comments_above_and_beside_them() -> None:
    declaration = """CREATE TABLE t (
        a TEXT CHECK (a IN ('x, y', '--')), -- beside a
        -- above b
        b INTEGER
            NOT NULL,
        c REAL, -- beside c
        PRIMARY KEY (a, b) -- at the end
    ) STRICT;"""
    assert columns_of(declaration) == [
        Column("a", "TEXT CHECK (a IN ('x, y', '--'))", "beside a"),
        Column("b", "INTEGER NOT NULL", "above b"),
        Column("c", "REAL", "beside c"),
        Column("", "PRIMARY KEY (a, b)", "at the end"),
    ]
