"""What of experiments takes long to read, remembered for pages and API alike."""

from __future__ import annotations

import msgspec

from session_buddy.experiments.design import Experiment
from session_buddy.reports.experiments import ExperimentDetails, read_experiment_details
from session_buddy.server.kept import Kept
from session_buddy.storage import Store

__all__ = ["remembered_details"]


def remembered_details(kept: Kept, store: Store, experiment: Experiment) -> ExperimentDetails:
    """Return what of *experiment* is made of all its outcomes, or was a moment ago where that takes long."""
    key = store.url, msgspec.json.encode(experiment)
    return kept.read(key, lambda: read_experiment_details(store, experiment))
