"""The API against its own description: whatever is asked, the answer is one that the description names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import ignored_auth, unsupported_method

from agent.model.entities import ENTITIES
from tests.integration.api_answers import excused
from tests.integration.served_relay import Address, served_relay

FEW = settings(
    max_examples=4,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with served_relay(tmp_path_factory.mktemp("relay")) as served:
        yield served


def operations_of(relay: Address) -> list[schemathesis.schemas.APIOperation]:
    document = relay.description
    schema = schemathesis.openapi.from_dict(document)
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.timeout(400)
def test_every_answer_is_as_described(relay: Address) -> None:
    """Statuses, media types, headers and bodies, for requests that fit the description and for some that do not."""
    headers = {"Authorization": f"Bearer {relay.token}"}
    # They replay each request without a token or with other verbs: test_relay_openapi_links does so, and test_api by hand.
    left_out = [ignored_auth, unsupported_method]
    for operation in operations_of(relay):
        for mode in GenerationMode:

            @FEW
            @given(case=operation.as_strategy(generation_mode=mode))
            def holds(case: schemathesis.Case) -> None:
                if (case.query or {}).get("wait"):
                    case.query["wait"] = 0
                answer = case.call(base_url=relay.url, headers=headers)
                try:
                    case.validate_response(answer, excluded_checks=left_out)
                except FailureGroup as group:
                    if not excused(group, case, answer):
                        raise

            holds()


def test_every_operation_is_described_with_its_errors(relay: Address) -> None:
    document = relay.description

    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) >= 26 + 7 * len(ENTITIES)
    for operation in operations:
        assert operation["summary"]
        assert operation["security"]
        assert {"401", "403", "404", "422", "503"} <= operation["responses"].keys()


def test_every_operation_has_examples_that_fit(relay: Address) -> None:
    """Of each body that is sent and of each answer that is one JSON document."""
    import jsonschema

    document = relay.description
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = [one for status, one in operation["responses"].items() if status != "304"]
            for part in (*answers, operation.get("requestBody", {})):
                for kind, media in part.get("content", {}).items():
                    if not kind.endswith(("/json", "+json")):
                        continue
                    examples = [media["example"]] if "example" in media else media.get("examples", [])
                    assert examples, (method, path, kind)
                    validator = jsonschema.Draft202012Validator(
                        {**media["schema"], "components": document["components"]}
                    )
                    for example in examples:
                        validator.validate(example)


def test_every_route_has_the_form_that_all_share(relay: Address) -> None:
    document = relay.description
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            told = {(one["in"], one["name"].lower()) for one in operation.get("parameters", ())}
            done = next(one for status, one in operation["responses"].items() if status.startswith("2"))
            assert {"Groundwire-API-Version", "RateLimit", "RateLimit-Policy"} <= done["headers"].keys(), path
            assert "429" in operation["responses"], path
            if method != "get":
                assert ("header", "idempotency-key") in told, (method, path)
            elif "application/json" in done.get("content", {}):
                assert ("header", "if-none-match") in told, path
                assert "304" in operation["responses"], path
                schema = document["components"]["schemas"].get(
                    done["content"]["application/json"]["schema"].get("$ref", "").rpartition("/")[2], {}
                )
                if "items" in schema.get("properties", {}) and "nextCursor" in schema["properties"]:
                    assert {("query", "cursor"), ("query", "limit")} <= told, path


def test_every_command_is_described_as_one(relay: Address) -> None:
    document = relay.description
    reference = {"$ref": "#/components/schemas/CommandOut"}

    commands = [
        operation
        for path in document["paths"].values()
        for operation in path.values()
        if operation["responses"].get("202", {}).get("content", {}).get("application/json", {}).get("schema")
        == reference
    ]

    assert len(commands) >= 14 + 5 * len(ENTITIES)
    for operation in commands:
        headers = {one["name"].lower() for one in operation["parameters"] if one["in"] == "header"}
        assert {"idempotency-key", "prefer"} <= headers
        for status in ("200", "202"):
            answer = operation["responses"][status]
            assert answer["content"]["application/json"]["schema"] == reference
            assert "Location" in answer["headers"]
    assert document["components"]["schemas"]["CommandOut"]["examples"]


def test_the_example_of_a_command_fits_its_schema(relay: Address) -> None:
    import jsonschema

    document = relay.description
    schemas = document["components"]["schemas"]
    for name in ("CommandOut", "SyncIn", "DiscoverIn", "StatusIn", "RequeueIn", "RevertIn", "OperationOut"):
        validator = jsonschema.Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        )
        for example in schemas[name]["examples"]:
            validator.validate(example)
    body = document["paths"]["/api/v1/connections/{connection}/purchase-orders"]["post"]["requestBody"]
    content = body["content"]["application/json"]
    jsonschema.Draft202012Validator(
        {"$ref": "#/components/schemas/PurchaseOrderRecord", "components": document["components"]}
    ).validate(content["example"])


def test_documents_fit_the_schema_of_their_entity(relay: Address) -> None:
    import jsonschema

    document = relay.description
    validator = jsonschema.Draft202012Validator(
        {"$ref": "#/components/schemas/PurchaseOrderList", "components": document["components"]}
    )
    for include in ("", "raw"):
        answer = httpx.get(
            f"{relay.url}/api/v1/purchase-orders",
            params={"deleted": "include", "include": include},
            headers={"Authorization": f"Bearer {relay.token}"},
            trust_env=False,
        )

        assert len(answer.json()["items"]) == 4
        validator.validate(answer.json())


def test_every_link_leads_to_an_operation_with_what_its_answer_has(relay: Address) -> None:
    """G229."""
    document = relay.description
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }
    found = 0
    for source in operations.values():
        for answer in source["responses"].values():
            for link in answer.get("links", {}).values():
                target = operations[link["operationId"]]
                known = {f"{one['in']}.{one['name']}": one for one in target["parameters"]}
                assert link["parameters"].keys() <= known.keys(), link
                needed = {name for name in known if name.startswith("path.")}
                assert needed <= link["parameters"].keys(), link
                schema = answer["content"]["application/json"]["schema"]
                for expression in link["parameters"].values():
                    place, _, pointer = expression.partition("#/")
                    assert place == "$response.body" or expression == f"$request.path.{expression[14:]}"
                    if pointer:
                        assert _has(schema, pointer.split("/"), document), (source["operationId"], expression)
                found += 1
    assert found > 300


def _has(schema: dict[str, Any], steps: list[str], document: dict[str, Any]) -> bool:
    """Whether a pointer finds something in what fits the schema; into what an agent tells nobody can look."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if not steps:
        return True
    if "anyOf" in schema:
        return any(_has(one, steps, document) for one in schema["anyOf"])
    if steps[0] == "0":
        return _has(schema["items"], steps[1:], document)
    if schema.get("additionalProperties") is True:
        return True
    return steps[0] in schema.get("properties", {}) and _has(
        schema["properties"][steps[0]], steps[1:], document
    )


def test_every_list_leads_to_its_next_page_and_every_command_to_its_outcome(relay: Address) -> None:
    """G229."""
    for path in relay.description["paths"].values():
        for operation in path.values():
            for answer in (one for status, one in operation["responses"].items() if status.startswith("2")):
                schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
                links = answer.get("links", {})
                if any(one["name"] == "cursor" for one in operation.get("parameters", ())) and schema:
                    assert links["next_page"]["operationId"] == operation["operationId"]
                if schema.get("$ref", "").endswith("/CommandOut") and "202" in operation["responses"]:
                    assert {"get_command", "cancel_command"} - {operation["operationId"]} <= links.keys()
