"""OpenTelemetry: what agents export of their calls, as logs and as spans."""

from session_buddy.importers.otlp.logs import read_logs
from session_buddy.importers.otlp.messages import Signal, decode
from session_buddy.importers.otlp.records import Read
from session_buddy.importers.otlp.spans import Executions, read_spans

__all__ = ["Executions", "Read", "Signal", "decode", "read_logs", "read_spans"]
