"""What the end of an output shows of the commands that wrote it."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from session_buddy.importers.shell.rules import SkillRule

__all__ = ["LOOKED_AT", "Evidence"]

LOOKED_AT = 4096
"""Characters at the end of an output: summaries stand there, and looking stays cheap."""

_SYNTAX_ERROR = re.compile(r"syntax error near unexpected|unexpected EOF while looking for|parse error near")


class Evidence:
    """Reads the last :data:`LOOKED_AT` characters of an output, and only when asked."""

    def __init__(self, output: str) -> None:
        self._end = output[-LOOKED_AT:]
        self._hits: dict[str, tuple[bool, tuple[int, int]] | None] = {}

    def of(self, rule: SkillRule) -> bool | None:
        """Tell whether the output shows that the command of *rule* succeeded; None: neither or both."""
        hit = self._hit(rule)
        return hit[0] if hit else None

    def shares(self, rule: SkillRule, other: SkillRule) -> bool:
        """Tell whether the same place of the output speaks for both, so that it may be of either."""
        hit, other_hit = self._hit(rule), self._hit(other)
        if not hit or not other_hit or rule is other:
            return False
        (start, end), (other_start, other_end) = hit[1], other_hit[1]
        return start < other_end and other_start < end

    def _hit(self, rule: SkillRule) -> tuple[bool, tuple[int, int]] | None:
        if not self._end or not (rule.failed_when or rule.completed_when):
            return None
        if rule.skill not in self._hits:
            failed, completed = self._first(rule.failed_when), self._first(rule.completed_when)
            both = failed and completed
            self._hits[rule.skill] = None if both else (failed and (False, failed)) or (completed and (True, completed))
        return self._hits[rule.skill]

    def _first(self, patterns: tuple[str, ...]) -> tuple[int, int] | None:
        hits = (_compiled(pattern).search(self._end) for pattern in patterns)
        return next((hit.span() for hit in hits if hit), None)

    def complains(self, name: str) -> bool:
        """Tell whether a shell says that its *name* failed: ``bash: line 1: cd: web: No such file``."""
        mention = f"{name}: "
        return mention in self._end and any(
            line.startswith(mention) or f": {mention}" in line for line in self._end.split("\n")
        )

    @cached_property
    def shows_syntax_error(self) -> bool:
        """Whether a shell could not read the command to its end, and so may have run only its beginning."""
        return _SYNTAX_ERROR.search(self._end) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)
