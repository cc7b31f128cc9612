"""CI: reports of tests (JUnit, TRX, xUnit, NUnit), GitHub Actions, GitLab, Crackerjack.

Files are whole documents, and any folder may hold them: nobody keeps them in one place, so they are imported by name.
``source`` is the format, or the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from session_buddy.errors import InvalidInput
from session_buddy.importers.base import Importer, Parsed
from session_buddy.importers.ci import crackerjack, github, gitlab
from session_buddy.importers.ci.commands import Command, writer_of
from session_buddy.importers.ci.reading import commit_trait
from session_buddy.importers.ci.reports import read_report
from session_buddy.importers.ci.telling import STEP, TEST, UNNAMED, invocations_of_report
from session_buddy.importers.ci.xml import Refused
from session_buddy.importers.documents import LONGEST_DOCUMENT, Document
from session_buddy.importers.shell import ShellRules, digest
from session_buddy.model import BadLine, Invocation, SkillFacts

__all__ = ["STEP", "TEST", "UNNAMED", "CiReports"]

_REVISION = 1
_REPORTS = frozenset({".xml", ".trx"})
_SUFFIXES = frozenset({*_REPORTS, ".json", ".txt", ".log"})
_HEAD_BYTES = 16 << 10
_FACTS = {
    TEST: ("Testing", "testing", "A test in a run of tests; which one, its step says."),
    STEP: ("Build & Deploy", "deployment", "A step of a job in CI that runs no command we know."),
    "test-run": ("Testing", "testing", "A run of tests whose runner its report does not name."),
}


class CiReports(Importer):
    """The importer of what CI leaves in files.

    *rules* name commands (the built-in ones by default); *commit* is what the reports of tests were made of, where that
    is known: they do not say. *commands* were recorded as they ran: the reports that they wrote are part of them.
    """

    def __init__(
        self, rules: ShellRules | None = None, *, commit: str | None = None, commands: Sequence[Command] = ()
    ) -> None:
        self._rules, self._commit, self._commands = rules, commit, tuple(commands)

    @property
    def name(self) -> str:
        """The word for all of them; ``source`` is the format or the service."""
        return "ci"

    @property
    def version(self) -> str:
        """A digest of the rules and of the way files are read."""
        return f"{_REVISION}.{(self._rules.digest if self._rules else digest())[:16]}"

    @property
    def suffixes(self) -> frozenset[str]:
        """What the names of these files end in."""
        return _SUFFIXES

    @property
    def rules(self) -> ShellRules:
        """The rules in force."""
        return self._rules or ShellRules.builtin()

    def prepare(self) -> None:
        """Parse the rules."""
        self._rules = self.rules

    def facts(self, skill_names: Iterable[str]) -> list[SkillFacts]:
        """Return what is known of what is neither a command nor anybody's own."""
        return [
            SkillFacts(skill_name=name, category=category, modality=modality, description=description)
            for name in skill_names
            if name in _FACTS
            for category, modality, description in [_FACTS[name]]
        ] + self.rules.facts(skill_names)

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return nothing: such files may be anywhere."""
        return []

    def find(self, root: Path) -> Iterator[Path]:
        """Yield *root* if it is a file; else all XML and TRX below it, and JSON and texts that look like CI's."""
        if root.is_file():
            yield root
            return
        for path in sorted(path for path in root.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()):
            if path.suffix.lower() in _REPORTS or _looks_like_ci(path):
                yield path

    def parser(
        self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None
    ) -> _CiDocument:
        """Return a parser for the file called *path*; *written_at* stands for times that it does not tell."""
        return _CiDocument(
            path,
            self.rules,
            user_id=user_id,
            written_at=written_at,
            traits=commit_trait(self._commit),
            writer=writer_of(path, written_at, self._commands),
        )


class _CiDocument(Document):
    """The parser of one document; an empty one is none."""

    def __init__(
        self,
        path: str,
        rules: ShellRules,
        *,
        user_id: str,
        written_at: str | None,
        traits: tuple[str, ...],
        writer: Command | None,
    ) -> None:
        super().__init__(path, self._told)
        self._rules, self._user_id, self._written_at, self._traits = rules, user_id, written_at, traits
        self._writer = writer

    def pause(self) -> Parsed:
        """Read all that was fed as one document; a reason against it says in which line."""
        if self._length <= LONGEST_DOCUMENT and not any(piece.strip() for piece in self._pieces):
            return Parsed([], [self._refused(Refused("the file is empty"))])
        return super().pause()

    def _refused(self, error: Exception) -> BadLine:
        if not isinstance(error, Refused):
            return super()._refused(error)
        return BadLine(path=self._path, line=error.line, offset=0, length=self._length, reason=f"refused: {error}")

    def _told(self, data: bytes) -> tuple[list[Invocation], list[str]]:
        suffix = PurePath(self._path).suffix.lower()
        start = data.lstrip()[:1]
        if suffix in _REPORTS or start == b"<":
            report = read_report(data)
            told = invocations_of_report(
                report,
                data,
                rules=self._rules,
                user_id=self._user_id,
                written_at=self._written_at,
                traits=self._traits,
                writer=self._writer,
            )
            return list(told), []
        if start in (b"{", b"["):
            return self._of_json(data, start), []
        return (
            crackerjack.crackerjack_output(data, user_id=self._user_id, rules=self._rules, written_at=self._written_at),
            [],
        )

    def _of_json(self, data: bytes, start: bytes) -> list[Invocation]:
        match _whose(data):
            case github.SOURCE:
                return github.github_answer(data, user_id=self._user_id, rules=self._rules)
            case gitlab.SOURCE:
                return gitlab.gitlab_answer(data, user_id=self._user_id)
            case crackerjack.SOURCE:
                return crackerjack.crackerjack_runs(data, user_id=self._user_id)
            case "crackerjack result":
                return crackerjack.crackerjack_result(data, user_id=self._user_id, written_at=self._written_at)
        raise InvalidInput(
            "document", "is JSON of no service of CI that is read.", remedy="Name answers of GitHub or GitLab."
        )


_MARKS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("crackerjack result", (b'"schema_version"', b'"success"', b'"issues"')),
    (crackerjack.SOURCE, (b'"duration_seconds"', b'"exit_code"', b'"success"')),
    (gitlab.SOURCE, (b'"object_kind"',)),
    (github.SOURCE, (b'"run_number"', b'"run_attempt"')),
    (github.SOURCE, (b'"workflow_runs"',)),
    (github.SOURCE, (b'"run_id"', b'"run_attempt"')),
    (github.SOURCE, (b'"jobs"', b'"run_id"')),
    (github.SOURCE, (b'"check_suite"', b'"head_sha"')),
    (github.SOURCE, (b'"check_runs"', b'"head_sha"')),
    (gitlab.SOURCE, (b'"status"', b'"web_url"', b"/-/pipelines/")),
    (gitlab.SOURCE, (b'"status"', b'"web_url"', b"/-/jobs/")),
)


def _whose(head: bytes) -> str | None:
    """Return who writes JSON that looks like *head*."""
    return next((whose for whose, marks in _MARKS if all(mark in head for mark in marks)), None)


def _looks_like_ci(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    if path.suffix.lower() == ".json":
        return _whose(head) is not None
    return crackerjack.is_crackerjack_output(head.decode("utf-8", "replace"))
