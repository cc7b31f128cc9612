"""How each metric scatters: distributions behind :class:`~session_buddy.monitoring.evidence.EvidenceDetector`."""

from __future__ import annotations

from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.models.base import Model
from session_buddy.monitoring.models.completion_rate import CompletionRate
from session_buddy.monitoring.models.duration import Duration
from session_buddy.monitoring.models.volume import Volume

__all__ = ["MODELS", "Model"]

MODELS: dict[Metric, Model] = {model.metric: model for model in (CompletionRate(), Volume(), Duration())}
