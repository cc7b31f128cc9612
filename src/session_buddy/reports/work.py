"""The work at hand: whose it is, and in which languages."""

from __future__ import annotations

from pathlib import Path

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.languages import languages_in
from session_buddy.reports.asker import Question
from session_buddy.reports.sessions import find_session
from session_buddy.storage import Store

__all__ = ["user_at_hand", "with_languages"]

_LATEST = "SELECT user_id, project FROM session_summary {} ORDER BY last_invoked_at DESC, session_id LIMIT 1"


def with_languages(store: Store, question: Question) -> Question:
    """Return *question* with the languages of the work at hand, where it names none.

    They are those of the folder that the session worked in, else the user's latest session, else the latest of all.
    None where that folder is not on this machine, and for a question that is about skills alone. Raises
    :class:`~session_buddy.errors.NotFound` for a session that is not there.
    """
    is_of_skills = question.skills and not (question.session or question.user_id)
    if question.languages or is_of_skills:
        return question
    found = _session(store, question.session, question.user_id)
    if not found or not found[1]:
        return question
    return msgspec.structs.replace(question, languages=languages_in(Path(found[1])))


def user_at_hand(store: Store, *, session: str | None = None) -> str:
    """Return the user of a session, or of the latest one.

    Raises :class:`~session_buddy.errors.NotFound` for a session that is not there, :class:`InvalidInput` where there
    is none at all.
    """
    found = _session(store, session, None)
    if found is None:
        raise InvalidInput("user_id", "is not known: there are no sessions yet.", remedy="Name the user.")
    return found[0]


def _session(store: Store, session: str | None, user_id: str | None) -> tuple[str, str | None] | None:
    """Return user and project."""
    if session:
        rows = store.query(_LATEST.format("WHERE session_id = ?"), [find_session(store, session)]).rows
    elif user_id:
        rows = store.query(_LATEST.format("WHERE user_id = ?"), [user_id]).rows
    else:
        rows = store.query(_LATEST.format("")).rows
    return (str(rows[0][0]), rows[0][1]) if rows else None
