"""What of experiments takes long to read, remembered for pages and API alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable

import msgspec

from session_buddy.experiments.design import Experiment
from session_buddy.reports.experiments import ExperimentDetails, read_experiment_details
from session_buddy.server.kept import Kept
from session_buddy.server.threads import Lane
from session_buddy.storage import Store

__all__ = ["details_within", "remembered_details"]

_log = logging.getLogger(__name__)


def remembered_details(kept: Kept, store: Store, experiment: Experiment) -> ExperimentDetails:
    """Return what of *experiment* is made of all its outcomes, or was a moment ago where that takes long."""
    return kept.read(_key(store, experiment), lambda: read_experiment_details(store, experiment))


async def details_within(
    seconds: float, reads: Lane, kept: Kept, store: Store, experiment: Experiment
) -> ExperimentDetails | None:
    """Return the same, or ``None`` where it is not read within *seconds*; then it will be, for who asks later."""
    if kept.is_being_read(_key(store, experiment)):
        return None  # Each page that waits would hold a thread.
    reading = asyncio.ensure_future(reads.run(remembered_details, kept, store, experiment))
    done, _ = await asyncio.wait({reading}, timeout=seconds)
    if not done:
        reading.add_done_callback(_noted)
        return None
    return reading.result()


def _noted(reading: asyncio.Future[ExperimentDetails]) -> None:
    if not reading.cancelled() and (error := reading.exception()):
        _log.warning("The days and skills of an experiment could not be read: %s", error)


def _key(store: Store, experiment: Experiment) -> Hashable:
    return store.url, msgspec.json.encode(experiment)
