"""Who gets what: the specification's rule to the letter, and what a fair rule must be besides."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from fractions import Fraction
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chisquare

from session_buddy.errors import InvalidInput
from session_buddy.experiments.assignment import (
    Assignment,
    AssignmentRule,
    Override,
    Standing,
    Variant,
    assign,
    assign_all,
)

USERS = [f"user-{number}" for number in range(20_000)]
FAR_OUT = 1e-4
"""Digests are what they are, so these tests fail always or never: how unlikely the seen may be."""

# Digests by `printf %s TEXT | md5sum`; the buckets are their last digits in decimal.
GOLDEN = [
    ("user123", 1, "ff5c38a7b62ba15bdb27c81461a43028", "64.9434", "treatment"),
    ("alice", 1, "2f1aebcfda8876332293723f6a87c8ee", "30.3156", "control"),
    ("alice", 2, "a043d6c3e7a30c83eb182d7fc80006cf", "67.4203", "treatment"),
    ("bob", 1, "fbe0d757d16da085ce214a9248b60f32", "26.9110", "control"),
    ("Ünïcode-Ω", 7, "34bbe0f30d73fa83ccd177af64217c82", "54.8491", "treatment"),
    ("日本語", 42, "070f18e4a19a486a1f2551c6aa69e37b", "79.1139", "treatment"),
    ("a b:c", 3, "30b1f59be82ea4744368c46ce64c517b", "3.9486", "control"),
    ("0", 0, "3eac1f3c2ef5215eb9bd13e28ae0975a", "50.4458", "treatment"),
    ("u🙂", 1000, "08df0de7973c6c03e7ef59facce8e0be", "86.8378", "treatment"),
]

texts = st.text(st.characters(codec="utf-8"), min_size=1)
numbers = st.integers(0, 2**53)
shares = st.integers(1, 999_999).map(lambda millionths: millionths / 1_000_000)


def as_printed(user_id: str, test_id: int) -> str:
    """Return what the specification's own lines give."""
    hash_value = int(hashlib.md5(f"{user_id}:{test_id}".encode()).hexdigest(), 16)
    return "control" if hash_value % 100 < 50 else "treatment"


def bucket_of(text: str) -> Fraction:
    h = int(hashlib.md5(text.encode()).hexdigest(), 16)
    return Fraction(h % 100) + Fraction(h // 100 % 10_000, 10_000)


def below(share: float) -> Fraction:
    return 100 * Fraction(str(share))


def groups_of(rule: AssignmentRule, users: list[str] = USERS) -> np.ndarray:
    return np.array([variant is Variant.CONTROL for variant in assign_all(rule, users)])


@pytest.mark.parametrize(("user_id", "test_id", "digest", "bucket", "group"), GOLDEN)
def test_golden_vectors(user_id: str, test_id: int, digest: str, bucket: str, group: str) -> None:
    assert hashlib.md5(f"{user_id}:{test_id}".encode()).hexdigest() == digest
    assert bucket_of(f"{user_id}:{test_id}") == Fraction(bucket)
    rule = AssignmentRule(test_id=test_id)
    assert assign(rule, user_id) == Assignment(user_id, Variant(group), Standing.ASSIGNED)
    at = float(bucket) / 100
    assert assign(AssignmentRule(test_id=test_id, ratio=at), user_id).variant is Variant.TREATMENT
    assert assign(AssignmentRule(test_id=test_id, ratio=at + 1e-6), user_id).variant is Variant.CONTROL


@given(texts, numbers)
def test_at_a_half_it_is_the_printed_rule(user_id: str, test_id: int) -> None:
    assert assign(AssignmentRule(test_id=test_id), user_id).variant == as_printed(user_id, test_id)


@given(st.lists(texts, max_size=30), numbers, shares, shares, st.booleans(), st.lists(shares, min_size=2, max_size=2))
def test_any_rule_is_as_written_and_a_batch_as_its_users(
    users: list[str], test_id: int, ratio: float, enrolment: float, is_forced: bool, part: list[float]
) -> None:
    start, end = sorted(part)
    overrides = {user: Override.TREATMENT for user in users[:1] if is_forced}
    rule = AssignmentRule(
        test_id=test_id, ratio=ratio, enrolment=enrolment, namespace="n", namespace_start=start, namespace_end=end,
        overrides=overrides,
    )  # fmt: skip
    batch = assign_all(rule, users)
    for user, variant in zip(users, batch, strict=True):
        one = assign(rule, user)
        if user in overrides:
            assert one == Assignment(user, Variant.TREATMENT, Standing.OVERRIDDEN)
        elif not below(start) <= bucket_of(f"{user}:namespace:n") < below(end):
            assert one == Assignment(user, Variant.CONTROL, Standing.OUTSIDE_NAMESPACE)
        elif not bucket_of(f"{user}:{test_id}:enrolment") < below(enrolment):
            assert one == Assignment(user, Variant.CONTROL, Standing.NOT_ENROLLED)
        else:
            assert one.standing is Standing.ASSIGNED
            assert (one.variant is Variant.CONTROL) == (bucket_of(f"{user}:{test_id}") < below(ratio))
        assert one.takes_part == (variant is not None)
        assert variant is None or variant is one.variant


@given(texts, numbers, shares, shares)
def test_a_growing_enrolment_keeps_who_is_in_as_they_are(user: str, test_id: int, one: float, other: float) -> None:
    small, large = (assign(AssignmentRule(test_id=test_id, enrolment=share), user) for share in sorted((one, other)))
    assert small == large or small.standing is Standing.NOT_ENROLLED


@given(texts, numbers, shares, shares)
def test_a_growing_ratio_moves_users_to_control_only(user: str, test_id: int, one: float, other: float) -> None:
    small, large = (assign(AssignmentRule(test_id=test_id, ratio=share), user) for share in sorted((one, other)))
    assert small == large or (small.variant, large.variant) == (Variant.TREATMENT, Variant.CONTROL)


@pytest.mark.long
def test_buckets_are_even() -> None:
    shares_of_control = [int(groups_of(AssignmentRule(test_id=9, ratio=cut / 100)).sum()) for cut in range(1, 100)]
    counts = np.diff([0, *shares_of_control, len(USERS)])
    assert len(counts) == 100
    assert FAR_OUT < chisquare(counts).pvalue < 1 - FAR_OUT
    # Behind the point, too: a hundredth of a bucket each.
    within = [bucket_of(f"{user}:9") * 100 % 100 for user in USERS]
    assert FAR_OUT < chisquare(np.histogram([float(one) for one in within], 100, (0, 100))[0]).pvalue < 1 - FAR_OUT


@pytest.mark.parametrize("ratio", [0.01, 0.1, 0.3333, 0.5, 0.9, 0.999])
def test_the_ratio_is_kept(ratio: float) -> None:
    control = int(groups_of(AssignmentRule(test_id=3, ratio=ratio)).sum())
    assert chisquare([control, len(USERS) - control], [ratio * len(USERS), (1 - ratio) * len(USERS)]).pvalue > FAR_OUT


@pytest.mark.long
def test_a_thousand_experiments_are_independent_of_each_other() -> None:
    users = USERS[:1_000]
    groups = np.array([groups_of(AssignmentRule(test_id=number), users) for number in range(1_000)], dtype=float)
    correlations = np.corrcoef(groups)[np.triu_indices(1_000, 1)]
    # Under independence each is about normal with variance 1 / (n - 1).
    evidence = (correlations**2).sum() * (len(users) - 1)
    assert FAR_OUT < chi2.sf(evidence, len(correlations)) < 1 - FAR_OUT
    assert abs(correlations).max() * len(users) ** 0.5 < 6


@pytest.mark.parametrize(
    "other",
    [
        AssignmentRule(test_id=5, enrolment=0.5),
        AssignmentRule(test_id=5, namespace="search", namespace_end=0.5),
    ],
    ids=["enrolment", "namespace"],
)
def test_who_takes_part_says_nothing_of_the_variant(other: AssignmentRule) -> None:
    groups = groups_of(AssignmentRule(test_id=5))
    is_in = np.array([variant is not None for variant in assign_all(other, USERS)])
    assert 0.48 < is_in.mean() < 0.52
    assert abs(np.corrcoef(groups, is_in)[0, 1]) * len(USERS) ** 0.5 < 4


def test_a_part_of_a_namespace_begins_with_its_start_and_ends_before_its_end() -> None:
    at = float(bucket_of("alice:namespace:search")) / 100
    from_there = AssignmentRule(test_id=1, namespace="search", namespace_start=at)
    up_to_there = AssignmentRule(test_id=1, namespace="search", namespace_end=at)
    assert [assign(rule, "alice").takes_part for rule in (from_there, up_to_there)] == [True, False]


def test_parts_of_a_namespace_share_no_user_and_leave_none_out() -> None:
    cuts = [0.0, 0.2, 0.5, 0.50001, 1.0]
    parts = [
        AssignmentRule(test_id=number, namespace="search", namespace_start=start, namespace_end=end)
        for number, (start, end) in enumerate(pairwise(cuts))
    ]
    found = np.array([[variant is not None for variant in assign_all(part, USERS)] for part in parts])
    assert found.sum(axis=0).tolist() == [1] * len(USERS)
    assert [assign(part, "alice").standing is Standing.ASSIGNED for part in parts].count(True) == 1


@pytest.mark.parametrize(
    ("override", "variant"),
    [(Override.CONTROL, Variant.CONTROL), (Override.TREATMENT, Variant.TREATMENT), (Override.NONE, Variant.CONTROL)],
)
def test_an_override_beats_everything_and_counts_nowhere(override: Override, variant: Variant) -> None:
    rule = AssignmentRule(
        test_id=1, enrolment=0.5, namespace="n", namespace_start=0.9, overrides={"alice": override, "bob": override}
    )
    for user in ("alice", "bob"):
        assert assign(rule, user) == Assignment(user, variant, Standing.OVERRIDDEN)
        assert not assign(rule, user).takes_part
    assert assign_all(rule, ["alice", "bob"]) == [None, None]


def test_a_rule_travels_as_json() -> None:
    rule = AssignmentRule(test_id=7, ratio=0.3, enrolment=0.2, namespace="n", overrides={"bob": Override.NONE})
    assert msgspec.json.decode(msgspec.json.encode(rule), type=AssignmentRule) == rule


def test_forms_of_unicode_are_different_users() -> None:
    composed, apart = "é", "e\u0301"
    rules = [AssignmentRule(test_id=number) for number in range(64)]
    assert [assign(rule, composed).variant for rule in rules] != [assign(rule, apart).variant for rule in rules]


@pytest.mark.parametrize("ratio", [0.0, 1.0, 7.0, -0.5, 1e-9, 1 - 1e-9, float("nan"), float("inf")])
def test_a_ratio_that_is_none_is_refused(ratio: float) -> None:
    with pytest.raises(InvalidInput, match="no share of users") as refused:
        AssignmentRule(test_id=1, ratio=ratio)
    assert refused.value.field == "assignment_ratio"


NO_IDS = ["", None, 5, "half\ud800"]


@pytest.mark.parametrize("bad", NO_IDS)
@pytest.mark.parametrize(
    "rule",
    [AssignmentRule(test_id=1), AssignmentRule(test_id=1, enrolment=1e-6, overrides={"x": Override.NONE})],
    ids=["all", "hardly anybody"],
)
def test_what_is_no_id_is_refused(bad: str, rule: AssignmentRule) -> None:
    for call in (lambda: assign(rule, bad), lambda: assign_all(rule, ["alice", bad])):
        with pytest.raises(InvalidInput, match="user_id: "):
            call()


OTHER_PROCESS = """
import hashlib
from session_buddy.experiments.assignment import AssignmentRule, assign_all
rule = AssignmentRule(test_id=77, ratio=0.37, enrolment=0.8, namespace="n", namespace_end=0.9)
told = "".join(str(variant) for variant in assign_all(rule, [f"üser-{n}🙂" for n in range(5000)]))
print(hashlib.sha256(told.encode()).hexdigest())
"""


def test_other_processes_say_the_same() -> None:
    seen = {
        subprocess.run(
            [sys.executable, "-c", OTHER_PROCESS],
            env=os.environ | {"PYTHONHASHSEED": seed, "LC_ALL": "C"},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    rule = AssignmentRule(test_id=77, ratio=0.37, enrolment=0.8, namespace="n", namespace_end=0.9)
    told = "".join(str(variant) for variant in assign_all(rule, [f"üser-{n}🙂" for n in range(5000)]))
    assert seen == {hashlib.sha256(told.encode()).hexdigest() + "\n"}


def test_a_batch_takes_little_longer_than_its_digests() -> None:
    users = [f"user-{number}" for number in range(100_000)]

    def digests() -> list[int]:
        return [int.from_bytes(hashlib.md5(f"{user}:1".encode(), usedforsecurity=False).digest()) for user in users]

    def seconds(call: object) -> float:
        begun = time.process_time()
        call()  # type: ignore[operator]
        return time.process_time() - begun

    rule = AssignmentRule(test_id=1)
    pairs = [(seconds(lambda: assign_all(rule, users)), seconds(digests)) for _ in range(5)]
    assert min(batch for batch, _ in pairs) < 2 * min(plain for _, plain in pairs)
