"""Write docs/reference/mcp.md from the tools themselves: ``python -m tools.mcp_reference``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from session_buddy.server.mcp.prompts import PROMPTS
from session_buddy.server.mcp.resources import PROFILE, RESOURCES
from session_buddy.server.mcp.schemas import schema_of
from session_buddy.server.mcp.tools import TOOLS, Tool

__all__ = ["PAGE", "mcp_page"]

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "mcp.md"

_HEAD = """# What agents can ask over MCP

<!-- Written by tools/mcp_reference.py from the tools themselves. Change those, then run it again. -->

How to add the server to an agent: [ask from an agent](../how-to/ask-from-an-agent.md).

Answers come as text and as structured content, which say the same, and are those of the commands and of the REST API:
the same names, the same numbers, to four decimals; what says nothing (null, empty) is left out, and so are the days
and hours of a skill, which are for charts. An answer has 2,000 tokens at most, estimated as in the catalogue; common
tokenizers make some 1,200 of that. Where there is more it has `next`: ask the same again with that as `cursor`. Where
a list or a text was cut short, `…` or `…_left_out` says so. Errors of use come as answers that are errors, and say
what to do. Numbers may be given as texts. Without `user_id` it is whoever runs the server.

Over HTTP a token for reading is enough for all but `record_outcome`, `rate_skill`, and `experiment_variant` with
`exposed`.

## Tools
"""


def mcp_page() -> str:
    """Return the whole page."""
    parts = [
        _HEAD,
        *(_tool(tool) for tool in TOOLS.values()),
        "\n## Resources\n\n| Address | What it is |\n|---|---|\n",
    ]
    parts += [f"| `{one.uri}` | {one.description} |\n" for one in (*RESOURCES, PROFILE)]
    parts.append("\n## Prompts\n\n| Name | What it asks | Arguments |\n|---|---|---|\n")
    for one in PROMPTS.values():
        given = ", ".join(f"`{name}`: {meaning[0].lower()}{meaning[1:]}" for name, meaning in one.arguments.items())
        parts.append(f"| `{one.name}` | {one.description} | {given} |\n")
    return "".join(parts)


def _tool(tool: Tool) -> str:
    schema = schema_of(tool.arguments)
    head = f"\n### `{tool.name}`\n\n{tool.description} {'Only reads.' if tool.is_reading else 'Records.'}\n\n"
    rows = [
        f"| `{name}`{' (needed)' if name in schema.get('required', ()) else ''} | {_type(told)} |"
        f" {told.get('description', '')}{_default(told)} |\n"
        for name, told in schema["properties"].items()
    ]
    return f"{head}| Argument | Type | Meaning |\n|---|---|---|\n{''.join(rows)}"


def _type(told: dict[str, Any]) -> str:
    if "enum" in told:
        return ", ".join(f"`{value}`" for value in told["enum"])
    kind = str(told.get("type", "any"))
    if kind == "array":
        return f"list of {_type(told['items'])}"
    least, most = told.get("minimum"), told.get("maximum")
    if least is not None and most is not None:
        return f"{kind}, {least:,} to {most:,}"
    return f"{kind}, up to {told['maxLength']:,} characters" if "maxLength" in told else kind


def _default(told: dict[str, Any]) -> str:
    return f" Default: `{told['default']}`." if "default" in told else ""


if __name__ == "__main__":
    PAGE.write_text(mcp_page(), encoding="utf-8")
