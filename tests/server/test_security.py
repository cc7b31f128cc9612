"""Who is let in, over real sockets: names, origins, tokens, scopes; and what browsers are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from session_buddy.errors import InvalidInput
from session_buddy.server.doors import Door, access_for
from session_buddy.server.login import _own_path
from session_buddy.server.security import scope_needed
from session_buddy.server.tokens import Scope, TokenFile
from tests.making import NOW, FakeClock, invocation
from tests.server.serving_kit import Served, served

READ, RECORD = "/api/v1/skills", "/api/v1/invocations"
ONE = {"event_id": "e1", "session_id": "s1", "skill_name": "a", "kind": "shell", "invoked_at": NOW}


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on the loopback without any token."""
    with served(tmp_path_factory.mktemp("open")) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    """A server with tokens, by scope."""
    with served(tmp_path_factory.mktemp("guarded"), needs_token=True, allowed_hosts=["buddy.example"]) as server:
        yield server, {scope.value: server.tokens.create(scope, now=server.clock()) for scope in Scope}


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class TestHosts:
    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:8765", "192.168.1.5:8765"])
    def test_names_of_this_machine_and_addresses_are_answered(self, open_server: Served, host: str) -> None:
        assert open_server.client.get(READ, headers={"host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example#localhost",
            "buddy.example",
            "localhost:x",
            "",
        ],
    )
    @pytest.mark.parametrize("path", [READ, "/", "/metrics", "/static/live.js", "/login", "/nowhere"])
    def test_any_other_name_is_refused_everywhere(self, open_server: Served, host: str, path: str) -> None:
        answer = open_server.client.get(path, headers={"host": host})
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "ForeignHost")

    def test_two_names_or_none_are_refused(self, open_server: Served) -> None:
        for hosts in (b"host: localhost\r\nhost: evil.example\r\n", b""):
            answer = open_server.raw(b"GET /api/v1/skills HTTP/1.0\r\n" + hosts + b"\r\n")
            assert answer.split(b" ")[1] in (b"400", b"403")

    def test_a_name_that_was_allowed_is_answered(self, guarded: tuple[Served, dict[str, str]]) -> None:
        server, tokens = guarded
        headers = bearing(tokens["read"])
        assert server.client.get(READ, headers=headers | {"host": "Buddy.Example"}).status_code == 200
        assert server.client.get(READ, headers=headers | {"host": "other.example"}).status_code == 403

    def test_probes_may_ask_by_any_name(self, open_server: Served) -> None:
        for path in ("/healthz", "/readyz"):
            assert open_server.client.get(path, headers={"host": "pod-7.cluster"}).status_code == 200


class TestOrigins:
    FOREIGN = ("http://evil.example", "http://localhost:3000", "null", "", "http://localhost.evil.example", "garbage")

    @pytest.mark.parametrize("origin", FOREIGN)
    @pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
    def test_another_sites_page_is_refused_whatever_it_asks(
        self, open_server: Served, origin: str, method: str
    ) -> None:
        for path in (READ, RECORD, "/", "/static/live.js", "/api/v1/live/events"):
            answer = open_server.client.request(method, path, headers={"origin": origin}, json=ONE)
            assert (answer.status_code, answer.json()["error"]["type"]) == (403, "ForeignOrigin")
            assert "access-control-allow-origin" not in answer.headers

    @pytest.mark.parametrize("origin", FOREIGN)
    def test_another_sites_socket_is_refused(self, open_server: Served, origin: str) -> None:
        address = open_server.address.replace("http", "ws") + "/api/v1/live"
        with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers={"Origin": origin}):
            pass
        assert refused.value.response.status_code == 403

    def test_a_rebound_name_opens_no_socket(self, open_server: Served) -> None:
        request = (
            b"GET /api/v1/live HTTP/1.1\r\nhost: evil.example\r\norigin: http://evil.example\r\nupgrade: websocket\r\n"
            b"connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert open_server.raw(request).startswith(b"HTTP/1.1 403 ")

    def test_our_own_pages_are_answered(self, open_server: Served) -> None:
        own = f"http://127.0.0.1:{open_server.port}"
        assert open_server.client.get(READ, headers={"origin": own}).status_code == 200
        with connect(own.replace("http", "ws") + "/api/v1/live", additional_headers={"Origin": own}):
            pass


class TestTokens:
    @pytest.mark.parametrize("path", [READ, "/metrics", "/api/v1/openapi.json", "/nowhere", "/api/v1/live/events"])
    def test_without_a_good_one_nothing_is_told(self, guarded: tuple[Served, dict[str, str]], path: str) -> None:
        server, tokens = guarded
        wrong = [
            {},
            {"authorization": "Bearer"},
            bearing("sbk_wrong"),
            bearing(tokens["read"][:-1]),
            bearing(tokens["read"] + "x"),
            {"authorization": f"Basic {tokens['read']}"},
            {"authorization": b"Bearer \xff\xfe"},
            {"cookie": "session_buddy_token=wrong"},
            {"cookie": ';;==,,"'},
        ]
        for headers in wrong:
            answer = server.client.get(path, headers=headers)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["error"]["type"]) == (401, "TokenMissing")
            assert answer.headers["www-authenticate"].startswith("Bearer")

    def test_a_token_in_the_address_is_none(self, guarded: tuple[Served, dict[str, str]]) -> None:
        server, tokens = guarded
        for name in ("token", "access_token", "session_buddy_token"):
            assert server.client.get(READ, params={name: tokens["admin"]}).status_code == 401

    @pytest.mark.parametrize(
        ("scope", "reads", "records"), [("read", 200, 403), ("ingest", 403, 200), ("admin", 200, 200)]
    )
    def test_each_scope_is_good_for_its_own(
        self, guarded: tuple[Served, dict[str, str]], scope: str, reads: int, records: int
    ) -> None:
        server, tokens = guarded
        headers = bearing(tokens[scope])
        for path in (READ, "/metrics", "/api/v1/health", "/skills"):
            assert server.client.get(path, headers=headers).status_code == reads, path
        assert server.client.post(RECORD, json=ONE, headers=headers).status_code == records

    def test_a_wrong_scope_says_which_is_needed(self, guarded: tuple[Served, dict[str, str]]) -> None:
        server, tokens = guarded
        error = server.client.get(READ, headers=bearing(tokens["ingest"])).json()["error"]
        assert error["type"] == "NotPermitted"
        assert "--scope read" in error["remedy"]

    @pytest.mark.parametrize("scope", [None, "ingest"])
    def test_the_live_feed_asks_too(self, guarded: tuple[Served, dict[str, str]], scope: str | None) -> None:
        server, tokens = guarded
        address = server.address.replace("http", "ws") + "/api/v1/live"
        headers = bearing(tokens[scope]) if scope else {}
        with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers=headers):
            pass
        assert refused.value.response.status_code == (403 if scope else 401)
        assert "error" in json.loads(refused.value.response.body or b"{}")

    def test_revoked_it_opens_nothing_from_that_moment_and_open_sockets_end(self, tmp_path: Path) -> None:
        with served(tmp_path, needs_token=True) as server:
            token = server.tokens.create(Scope.READ, now=NOW, name="to go")
            address = server.address.replace("http", "ws") + "/api/v1/live"
            with connect(address, additional_headers=bearing(token)) as socket:
                assert server.client.get(READ, headers=bearing(token)).status_code == 200
                # By another process, so to speak: the server has a view of the file of its own.
                TokenFile(server.tokens.path).revoke("to go", now=NOW)
                assert server.client.get(READ, headers=bearing(token)).status_code == 401
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        socket.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008

    def test_a_stream_of_events_ends_with_its_token(self, tmp_path: Path) -> None:
        with served(tmp_path, needs_token=True) as server:
            token = server.tokens.create(Scope.READ, now=NOW)
            with server.client.stream("GET", "/api/v1/live/events", headers=bearing(token)) as stream:
                lines = stream.iter_lines()
                assert next(lines)
                server.tokens.revoke(server.tokens.all()[0].id, now=NOW)
                for _ in lines:
                    pass  # until it ends

    def test_expired_it_is_good_for_nothing(self, tmp_path: Path) -> None:
        with served(tmp_path, needs_token=True) as server:
            token = server.tokens.create(Scope.READ, now=NOW, expires_at="2026-06-16T00:00:00.000Z")
            assert server.client.get(READ, headers=bearing(token)).status_code == 200
            server.clock.now = "2026-06-16T00:00:00.000Z"
            assert server.client.get(READ, headers=bearing(token)).status_code == 401

    def test_demanded_without_any_made_nobody_gets_in(self, tmp_path: Path) -> None:
        with served(tmp_path, needs_token=True) as server:
            assert server.client.get(READ).status_code == 401
            assert server.client.post(RECORD, json=ONE).status_code == 401

    def test_once_one_was_made_it_is_demanded_even_when_all_are_revoked(self, tmp_path: Path) -> None:
        with served(tmp_path) as server:
            assert server.client.get(READ).status_code == 200
            server.tokens.create(Scope.READ, now=NOW, name="only")
            assert server.client.get(READ).status_code == 401
            server.tokens.revoke("only", now=NOW)
            assert server.client.get(READ).status_code == 401

    @pytest.mark.parametrize("content", [b"", b"{", b'{"tokens": [{"id": 1}]}', b"\xff"])
    def test_a_file_that_cannot_be_read_lets_nobody_in(self, tmp_path: Path, content: bytes) -> None:
        with served(tmp_path) as server:
            token = server.tokens.create(Scope.ADMIN, now=NOW)
            server.tokens.path.write_bytes(content)
            for headers in ({}, bearing(token)):
                assert server.client.get(READ, headers=headers).status_code == 503

    def test_a_file_that_others_may_change_lets_nobody_in(self, tmp_path: Path) -> None:
        with served(tmp_path) as server:
            server.tokens.create(Scope.ADMIN, now=NOW)
            server.tokens.path.chmod(0o666)
            answer = server.client.get(READ)
            assert (answer.status_code, "chmod 600" in answer.json()["error"]["remedy"]) == (503, True)

    def test_no_answer_has_the_token(self, guarded: tuple[Served, dict[str, str]]) -> None:
        server, tokens = guarded
        for path in (READ, "/login", "/nowhere", f"/{tokens['read']}"):
            answer = server.client.get(path, headers=bearing(tokens["ingest"]), params={"token": tokens["admin"]})
            assert not [scope for scope, token in tokens.items() if token in answer.text]


class TestLogin:
    def test_a_page_leads_to_it_and_a_cookie_opens_the_page(self, guarded: tuple[Served, dict[str, str]]) -> None:
        server, tokens = guarded
        with httpx.Client(base_url=server.address) as browser:
            html = {"accept": "text/html,*/*;q=0.8"}
            answer = browser.get("/skills?by=recent", headers=html)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fskills%3Fby%3Drecent")
            assert browser.get(answer.headers["location"], headers=html).status_code == 200
            form = {"token": tokens["read"], "next": "/skills?by=recent"}
            answer = browser.post("/login", data=form, headers={"origin": server.address})
            assert (answer.status_code, answer.headers["location"]) == (303, "/skills?by=recent")
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Secure" not in cookie
            assert browser.get(READ).status_code == 200
            answer = browser.post("/logout", headers={"origin": server.address})
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
            assert browser.get(READ).status_code == 401

    @pytest.mark.parametrize("other", ['prefs={"dark":true}', "a b=c", "=", "caf\xe9=1", 'open="'])
    def test_cookies_of_other_programs_on_this_machine_are_no_hindrance(
        self, guarded: tuple[Served, dict[str, str]], other: str
    ) -> None:
        # A browser sends the cookies of all ports of a name, whoever set them, the longest kept first.
        server, tokens = guarded
        sent = f"{other}; session_buddy_token={tokens['read']}; z=1".encode("latin-1")
        assert server.client.get(READ, headers=[(b"cookie", sent)]).status_code == 200

    def test_behind_tls_the_cookie_stays_there(self, guarded: tuple[Served, dict[str, str]]) -> None:
        server, tokens = guarded
        headers = {"origin": "https://buddy.example", "host": "buddy.example"}
        answer = server.client.post("/login", data={"token": tokens["read"]}, headers=headers)
        assert "Secure" in answer.headers["set-cookie"]
        server.client.cookies.clear()

    def test_a_wrong_token_is_told_and_sets_no_cookie(self, guarded: tuple[Served, dict[str, str]]) -> None:
        server, _ = guarded
        answer = server.client.post("/login", data={"token": "<script>alert(1)</script>", "next": '"><script>'})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "<script>" not in answer.text
        assert 'role="alert"' in answer.text

    def test_a_large_form_is_refused(self, guarded: tuple[Served, dict[str, str]]) -> None:
        server, _ = guarded
        assert server.client.post("/login", data={"token": "x" * 10_000}).status_code == 413

    @pytest.mark.parametrize(
        "wanted",
        [
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "\\\\evil",
            "/\n/x",
            "x",
            "",
            "/ /x",
        ],
    )
    def test_it_sends_nobody_to_another_site(self, guarded: tuple[Served, dict[str, str]], wanted: str) -> None:
        server, tokens = guarded
        answer = server.client.post("/login", data={"token": tokens["read"], "next": wanted})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        server.client.cookies.clear()

    @given(st.text(max_size=50))
    def test_whatever_is_asked_for_it_leads_to_a_path_of_ours(self, wanted: str) -> None:
        path = _own_path(wanted)
        assert path == "/" or path == wanted
        assert path.startswith("/") and not path.startswith(("//", "/\\"))


class TestScopes:
    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [
            ("GET", "/healthz", None),
            ("GET", "/static/live.js", None),
            ("POST", "/login", None),
            ("POST", "/api/v1/invocations", Scope.INGEST),
            ("GET", "/api/v1/invocations", Scope.READ),
            ("GET", "/metrics", Scope.READ),
            ("GET", "/what/comes/later", Scope.READ),
            ("POST", "/api/v1/invocations/", Scope.ADMIN),
            ("DELETE", "/api/v1/invocations", Scope.ADMIN),
            ("POST", "/what/comes/later", Scope.ADMIN),
            ("BREW", "/", Scope.ADMIN),
            ("GET", "/healthz/", Scope.READ),
            ("GET", "/staticx", Scope.READ),
        ],
    )
    def test_what_is_not_known_needs_most(self, method: str, path: str, scope: Scope | None) -> None:
        assert scope_needed(method, path) is scope


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/static/../app.py",
            "/static/..%2fapp.py",
            "/static/%2e%2e/app.py",
            "/static/%2e%2e%2fapp.py",
            "/static/..%5capp.py",
            "/static//etc/passwd",
            "/static/%2fetc%2fpasswd",
            "/static/./../../model.py",
            "/static/live.js%00.txt",
            "/static/....//app.py",
        ],
    )
    def test_no_path_leads_out_of_the_static_files(self, open_server: Served, path: str) -> None:
        answer = open_server.raw(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404 "), answer[:200]
        assert b"import" not in answer and b"root:" not in answer

    @pytest.mark.parametrize("path", ["/static/../api/v1/skills", "/login/../api/v1/skills", "/healthz/../metrics"])
    def test_no_public_path_leads_to_what_needs_a_token(
        self, guarded: tuple[Served, dict[str, str]], path: str
    ) -> None:
        server, _ = guarded
        answer = server.raw(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        assert answer.split(b" ")[1] in (b"401", b"404")

    @pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "%00", "%ff%fe", "%25%32%66", "a" * 5000])
    def test_names_are_names_whatever_they_look_like(self, open_server: Served, name: str) -> None:
        for place in (f"/api/v1/skills/{name}", f"/api/v1/skills/{name}/series", f"/api/v1/sessions/{name}"):
            answer = open_server.raw(f"GET {place} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
            assert answer.split(b" ")[1] in (b"404", b"422"), answer[:300]
            assert b'{"error":{' in answer


class TestWhatBrowsersAreTold:
    def test_every_answer_has_the_policies(self, open_server: Served) -> None:
        for path in ("/", "/login", READ, "/nowhere", "/healthz", "/metrics", "/static/live.js"):
            headers = open_server.client.get(path).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert "server" not in headers or "uvicorn" in headers["server"]

    def test_what_a_token_opened_is_not_kept_by_caches(self, open_server: Served) -> None:
        assert open_server.client.get("/metrics").headers["cache-control"] == "no-store"
        assert open_server.client.get(READ).headers["cache-control"] == "private, no-cache"

    def test_script_in_names_comes_back_as_json(self, open_server: Served) -> None:
        script = "<script>alert(document.domain)</script>"
        open_server.store.record([invocation("xss", skill_name=script, session_id=script, project=script)])
        for path in (READ, "/api/v1/sessions", "/api/v1/invocations"):
            answer = open_server.client.get(path)
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert script in answer.text

    def test_an_answer_that_streams_has_them_too(self, tmp_path: Path) -> None:
        async def stream(_: Request) -> Response:
            return StreamingResponse(iter([b"a", b"b"]))

        with served(tmp_path, routes=[Route("/stream", stream)]) as server:
            assert server.client.get("/stream").headers["x-frame-options"] == "DENY"


class TestTheDoor:
    def tokens(self, folder: Path, **fields: Any) -> TokenFile:
        file = TokenFile(folder / "tokens.json")
        if fields:
            file.create(now=NOW, **fields)
        return file

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "buddy.example"])
    def test_elsewhere_than_on_the_loopback_a_token_must_be_there(self, tmp_path: Path, host: str) -> None:
        with pytest.raises(InvalidInput, match="session-buddy token create"):
            access_for(self.tokens(tmp_path), Door(host, 1), clock=FakeClock())
        access = access_for(self.tokens(tmp_path, scope=Scope.READ), Door(host, 1), clock=FakeClock())
        with pytest.raises(Exception, match="token"):
            access.grant(None)

    def test_behind_a_proxy_too(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="allowed-host"):
            access_for(self.tokens(tmp_path), Door(), clock=FakeClock(), allowed_hosts=["buddy.example"])

    def test_an_expired_token_does_not_count(self, tmp_path: Path) -> None:
        tokens = self.tokens(tmp_path, scope=Scope.READ, expires_at=NOW)
        with pytest.raises(InvalidInput, match="token"):
            access_for(tokens, Door("0.0.0.0", 1), clock=FakeClock())

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "::1"])
    def test_on_the_loopback_none_is_needed(self, tmp_path: Path, host: str) -> None:
        assert access_for(self.tokens(tmp_path), Door(host), clock=FakeClock()).grant(None).scope is Scope.ADMIN
