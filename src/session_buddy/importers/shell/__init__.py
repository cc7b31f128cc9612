"""Which developer tools a shell call used, and how each of them ended.

>>> from session_buddy.importers.shell import ShellRules
>>> ShellRules.builtin().interpret("ruff check . && git commit -m 'fix'", succeeded=True).others
(ShellUse(skill_name='ruff-check', outcome=<Outcome.COMPLETED: 'completed'>),)
"""

from session_buddy.importers.shell.interpreting import Interpretation, ShellRules, ShellUse
from session_buddy.importers.shell.rules import SkillRule, digest
from session_buddy.importers.shell.skeleton import skeleton

__all__ = ["Interpretation", "ShellRules", "ShellUse", "SkillRule", "digest", "skeleton"]
