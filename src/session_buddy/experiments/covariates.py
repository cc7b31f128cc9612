"""What users did in the weeks before an experiment, kept as it was known at the start: events may be deleted later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec

from session_buddy.experiments.design import Experiment, Unit
from session_buddy.experiments.enrolling import chunks
from session_buddy.experiments.rows import COVARIATES
from session_buddy.model import parse_time
from session_buddy.storage.store import Store

__all__ = ["freeze_covariates"]

_ROWS_AT_ONCE = 10_000
# Of the ends that say something of the skill, as rates have it.
_BEFORE = """
SELECT user_id, count(*), sum(CASE WHEN outcome = 'completed' THEN 1 ELSE 0 END),
       coalesce(sum(duration_ms), 0) / 1000.0, count(duration_ms)
FROM skill_invocation
WHERE invoked_at >= ? AND invoked_at < ? AND outcome IN ('completed', 'failed')
GROUP BY user_id
"""


def freeze_covariates(store: Store, experiment: Experiment, *, start: str) -> int:
    """Keep what every user did in the ``covariate_days`` before *start*; return of how many users.

    In one pass over the event log and in bounded memory: users wait in a file, since a store does not write while it
    streams. Sessions have no past, so there is nothing to keep where they stand for users. Repeatable.
    """
    days = experiment.design.covariate_days
    if days == 0 or experiment.design.unit is Unit.SESSION:
        return 0
    since = parse_time((datetime.fromisoformat(start) - timedelta(days=days)).isoformat())
    with TemporaryFile() as waiting:
        with closing(store.stream(_BEFORE, [since, start])) as users:
            next(users)  # the names of the columns
            for user in users:
                waiting.write(msgspec.json.encode(user) + b"\n")
        waiting.seek(0)
        number = 0
        for some in chunks(_rows(waiting, experiment.test_id), _ROWS_AT_ONCE):
            store.put_rows(COVARIATES, some)
            number += len(some)
    return number


def _rows(waiting: IO[bytes], test_id: int) -> Iterator[tuple[Any, ...]]:
    for line in waiting:
        user, outcomes, completed, duration, durations = msgspec.json.decode(line)
        yield (test_id, user, int(outcomes), int(completed), float(duration), int(durations))
