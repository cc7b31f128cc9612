"""What travels: read as it was written, or refused whole, whatever somebody made of it."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.errors import InvalidInput
from session_buddy.learning.community.bundle import MOST_BYTES, Bundle, Noise, decoded, encoded
from session_buddy.learning.community.checking import check_bundle, check_known, check_publisher, is_name
from session_buddy.learning.community.keys import is_signed
from tests.learning.community.making import OTHER_PRIVATE, PRIVATE, bundle, cell, content, fingerprint
from tests.making import NOW, shifted

NOISE = Noise(epsilon=1.0, skills_per_user=10, uses_per_skill=10)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(is_name)


def checked(raw: bytes) -> Bundle:
    found = decoded(raw)
    check_bundle(found, now=NOW, verify=is_signed)
    return found


@st.composite
def honest(draw: st.DrawFn) -> Bundle:
    cells = []
    noise = draw(st.none() | st.just(NOISE))
    for name in draw(st.lists(names, unique=True, max_size=6)):
        users = draw(st.integers(5, 10**6))
        invocations = draw(st.integers(users, users * 1_000))
        completed = draw(st.integers(0, invocations))
        cells.append(
            cell(
                name,
                users=users,
                invocations=invocations,
                completed=completed,
                failed=draw(st.integers(0, invocations - completed)),
                avg_duration_seconds=None if noise else draw(st.none() | st.floats(0, 10**6)),
                workflow_phase=None if noise else draw(st.none() | st.sampled_from(["setup", "cleanup"])),
            )
        )
    return bundle(*cells, sequence=draw(st.integers(1, 2**53)), noise=noise)


@settings(deadline=None)
@given(honest())
def test_what_was_written_is_read(made: Bundle) -> None:
    assert checked(encoded(made)) == made


def test_the_form_of_a_bundle_is_this() -> None:
    told = json.loads(content(cell("pytest-run")))
    assert list(told) == [
        "format", "version", "publisher", "public_key", "sequence", "published_at", "min_users", "noise", "cells",
        "signature",
    ]  # fmt: skip
    assert (told["format"], told["version"]) == ("session-buddy-community", 1)
    assert told["cells"] == [
        {
            "skill_name": "pytest-run",
            "users": 9,
            "invocations": 90,
            "completed": 70,
            "failed": 15,
            "avg_duration_seconds": 2.5,
            "workflow_phase": "verification",
        }
    ]


def test_no_byte_can_be_altered_added_or_left_out() -> None:
    raw = content(cell("pytest-run"), cell("ruff-check", avg_duration_seconds=None))
    assert checked(raw)
    rnd = random.Random(4)
    for place in range(len(raw)):
        changed = bytes([raw[place] ^ (1 << rnd.randrange(7))])
        for other in (raw[:place] + changed + raw[place + 1 :], raw[:place] + raw[place + 1 :], raw[:place]):
            with pytest.raises(InvalidInput):
                checked(other)
    for other in (raw + b"\n", raw + raw, b"\xef\xbb\xbf" + raw, raw.replace(b"\n", b"\r\n"), raw.upper(), b""):
        with pytest.raises(InvalidInput):
            checked(other)


def test_a_signature_in_capitals_is_another_file() -> None:
    made = bundle(cell())
    with pytest.raises(InvalidInput, match="signature"):
        checked(encoded(msgspec.structs.replace(made, signature=made.signature.upper())))


@pytest.mark.parametrize("private", [PRIVATE, OTHER_PRIVATE])
def test_a_bundle_in_the_name_of_another_is_refused(private: Any) -> None:
    made = bundle(cell(), private=OTHER_PRIVATE)
    forged = msgspec.structs.replace(made, publisher=fingerprint(), public_key=bundle(private=private).public_key)
    with pytest.raises(InvalidInput) as refused:
        checked(encoded(forged))
    assert refused.value.field == ("signature" if private is PRIVATE else "publisher")


IMPOSSIBLE = [
    ("sequence", {"sequence": 0}),
    ("sequence", {"sequence": 2**53 + 1}),
    ("published_at", {"published_at": shifted(NOW, minutes=6)}),
    ("published_at", {"published_at": "2999-01-01T00:00:00.000Z"}),
    ("published_at", {"published_at": "yesterday"}),
    ("published_at", {"published_at": "2026-01-31T10:30:00+01:00"}),
    ("published_at", {"published_at": "2026-01-31T10:30:00"}),
    ("min_users", {"min_users": 2}),
    ("min_users", {"min_users": -5}),
    ("min_users", {"min_users": 10**9}),
    ("noise", {"noise": Noise(epsilon=1.0, skills_per_user=99, uses_per_skill=10)}),
    ("epsilon", {"noise": Noise(epsilon=0.0, skills_per_user=10, uses_per_skill=10)}),
    ("epsilon", {"noise": Noise(epsilon=-1.0, skills_per_user=10, uses_per_skill=10)}),
    ("cells[0]", {"noise": NOISE}),
]
IMPOSSIBLE_CELLS = [
    ("users", {"users": 4}),
    ("users", {"users": 10**9, "invocations": 10**10}),
    ("users", {"users": -9}),
    ("users", {"users": 10**400, "invocations": 10**400}),
    ("invocations", {"invocations": 8}),
    ("invocations", {"invocations": 10**15}),
    ("completed", {"completed": -1}),
    ("completed", {"completed": 91, "failed": 0}),
    ("failed", {"failed": -1}),
    ("failed", {"failed": 21}),
    ("avg_duration_seconds", {"avg_duration_seconds": -0.5}),
    ("avg_duration_seconds", {"avg_duration_seconds": 1e300}),
    ("skill_name", {"skill_name": ""}),
    ("skill_name", {"skill_name": "  "}),
    ("skill_name", {"skill_name": " padded"}),
    ("skill_name", {"skill_name": "a\x1b[2Jb"}),
    ("skill_name", {"skill_name": "two\nlines"}),
    ("skill_name", {"skill_name": "x" * 201}),
    ("skill_name", {"skill_name": "e\u0301"}),
    ("skill_name", {"skill_name": "a\u202eb"}),
]


@pytest.mark.parametrize(("field", "fields"), IMPOSSIBLE)
def test_a_head_that_cannot_be_is_refused_by_name(field: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(content(cell(), **fields))
    assert refused.value.field == field


@pytest.mark.parametrize(("field", "fields"), IMPOSSIBLE_CELLS)
def test_a_cell_that_cannot_be_is_refused_by_name(field: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(content(cell("fine"), cell(**fields)))
    assert refused.value.field == f"cells[1].{field}"


def test_a_skill_that_is_there_twice_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(content(cell("a"), cell("b"), cell("a")))
    assert refused.value.field == "cells[2].skill_name"


def test_more_cells_than_anybody_has_are_refused() -> None:
    with pytest.raises(InvalidInput, match="cells: are more than 20,000"):
        check_bundle(bundle(*(cell(f"s{n}") for n in range(20_001))), now=NOW, verify=is_signed)


def hostile(**texts: str) -> bytes:
    """Return a bundle in which values of fields are written as *texts*."""
    told = json.loads(content(cell()))
    marks = {field: f"@{field}@" for field in texts}
    told = {field: marks.get(field, value) for field, value in told.items()}
    told["cells"] = (
        told["cells"]
        if "cells" in texts
        else [{field: marks.get(field, value) for field, value in one.items()} for one in told["cells"]]
    )
    told.update({field: mark for field, mark in marks.items() if field == "cells"})
    raw = json.dumps(told, indent=1)
    for field, text in texts.items():
        raw = raw.replace(f'"@{field}@"', text)
    return raw.encode()


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("avg_duration_seconds", {"avg_duration_seconds": "NaN"}),
        ("avg_duration_seconds", {"avg_duration_seconds": "Infinity"}),
        ("cells[0].avg_duration_seconds", {"avg_duration_seconds": "1e999"}),
        ("users", {"users": "-Infinity"}),
        ("cells[0].users", {"users": "1e30"}),
        ("bundle", {"users": "9" * 400}),
        ("cells[0].users", {"users": "9" * 5_000}),
        ("cells[0].users", {"users": "true"}),
        ("cells[0].users", {"users": '"9"'}),
        ("cells[0].users", {"users": "9.5"}),
        ("cells[0].users", {"users": "null"}),
        ("cells[0].workflow_phase", {"workflow_phase": '"lunch"'}),
        ("cells", {"cells": "{}"}),
        ("bundle", {"cells": "[" * 100_000}),
        ("bundle", {"cells": "[" * 100_000 + "]" * 100_000}),
        ("bundle", {"noise": '{"a":' * 50_000 + "1" + "}" * 50_000}),
        ("version", {"version": "2"}),
        ("version", {"version": '"1"'}),
        ("format", {"format": '"something-else"'}),
        ("cells[0].skill_name", {"skill_name": '"' + "x" * 5_000 + '"'}),
        ("skill_name", {"skill_name": '"\\ud800"'}),
    ],
)
def test_what_is_no_bundle_is_refused_by_name(field: str, texts: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(hostile(**texts))
    assert refused.value.field == field, str(refused.value)


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"PK\x03\x04", b'{"a":' * 200_000, b"[" * 200_000, b"0" * MOST_BYTES],
    ids=lambda raw: repr(raw[:6]),
)
def test_what_is_no_json_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        checked(raw)


def test_a_field_too_many_or_twice_is_refused() -> None:
    raw = content(cell())
    for other in (
        raw.replace(b'"users": 9', b'"users": 9,\n   "rows": []'),
        raw.replace(b'"users": 9', b'"users": 1,\n   "users": 9'),
        raw.replace(b' "sequence": 7,\n', b""),
    ):
        assert other != raw
        with pytest.raises(InvalidInput):
            checked(other)


def test_a_bundle_is_no_larger_than_that() -> None:
    with pytest.raises(InvalidInput, match="bundle: has more than 8,000,000 bytes"):
        decoded(b" " * (MOST_BYTES + 1))


@given(st.binary(max_size=400))
def test_any_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        checked(raw)


class TestPublisher:
    def check(self, last: int | None, trusted: str | None = None, own: str | None = None) -> str | None:
        try:
            check_publisher(bundle(cell()), last_sequence=last, trusted=trusted, own=own)
        except InvalidInput as error:
            return error.field
        return None

    def test_the_first_bundle_needs_a_persons_trust(self) -> None:
        assert self.check(None) == "publisher"
        assert self.check(None, trusted=fingerprint()) is None

    @pytest.mark.parametrize("trusted", ["", fingerprint()[:32], fingerprint().upper(), fingerprint(OTHER_PRIVATE)])
    def test_trust_is_in_one_fingerprint_alone(self, trusted: str) -> None:
        assert self.check(None, trusted=trusted) == "publisher"
        assert self.check(3, trusted=trusted) == "publisher"

    def test_only_newer_ones_follow(self) -> None:
        assert [self.check(last) for last in (6, 7, 8)] == [None, "sequence", "sequence"]
        assert self.check(7, trusted=fingerprint()) == "sequence"

    def test_ones_own_is_none_of_the_others(self) -> None:
        assert self.check(None, trusted=fingerprint(), own=fingerprint()) == "publisher"


def test_skills_in_no_list_here_are_told_by_name() -> None:
    made = bundle(cell("known"), cell("new-a"), cell("new-b"))
    check_known(made, {"known", "new-a", "new-b"})
    with pytest.raises(InvalidInput, match="2 skills of it are in no list here: new-a, new-b") as refused:
        check_known(made, {"known"})
    assert refused.value.field == "cells[1].skill_name"
