"""What stands at the head of a SKILL.md, a command or a subagent, and each fault in it. Pure.

The rules of names and descriptions are those of the Agent Skills specification (agentskills.io). YAML is read event by
event: nothing is built of it, so no alias is followed, no type is made, and it may be nested as deeply as it likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec
import yaml  # type: ignore[import-untyped]

from session_buddy.catalog.scanning.faults import Fault, FaultKind

__all__ = ["LONGEST_DESCRIPTION", "LONGEST_NAME", "Form", "Head", "read_head"]

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1_024
_LONGEST_FRONTMATTER = 64 << 10
_DEEPEST = 24
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_FENCE = re.compile(r"---[ \t]*\r?")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = yaml.resolver.Resolver()
_TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_YES = {"true", "yes", "on"}


class Form(StrEnum):
    """What kind of file it is; it decides which fields must be there."""

    SKILL = "skill"
    """``NAME/SKILL.md``: name and description must be there, and the name be that of the folder."""
    COMMAND = "command"
    """``commands/NAME.md``: nothing must be there."""
    AGENT = "agent"
    """``agents/ANY.md``: name and description must be there."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself."""

    name: str | None = None
    description: str | None = None
    """With what it says of when to use it, as agents are told."""
    version: str | None = None
    listed: bool = True
    """Whether agents are told of it; people can still call one that is not."""
    body: str = ""
    faults: list[Fault] = []


class _Field(msgspec.Struct, frozen=True):
    text: str
    line: int
    is_null: bool = False


def read_head(data: bytes, form: Form, folder: str) -> Head:
    """Return what the file *data* says of itself, with its faults; *folder* is the name that it should have."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reason = f"Byte {error.start} begins no character of UTF-8. Save the file as UTF-8."
        return Head(faults=[Fault(FaultKind.NOT_UTF8, reason, line)])
    front, body, fault = _parted(text)
    if front is None:
        # A command needs none.
        is_fine = fault is None or (form is Form.COMMAND and fault.kind is FaultKind.NO_FRONTMATTER)
        description = _first_words(body) if form is Form.COMMAND else None
        return Head(body=body, faults=[] if is_fine or fault is None else [fault], description=description)
    faults: list[Fault] = []
    fields = _fields(front, faults)
    return _checked(fields, faults, form, folder, body)


def _parted(text: str) -> tuple[str | None, str, Fault | None]:
    """Return frontmatter, body and what is wrong with their border."""
    first, _, rest = text.partition("\n")
    if not _FENCE.fullmatch(first):
        reason = "The first line is not ---. Begin with ---, name, description, ---."
        return None, text, Fault(FaultKind.NO_FRONTMATTER, reason, 1)
    place = 0
    while place < len(rest):
        end = rest.find("\n", place)
        end = len(rest) if end < 0 else end
        if rest.startswith("---", place) and _FENCE.fullmatch(rest, place, end):
            return rest[:place], rest[end + 1 :], None
        place = end + 1
    return None, text, Fault(FaultKind.NOT_CLOSED, "No line --- ends what the first line began. Add one.", 1)


def _fields(front: str, faults: list[Fault]) -> dict[str, _Field]:
    """Return the plain fields of the outermost mapping, and of its ``metadata``; adds what is wrong to *faults*."""
    if len(front) > _LONGEST_FRONTMATTER:
        reason = f"{len(front):,} characters are more than the {_LONGEST_FRONTMATTER:,} that are read."
        faults.append(Fault(FaultKind.TOO_DEEP, reason, 1))
        return {}
    found: dict[str, _Field] = {}
    try:
        for path, field in _walked(front, faults):
            if path in found:
                reason = f"{path} stands twice; the first one, in line {found[path].line}, counts."
                faults.append(Fault(FaultKind.BAD_YAML, reason, field.line))
            else:
                found[path] = field
    except yaml.YAMLError as error:
        faults.append(_no_yaml(error))
    return found


def _no_yaml(error: Any) -> Fault:
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    mark = getattr(error, "problem_mark", None)
    if "end of stream" in said:
        # A quote that is not closed is noticed at the end, and wrong where it begins.
        mark = getattr(error, "context_mark", None) or mark
    advice = " Put quotes around the value." if "mapping values" in said else ""
    return Fault(FaultKind.BAD_YAML, f"{said}.{advice}", _line(mark) if mark else None)


def _walked(front: str, faults: list[Fault]) -> Iterator[tuple[str, _Field]]:
    """Yield each scalar of the outermost mapping with its key, and of ``metadata`` with ``metadata.key``."""
    keys: list[str | None] = []
    """Of each collection that is open: the key whose value comes next in a mapping, else ``None``."""
    kinds: list[bool] = []
    """Of each: whether it is a mapping."""
    names: list[str | None] = []
    """Of each: what stands for it where it is itself a key."""
    for event in yaml.parse(front, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            reason = "Anchors and aliases are not followed: write the text out."
            faults.append(Fault(FaultKind.TOO_DEEP, reason, _line(event.start_mark)))
            return
        if isinstance(event, yaml.ScalarEvent):
            yield from _scalar(event, keys, kinds, faults)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if not kinds and isinstance(event, yaml.SequenceStartEvent):
                faults.append(Fault(FaultKind.BAD_YAML, "It is a list; write name: and description:.", 2))
            if len(kinds) == _DEEPEST:
                reason = f"It is nested more than {_DEEPEST} levels deep."
                faults.append(Fault(FaultKind.TOO_DEEP, reason, _line(event.start_mark)))
                return
            if len(kinds) == 1 and kinds[0] and keys[0] in ("name", "description"):
                reason = f"{keys[0]} is no text but a list or a mapping. Put quotes around it."
                faults.append(Fault(FaultKind.BAD_YAML, reason, _line(event.start_mark)))
            is_key = bool(kinds) and kinds[-1] and keys[-1] is None
            names.append(f"? {event.start_mark.line}:{event.start_mark.column}" if is_key else None)
            kinds.append(isinstance(event, yaml.MappingStartEvent))
            keys.append(None)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            kinds.pop()
            keys.pop()
            name = names.pop()
            if kinds and kinds[-1]:
                keys[-1] = name


def _scalar(event: Any, keys: list[str | None], kinds: list[bool], faults: list[Fault]) -> Iterator[tuple[str, _Field]]:
    line = _line(event.start_mark)
    if not kinds:
        if event.value:
            faults.append(Fault(FaultKind.BAD_YAML, "It is a text; write name: and description:.", line))
        return
    if not kinds[-1]:
        return
    if keys[-1] is None:
        keys[-1] = event.value
        return
    key, keys[-1] = keys[-1], None
    inside = len(kinds) == 2 and keys[0] == "metadata"
    if len(kinds) == 1 or inside:
        tag = event.tag or _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)
        yield f"metadata.{key}" if inside else key, _Field(event.value, line, tag == _NULL)


def _checked(fields: dict[str, _Field], faults: list[Fault], form: Form, folder: str, body: str) -> Head:
    is_read = not faults
    name, description = _given(fields, "name"), _given(fields, "description")
    if is_read and form is not Form.COMMAND:
        if name is None:
            faults.append(Fault(FaultKind.NO_NAME, f"Add name: {folder}." if form is Form.SKILL else "Add name:.", 1))
        if description is None:
            faults.append(Fault(FaultKind.NO_DESCRIPTION, "Say what it does, and when to use it: description:.", 1))
    if name is not None and form is not Form.COMMAND:
        faults.extend(_of_the_name(name.text, name.line, form, folder))
    if description is not None and len(description.text) > LONGEST_DESCRIPTION:
        reason = f"{len(description.text):,} characters are more than {LONGEST_DESCRIPTION:,}. Agents may cut it."
        faults.append(Fault(FaultKind.LONG_DESCRIPTION, reason, description.line))
    when, hidden = _given(fields, "when_to_use"), _given(fields, "disable-model-invocation")
    version = _given(fields, "version") or _given(fields, "metadata.version")
    texts = [one.text.strip() for one in (description, when) if one is not None]
    if not texts and form is Form.COMMAND:
        texts = [_first_words(body) or ""]
    return Head(
        name=name.text.strip() if name else None,
        # Of what is no YAML, half a sentence may have been read.
        description=(" ".join(" ".join(texts).split()) or None) if is_read else None,
        version=version.text.strip() if version else None,
        listed=not (hidden and hidden.text.lower() in _YES),
        body=body,
        faults=faults,
    )


def _given(fields: dict[str, _Field], name: str) -> _Field | None:
    field = fields.get(name)
    return None if field is None or field.is_null or not field.text.strip() else field


def _of_the_name(name: str, line: int, form: Form, folder: str) -> Iterator[Fault]:
    if len(name) > LONGEST_NAME:
        yield Fault(FaultKind.BAD_NAME, f"{len(name)} characters are more than {LONGEST_NAME}.", line)
    elif not _NAME.fullmatch(name):
        reason = f"{name[:80]!r} has other signs than small letters, digits and single hyphens between them."
        yield Fault(FaultKind.BAD_NAME, reason, line)
    if form is Form.SKILL and name != folder:
        reason = f"It says {name[:80]!r}, the folder {folder[:80]!r}: it is called by its folder."
        yield Fault(FaultKind.OTHER_NAME, reason, line)


def _first_words(body: str) -> str | None:
    """Return the first line of a command that says something: what Claude Code shows where there is no description."""
    for line in body.splitlines():
        text = line.strip().lstrip("#").strip()
        if text:
            return text[:LONGEST_DESCRIPTION]
    return None


def _line(mark: Any) -> int:
    """Return the line in the file: the frontmatter begins in the second, and marks count from 0."""
    return int(mark.line) + 2
