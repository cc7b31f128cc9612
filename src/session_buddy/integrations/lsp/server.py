"""The language server: code lenses, diagnostics, hovers, completion, and one command, over the standard pipes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.workspace import TextDocument

import session_buddy
from session_buddy.errors import SessionBuddyError
from session_buddy.integrations.lsp.knowledge import Knowledge, failing_words, lens_words, profile_words
from session_buddy.integrations.lsp.texts import Mention, Role, mention_at, mentions_in, prefix_at, role_of, written_in
from session_buddy.languages import language_of

__all__ = ["RECOMMEND", "language_server"]

RECOMMEND = "sessionBuddy.recommend"
SHOW = "sessionBuddy.show"
"""What a lens does when it is clicked: editors that know it show the skill; to others it is a text."""
_SOURCE = "session-buddy"
_MOST_COMPLETIONS = 200
_RECOMMENDED = 5


def language_server(knowledge: Callable[[], Knowledge]) -> LanguageServer:
    """Return a server that answers from what *knowledge* returns, which is asked for when a file is first looked at.

    A store that cannot be read is said to the user once for each thing that was asked; the editor goes on.
    """
    server = LanguageServer(_SOURCE, session_buddy.__version__)

    def known(then: Callable[[Knowledge], Any], otherwise: Any) -> Any:
        try:
            return then(knowledge())
        except SessionBuddyError as error:
            message = f"Session-Buddy: {error.problem} {error.remedy}"
            server.window_log_message(types.LogMessageParams(type=types.MessageType.Warning, message=message))
            return otherwise

    def document_of(uri: str) -> TextDocument:
        return server.workspace.get_text_document(uri)

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @server.thread()
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    @server.thread()
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        publish(params.text_document.uri)

    def publish(uri: str) -> None:
        document = document_of(uri)
        found = known(lambda knowledge: _diagnostics(document, knowledge), _faults(document))
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=found))

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    @server.thread()
    def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
        document = document_of(params.text_document.uri)
        found: list[types.CodeLens] = known(lambda knowledge: _lenses(document, knowledge), [])
        return found

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    @server.thread()
    def hover(params: types.HoverParams) -> types.Hover | None:
        document = document_of(params.text_document.uri)
        found: types.Hover | None = known(lambda knowledge: _hover(document, params.position, knowledge), None)
        return found

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["/", "`"]))
    @server.thread()
    def complete(params: types.CompletionParams) -> types.CompletionList:
        document = document_of(params.text_document.uri)
        items = known(lambda knowledge: _completions(document, params.position, knowledge), [])
        return types.CompletionList(is_incomplete=len(items) >= _MOST_COMPLETIONS, items=items[:_MOST_COMPLETIONS])

    @server.command(RECOMMEND)
    @server.thread()
    def recommend(uri: Any = None) -> list[dict[str, Any]]:
        """Recommend skills for the file at *uri*, by its language; the editor shows them."""
        found: list[dict[str, Any]] = known(lambda knowledge: _recommended(uri, knowledge), [])
        lines = [f"{one['skill']}: {one['why']}" for one in found] or ["Nothing to recommend yet."]
        message = "Recommended skills here\n" + "\n".join(lines)
        server.window_show_message(types.ShowMessageParams(type=types.MessageType.Info, message=message))
        return found

    return server


def _diagnostics(document: TextDocument, knowledge: Knowledge) -> list[types.Diagnostic]:
    skills = knowledge.skills()
    if role_of(document.path) is Role.SKILL:
        name = written_in(document.source, document.path).skill
        found = _faults(document)
        skill = skills.get(name)
        if skill is not None and not skill.invocations:
            found.append(_diagnostic(document, 0, f"{name} was never used.", types.DiagnosticSeverity.Hint))
        elif skill is not None and (words := failing_words(skill)):
            found.append(_diagnostic(document, 0, words, types.DiagnosticSeverity.Warning))
        return found
    if role_of(document.path) is not Role.INSTRUCTIONS:
        return []
    failing = {name: words for name, skill in skills.items() if (words := failing_words(skill))}
    return [
        types.Diagnostic(
            _range(document, mention), failing[mention.skill], types.DiagnosticSeverity.Warning, source=_SOURCE
        )
        for mention in mentions_in(document.source, failing)
    ]


def _faults(document: TextDocument) -> list[types.Diagnostic]:
    """Return what is wrong with a ``SKILL.md`` by itself."""
    if role_of(document.path) is not Role.SKILL:
        return []
    severity = {True: types.DiagnosticSeverity.Error, False: types.DiagnosticSeverity.Warning}
    return [
        _diagnostic(document, (fault.line or 1) - 1, f"{fault.kind}: {fault.reason}", severity[fault.kind.breaks])
        for fault in written_in(document.source, document.path).faults
    ]


def _diagnostic(
    document: TextDocument, line: int, message: str, severity: types.DiagnosticSeverity
) -> types.Diagnostic:
    lines = document.lines
    line = min(line, max(0, len(lines) - 1))
    end = len(lines[line].rstrip("\r\n")) if lines else 0
    return types.Diagnostic(_range(document, Mention("", line, 0, end)), message, severity, source=_SOURCE)


def _lenses(document: TextDocument, knowledge: Knowledge) -> list[types.CodeLens]:
    role, skills = role_of(document.path), knowledge.skills()
    if role is Role.SKILL:
        name = written_in(document.source, document.path).skill
        places: Iterable[Mention] = [Mention(name, 0, 0, 0)] if name in skills else []
    elif role is Role.INSTRUCTIONS:
        first: dict[str, Mention] = {}
        for mention in mentions_in(document.source, skills):
            first.setdefault(mention.skill, mention)
        places = first.values()
    else:
        return []
    now = knowledge.clock()
    return [
        types.CodeLens(
            _range(document, place),
            types.Command(
                _titled(role, place.skill, lens_words(skills[place.skill], now)), SHOW, arguments=[place.skill]
            ),
        )
        for place in places
    ]


def _titled(role: Role, skill: str, words: str) -> str:
    return words if role is Role.SKILL else f"{skill}: {words}"


def _hover(document: TextDocument, position: types.Position, knowledge: Knowledge) -> types.Hover | None:
    if role_of(document.path) is Role.OTHER:
        return None
    skills = knowledge.skills()
    here = document.position_codec.position_from_client_units(document.lines, position)
    mention = mention_at(document.source, here.line, here.character, skills)
    if mention is None:
        return None
    words = profile_words(skills[mention.skill], knowledge.clock())
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, words), _range(document, mention))


def _completions(document: TextDocument, position: types.Position, knowledge: Knowledge) -> list[types.CompletionItem]:
    if role_of(document.path) is Role.OTHER:
        return []
    here = document.position_codec.position_from_client_units(document.lines, position)
    begun = prefix_at(document.source, here.line, here.character).casefold()
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


def _range(document: TextDocument, mention: Mention) -> types.Range:
    here = types.Range(types.Position(mention.line, mention.start), types.Position(mention.line, mention.end))
    return document.position_codec.range_to_client_units(document.lines, here)
