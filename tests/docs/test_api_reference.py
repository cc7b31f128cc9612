"""The description of the API is complete, and the page made from it is as it would be made now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tools import api_reference

from session_buddy.server.api.experiment_intake import (
    Conclusion,
    ExperimentChanges,
    NewExperiment,
    NewOutcome,
    SearchInTrial,
    Users,
    WorkInTrial,
)
from session_buddy.server.api.intake import NewInvocation, decode_batch
from session_buddy.server.api.taking import decoded
from tests.docs.pages import text_of

DOCUMENT = api_reference.description()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def test_the_reference_of_the_api_is_up_to_date() -> None:
    assert text_of(api_reference.PAGE) == api_reference.api_page(), "python -m tools.api_reference"


def references(part: Any) -> Iterator[str]:
    for found in re.findall(r'"\$ref": "([^"]+)"', json.dumps(part)):
        yield str(found)


def test_every_reference_leads_to_a_type_and_every_type_is_used() -> None:
    found = {reference.removeprefix("#/components/schemas/") for reference in references(DOCUMENT)}
    assert found == SCHEMAS.keys()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_says_what_it_answers_good_and_bad(operation: dict[str, Any]) -> None:
    assert operation["summary"] and operation["description"] and operation["operationId"]
    responses = operation["responses"]
    assert {"200", "201", "204"} & responses.keys()
    if operation["operationId"] not in ("healthz", "readyz"):
        assert {"401", "403", "422", "500", "503"} <= responses.keys()
        assert "Retry-After" in responses["503"]["headers"]
    for status, response in responses.items():
        assert response["description"]
        if status not in ("204", "304"):
            (content,) = response["content"].values()
            assert content["schema"]["$ref"]
            if int(status) >= 400 and operation["operationId"] != "readyz":
                assert content["schema"]["$ref"].endswith("/Problem")
    for parameter in operation.get("parameters", ()):
        assert parameter["description"], parameter["name"]


def test_examples_of_experiments_are_taken() -> None:
    kinds = (Conclusion, ExperimentChanges, NewExperiment, NewOutcome, SearchInTrial, Users, WorkInTrial)
    taken = {f"#/components/schemas/{kind.__name__}": kind for kind in kinds}
    found = set()
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            if "experiments" in operation["tags"] and "requestBody" in operation:
                (content,) = operation["requestBody"]["content"].values()
                kind = taken[next(references(content["schema"]))]
                for example in content["examples"].values():
                    assert decoded(msgspec.json.encode(example["value"]), kind)
                found.add(kind)
    assert found == set(kinds)


def test_no_name_of_a_type_has_its_module_before_it() -> None:
    assert not [name for name in SCHEMAS if "." in name]
    assert not re.findall(r":\w+:`", json.dumps(DOCUMENT))


def test_examples_of_what_to_send_are_taken() -> None:
    content = DOCUMENT["paths"]["/api/v1/invocations"]["post"]["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        assert decode_batch(msgspec.json.encode(example["value"]), most_events=10)


def test_the_example_of_the_page_is_taken() -> None:
    (body,) = re.findall(r"-d '(\{.*?\})'", text_of(api_reference.PAGE), re.DOTALL)
    (found,) = decode_batch(body.encode(), most_events=1)
    assert found.invoked_at == "2026-01-31T09:30:00.000Z"


def test_fields_are_explained_where_their_source_explains_them() -> None:
    properties = SCHEMAS["NewInvocation"]["properties"]
    assert list(properties) == list(
        msgspec.structs.fields(NewInvocation)[place].name for place in range(len(properties))
    )
    assert properties["error_type"]["description"].startswith("Only where the outcome is `failed`")
    assert properties["workflow_step_id"]["description"] == "The user prompt that this invocation serves."
    assert not [name for name, schema in SCHEMAS.items() if "``" in json.dumps(schema)]
