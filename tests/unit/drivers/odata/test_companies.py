"""Which company a connection means, told by what the service lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drivers.contract import BadConfiguration, SourceChanged
from drivers.odata.companies import company_key, company_path, link_of
from drivers.odata.edm import EntitySet, Kind, Model, Property, StructuredType
from drivers.odata.options import CompaniesTable

ID = Property("id", "Edm.Guid", Kind.GUID)
NAME = Property("Name", "Edm.String", Kind.TEXT)
BY_ID = CompaniesTable(entity_set="companies", by=("name", "displayName"))
BY_NAME = CompaniesTable(entity_set="Company", by=("Name",))
FIRST, SECOND = "5d115c9c-44e3-ea11-bb43-000d3a2feca1", "6d115c9c-44e3-ea11-bb43-000d3a2feca1"


def listed(*records: dict[str, Any]) -> bytes:
    return json.dumps({"value": records}).encode()


TWO = listed(
    {"id": FIRST, "name": "CRONUS", "displayName": "CRONUS Ltd."},
    {"id": SECOND, "name": "Cronus", "displayName": "Test"},
)


@pytest.mark.parametrize("company", ["Test", "test", SECOND, SECOND.upper(), "Cronus"])
def test_a_company_is_named_by_its_key_or_by_what_people_call_it(company):
    assert company_path([TWO], company, BY_ID, ID) == f"companies({SECOND})/"


def test_a_name_stands_in_the_path_as_odata_writes_it():
    body = listed({"Name": "O'Brien & Söhne / Nord"})

    assert company_path([body], "O'Brien & Söhne / Nord", BY_NAME, NAME) == (
        "Company('O''Brien%20%26%20S%C3%B6hne%20%2F%20Nord')/".replace("'", "%27")
    )


@pytest.mark.parametrize(("company", "said"), [("", "no company is named"), ("Nord", "no company 'Nord'")])
def test_a_company_that_is_none_is_refused_with_those_that_there_are(company, said):
    with pytest.raises(BadConfiguration, match=said) as caught:
        company_path([TWO], company, BY_ID, ID)

    assert (caught.value.where, "'CRONUS', 'Cronus'" in caught.value.hint) == ("options.company", True)


def test_a_name_of_two_companies_is_not_guessed_at():
    with pytest.raises(BadConfiguration, match="more than one"):
        company_path([TWO], "CRONUS".lower(), BY_ID, ID)


def test_a_list_in_several_answers_is_one_list():
    one, other = listed({"id": FIRST, "name": "A"}), listed({"id": SECOND, "name": "B"})

    assert company_path([one, other], "B", BY_ID, ID) == f"companies({SECOND})/"
    assert (link_of(one), link_of(b'{"@odata.nextLink": "next"}'), link_of(b"[" * 9_000)) == (
        None, "next", None,
    )  # fmt: skip


@pytest.mark.parametrize("id_", [None, "no id", {}])
def test_a_company_whose_key_can_be_none_is_not_asked_for(id_):
    with pytest.raises(SourceChanged):
        company_path([listed({"id": id_, "name": "CRONUS"})], "CRONUS", BY_ID, ID)


def test_a_user_who_sees_no_company_is_told_so():
    with pytest.raises(BadConfiguration) as caught:
        company_path([listed()], "CRONUS", BY_ID, ID)

    assert "sees no company" in caught.value.hint


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": {}}'])
def test_what_is_no_list_of_companies_is_an_error_and_no_company(body):
    with pytest.raises(SourceChanged):
        company_path([body], "CRONUS", BY_ID, ID)


def test_metadata_without_the_companies_is_refused_before_anything_is_asked():
    type_ = StructuredType("M.company", ("id",), {"id": ID})
    model = Model(4, {type_.name: type_}, {"companies": EntitySet("companies", type_.name)}, {})

    with pytest.raises(SourceChanged, match="'Company'"):
        company_key(model, BY_NAME, "here")
    with pytest.raises(SourceChanged, match="name, displayName"):
        company_key(model, BY_ID, "here")
