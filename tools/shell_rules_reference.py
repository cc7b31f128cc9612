"""Write the table of built-in rules into docs/reference/shell-rules.md: ``python -m tools.shell_rules_reference``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from session_buddy.importers.shell import ShellRules, SkillRule

__all__ = ["PAGE", "with_table"]

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "shell-rules.md"

_BEGIN = "<!-- Below: written by tools/shell_rules_reference.py. -->\n"
_HEAD = "| Skill | Commands | Modality | Phase | Evidence |\n|---|---|---|---|---|\n"


def with_table(page: str) -> str:
    """Return *page* with the table of the rules that come with the program behind its mark."""
    text, mark, _ = page.partition(_BEGIN)
    if not mark:
        raise ValueError(f"{PAGE.name} has lost its mark: {_BEGIN.strip()}")
    return text + mark + _tables()


def _tables() -> str:
    rules = sorted(ShellRules.builtin().skills(), key=lambda rule: (rule.category, rule.skill))
    parts = [f"\n{len(rules)} skills.\n"]
    for category, members in groupby(rules, key=lambda rule: rule.category):
        rows = "".join(_row(rule) for rule in members)
        parts.append(f"\n### {category}\n\n{_HEAD}{rows}")
    return "".join(parts)


def _row(rule: SkillRule) -> str:
    commands = ", ".join(f"`{spelling}`" for spelling in rule.command)
    evidence = "yes" if rule.failed_when or rule.completed_when else ""
    return f"| `{rule.skill}` | {commands} | {rule.modality} | {rule.phase or ''} | {evidence} |\n"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
