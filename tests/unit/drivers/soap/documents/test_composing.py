"""An entity that a record has once: changed as what it is, or made."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from drivers.contract import BadConfiguration, OperationKind, StreamSpec
from drivers.recipes.scope import Misfit
from drivers.soap.documents.composing import Composing, changed
from drivers.soap.documents.recipe_reader import read_writes
from drivers.soap.documents.shape import Document, shape_of
from drivers.soap.wsdl import read_definitions
from tests.ax import site
from tests.ax.contract import files

ADDRESS = "http://ax/x.svc"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PARTY = {"one": True, "type": "AxdEntity_DirParty_DirOrganization", "values": {"Name": "name"}}


def stream(**party: Any) -> StreamSpec:
    read = {"port": "VendorPort", "service": "VendorService", "key": ["AccountNum"]}
    return StreamSpec("v", "vendor", read, write={"update": {"lines": {"DirParty": PARTY | party}}})


def document() -> Document:
    documents = {
        f"{ADDRESS}?{name}": text.encode() for name, text in files((site.PARTY_VENDORS,), ADDRESS).items()
    }
    found = read_definitions(documents, f"{ADDRESS}?wsdl", where="", interface="VendorService")
    return shape_of(stream(), found).document


DOCUMENT = document()


def updated(*kinds: str, **record: Any) -> dict[str, Any]:
    """The update of a vendor that was read with parties of these kinds."""
    entity = etree.Element(DOCUMENT.entity.tag)
    (tag,) = (each.tag for each in DOCUMENT.below(DOCUMENT.type).values())
    for number, kind in enumerate(kinds):
        party = etree.SubElement(entity, tag, {f"{{{XSI}}}type": kind})
        etree.SubElement(party, tag.replace("DirParty", "RecId")).text = str(number)
    writes = read_writes(stream(), DOCUMENT)
    scope = Composing(
        writes=writes,
        recipe=writes.recipes[OperationKind.UPDATE],
        record={"key": "V", **record},
        idempotency_key="k",
        key={"AccountNum": "V"},
    )
    return changed(scope, entity)


def test_what_is_there_keeps_the_type_that_it_was_read_as() -> None:
    (party,) = updated("p:AxdEntity_DirParty_DirPerson", name="N")["DirParty"]

    assert party == {
        "@class": "entity",
        "@action": "update",
        "@xsi:type": "AxdEntity_DirParty_DirPerson",
        "RecId": "0",
        "Name": "N",
    }


def test_what_is_not_there_is_made_of_the_type_that_is_named() -> None:
    (party,) = updated(name="N")["DirParty"]

    assert (party["@action"], party["@xsi:type"]) == ("create", "AxdEntity_DirParty_DirOrganization")


def test_what_is_not_named_is_left_alone() -> None:
    assert "DirParty" not in updated("AxdEntity_DirParty_DirPerson")


def test_which_of_several_is_meant_is_not_guessed() -> None:
    with pytest.raises(Misfit, match="several"):
        updated("A", "B", name="N")


def test_one_is_not_matched_and_not_repeated() -> None:
    with pytest.raises(BadConfiguration, match="one takes no for_each, match or delete"):
        read_writes(stream(match={"Name": "name"}), DOCUMENT)
