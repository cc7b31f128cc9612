"""Every error this package raises on purpose.

All of them derive from one root, carry their data as attributes, and end with
a sentence that tells the user what to do next::

    SessionBuddyError
    ├── InvalidInput            a value, field or line that cannot be accepted
    │   └── InvalidInvocation   … in an invocation; names the field
    ├── NotFound                nothing, or more than one thing, has the name asked for
    ├── UnknownStore            a store URL no engine answers to
    ├── MissingExtra            an optional part is not installed; names the command
    ├── StoreError              the database said no
    │   ├── StoreBusy           another process held the write lock for too long
    │   ├── StoreUnreadable     not a database, damaged, or not ours
    │   ├── StoreAway           the server cannot be reached, or does not answer
    │   ├── StoreFull           nothing more can be taken in for now; says when to come again
    │   └── QueryRefused        a read-only query that would write, or is no SQL
    ├── ExperimentError         an experiment does not allow what was asked
    │   ├── UnknownExperiment   … there is none of this name; also a NotFound
    │   ├── UnknownStrategy     … it names a strategy that nobody registered; also a NotFound
    │   ├── ExperimentExists    … its name is taken
    │   ├── ExperimentUnreadable … its row, written by another program, makes no sense
    │   ├── WrongState          … not in the state in which it is
    │   ├── NamespaceTaken      … another one has these users of the namespace
    │   └── DuplicateOutcome    … the same outcome was told before, and otherwise
    └── MigrationError          the schema cannot be changed or trusted
        ├── ScriptMissing       a version has no up or down script
        ├── ScriptEdited        an applied script no longer has its recorded digest
        ├── SchemaDirty         a migration stopped half-way; `db repair` is needed
        ├── SchemaDrift         live objects differ from what the scripts create
        ├── SchemaTooNew        the database is newer than this program
        └── MigrationLocked     another process is migrating
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "DuplicateOutcome",
    "ExperimentError",
    "ExperimentExists",
    "ExperimentUnreadable",
    "InvalidInput",
    "InvalidInvocation",
    "MigrationError",
    "MigrationLocked",
    "MissingExtra",
    "NamespaceTaken",
    "NotFound",
    "QueryRefused",
    "SchemaDirty",
    "SchemaDrift",
    "SchemaTooNew",
    "ScriptEdited",
    "ScriptMissing",
    "SessionBuddyError",
    "StoreAway",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "StoreUnreadable",
    "UnknownExperiment",
    "UnknownStore",
    "UnknownStrategy",
    "WrongState",
]


def _restored(kind: type[SessionBuddyError], arguments: tuple[Any, ...], state: dict[str, Any]) -> SessionBuddyError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


class SessionBuddyError(Exception):
    """Root of the tree.

    ``problem`` says what is wrong, ``remedy`` what to do next; ``str()`` gives both.
    """

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error travel between processes whole; keyword-only arguments would not."""
        return _restored, (type(self), self.args, self.__dict__)


class InvalidInput(SessionBuddyError):
    """A value from outside that cannot be accepted; ``field`` names it."""

    def __init__(self, field: str, problem: str, *, remedy: str) -> None:
        super().__init__(f"{field}: {problem}", remedy=remedy)
        self.field = field


class InvalidInvocation(InvalidInput):
    """A field of an invocation is missing, malformed or out of range."""


class NotFound(SessionBuddyError):
    """Nothing, or more than one thing, has the name asked for; ``suggestions`` are names that there are."""

    def __init__(self, problem: str, *, remedy: str, suggestions: Sequence[str] = ()) -> None:
        super().__init__(problem, remedy=remedy)
        self.suggestions = list(suggestions)


class UnknownStore(SessionBuddyError):
    """No engine answers to this store URL."""


class MissingExtra(SessionBuddyError):
    """An optional part of the package is not installed."""

    def __init__(self, feature: str, *, extra: str) -> None:
        super().__init__(
            f"{feature} needs a part that is not installed.",
            remedy=f"Install it with: pip install 'session-buddy[{extra}]'",
        )
        self.extra = extra


class StoreError(SessionBuddyError):
    """The database could not do what was asked."""


class StoreBusy(StoreError):
    """Another process held the write lock for longer than the caller would wait."""


class StoreUnreadable(StoreError):
    """The file is no database, is damaged, or belongs to another program."""


class StoreAway(StoreError):
    """The server cannot be reached, or did not answer in time; what was sent may or may not be stored."""


class StoreFull(StoreError):
    """Nothing more can be taken in for now; try again after ``retry_after_seconds``."""

    def __init__(self, problem: str, *, remedy: str, retry_after_seconds: float) -> None:
        super().__init__(problem, remedy=remedy)
        self.retry_after_seconds = retry_after_seconds


class QueryRefused(StoreError):
    """A read-only query would have written, or is no valid SQL."""


class ExperimentError(SessionBuddyError):
    """An experiment does not allow what was asked."""


class UnknownExperiment(ExperimentError, NotFound):
    """No experiment has this name or id; ``suggestions`` are names that there are."""


class UnknownStrategy(ExperimentError, NotFound):
    """An experiment names a strategy that nobody registered; ``suggestions`` are those that are."""


class ExperimentExists(ExperimentError):
    """Another experiment has this name; names are never used again."""


class ExperimentUnreadable(ExperimentError):
    """The row of an experiment, written by another or a newer program, makes no sense; ``field`` names the column."""

    def __init__(self, field: str, problem: str, *, remedy: str) -> None:
        super().__init__(problem, remedy=remedy)
        self.field = field


class WrongState(ExperimentError):
    """Not in the state in which the experiment is: ``status`` names it."""

    def __init__(self, problem: str, *, remedy: str, status: str) -> None:
        super().__init__(problem, remedy=remedy)
        self.status = status


class NamespaceTaken(ExperimentError):
    """A running experiment, ``other``, has users of the namespace that this one wants."""

    def __init__(self, problem: str, *, remedy: str, other: str) -> None:
        super().__init__(problem, remedy=remedy)
        self.other = other


class DuplicateOutcome(ExperimentError):
    """An outcome with this key was told before, and differs in ``differs``; nothing of the batch is stored."""

    def __init__(self, problem: str, *, remedy: str, field: str, differs: Sequence[str]) -> None:
        super().__init__(problem, remedy=remedy)
        self.field = field
        self.differs = list(differs)


class MigrationError(SessionBuddyError):
    """The schema cannot be changed, or cannot be trusted as it is."""


class ScriptMissing(MigrationError):
    """A version lacks its up or its down script."""


class ScriptEdited(MigrationError):
    """A script that was applied no longer has the digest recorded with it."""


class SchemaDirty(MigrationError):
    """A migration stopped half-way on an engine that cannot undo it."""


class SchemaDrift(MigrationError):
    """Live schema objects differ from what the applied scripts create."""


class SchemaTooNew(MigrationError):
    """The database was migrated by a newer program than this one."""


class MigrationLocked(MigrationError):
    """Another process holds the migration lock."""
