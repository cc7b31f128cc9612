"""The words that options choose from. Apart, since parsing must load nothing heavy."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "AlertFormatChoice",
    "DetectorChoice",
    "ExportFormat",
    "KindChoice",
    "MethodChoice",
    "ModalityChoice",
    "OriginChoice",
    "PhaseChoice",
    "ProblemChoice",
    "ScopeChoice",
    "SeverityChoice",
    "StatusChoice",
    "UnitChoice",
]


class KindChoice(StrEnum):
    """The kinds of :class:`session_buddy.model.Kind`."""

    SKILL = "skill"
    COMMAND = "command"
    MCP = "mcp"
    SUBAGENT = "subagent"
    SHELL = "shell"
    TOOL = "tool"


class PhaseChoice(StrEnum):
    """The phases of :class:`session_buddy.model.Phase`."""

    SETUP = "setup"
    EXECUTION = "execution"
    VERIFICATION = "verification"
    CLEANUP = "cleanup"


class ScopeChoice(StrEnum):
    """The scopes of :class:`session_buddy.server.tokens.Scope`."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


class ExportFormat(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class DetectorChoice(StrEnum):
    """The detectors of :data:`session_buddy.monitoring.panel.DETECTORS`."""

    EVIDENCE = "evidence"
    ZSCORE = "zscore"
    NOVELTY = "novelty"


class SeverityChoice(StrEnum):
    """The severities of :class:`session_buddy.monitoring.detector.Severity`."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertFormatChoice(StrEnum):
    """The formats of :class:`session_buddy.monitoring.alerts.targets.AlertFormat`."""

    WEBHOOK = "webhook"
    SLACK = "slack"


class StatusChoice(StrEnum):
    """The states of :class:`session_buddy.experiments.design.Status`."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CONCLUDED = "concluded"
    ARCHIVED = "archived"


class MethodChoice(StrEnum):
    """The methods of :class:`session_buddy.experiments.design.Method`."""

    SEQUENTIAL = "sequential"
    FIXED = "fixed"


class UnitChoice(StrEnum):
    """The units of :class:`session_buddy.experiments.design.Unit`."""

    USER = "user"
    SESSION = "session"


class ModalityChoice(StrEnum):
    """The modalities of the schema; domains are the same four."""

    CODE = "code"
    DOCUMENTATION = "documentation"
    TESTING = "testing"
    DEPLOYMENT = "deployment"


class OriginChoice(StrEnum):
    """The origins of :class:`session_buddy.catalog.scanning.sources.Origin`."""

    USER = "user"
    MANAGED = "managed"
    PROJECT = "project"
    PLUGIN = "plugin"
    MARKETPLACE = "marketplace"
    FOLDER = "folder"
    MCP = "mcp"
    SHELL = "shell"


class ProblemChoice(StrEnum):
    """The kinds of :class:`session_buddy.catalog.scanning.findings.FindingKind`."""

    BROKEN = "broken"
    IRREGULAR = "irregular"
    SHADOWED = "shadowed"
    DUPLICATED = "duplicated"
    NEVER_USED = "never-used"
    CHANGED = "changed"
