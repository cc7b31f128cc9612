"""What stands in the settings: which events are told, to whom, and how ours are known from others. Pure values.

Ours is what was put there, by its target: the command that is run, or the address that is posted to. Whatever else
looks like it is somebody else's.
"""

from __future__ import annotations

import shlex
from collections.abc import Container
from enum import StrEnum
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["EVENTS", "HOOKS_PATH", "SCRIPT_NAME", "Route", "Telling", "merged", "plugin_hooks", "targets", "without"]

SCRIPT_NAME = "spool-hook.sh"
HOOKS_PATH = "/api/v1/hooks"
EVENTS = (
    "SessionStart",
    "UserPromptSubmit",
    "UserPromptExpansion",
    "PreToolUse",
    "PermissionRequest",
    "PermissionDenied",
    "PostToolUse",
    "PostToolUseFailure",
    "SubagentStop",
    "Stop",
    "StopFailure",
    "SessionEnd",
)
"""The events that say when a call begins, how it ends, and to what it belongs."""
_ONLY_SCRIPTS = frozenset({"SessionStart"})
"""Events that the agent does not post."""
_SECONDS = 5
"""Longer an agent does not wait for its statistics."""
_STATUS_LINE = "session-buddy statusline"


class Route(StrEnum):
    """The way on which events come."""

    SCRIPT = "script"
    """A script keeps each event in a file, which the next command or a running server reads. Needs no server."""
    SERVER = "server"
    """The agent posts each event to a running server; starts no process. While the server is away, none is heard."""
    BOTH = "both"
    """The server hears at once, and what it did not hear is in a file."""


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """Where an agent tells its events."""

    route: Route
    script: str
    """The path of the script."""
    folder: str
    """Where the script keeps events."""
    server: str
    """The address of the server: ``http://127.0.0.1:8765``."""
    token_variable: str | None = None
    """The environment variable with the token for the server; the token itself stands in no settings."""


def targets(telling: Telling, *, status_line: bool) -> frozenset[str]:
    """Return the targets of all that is put into settings."""
    handlers = [handler for event in EVENTS for handler in _handlers(event, telling)]
    put = {target for handler in handlers if (target := _target(handler)) is not None}
    return frozenset(put | {_STATUS_LINE} if status_line else put)


def merged(
    settings: dict[str, Any], telling: Telling, *, status_line: bool, ours: Container[str] = frozenset()
) -> dict[str, Any]:
    """Return *settings* with our hooks after those that are there, and with our status line if it is wanted.

    *ours* are the targets of what was put there before, which makes room. Raises :class:`InvalidInput` where *settings*
    has something else where hooks belong, or another status line.
    """
    changed = without(without(settings, ours), targets(telling, status_line=status_line))
    hooks = {name: list(groups) for name, groups in _hooks_of(changed).items()}
    for event in EVENTS:
        handlers = _handlers(event, telling)
        if handlers:
            hooks.setdefault(event, []).append({"hooks": handlers})
    changed["hooks"] = hooks
    if status_line:
        if "statusLine" in changed:
            raise InvalidInput(
                "statusLine",
                "is set to something else already.",
                remedy=f"Have your own show what '{_STATUS_LINE}' prints, or take it out of the settings first.",
            )
        changed["statusLine"] = {"type": "command", "command": _STATUS_LINE}
    return changed


def without(settings: dict[str, Any], ours: Container[str]) -> dict[str, Any]:
    """Return *settings* without what has one of the targets *ours*; whatever else stands there stays, in its order.

    An empty list of hooks where ours were says nothing, and goes.
    """
    kept = dict(settings)
    hooks = {name: _others(groups, ours) for name, groups in _hooks_of(settings).items()}
    emptied = {name for name, groups in hooks.items() if not groups and settings["hooks"][name]}
    hooks = {name: groups for name, groups in hooks.items() if name not in emptied}
    if hooks or ("hooks" in settings and not emptied):
        kept["hooks"] = hooks
    elif emptied:
        del kept["hooks"]
    if kept.get("statusLine") == {"type": "command", "command": _STATUS_LINE} and _STATUS_LINE in ours:
        del kept["statusLine"]
    return kept


def plugin_hooks(*, live: bool) -> dict[str, Any]:
    """Return the hooks of the plugin: by the script in it, or, *live*, to a server at its usual address."""
    route = Route.SERVER if live else Route.SCRIPT
    script = '"${CLAUDE_PLUGIN_ROOT}"/scripts/' + SCRIPT_NAME
    telling = Telling(route=route, script=script, folder="", server="http://127.0.0.1:8765")
    return {
        "hooks": {
            event: [{"hooks": handlers}] for event in EVENTS if (handlers := _handlers(event, telling, in_plugin=True))
        }
    }


def _handlers(event: str, telling: Telling, *, in_plugin: bool = False) -> list[dict[str, Any]]:
    handlers: list[dict[str, Any]] = []
    if telling.route is not Route.SERVER:
        command = telling.script if in_plugin else shlex.join(["sh", telling.script, telling.folder])
        handlers.append({"type": "command", "command": command, "timeout": _SECONDS})
    if telling.route is not Route.SCRIPT and event not in _ONLY_SCRIPTS:
        post: dict[str, Any] = {"type": "http", "url": telling.server.rstrip("/") + HOOKS_PATH, "timeout": _SECONDS}
        if telling.token_variable:
            post["headers"] = {"Authorization": f"Bearer ${telling.token_variable}"}
            post["allowedEnvVars"] = [telling.token_variable]
        handlers.append(post)
    return handlers


def _hooks_of(settings: dict[str, Any]) -> dict[str, Any]:
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict) or not all(isinstance(groups, list) for groups in hooks.values()):
        raise InvalidInput(
            "hooks", "is no object of lists, as hooks are.", remedy="Mend the settings by hand, and try again."
        )
    return hooks


def _others(groups: list[Any], ours: Container[str]) -> list[Any]:
    """Return *groups* of handlers without ours; a group that held nothing else goes with them."""
    kept = []
    for group in groups:
        handlers = group.get("hooks") if isinstance(group, dict) else None
        if not isinstance(handlers, list):
            kept.append(group)
            continue
        others = [handler for handler in handlers if _target(handler) not in ours]
        if len(others) == len(handlers):
            kept.append(group)
        elif others:
            kept.append(group | {"hooks": others})
    return kept


def _target(handler: Any) -> str | None:
    """Return what *handler* runs, or where it posts to; None where it does something else."""
    field = {"command": "command", "http": "url"}.get(str(handler.get("type"))) if isinstance(handler, dict) else None
    target = handler.get(field) if field else None
    return target if isinstance(target, str) else None
