"""What a batch begins: told by columns for all its events at once, as if they had been looked at one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from session_buddy.model import Invocation
from session_buddy.storage.clickhouse.changes import Edge, Present, plan
from tests.making import invocation

FEW = st.sampled_from("abc")
EVENTS = st.lists(st.tuples(FEW, FEW, FEW), max_size=25)
COUNTS = st.dictionaries(FEW, st.dictionaries(FEW, st.integers(1, 3), max_size=3), max_size=3)


def one_by_one(batch: list[Invocation], present: Present) -> dict[int, Edge]:
    edges = {}
    for place, told in enumerate(batch):
        in_session = present.sessions.setdefault(told.session_id, {})
        of_user = present.users.setdefault(told.user_id, {})
        edge = Edge()
        if told.skill_name not in in_session:
            edge = Edge(int(not in_session), 1, 0, list(in_session))
            in_session[told.skill_name] = 1
        if told.skill_name not in of_user:
            edge.joins_user = 1
            of_user[told.skill_name] = 1
        if edge != Edge():
            edges[place] = edge
    return edges


@given(EVENTS, COUNTS, COUNTS)
def test_edges_are_those_of_looking_at_events_one_by_one(
    events: list[tuple[str, str, str]], sessions: dict[str, dict[str, int]], users: dict[str, dict[str, int]]
) -> None:
    batch = [
        invocation(event_id=str(number), session_id=session, user_id=user, skill_name=skill)
        for number, (session, user, skill) in enumerate(events)
    ]

    def present() -> Present:
        return Present(
            sessions={name: dict(skills) for name, skills in sessions.items()},
            users={name: dict(skills) for name, skills in users.items()},
        )

    planned = plan(batch, present())
    assert planned.states == batch
    assert planned.edges == one_by_one(batch, present())


def test_a_telling_twice_in_a_batch_is_one_state() -> None:
    first, second = invocation(outcome=None), invocation()
    planned = plan([first, second, second], Present())
    assert planned.states == [second]
    assert (planned.recorded.added, planned.recorded.completed, planned.recorded.unchanged) == (1, 1, 1)
