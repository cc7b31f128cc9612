"""Who asks what to use next, and what they use already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from session_buddy.learning.reading import Unit, read_profile_of_session, read_profile_of_user
from session_buddy.model import Phase
from session_buddy.reports.sessions import find_session
from session_buddy.storage import Store

__all__ = ["Asker", "Question", "asker_of", "listed"]

_LATEST = "SELECT session_id, user_id FROM session_summary ORDER BY last_invoked_at DESC, session_id LIMIT 1"
_USER_OF_SESSION = "SELECT user_id FROM session_summary WHERE session_id = ?"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for what; without user, session and skills the latest session asks."""

    user_id: str | None = None
    session: str | None = None
    """A session, or the beginning of its id."""
    skills: tuple[str, ...] = ()
    """Skills used already, besides."""
    phase: Phase | None = None
    words: str = ""
    """Of the work at hand: what is to be done."""
    languages: tuple[str, ...] = ()
    """Of the work at hand, see :func:`~session_buddy.reports.work.languages_at_hand`."""
    limit: int = 10


class Asker(NamedTuple):
    """Whoever asks."""

    words: str
    skills: frozenset[str]
    """What the answer follows from."""
    who: str | None = None
    """The user or session that is compared with others."""
    known: frozenset[str] = frozenset()
    """Skills that are used already, besides."""


def asker_of(store: Store, question: Question, unit: Unit) -> Asker:
    """Return who asks *question*, where *unit* is what is compared.

    Raises :class:`~session_buddy.errors.NotFound` for a session that is not there.
    """
    named = frozenset(question.skills)
    if question.session:
        session = find_session(store, question.session)
        ((user,),) = store.query(_USER_OF_SESSION, [session]).rows
        skills, known = named | read_profile_of_session(store, session), read_profile_of_user(store, user)
        if unit is Unit.SESSION:
            return Asker(f"session {session[:8]}", skills, session)
        return Asker(f"session {session[:8]}", skills, user, known)
    if question.user_id:
        profile = read_profile_of_user(store, question.user_id)
        return Asker(f"user {question.user_id[:8]}", named | profile, question.user_id)
    if named:
        return Asker(f"whoever uses {listed(sorted(named))}", named)
    latest = store.query(_LATEST).rows
    if not latest:
        return Asker("nobody in particular", named)
    session, user = latest[0]
    if unit is Unit.USER:
        profile = read_profile_of_user(store, user)
        return Asker(f"the user of the latest session, {session[:8]}", profile, user)
    return Asker(f"the latest session, {session[:8]}", read_profile_of_session(store, session), session)


def listed(names: Iterable[str]) -> str:
    """Return *names*, of which there is one at least, as in a sentence: ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
