"""Skills to be searched, and the model where it lies beside the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_buddy.learning.search.embedding import LetterEmbedder
from session_buddy.learning.search.index import SearchQuestion, SkillIndex
from session_buddy.learning.search.reranking import SkillCard
from session_buddy.model import Kind

SHARED = Path(__file__).parents[4] / "shared"
MODEL_FOLDER = SHARED / "models" / "all-MiniLM-L6-v2"
QRELS = SHARED / "data" / "skills" / "search_qrels.json"

needs_model = pytest.mark.skipif(
    not (MODEL_FOLDER / "model.onnx").is_file(),
    reason="there is no shared/models/all-MiniLM-L6-v2 beside the repository",
)

DESCRIPTIONS = {
    "pdf": "Extract text and tables from PDF files, fill in forms, merge documents.",
    "xlsx": "Create and edit spreadsheets with formulas, charts and formatting.",
    "web-research": "Search the web and summarise what sources say.",
    "code-review": "Review a pull request for bugs, style and missing tests.",
    "pytest-run": "Runs the tests of a Python project.",
    "deploy-web": "Puts web pages on line.",
}


def card(skill: str, description: str | None = None, **fields: object) -> SkillCard:
    told = DESCRIPTIONS.get(skill, "") if description is None else description
    return SkillCard(skill=skill, description=told, **{"kind": Kind.SKILL, **fields})  # type: ignore[arg-type]


def cards() -> list[SkillCard]:
    return [card(skill) for skill in DESCRIPTIONS]


def index(*given: SkillCard) -> SkillIndex:
    return SkillIndex.of(given or cards(), LetterEmbedder())


def question(text: str, **fields: object) -> SearchQuestion:
    return SearchQuestion(text=text, **fields)  # type: ignore[arg-type]
