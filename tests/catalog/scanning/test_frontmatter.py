"""The head of a SKILL.md: what it says, and each fault in it with its line."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.catalog.scanning.faults import Fault, FaultKind, faults_in, told
from session_buddy.catalog.scanning.frontmatter import Form, Head, read_head

GOOD = "---\nname: review\ndescription: Reviews what was changed.\n---\n# Review\n\nLook at it.\n"


def head(text: str | bytes, form: Form = Form.SKILL, folder: str = "review") -> Head:
    return read_head(text.encode() if isinstance(text, str) else text, form, folder)


def faults(text: str | bytes, form: Form = Form.SKILL, folder: str = "review") -> list[tuple[str, int | None]]:
    return [(fault.kind.value, fault.line) for fault in head(text, form, folder).faults]


def fronted(*lines: str) -> str:
    return "\n".join(["---", *lines, "---", "Body."])


class TestWhatItSays:
    def test_name_description_version_and_body(self) -> None:
        found = head(fronted("name: review", "description: Reviews.", "version: 1.2", "license: MIT"))
        assert (found.name, found.description, found.version, found.body) == ("review", "Reviews.", "1.2", "Body.")
        assert found.faults == [] and found.listed

    def test_the_version_may_stand_in_metadata(self) -> None:
        text = fronted("name: review", "description: R.", "metadata:", "  author: x", '  version: "2.0"', "  z: [a, b]")
        assert head(text).version == "2.0"
        deeper = fronted("name: review", "description: R.", "metadata:", "  more:", "    version: 3")
        assert head(deeper).version is None

    @pytest.mark.parametrize("key", ["[a, b]", "{a: b}", "{a: {b: c}}", "? [a]\n", "? {name: x}\n", "[]"])
    @pytest.mark.parametrize("value", ["name", "[x, y]", "{name: other}", "''", "description"])
    def test_what_is_no_text_may_be_a_key(self, key: str, value: str) -> None:
        both = (f"{key}: {value}", f"metadata: {{{key.strip('? ').strip()}: version, version: 3}}")
        for lines in (both, both[:1] * 2, ("name: review", *both), ("name: review", both[0], "description: R.")):
            named = [line for line in ("name: review", "description: R.") if line not in lines]
            found = head(fronted(*lines, *named))
            assert (found.name, found.description, found.faults) == ("review", "R.", [])

    def test_folded_and_quoted_texts_are_one_line(self) -> None:
        text = fronted("name: review", "description: >", "  Reviews what", "  was changed.", "when_to_use: |", "  Now.")
        assert head(text).description == "Reviews what was changed. Now."
        assert head(fronted("name: 'review'", 'description: "a: b # c"')).description == "a: b # c"

    def test_numbers_and_words_stay_what_they_were(self) -> None:
        # YAML would make a number, a truth and a date of these.
        text = fronted("name: 007", "description: yes", "version: 2026-01-01")
        found = head(text, folder="007")
        assert (found.name, found.description, found.version) == ("007", "yes", "2026-01-01")

    @pytest.mark.parametrize("word", ["true", "True", "yes"])
    def test_some_are_not_told_to_the_model(self, word: str) -> None:
        lines = ("name: review", "description: R.")
        assert not head(fronted(*lines, f"disable-model-invocation: {word}")).listed
        assert head(fronted(*lines, "disable-model-invocation: false")).listed

    def test_other_line_ends_and_a_byte_order_mark_do_no_harm(self) -> None:
        found = head(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
        assert (found.name, found.description, found.faults) == ("review", "Reviews what was changed.", [])

    def test_a_line_of_dashes_in_a_text_ends_nothing(self) -> None:
        found = head(fronted("name: review", "description: |", "  a", "  --- b", "  ---c"))
        assert found.faults == [] and found.description == "a --- b ---c"

    @given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=200))
    def test_any_text_comes_back_as_yaml_reads_it(self, text: str) -> None:
        front = yaml.safe_dump({"name": "review", "description": text}, allow_unicode=True)
        wanted = " ".join(text.split()) or None
        assert head(f"---\n{front}---\n").description == wanted

    @given(st.binary(max_size=300))
    def test_no_bytes_are_too_much(self, data: bytes) -> None:
        for form in Form:
            read_head(data, form, "review")
            read_head(b"---\n" + data + b"\n---\n", form, "review")


class TestFaults:
    def test_none_in_a_good_one(self) -> None:
        assert faults(GOOD) == []

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("", ("no frontmatter", 1)),
            ("# Review\n", ("no frontmatter", 1)),
            (" ---\nname: review\n---\n", ("no frontmatter", 1)),
            ("---\nname: review\n", ("frontmatter not closed", 1)),
            ("---", ("frontmatter not closed", 1)),
            (fronted("description: R."), ("no name", 1)),
            (fronted("name:", "description: R."), ("no name", 1)),
            (fronted("name: review"), ("no description", 1)),
            (fronted("name: review", "description: ~"), ("no description", 1)),
            (fronted("name: review", 'description: "  "'), ("no description", 1)),
            (fronted("name: review", "description: Use when: now"), ("bad YAML", 3)),
            (fronted("name: review", "\tdescription: R."), ("bad YAML", 3)),
            (fronted("name: review", "description: [a, b]"), ("bad YAML", 3)),
            (fronted("name: review", "description: R.", "name: other"), ("bad YAML", 4)),
            (fronted("- name: review"), ("bad YAML", 2)),
            (fronted("just words"), ("bad YAML", 2)),
            (fronted("name: review", 'description: "R.'), ("bad YAML", 3)),
            (fronted("name: Review", "description: R."), ("name against the rules", 2)),
            (fronted("name: re--view", "description: R."), ("name against the rules", 2)),
            (fronted("description: R.", "name: -review"), ("name against the rules", 3)),
            (fronted("name: other", "description: R."), ("name differs from folder", 2)),
            (fronted("name: review", f"description: {'x' * 1_025}"), ("description too long", 3)),
        ],
    )
    def test_each_is_named_with_its_line(self, text: str, wanted: tuple[str, int]) -> None:
        assert wanted in faults(text)

    def test_lengths_are_those_of_the_rules(self) -> None:
        assert faults(fronted(f"name: {'n' * 64}", f"description: {'x' * 1_024}"), folder="n" * 64) == []
        assert faults(fronted(f"name: {'n' * 65}", "description: R."), folder="n" * 65) == [
            ("name against the rules", 2)
        ]

    def test_several_are_all_told_the_worst_first(self) -> None:
        found = head(fronted("name: Re View", "license: MIT"))
        assert [fault.kind for fault in found.faults] == [
            FaultKind.NO_DESCRIPTION,
            FaultKind.BAD_NAME,
            FaultKind.OTHER_NAME,
        ]
        text = told(found.faults)
        assert text is not None and text.splitlines()[0].startswith("no description (line 1): Say")
        assert [str(fault) for fault in faults_in(text)] == text.splitlines()

    def test_what_is_no_utf8_is_told_with_its_line(self) -> None:
        assert faults(GOOD.encode() + b"line\n\xff") == [("not UTF-8", 9)]

    def test_half_a_sentence_is_no_description(self) -> None:
        found = head(fronted("name: review", "description: Use when: now"))
        assert found.description is None and "Put quotes around" in (told(found.faults) or "")

    def test_commands_need_nothing_and_agents_may_have_any_file(self) -> None:
        assert head("# Deploy\n\nNow.", Form.COMMAND).description == "Deploy"
        assert head(fronted("allowed-tools: Bash"), Form.COMMAND).description == "Body."
        assert faults("Now.", Form.COMMAND) == [] and faults("Now.", Form.AGENT) == [("no frontmatter", 1)]
        assert faults(fronted("name: Any", "description: R."), Form.COMMAND) == []
        assert faults(fronted("name: other", "description: R."), Form.AGENT) == []


class TestBombs:
    """What makes other readers of YAML fall over costs nothing here."""

    LAUGHS = fronted(
        "a: &a [x, x, x, x, x, x, x, x, x]",
        *(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(9)),
    )

    @pytest.mark.parametrize(
        "text",
        [
            LAUGHS,
            fronted("name: review", "base: &b {a: 1}", "more:", "  <<: *b"),
            fronted("name: review", "description: " + "[" * 30_000),
            fronted("name: review", "description: " + "{a: " * 10_000),
            fronted("- " * 10_000 + "x"),
            fronted("? " * 10_000 + "x"),
            fronted("name: review", "description: " + "x" * (1 << 17)),
        ],
    )
    def test_ends_at_once_and_is_told(self, text: str) -> None:
        began = time.perf_counter()
        found = head(text)
        assert time.perf_counter() - began < 0.5
        assert FaultKind.TOO_DEEP in [fault.kind for fault in found.faults]
        assert any(fault.kind.breaks for fault in found.faults)


def test_what_another_program_wrote_is_a_fault_all_the_same() -> None:
    assert faults_in("something else") == [Fault(FaultKind.UNREADABLE, "something else")]
    assert faults_in(None) == []
