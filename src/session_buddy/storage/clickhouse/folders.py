"""Whether a folder is open in another process: the engine finds out too, but says so on stderr each time."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["is_open_elsewhere"]

_PID = re.compile(r"^PID: (\d+)$", re.MULTILINE)


def is_open_elsewhere(folder: Path) -> bool:
    """Tell whether another process has the engine's *folder* open, by the file that the engine locks there.

    The engine writes its process into it; without that the answer is no, and opening tells.
    """
    import fcntl  # where there is an engine, there is this

    try:
        with (folder / "status").open() as status:
            try:
                fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _PID.search(status.read())
                return holder is not None and int(holder[1]) != os.getpid()
    except FileNotFoundError:
        pass
    return False
