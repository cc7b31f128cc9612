"""Batches on their way to a store, and the answers that their senders wait for."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from enum import StrEnum

from session_buddy.errors import InvalidInput
from session_buddy.model import Invocation
from session_buddy.storage.segments import framed
from session_buddy.storage.spool import Segment

__all__ = ["BATCH_AT_FAULT", "Flight", "Receipt", "Submission", "answer_all", "can_be_spooled"]

BATCH_AT_FAULT = (InvalidInput, ValueError, TypeError, ArithmeticError)
"""What is raised for values that no store can take; every other error is the store's, and passes."""


class Receipt(StrEnum):
    """Where a batch is safe."""

    STORED = "stored"
    SPOOLED = "spooled"
    """On this machine's disk; it is sent to the store as soon as that answers again."""


class Submission:
    """A batch on its way. It is answered once: with a receipt or with an error."""

    def __init__(self, batch: tuple[Invocation, ...]) -> None:
        self.batch = batch
        self.answered = threading.Event()
        self._answer: Receipt | Exception | None = None

    def answer(self, answer: Receipt | Exception) -> None:
        """Settle the submission, unless it is settled already."""
        if self._answer is None:
            self._answer = answer
            self.answered.set()

    @property
    def pending(self) -> bool:
        """Whether there is no answer yet."""
        return self._answer is None

    def receipt(self) -> Receipt | None:
        """Return the receipt, None if there is no answer yet; raises the error that is the answer."""
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Flight:
    """Submissions that are being recorded, together."""

    def __init__(self, submissions: list[Submission]) -> None:
        self.submissions = submissions
        self.segment: Segment | None = None
        """Where they are spooled, if the store took too long."""
        self.refused = False
        """Whether the store can never take one of them; once spooled, that one is set aside from there."""


def answer_all(submissions: Iterable[Submission], answer: Receipt | Exception) -> None:
    """Give every one of *submissions* the same answer, those apart that have one."""
    for submission in submissions:
        submission.answer(answer)


def can_be_spooled(submission: Submission) -> bool:
    """Tell whether the batch can be written at all; if not, that is its answer."""
    try:
        framed(submission.batch)
    except BATCH_AT_FAULT as error:
        submission.answer(error)
    return submission.pending
