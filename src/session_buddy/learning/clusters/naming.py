"""Clusters called by what sets them apart: class-based tf-idf over names and descriptions. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import log

import numpy as np

from session_buddy.learning.clusters.partition import Partition
from session_buddy.learning.words import stem, words_of

__all__ = ["ClusterName", "SkillText", "named"]

_SAID_OF_ANY = """
    skill skills use used uses using user users agent agents tool tools claude mcp when based via etc support supports
    including includes provides need needs want wants asks help helps best comprehensive
"""
_TERMS = 10
_IN_A_NAME = 2
_EXAMPLES = 3
_IN_SKILLS = 0.1
"""A term says something of a cluster if it is in such a part of its skills, and in two."""
_NAME_WEIGHT = 3
"""A word in a skill's name counts as often as so many in its description."""


@dataclass(frozen=True)
class SkillText:
    """What is known of a skill in words."""

    name: str
    description: str = ""


@dataclass(frozen=True)
class ClusterName:
    """What a cluster is called, and why."""

    name: str
    """Unique among those named together."""
    description: str
    terms: tuple[str, ...]
    """The strongest first."""


def named(skills: Sequence[SkillText], found: Partition, *, kept: Sequence[str | None] = ()) -> list[ClusterName]:
    """Return the names of all clusters.

    A term weighs ``tf * ln(1 + A / f)``: tf its frequency in the cluster, f in all clusters, A the mean number of words
    of a cluster (Grootendorst 2022, class-based tf-idf). *kept*: the name that a cluster had before; it stays if half
    of its terms are among the strongest still, and no earlier cluster has it.
    """
    bags = [_bag(skill) for skill in skills]
    members = [np.flatnonzero(found.labels == cluster).tolist() for cluster in range(found.count)]
    terms = _strongest([[bags[place] for place in places] for places in members])
    taken: set[str] = set()
    names = []
    before = list(kept) or [None] * found.count
    for cluster, places in enumerate(members):
        order = sorted(places, key=lambda place: (-found.memberships[place], skills[place].name))
        examples = [skills[place].name for place in order[:_EXAMPLES]]
        old = before[cluster]
        name = old if old and old not in taken and _is_apt(old, terms[cluster]) else None
        name = name or _unique(terms[cluster], examples[0], taken)
        taken.add(name)
        words = f"{', '.join(terms[cluster])}. " if terms[cluster] else ""
        names.append(ClusterName(name, f"{words}For example {', '.join(examples)}.", tuple(terms[cluster])))
    return names


def _bag(skill: SkillText) -> Counter[str]:
    bag = Counter(_words(skill.description))
    for word in _words(skill.name):
        bag[word] += _NAME_WEIGHT
    return bag


def _words(text: str) -> list[str]:
    words = (word.casefold() for word, _ in words_of(text))
    return [word for word in words if word not in _common() and not word[0].isdigit()]


@cache
def _common() -> frozenset[str]:
    # It takes a second to load, and most commands do without.
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # type: ignore[import-untyped]

    return frozenset(ENGLISH_STOP_WORDS) | frozenset(_SAID_OF_ANY.split())


def _strongest(clusters: list[list[Counter[str]]]) -> list[list[str]]:
    """Return the terms of each cluster, given as the bags of its skills."""
    counts = [sum(bags, Counter()) for bags in clusters]
    everywhere = sum(counts, Counter())
    mean = sum(everywhere.values()) / max(1, len(clusters))
    found = []
    for bags, count in zip(clusters, counts, strict=True):
        skills_with = Counter(word for bag in bags for word in bag)
        least = max(2, _IN_SKILLS * len(bags))
        words = sum(count.values())
        weights = {
            word: times / words * log(1 + mean / everywhere[word])
            for word, times in count.items()
            if skills_with[word] >= least
        }
        found.append(_without_kin(sorted(weights, key=lambda word: (-weights[word], word)))[:_TERMS])
    return found


def _without_kin(words: list[str]) -> list[str]:
    """Return *words* without those that are forms of an earlier one."""
    kept: dict[str, str] = {}
    for word in words:
        kept.setdefault(stem(word), word)
    return list(kept.values())


def _is_apt(name: str, terms: Sequence[str]) -> bool:
    said, stems = _words(name), {stem(term) for term in terms}
    return bool(said) and sum(stem(word) in stems for word in said) * 2 >= len(said)


def _unique(terms: Sequence[str], example: str, taken: set[str]) -> str:
    for length in range(min(_IN_A_NAME, len(terms)), len(terms) + 1):
        name = ", ".join(terms[:length]) or example
        if name not in taken:
            return name
    number = 2
    while (name := f"{', '.join(terms[:_IN_A_NAME]) or example} {number}") in taken:
        number += 1
    return name
