"""Databases for tests: the engine opens one folder in a process, so they share it, each with a database of its own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from itertools import count

_numbers = count(1)


@cache
def folder() -> str:
    """The one folder of this process; it is removed when the process ends."""
    made = tempfile.mkdtemp(prefix="session-buddy-tests-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def new_database() -> str:
    """Return the URL of a store that nobody has used yet."""
    return f"chdb:///{folder()}?database=test_{next(_numbers)}"
