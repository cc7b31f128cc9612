"""Uses in programs: told on disk when they end, recorded by whoever comes next, sent to a server that may be away."""

from __future__ import annotations

import asyncio
import contextvars
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import session_buddy
from session_buddy.client import tracking
from session_buddy.client.sending import Sender, send
from session_buddy.client.tracking import told_folder
from session_buddy.errors import InvalidInput, SessionBuddyError, StoreAway
from session_buddy.ingest.told import deliver, keep
from session_buddy.ingest.waiting import Waiting
from session_buddy.model import Invocation
from session_buddy.server.site import BodyLimits
from session_buddy.storage import open_store
from tests.making import invocation
from tests.monitoring.receiving import receiving
from tests.server.serving_kit import served


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("SESSION_BUDDY_SERVER", "SESSION_BUDDY_TOKEN", "SESSION_BUDDY_STORE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def told() -> list[Invocation]:
    """Return what waits, the last telling of each use."""
    found: dict[str, Invocation] = {}
    deliver(Waiting(told_folder(None)), lambda batch: found.update({one.event_id: one for one in batch}))
    return list(found.values())


def test_what_ends_well_is_completed() -> None:
    with session_buddy.track("deploy", phase="execution", alternatives=("by-hand",), project="/srv/shop") as use:
        use.consider("not-at-all")
        use.rate(4)
    (row,) = told()
    assert (row.skill_name, row.outcome, row.rating, row.workflow_phase) == ("deploy", "completed", 4, "execution")
    assert (row.alternatives_considered, row.project) == (("by-hand", "not-at-all"), "/srv/shop")
    assert (row.kind, row.source, row.trigger, row.duration_source) == ("skill", "python", "user", "reported")
    assert row.duration_ms is not None and row.duration_ms < 60_000


@pytest.mark.parametrize(
    ("error", "outcome", "sort"),
    [
        (TimeoutError(), "failed", "timeout"),
        (KeyError("x"), "failed", "not_found"),
        (ValueError(), "failed", "validation"),
        (ConnectionResetError(), "failed", "api"),
        (RuntimeError(), "failed", "other"),
        (KeyboardInterrupt(), "abandoned", None),
        (SystemExit(), "abandoned", None),
        (asyncio.CancelledError(), "abandoned", None),
    ],
)
def test_what_an_exception_ends_fails_and_the_exception_goes_on(
    error: BaseException, outcome: str, sort: str | None
) -> None:
    with pytest.raises(type(error)), session_buddy.track("deploy"):
        raise error
    (row,) = told()
    assert (row.outcome, row.error_type) == (outcome, sort)


def test_what_is_said_of_it_counts() -> None:
    with session_buddy.track("a") as use:
        use.fail("exit_code")
    with session_buddy.track("b") as use:
        use.abandon()
    assert [(row.outcome, row.error_type) for row in told()] == [("failed", "exit_code"), ("abandoned", None)]


def test_a_rating_may_come_later() -> None:
    with session_buddy.track("a") as use:
        pass
    use.rate(5)
    assert len(list(told_folder(None).glob("*.json"))) == 2
    (row,) = told()
    assert (row.event_id, row.rating, row.outcome) == (use.event_id, 5, "completed")


def test_uses_within_others_are_nested_and_of_one_session() -> None:
    with session_buddy.track("outer") as outer, session_buddy.track("inner"):
        pass
    with session_buddy.track("next"):
        pass
    rows = {row.skill_name: row for row in told()}
    assert (rows["inner"].parent_event_id, rows["inner"].trigger) == (outer.event_id, "nested")
    assert rows["next"].parent_event_id is None
    assert len({row.session_id for row in rows.values()}) == 1


def test_functions_of_both_kinds_are_tracked_at_each_call() -> None:
    @session_buddy.track("plain")
    def plain(number: int) -> int:
        return number + 1

    @session_buddy.track("awaited", session_id="s1")
    async def awaited() -> str:
        await asyncio.sleep(0)
        return "done"

    async def side_by_side() -> list[str]:
        async with session_buddy.track("around") as around:
            found = await asyncio.gather(awaited(), awaited())
            around.rate(3)
        return list(found)

    assert (plain(1), plain(2), plain.__name__) == (2, 3, "plain")
    assert asyncio.run(side_by_side()) == ["done", "done"]
    rows = told()
    assert sorted(row.skill_name for row in rows) == ["around", "awaited", "awaited", "plain", "plain"]
    around = next(row for row in rows if row.skill_name == "around")
    assert {row.parent_event_id for row in rows if row.skill_name == "awaited"} == {around.event_id}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"skill": ""}, "skill_name"),
        ({"skill": "  "}, "skill_name"),
        ({"skill": "a", "kind": "tools"}, "kind"),
        ({"skill": "a", "phase": "later"}, "phase"),
        ({"skill": 5}, "skill: 5 is no text"),
        ({"skill": "a\ud800"}, "skill: .* half of a character"),
        ({"skill": "a", "project": b"/p"}, "project: .* is no text"),
        ({"skill": "a", "alternatives": "abc"}, "alternatives: 'abc' is no list"),
        ({"skill": "a", "alternatives": ("b", 1)}, "alternatives: 1 is no text"),
        ({"skill": "a", "alternatives": None}, "alternatives: None is no list"),
    ],
)
def test_what_is_wrong_is_raised_where_it_is_said(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        session_buddy.track(**arguments)


def test_more_that_is_wrong() -> None:
    with session_buddy.track("a") as use:
        for rating in (6, True, "5", None, float("nan")):
            with pytest.raises(InvalidInput, match="rating"):
                use.rate(rating)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="error_type"):
            use.fail("badly")
    for too_late in (use.fail, use.abandon):
        with pytest.raises(InvalidInput, match="is over"):
            too_late()
    assert [(row.outcome, row.rating) for row in told()] == [("completed", None)]
    once = session_buddy.track("a")
    with once:
        pass
    with pytest.raises(InvalidInput, match="each use"), once:
        pass
    with session_buddy.track("a") as use, pytest.raises(InvalidInput, match="alternatives"):
        use.consider(5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="Kept is a class"):

        @session_buddy.track("a")
        class Kept:
            pass

    with pytest.raises(InvalidInput, match="generator"):

        @session_buddy.track("a")
        def generated() -> Iterator[int]:
            yield 1


def test_a_disk_that_refuses_costs_a_warning(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tracking, "keep", full)
    with session_buddy.track("deploy"):
        pass
    assert "The use of 'deploy' is lost" in caplog.text


def test_where_nothing_can_be_kept_the_work_is_done_all_the_same(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    home.write_text("no folder")
    done = []
    with session_buddy.track("a"):
        done.append("work")

    @session_buddy.track("b")
    def more() -> None:
        done.append("more")

    more()
    assert done == ["work", "more"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert "The use of 'b' is lost" in caplog.text


def test_a_generator_may_be_left_early_or_elsewhere() -> None:
    async def early() -> AsyncIterator[int]:
        async with session_buddy.track("early"):
            yield 1
            yield 2

    async def leave() -> None:
        async for _ in early():
            break

    asyncio.run(leave())

    def within() -> Iterator[None]:
        with session_buddy.track("within"):
            yield

    halves = within()
    contextvars.copy_context().run(next, halves)
    contextvars.copy_context().run(next, halves, None)
    elsewhere = within()
    next(elsewhere)
    thread = threading.Thread(target=next, args=(elsewhere, None))
    thread.start()
    thread.join()
    with session_buddy.track("later"):
        pass
    rows = {row.skill_name: row for row in told()}
    assert {name: row.outcome for name, row in rows.items()} == {
        "early": "abandoned", "within": "completed", "later": "completed",
    }  # fmt: skip
    assert rows["later"].parent_event_id is None


@pytest.mark.parametrize("first", [0, 1])
def test_what_is_over_holds_nothing_more_in_whatever_order_it_ends(first: int) -> None:
    def within(name: str) -> Iterator[None]:
        with session_buddy.track(name):
            yield

    both = [within("a"), within("b")]
    for one in both:
        next(one)
    next(both[first], None)
    with session_buddy.track("between"):
        pass
    next(both[1 - first], None)
    with session_buddy.track("later"):
        pass
    rows = {row.skill_name: row for row in told()}
    assert rows["between"].parent_event_id == rows["ab"[1 - first]].event_id
    assert (rows["later"].parent_event_id, rows["later"].trigger) == (None, "user")


def test_the_next_command_records_it(home: Path) -> None:
    from session_buddy.cli import main

    with session_buddy.track("deploy"):
        pass
    with pytest.raises(SystemExit) as ended:
        main(["top", "--json"])
    assert not ended.value.code
    with open_store(f"sqlite:///{home}/session-buddy/session-buddy.db") as store:
        rows = store.query("SELECT skill_name, outcome, source FROM skill_invocation").rows
    assert rows == [("deploy", "completed", "python")]
    assert Waiting(told_folder(None)).is_empty()


def test_what_cannot_be_recorded_waits_and_what_is_no_use_is_set_aside() -> None:
    with session_buddy.track("deploy"):
        pass
    waiting = Waiting(told_folder(None))
    waiting.put(b'{"hello": 1}')
    waiting.put(b'{"event_id": "cut')  # somebody is writing it

    def away(_: object) -> None:
        raise StoreAway("It is away.", remedy="Wait.")

    with pytest.raises(StoreAway):
        deliver(waiting, away)
    assert waiting.count() == 2
    assert len(list(waiting.folder.glob("*.rejected"))) == 1
    assert len(told()) == 1
    assert waiting.count() == 1


def test_what_will_never_be_taken_is_set_aside_and_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(9):
        with session_buddy.track(f"s{number}"):
            pass
    asked: list[int] = []

    def refuses_two(uses: Sequence[Invocation]) -> None:
        asked.append(len(uses))
        if any(use.skill_name in ("s3", "s8") for use in uses):
            raise InvalidInput("skill_name", "is not wanted here.", remedy="Leave it.")

    waiting = Waiting(told_folder(None))
    assert deliver(waiting, refuses_two) == 7
    assert waiting.is_empty()
    kept = sorted(json.loads(path.read_bytes())["skill_name"] for path in waiting.folder.glob("*.rejected"))
    assert kept == ["s3", "s8"]
    assert caplog.text.count("is not wanted here") == 2
    assert len(asked) < 14


def test_a_use_that_a_server_refuses_holds_up_nothing(tmp_path: Path) -> None:
    with served(tmp_path, limits=BodyLimits(body_bytes=50_000)) as server:
        waiting = Waiting(told_folder(server.address))
        for name, others in (("before", ()), ("large", ("x" * 60_000,)), ("after", ())):
            with session_buddy.track(name, server=server.address, alternatives=others):
                pass
        _until(waiting.is_empty)
        found = server.store.query("SELECT skill_name FROM skill_invocation ORDER BY 1").rows
        assert found == [("after",), ("before",)]
    assert len(list(waiting.folder.glob("*.rejected"))) == 1


def test_where_the_address_is_none_all_waits(caplog: pytest.LogCaptureFixture) -> None:
    waiting = Waiting(told_folder("nonsense"))
    with session_buddy.track("a", server="nonsense"):
        pass
    _until(lambda: "'nonsense' is no address" in caplog.text)
    assert waiting.count() == 1 and not list(waiting.folder.glob("*.rejected"))


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422, 500])
def test_where_no_server_of_ours_answers_all_waits(tmp_path: Path, status: int) -> None:
    waiting = Waiting(tmp_path / "waiting")
    keep(waiting, invocation("u1"))
    with receiving() as answering:
        answering.statuses = [status] * 9
        address = f"http://127.0.0.1:{answering.port}"
        with pytest.raises(SessionBuddyError):
            deliver(waiting, lambda uses: send(uses, address, None, patience_seconds=0.1))
    assert answering.got
    assert waiting.count() == 1


def test_a_server_is_told_and_what_it_did_not_hear_waits(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    with served(folder) as server:
        address = server.address
        with session_buddy.track("deploy", server=address):
            pass
        waiting = Waiting(told_folder(address))
        _until(waiting.is_empty)
        assert server.store.query("SELECT skill_name FROM skill_invocation").rows == [("deploy",)]
    with session_buddy.track("later", server="http://127.0.0.1:9"):
        pass
    away = Waiting(told_folder("http://127.0.0.1:9"))
    assert away.count() == 1


def _until(is_so: Any) -> None:
    import time

    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.long
def test_a_sender_that_cannot_send_does_not_hold_up_the_end(tmp_path: Path) -> None:
    program = (
        "import session_buddy\nwith session_buddy.track('deploy', server='http://127.0.0.1:9'): pass\nprint('end')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "end\n"
    assert Waiting(told_folder("http://127.0.0.1:9")).count() == 1
    Sender(tmp_path, "http://127.0.0.1:9", None).close()  # one that was never woken has nothing to end


def test_the_package_stays_light() -> None:
    """Nor does telling of uses load what only a client of a server needs."""
    heavy = "[name for name in sys.modules if name in ('httpx', 'numpy', 'sqlite3')]"
    for used in ("session_buddy", "session_buddy.track"):
        program = f"import session_buddy, sys; {used}; print({heavy})"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"
