"""Settings on disk: changed as a whole, and given back byte for byte."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.integrations.claude_code.entries import SCRIPT_NAME, Telling, merged, targets, without

__all__ = ["Installation", "Installed", "settings_file"]

_INDENT = re.compile(r"\{\r?\n([ \t]+)")
_BOM = "\ufeff"
_HALF_OF_A_CHARACTER = re.compile("[\ud800-\udfff]")


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to settings, or would be."""

    settings: str
    """The file."""
    changed: bool
    backup: str | None
    """Where the file is kept as it was; None where there was none, or nothing was changed."""
    text: str | None
    """What the file holds now; None: it is not there."""


class Installation:
    """Our part of one file of settings. *keep* is the folder in which it is kept as it was before.

    A file is replaced in one step, and only if it is still what was read.
    """

    def __init__(self, settings: Path, keep: Path) -> None:
        # Settings are often a link into a folder of dotfiles: what it leads to is changed, and the link stays.
        try:
            self._file = settings.resolve()
        except RuntimeError as error:
            raise InvalidInput(str(settings), "is a link that leads to itself.", remedy="Mend the link.") from error
        identity = hashlib.blake2b(str(self._file).encode(), digest_size=8).hexdigest()
        self._before, self._after = keep / f"{identity}.before.json", keep / f"{identity}.after.json"
        self._put = keep / f"{identity}.put.json"
        self._script = keep / SCRIPT_NAME

    @property
    def script(self) -> Path:
        """Where the script is put that keeps events."""
        return self._script

    def install(self, telling: Telling, *, status_line: bool = False, dry_run: bool = False) -> Installed:
        """Put our hooks into the settings; again, it changes what is there of ours, or nothing.

        Raises :class:`InvalidInput` for settings that cannot be understood, which are left as they are.
        """
        present = self._read()
        # What stands there only because of an earlier time is not what the user had.
        original = self._original() if self._is_as_left(present) else present
        settings = self._parsed(original)
        ours = self._ours()
        if (others := without(settings, ours)) != settings:
            original = self._text(others, original).encode()
        text = self._text(merged(settings, telling, status_line=status_line, ours=ours), original)
        written = text.encode()
        if written == present and (self._script.exists() or dry_run):
            return Installed(settings=str(self._file), changed=False, backup=None, text=text)
        if not dry_run:
            self._keep(original, written, targets(telling, status_line=status_line))
            self._put_script()
            self._write(written, present)
        backup = str(self._before) if original is not None else None
        return Installed(settings=str(self._file), changed=True, backup=backup, text=text)

    def uninstall(self, *, dry_run: bool = False) -> Installed:
        """Take our part out: settings that nobody has changed since are what they were, byte for byte.

        Raises :class:`InvalidInput` for settings that cannot be understood, which are left as they are.
        """
        present = self._read()
        if self._is_as_left(present):
            restored = self._original()
        elif present is None:
            restored = None
        else:
            settings = self._parsed(present)
            kept = without(settings, self._ours())
            restored = present if kept == settings else self._text(kept, present).encode()
        changed = restored != present
        if not dry_run:
            if changed:
                self._write(restored, present)
            self._forget()
        text = restored.decode(errors="replace") if restored is not None else None
        return Installed(settings=str(self._file), changed=changed, backup=None, text=text)

    # -- files ------------------------------------------------------------------------

    def _read(self) -> bytes | None:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return None

    def _is_as_left(self, present: bytes | None) -> bool:
        return present is not None and self._after.exists() and self._after.read_bytes() == present

    def _original(self) -> bytes | None:
        return self._before.read_bytes() if self._before.exists() else None

    def _ours(self) -> frozenset[str]:
        """Return the targets of what was put into these settings."""
        return (
            frozenset(msgspec.json.decode(self._put.read_bytes(), type=list[str]))
            if self._put.exists()
            else frozenset()
        )

    def _keep(self, original: bytes | None, written: bytes, put: frozenset[str]) -> None:
        self._after.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if original is None:
            self._before.unlink(missing_ok=True)
        else:
            _replace(self._before, original, 0o600)
        # What was put there earlier may still stand there, where somebody else took back what was written since.
        _replace(self._put, msgspec.json.encode(sorted(put | self._ours())), 0o600)
        _replace(self._after, written, 0o600)

    def _put_script(self) -> None:
        _replace(self._script, (_plugin() / "scripts" / SCRIPT_NAME).read_bytes(), 0o700)

    def _forget(self) -> None:
        """Delete what was kept of these settings, and with the last of them the script."""
        self._after.unlink(missing_ok=True)
        self._before.unlink(missing_ok=True)
        self._put.unlink(missing_ok=True)
        if not list(self._after.parent.glob("*.after.json")):
            self._script.unlink(missing_ok=True)

    def _write(self, wanted: bytes | None, present: bytes | None) -> None:
        if self._read() != present:
            raise InvalidInput(
                str(self._file), "was changed by somebody else at this moment.", remedy="Run the command again."
            )
        if wanted is None:
            self._file.unlink()
            return
        mode = self._file.stat().st_mode & 0o777 if present is not None else 0o600
        self._file.parent.mkdir(parents=True, exist_ok=True)
        _replace(self._file, wanted, mode)

    # -- text -------------------------------------------------------------------------

    def _parsed(self, data: bytes | None) -> dict[str, Any]:
        if data is None or not data.strip():
            return {}
        try:
            settings = json.loads(
                data.decode("utf-8-sig"),
                object_pairs_hook=_without_repeats,
                parse_float=_finite,
                parse_constant=_finite,
            )
        except UnicodeDecodeError as error:
            raise self._unreadable("is not UTF-8.") from error
        except json.JSONDecodeError as error:
            raise self._unreadable(f"is no JSON: line {error.lineno}: {error.msg}.") from error
        except RecursionError as error:
            raise self._unreadable("is too deeply nested.") from error
        except _NoNumber as error:
            raise self._unreadable(f"has {error.args[0]}, which is no number of JSON.") from error
        except _Repeated as error:
            raise self._unreadable(f"has {error.args[0]!r} twice in one object.") from error
        except ValueError as error:  # of a whole number
            raise self._unreadable(f"has a number with more than {sys.get_int_max_str_digits():,} digits.") from error
        if not isinstance(settings, dict):
            raise self._unreadable("is no JSON object.")
        if _HALF_OF_A_CHARACTER.search(json.dumps(settings, ensure_ascii=False)):
            raise self._unreadable("has half of a character (\\ud800 to \\udfff), which no file can hold.")
        return settings

    def _unreadable(self, problem: str) -> InvalidInput:
        return InvalidInput(str(self._file), problem, remedy="Mend it by hand, and run the command again.")

    @staticmethod
    def _text(settings: dict[str, Any], like: bytes | None) -> str:
        """Return *settings* as text, set out as the text *like* is."""
        model = (like or b"").decode()
        found = _INDENT.search(model)
        text = json.dumps(settings, indent=found[1] if found else 2, ensure_ascii=False, allow_nan=False)
        if not model or model.endswith("\n"):
            text += "\n"
        text = text.replace("\n", "\r\n") if "\r\n" in model else text
        return (_BOM if model.startswith(_BOM) else "") + text


def _plugin() -> Traversable:
    """Return the folder of the plugin: in the package, or, where that is only linked to, beside its source."""
    packaged = resources.files("session_buddy.integrations.claude_code") / "plugin"
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "plugin"


class _Repeated(ValueError):
    """A name stands twice in one object: rewriting it would lose one of them."""


class _NoNumber(ValueError):
    """A number that could not be written again."""


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise _NoNumber(text)
    return number


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Repeated(name)
        found[name] = value
    return found


def _replace(path: Path, data: bytes, mode: int) -> None:
    draft = path.with_name(f".{path.name}.session-buddy")
    draft.touch(mode=0o600)
    draft.write_bytes(data)
    draft.chmod(mode)
    draft.replace(path)


def settings_file(scope: str, environment: dict[str, str], home: Path, project: Path) -> Path:
    """Return the file of settings of *scope*: ``user``, ``project`` (shared with others) or ``local`` (not shared)."""
    if scope == "user":
        named = environment.get("CLAUDE_CONFIG_DIR", "").strip()
        return (Path(named).expanduser() if named else home / ".claude") / "settings.json"
    return project / ".claude" / ("settings.json" if scope == "project" else "settings.local.json")
