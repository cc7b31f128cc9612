"""Skills with texts of known subjects, the same for the same seed."""

from __future__ import annotations

import numpy as np

from session_buddy.catalog.taxonomy.categoriser import Example
from session_buddy.catalog.taxonomy.texts import Meaning, SkillText, Wording
from session_buddy.learning.words import spoken_name, stems_of

WORDING = Wording(spoken_name, stems_of)
SUBJECTS = {
    "Baking": "bread dough oven yeast flour crust loaf knead proof bagel",
    "Sailing": "boat mast rudder anchor keel harbour tide sail knot wind",
    "Astronomy": "star planet orbit telescope comet galaxy lens eclipse moon nebula",
}
FILLER = ["makes", "checks", "plans", "shows", "turns", "keeps", "lists", "finds"]


def skill(subject: str, number: int, seed: int = 0, *, muddle: float = 0.0) -> SkillText:
    """Return a skill of *subject*; with chance *muddle* each of its words is one of any subject."""
    random = np.random.default_rng([seed, number, list(SUBJECTS).index(subject)])
    own = SUBJECTS[subject].split()
    everything = " ".join(SUBJECTS.values()).split()
    words = [str(random.choice(everything if random.random() < muddle else own)) for _ in range(4)]
    verb = str(random.choice(FILLER))
    return SkillText(
        f"{words[0]}-{verb}-{number}", f"{verb} the {words[1]} and the {words[2]} of a {words[3]} {number}"
    )


def examples(each: int, seed: int = 0, *, muddle: float = 0.0) -> list[Example]:
    """Return so many skills of each subject, with their category."""
    return [
        Example(skill(subject, number, seed, muddle=muddle), subject) for number in range(each) for subject in SUBJECTS
    ]


def meaning_of(texts: list[SkillText], *, scatter: float = 0.3) -> Meaning:
    """Return vectors that know how many words of each subject a text has."""
    whole = [f"{text.name} {text.description}" for text in texts]
    rows = np.array(
        [[1e-3 + sum(word in text for word in words.split()) for words in SUBJECTS.values()] for text in whole]
    )
    rows = rows + scatter * np.random.default_rng(1).standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
