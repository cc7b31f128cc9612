"""A skill is a span, not its launch: where it starts, what belongs to it, how it ends.

It starts with its launch, by the model or typed, and lasts to the last line attributed to
it. Versions before 2.1.123 attribute nothing: there it lasts to the agent's last line
before the next user prompt or the next skill, which is also where attribution stops in
the versions that have it.
"""

from __future__ import annotations

import msgspec

from session_buddy.importers.calls.names import bare_name
from session_buddy.importers.calls.verdicts import COMPLETED, Verdict
from session_buddy.model import ErrorType, Outcome

__all__ = ["Span"]

_API_ENDED_IT = Verdict(Outcome.FAILED, ErrorType.API)


class Span(msgspec.Struct):
    """The skill an agent is in."""

    event_id: str
    spelt: str
    typed: bool
    last_at: str
    """When the last line that belongs to it was written."""
    attributed: bool = False
    """This version attributes lines, so a line without attribution is outside."""
    api_error: bool = False
    """The last line is an API error: if nothing follows, that is what ended the skill."""
    at_rest: bool = False
    """The agent has ended its turn; only the next prompt tells for certain that nothing follows."""

    def hear(self, at: str, attribution: str | None, *, api_error: bool, at_rest: bool) -> bool:
        """Take note of the agent's line written *at*; return whether the span goes on.

        An API error is written by the agent's program and never attributed.
        """
        if api_error:
            self.api_error = True
            return True
        mine = attribution is not None and bare_name(attribution) == bare_name(self.spelt)
        if self.attributed and not mine:
            return False
        if mine or attribution is None:
            self.attributed = mine
            self.last_at = max(self.last_at, at)
            self.api_error = False
            self.at_rest = at_rest
        return True

    def touch(self, at: str) -> None:
        """Take note of a result that came back *at*: it belongs to the span unless lines are attributed."""
        if not self.attributed:
            self.last_at = max(self.last_at, at)

    def verdict(self) -> Verdict:
        """Return how the span ended if this is its end."""
        return _API_ENDED_IT if self.api_error else COMPLETED

    def over(self) -> bool:
        """Tell whether, as far as can be seen, nothing more will follow."""
        return self.at_rest or self.api_error
