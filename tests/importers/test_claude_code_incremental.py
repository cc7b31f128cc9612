"""However a transcript arrives, cut, stopped, resumed or damaged, it gives the same rows."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from claude_code_fixtures.builder import IMPORTER, Script
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.importers import jsonl
from session_buddy.importers.base import Parsed
from session_buddy.importers.claude_code.lines import Line
from session_buddy.model import Outcome

FIXTURES = sorted((Path(__file__).parent / "claude_code_fixtures").glob("*.jsonl"))
WHOLE = {path.name: path.read_bytes() for path in FIXTURES}
SHELLS = (
    Script().prompt().call("t1", "Bash", {"command": "test && commit"}).result("t1", error=False)
    .call("t2", "Bash", {"command": "test"}).result("t2", told={"backgroundTaskId": "b"}).use("t3", "Read")
    .prompt("<task-notification><task-id>b</task-id><status>completed</status></task-notification>").data
)  # fmt: skip
WHOLE["shells"] = SHELLS


def pieces(data, cuts):
    edges = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def better(old, new):
    """The store's merge: a definite outcome beats abandoned beats none, and the longer follow-ups win."""
    rank = {None: 0, Outcome.ABANDONED: 1}
    if old is None or rank.get(new.outcome, 2) > rank.get(old.outcome, 2):
        return new
    if rank.get(new.outcome, 2) < rank.get(old.outcome, 2):
        return old
    return new if len(new.follow_up_actions) >= len(old.follow_up_actions) else old


def read_in(chunks, *, stop=False, path="s.jsonl"):
    """Read *chunks*; with *stop*, pause, save and resume with a new parser after each."""
    parser, rows, bad, rest = IMPORTER.parser(path, user_id="u"), {}, [], b""
    consumed = 0
    for chunk in chunks:
        given = chunk
        if stop:
            given, rest = rest + chunk, b""
        parts = [parser.feed(given)]
        if stop:
            parts.append(parser.pause())
            state = parser.save()
            rest = given[parser.offset - consumed :]
            consumed = parser.offset
            parser = IMPORTER.parser(path, user_id="u", state=state)
            assert parser.offset == consumed
        for part in parts:
            bad += part.bad_lines
            rows |= {row.event_id: better(rows.get(row.event_id), row) for row in part.invocations}
    for row in parser.pause().invocations:
        rows[row.event_id] = better(rows.get(row.event_id), row)
    return rows, bad


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=12))
def test_cuts_change_nothing(name, cuts):
    data = WHOLE[name]
    assert read_in(pieces(data, cuts)) == read_in([data])


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=12))
def test_stopping_and_resuming_changes_nothing(name, cuts):
    data = WHOLE[name]
    assert read_in(pieces(data, cuts), stop=True) == read_in([data])


@pytest.mark.parametrize("name", WHOLE)
def test_resuming_after_every_line_changes_nothing(name):
    data = WHOLE[name]
    assert read_in(data.splitlines(keepends=True), stop=True) == read_in([data])


def test_a_cut_last_line_waits_for_its_rest():
    data = Script().prompt().call("t1", "Read").data
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    parser.feed(data[:-2])
    assert parser.pause() == Parsed([], [])
    assert parser.offset == data.index(b"\n") + 1
    parser.feed(data[-2:])
    assert [row.event_id for row in parser.pause().invocations] == ["t1"]
    assert parser.offset == len(data)


def test_a_whole_last_line_needs_no_newline():
    data = Script().prompt().call("t1", "Read").data
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    parser.feed(data[:-1])
    assert [row.event_id for row in parser.pause().invocations] == ["t1"]
    assert parser.offset == len(data) - 1
    assert parser.feed(b"\n{bad\n").bad_lines[0].line == 3
    assert parser.offset == len(data) + 5


def test_pausing_twice_tells_the_same():
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    parser.feed(Script().prompt().use("t1", "Read").call("t2", "Read").data)
    first = parser.pause()
    assert [row.follow_up_actions for row in first.invocations] == [("Read",), ()]
    assert parser.pause() == first


def test_a_line_too_long_is_kept_aside_and_not_held(monkeypatch):
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 5_000)
    script = Script().prompt().use("t1", "Read")
    long = b'{"type":"user","x":"' + b"y" * 20_000 + b'"}'
    data = script.lines[0] + b"\n" + long + b"\n" + b"\n".join(script.lines[1:]) + b"\n"
    for size in (7, 4_096, 1_000_000):
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        rows, bad = read_in(chunks)
        assert rows["t1"].outcome == Outcome.COMPLETED
        assert [(b.line, b.offset, b.length) for b in bad] == [(2, len(script.lines[0]) + 1, len(long))]


def test_no_more_than_the_longest_line_is_held(monkeypatch):
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 5_000)
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    for _ in range(50):
        parser.feed(b"y" * 1_000)
        assert sum(map(len, parser._pieces)) <= 5_000
    assert parser.feed(b"\n").bad_lines[0].length == 50_000


@pytest.mark.long
def test_a_line_of_fifty_megabytes_is_read():
    script = Script().prompt().call("t1", "Read").result("t1", "x" * 50_000_000)
    size = 1 << 20
    rows, bad = read_in([script.data[at : at + size] for at in range(0, len(script.data), size)])
    assert (rows["t1"].outcome, bad) == (Outcome.COMPLETED, [])


GOOD = Script().prompt().use("t1", "Read").use("t2", "Bash", {"command": "test"}).lines

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted(Line.__struct_fields__)
types = st.sampled_from(["user", "assistant", "progress", "system", "attachment", "queue-operation"])
messages = st.fixed_dictionaries(
    {},
    optional={
        "content": json_values
        | st.lists(
            st.dictionaries(
                st.sampled_from(["type", "id", "name", "input", "tool_use_id", "content", "is_error", "text"]),
                json_values | st.sampled_from(["tool_use", "tool_result", "text", "t1", "Skill", "Bash", "Agent"]),
            ),
            max_size=3,
        ),
        "id": json_values,
    },
)
odd_lines = st.builds(
    lambda kind, fields, message: json.dumps({**fields, "message": message, "type": kind}).encode(),
    types,
    st.dictionaries(st.sampled_from(FIELDS), json_values | st.just("2026-03-01T10:00:00.000Z"), max_size=8),
    messages | json_values,
)
noise = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"")),
    odd_lines,
    st.sampled_from(GOOD).flatmap(lambda line: st.integers(0, len(line) - 1).map(lambda cut: line[:cut])),
    st.integers(0, 3_000).map(lambda depth: b'{"type":"user","message":' + b"[" * depth + b"]" * depth + b"}"),
)
"""Anything, lines of the right shape with anything in them, cut lines, and deep ones."""


@pytest.mark.long
@settings(max_examples=400, deadline=None)
@given(between=st.lists(st.lists(noise, max_size=3), min_size=len(GOOD) + 1, max_size=len(GOOD) + 1))
def test_noise_never_raises_and_never_costs_a_good_line(between):
    lines = [*between[0]]
    for line, after in zip(GOOD, between[1:], strict=True):
        lines += [line, *after]
    data = b"\n".join(lines) + b"\n"
    rows, bad = read_in([data])
    assert {"t1", "t2"} <= set(rows)
    for line in bad:
        assert data[line.offset : line.offset + line.length] == lines[line.line - 1]


@settings(max_examples=200, deadline=None)
@given(orders=st.permutations(GOOD))
def test_interleaved_lines_lose_no_call(orders):
    rows, bad = read_in([b"\n".join(orders) + b"\n"])
    assert (set(rows), bad) == ({"t1", "t2"}, [])
