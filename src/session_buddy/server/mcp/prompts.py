"""Prompts that people can choose in their agent: questions that the tools can answer."""

from __future__ import annotations

from typing import NamedTuple

from session_buddy.errors import InvalidInput, NotFound

__all__ = ["PROMPTS", "Prompt", "filled"]

_LONGEST = 500


class Prompt(NamedTuple):
    """A prompt; its text names its arguments in braces."""

    name: str
    description: str
    arguments: dict[str, str]
    """What each means; all of them must be given."""
    text: str


PROMPTS: dict[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            "why",
            "Why does a skill fail, or why has it become slower?",
            {"skill": "Its name"},
            "Find out why the skill {skill} fails or has become slower. Ask skill_stats and list_anomalies for it. Say"
            " when it last worked, with which errors it ends, whether that changed at one moment, and what the figures"
            " cannot tell: with fewer than ten uses nothing is certain.",
        ),
        Prompt(
            "choose",
            "Which skill for a piece of work?",
            {"work": "What is to be done"},
            "I want to do this: {work}\n\nAsk search_skills for it, and recommend_skills for what goes with my work."
            " Of the best three ask predict_success. Name one to use and why, and one to fall back to.",
        ),
        Prompt(
            "weekly-review",
            "What worked this week, what broke, what to change?",
            {},
            "Review how my skills did in the last seven days: ask skill_stats with days=7, by uses and by failures, and"
            " list_anomalies. Say what works, what broke, what I do not use though it would help (recommend_skills),"
            " and the one change that is worth most. Ten lines at most.",
        ),
    )
}


def filled(name: str, given: dict[str, str] | None) -> str:
    """Return the text of the prompt *name* with what is *given* in it.

    Raises :class:`NotFound` for a prompt that there is not, and :class:`InvalidInput` for arguments that are missing
    or too long.
    """
    prompt = PROMPTS.get(name)
    if prompt is None:
        raise NotFound(f"There is no prompt {name!r}.", remedy=f"There are {', '.join(PROMPTS)}.")
    values = {}
    for argument, meaning in prompt.arguments.items():
        value = (given or {}).get(argument, "").strip()
        if not value or len(value) > _LONGEST:
            problem = "is missing." if not value else f"has more than {_LONGEST} characters."
            raise InvalidInput(argument, problem, remedy=f"Give it: {meaning.lower()}.")
        values[argument] = value
    return prompt.text.format(**values)
