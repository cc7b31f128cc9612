"""In which phase of a piece of work a call stands.

The rule, per agent and user prompt:

- what a shell rule says of a recognised command wins (tests and linters verify,
  commits, pushes and deletions clean up);
- **a change** (a tool that writes files) is *execution*, and from there on the work has
  changed something;
- **looking** (reading, searching, fetching) is *setup* before the first change and
  *verification* after it: it looks at what was done;
- **asking, planning and commands no rule knows** (``ls``, ``sed``: they look as often as
  they act) are *setup* before the first change, *execution* after it;
- everything else (skills, subagents, MCP tools) moves the work on and is *execution*; but
  a subagent that only explores or plans is looking.
"""

from __future__ import annotations

from session_buddy.model import Phase

__all__ = ["is_change", "phase_of"]

_CHANGES = frozenset(
    {"Edit", "Write", "MultiEdit", "NotebookEdit", "apply_patch"}
    # Gemini CLI, Copilot CLI, OpenCode, OpenHands and SWE-agent
    | {"write_file", "replace", "edit", "create", "write", "multiedit", "patch", "insert"}
)
_LOOKS = frozenset(
    {"Read", "Grep", "Glob", "LS", "NotebookRead", "WebFetch", "WebSearch", "ToolSearch", "BashOutput", "TaskOutput"}
    | {
        "agent:Explore",
        "agent:Plan",
        "agent:claude-code-guide",
        "web_search",
        "view_image",
        "list_agents",
        "wait_agent",
    }
    | {"read_file", "read_many_files", "list_directory", "glob", "grep_search", "search_file_content", "web_fetch"}
    | {"google_web_search", "view", "grep", "read", "list", "webfetch", "websearch", "codesearch", "read_bash"}
    | {"open", "goto", "scroll_up", "scroll_down", "search_dir", "search_file", "find_file", "filemap", "browser"}
    | {"agent:explore", "agent:plan", "agent:codebase_investigator"}
)
_UNDECIDED = frozenset(
    {"TodoWrite", "TodoRead", "TaskCreate", "TaskUpdate", "TaskList", "TaskGet", "AskUserQuestion"}
    | {"EnterPlanMode", "ExitPlanMode", "exit_plan_mode", "Bash", "PowerShell", "exec_command", "exec", "shell"}
    | {"shell_command", "write_stdin", "wait", "update_plan", "request_user_input"}
    | {"run_shell_command", "bash", "execute_bash", "terminal", "execute_ipython_cell", "think", "task_tracker"}
    | {"write_todos", "todowrite", "todoread", "ask_user", "question", "report_intent", "write_bash", "stop_bash"}
)


def is_change(skill_name: str) -> bool:
    """Tell whether a call of *skill_name* changes what is worked on."""
    return skill_name in _CHANGES


def phase_of(skill_name: str, *, changed: bool, told: Phase | None = None) -> Phase:
    """Return the phase of a call of *skill_name*; *changed*: the work has changed something before.

    *told* is what a shell rule says. Pure and total.

    >>> phase_of("Read", changed=False).value, phase_of("Read", changed=True).value
    ('setup', 'verification')
    """
    if told is not None:
        return told
    if skill_name in _LOOKS:
        return Phase.VERIFICATION if changed else Phase.SETUP
    if skill_name in _UNDECIDED:
        return Phase.EXECUTION if changed else Phase.SETUP
    return Phase.EXECUTION
