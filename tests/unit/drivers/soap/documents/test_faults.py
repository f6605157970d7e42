"""AIF's refusals, told apart by what to do about them."""

from __future__ import annotations

import pytest
from lxml import etree

from drivers.contract import BadConfiguration, DriverError, NotPermitted, SourceBusy
from drivers.soap.documents.faults import AifRefusal, translated
from drivers.soap.faults import fault_of

FAULT = (
    '<s:Fault xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><faultcode>s:Client</faultcode>'
    "<faultstring>Request Failed. See the Exception Log for details.</faultstring><detail>"
    '<AifFault xmlns="http://schemas.microsoft.com/dynamics/2008/01/documents/Fault"><FaultMessageListArray>'
    "<FaultMessageList><FaultMessageArray><FaultMessage><Code>{code}</Code><Message>{text}</Message></FaultMessage>"
    "</FaultMessageArray><Field>{field}</Field></FaultMessageList></FaultMessageListArray></AifFault></detail></s:Fault>"
)
BARE = (
    '<s:Fault xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><faultcode>s:{code}</faultcode>'
    "<faultstring>{text}</faultstring></s:Fault>"
)


def told(text: str, *, changes: bool = False, code: str = "", field: str = "") -> DriverError | AifRefusal:
    element = etree.fromstring(FAULT.format(text=text, code=code, field=field))
    return translated(fault_of(element, 500), "create", "streams.x", ("hunter2",), changes=changes)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Company xyz does not exist.", "options.company"),
        ("The company 'xyz' is not valid.", "options.company"),
        ("User is not authorized to access company ceu", "options.company"),
        ("The partition other does not exist.", "options.partition"),
        ("Invalid partition key.", "options.partition")
    ],
)  # fmt: skip
def test_a_wrong_company_or_partition_is_told_by_its_option(text: str, place: str) -> None:
    found = told(text)

    assert isinstance(found, BadConfiguration)
    assert found.where == place


@pytest.mark.parametrize(
    "text",
    [
        "User GW is not authorized to perform this operation.",
        "Access denied: VendVendTableService.read",
        "You do not have sufficient permissions to read the table.",
    ],
)
def test_a_missing_right_is_told(text: str) -> None:
    assert isinstance(told(text), NotPermitted)


@pytest.mark.parametrize(
    "text",
    [
        "The value 'X' in field 'Intercompany vendor company' is not found in the related table.",
        "Field 'Company name' must be filled in.",
        "The combination of company accounts is not balanced.",
    ],
)
def test_a_business_rule_that_speaks_of_companies_stays_a_refusal(text: str) -> None:
    found = told(text, code="X", field="F", changes=True)

    assert isinstance(found, AifRefusal)
    assert (found.messages[0].text, found.messages[0].code, found.messages[0].field) == (text, "X", "F")


def test_a_lock_is_tried_again_when_reading_and_a_refusal_when_writing() -> None:
    text = (
        "Cannot select a record in PurchTable. Deadlock, where one or more users have simultaneously locked."
    )

    reading, writing = told(text), told(text, changes=True)

    assert isinstance(reading, SourceBusy)
    assert isinstance(writing, AifRefusal)
    assert writing.messages[0].code == "busy"


def test_a_changed_record_has_one_code_whatever_words_ax_has_for_it() -> None:
    for text in (
        "The document hash does not match.",
        "The RecVersion differs.",
        "The record was modified by another user.",
    ):
        found = told(text, changes=True)
        assert isinstance(found, AifRefusal)
        assert found.messages[0].code == "changed_meanwhile"


def test_a_message_that_was_seen_before_is_known_as_one() -> None:
    found = told("Duplicate message. Message has already been processed.", changes=True)

    assert isinstance(found, AifRefusal)
    assert found.duplicate


def test_a_fault_without_a_word_of_ax_says_how_to_be_told_more() -> None:
    found = told("Request Failed. See the Exception Log for details.")

    assert isinstance(found, AifRefusal)
    assert "Include exceptions in fault" in found.as_error("streams.x").hint


def test_a_fault_of_the_service_host_leaves_open_what_became_of_a_write() -> None:
    element = etree.fromstring(
        BARE.format(code="InternalServiceFault", text="The server was unable to process the request.")
    )

    assert isinstance(translated(fault_of(element, 500), "create", "w", (), changes=True), SourceBusy)


def test_an_operation_that_the_port_does_not_take_is_named() -> None:
    element = etree.fromstring(BARE.format(code="ActionNotSupported", text="ContractFilter mismatch"))

    found = translated(fault_of(element, 500), "delete", "w", (), changes=True)

    assert isinstance(found, BadConfiguration)
    assert "delete" in found.message


def test_no_secret_is_repeated() -> None:
    found = told("Logon GW/hunter2 is odd.", changes=True)

    assert isinstance(found, AifRefusal)
    assert "hunter2" not in found.text
