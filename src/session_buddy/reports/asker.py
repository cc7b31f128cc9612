"""Who asks what to use next, and what they use already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from session_buddy.errors import NotFound
from session_buddy.learning.reading import Unit, read_profile_of_session, read_profile_of_user
from session_buddy.model import Phase
from session_buddy.reports.sessions import find_session
from session_buddy.storage import Store

__all__ = ["Asker", "Question", "asker_of", "find_user", "listed", "with_known_user"]

_LATEST = "SELECT session_id, user_id FROM session_summary ORDER BY last_invoked_at DESC, session_id LIMIT 1"
_BY_PREFIX = """
SELECT DISTINCT user_id FROM user_skill_metrics
WHERE user_id >= :prefix AND user_id < :prefix || char(1114111) ORDER BY user_id LIMIT 2
"""
_USER_OF_SESSION = "SELECT user_id FROM session_summary WHERE session_id = ?"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for what; without user, session and skills the latest session asks."""

    user_id: str | None = None
    """Whole; who has used nothing yet may ask as well."""
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


def find_user(store: Store, prefix: str) -> str:
    """Return the one user whose keyed hash begins with *prefix*; raises :class:`NotFound` for none or several."""
    found = [name for (name,) in store.query(_BY_PREFIX, {"prefix": prefix}).rows]
    if prefix in found or len(found) == 1:
        return prefix if prefix in found else str(found[0])
    if found:
        # Nobody is told here which users there are.
        raise NotFound(f"Several users begin with {prefix!r}.", remedy="Give more of the keyed hash.")
    raise NotFound(
        f"No user of this store begins with {prefix!r}.",
        remedy="Give the keyed hash, as the column user_id of skill_invocation has it.",
    )


def with_known_user(store: Store, question: Question) -> Question:
    """Return *question* with the whole hash of the user that it names, if any; raises what :func:`find_user` does."""
    user = find_user(store, question.user_id) if question.user_id else None
    return msgspec.structs.replace(question, user_id=user) if user else question


def listed(names: Iterable[str]) -> str:
    """Return *names*, of which there is one at least, as in a sentence: ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
