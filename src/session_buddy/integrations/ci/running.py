"""Running a command as if nobody stood between: its streams are ours, its signals too, and so is its exit code.

What it used is what the operating system counted for it and for the children it waited for.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import msgspec

__all__ = ["CANNOT_RUN", "NOT_FOUND", "Ended", "run_command"]

NOT_FOUND, CANNOT_RUN = 127, 126
"""What shells exit with where there is no such command, and where it cannot be run."""
_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_OF_THE_TERMINAL = ("SIGINT", "SIGQUIT")
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024
"""In how many bytes the operating system counts memory."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended, and what it used."""

    exit_code: int
    """As a shell has it: 128 and the number of the signal that ended it, 127 and 126 where it did not start."""
    duration_seconds: float
    signal: int | None = None
    """The signal that ended it."""
    told_to_stop: bool = False
    """Whether that signal, or one before it, was meant for us and was handed on."""
    cpu_seconds: float | None = None
    """Its own and that of its children; ``null`` where the system does not count."""
    max_memory_bytes: int | None = None
    """The most that any one of its processes had in memory at once; ``null`` where that is no more than we have, too:
    a process that is started begins with what its parent counted, so less cannot be told."""
    problem: str | None = None
    """Why it did not start."""


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """Run *command* with our own streams to its end; signals that reach us meanwhile reach it too.

    A terminal sends Ctrl-C to it as to us: that is not sent twice. Never raises for what the command does.
    """
    ours = _own_memory()
    began = time.monotonic()
    with _forwarding() as target:
        try:
            # Python closes what is not its own; the command may be waiting to be handed it.
            process = subprocess.Popen(command, env=dict(environment), close_fds=False)
        except OSError as error:
            code = NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
            spent = time.monotonic() - began
            return Ended(exit_code=code, duration_seconds=spent, problem=error.strerror or str(error))
        target.aim(process.pid)
        return _wait(process, target, began, ours)


def _wait(process: subprocess.Popen[bytes], target: _Target, began: float, ours: int) -> Ended:
    if not hasattr(os, "wait4"):
        code = process.wait()
        return Ended(exit_code=code, duration_seconds=time.monotonic() - began, told_to_stop=target.was_told_to_stop)
    _, status, used = os.wait4(process.pid, 0)
    spent = time.monotonic() - began
    target.aim(None)
    process.returncode = os.waitstatus_to_exitcode(status)  # else it would be waited for once more
    code = process.returncode
    memory = used.ru_maxrss * _MEMORY_UNIT
    return Ended(
        exit_code=128 - code if code < 0 else code,
        duration_seconds=spent,
        signal=-code if code < 0 else None,
        told_to_stop=target.was_told_to_stop,
        cpu_seconds=used.ru_utime + used.ru_stime,
        max_memory_bytes=memory if memory > ours else None,
    )


def _own_memory() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT


class _Target:
    """Which process signals are handed on to; what comes before it is there waits for it."""

    def __init__(self) -> None:
        self.was_told_to_stop = False
        self._pid: int | None = None
        self._waiting: list[int] = []

    def aim(self, pid: int | None) -> None:
        self._pid = pid
        while pid is not None and self._waiting:
            self._send(self._waiting.pop(0))

    def take(self, number: int, _: FrameType | None) -> None:
        self.was_told_to_stop |= signal.Signals(number).name not in ("SIGUSR1", "SIGUSR2")
        if signal.Signals(number).name in _OF_THE_TERMINAL and _is_in_the_foreground():
            return
        if self._pid is None:
            self._waiting.append(number)
        else:
            self._send(number)

    def _send(self, number: int) -> None:
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)


@contextmanager
def _forwarding() -> Iterator[_Target]:
    target = _Target()
    before = {}
    try:
        for name in _FORWARDED:
            number = getattr(signal, name, None)
            # What our caller had us ignore (nohup) the command is to ignore, too.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, target.take)
        yield target
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _is_in_the_foreground() -> bool:
    """Tell whether Ctrl-C at a terminal reaches our group, and so the command in it, by itself."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
