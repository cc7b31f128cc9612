"""What there is to learn categories from, and which skills are to be sorted.

Reads the store; writes nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from session_buddy.catalog.scanning.sources import BUILT_IN, is_whole
from session_buddy.catalog.taxonomy.categoriser import Example
from session_buddy.catalog.taxonomy.hierarchy import Category, plain_name
from session_buddy.catalog.taxonomy.keeping import Assignment, chief_assignment, is_rejected
from session_buddy.catalog.taxonomy.texts import SkillText
from session_buddy.model import Kind
from session_buddy.storage import Store

__all__ = ["PERSON_WEIGHT", "KnownSkill", "labelled", "read_texts_of_skills"]

PERSON_WEIGHT = 3.0
"""What a person said teaches so many times as much as what a file or a rule says."""
_MOST_TAUGHT = 3_000
"""Of more labelled skills so many are learned from: a person's first, then by lot that does not change."""
_USED = "SELECT skill_name, kind FROM skill_metrics"
_DESCRIBED = "SELECT skill_name, description FROM skill_description FINAL"
_WRITTEN = "SELECT path, skill_name FROM skill_sources FINAL"


class KnownSkill(NamedTuple):
    """A skill of which it is known anyway where it belongs: there is a rule for it."""

    text: SkillText
    category: str
    domain: str


def labelled(
    categories: Sequence[Category],
    assignments: Iterable[Assignment],
    texts: Mapping[str, SkillText],
    rules: Sequence[KnownSkill] = (),
) -> list[Example]:
    """Return the skills that somebody put into one of *categories*, and the words of these; by name.

    A skill in several is taught as what its person, else its surest assignment, says. A rule that a person rejected
    for a skill teaches nothing of it.
    """
    names = {one.category_id: plain_name(one) for one in categories}
    said: dict[str, list[Assignment]] = defaultdict(list)
    rejected: set[tuple[str, str]] = set()
    for one in assignments:
        if one.category_id not in names or one.assigned_by == "inference":
            continue
        if is_rejected(one):
            rejected.add((one.skill_name, names[one.category_id]))
        else:
            said[one.skill_name].append(one)
    found = {
        rule.text.name: Example(rule.text, rule.category)
        for rule in rules
        if (rule.text.name, rule.category) not in rejected
    }
    for skill, several in said.items():
        chief = chief_assignment(several)
        weight = PERSON_WEIGHT if chief.assigned_by == "person" else 1.0
        known = found[skill].text if skill in found else SkillText(skill)
        found[skill] = Example(texts.get(skill, known), names[chief.category_id], weight)
    chosen = sorted(found.values(), key=lambda one: (-one.weight, _lot(one.text.name)))[:_MOST_TAUGHT]
    # Categories of rules that nobody used yet are made when they are wanted, and must not change the lesson then.
    named = {rule.category: "" for rule in rules} | {plain_name(one): one.description or "" for one in categories}
    words = [Example(SkillText(name, text), name, is_skill=False) for name, text in named.items()]
    return [*sorted(chosen, key=lambda one: one.text.name), *sorted(words, key=lambda one: one.category)]


def read_texts_of_skills(store: Store) -> dict[str, SkillText]:
    """Return the name and description of every skill that was used, described or found, by name.

    An agent's built-in tools are not among them, nor what is but a rule of the program for what nobody here used.
    """
    used = dict(store.query(_USED).rows)
    described: dict[str, str] = dict(store.query(_DESCRIBED).rows)
    written: set[str] = set()
    ruled: set[str] = set()
    for path, skill in store.query(_WRITTEN).rows:
        if not is_whole(path):
            (ruled if path.startswith(BUILT_IN) else written).add(skill)
    known = (used.keys() | described.keys() | written) - (ruled - used.keys() - written)
    return {
        skill: SkillText(skill, described.get(skill, "")) for skill in sorted(known) if used.get(skill) != Kind.TOOL
    }


def _lot(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
