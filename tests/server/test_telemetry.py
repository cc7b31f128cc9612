"""The OTLP receiver, told by the exporter of the OpenTelemetry SDK, and by those who get it wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from session_buddy.server.site import BodyLimits
from session_buddy.server.tokens import Scope
from tests.server.serving_kit import Served, served

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
AT_NS = 1_780_251_963_638_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    with served(folder, limits=BodyLimits(body_bytes=300_000, batch_events=100), user_id="me") as running:
        yield running


def rows(server: Served, session: str) -> list[tuple[Any, ...]]:
    sql = "SELECT event_id, skill_name, outcome, duration_ms, user_id FROM skill_invocation WHERE session_id = ?"
    return sorted(server.store.query(sql, [session]).rows)


def record(call: str | None, session: str = "s1", **told: str) -> dict[str, Any]:
    attributes = {"tool_name": "Read", "session.id": session, "success": "true", "duration_ms": "9", **told}
    attributes |= {"tool_use_id": call} if call else {}
    return {
        "timeUnixNano": str(AT_NS), "body": {"stringValue": "claude_code.tool_result"},
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }  # fmt: skip


def request(*records: dict[str, Any]) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}).encode()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_exporter_of_the_sdk_tells_logs(server: Served, compression: Compression) -> None:
    session = f"logs-{compression.value}"
    exporter = OTLPLogExporter(endpoint=f"{server.address}/v1/logs", compression=compression)
    provider = LoggerProvider(resource=Resource.create({"service.name": "claude-code", "service.version": "2.1.200"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("com.anthropic.claude_code.events").emit(
        timestamp=AT_NS, body="claude_code.tool_result",
        attributes={
            "event.name": "tool_result", "session.id": session, "prompt.id": "p1", "tool_name": "Bash",
            "tool_use_id": f"t-{session}", "success": "true", "duration_ms": "1200",
            "tool_parameters": json.dumps({"full_command": "pytest -q"}),
        },
    )  # fmt: skip
    provider.shutdown()
    assert rows(server, session) == [(f"t-{session}", "pytest-run", "completed", 1_200, "me")]


def test_agents_that_say_a_sentence_or_a_place_are_understood(server: Served) -> None:
    """As Gemini CLI and Codex tell it: the event is named by an attribute alone."""
    provider = LoggerProvider(resource=Resource.create({"service.name": "gemini-cli"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(endpoint=f"{server.address}/v1/logs")))
    logger = provider.get_logger("gemini-cli")
    logger.emit(
        timestamp=AT_NS, body="Tool call: read_file. Decision: accept. Success: true. Duration: 12ms.",
        attributes={
            "event.name": "gemini_cli.tool_call", "session.id": "sentence", "function_name": "read_file",
            "duration_ms": 12, "success": True, "decision": "accept", "prompt_id": "p1",
        },
    )  # fmt: skip
    logger.emit(
        timestamp=AT_NS, event_name="event otel/src/events/session_telemetry.rs:925",
        attributes={
            "event.name": "codex.tool_result", "conversation.id": "place", "tool_name": "exec_command", "call_id": "x1",
            "arguments": json.dumps({"cmd": "pytest -q"}), "duration_ms": "9", "success": "true",
        },
    )  # fmt: skip
    provider.shutdown()
    assert [row[1:4] for row in rows(server, "sentence")] == [("read_file", "completed", 12)]
    assert [row[:4] for row in rows(server, "place")] == [("x1", "pytest-run", "completed", 9)]


def test_a_call_of_claude_code_may_be_exported_after_its_execution(server: Served) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{server.address}/v1/traces")))
    tracer = provider.get_tracer("com.anthropic.claude_code")
    told = {"tool_name": "Read", "tool_use_id": "c3", "session.id": "parts"}
    with (
        tracer.start_as_current_span("claude_code.tool", attributes=told),
        tracer.start_as_current_span("claude_code.tool.execution", attributes={"success": "true"}),
    ):
        pass
    provider.shutdown()
    assert [row[:3] for row in rows(server, "parts")] == [("c3", "Read", "completed")]


def test_the_exporter_of_the_sdk_tells_spans(server: Served) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{server.address}/v1/traces")))
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look-up", "gen_ai.conversation.id": "spans"}
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("execute_tool look-up", attributes=told | {"gen_ai.tool.call.id": "c1"}):
        pass
    with (
        pytest.raises(ValueError),
        tracer.start_as_current_span("execute_tool look-up", attributes=told | {"gen_ai.tool.call.id": "c2"}),
    ):
        raise ValueError
    provider.shutdown()
    assert [(event, name, outcome) for event, name, outcome, _, _ in rows(server, "spans")] == [
        ("c1", "look-up", "completed"), ("c2", "look-up", "failed"),
    ]  # fmt: skip


def test_metrics_are_taken_and_become_nothing(server: Served) -> None:
    body = ExportMetricsServiceRequest().SerializeToString()
    answer = server.client.post("/v1/metrics", content=body, headers=PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")


def test_what_cannot_be_understood_is_told_as_partial_success_in_the_encoding_of_the_request(server: Served) -> None:
    body = request(record("ok-1", "partial"), record(None, "partial"), record(None, "partial"))
    answer = server.client.post("/v1/logs", content=body, headers=JSON)
    assert answer.status_code == 200
    partial = answer.json()["partialSuccess"]
    assert (partial["rejectedLogRecords"], partial["errorMessage"]) == ("2", "2 × tool_use_id: is missing.")
    assert [row[0] for row in rows(server, "partial")] == ["ok-1"]
    from google.protobuf import json_format
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    message = json_format.ParseDict(json.loads(body), ExportLogsServiceRequest()).SerializeToString()
    answer = server.client.post("/v1/logs", content=message, headers=PROTOBUF)
    told = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (told.rejected_log_records, told.error_message) == (2, "2 × tool_use_id: is missing.")
    whole = server.client.post("/v1/logs", content=request(record("ok-2", "partial")), headers=JSON)
    assert whole.json() == {}


def test_more_than_a_batch_is_stored_whole(server: Served) -> None:
    body = request(*(record(f"many-{number}", "many") for number in range(250)))
    assert (
        server.client.post(
            "/v1/logs", content=gzip.compress(body), headers=JSON | {"content-encoding": "gzip"}
        ).status_code
        == 200
    )
    assert len(rows(server, "many")) == 250


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"\xff\xff\xff", PROTOBUF, 400),
        (request(record("x")), {"content-type": "text/plain"}, 415),
        (request(record("x")), JSON | {"content-encoding": "br"}, 415),
        (b"no gzip", JSON | {"content-encoding": "gzip"}, 400),
        (gzip.compress(b" " * 1_000_000), JSON | {"content-encoding": "gzip"}, 413),
        (b" " * 400_000, JSON, 413),
    ],
)
def test_what_will_never_be_taken_is_refused(
    server: Served, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = server.client.post("/v1/logs", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert server.client.get("/v1/logs").status_code == 405


def test_a_refusal_says_why_as_exporters_read_it(server: Served) -> None:
    told = server.client.post("/v1/logs", content=b"{", headers=JSON).json()
    assert told["code"] == 3 and "no OTLP request for logs" in told["message"]
    answer = server.client.post("/v1/traces", content=b"\xff\xff\xff", headers=PROTOBUF)
    assert answer.content[:2] == b"\x08\x03" and b"no OTLP request for traces" in answer.content


def test_a_token_for_recording_is_enough(tmp_path: Any) -> None:
    with served(tmp_path, needs_token=True) as server:
        body = request(record("x"))
        assert server.client.post("/v1/logs", content=body, headers=JSON).status_code == 401
        token = server.tokens.create(Scope.INGEST, now=server.clock())
        headers = JSON | {"authorization": f"Bearer {token}"}
        assert server.client.post("/v1/logs", content=body, headers=headers).status_code == 200
