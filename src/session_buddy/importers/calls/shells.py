"""Naming shell calls after the commands that they ran."""

from __future__ import annotations

import msgspec

from session_buddy.importers.calls.ledger import Call, Ledger, Thread
from session_buddy.importers.calls.phases import phase_of
from session_buddy.importers.calls.verdicts import on_command
from session_buddy.importers.shell import ShellRules, ShellUse
from session_buddy.model import Kind, Outcome

__all__ = ["Shells"]


class Shells:
    """Names the shell calls of a ledger by rules. No I/O, no clock."""

    def __init__(self, ledger: Ledger, rules: ShellRules) -> None:
        self._ledger, self._rules = ledger, rules

    def name(self, call: Call, thread: Thread, *, succeeded: bool | None, output: str = "") -> ShellUse | None:
        """Name a shell call after the command it ran, and open calls for the others it certainly ran.

        Return what it is named after, or None if it ran nothing that the rules know.
        """
        if call.command is None:
            return None
        found = self._rules.interpret(call.command, succeeded=succeeded, output=output)
        call.command = None
        for number, use in enumerate(found.others, 2):
            other = msgspec.structs.replace(call, event_id=f"{call.event_id}#{number}")
            if not self._ledger.is_new(other.event_id):
                continue
            self._rename(other, use)
            other.settle(on_command(use.outcome))
            self._ledger.add(other, thread, before=call.event_id)
            self._ledger.release(other)
        if found.main is not None:
            self._rename(call, found.main)
        return found.main

    def exit_means(self, call: Call) -> dict[bool, Outcome | None]:
        """Return what the exit code of a shell call, when it comes, will mean for the command it is named after."""
        if call.command is None:
            return {}
        mains = {ok: self._rules.interpret(call.command, succeeded=ok).main for ok in (True, False)}
        return {ok: main.outcome for ok, main in mains.items() if main is not None}

    def _rename(self, call: Call, use: ShellUse) -> None:
        rule = self._rules.rule(use.skill_name)
        call.skill_name, call.kind, call.touched = use.skill_name, Kind.SHELL, use.touched
        call.phase = phase_of(use.skill_name, changed=call.work_changed, told=rule.phase if rule else None)
