"""The reference of the command line, made from the commands themselves.

``python -m session_buddy.cli.reference > docs/reference/cli.md`` writes it anew.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from typing import Any

import msgspec
import typer

from session_buddy.cli.app import command
from session_buddy.cli.failures import ExitCode
from session_buddy.experiments.design import Experiment
from session_buddy.experiments.outcomes import OutcomesRecorded
from session_buddy.learning.community.sharing import BundleTaken
from session_buddy.monitoring.alerts.targets import Target, TargetList
from session_buddy.monitoring.retention import Pruned
from session_buddy.reports.anomalies import AnomalyList, Look
from session_buddy.reports.backtesting import BacktestReport
from session_buddy.reports.categories import CategoryList, CategorySkills, ImportedTaxonomy, SkillSorting
from session_buddy.reports.checking import Check, Repaired
from session_buddy.reports.community import Community
from session_buddy.reports.dependency_figures import RelatedSkills, SkillNetwork, SkillPaths
from session_buddy.reports.experiment_power import PowerFigures
from session_buddy.reports.experiments import ExperimentHistory, ExperimentIndex, ExperimentReport
from session_buddy.reports.gate import Gate
from session_buddy.reports.importing import ImportSummary
from session_buddy.reports.landscape import ClusterIndex, ClusterMembers, SkillNeighbours
from session_buddy.reports.overview import Overview
from session_buddy.reports.profile import SkillProfile
from session_buddy.reports.ranking import Ranking
from session_buddy.reports.search import SearchAnswer
from session_buddy.reports.sessions import SessionList, Timeline
from session_buddy.reports.settings import SettingList
from session_buddy.reports.sorting import CategoryEvaluation
from session_buddy.reports.status import Quarantine, StoreStatus
from session_buddy.reports.tried_tests import TriedTests
from session_buddy.server.tokens import TokenList
from session_buddy.storage.copying import CopyReport
from session_buddy.storage.migrations.contract import Status

__all__ = ["reference"]

_SHAPES: dict[str, list[type[msgspec.Struct]]] = {
    "up": [Overview],
    "import": [ImportSummary],
    "top": [Ranking],
    "skill": [SkillProfile],
    "category list": [CategoryList],
    "category show": [CategorySkills],
    "category import": [ImportedTaxonomy],
    "category evaluate": [CategoryEvaluation],
    **{
        command: [SkillSorting]
        for command in (
            "category assign",
            "category reject",
            "category unassign",
            "modality show",
            "modality set",
            "modality forget",
        )
    },
    "ci import": [ImportSummary],
    "ci tests": [TriedTests],
    "ci gate": [Gate],
    "related": [RelatedSkills],
    "network": [SkillNetwork],
    "paths": [SkillPaths],
    "clusters": [ClusterIndex, ClusterMembers, SkillNeighbours],
    "search": [SearchAnswer],
    "sessions": [SessionList, Timeline],
    "status": [StoreStatus, Quarantine],
    "community": [Community],
    "community import": [BundleTaken],
    "anomalies": [AnomalyList],
    "anomalies backtest": [BacktestReport],
    "anomalies watch": [Look],
    "experiment list": [ExperimentIndex],
    "experiment show": [ExperimentReport],
    "experiment history": [ExperimentHistory],
    "experiment record": [OutcomesRecorded],
    "experiment power": [PowerFigures],
    **{
        f"experiment {step}": [Experiment]
        for step in ("create", "change", "start", "pause", "resume", "stop", "conclude", "archive")
    },
    "alerts add": [Target],
    "alerts list": [TargetList],
    "settings": [SettingList],
    "token list": [TokenList],
    "db status": [Status],
    "db verify": [Check],
    "db repair": [Repaired],
    "db copy": [CopyReport],
    "db prune": [Pruned],
}
_OTHER_SHAPES = {
    "sql": "A list of objects, one a row: column name to value. Two columns of one name become `a` and `a:1`."
    " Blobs are text in base64.",
    "token create": "`token`: the token.",
    "token revoke": "`revoked`: the id of the token.",
    "db migrate": "`versions`: the versions applied, in that order; with `--dry-run` `sql`.",
    "db rollback": "`versions`: the versions taken out, in that order; `backup`: the path of the backup made before,"
    " `null` where nothing was to be done; with `--dry-run` `sql`.",
    "experiment assign": "`assignments`: for each user, in their order, `user_id`, `variant` and `standing`:"
    " `assigned`, or why the user takes no part.",
    "experiment expose": "`assignments`: as `experiment assign` gives them.",
    "experiment report": "`report`: the path of the file.",
    "community export": "`skills`: the names that leave; `not_fit`: those that stay by their names; `too_few_users`: so"
    " many stay for that; `min_users`; without `--dry-run` `file`, `publisher` and `sequence`.",
    "community forget": "`forgotten`: the fingerprint.",
    "community key": "`fingerprint`; `file`: where the key is.",
    "alerts remove": "`removed`: its name.",
    "alerts test": "`sent`: its name.",
    "settings set": "`name`, and `value` as it is now.",
    "settings reset": "`name`, and `value` as it is now.",
    "db backup": "`backup`: the path of the copy; `size_bytes`.",
}
_PREFACE = """# The command line

<!-- Made by: python -m session_buddy.cli.reference > docs/reference/cli.md -->

Data go to stdout, everything else (progress, hints, errors) to stderr. Times are UTC, rates are fractions 0-1,
durations in JSON are seconds. An error is told as problem and remedy; with `--json` as
`{"error": {"type", "problem", "remedy", "exit_code"}}` on stderr, with `suggestions` beside them where a name was
not known. Fields may be added to the JSON shapes below; those that are there keep their names and meanings.
"""


def reference() -> str:
    """Return the whole page in Markdown."""
    root: Any = command()
    parts = [_PREFACE, *_exit_codes(), *_section("session-buddy", root)]
    for name, found in root.commands.items():
        parts += _section(name, found)
        for child_name, child in getattr(found, "commands", {}).items():
            parts += _section(f"{name} {child_name}", child)
    parts.append("## JSON shapes\n")
    for struct in _all_structs([shape for shapes in _SHAPES.values() for shape in shapes]):
        parts += _shape(struct)
    return "\n".join(parts).rstrip() + "\n"


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield from (f"- `{code.value}` {code.meaning}" for code in ExitCode)
    yield ""


def _section(name: str, found: Any) -> Iterator[str]:
    yield f"## {name if name == 'session-buddy' else f'session-buddy {name}'}\n"
    yield _reflowed(found.help or "") + "\n"
    hints = typing.get_type_hints(inspect.unwrap(found.callback)) if found.callback else {}
    rows = [_parameter(parameter, hints.get(parameter.name)) for parameter in found.params]
    if rows:
        yield "| | |\n|---|---|"
        yield from rows
        yield ""
    if name in _SHAPES:
        yield "With `--json`: " + " or ".join(_link(shape.__name__) for shape in _SHAPES[name]) + "\n"
    elif name in _OTHER_SHAPES:
        yield f"With `--json`: {_OTHER_SHAPES[name]}\n"


def _parameter(parameter: Any, hint: Any) -> str:
    if parameter.param_type_name == "argument":
        spelled = f"`{parameter.metavar}`"
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper().strip('_')}"
        spelled = f"`{', '.join(parameter.opts)}{value}`"
    notes = [parameter.help or ""]
    if words := _choices(hint):
        notes.append(f"One of {', '.join(f'`{word}`' for word in words)}.")
    default = parameter.default
    if default not in (None, False) and not callable(default):
        notes.append(f"Default: `{getattr(default, 'value', default)}`.")
    if parameter.envvar:
        notes.append(f"Environment: `{parameter.envvar}`.")
    return f"| {spelled} | {' '.join(notes)} |"


def _choices(hint: Any) -> list[str]:
    """Return the words that an option of type *hint* chooses from."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return [member.value for member in hint]
    return [word for part in typing.get_args(hint) for word in _choices(part)]


def _all_structs(roots: list[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """Return *roots* and all structs that their fields hold, each once, in the order met."""
    found: dict[type[msgspec.Struct], None] = {}

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct) and annotation not in found:
            found[annotation] = None
            for hint in typing.get_type_hints(annotation).values():
                visit(hint)
        for part in typing.get_args(annotation):
            visit(part)

    for root in roots:
        visit(root)
    return list(found)


def _shape(struct: type[msgspec.Struct]) -> Iterator[str]:
    yield f"### {struct.__name__}\n"
    yield _reflowed(inspect.getdoc(struct) or "") + "\n"
    yield "| field | type | |\n|---|---|---|"
    notes = _field_notes(struct)
    hints = typing.get_type_hints(struct)
    for field in msgspec.structs.fields(struct):
        kind = _type_name(hints[field.name]).replace("|", "\\|")
        yield f"| `{field.encode_name}` | {kind} | {_reflowed(notes.get(field.name, '')).replace('``', '`')} |"
    yield ""


def _field_notes(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the docstrings that follow the fields of *struct*, which exist in its source only."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(struct)).body if isinstance(node, ast.ClassDef))
    return {
        field.target.id: note.value.value
        for field, note in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(note, ast.Expr)
        and isinstance(note.value, ast.Constant)
        and isinstance(note.value.value, str)
    }


def _type_name(hint: Any) -> str:
    if hint is type(None):
        return "null"
    if hint in _JSON_NAMES:
        return _JSON_NAMES[hint]
    origin, parts = typing.get_origin(hint), [_type_name(part) for part in typing.get_args(hint) if part is not ...]
    if origin in (list, tuple):
        return f"[{', '.join(parts)}]" if len(parts) > 1 else f"list of {parts[0]}"
    if origin is dict:
        return f"object of {parts[1]}"
    if parts:
        return " | ".join(parts)
    return _link(hint.__name__) if issubclass(hint, msgspec.Struct) else "string"


_JSON_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _reflowed(text: str) -> str:
    """Return *text* with the lines of each paragraph joined."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))


if __name__ == "__main__":
    typer.echo(reference(), nl=False)
    sys.exit()
