"""The server as the SDK wants it: what agents call, answered from a ground in threads."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

import session_buddy
from session_buddy.errors import SessionBuddyError
from session_buddy.server.mcp import prompts, resources
from session_buddy.server.mcp.ground import Ground
from session_buddy.server.mcp.schemas import short_schema_of
from session_buddy.server.mcp.tools import TOOLS, Tool, call
from session_buddy.server.tokens import Scope

__all__ = ["mcp_server"]

_AT_ONCE = 8
_LONGEST_REFUSAL = 1_200
"""Characters; none is more than a token or so."""
"""Calls that are answered side by side; more wait."""
_INSTRUCTIONS = (
    "Figures on the skills that agents use here: which work, which broke, what to use next. Success is completed of"
    " completed and failed, 0-1. Names of skills may be given without their prefix. Where an answer has 'next', ask the"
    " same again with that as cursor. Without user_id it is the user of this server."
)
_log = logging.getLogger(__name__)


def mcp_server(ground: Callable[[], Ground]) -> Server[Any]:
    """Return a server that answers from what *ground* returns, which is asked in a thread at every call."""
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def in_thread(action: Callable[[], Any]) -> Any:
        return await anyio.to_thread.run_sync(action, limiter=limiter)

    async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS.values()])

    async def call_tool(context: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        if asked.name not in TOOLS:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {asked.name!r}; there are {', '.join(TOOLS)}.")
        try:
            may_record = _may_record(context.request)
            answer = await in_thread(lambda: call(ground(), asked.name, asked.arguments, may_record=may_record))
        except SessionBuddyError as error:
            return _refused(f"{error.problem} {error.remedy}")
        except Exception:
            _log.exception("The tool %s made a mistake.", asked.name)
            return _refused("Session-Buddy made a mistake; its log says which. Please report it.")
        return types.CallToolResult(content=[types.TextContent(text=_text(answer))], structured_content=answer)

    async def list_resources(_: Any, __: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(uri=one.uri, name=one.name, description=one.description, mime_type="application/json")
                for one in resources.RESOURCES
            ]
        )

    async def list_templates(_: Any, __: Any) -> types.ListResourceTemplatesResult:
        one = resources.PROFILE
        template = types.ResourceTemplate(
            uri_template=one.uri, name=one.name, description=one.description, mime_type="application/json"
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(_: Any, asked: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(asked.uri)
        found = await in_thread(lambda: _or_refused(lambda: resources.read(ground(), uri)))
        text = types.TextResourceContents(uri=uri, text=_text(found), mime_type="application/json")
        return types.ReadResourceResult(contents=[text])

    async def list_prompts(_: Any, __: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(
            prompts=[
                types.Prompt(
                    name=one.name,
                    description=one.description,
                    arguments=[
                        types.PromptArgument(name=name, description=meaning, required=True)
                        for name, meaning in one.arguments.items()
                    ],
                )
                for one in prompts.PROMPTS.values()
            ]
        )

    async def get_prompt(_: Any, asked: types.GetPromptRequestParams) -> types.GetPromptResult:
        text = _or_refused(lambda: prompts.filled(asked.name, asked.arguments))
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(description=prompts.PROMPTS[asked.name].description, messages=[message])

    return Server(
        "session-buddy",
        title="Session-Buddy",
        version=session_buddy.__version__,
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=short_schema_of(tool.arguments),
        annotations=_hints(tool),
    )


def _may_record(request: Any) -> bool:
    """Tell whether *request* came with a token that may record; over pipes there is none, and everything is allowed."""
    return request is None or request.state.grant.scope.covers(Scope.INGEST)


def _hints(tool: Tool) -> types.ToolAnnotations:
    """Return what clients may rely on; of a tool that only reads the others say nothing."""
    if tool.is_reading:
        return types.ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return types.ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )


def _refused(text: str) -> types.CallToolResult:
    # As short as any answer: names that are suggested may be long.
    shown = text if len(text) <= _LONGEST_REFUSAL else text[:_LONGEST_REFUSAL] + "…"
    return types.CallToolResult(content=[types.TextContent(text=shown)], is_error=True)


def _or_refused(action: Callable[[], Any]) -> Any:
    """Return what *action* returns; an error of ours becomes one of the protocol, in the same words."""
    try:
        return action()
    except SessionBuddyError as error:
        raise MCPError(types.INVALID_PARAMS, f"{error.problem} {error.remedy}") from error


def _text(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
