"""What a step of GitHub Actions shows: a summary in Markdown, and annotations. Pure.

Names come from anywhere, so nothing of them is read as Markdown, as HTML or as a command to the runner. The escapes of
commands are those that the runner undoes: see "Workflow commands for GitHub Actions" in its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from session_buddy.formats import percent
from session_buddy.reports.gate import Gate
from session_buddy.reports.gate_wording import nothing_judged, verdict_word, worst_first

__all__ = ["annotation_lines", "command", "summary"]

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>])")
_MOST_ROWS = 50


def annotation_lines(gate: Gate) -> Iterator[str]:
    """Yield one line for each reason why the gate is shut, and a warning where nothing was judged."""
    for reason in gate.reasons:
        yield command("error", reason.text, title=f"Session-Buddy: {reason.rule}")
    if missed := nothing_judged(gate):
        yield command("warning", missed, title="Session-Buddy")


def command(name: str, text: str, **properties: str) -> str:
    """Return the line that tells the runner *text* under *name* (``error``, ``warning``, ``notice``).

    >>> command("error", "50% done", title="a: b, c")
    '::error title=a%3A b%2C c::50%25 done'
    """
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name}{' ' if told else ''}{told}::{_data(text)}"


def summary(gate: Gate) -> str:
    """Return *gate* in Markdown, for ``$GITHUB_STEP_SUMMARY``."""
    missed = nothing_judged(gate)
    mark = "❌" if not gate.passed else "⚠️" if missed else "✅"
    lines = [f"## {mark} Session-Buddy gate: {verdict_word(gate)}", ""]
    said = [*(reason.text for reason in gate.reasons), *([missed] if missed else [])]
    lines += [f"- {_plain(text)}" for text in said]
    lines += [""] if said else []
    lines += ["| skill | uses | completed | failed | success | |", "|---|--:|--:|--:|--:|---|"]
    for one in worst_first(gate)[:_MOST_ROWS]:
        mark = ("✅" if one.passed else "❌") if one.judged else "too few to judge"
        lines.append(
            f"| {_plain(one.skill)} | {one.invocations} | {one.completed} | {one.failed}"
            f" | {percent(one.success_rate)} | {mark} |"
        )
    if len(gate.skills) > _MOST_ROWS:
        lines.append(f"\n… and {len(gate.skills) - _MOST_ROWS} more.")
    lines += ["", f"Since {gate.since}."]
    return "\n".join(lines) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """Return *text* on one line, to be read as it stands."""
    one_line = " ".join(text.split())
    escaped = one_line.replace("&", "&amp;").replace("<", "&lt;")
    return _MARKDOWN.sub(r"\\\1", escaped)
