"""The fake SAP itself, against captured field lists and an independent client, not only against the driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
import zeep
from zeep.exceptions import Fault

from tests.canaries import canary
from tests.sap.dictionary import load
from tests.sap.modules import MODULES
from tests.sap.soap import SoapServer
from tests.sap.system import Profile, System

# Fields that the fake has beside the captured lists, and tables of which no list was captured.
NOT_CAPTURED = {"CDHDR", "DD01L", "EQUI", "EQKT", "ZLONG"}


@pytest.fixture
def server() -> Iterator[SoapServer]:
    system = System(Profile(readers=("RFC_READ_TABLE", "/BODS/RFC_READ_TABLE2")))
    system.put("LFA1", LIFNR="0000000100", NAME1="O'Hara | Söhne", LAND1="IE")
    server = SoapServer(system)
    yield server
    server.close()
    system.close()


def client(server: SoapServer, function: str) -> Any:
    session = requests.Session()
    session.auth = ("RFCUSER", canary())
    found = zeep.Client(
        f"{server.url}/sap/bc/soap/wsdl?services={function}", transport=zeep.Transport(session=session)
    )
    return getattr(found.service, function.replace("/", "_-"))


def test_the_names_of_tables_and_columns_are_saps_own(shared_dir: Path) -> None:
    captured = shared_dir / "erp" / "sap" / "tables"
    checked = 0
    for definition in load().values():
        if not definition.is_table or definition.name in NOT_CAPTURED:
            continue
        path = captured / "ecc" / f"{definition.name.lower()}.yaml"
        names = {field["name"].upper() for field in yaml.safe_load(path.read_text())["fields"]}
        assert set(definition.names) <= names, definition.name
        checked += 1
    assert checked >= 15


def test_the_parameters_and_fields_of_bapis_are_saps_own(shared_dir: Path) -> None:
    folder = shared_dir / "erp" / "sap" / "bapi"
    functions: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for path in folder.glob("*/parameters.yaml"):
        functions |= yaml.load(path.read_text(), yaml.CSafeLoader)
    for path in folder.glob("*/fields.yaml"):
        for name, members in yaml.load(path.read_text(), yaml.CSafeLoader).items():
            fields.setdefault(name, {}).update(members)
    for module in MODULES.values():
        captured = functions.get(module.name)
        if captured is None:
            continue
        for parameter in module.parameters:
            assert captured[parameter.name]["PARAMCLASS"] == parameter.kind, (module.name, parameter.name)
            if not parameter.elementary:
                assert captured[parameter.name]["TABNAME"] == parameter.type
    for definition in load().values():
        if definition.is_table or definition.name not in fields or len(fields[definition.name]) < 5:
            continue
        for column in definition.columns:
            found = fields[definition.name][column.name]["format"]
            assert (found["DATATYPE"], int(found["LENG"])) == (column.type, column.length), (
                definition.name,
                column.name,
            )


def test_an_independent_client_reads_a_table(server: SoapServer) -> None:
    for function, parameters in (
        ("RFC_READ_TABLE", {"DATA": {"item": []}}),
        ("/BODS/RFC_READ_TABLE2", {"TBLOUT128": {"item": []}}),
    ):
        reply = client(server, function)(
            QUERY_TABLE="LFA1",
            OPTIONS={"item": [{"TEXT": "LIFNR = '0000000100'"}]},
            FIELDS={"item": [{"FIELDNAME": "NAME1"}]},
            **parameters,
        )
        (table,) = parameters
        assert reply[table]["item"][0]["WA"].strip() == "O'Hara | Söhne"


def test_a_table_that_the_call_does_not_name_does_not_come_back(server: SoapServer) -> None:
    reply = client(server, "RFC_READ_TABLE")(QUERY_TABLE="LFA1", FIELDS={"item": [{"FIELDNAME": "NAME1"}]})

    assert reply["DATA"] is None


def test_an_exception_is_a_fault_with_its_name(server: SoapServer) -> None:
    with pytest.raises(Fault) as raised:
        client(server, "RFC_READ_TABLE")(QUERY_TABLE="ZNONE", DATA={"item": []})

    assert raised.value.message == "TABLE_NOT_AVAILABLE"


def test_two_posts_are_two_sessions_so_a_commit_in_the_second_keeps_nothing(server: SoapServer) -> None:
    created = client(server, "BAPI_PO_CREATE1")(
        POHEADER={"COMP_CODE": "1000", "VENDOR": "0000000100", "PURCH_ORG": "1000"},
        POHEADERX={"COMP_CODE": "X", "VENDOR": "X", "PURCH_ORG": "X"},
        POITEM={"item": [{"PO_ITEM": "00010", "QUANTITY": "1"}]},
        POITEMX={"item": [{"PO_ITEM": "00010", "QUANTITY": "X"}]},
        RETURN={"item": []},
    )
    client(server, "BAPI_TRANSACTION_COMMIT")(WAIT="X")

    assert created["EXPPURCHASEORDER"]
    assert not server.system.rows("EKKO")


@pytest.mark.parametrize(
    ("spoil", "page"),
    [
        (lambda node: setattr(node, "active", False), "ICF-NF-http"),
        (lambda node: setattr(node, "forbidden", True), ""),
    ],
)
def test_an_inactive_service_answers_as_the_icm_does(server: SoapServer, spoil: Any, page: str) -> None:
    spoil(server.node)

    answer = requests.post(
        f"{server.url}/sap/bc/soap/rfc", data=b"<x/>", auth=("RFCUSER", canary()), timeout=5
    )

    assert answer.status_code == 403
    assert page in answer.text
