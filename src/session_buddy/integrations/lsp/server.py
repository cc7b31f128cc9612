"""The language server: code lenses, diagnostics, hovers, completion, and one command, over the standard pipes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from lsprotocol import types

import session_buddy
from session_buddy.errors import SessionBuddyError
from session_buddy.integrations.lsp.documents import Document, is_open, looked_up
from session_buddy.integrations.lsp.knowledge import Knowledge, failing_words, lens_words, profile_words
from session_buddy.integrations.lsp.serving import EndingServer
from session_buddy.integrations.lsp.texts import Mention, Role, mention_at, mentions_in, prefix_at, written_in
from session_buddy.languages import language_of

__all__ = ["RECOMMEND", "language_server"]

RECOMMEND = "sessionBuddy.recommend"
SHOW = "sessionBuddy.show"
"""What a lens does when it is clicked: editors that know it show the skill; to others it is a text."""
_SOURCE = "session-buddy"
_MOST_COMPLETIONS = 200
_RECOMMENDED = 5


def language_server(knowledge: Callable[[], Knowledge]) -> EndingServer:
    """Return a server that answers from what *knowledge* returns, which is asked for when a file is first looked at.

    A store that cannot be read is said to the user once for each thing that was asked; the editor goes on.
    """
    server = EndingServer(_SOURCE, session_buddy.__version__)
    publishing = Lock()

    def known(then: Callable[[Knowledge], Any], otherwise: Any) -> Any:
        try:
            return then(knowledge())
        except SessionBuddyError as error:
            message = f"Session-Buddy: {error.problem} {error.remedy}"
            server.window_log_message(types.LogMessageParams(type=types.MessageType.Warning, message=message))
            return otherwise

    def asked_of(uri: str, then: Callable[[Document, Knowledge], Any], otherwise: Any) -> Any:
        """Return what *then* says of the file at *uri*; *otherwise* of one that agents do not read or that is none."""
        document = looked_up(server.workspace, uri)
        return otherwise if document is None else known(lambda knowledge: then(document, knowledge), otherwise)

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @server.thread()
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    @server.thread()
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    @server.thread()
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        publish(params.text_document.uri)

    def publish(uri: str) -> None:
        # One after the other, each of what is there then: else of two changes the first might be told last.
        with publishing:
            document = looked_up(server.workspace, uri) if is_open(server.workspace, uri) else None
            found = []
            if document is not None:
                found = _faults(document) + known(lambda knowledge: _warnings(document, knowledge), [])
            server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=found))

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    @server.thread()
    def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
        found: list[types.CodeLens] = asked_of(params.text_document.uri, _lenses, [])
        return found

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    @server.thread()
    def hover(params: types.HoverParams) -> types.Hover | None:
        def of(document: Document, knowledge: Knowledge) -> types.Hover | None:
            return _hover(document, params.position, knowledge)

        found: types.Hover | None = asked_of(params.text_document.uri, of, None)
        return found

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["/", "`"]))
    @server.thread()
    def complete(params: types.CompletionParams) -> types.CompletionList:
        def of(document: Document, knowledge: Knowledge) -> list[types.CompletionItem]:
            return _completions(document, params.position, knowledge)

        items = asked_of(params.text_document.uri, of, [])
        return types.CompletionList(is_incomplete=len(items) >= _MOST_COMPLETIONS, items=items[:_MOST_COMPLETIONS])

    @server.command(RECOMMEND)
    @server.thread()
    def recommend(*given: Any) -> list[dict[str, Any]]:
        """Recommend skills for the file whose address is *given*, by its language; the editor shows them."""
        uri = given[0] if given else None
        found: list[dict[str, Any]] = known(lambda knowledge: _recommended(uri, knowledge), [])
        lines = [f"{one['skill']}: {one['why']}" for one in found] or ["Nothing to recommend yet."]
        message = "Recommended skills here\n" + "\n".join(lines)
        server.window_show_message(types.ShowMessageParams(type=types.MessageType.Info, message=message))
        return found

    return server


def _warnings(document: Document, knowledge: Knowledge) -> list[types.Diagnostic]:
    """Return what uses say against a ``SKILL.md``, or against the skills that a text for agents names."""
    skills = knowledge.skills()
    if document.role is Role.SKILL:
        name = written_in(document.text, document.path).skill
        skill = skills.get(name)
        if skill is None or not skill.invocations:
            # It is there: whether the catalogue looked here does not matter.
            return [_diagnostic(document, 0, f"{name} was never used.", types.DiagnosticSeverity.Hint)]
        if words := failing_words(skill):
            return [_diagnostic(document, 0, words, types.DiagnosticSeverity.Warning)]
        return []
    failing = {name: words for name, skill in skills.items() if (words := failing_words(skill))}
    return [
        types.Diagnostic(
            document.range(mention), failing[mention.skill], types.DiagnosticSeverity.Warning, source=_SOURCE
        )
        for mention in mentions_in(document.text, failing)
    ]


def _faults(document: Document) -> list[types.Diagnostic]:
    """Return what is wrong with a ``SKILL.md`` by itself."""
    if document.role is not Role.SKILL:
        return []
    severity = {True: types.DiagnosticSeverity.Error, False: types.DiagnosticSeverity.Warning}
    return [
        _diagnostic(document, (fault.line or 1) - 1, f"{fault.kind}: {fault.reason}", severity[fault.kind.breaks])
        for fault in written_in(document.text, document.path).faults
    ]


def _diagnostic(document: Document, line: int, message: str, severity: types.DiagnosticSeverity) -> types.Diagnostic:
    line = min(line, len(document.lines) - 1)
    whole = Mention("", line, 0, len(document.lines[line]))
    return types.Diagnostic(document.range(whole), message, severity, source=_SOURCE)


def _lenses(document: Document, knowledge: Knowledge) -> list[types.CodeLens]:
    role, skills = document.role, knowledge.skills()
    if role is Role.SKILL:
        places: Iterable[Mention] = [Mention(written_in(document.text, document.path).skill, 0, 0, 0)]
    else:
        first: dict[str, Mention] = {}
        for mention in mentions_in(document.text, skills):
            first.setdefault(mention.skill, mention)
        places = first.values()
    now = knowledge.clock()
    return [
        types.CodeLens(
            document.range(place),
            types.Command(
                _titled(role, place.skill, lens_words(skills.get(place.skill), now)), SHOW, arguments=[place.skill]
            ),
        )
        for place in places
    ]


def _titled(role: Role, skill: str, words: str) -> str:
    return words if role is Role.SKILL else f"{skill}: {words}"


def _hover(document: Document, position: types.Position, knowledge: Knowledge) -> types.Hover | None:
    skills = knowledge.skills()
    mention = mention_at(document.text, position.line, document.column(position), skills)
    if mention is None:
        return None
    words = profile_words(skills[mention.skill], knowledge.clock())
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, words), document.range(mention))


def _completions(document: Document, position: types.Position, knowledge: Knowledge) -> list[types.CompletionItem]:
    begun = prefix_at(document.text, position.line, document.column(position)).casefold()
    now = knowledge.clock()
    return [
        types.CompletionItem(
            name, kind=types.CompletionItemKind.Function, detail=lens_words(skill, now), documentation=skill.description
        )
        for name, skill in knowledge.skills().items()
        if name.casefold().startswith(begun)
    ]


def _recommended(uri: object, knowledge: Knowledge) -> list[dict[str, Any]]:
    from session_buddy.reports.asker import Question
    from session_buddy.reports.recommendations import read_learned, recommendations

    language = language_of(uri.rpartition("/")[2]) if isinstance(uri, str) else None
    languages = (language,) if language else ()
    learned = read_learned(knowledge.store, now=knowledge.clock(), is_fresh=False)
    found = recommendations(knowledge.store, learned, Question(languages=languages, limit=_RECOMMENDED))
    return [{"skill": one.skill, "why": one.why, "success_rate": one.success_rate} for one in found.skills]
