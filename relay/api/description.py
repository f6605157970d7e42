"""The API's description for tools: what the routes say, and the form that all of them share."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from agent.model.entities import ENTITIES
from relay.api import problems, sparse
from relay.api.command_schemas import COMMAND_EXAMPLE
from relay.api.examples import example_of
from relay.api.links import link
from relay.api.records import component_schemas, schema_name
from relay.api.repeats import HEADER, MAX_KEY_LENGTH, WRITES
from relay.api.shell import API_VERSION
from relay.api.writes import record_schema

Described = dict[str, Any]
_JSON: Final = "application/json"
_PROBLEM: Final = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
WORDS: Final = """
Reads what the agents sent, and asks them to do something: sync, write, change a mapping. Every request carries a
tenant's token (`Authorization: Bearer gwt_...`) and sees that tenant alone. Errors are problem documents (RFC 9457).
Every answer names the version of the API in `Groundwire-API-Version`.

Whatever an agent is asked is a command: it answers 202 with the command, whose outcome stands at its `Location`.

Every answer that is one JSON document has an `ETag`: sent back in `If-None-Match` it is answered with 304 while nothing
has changed. `fields` chooses members. Every write takes an `Idempotency-Key`. A token may make a number of requests,
which `RateLimit-Policy` and `RateLimit` tell.

The `links` of an answer say what can be done with what it names: a list leads to its items and to its next page, what
was made to its reading, changing and deleting, a command to its outcome.

Amounts and quantities are exact decimals in strings. Times are RFC 3339 in UTC. Absent values are null.
"""
_COMMON: Final = {
    400: "The request cannot be read.",
    401: "No token, or not a valid one.",
    403: "The token was made without the scope that this needs.",
    404: "There is no such thing, or it is not this tenant's.",
    409: "The request contradicts an earlier one.",
    413: "The body is too large.",
    422: "The request is not valid.",
    429: "Too many requests, or too much of something that a tenant has a bounded number of.",
    503: "The relay cannot answer now.",
}
COMMON: Final[dict[int | str, Described]] = {
    status: {
        "model": problems.ProblemDocument,
        "description": words,
        "content": {problems.MEDIA_TYPE: _PROBLEM},
    }
    for status, words in _COMMON.items()
}
_TEXT: Final = {"schema": {"type": "string"}}
_EVERYWHERE: Final = {
    "Groundwire-API-Version": {"schema": {"type": "string", "const": API_VERSION}},
    "RateLimit-Policy": {
        **_TEXT,
        "description": "How many requests a token may make at once, and in how many seconds it may make them again.",
        "example": '"token";q=2000;w=10',
    },
    "RateLimit": {
        **_TEXT,
        "description": "How many are left now, and in how many seconds all of them are there again.",
        "example": '"token";r=1999;t=1',
    },
}
_ETAG: Final = {
    "ETag": {**_TEXT, "description": "Changes when the answer does.", "example": '"5d41402abc4b2a76"'}
}
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The `ETag` of an earlier answer: 304 without a body while it is the same.",
}
_FIELDS: Final = {
    "name": sparse.PARAMETER,
    "in": "query",
    "required": False,
    "description": "Members that are wanted, with a comma between them; all others are left out, also those that are "
    "required otherwise. In a list it is about the items.",
}
_KEY: Final = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    "description": "Makes the request safe to repeat for 24 hours: the same key with the same request has the same "
    "answer, and is not done twice.",
}


def describe(app: FastAPI) -> Described:
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = schema["components"]["schemas"]
    records = {f"{schema_name(entity)}Record": record_schema(entity) for entity in ENTITIES.values()}
    components |= component_schemas() | records
    # Here, for the framework drops nulls from the examples of a model.
    components["CommandOut"]["examples"] = [COMMAND_EXAMPLE]
    for name in ("HTTPValidationError", "ValidationError"):
        components.pop(name, None)
    for method, operation in _operations(schema):
        _only_problems(operation)
        _share(operation)
        if method == "get":
            _read(operation, components)
        elif method.upper() in WRITES:
            _written(operation)
        for media in _json_media(operation):
            if "example" not in media and "examples" not in media:
                media["example"] = deepcopy(example_of(media["schema"], components))
    link(operation for _, operation in _operations(schema))
    return schema


def _operations(schema: Described) -> Iterator[tuple[str, Described]]:
    for path in schema["paths"].values():
        yield from path.items()


def _json_media(operation: Described) -> Iterator[Described]:
    bodies = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    for body in (*bodies, operation.get("requestBody", {})):
        if _JSON in body.get("content", {}):
            yield body["content"][_JSON]


def _only_problems(operation: Described) -> None:
    """Errors are problem documents and nothing else, whatever the framework would add."""
    for status, answer in operation["responses"].items():
        if not status.startswith("2"):
            answer["content"] = {
                problems.MEDIA_TYPE: {**_PROBLEM, "example": _problem_example(int(status), answer)}
            }


def _problem_example(status: int, answer: Described) -> Described:
    detail = answer.get("description", "")
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


def _share(operation: Described) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "cursor":
            parameter["schema"]["format"] = "cursor"  # no other text than one that came is any good
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            answer["headers"] = answer.get("headers", {}) | _EVERYWHERE
    too_many = operation["responses"].get("429")
    if too_many is not None:
        too_many["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "In seconds."}}
    if "x-deprecation" in operation:
        operation["deprecated"] = True


def _read(operation: Described, components: Described) -> None:
    """One JSON document has a tag, and members to choose from."""
    answer = operation["responses"].get("200", {})
    if _JSON not in answer.get("content", {}):
        return
    answer["headers"] |= _ETAG
    operation["responses"]["304"] = {"description": "As it was.", "headers": {**_EVERYWHERE, **_ETAG}}
    operation.setdefault("parameters", []).append(dict(_IF_NONE_MATCH))
    members = _members(answer["content"][_JSON]["schema"], components)
    if members:
        operation["parameters"].append({**_FIELDS, "schema": _some_of(members)})


def _members(schema: Described, components: Described) -> list[str]:
    """Those that `sparse.members_of` knows of it."""
    if "$ref" not in schema:
        return []
    found = components[schema["$ref"].rpartition("/")[2]]
    items = found.get("properties", {}).get("items", {}).get("items", {})
    if "$ref" in items:
        found = components[items["$ref"].rpartition("/")[2]]
    return [] if found.get("additionalProperties") is True else sorted(found["properties"])


def _some_of(names: list[str]) -> Described:
    """A text of some of these, with commas between them."""
    one = f"({'|'.join(names)})"
    return {"type": "string", "pattern": f"^({one}(,{one})*)?$", "maxLength": sparse.MAX_LENGTH}


def _written(operation: Described) -> None:
    parameters = operation.setdefault("parameters", [])
    if not any(one["in"] == "header" and one["name"].lower() == HEADER.lower() for one in parameters):
        parameters.append(dict(_KEY))
