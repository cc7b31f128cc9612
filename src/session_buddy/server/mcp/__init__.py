"""What agents ask over MCP: tools, resources and prompts, over stdio and over HTTP.

Tools answer with the values of :mod:`session_buddy.reports`, as commands and the API do, cut to what a model can afford
to read. Only :mod:`~session_buddy.server.mcp.protocol` and what stands on it know the SDK, and tools load what they
answer with when they are called: a server that is asked nothing costs nothing.
"""
