"""``token``: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import json
import stat
import sys
from pathlib import Path

import pytest

from session_buddy.cli.choices import ScopeChoice
from session_buddy.server.tokens import Scope, TokenFile
from tests.cli.conftest import Run
from tests.making import NOW, shifted


@pytest.fixture
def file(home: Path) -> TokenFile:
    return TokenFile(home / "data" / "session-buddy" / "tokens.json")


def test_the_scopes_to_choose_from_are_the_scopes_there_are() -> None:
    assert [choice.value for choice in ScopeChoice] == [scope.value for scope in Scope]


def test_a_token_is_printed_once_and_kept_as_a_hash_in_a_file_of_the_owners(run: Run, file: TokenFile) -> None:
    made = run("token", "create", "--scope", "ingest", "--name", "ci")
    token = made.out.removesuffix("\n")
    assert made.code == 0
    assert len(token) == 47 and token.startswith("sbk_")
    assert "cannot be shown again" in made.err
    text = file.path.read_text()
    assert token not in text
    assert json.loads(text)["tokens"][0]["sha256"] == hashlib.sha256(token.encode()).hexdigest()
    if sys.platform != "win32":
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    found = file.check(token, NOW)
    assert found is not None
    assert (found.name, found.scope) == ("ci", Scope.INGEST)
    assert list(file.path.parent.glob("tokens.json*")) == [file.path]


def test_every_token_is_another(run: Run) -> None:
    tokens = {run("token", "create", "--scope", "read", "--json").json["token"] for _ in range(5)}
    assert len(tokens) == 5


def test_a_scope_must_be_said(run: Run, file: TokenFile) -> None:
    assert run("token", "create").code == 2
    assert run("token", "create", "--scope", "root").code == 2
    assert not file.path.exists()


def test_a_name_is_used_once_until_its_token_is_revoked(run: Run) -> None:
    create = ("token", "create", "--scope", "read", "--name", "grafana")
    assert run(*create).code == 0
    refused = run(*create)
    assert refused.code == 3
    assert "'grafana'" in refused.err
    assert run("token", "revoke", "grafana").code == 0
    assert run(*create).code == 0


def test_days_end(run: Run, file: TokenFile) -> None:
    token = run("token", "create", "--scope", "read", "--days", "2", "--json").json["token"]
    assert file.check(token, shifted(NOW, days=2, milliseconds=-1))
    assert file.check(token, shifted(NOW, days=2)) is None


def test_the_list_tells_all_but_the_tokens(run: Run, file: TokenFile) -> None:
    assert "None: whoever is on this machine may read and record." in run("token", "list").out
    first = run("token", "create", "--scope", "read", "--name", "laptop").out.strip()
    run("token", "create", "--scope", "admin", "--days", "1")
    run("token", "create", "--scope", "ingest", "--name", "gone")
    run("token", "revoke", "gone")
    listed = run("token", "list")
    assert first not in listed.out
    assert file.all()[0].sha256 not in listed.out
    for part in ("laptop", "read", "you revoke it", "revoked", "2 are good", "16 Jun 2026"):
        assert part in listed.out
    told = run("token", "list", "--json", now=shifted(NOW, days=1)).json["tokens"]
    assert [token["good"] for token in told] == [True, False, False]
    assert not [token for token in told if "sha256" in token]
    assert "expired" in run("token", "list", now=shifted(NOW, days=1)).out


def test_revoked_by_name_or_id_it_is_good_for_nothing(run: Run, file: TokenFile) -> None:
    for by in ("name", "id"):
        token = run("token", "create", "--scope", "read", "--name", "mine").out.strip()
        found = file.check(token, NOW)
        assert found
        assert run("token", "revoke", "mine" if by == "name" else found.id).code == 0
        assert file.check(token, NOW) is None
    unknown = run("token", "revoke", "mine")
    assert unknown.code == 1
    assert "token list" in unknown.err


def test_a_damaged_file_is_left_as_it_is(run: Run, file: TokenFile) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_text("{")
    told = run("token", "create", "--scope", "read")
    assert told.code == 3
    assert file.path.read_text() == "{"
