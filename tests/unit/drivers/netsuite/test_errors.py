"""Refusals in the form of Oracle's documentation ("Error Handling in REST Web Services")."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    NotPermitted,
    SourceBusy,
    SourceChanged,
    Throttled,
)
from drivers.http.messages import Answer
from drivers.netsuite.errors import messages_of, refusal


def answer(status: int, *details: dict[str, Any], **headers: str) -> Answer:
    content = {"type": "https://www.w3.org/", "title": "Bad Request", "status": status}
    body = json.dumps({**content, "o:errorDetails": list(details)} if details else content)
    return Answer(status, headers, body.encode())


def said(text: str, code: str = "", path: str = "") -> dict[str, Any]:
    return {"detail": text, "o:errorCode": code} | ({"o:errorPath": path} if path else {})


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (answer(401, said("Invalid login attempt.", "INVALID_LOGIN")), CredentialsRefused),
        (answer(403, said("No.", "INSUFFICIENT_PERMISSION")), NotPermitted),
        (answer(400, said("No.", "INSUFFICIENT_PERMISSION")), NotPermitted),
        (answer(400, said("The REST Web Services feature is disabled.", "USER_ERROR")), NotPermitted),
        (answer(400, said("You do not have permission to access it.", "USER_ERROR")), NotPermitted),
        (answer(400, said("Record 'x' was not found.", "INVALID_PARAMETER")), SourceChanged),
        (answer(404, said("No such record.", "NONEXISTENT_ID")), SourceChanged),
        (answer(429), SourceBusy),
        (answer(500, said("An unexpected error occurred.", "UNEXPECTED_ERROR")), SourceBusy),
        (answer(502), SourceBusy),
        (answer(405), BadConfiguration),
    ],
)
def test_a_refusal_is_the_error_that_says_what_to_do(found: Answer, kind: type[DriverError]) -> None:
    error = refusal(found, where="here")

    assert type(error) is kind
    assert error.where == "here"
    assert error.hint


@pytest.mark.parametrize(("header", "pause"), [({"retry-after": "7"}, 7), ({}, 30)])
def test_too_many_requests_wait_as_long_as_netsuite_says(header: dict[str, str], pause: float) -> None:
    error = refusal(answer(400, said("Blocked.", "SSS_REQUEST_LIMIT_EXCEEDED"), **header), where="")

    assert isinstance(error, Throttled)
    assert error.retry_after == pause


def test_the_sentences_before_every_message_are_left_out() -> None:
    text = (
        "Invalid search query. Detailed unprocessed description follows. Search error occurred: "
        "Record 'x' was not found."
    )

    assert messages_of(answer(400, said(text, "INVALID_PARAMETER")))[0].text == "Record 'x' was not found."
    assert messages_of(answer(400, said("Error while accessing a resource.")))[0].text


def test_every_message_keeps_its_code_and_place_and_no_secret() -> None:
    found = messages_of(
        answer(400, said("a s3cret b", "INVALID_CONTENT", "item.items[0].item"), said("c")), hidden=["s3cret"]
    )

    assert [(each.text, each.code, each.field) for each in found] == [
        ("a *** b", "INVALID_CONTENT", "item.items[0].item"),
        ("c", "", ""),
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html><title>Login</title></html>", b'{"a":' * 9])
def test_any_body_is_a_refusal(body: bytes) -> None:
    assert isinstance(refusal(Answer(400, {}, body), where=""), SourceChanged)
