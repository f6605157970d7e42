from __future__ import annotations

import json

import pytest

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    Message,
    NotPermitted,
    SourceBusy,
    SourceChanged,
)
from drivers.http.messages import Answer
from drivers.odata.errors import messages_of, refusal
from drivers.odata.options import is_closed, parse_connection, parse_stream
from drivers.odata.requests import followed

ROOT = "https://erp.example/sap/opu/odata/sap/API_X"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/sap/opu/odata/sap/API_X/Orders",
        "http://erp.example/sap/opu/odata/sap/API_X/Orders",
        "https://erp.example:8443/sap/opu/odata/sap/API_X/Orders",
        "//evil.example/Orders",
        "https://erp.example@evil.example/sap/opu/odata/sap/API_X",
        "/sap/opu/odata/sap/API_OTHER/Orders",
        "/sap/opu/odata/sap/API_XY/Orders",
        "../API_OTHER/Orders",
        "Orders/%2e%2e/%2e%2e/API_OTHER",
        "Orders/%252e%252e/x",
        "Orders\\..\\..\\x",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "Orders?x=\r\nX-Evil: 1",
        "http://[",
        "https://ann:secret@erp.example/sap/opu/odata/sap/API_X/Orders",
    ],
)
def test_a_link_out_of_the_service_is_not_followed(link: str) -> None:
    with pytest.raises(SourceChanged, match="out of the service"):
        followed(link, ROOT, {}, where="here")


def test_a_link_below_the_root_is_followed_with_the_connections_parameters() -> None:
    client = {"sap-client": "100"}

    assert (
        followed("Orders?$skiptoken=5", ROOT, client, where="")
        == f"{ROOT}/Orders?$skiptoken=5&sap-client=100"
    )
    assert (
        followed(f"{ROOT}/Orders?sap-client=200", ROOT, client, where="") == f"{ROOT}/Orders?sap-client=200"
    )
    assert followed("https://ERP.example:443/sap/opu/odata/sap/API_X/Orders", ROOT, {}, where="") == (
        f"{ROOT}/Orders"
    )
    assert followed("Orders?$filter=A+eq 1", ROOT, {}, where="") == f"{ROOT}/Orders?$filter=A%20eq%201"


V2_ERROR = {
    "error": {
        "code": "/IWBEP/CX_MGW_BUSI_EXCEPTION",
        "message": {"lang": "en", "value": "An exception was raised"},
        "innererror": {
            "errordetails": [
                {"code": "06/012", "message": "Enter vendor", "propertyref": "Supplier", "severity": "error"},
                {"code": "06/001", "message": "Saved", "severity": "success"},
                {
                    "code": "/IWBEP/CX_MGW_BUSI_EXCEPTION",
                    "message": "An exception was raised",
                    "severity": "error",
                },
            ]
        },
    }
}
V4_ERROR = {
    "error": {
        "code": "ME/083",
        "message": "Enter  Plant\n",
        "target": "Plant",
        "details": [{"code": "ME/062", "message": "Account 7 is wrong", "target": "/to_Item(1)/Account"}],
    }
}


def test_the_systems_own_words_codes_and_fields_are_kept() -> None:
    assert messages_of(Answer(400, {}, json.dumps(V2_ERROR).encode())) == (
        Message("Enter vendor", "06/012", "Supplier"),
    )
    assert messages_of(Answer(400, {}, json.dumps(V4_ERROR).encode())) == (
        Message("Enter Plant", "ME/083", "Plant"),
        Message("Account 7 is wrong", "ME/062", "to_Item(1)/Account"),
    )
    xml = b'<error xmlns="x"><code>005056/1</code><message xml:lang="en">No service found</message></error>'
    assert messages_of(Answer(403, {}, xml)) == (Message("No service found", "005056/1"),)
    assert (
        messages_of(Answer(401, {}, b"<html><title>Logon Error Message</title>"))[0].text
        == "Logon Error Message"
    )
    assert messages_of(Answer(500, {}, b"[" * 5_000)) == ()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, CredentialsRefused), (403, NotPermitted), (404, SourceChanged), (400, SourceChanged), (405, BadConfiguration), (500, SourceBusy), (502, SourceBusy)],
)  # fmt: skip
def test_a_status_says_what_to_do(status: int, kind: type[Exception]) -> None:
    error = refusal(Answer(status, {}, b""), where="here")
    assert type(error) is kind
    assert error.hint


def test_a_secret_in_the_systems_words_is_masked() -> None:
    body = json.dumps({"error": {"code": "1", "message": "user x with hunter2 failed"}}).encode()
    assert "hunter2" not in refusal(Answer(400, {}, body), where="", hidden=["hunter2"]).message


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "entity_set"),
        ({"entity_set": "A b"}, "entity_set"),
        ({"entity_set": "A", "entty": "B"}, "entty"),
        ({"entity_set": "A", "filter": "a eq 1) or (b eq 2"}, "filter"),
        ({"entity_set": "A", "filter": "a eq 'x"}, "filter"),
        ({"entity_set": "A", "time_zone": "Mars/Base"}, "time_zone"),
        ({"entity_set": "A", "replication_step": "1s"}, "replication_step"),
        ({"entity_set": "A", "lines": {"l": {}}}, "lines.l"),
        ({"entity_set": "A", "lines": {"l": {"entity_set": "B"}}}, "lines.l.parent"),
        ({"entity_set": "A", "lines": {"l": {"expand": "x", "filter": "a eq 1"}}}, "lines.l.filter"),
        ({"entity_set": "A", "lines": {"l": {"expand": "x?y"}}}, "lines.l.expand"),
    ],
)
def test_a_wrong_stream_is_refused_with_its_place(options: dict[str, object], place: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse_stream("s", options)
    assert caught.value.where == f"streams.s.read.{place}"
    assert caught.value.hint


@pytest.mark.parametrize("url", ["erp.example", "ftp://erp", "https://", "https://u:p@erp", "https://erp?x=1", "http://[", "https://erp:0x"])  # fmt: skip
def test_a_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse_connection({"url": url})
    assert caught.value.where == "options.url"


@pytest.mark.parametrize("value", ["", "Read\nOnly", "ReadÖnly"])
def test_a_header_that_cannot_be_sent_is_refused(value: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse_connection({"url": "https://erp.example", "read_headers": {"Data-Access-Intent": value}})
    assert caught.value.where == "options.read_headers.Data-Access-Intent"


def test_brackets_and_quotes_of_a_filter_have_to_be_closed() -> None:
    assert is_closed("(a eq 'it''s :) fine') and (b eq 1)")
    assert not is_closed("a eq 1) or (1 eq 1")
    assert not is_closed("a eq 'it's'")
