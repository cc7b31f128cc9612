"""Shell commands -> skills: what is recognised, and what is concluded from one exit code."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.importers.shell import Interpretation, ShellRules, ShellUse
from session_buddy.model import Outcome

RULES = ShellRules.builtin()
TRANSCRIPTS = Path(__file__).parents[3] / "shared" / "data" / "claude_code" / "projects"

PYTEST_PASSED = "===== 3 passed, 1 skipped in 0.12s ====="
PYTEST_FAILED = "FAILED tests/test_a.py::test_b - assert 1 == 2\n===== 1 failed, 2 passed in 0.12s ====="


def told(command: str, succeeded: bool | None, output: str = "") -> str:
    """Give an interpretation as one line: ``others, … main`` with + completed, - failed, ? open."""
    found = RULES.interpret(command, succeeded=succeeded, output=output)
    if found.main is None:
        assert found.others == ()
        return ""
    assert all(use.outcome is not None for use in found.others)
    sign = {Outcome.COMPLETED: "+", Outcome.FAILED: "-", None: "?"}
    return " ".join(sign[use.outcome] + use.skill_name for use in (*found.others, found.main))


@pytest.mark.parametrize(
    ("command", "skill"),
    [
        ("ruff check .", "ruff-check"),
        ("ruff format --check src", "ruff-format"),
        ("mypy src", "mypy"),
        ("pylint src", "pylint"),
        ("pytest -q", "pytest-run"),
        ("coverage report -m", "coverage-report"),
        ("coverage run -m pytest", "pytest-run"),
        ("hypothesis fuzz", "hypothesis-test"),
        ("sphinx-build docs out", "sphinx-build"),
        ("interrogate src", "docstring-check"),
        ("cargo doc --no-deps", "api-docs"),
        ("docker build -t x .", "docker-build"),
        ("kubectl -n prod apply -f k.yaml", "k8s-deploy"),
        ("terraform apply -auto-approve", "terraform-apply"),
        ("go test ./...", "go-test"),
        ("cargo +nightly test", "cargo-test"),
        ("npm test", "npm-test"),
        ("npm run test:unit -- --watch=false", "npm-test"),
        ("npm --prefix web run build", "npm-build"),
        ("git commit -m 'x'", "git-commit"),
        ("git -C ../other -c user.name=x commit", "git-commit"),
        ("gh -R a/b pr create --fill", "gh-pr-create"),
        ("docker --context x build .", "docker-build"),
        ("docker compose -f a.yml up -d", "docker-compose-up"),
        ("docker compose ps", "docker-compose"),
        ("go -C dir test", "go-test"),
        ("make -C dir -j 8 test", "make-test"),
        ("make docs", "make"),
        ("bun run lint:fix", "bun-lint"),
        ("pnpm vitest run", "vitest"),
    ],
)
def test_recognises_the_command(command: str, skill: str) -> None:
    assert told(command, True) == f"+{skill}"


@pytest.mark.parametrize(
    "command",
    [
        "sudo -u bob pytest",
        "FOO=1 BAR='a b' pytest",
        "env -u X FOO=1 pytest",
        "time nice -n 10 pytest",
        "timeout -k 5 60 pytest",
        "nohup pytest",
        "uv run pytest",
        "uv run --with x --python 3.12 -- pytest",
        "poetry run pytest",
        "hatch run pytest",
        "uvx pytest@8.3",
        "python -m pytest",
        "python3.11 -W error -m pytest",
        "uv run python -m pytest",
        ".venv/bin/python -m pytest",
        "/usr/local/bin/pytest",
        "'C:\\Program Files\\py\\pytest.exe' -q",
        '& "C:/py/pytest.exe" -q',
        "conda run -n env pytest",
        "command pytest",
        "mise exec -- pytest",
        "bash -c 'pytest -q'",
        'bash -lc "cd a && pytest -q"',
        "wsl -d Ubuntu -e sh -c 'pytest'",
        "cd a && pytest",
        "cd a\npytest",
        "(cd a && pytest)",
        "{ cd a; pytest; }",
        "export A=1; pytest",
        "cat x | pytest -",
        "pytest > out.txt 2>&1 < /dev/null",
        "pytest \\\n  -q \\\n  tests",
        "pytest # && ruff check .",
        "pytest -k 'a && b' \"$(cat <<'EOF'\nit's ) not \" closed\nEOF\n)\"",
        "cat <<EOF > x && pytest\nruff check . && it's\nEOF\n",
        "pytest <<< 'ruff check .'",
        "pytest <(ruff check .) `mypy .` $(( 1 << 2 ))",
        "f() { ruff check .; }; pytest",
        "a=(1 2 3); pytest",
        "a=$((1<<2))\npytest",
        "x=$(echo $((1 << 2))\necho)\npytest",
        "((((pytest))))",
        "[[ a =~ ^(x|y)$ ]]\npytest",
        "case $x in a) ruff check .;; esac; pytest",
    ],
)
def test_sees_through(command: str) -> None:
    assert told(command, True) == "+pytest-run"
    assert told(command, False) == "-pytest-run"
    assert told(command, None) == "?pytest-run"


@pytest.mark.parametrize(
    "command",
    [
        "",
        "ls -la | grep pytest",
        "echo pytest",
        'echo "x && pytest"',
        "echo 'a\npytest\nb'",
        "# pytest",
        "cat <<'EOF'\npytest\nEOF",
        "cat <<-EOF\n\tpytest\n\tEOF",
        "cat > a.sh <<EOF\npytest",
        "ssh host pytest",
        "which pytest",
        "command -v pytest",
        "pytest --version",
        "git --help",
        "find . -exec pytest {} ;",
        "ls | xargs pytest",
        "python -c 'x' pytest",
        "vim pytest",
        "if true; then pytest; fi",
        "test -f x || pytest",
        "while read x; do pytest $x; done",
        "for x in *.py; do pytest $x; done",
        "case $x in a) pytest;; esac",
        "f() { pytest; }",
        "function f { pytest; }",
        "cat <(pytest)",
        "pytest 'unclosed",
        "pytest $(",
        "pytest )",
        "(ls) pytest",
        "pytest; }",
        "(" * 50 + "pytest" + ")" * 50,
        "if pytest",
        "foreach ($f in 1,2) { pytest $f }",
        "[ -f x ] && exit 0; pytest",
    ],
)
def test_recognises_nothing_that_is_not_certain_to_run(command: str) -> None:
    assert told(command, True) == ""


@pytest.mark.parametrize(
    ("command", "on_success", "on_failure"),
    [
        ("mypy . && pytest", "+mypy +pytest-run", "?pytest-run"),
        ("mypy . && ls x && pytest", "+mypy +pytest-run", "?pytest-run"),
        ("cd a && mypy . && echo done", "+mypy", "-mypy"),
        ("pytest && ls", "+pytest-run", "?pytest-run"),
        ("mypy . || pytest", "?mypy", "-mypy -pytest-run"),
        ("pytest || true", "?pytest-run", "-pytest-run"),
        ("pytest || exit 1", "+pytest-run", "-pytest-run"),
        ("pytest || { echo bad; exit 1; }\nmypy .", "+pytest-run +mypy", "?pytest-run"),
        ("! pytest", "-pytest-run", "+pytest-run"),
        ("pytest; mypy .", "+mypy", "-mypy"),
        ("pytest\nmypy .", "+mypy", "-mypy"),
        ("pytest; echo $?", "?pytest-run", "?pytest-run"),
        ("pytest; exit 0", "?pytest-run", "?pytest-run"),
        ("ls && exit 1; pytest", "+pytest-run", ""),
        ("pytest & mypy .", "+mypy", "-mypy"),
        ("pytest &", "?pytest-run", "?pytest-run"),
        ("pytest | tail -5", "?pytest-run", "?pytest-run"),
        ("pytest | tail -5 && git commit", "+git-commit", "-git-commit"),
        ("git add . && pytest | tail -5", "+git-add ?pytest-run", "-git-add"),
        ("set -o pipefail; pytest | tail -5", "+pytest-run", "-pytest-run"),
        ("set -euo pipefail\ncd a\npytest | tee log", "+pytest-run", "-pytest-run"),
        ("set -o pipefail; pytest | grep x", "?pytest-run", "?pytest-run"),
        ("set -o pipefail; pytest | head -3", "+pytest-run", "?pytest-run"),
        ("set -e; mypy .; pytest", "+mypy +pytest-run", "?pytest-run"),
        ("set -e; pytest; echo ok", "+pytest-run", "-pytest-run"),
        ("set -e; set +e; mypy .; pytest", "+pytest-run", "-pytest-run"),
        ("set -e; mypy . || true; pytest", "+pytest-run", "?pytest-run"),
        ("set -e; pytest; ls || true", "+pytest-run", "?pytest-run"),
        ("set -e; { mypy .; pytest; } && echo ok", "+pytest-run", "-pytest-run"),
        ("set -e; ! (mypy .; pytest)", "-pytest-run", "+pytest-run"),
        ("(set -e; mypy .); pytest; ls", "?pytest-run", "?pytest-run"),
        ("bash -ec 'mypy .; pytest'", "+mypy +pytest-run", "?pytest-run"),
        ("bash -c 'mypy .; pytest'", "+pytest-run", "-pytest-run"),
        ("set -e; bash -c 'mypy .; pytest'", "+pytest-run", "-pytest-run"),
        ("if pytest; then echo ok; fi", "?pytest-run", "?pytest-run"),
        ("for i in 1 2; do pytest; done", "?pytest-run", "?pytest-run"),
        ("pytest && grep x log", "?pytest-run", "?pytest-run"),
        ("(mypy . && pytest)", "+mypy +pytest-run", "?pytest-run"),
    ],
)
def test_what_one_exit_code_tells(command: str, on_success: str, on_failure: str) -> None:
    assert (told(command, True), told(command, False)) == (on_success, on_failure)


@pytest.mark.parametrize(
    ("command", "succeeded", "output", "expected"),
    [
        ("pytest | tail -3", True, PYTEST_PASSED, "+pytest-run"),
        ("pytest | tail -3", True, PYTEST_FAILED, "-pytest-run"),
        ("pytest | tail -3", True, "x" * 5000, "?pytest-run"),
        ("pytest | tail -3", True, PYTEST_FAILED + "x" * 5000, "?pytest-run"),
        ("pytest | grep passed", True, PYTEST_PASSED, "?pytest-run"),
        # A silent linter behind a pipe: were its failures believed, it could only ever fail.
        ("go vet ./... | tail", True, "# example.com/a\nvet: ./a.go:1:1: undefined: x", "?go-vet"),
        ("pytest | grep FAILED", True, PYTEST_FAILED, "?pytest-run"),
        ("pytest; echo $?", True, PYTEST_PASSED, "+pytest-run"),
        ("(pytest) | grep x", True, PYTEST_PASSED, "?pytest-run"),
        ("pytest a; pytest b; ls", True, PYTEST_PASSED, "+pytest-run"),
        ("for i in 1 2; do pytest; done", True, PYTEST_PASSED, "?pytest-run"),
        ("git add . && pytest && git commit", False, PYTEST_FAILED, "+git-add -pytest-run"),
        ("ls && pytest", False, PYTEST_FAILED, "-pytest-run"),
        ("pytest && ./run", False, PYTEST_PASSED, "+pytest-run"),
        ("pytest && git push", False, PYTEST_PASSED, "+pytest-run -git-push"),
        ("ls && pytest", False, PYTEST_PASSED, "?pytest-run"),
        ("pytest || ruff check .", True, PYTEST_FAILED, "-pytest-run +ruff-check"),
        ("test -f x || pytest", True, PYTEST_PASSED, "+pytest-run"),
        ("while pytest; do sleep 1; done", True, PYTEST_PASSED, "?pytest-run"),
        ("set -e; if mypy .; pytest; then ls; fi", True, PYTEST_PASSED, "+pytest-run"),
        ("echo x || pytest", True, PYTEST_PASSED, ""),
        ("if ls; then pytest; fi", True, PYTEST_FAILED, "-pytest-run"),
        # The exit code is believed first.
        ("pytest", True, PYTEST_FAILED, "+pytest-run"),
        ("mypy . && pytest", True, PYTEST_FAILED, "+mypy +pytest-run"),
        # Both at once, or the same line for two tools: nothing is told.
        ("pytest; ls", True, PYTEST_PASSED + "\n" + PYTEST_FAILED, "?pytest-run"),
        ("npm run build; bun run typecheck; ls", True, "a.ts(1,2): error TS1: x", "?bun-typecheck"),
        ("pytest && mypy . && git push", False, PYTEST_FAILED + "\nFound 1 error in 1 file", "?git-push"),
        # What the shell itself says.
        ("cd a && pytest", False, "bash: line 1: cd: a: No such file or directory", ""),
        ("pytest; }", False, "", ""),
        ("pytest 2>&1 | cat && mypy .", False, "bash: -c: line 1: syntax error near unexpected token", "?mypy"),
    ],
)
def test_what_the_output_adds(command: str, succeeded: bool, output: str, expected: str) -> None:
    assert told(command, succeeded, output) == expected


@pytest.mark.parametrize(
    ("command", "passed", "failed"),
    [
        ("pytest", "3 passed in 0.10s", "1 failed, 3 passed in 0.10s"),
        ("pytest", "== 2 passed, 1 warning in 1.00s ==", "== 2 passed, 1 error in 1.00s =="),
        (
            "go test ./...",
            "ok  \texample.org/a\t0.3s",
            "--- FAIL: TestA (0.00s)\nFAIL\nFAIL\texample.org/a\t0.1s\nFAIL",
        ),
        ("go test ./...", "PASS\nok  \texample.org/a\t(cached)", "FAIL\texample.org/a [build failed]\nFAIL"),
        ("cargo test", "test result: ok. 3 passed; 0 failed; 0 ignored", "test result: FAILED. 2 passed; 1 failed"),
        ("npx jest", "Tests:       3 passed, 3 total", "Tests:       1 failed, 2 passed, 3 total"),
        ("npx vitest run", " Tests  3 passed (3)", " Tests  1 failed | 2 passed (3)"),
        ("npm test", "Tests:       3 passed, 3 total", "npm error Lifecycle script `test` failed"),
        ("bun test", " 3 pass\n 0 fail", " 2 pass\n 1 fail"),
        ("mypy .", "Success: no issues found in 3 source files", "Found 2 errors in 1 file (checked 3 source files)"),
        ("ruff check .", "All checks passed!", "Found 2 errors."),
        ("npx eslint .", "✖ 2 problems (0 errors, 2 warnings)", "✖ 2 problems (1 error, 1 warning)"),
        ("npx tsc", "Found 0 errors. Watching", "a.ts(1,2): error TS2322: Type"),
        ("git commit -m x", "[main 1a2b3c4] x", "nothing to commit, working tree clean"),
        ("golangci-lint run", "0 issues.", "3 issues:\n* lll: 3"),
    ],
)
def test_evidence_of_the_common_tools(command: str, passed: str, failed: str) -> None:
    assert told(f"{command} | tail -5", True, f"lead\n{passed}\n")[0] == "+"
    assert told(f"{command} | tail -5", True, f"lead\n{failed}\n")[0] == "-"
    assert told(f"{command} | tail -5", True, "lead\ntrail\n")[0] == "?"


def test_without_a_result_nothing_but_the_name_is_told() -> None:
    found = RULES.interpret("ruff check . && pytest", succeeded=None, output=PYTEST_FAILED)
    assert found == Interpretation(main=ShellUse("pytest-run", None), others=())


_SHELL_BITS = st.one_of(
    st.sampled_from(
        ["pytest", "git", "commit", "sudo", "timeout", "echo", "bash -c", "set -e", "exit 1", "é", "-", "*", "="]
    ),
    st.sampled_from(
        ["if", "then", "fi", "for", "in", "do", "done", "while", "case", "esac", "function", "[[", "]]", "!"]
    ),
    st.sampled_from([";", "&&", "||", "|", "&", "(", ")", "{", "}", ">", "<<E", "<<", "#", "\n", "\nE\n", "\r\n", " "]),
    st.sampled_from(["'", '"', "`", "\\", "$(", "${", "$'", "<(", "a=(", "\x00"]),
)


@settings(max_examples=1500, deadline=None)
@given(st.one_of(st.text(), st.lists(_SHELL_BITS).map(" ".join), st.lists(_SHELL_BITS).map("".join)), st.text())
@pytest.mark.long
def test_never_raises_and_keeps_its_promises(command: str, output: str) -> None:
    for text in (command, f"pytest;{command}", f"{command}\npytest"):
        for succeeded in (True, False, None):
            found = RULES.interpret(text, succeeded=succeeded, output=output)
            assert found.main is not None or found.others == ()
            assert all(use.outcome is not None for use in found.others)
            assert succeeded is not None or found.main is None or found.main.outcome is None


_OPENERS = (
    "'",
    '"',
    "`",
    "\\",
    "$(",
    "$((",
    "${",
    "<(",
    "x=(",
    '"$(',
    "(",
    "((",
    "{ ",
    "!",
    "! ",
    "&",
    "#",
    "<<A ",
    "<<A\n",
)
_LISTS = ("\n", "A\n", "a;", "a|", "a && ", "a || ", "pytest|", "git status && ", "(pytest); ", "set -e;a||b;")
_WORDS = (
    "sudo ",
    "-x ",
    "x=1 ",
    "git -C ",
    "if a; then ",
    "case x in ",
    "function f ",
    "while a; do ",
    "bash -c '",
    "f() ",
)


# Three readings of a megabyte take about a second; quadratic time would take hours.
@pytest.mark.long
@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", [*_OPENERS, *_LISTS, *_WORDS])
def test_hostile_text_is_read_in_linear_time(piece: str) -> None:
    many = piece * (120_000 // len(piece))
    for text in (f"pytest {many}", f"set -e; pytest; {many}", f"pytest {piece * (1_000_000 // len(piece))}"):
        RULES.interpret(text, succeeded=False, output=many)
        RULES.interpret(text, succeeded=True)


def _calls(projects: Path) -> list[tuple[str, bool | None, str]]:
    commands: dict[str, str] = {}
    results: dict[str, tuple[bool, str]] = {}
    for path in projects.rglob("*.jsonl"):
        for line in path.read_bytes().split(b"\n"):
            if b'"tool_use"' not in line and b'"tool_result"' not in line:
                continue
            try:
                message = json.loads(line).get("message")
            except ValueError:
                continue
            content = message.get("content") if isinstance(message, dict) else None
            for block in content if isinstance(content, list) else []:
                if block.get("type") == "tool_use" and block.get("name") == "Bash":
                    commands[block["id"]] = block["input"]["command"]
                elif block.get("type") == "tool_result":
                    text = block.get("content")
                    results[block["tool_use_id"]] = (not block.get("is_error"), text if isinstance(text, str) else "")
    return [(command, *results.get(id_, (None, ""))) for id_, command in commands.items()]


@pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason="needs the transcripts kept beside the repository")
def test_real_commands_are_mostly_understood() -> None:
    calls = _calls(TRANSCRIPTS)
    assert len(calls) > 5_000
    found = [RULES.interpret(command, succeeded=ok, output=output) for command, ok, output in calls]
    mains = [interpretation.main for interpretation in found if interpretation.main]
    known = sum(main.outcome is not None for main in mains)
    assert len(mains) > 0.45 * len(calls)
    assert known > 0.7 * len(mains)


@pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason="needs the transcripts kept beside the repository")
def test_the_order_of_calls_does_not_matter() -> None:
    calls = _calls(TRANSCRIPTS)[:500]
    before = {call: RULES.interpret(call[0], succeeded=call[1], output=call[2]) for call in calls}
    random.Random(7).shuffle(calls)
    fresh = RULES.extended("", "an empty file")
    assert all(fresh.interpret(call[0], succeeded=call[1], output=call[2]) == before[call] for call in calls)
