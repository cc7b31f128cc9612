"""Uses of skills in programs: what is put around the code that does the work.

::

    with session_buddy.track("fill-form", alternatives=("type-it",)) as use:
        fill(form)
        use.rate(5)

What was told is on this machine's disk when the block is left, whether a server runs or not: the next command, or the
server, records it. With a server elsewhere (``server=`` or ``SESSION_BUDDY_SERVER``) it is sent from a thread of its
own, and waits on disk while that is away. Measuring never breaks what is measured: a disk that is full costs a warning.
"""

from __future__ import annotations

import asyncio
import functools
import getpass
import inspect
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from numbers import Real
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from session_buddy.client.sending import Sender, sender_for
from session_buddy.errors import InvalidInput
from session_buddy.ingest.told import keep
from session_buddy.ingest.user import local_user_id
from session_buddy.ingest.waiting import Waiting
from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Phase, Trigger

__all__ = ["Tracked", "Use", "track"]

P = ParamSpec("P")
T = TypeVar("T")

_SOURCE = "python"
_SESSION = f"{_SOURCE}:{uuid.uuid4()}"
"""Uses in one run of a program are one session, unless it says otherwise."""
_around: ContextVar[_Level | None] = ContextVar("session_buddy_use", default=None)
_log = logging.getLogger(__name__)

_SORTS: tuple[tuple[type[BaseException], ErrorType], ...] = (
    (TimeoutError, ErrorType.TIMEOUT),
    (FileNotFoundError, ErrorType.NOT_FOUND),
    (ModuleNotFoundError, ErrorType.NOT_FOUND),
    (LookupError, ErrorType.NOT_FOUND),
    (ConnectionError, ErrorType.API),
    (ValueError, ErrorType.VALIDATION),
    (TypeError, ErrorType.VALIDATION),
)


class Use:
    """One use, as the code in it sees it."""

    def __init__(self, begun: Invocation, told: Callable[[Invocation], None]) -> None:
        self._invocation, self._told = begun, told
        self._is_over = False

    @property
    def event_id(self) -> str:
        """The id of this use."""
        return self._invocation.event_id

    def rate(self, rating: float) -> None:
        """Say how good it was, from 1 to 5, also when it is over; raises :class:`InvalidInput` for anything else."""
        if isinstance(rating, bool) or not isinstance(rating, Real):
            raise InvalidInput("rating", f"{rating!r} is no number.", remedy="Rate from 1 to 5.")
        self._change(rating=float(rating))

    def fail(self, error_type: ErrorType | str = ErrorType.OTHER) -> None:
        """Say that it failed, though no exception says so.

        Raises :class:`InvalidInput` for no sort of error, and when it is over: how it ended was told.
        """
        self._require_open()
        try:
            sort = ErrorType(error_type)
        except ValueError as error:
            known = ", ".join(ErrorType)
            raise InvalidInput("error_type", f"{error_type!r} is none.", remedy=f"There are {known}.") from error
        self._change(outcome=Outcome.FAILED, error_type=sort)

    def abandon(self) -> None:
        """Say that it was given up: no success, and no fault of the skill.

        Raises :class:`InvalidInput` when it is over: how it ended was told.
        """
        self._require_open()
        self._change(outcome=Outcome.ABANDONED, error_type=None)

    def consider(self, *alternatives: str) -> None:
        """Name other skills that could have done it; raises :class:`InvalidInput` for what is no text."""
        more = _texts("alternatives", alternatives)
        self._change(alternatives_considered=(*self._invocation.alternatives_considered, *more))

    def end(self, error: BaseException | None, duration_ms: int) -> None:
        """Say that it is over: completed, unless *error* ended it or something else was said."""
        known: dict[str, Any] = {}
        if error is not None:
            known = _outcome_of(error)
        elif self._invocation.outcome is None:
            known = {"outcome": Outcome.COMPLETED, "error_type": None}
        self._is_over = True
        self._change(duration_ms=duration_ms, duration_source=DurationSource.REPORTED, **known)

    def _require_open(self) -> None:
        if self._is_over:
            raise InvalidInput("use", "is over, and how it ended was told.", remedy="Say it inside of the block.")

    def _change(self, **fields: Any) -> None:
        self._invocation = _changed(self._invocation, fields)
        if self._is_over:
            self._told(self._invocation)


class _Level:
    """A use that others may be nested in."""

    def __init__(self, event_id: str, around: _Level | None) -> None:
        self.event_id, self.around = event_id, around
        self.is_over = False


def _going_on(level: _Level | None) -> _Level | None:
    """Return *level*, or the innermost around it that is not over."""
    while level is not None and level.is_over:
        level = level.around
    return level


class Tracked:
    """See :func:`track`: a context manager, plain and ``async``, and a decorator of both kinds of functions."""

    def __init__(self, fields: dict[str, Any], place: _Place) -> None:
        self._fields, self._place = fields, place
        self._use: Use | None = None
        self._began = 0.0
        self._level: _Level | None = None

    def __enter__(self) -> Use:
        if self._use is not None:
            raise InvalidInput("track", "was entered before.", remedy="Call track() for each use.")
        around = _going_on(_around.get())
        begun = Invocation(
            event_id=str(uuid.uuid4()),
            invoked_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            source=_SOURCE,
            parent_event_id=around.event_id if around else None,
            trigger=Trigger.NESTED if around else Trigger.USER,
            **self._fields,
        )
        self._use = Use(begun, self._place.tell)
        self._level = _Level(begun.event_id, around)
        _around.set(self._level)
        self._began = time.monotonic()
        return self._use

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._use is not None and self._level is not None
        self._level.is_over = True
        # A generator may be left in another context, or in another order than it was entered.
        _around.set(_going_on(_around.get()))
        self._use.end(error, round((time.monotonic() - self._began) * 1000))

    async def __aenter__(self) -> Use:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)  # a file of a few hundred bytes takes less time than a thread

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return *function* with each call of it a use; raises :class:`InvalidInput` for a generator or a class."""
        if inspect.isclass(function):
            raise InvalidInput("function", f"{function.__qualname__} is a class.", remedy="Track its methods.")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise InvalidInput(
                "function",
                f"{function.__qualname__} is a generator: its work begins after the call.",
                remedy="Use 'with track(…)' inside of it.",
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*arguments: P.args, **options: P.kwargs) -> Any:
                async with Tracked(self._fields, self._place):
                    return await function(*arguments, **options)

            return cast("Callable[P, T]", awaited)

        @functools.wraps(function)
        def called(*arguments: P.args, **options: P.kwargs) -> T:
            with Tracked(self._fields, self._place):
                return function(*arguments, **options)

        return called


class _Place:
    """Where uses are kept, and who sends them on, if anybody does."""

    def __init__(self, waiting: Waiting, sender: Sender | None) -> None:
        self._waiting, self._sender = waiting, sender

    def tell(self, invocation: Invocation) -> None:
        try:
            keep(self._waiting, invocation)
        except OSError as error:
            _log.warning("The use of %r is lost: %s", invocation.skill_name, error)
            return
        if self._sender is not None:
            self._sender.wake()


def track(
    skill: str,
    *,
    kind: Kind | str = Kind.SKILL,
    session_id: str | None = None,
    user_id: str | None = None,
    phase: Phase | str | None = None,
    alternatives: tuple[str, ...] = (),
    project: str | None = None,
    server: str | None = None,
    token: str | None = None,
) -> Tracked:
    """Return what to put around one use of *skill*: ``with``, ``async with``, or as a decorator.

    It is completed, unless an exception passes through, which goes on its way, or :meth:`Use.fail` or
    :meth:`Use.abandon` was called; being broken off (``KeyboardInterrupt``, a cancelled task) is *abandoned*. A use
    within another is nested in it. *session_id* is one a run of the program, *user_id* the hash of this account.
    *server* (default: ``SESSION_BUDDY_SERVER``) is told with *token* (``SESSION_BUDDY_TOKEN``).

    Raises :class:`InvalidInput`, naming what is wrong, for a skill, kind, phase or alternatives that are none.
    """
    server = server or os.environ.get("SESSION_BUDDY_SERVER") or None
    fields: dict[str, Any] = {
        "skill_name": skill,
        "kind": _one_of(Kind, "kind", kind),
        "session_id": session_id or _SESSION,
        "user_id": user_id or _own_user_id(),
        "workflow_phase": None if phase is None else _one_of(Phase, "phase", phase),
        "alternatives_considered": _texts("alternatives", alternatives),
        "project": project,
    }
    for field in ("skill", "session_id", "user_id", "project"):
        told = skill if field == "skill" else fields[field]
        if told is not None:
            _texts(field, (told,))
    # Checked now: what is wrong is the caller's to know, and not the log's.
    Invocation(event_id="-", invoked_at="2026-01-01T00:00:00.000Z", source=_SOURCE, **fields)
    folder = told_folder(server)
    waiting = Waiting(folder)
    sender = sender_for(folder, server, token or os.environ.get("SESSION_BUDDY_TOKEN")) if server else None
    return Tracked(fields, _Place(waiting, sender))


def told_folder(server: str | None) -> Path:
    """Return where uses wait that are for *server*, or, without one, for the store of this machine."""
    from session_buddy.storage.locations import digest_of

    if server is not None:
        return _data_folder() / "told" / f"server-{digest_of(server.rstrip('/'))}"
    store = os.environ.get("SESSION_BUDDY_STORE")
    return _data_folder() / "told" / (digest_of(store) if store else "default")


def _data_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path("session-buddy", appauthor=False)


def _own_user_id() -> str:
    try:
        return local_user_id(_data_folder(), _account())
    except OSError as error:
        _log.warning("Who used it is not told: %s", error)
        return "local"


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _one_of(values: type[T], field: str, given: object) -> T:
    try:
        return values(given)  # type: ignore[call-arg]
    except ValueError as error:
        known = ", ".join(map(str, cast("Any", values)))
        raise InvalidInput(field, f"{given!r} is none.", remedy=f"There are {known}.") from error


def _texts(field: str, given: object) -> tuple[str, ...]:
    """Return *given* as a tuple of texts; raises :class:`InvalidInput`, naming *field*, for anything else."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidInput(field, f"{given!r} is no list of texts.", remedy="Give a tuple: ('one', 'other').")
    texts = tuple(given)
    for text in texts:
        if not isinstance(text, str):
            raise InvalidInput(field, f"{text!r} is no text.", remedy="Give it as a str.")
        if not text.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in text):
            raise InvalidInput(field, f"{text!r} has half of a character.", remedy="Decode it as what it is.")
    return texts


def _outcome_of(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, Exception) or isinstance(error, asyncio.CancelledError):
        return {"outcome": Outcome.ABANDONED, "error_type": None}
    sort = next((sort for kind, sort in _SORTS if isinstance(error, kind)), ErrorType.OTHER)
    return {"outcome": Outcome.FAILED, "error_type": sort}


def _changed(invocation: Invocation, fields: dict[str, Any]) -> Invocation:
    """Return *invocation* with other *fields*, checked as ever."""
    known = {name: getattr(invocation, name) for name in invocation.__struct_fields__}
    return Invocation(**known | fields)
