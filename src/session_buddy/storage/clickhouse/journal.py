"""What was begun is ended before anything else: batches, one after the other, and recounts.

Each batch is put down, sent and marked as done. One that failed on the way is kept here, or found by the next
process, and sent again; where the store cannot tell any more what it has of it, the roll-ups are recounted
(:mod:`~session_buddy.storage.clickhouse.recovery`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from session_buddy.storage.clickhouse import event_log, recovery
from session_buddy.storage.clickhouse.clients import Clients
from session_buddy.storage.clickhouse.upkeep import drifted_roll_ups, rebuild_roll_ups

__all__ = ["Journal"]


class Journal:
    """Writes batches over *clients*, whose turn to write the caller has. *alone*: nobody else can have the store open.

    Raises :class:`~session_buddy.storage.clickhouse.recovery.BeingRecounted` where another process recounts.
    """

    def __init__(self, clients: Clients, *, database: str, alone: bool) -> None:
        self._clients, self._database, self._alone = clients, database, alone
        self._writer = clients.writer
        self._unfinished: list[recovery.Begun] = []
        self._is_recount_due = False

    def resume(self) -> None:
        """End what others began and left behind.

        Where another process recounts, it waits for the first batch, and reading is possible meanwhile.
        """
        self._unfinished = recovery.found_unfinished(self._writer)
        self._is_recount_due = recovery.is_left_behind(self._writer, alone=self._alone)
        with suppress(recovery.BeingRecounted):
            self.finish()
            recovery.forget_old(self._writer)

    def finish(self) -> int:
        """End what was begun: nothing else may be counted before it. Return the recounts that are known."""
        found = recovery.standing(self._writer)
        if found.is_recounted and not self._is_recount_due:
            if not recovery.is_left_behind(self._writer, alone=self._alone):
                raise recovery.BeingRecounted
            self._is_recount_due = True
        if self._is_recount_due:
            self.recount()
        elif not self._unfinished:
            return found.recounts
        self._send_all()
        return recovery.standing(self._writer).recounts

    def write(self, contents: event_log.Contents, *, recounts: int) -> None:
        """Write *contents* whole, planned when *recounts* were known."""
        # Before it is begun: where the answer is lost, the server may have it, and it must be ended first.
        begun = recovery.Begun(contents, time.monotonic(), event_log.packed(contents), recounts=recounts)
        self._unfinished.append(begun)
        self._send_all()
        if begun.is_stale:
            raise recovery.BeingRecounted

    def recount(self, *, only_if_drifted: bool = False) -> None:
        """Take in what anybody began, and count all roll-ups again; or, if so wanted, only if any of them is wrong."""
        with self.recounting() as guarded:
            recovery.take_in(guarded)
            if not only_if_drifted or drifted_roll_ups(self._writer, self._clients.aside, self._database):
                rebuild_roll_ups(guarded)

    @contextmanager
    def recounting(self) -> Iterator[Any]:
        """Recount within the block, with the client it yields.

        From its beginning on a recount is known to be due, to whoever comes next.
        """
        try:
            with recovery.recounting(
                self._writer, alone=self._alone, open_client=lambda: self._clients.aside(self._database)
            ) as guarded:
                self._is_recount_due = True
                yield guarded
        except recovery.BeingRecounted:
            self._is_recount_due = False  # another process does it, or leaves it behind where all can see
            raise
        self._is_recount_due = False

    def _send_all(self) -> None:
        while self._unfinished:
            self._send(self._unfinished[0])
            del self._unfinished[0]

    def _send(self, begun: recovery.Begun) -> None:
        """Write *begun* whole, or drop it: a recount took it in, or came before it and made its plan worthless.

        So does somebody who told of the same events since. Where a part of it may be there already, all is compared.
        """
        token = begun.contents.token
        was_sent, was_tried, begun.was_tried = begun.was_sent, begun.was_tried, True
        if not begun.is_put_down:
            self._clients.writes.refuse_given_up()
            event_log.begin(self._writer, token, begun.packed)
            begun.is_put_down = True
        if not was_sent:
            found = recovery.standing(self._writer, token)
            begun.is_stale = found.is_recounted or found.recounts != begun.recounts
            if begun.is_stale or (was_tried and recovery.was_told_otherwise(self._writer, begun.contents)):
                return event_log.end(self._writer, token)
        elif not self._is_wanted(token):
            return None
        elif recovery.was_told_otherwise(self._writer, begun.contents):
            return self.recount(only_if_drifted=True)
        self._clients.writes.refuse_given_up()
        begun.was_sent = True
        clients = (self._writer, self._clients.second_writer)
        if not event_log.deliver(clients, begun.contents, is_wanted=lambda: self._is_wanted(token)):
            return None
        if was_sent and not self._alone:
            recovery.outlast_stragglers(self._writer, begun.contents)
        if was_sent and recovery.may_have_forgotten(self._writer, begun):
            return self.recount(only_if_drifted=True)
        return event_log.end(self._writer, token)

    def _is_wanted(self, token: str) -> bool:
        """Tell whether the next part of a batch is to be sent, and not all of it taken in by a recount already."""
        self._clients.writes.refuse_given_up()
        found = recovery.standing(self._writer, token)
        if found.is_recounted and not found.is_done:
            raise recovery.BeingRecounted
        return not found.is_done
