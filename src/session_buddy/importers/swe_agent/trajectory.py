"""One trajectory of SWE-agent: steps in, invocations out.

A trajectory tells neither times nor ids. Its last step ended when the file was written, and where steps tell how long
they took, each began so much earlier. A step is known by all that led to it and by how long that took, which does not
change when the file grows, or is copied.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.calls.dialogue import Dialogue, End, Use
from session_buddy.importers.calls.failures import failed
from session_buddy.importers.calls.moments import earlier
from session_buddy.importers.calls.using import editor_use, shell_use, words_of
from session_buddy.importers.calls.verdicts import COMPLETED, Verdict
from session_buddy.importers.documents import decoded_or_none, document_of
from session_buddy.model import ErrorType, Outcome

__all__ = ["Trajectory", "decode_trajectory", "take_steps"]

_ABSENT = msgspec.Raw(b"")

_SHELL = "bash"
_EDITOR = "str_replace_editor"
_READS = frozenset({"open", "goto", "scroll_up", "scroll_down", "search_dir", "search_file", "find_file", "filemap"})
_WRITES = frozenset({"create", "edit", "insert"})
_OTHERS = frozenset(
    {"submit", "exit_forfeit", "exit_cost", "exit_context", "view_image", "open_site", "close_site", "screenshot_site"}
    | {"click_mouse", "double_click_mouse", "move_mouse", "drag_mouse", "type_text", "scroll_on_page", "wait_time"}
    | {"execute_script_on_page", "navigate_back", "navigate_forward", "reload_page", "get_console_output"}
    | {"set_browser_window_size", "press_keys_on_page", "decompile", "disassemble", "connect_start", "connect_sendline"}
    | {"debug_start", "debug_exec", "debug_step", "debug_continue", "debug_add_breakpoint", "debug_stop"}
)
"""Commands of SWE-agent's own, by the files of its tools; any other action is a command of the shell."""
_TIMED_OUT = re.compile(
    r"\s*(?:EXECUTION TIMED OUT|The command '.{0,2000}?' was cancelled because it took more than)", re.DOTALL
)
_REFUSED = re.compile(r"\s*(?:Your proposed edit has introduced new syntax error|ERROR:|No replacement was performed)")
_DONE = re.compile(r"\s*(?:The file \S+ has been edited|File created successfully|File updated\. Please review)")


class Step(msgspec.Struct, gc=False):
    """One action of the agent, and what came of it."""

    action: Any = None
    observation: Any = None
    response: Any = None
    execution_time: Any = None
    state: Any = None


class _Info(msgspec.Struct, gc=False):
    swe_agent_version: Any = None


class Trajectory(msgspec.Struct, gc=False):
    """One run."""

    trajectory: msgspec.Raw = _ABSENT
    info: msgspec.Raw = _ABSENT
    replay_config: Any = None
    environment: Any = None


_TRAJECTORIES = msgspec.json.Decoder(Trajectory)
_STEPS = msgspec.json.Decoder(list[msgspec.Raw])
_STEP = msgspec.json.Decoder(Step)
_INFO = msgspec.json.Decoder(_Info)


def decode_trajectory(data: bytes) -> Trajectory:
    """Return the run in *data*; raises :class:`InvalidInput` for what is none."""
    found = document_of(_TRAJECTORIES, data, "trajectory of SWE-agent")
    if not bytes(found.trajectory):
        raise InvalidInput("document", "is no trajectory of SWE-agent: it has no steps.", remedy="It is left out.")
    return found


def take_steps(run: Trajectory, dialogue: Dialogue, *, instance: str, written_at: str | None) -> list[str]:
    """Tell *dialogue* of the steps of *run*; return what had to be left out, and why.

    Raises :class:`InvalidInput` where nobody knows when the file was written.
    """
    if written_at is None:
        raise InvalidInput("document", "tells no times, and nobody knows when it was written.", remedy="Import a file.")
    raws = decoded_or_none(_STEPS, run.trajectory)
    if raws is None:
        raise InvalidInput(
            "document", "is no trajectory of SWE-agent: its steps are no list.", remedy="It is left out."
        )
    info = decoded_or_none(_INFO, run.info) if bytes(run.info) else None
    dialogue.state.version = words_of(info.swe_agent_version) if info is not None else None
    dialogue.state.model = _model_of(run.replay_config)
    steps = [decoded_or_none(_STEP, raw) for raw in raws]
    left_ms = sum(_lasted_ms(step) or 0 for step in steps if step is not None)
    led_to = hashlib.blake2b(f"{instance}\x1f{run.environment}\x1f{run.replay_config}".encode(), digest_size=16)
    dialogue.begin(led_to.hexdigest())
    problems: list[str] = []
    for number, (step, raw) in enumerate(zip(steps, raws, strict=True), 1):
        led_to.update(bytes(raw) if step is None else _told(step))
        if step is None:
            problems.append(f"Step {number} makes no sense.")
        elif (action := words_of(step.action)) is not None:
            at = earlier(written_at, left_ms)
            left_ms -= _lasted_ms(step) or 0
            dialogue.state.cwd = _working_dir(step.state) or dialogue.state.cwd
            event_id = led_to.hexdigest()
            dialogue.call(event_id, _use_of(action), at)
            if isinstance(step.observation, str):
                dialogue.result(event_id, _end_of(step, action), None)
    return problems


def _told(step: Step) -> bytes:
    return f"{step.action}\x1f{step.observation}\x1f{step.response}\x1f{step.execution_time}".encode(
        "utf-8", "surrogatepass"
    )


def _use_of(action: str) -> Use:
    words = action.split(maxsplit=3)
    name = words[0]
    if name == _EDITOR:
        return editor_use(name, words[1] if len(words) > 1 else None, words[2] if len(words) > 2 else None)
    if name in _READS or name in _OTHERS:
        return Use(name)
    if name in _WRITES:
        return Use(name)
    return shell_use(_SHELL, action)


def _end_of(step: Step, action: str) -> End:
    """Return how a step ended, where its text says so for certain: no exit code is told."""
    text, lasted = str(step.observation), _lasted_ms(step)
    if _TIMED_OUT.match(text) or "\nEXECUTION TIMED OUT" in text[-200:]:
        return End(Verdict(Outcome.FAILED, ErrorType.TIMEOUT), duration_ms=lasted)
    name = action.split(maxsplit=1)[0]
    if name not in _WRITES and name != _EDITOR:
        return End(COMPLETED if name == "submit" else Verdict(None), duration_ms=lasted)
    if _REFUSED.match(text):
        return End(failed(text), duration_ms=lasted)
    return End(COMPLETED if _DONE.match(text) else Verdict(None), duration_ms=lasted)


def _lasted_ms(step: Step) -> int | None:
    seconds = step.execution_time
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < 1e7:
        return round(seconds * 1000)
    return None


def _object(told: Any) -> dict[str, Any]:
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except (ValueError, RecursionError):
            return {}
    return told if isinstance(told, dict) else {}


def _working_dir(state: Any) -> str | None:
    return words_of(_object(state).get("working_dir"))


def _model_of(replay_config: Any) -> str | None:
    agent = _object(replay_config).get("agent")
    model = agent.get("model") if isinstance(agent, dict) else None
    return words_of(model.get("name")) if isinstance(model, dict) else None
